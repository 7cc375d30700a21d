/**
 * The hostile corpus against the booted guest, row by row: dropped and counted, nothing comes back
 * but what the row says, its valid twin is answered, and an honest host's connections of before the
 * first row are exact after the last.
 */
import { expect } from 'vitest'
import { DISCOVERY_INPUTS } from './hostile/discovery-inputs.ts'
import { FRAGMENT_INPUTS } from './hostile/fragment-inputs.ts'
import { HALF_OPEN_INPUTS } from './hostile/half-open-inputs.ts'
import type { HostileInput } from './hostile/hostile-input.ts'
import { flagsOf, HostileWire, isSegmentTo } from './hostile/hostile-wire.ts'
import { ICMP_INPUTS } from './hostile/icmp-inputs.ts'
import { IPV4_INPUTS } from './hostile/ipv4-inputs.ts'
import { IPV6_INPUTS } from './hostile/ipv6-inputs.ts'
import { LINK_INPUTS } from './hostile/link-inputs.ts'
import { ROUTER_INPUTS } from './hostile/router-inputs.ts'
import { Flag, STRAY_SEGMENTS, TCP_INPUTS } from './hostile/tcp-inputs.ts'
import { UDP_INPUTS } from './hostile/udp-inputs.ts'
import { test as base, GUEST } from './support/fixtures.ts'
import { LAN_APPEND } from './support/guest-addresses.ts'

const TIMEOUT_MS = 400_000

base.override('guest', {
  ...GUEST,
  network: 'lan',
  append: LAN_APPEND,
  entropyDevice: true,
  timeoutMs: TIMEOUT_MS,
})
const test = base.extend<{ wire: HostileWire }>({
  wire: async ({ vm, ready, lan }, use) => {
    expect(ready.network).not.toBeNull()
    const wire = await HostileWire.open(vm, lan)
    await use(wire)
    wire.close()
  },
})

/**
 * Runs the rows in turn; the first that fails ends the test, with the guest as that row has left
 * it.
 */
async function throwRows<R extends { readonly number: number; readonly name: string }>(
  wire: HostileWire,
  rows: readonly R[],
  throwOne: (row: R) => Promise<void>,
): Promise<void> {
  for (const row of rows) {
    try {
      await throwOne(row)
    } catch (error) {
      const { message } = error as Error
      throw Object.assign(error as Error, { message: `row ${row.number}, ${row.name}: ${message}` })
    }
  }
  for (const { sent, received } of await wire.useSentinels())
    expect(received.equals(sent)).toBe(true)
  expect(wire.vm.exit).toBeUndefined()
  expect(wire.vm.console.text).not.toMatch(/panic|rror/)
}

/** The row never gets to the guest of this QEMU. */
function isBelow({ uncountedSinceQemu }: HostileInput, version: number): boolean {
  return uncountedSinceQemu !== undefined && version >= uncountedSinceQemu
}

async function qemuVersion({ vm }: HostileWire): Promise<number> {
  return (await vm.qmp.execute('query-version')).qemu.major
}

async function throwInput(wire: HostileWire, input: HostileInput): Promise<void> {
  const before = await wire.readDrops()
  const heard = await wire.send(input.frames())
  const { answer } = input
  const unexpected = heard.filter((frame) => answer === undefined || !answer.matches(frame))
  expect(unexpected.map((frame) => frame.toString('hex'))).toEqual([])
  if (answer !== undefined) {
    if (answer.isOptional !== true) expect(heard.length, answer.name).toBeGreaterThan(0)
    expect(heard.length, answer.name).toBeLessThanOrEqual(answer.atMost ?? 1)
  }
  await wire.expectTwin(input.twin)
  if (input.isUncounted !== true && !isBelow(input, await qemuVersion(wire))) {
    expect(await wire.readDrops(), 'is counted').toBeGreaterThan(before)
  }
}

test.for([
  ['Ethernet and ARP', LINK_INPUTS],
  ['IPv4', IPV4_INPUTS],
  ['IPv6', IPV6_INPUTS],
  ['neighbor discovery', DISCOVERY_INPUTS],
  ['router advertisements', ROUTER_INPUTS],
  ['ICMP', ICMP_INPUTS],
  ['UDP', UDP_INPUTS],
  ['fragments', FRAGMENT_INPUTS],
  ['half-open connections', HALF_OPEN_INPUTS],
] as const)(
  '%s: each row is dropped and counted, and its valid twin answered',
  { timeout: TIMEOUT_MS },
  ([_layer, rows], { wire }) => throwRows(wire, rows, (row) => throwInput(wire, row)),
)

test(
  'TCP: no row harms a connection, whose stream is what was sent in order, once',
  { timeout: TIMEOUT_MS },
  ({ wire }) =>
    throwRows(wire, TCP_INPUTS, async (input) => {
      const conversation = await wire.converse(input)
      const heard = await wire.send(input.frames?.(conversation) ?? [])
      const mine = heard.filter(isSegmentTo(conversation.sourcePort))
      const resets = mine.filter((frame) => (flagsOf(frame) & Flag.Rst) !== 0)
      expect(resets).toHaveLength(input.resets ?? 0)
      expect(mine.length).toBeLessThanOrEqual(input.atMost ?? 20)
      const before = input.echoed ?? ''
      expect(await wire.echo(conversation, before, 'twin')).toBe(`${before}twin`)
    }),
)

test(
  'TCP of no connection: nothing but the resets that are due comes back',
  { timeout: TIMEOUT_MS },
  ({ wire }) =>
    throwRows(wire, STRAY_SEGMENTS, async ({ frames, answers }) => {
      const sent = [...frames()]
      const heard = await wire.send(sent)
      expect(heard.length).toBeLessThanOrEqual(sent.length)
      if (answers === 'nothing') expect(heard).toEqual([])
      if (answers === 'resets') {
        const others = heard.filter((frame) => (flagsOf(frame) & Flag.Rst) === 0)
        expect(others).toEqual([])
      }
      for (const twin of ['tcp4', 'tcp6'] as const) await wire.expectTwin(twin)
    }),
)
