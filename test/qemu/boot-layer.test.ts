/**
 * What boot/ promises: memory protection, a report on request, odd machines, the end. Judged by
 * QEMU, not by the guest.
 */
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { describeExit, requireExecutable, type Vm } from 'qemu-runner'
import type { GuestOptions } from 'qemu-runner/vitest'
import { describe, expect } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { GUEST, test } from './support/fixtures.ts'
import { IMAGE } from './support/paths.ts'
import { awaitReady } from './support/site.ts'

const OFFLINE = { ip: 'off', ip6: 'off' }
const PAGE = 4096n
const PT_LOAD = 1

test.override('guest', { ...GUEST, append: OFFLINE, timeoutMs: 40_000 })

function monitor(vm: Vm, line: string): Promise<string> {
  return vm.qmp.humanMonitor(line)
}

/** Addresses of symbols of the image. */
function symbols(): Map<string, bigint> {
  const lines = execFileSync('nm', [IMAGE], { encoding: 'utf8', maxBuffer: 1 << 24 }).split('\n')
  return new Map(lines.map((line) => [line.slice(19), BigInt(`0x${line.slice(0, 16) || '0'}`)]))
}

/** Where the segments that are loaded begin and end in memory (ELF-64 object file format, 1998). */
function segments(): { start: bigint; end: bigint }[] {
  const image = readFileSync(IMAGE)
  const table = Number(image.readBigUInt64LE(32))
  const [size, count] = [image.readUInt16LE(54), image.readUInt16LE(56)]
  return Array.from({ length: count }, (_, index) => table + index * size)
    .filter((at) => image.readUInt32LE(at) === PT_LOAD)
    .map((at) => {
      const start = image.readBigUInt64LE(at + 24)
      return { start, end: start + image.readBigUInt64LE(at + 40) }
    })
}

interface Page {
  readonly from: bigint
  readonly isWritable: boolean
  readonly isExecutable: boolean
}

/**
 * QEMU's walk through the guest's tables, a line a page: address, address, flags (X is no-execute,
 * P a large page).
 */
async function pagesOf(vm: Vm): Promise<Page[]> {
  const lines = (await monitor(vm, 'info tlb')).split(/\r?\n/)
  return lines.flatMap((line) => {
    const match = /^([0-9a-f]{16}): ([0-9a-f]{16}) (\S{9})$/.exec(line)
    if (match === null) return []
    const from = BigInt(`0x${match[1]}`)
    expect(match[2], 'every mapping is the identity').toBe(match[1])
    return [{ from, isWritable: match[3]!.includes('W'), isExecutable: !match[3]!.includes('X') }]
  })
}

test('the image leaves a loader no room between its segments', () => {
  // GRUB would put its boot information there, and what is of the image's pages is nobody else's.
  const loaded = segments()
  expect(loaded.length).toBeGreaterThan(1)
  for (const [index, { start }] of loaded.slice(1).entries()) expect(start).toBe(loaded[index]!.end)
  expect(loaded.at(-1)!.end % PAGE).toBe(0n)
  // What firmware for UEFI keeps (scripts/build/snapshot.ts).
  expect(loaded.at(-1)!.end).toBeLessThanOrEqual(0x800000n)
})

describe('the page tables', () => {
  test('hold no page that can be written and executed, and no null page or guard page', async ({
    launchGuest,
  }) => {
    const vm = await launchGuest()
    await awaitReady(vm)
    const pages = await pagesOf(vm)
    expect(pages.length).toBeGreaterThan(100)
    expect(pages.filter((page) => page.isWritable && page.isExecutable)).toEqual([])

    const address = symbols()
    const executable = pages.filter((page) => page.isExecutable).map(({ from }) => from)
    const start = address.get('image_start')!
    const count = Number((address.get('text_end')! - start) / PAGE)
    expect(executable).toEqual(Array.from({ length: count }, (_, i) => start + BigInt(i) * PAGE))

    const guard = /: 0x([0-9a-f]+)/.exec(await monitor(vm, `xp/1gx ${address.get('stack_guard')}`))
    const guards = ['interrupt', 'exception', 'second_fault'].map(
      (name) => address.get(`${name}_stack_guard`)!,
    )
    for (const from of [0n, BigInt(`0x${guard![1]}`), ...guards]) {
      expect(
        pages.some((page) => page.from === from),
        `0x${from.toString(16)}`,
      ).toBe(false)
      expect(await monitor(vm, `gva2gpa ${from}`)).toContain('Unmapped')
    }
  })
})

describe('a non-maskable interrupt', () => {
  test('makes a guest that hangs say where, in TypeScript', async ({ launchGuest }) => {
    const vm = await launchGuest({ initrd: await buildApp('spins.ts') })
    await vm.console.expect(/spinning/, { timeoutMs: 20_000 })
    // The line is there before the call that wrote it has returned.
    await delay(200)
    await monitor(vm, 'nmi')
    const exit = await vm.exited
    expect(exit, describeExit(exit)).toMatchObject({ kind: 'guest-failure', status: 37 })
    const panic = vm.events.received.find(({ value }) => value.event === 'panic')?.value
    expect(panic?.message).toMatch(/^non-maskable interrupt/)
    expect(panic?.stack).toMatch(/^ +at spin \(test\/qemu\/apps\/spins\.ts:3:/)
  })
})

describe('a machine without', () => {
  test('timer and calendar chips costs no search for them', async ({ launchGuest }) => {
    // Counted in instructions: the two windows of calibration are 2 ms, what stands still must be
    // found at once.
    const vm = await launchGuest({
      machine: 'microvm',
      machineProperties: { rtc: 'off', pit: 'off', pic: 'off' },
      extraArguments: ['-icount', 'shift=0'],
    })
    const { bootNs } = await awaitReady(vm)
    expect(bootNs.clock! - bootNs.entry!).toBeLessThan(3_000_000)
  })

  test.for([
    ['q35', 'q35'],
    ['microvm', 'microvm,pcie=on'],
  ] as const)('isa-debug-exit is switched off at the end: %s', async ([_title, machine]) => {
    const qemu = requireExecutable('qemu-system-x86_64')
    const words = ['-M', machine, '-cpu', 'max', '-m', '64', '-nodefaults', '-display', 'none']
    const append = ['-append', 'ip=off ip6=off exit-after=ready']
    const device = ['-netdev', 'user,id=n', '-device', 'virtio-net-pci,netdev=n,romfile=']
    const args = [...words, '-no-reboot', '-kernel', IMAGE, ...append, ...device]
    // Rejects when the time is up or the status is not 0.
    await promisify(execFile)(qemu, args, { timeout: 40_000, killSignal: 'SIGKILL' })
  })
})

describe('the kernel command line', () => {
  const line = (length: number) => 'ip=off ip6=off exit-after=ready'.padStart(length)

  test('may have 4095 bytes', async ({ launchGuest }) => {
    const vm = await launchGuest({ append: line(4095) })
    const exit = await vm.exited
    expect(exit.kind, describeExit(exit)).toBe('clean')
  })

  test('is refused in one line when it has more', async ({ launchGuest }) => {
    const vm = await launchGuest({ append: line(4096) })
    expect(await vm.exited).toMatchObject({ kind: 'guest-failure', status: 39 })
    expect(vm.console.text).toContain('the kernel command line is longer than 4095 bytes')
  })
})

describe('memory and processors', () => {
  test.for([
    ['memory on both sides of the hole below 4 GiB', { memoryMiB: 3500 }],
    ['memory above 4 GiB', { memoryMiB: 5120 }],
    ['a hole at 1 GiB', { memoryMiB: 3072, machineProperties: { 'max-ram-below-4g': '1G' } }],
    ['a second processor, which stays parked', { extraArguments: ['-smp', '2'] }],
    ['a Haswell', { cpu: 'Haswell' }],
    ['a processor without a hypervisor bit', { cpu: 'qemu64,-hypervisor,+rdrand' }],
  ] as [string, GuestOptions][])(
    'of all kinds will do: %s',
    async ([_title, options], { launchGuest }) => {
      const vm = await launchGuest({ ...options, append: { 'exit-after': 'ready' } })
      const exit = await vm.exited
      expect(exit.kind, describeExit(exit)).toBe('clean')
    },
  )

  test('values that lie above 4 GiB are what they were', async ({ launchGuest }) => {
    const vm = await launchGuest({
      initrd: await buildApp('hoards.ts'),
      memoryMiB: 512,
      machineProperties: { 'max-ram-below-4g': '64M' },
    })
    const places = Array.from({ length: 150_000 }, (_, place) => place)
    const sum = places.reduce((total, place) => total + place)
    const letters = places.reduce((total, place) => total + `kept beyond ${place}`.length, 0)
    await vm.console.expect(`150000 add up to ${sum * 1.5}, ${sum} and ${letters}`, {
      timeoutMs: 40_000,
    })
    const folder = mkdtempSync(join(tmpdir(), 'eremite-above-'))
    try {
      const filename = join(folder, 'memory')
      await vm.qmp.execute('pmemsave', { val: 2 ** 32, size: (512 - 64) << 20, filename })
      const there = readFileSync(filename, 'latin1').match(/kept beyond \d+/g)!
      expect(new Set(there).size).toBeGreaterThan(75_000)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test.for([
    ['qemu64,-nx', 'nx'],
    ['qemu32', 'lm'],
    ['max,-sse2', 'sse2'],
    ['max,-cmov', 'cmov'],
    ['max,-apic', 'apic'],
    ['486', 'pae pge cmov fxsr sse sse2 nx lm'],
  ] as const)(
    '-cpu %s is refused in one line that names what it lacks: %s',
    async ([cpu, names], { launchGuest }) => {
      const vm = await launchGuest({ cpu })
      expect(await vm.exited).toMatchObject({ kind: 'guest-failure', status: 39 })
      const lines = vm.console.text.split('\n').filter((line) => line.trim() !== '')
      // What else QEMU's old models lack differs by its version.
      const lacks = names.split(' ').join(' ([a-z ]* )?')
      const advice = 'give QEMU -cpu max, or leave -cpu out'
      expect(lines).toEqual([
        expect.stringMatching(`^Cannot boot: the CPU lacks ([a-z ]* )?${lacks}; ${advice}$`),
      ])
    },
  )
})
