/**
 * A path that begins to swallow large packets, and what is found out later of what it carries (RFC
 * 4821 §7).
 */
import { expect, it } from 'vitest'
import { watchSenders } from './sender-watch.ts'
import { randomBytes, startTransfer } from './transfer.ts'
import { RIGHT_V4, RIGHT_V6, TwoStacks } from './two-stacks.ts'

const ETHERNET_HEADER = 14
const BYTES = 12_000_000
/** 1 Mbit/s, so that it lasts. */
const LINK = { delayMs: 10, bytesPerMs: 125, queueBytes: 8_000, queueLength: 256 }
/** The first probe comes after half a minute; each of those that follow needs a flight or two. */
const SEARCH_MS = 45_000

it.each([
  { to: RIGHT_V4, segmentationLimit: 65_535, carried: 1400, fallen: 1064 },
  { to: RIGHT_V4, segmentationLimit: 0, carried: 1064, fallen: 1064 },
  { to: RIGHT_V6, segmentationLimit: 65_535, carried: 1420, fallen: 1280 },
])(
  'to $to that carries $carried octets is found to within 64, by single segments whose loss costs no window',
  ({ to, segmentationLimit, carried, fallen }) => {
    const stacks = new TwoStacks({ ...LINK, segmentationLimit, seed: carried })
    const sent = randomBytes(BYTES, 3)
    const { client, server } = startTransfer(stacks, to, sent, new Uint8Array(0))
    const watch = watchSenders(stacks, () => [client.socket, server.socket])
    stacks.runFor(3_000)
    const socket = client.socket!
    expect(socket.flow!.pathMtu).toBe(1500)
    const { options } = stacks.link
    options.swallowOctets = carried + ETHERNET_HEADER
    stacks.runUntil(() => socket.flow!.pathMtu < 1500, 60_000)
    expect(socket.flow!.pathMtu).toBe(fallen)
    // All that was too long for it has been repaired.
    stacks.runFor(5_000)
    const { retransmitTimeouts } = socket.statistics
    const swallowed = stacks.link.framesSwallowed
    stacks.runFor(SEARCH_MS)
    const found = socket.flow!.pathMtu
    expect(found).toBeLessThanOrEqual(carried)
    expect(found).toBeGreaterThan(carried - 64)
    expect(socket.segmentSize).toBeGreaterThan(found - 80)
    // Three for each size that was tried in vain.
    expect(stacks.link.framesSwallowed - swallowed).toBeLessThanOrEqual(3 * 5)
    expect(stacks.link.framesSwallowed).toBeGreaterThan(swallowed)
    expect(socket.statistics.retransmitTimeouts).toBe(retransmitTimeouts)
    expect(watch.violations).toEqual([])

    // The way is whole again.
    options.swallowOctets = Number.POSITIVE_INFINITY
    stacks.runUntil(() => client.isClosed && server.isClosed, 600_000)
    expect(Buffer.compare(server.received, sent)).toBe(0)
    expect(client.error).toBe(null)
  },
  60_000,
)

it('comes back to full size after an outage, with the first probe', () => {
  const stacks = new TwoStacks({ ...LINK, segmentationLimit: 65_535 })
  const { client } = startTransfer(stacks, RIGHT_V4, new Uint8Array(BYTES), new Uint8Array(0))
  stacks.runFor(3_000)
  const socket = client.socket!
  stacks.link.options.swallowOctets = 1_000
  stacks.runUntil(() => socket.flow!.pathMtu < 1500, 60_000)
  stacks.link.options.swallowOctets = Number.POSITIVE_INFINITY
  // The timer has backed off far by then.
  stacks.runUntil(() => socket.flow!.pathMtu === 1500, 2 * SEARCH_MS)
  expect(socket.segmentSize).toBe(1448)
})
