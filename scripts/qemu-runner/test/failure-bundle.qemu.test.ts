/**
 * Bundles of guests in a bad way: ended, not answering, with a hook that fails; what is missing is
 * said.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type BundleOptions, buildProbeImage, launch, leaveBundle, type Vm } from '../src/index.ts'

let folder = ''
let vm: Vm
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'qemu-runner-test-'))
})
afterEach(async () => {
  await vm.close()
  rmSync(folder, { recursive: true, force: true })
})

async function bootWith(end: number | 'hang'): Promise<void> {
  const kernel = join(folder, 'guest.elf')
  writeFileSync(kernel, buildProbeImage({ console: 'last words\n', end }))
  vm = await launch({ kernel, network: [{ kind: 'none' }], entropyDevice: true })
}

/** The bundle's files by name. */
async function bundle(options: Partial<BundleOptions> = {}): Promise<Record<string, string>> {
  const left = await leaveBundle(vm, { parent: join(folder, 'deep/er'), ...options })
  expect(left.startsWith('/')).toBe(true)
  const names = readdirSync(left)
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(left, name), 'latin1')]))
}

describe('leaveBundle', () => {
  it('shows every virtio device with its queues', async () => {
    await bootWith('hang')
    await vm.console.expect('last words')
    const files = await bundle()
    const { devices } = JSON.parse(files['state.json']!) as {
      devices: { name: string; queues: { index: number }[] }[]
    }
    expect(devices.map(({ name, queues }) => `${name} ${queues.length}`).sort()).toEqual([
      'virtio-net 3',
      'virtio-rng 1',
    ])
    expect(files).not.toHaveProperty('missing.txt')
  })

  it('of a guest that has ended says how, and that its memory has gone', async () => {
    await bootWith(0x22)
    await vm.exited
    const files = await bundle({ failure: 'Error: expected', reproduce: 'make again' })
    expect(files['console.log']).toContain('last words')
    expect(JSON.parse(files['state.json']!)).toMatchObject({
      exit: 'guest failure, exit code 34 (QEMU status 69)',
    })
    expect(files['missing.txt']).toContain('core.elf.gz: the guest has ended')
    expect(files['failure.txt']).toBe('Error: expected\n')
    expect(files['reproduce.sh']).toBe('make again\n')
    expect(files).not.toHaveProperty('core.elf.gz')
  })

  it('of a QEMU that does not answer asks it once and no more', async () => {
    await bootWith('hang')
    await vm.console.expect('last words')
    process.kill(vm.pid!, 'SIGSTOP')
    const startedAt = performance.now()
    const files = await bundle()
    expect(performance.now() - startedAt).toBeLessThan(9_000)
    expect(files['state.json']).toContain('QEMU does not answer')
    expect(files['missing.txt']).toContain('core.elf.gz: QEMU does not answer')
  })

  it('keeps the rest when the hook fails, and can do without a core', async () => {
    await bootWith('hang')
    const extend = () => {
      throw new Error('no such image')
    }
    const files = await bundle({ extend, core: false })
    expect(files['missing.txt']).toBe('what the caller adds: no such image\n')
    expect(files).toHaveProperty('state.json')
    expect(files).not.toHaveProperty('core.elf.gz')
  })

  it('takes along the last four captures of a folder', async () => {
    await bootWith('hang')
    const captures = mkdtempSync(join(folder, 'captures-'))
    for (const number of [1, 2, 3, 9, 10]) writeFileSync(join(captures, `c-${number}.pcap`), 'x')
    writeFileSync(join(captures, 'notes.txt'), 'x')
    const files = await bundle({ captures, core: false })
    const taken = Object.keys(files).filter((name) => name.startsWith('c-'))
    expect(taken.sort()).toEqual(['c-10.pcap', 'c-2.pcap', 'c-3.pcap', 'c-9.pcap'])
    expect(existsSync(captures)).toBe(true)
  })
})
