/**
 * Two full stacks over a seeded link: every byte arrives once and in order, in bounded time, and
 * nothing is left behind.
 */
import { describe, expect, it } from 'vitest'
import type { LinkOptions } from '../fakes/simulated-link.ts'
import { watchWire } from './invariants.ts'
import { randomBytes, transfer } from './transfer.ts'
import { RIGHT_V4, RIGHT_V6, TwoStacks } from './two-stacks.ts'

const FAMILIES = [
  ['IPv4', RIGHT_V4],
  ['IPv6', RIGHT_V6],
] as const

const CARDS = [
  ['a plain card', { segmentationLimit: 0 }],
  ['a segmenting card', { segmentationLimit: 65535 }],
] as const

/** Nothing may be left once both ends are closed and TIME-WAIT is over. */
function expectNothingLeft(stacks: TwoStacks): void {
  stacks.runFor(130_000)
  for (const stack of [stacks.left, stacks.right]) {
    const { tcp } = stack
    expect(tcp.connectionCount).toBe(0)
    expect(tcp.halfOpenCount).toBe(0)
    expect(tcp.timeWaitCount).toBe(0)
    expect(tcp.nextDeadlineMs(stacks.clock.nowMs)).toBe(Number.POSITIVE_INFINITY)
    expect(tcp.memory.pool.drainingCount()).toBe(0)
    expect(tcp.memory.pool.availableBytes).toBe(tcp.configuration.bufferBudgetBytes)
  }
  expect(stacks.link.left.framesHeld).toBe(0)
  expect(stacks.link.right.framesHeld).toBe(0)
}

function exchange(options: LinkOptions, remote: string, up: number, down: number): TwoStacks {
  const stacks = new TwoStacks({ delayMs: 10, bytesPerMs: 12_500, ...options })
  const wire = watchWire(stacks.link)
  const upBytes = randomBytes(up, 11)
  const downBytes = randomBytes(down, 12)
  const { client, server } = transfer(stacks, remote, upBytes, downBytes, 240_000)
  expect(client.error).toBeNull()
  expect(server.error).toBeNull()
  expect(server.receivedLength).toBe(up)
  expect(client.receivedLength).toBe(down)
  expect(Buffer.compare(server.received, upBytes)).toBe(0)
  expect(Buffer.compare(client.received, downBytes)).toBe(0)
  expectNothingLeft(stacks)
  expect(wire.violations).toEqual([])
  return stacks
}

describe.each(FAMILIES)('over %s', (_family, remote) => {
  describe.each(CARDS)('with %s', (_card, card) => {
    it.each([1, 1460, 65_536, 1_000_000])('moves %i bytes one way without loss', (length) => {
      const stacks = exchange(card, remote, length, 0)
      expect(stacks.left.tcp.statistics.retransmissions).toBe(0)
      expect(stacks.left.tcp.statistics.bytesSent).toBe(length)
    })

    it('moves different amounts both ways at once', () => {
      exchange(card, remote, 300_000, 1_000_000)
    })

    it.each([1, 2, 3])('survives 1 %% loss (seed %i)', (seed) => {
      const stacks = exchange({ ...card, loss: 0.01, seed }, remote, 1_000_000, 1000)
      expect(stacks.link.framesLost).toBeGreaterThan(0)
      expect(stacks.left.tcp.statistics.fastRetransmits).toBeGreaterThan(0)
    })

    it.each([4, 5, 6])('survives 5 %% loss, duplication and reordering (seed %i)', (seed) => {
      exchange(
        { ...card, loss: 0.05, duplicate: 0.02, reorder: 0.05, seed },
        remote,
        200_000,
        50_000,
      )
    })

    it('keeps bytes whole while the card reads memory late and its queue is short', () => {
      exchange(
        { ...card, readDelayMs: 7, queueLength: 8, loss: 0.01, seed: 9 },
        remote,
        1_500_000,
        0,
      )
    })
  })
})

it('hands super-segments of up to 65535 bytes to a card that segments', () => {
  // As long as it takes until a window is so large that a millisecond of its pace fills a frame.
  const fast = { segmentationLimit: 65535, bytesPerMs: 125_000 }
  const stacks = exchange(fast, RIGHT_V4, 6_000_000, 0)
  expect(stacks.link.left.largestFrame).toBeGreaterThan(60_000)
  expect(stacks.link.left.largestFrame).toBeLessThanOrEqual(65535)
  const { statistics } = stacks.left.tcp
  expect(statistics.superSegmentsSent).toBeGreaterThan(20)
  expect(statistics.segmentsSent).toBeLessThan(6_000_000 / 1448 / 4)
})
