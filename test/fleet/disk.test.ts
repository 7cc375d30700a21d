/**
 * `make disk`: what it writes is started by SeaBIOS and OVMF without a kernel on QEMU's command
 * line, and serves HTTP.
 */
import { execFile } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Disk, type FlashFirmware, GUEST_ADDRESS4 } from 'qemu-runner'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { test } from '../qemu/support/fixtures.ts'
import { ROOT } from '../qemu/support/paths.ts'

const run = promisify(execFile)
const OVMF = '/usr/share/OVMF'
/** Where the second partition starts. */
const SYSTEM_PARTITION = `@@${2 << 20}`
const READY = { timeoutMs: 90_000 }
/** OVMF itself takes more than the guest's 64 MiB. */
const MEMORY_MIB = 192

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'eremite-disk-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** `make disk` as a person runs it, and copies of what it has written. */
async function makeDisk(name: string, ...words: string[]): Promise<{ raw: string; qcow2: string }> {
  const command = ['--import', 'tsx', join(ROOT, 'scripts/disk.ts'), ...words]
  const { stdout } = await run(process.execPath, command, { cwd: ROOT })
  const paths = [...stdout.matchAll(/^Built (.*\/(disk\.\w+))$/gm)]
  expect(paths.map(([, , file]) => file)).toEqual(['disk.raw', 'disk.qcow2'])
  const copies = { raw: join(folder, `${name}.raw`), qcow2: join(folder, `${name}.qcow2`) }
  copyFileSync(join(ROOT, paths[0]![1]!), copies.raw)
  copyFileSync(join(ROOT, paths[1]![1]!), copies.qcow2)
  return copies
}

function seabios(): { firmware?: FlashFirmware } {
  return {}
}

/** The variables are written by the firmware: each guest has its own. */
function ovmf(): { firmware?: FlashFirmware } {
  const variables = join(mkdtempSync(join(folder, 'flash-')), 'variables.fd')
  copyFileSync(join(OVMF, 'OVMF_VARS_4M.fd'), variables)
  return { firmware: { code: join(OVMF, 'OVMF_CODE_4M.fd'), variables } }
}

/** Puts another text in place of a file of the system partition. */
async function replace(raw: string, name: string, text: string): Promise<void> {
  const path = join(folder, 'replacement')
  writeFileSync(path, text)
  await run('mcopy', ['-o', '-i', `${raw}${SYSTEM_PARTITION}`, path, `::/eremite/${name}`])
}

describe('a disk with an app', () => {
  let disk = { raw: '', qcow2: '' }
  beforeAll(async () => {
    disk = await makeDisk(
      'notes',
      'APP=examples/notes.ts',
      `APPEND=ip=${GUEST_ADDRESS4}/24 ip6=off`,
    )
  })
  test.override('guest', { accel: 'tcg', timeoutMs: 110_000, network: 'direct' })

  test.for<[string, () => { firmware?: FlashFirmware }, () => Omit<Disk, 'discardWrites'>]>([
    ['SeaBIOS from a raw virtio disk', seabios, () => ({ path: disk.raw, format: 'raw' })],
    [
      'SeaBIOS from a qcow2 on SATA',
      seabios,
      () => ({ path: disk.qcow2, format: 'qcow2', interface: 'sata' }),
    ],
    ['OVMF from a qcow2 virtio disk', ovmf, () => ({ path: disk.qcow2, format: 'qcow2' })],
    [
      'OVMF from a raw disk on NVMe',
      ovmf,
      () => ({ path: disk.raw, format: 'raw', interface: 'nvme' }),
    ],
  ])(
    'is started by %s and serves, with the offloads',
    async ([, firmware, of], { launchGuest, peer }) => {
      const memoryMiB = MEMORY_MIB
      const disks = [{ ...of(), discardWrites: true }]
      const vm = await launchGuest({ ...firmware(), disks, memoryMiB })
      const { value } = await vm.events.once('ready', READY)
      expect(value.features).toMatchObject({ negotiated: expect.arrayContaining(['HOST_TSO4']) })

      const target = { host: GUEST_ADDRESS4, port: 80, timeoutMs: 20_000 }
      const path = '/notes'
      const answer = await peer.request('download', { ...target, path, digest: 'none' })
      expect(answer.status).toBe(200)

      await vm.qmp.execute('system_powerdown')
      expect(await vm.exited).toMatchObject({ kind: 'clean' })
    },
  )

  test('is the same, octet by octet, when it is made again', async () => {
    const words = ['APP=examples/notes.ts', `APPEND=ip=${GUEST_ADDRESS4}/24 ip6=off`]
    const again = await makeDisk('again', ...words)
    expect(readFileSync(again.raw).equals(readFileSync(disk.raw))).toBe(true)
  })

  test('has partitions and a file system without a fault', async () => {
    const { stdout, stderr } = await run('sh', [
      '-c',
      `PATH=$PATH:/usr/sbin sfdisk --verify ${disk.raw} && mdir -i ${disk.raw}${SYSTEM_PARTITION} ::/eremite`,
    ])
    expect(stdout + stderr).toContain('No errors detected')
    expect(stdout).toMatch(/^eremite +elf /m)
    expect(stdout).toMatch(/^settings cfg /m)
  })
})

describe('a disk with the built-in app', () => {
  test.override('guest', { accel: 'tcg', timeoutMs: 110_000, memoryMiB: MEMORY_MIB })

  test('is started with the words that settings.cfg has by then', async ({ launchGuest }) => {
    const { raw } = await makeDisk('builtin', 'APPEND=ip=off ip6=off log=debug')
    const settings = "set options='ip=off ip6=off exit-after=ready'\n"
    await replace(raw, 'settings.cfg', settings)
    const vm = await launchGuest({ disks: [{ path: raw, format: 'raw' }] })
    expect(await vm.exited).toMatchObject({ kind: 'clean' })
    expect(vm.console.text).not.toContain('power button')
  })

  test('that lacks a file says so on the serial line', async ({ launchGuest }) => {
    const { raw } = await makeDisk('lacking', 'APPEND=ip=off ip6=off')
    await run('mdel', ['-i', `${raw}${SYSTEM_PARTITION}`, '::/eremite/eremite.elf'])
    const vm = await launchGuest({ disks: [{ path: raw, format: 'raw' }] })
    await vm.console.expect("Cannot start the guest (GRUB's words are above)", READY)
    expect(vm.console.text).toMatch(/eremite\.elf.* not found/)
  })
})

describe('make disk', () => {
  test('refuses options that are of make run, in one line', async () => {
    const command = ['--import', 'tsx', join(ROOT, 'scripts/disk.ts'), 'PORT=8080']
    await expect(run(process.execPath, command, { cwd: ROOT })).rejects.toMatchObject({
      code: 1,
      stderr:
        'disk: Cannot use PORT= with make disk: it says how this machine runs a guest. ' +
        'Next: leave it out; APP=, APPEND=, LOG= and OFFLOAD= go into what is written\n',
    })
  })
})
