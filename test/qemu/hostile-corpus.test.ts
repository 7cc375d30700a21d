/**
 * The hostile corpus against the booted guest, row by row: dropped and counted, nothing comes back but what the row says, its valid
 * twin is answered, and an honest host's connections of before the first row are exact after the last.
 */
import { randomBytes } from 'node:crypto'
import { Lan } from 'qemu-runner'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TcpStream } from '../../net/api/tcp-stream.ts'
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
import { requireImage } from './support/guest-site.ts'

const SENTINEL_BYTES = 100_000

let wire: HostileWire
/** Open from before the first row to after the last: over both families. */
const sentinels: TcpStream[] = []

beforeAll(async () => {
  requireImage()
  wire = await HostileWire.open(new Lan())
  for (const hostname of ['10.0.0.2', 'fd00::2']) {
    sentinels.push(await wire.host.stack.connect({ hostname, port: 7 }))
  }
  // The guest learns the tester's two addresses, and the tester the guest's.
  for (const twin of ['arp', 'solicitation', 'ping4', 'ping6'] as const) await wire.expectTwin(twin)
})
afterAll(() => wire.close())

const titled = (list: readonly HostileInput[]) =>
  list.map((input) => [`${input.number} ${input.name}`, input] as const)

describe.each([
  ['Ethernet and ARP', LINK_INPUTS],
  ['IPv4', IPV4_INPUTS],
  ['IPv6', IPV6_INPUTS],
  ['neighbour discovery', DISCOVERY_INPUTS],
  ['router advertisements', ROUTER_INPUTS],
  ['ICMP', ICMP_INPUTS],
  ['UDP', UDP_INPUTS],
  ['fragments', FRAGMENT_INPUTS],
  ['half-open connections', HALF_OPEN_INPUTS],
] as const)('%s', (_layer, list) => {
  it.each(titled(list))('%s', async (_title, input) => {
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
    if (input.isUncounted !== true) {
      expect(await wire.readDrops(), 'is counted').toBeGreaterThan(before)
    }
  })
})

describe('TCP', () => {
  it.each(TCP_INPUTS.map((input) => [`${input.number} ${input.name}`, input] as const))(
    '%s',
    async (_title, input) => {
      const conversation = await wire.converse(input)
      const heard = await wire.send(input.frames?.(conversation) ?? [])
      const mine = heard.filter(isSegmentTo(conversation.sourcePort))
      const resets = mine.filter((frame) => (flagsOf(frame) & Flag.Rst) !== 0)
      expect(resets).toHaveLength(input.resets ?? 0)
      expect(mine.length).toBeLessThanOrEqual(input.atMost ?? 20)
      // The connection is there, and its stream is what was sent in order, once.
      const before = input.echoed ?? ''
      expect(await wire.echo(conversation, before, 'twin')).toBe(`${before}twin`)
    },
  )

  it.each(STRAY_SEGMENTS.map((row) => [`${row.number} ${row.name}`, row] as const))(
    '%s',
    async (_title, { frames, answers }) => {
      const sent = [...frames()]
      const heard = await wire.send(sent)
      expect(heard.length).toBeLessThanOrEqual(sent.length)
      if (answers === 'nothing') expect(heard).toEqual([])
      if (answers === 'resets') {
        const others = heard.filter((frame) => (flagsOf(frame) & Flag.Rst) === 0)
        expect(others).toEqual([])
      }
      for (const twin of ['tcp4', 'tcp6'] as const) await wire.expectTwin(twin)
    },
  )
})

describe('afterwards', () => {
  it('the connections of before the first row carry exact bytes, and the guest has not complained', async () => {
    for (const stream of sentinels) {
      const sent = randomBytes(SENTINEL_BYTES)
      const received = Buffer.alloc(SENTINEL_BYTES)
      const writing = stream.write(sent)
      const chunk = new Uint8Array(65_536)
      for (let at = 0; at < SENTINEL_BYTES; ) {
        const count = await stream.read(chunk)
        if (count === null) break
        received.set(chunk.subarray(0, count), at)
        at += count
      }
      await writing
      expect(received.equals(sent)).toBe(true)
      stream.close()
    }
    expect(wire.vm.exit).toBeUndefined()
    expect(wire.vm.console.text).not.toMatch(/panic|rror/)
  })
})
