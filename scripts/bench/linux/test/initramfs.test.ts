/**
 * What the Linux guest finds in its root, what its binaries need, and the words on its command
 * line.
 */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inOrderOfNeed, parseModuleDependencies, parseNeededLibraries } from '../binary-needs.ts'
import { linuxCommandLine } from '../boot-linux.ts'
import { initramfsEntries, readConfiguration } from '../initramfs.ts'

const file = (path: string, text = path) => ({ path, content: Buffer.from(text) })

const entries = initramfsEntries({
  configuration: readConfiguration(join(import.meta.dirname, '../root')),
  programs: [file('busybox'), file('iperf3')],
  libraries: [file('libc.so.6'), file('ld-linux-x86-64.so.2')],
  modules: [file('failover.ko'), file('virtio_net.ko')],
})
const entry = (path: string) => entries.find((candidate) => candidate.path === path)
const init = entry('init')!.content.toString()

describe('the initramfs', () => {
  it('has an init that the kernel can execute, in a shell that is there', () => {
    expect(entry('init')?.mode).toBe(0o755)
    expect(init.split('\n')[0]).toBe('#!/bin/busybox sh')
    expect(entry('bin/busybox')).toMatchObject({ type: 'file', mode: 0o755 })
  })

  it('has the loader where the psABI says, and libraries where Debian’s loader looks', () => {
    expect(entry('lib64/ld-linux-x86-64.so.2')?.mode).toBe(0o755)
    expect(entry('lib/x86_64-linux-gnu/libc.so.6')).toBeDefined()
    expect(entry('lib/x86_64-linux-gnu/ld-linux-x86-64.so.2')).toBeUndefined()
  })

  it('lists the modules in the order of loading', () => {
    expect(entry('modules/order')?.content.toString()).toBe('failover.ko\nvirtio_net.ko\n')
    expect(entry('modules/failover.ko')).toBeDefined()
  })

  it('names every folder before what lies in it, and no path twice', () => {
    const seen = new Set<string>()
    for (const { path, type } of entries) {
      const parent = path.split('/').slice(0, -1).join('/')
      if (parent !== '') expect(seen, path).toContain(parent)
      expect(seen).not.toContain(path)
      if (type === 'directory') seen.add(path)
    }
    for (const mountPoint of ['dev', 'proc', 'sys']) expect(seen).toContain(mountPoint)
  })

  it('starts the services that are measured, over both families', () => {
    const inetd = entry('etc/inetd.conf')!.content.toString()
    expect(inetd).toMatch(/^echo stream tcp6 nowait root internal$/m)
    expect(inetd).toMatch(/^echo dgram udp6 wait root internal$/m)
    expect(entry('etc/services')?.content.toString()).toContain('echo 7/tcp')
    const nginx = entry('etc/nginx.conf')!.content.toString()
    expect(nginx).toMatch(/listen 80;\s+listen \[::\]:80;/)
    // What is asked for is 64 octets, of Eremite too.
    expect(/return 200 "([^"]*)"/.exec(nginx)?.[1]).toHaveLength(64)
    for (const program of ['inetutils-inetd', 'nginx']) {
      expect(init).toMatch(new RegExp(`^${program} `, 'm'))
    }
    // iperf3 ends now and then on a client that goes away, and has to be there for the next one.
    expect(init).toMatch(/^while :; do iperf3 --server .*done &$/m)
  })
})

describe('the kernel command line', () => {
  const addresses = {
    ip: '10.0.0.2/24',
    ip6: 'fd00::2/64',
    gateway: '10.0.0.1',
    gateway6: 'fd00::1',
  }

  it('carries the same address words as Eremite’s, and init reads each of them', () => {
    expect(linuxCommandLine(addresses)).toMatchObject(addresses)
    for (const key of Object.keys(addresses)) {
      expect(init).toContain(`${key}=*) ${key}=\${word#*=} ;;`)
    }
  })

  it('has a console for the line that says ready, and an end when init fails', () => {
    expect(linuxCommandLine({})).toMatchObject({ console: 'ttyS0', quiet: true, panic: '-1' })
    expect(init).toContain('echo "linux-guest: ready, Linux $(uname -r)"')
  })
})

describe('what binaries need', () => {
  it('is read from readelf’s words', () => {
    const dynamic = ` 0x0000000000000001 (NEEDED)             Shared library: [libiperf.so.0]
 0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]
 0x000000000000000e (SONAME)             Library soname: [libx.so.1]\n`
    expect(parseNeededLibraries(dynamic)).toEqual(['libiperf.so.0', 'libc.so.6'])
    expect(parseNeededLibraries('There is no dynamic section in this file.')).toEqual([])
    const information = `
  [    20]  depends=net_failover,failover
  [    3c]  name=virtio_net\n`
    expect(parseModuleDependencies(information)).toEqual(['net_failover', 'failover'])
    expect(parseModuleDependencies('  [    20]  depends=\n  [ 29]  name=failover\n')).toEqual([])
  })

  it('comes before what needs it, each once, also around a ring', async () => {
    const needs: Record<string, string[]> = {
      virtio_net: ['net_failover'],
      net_failover: ['failover'],
      failover: [],
      libc: ['loader'],
      loader: ['libc'],
    }
    const needsOf = async (name: string): Promise<string[]> => needs[name]!
    expect(await inOrderOfNeed(['virtio_net', 'failover'], needsOf)).toEqual([
      'failover',
      'net_failover',
      'virtio_net',
    ])
    expect(await inOrderOfNeed(['libc'], needsOf)).toEqual(['loader', 'libc'])
  })
})
