/**
 * Launch options that cannot work are refused before QEMU starts, in one line with the cause and
 * the next step.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Lan, LaunchError, launch, type VmOptions } from '../src/index.ts'

let folder = ''
let kernel = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'qemu-runner-test-'))
  kernel = join(folder, 'kernel.elf')
  writeFileSync(kernel, 'no kernel, but a file')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function refusal(options: VmOptions): Promise<string> {
  const error = await launch(options).then(
    async (vm) => {
      await vm.close()
      return new Error('it was launched')
    },
    (reason: Error) => reason,
  )
  expect(error).toBeInstanceOf(LaunchError)
  expect(error.message).not.toContain('\n')
  return error.message
}

describe('launch refuses', () => {
  it.each(['kernel', 'initrd', 'bios'] as const)('a %s that is not there', async (option) => {
    const path = join(folder, 'missing.bin')
    const message = await refusal({ kernel, [option]: path })
    expect(message).toBe(
      `Cannot launch the guest: ${option} ${path} does not exist; build it, or correct the path`,
    )
  })

  it('a kernel that is a folder', async () => {
    expect(await refusal({ kernel: folder })).toBe(
      `Cannot launch the guest: kernel ${folder} is no file; name the image itself`,
    )
  })

  it('an initrd or a kernel command line without a kernel, which QEMU would ignore', async () => {
    expect(await refusal({ initrd: kernel })).toContain('initrd needs a kernel')
    expect(await refusal({ append: { quiet: true } })).toContain('append needs a kernel')
    expect(await refusal({ append: 'quiet' })).toContain('append needs a kernel')
  })

  it('a kernel command line that is neither text nor keys', async () => {
    const append = ['quiet'] as unknown as string
    expect(await refusal({ kernel, append })).toBe(
      'Cannot launch the guest: append is neither text nor keys; give "ip=dhcp quiet" or { ip: "dhcp", quiet: true }',
    )
  })

  it.each([
    [{ processors: 0 }, 'processors is 0; give a whole number, e.g. 2'],
    [{ architecture: 'sparc' }, 'architecture is sparc; give x86_64, aarch64 or riscv64'],
    [{ architecture: 'riscv64', machine: 'q35' }, 'machine is q35; give virt, those of riscv64'],
    [
      { architecture: 'aarch64', accel: 'kvm' },
      'accel is kvm, which runs no aarch64 guest here; give tcg, or leave it out',
    ],
    [
      { disks: [{ path: '/nonexistent/disk', format: 'raw' }] },
      'disks[0].path /nonexistent/disk does not exist; build it, or correct the path',
    ],
    [{ disks: [{ path: '/bin/sh' }] }, 'disks[0].format is undefined; give raw or qcow2'],
    [
      { disks: [{ path: '/bin/sh', format: 'raw', interface: 'floppy' }] },
      'disks[0].interface is floppy; give virtio, sata, nvme or none',
    ],
    [
      { machine: 'microvm', disks: [{ path: '/bin/sh', format: 'raw', interface: 'sata' }] },
      'disks[0].interface is sata, which microvm has no controller for; give virtio or nvme',
    ],
    [{ startFrom: 'booted' }, 'startFrom needs a disk that holds the snapshot; give its qcow2'],
    [
      { sharedFolders: [{ path: '/bin/sh', tag: 'src' }] },
      'sharedFolders[0].path /bin/sh is no folder; name the folder itself',
    ],
    [
      { sharedFolders: [{ path: '/', tag: 'x'.repeat(40) }] },
      'sharedFolders[0].tag has 40 octets; give 1 to 31',
    ],
    [
      { bios: 'qboot.rom', firmware: { code: '/bin/sh' } },
      'bios and firmware are both given; keep one',
    ],
  ])('%j', async (options, why) => {
    expect(await refusal({ kernel, ...options } as VmOptions)).toBe(
      `Cannot launch the guest: ${why}`,
    )
  })

  it.each([0, -64, 1.5, Number.NaN, '64M' as unknown as number])(
    'memory of %s MiB',
    async (size) => {
      expect(await refusal({ kernel, memoryMiB: size })).toBe(
        `Cannot launch the guest: memoryMiB is ${size}; give a whole number of MiB, e.g. 64`,
      )
    },
  )

  it.each([0, -1, Number.NaN, 2 ** 31])('a lifetime of %s ms', async (timeoutMs) => {
    expect(await refusal({ kernel, timeoutMs })).toContain(`timeoutMs is ${timeoutMs}; give`)
  })

  it('an option that does not exist, with the one that was meant', async () => {
    expect(await refusal({ kernal: kernel } as VmOptions)).toBe(
      'Cannot launch the guest: there is no option "kernal"; kernel was perhaps meant',
    )
    expect(await refusal({ zzz: 1 } as VmOptions)).toMatch(/no option "zzz"; there are kernel, /)
  })

  it.each([
    ['machine', 'pc', 'q35 or microvm, those of x86_64'],
    ['accel', 'hvf', 'auto, kvm or tcg'],
  ])('a %s it does not know', async (option, value, choices) => {
    expect(await refusal({ kernel, [option]: value })).toBe(
      `Cannot launch the guest: ${option} is ${value}; give ${choices}`,
    )
  })

  it.each([
    [{ kind: 'none', mac: '52:54:00:12:34' }, 'network 0 has MAC 52:54:00:12:34; give six octets'],
    [{ kind: 'none', mac: '53:54:00:12:34:56' }, 'is a group address; make the first octet even'],
    [{ kind: 'none', device: { rxQueueSize: 300 } }, 'rxQueueSize 300; give 256, 512 or 1024'],
    [{ kind: 'none', device: { hostMtu: 20 } }, 'hostMtu 20; give 68 to 65535'],
    [{ kind: 'tap', queues: 0 }, 'network 0 has 0 queues; give 1 to 1024'],
    [
      { kind: 'tap', queues: 2, capture: { path: '/tmp/x.pcap' } },
      'network 0 has 2 queues, which QEMU cannot capture; capture at the TAP',
    ],
    [{ kind: 'tup' }, 'network 0 is of kind tup; give tap, user, lan or none'],
    [
      { kind: 'user', forwards: [{ protocol: 'tcp', guestPort: 70_000 }] },
      'network 0 forwards guest port 70000; give 1 to 65535',
    ],
    [
      { kind: 'none', capture: { path: '/nonexistent/folder/wire.pcap' } },
      'network 0 captures to /nonexistent/folder/wire.pcap, whose folder does not exist; create it',
    ],
  ])('a network %j', async (network, why) => {
    expect(await refusal({ kernel, network: [network] } as unknown as VmOptions)).toContain(why)
  })

  it('one MAC address for two devices', async () => {
    const mac = '52:54:00:00:00:01'
    const network = [{ kind: 'none', mac } as const, { kind: 'none', mac } as const]
    expect(await refusal({ kernel, network })).toContain(`networks 0 and 1 share MAC ${mac}`)
  })

  it('a LAN that was closed', async () => {
    const lan = new Lan()
    lan.close()
    expect(await refusal({ kernel, network: [{ kind: 'lan', lan }] })).toContain(
      'network 0 has a LAN that was closed; make another',
    )
  })

  it('a gdb socket whose path is too long for the system, or in no folder', async () => {
    expect(await refusal({ kernel, gdb: { socketPath: `/tmp/${'x'.repeat(120)}` } })).toContain(
      'its path has 125 octets; at most 107 fit',
    )
    expect(await refusal({ kernel, gdb: { socketPath: '/nonexistent/folder/gdb' } })).toContain(
      'whose folder does not exist',
    )
  })
})
