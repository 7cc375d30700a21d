/**
 * The libvirt domain of a package, by a libvirtd on a machine within this one: life, crash, and a
 * rolling update behind HAProxy.
 */
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from '../qemu/support/paths.ts'
import { buildPackage } from './support/build-package.ts'
import { LibvirtMachine } from './support/libvirt-machine.ts'

const ANSWER_MS = 60_000
const GUESTS = [1, 2, 3].map((index) => ({ name: `guest${index}`, address: `10.9.0.1${index}` }))

let folder = ''
let libvirt: LibvirtMachine

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'eremite-libvirt-'))
  const built = await buildPackage('test/fleet/apps/versioned.ts', 'VERSION=1\n', 'log=info')
  cpSync(built, join(folder, 'versioned'), { recursive: true })
  cpSync(built, join(folder, 'versioned-2'), { recursive: true })
  rmSync(built, { recursive: true })
  writeFileSync(join(folder, 'versioned-2/settings.env'), 'VERSION=2\n')
  // Only the address is of this test; the rest is what the page tells people to write.
  const page = readFileSync(join(ROOT, 'docs/fleet.md'), 'utf8')
  const configuration = /```haproxy\n([^`]+)```/.exec(page)![1]!
  writeFileSync(join(folder, 'haproxy.cfg'), configuration)
  libvirt = await LibvirtMachine.start(folder)
})
afterAll(async () => {
  await libvirt?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Until the guest answers with the version. */
function answers(address: string, version: string): Promise<true> {
  const probe = async () => ((await libvirt.answer(address)) === version ? true : undefined)
  return libvirt.machine.until(`version ${version} at ${address}`, probe, ANSWER_MS)
}

describe('libvirt.xml', () => {
  it('is what libvirt’s published schema allows', async () => {
    const file = join(folder, 'versioned/libvirt.xml')
    const { stdout, stderr } = await promisify(execFile)('virt-xml-validate', [file, 'domain'])
    expect(stdout + stderr).toContain('validates')
  })

  it('is defined, starts, serves with its settings, and tells the journal’s socket its log', async () => {
    await libvirt.define({ ...GUESTS[0]!, folder: 'versioned' })
    await libvirt.virsh('start', 'guest1')
    await answers(GUESTS[0]!.address, '1')
    expect(await libvirt.serialText()).toMatch(/kernel: ready after .*listening on tcp 80/)
  })

  it('is reset and serves again after the guest has ended with an error', async () => {
    await libvirt.answer(GUESTS[0]!.address, '/crash').catch(() => undefined)
    const crashed = async () =>
      (await libvirt.serialText()).includes('asked to crash') ? true : undefined
    await libvirt.machine.until('the crash', crashed, 20_000)
    await answers(GUESTS[0]!.address, '1')
    expect((await libvirt.serialText()).match(/kernel: ready after/g)).toHaveLength(2)
    expect(await libvirt.state('guest1')).toBe('running')
  })

  it('ends well on `virsh shutdown`, and answers what it has begun', async () => {
    const slow = libvirt.answer(GUESTS[0]!.address, '/slow')
    await new Promise((done) => setTimeout(done, 30))
    await libvirt.shutDown('guest1')
    expect(await slow).toBe('1')
    expect(await libvirt.virsh('domstate', '--reason', 'guest1')).toBe('shut off (shutdown)')
    expect(await libvirt.serialText()).toContain('asked to shut down')
  })
})

describe('three guests behind HAProxy', () => {
  it('lose no request while each is replaced by a new version', async () => {
    for (const guest of GUESTS) {
      await libvirt.define({ ...guest, folder: 'versioned' })
      await libvirt.virsh('start', guest.name)
    }
    for (const { address } of GUESTS) await answers(address, '1')
    await libvirt.machine.run(['haproxy', '-D', '-f', '/var/lib/eremite/haproxy.cfg'])
    await answers('10.9.0.1', '1')

    const client = [
      ...['env', '-C', ROOT],
      process.execPath,
      '--import',
      'tsx',
      join(ROOT, 'test/fleet/support/steady-requests.ts'),
    ]
    const load = libvirt.machine.start([...client, 'http://10.9.0.1/slow', '6'])
    for (const guest of GUESTS) {
      await libvirt.shutDown(guest.name)
      await libvirt.define({ ...guest, folder: 'versioned-2' })
      await libvirt.virsh('start', guest.name)
      await answers(guest.address, '2')
      // As an administrator does: the next one only when the balancer has this one back.
      await new Promise((done) => setTimeout(done, 1000))
    }
    const outcome = JSON.parse(await load.end()) as Record<string, number>
    expect(Object.keys(outcome).sort()).toEqual(['200 1', '200 2'])
    expect(outcome['200 1']).toBeGreaterThan(20)
    expect(outcome['200 2']).toBeGreaterThan(20)
  }, 240_000)
})
