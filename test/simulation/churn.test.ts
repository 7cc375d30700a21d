/**
 * Many connections whose users do as they please on a bad link: no wrong byte, no call too many,
 * nothing left behind.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { churn } from './churn.ts'
import { TwoStacks } from './two-stacks.ts'

it('survives users that open, write, read, stall, half-close, close and abort at random', () => {
  const runs = Number(process.env.CHURN_RUNS ?? 12)
  const seed = Number(process.env.CHURN_SEED ?? 20_260_102)
  fc.assert(
    fc.property(
      fc.record({
        seed: fc.integer({ min: 1, max: 1_000_000 }),
        delayMs: fc.constantFrom(0, 0.5, 20, 150),
        bytesPerMs: fc.constantFrom(100, 12_500, Number.POSITIVE_INFINITY),
        loss: fc.constantFrom(0, 0.02, 0.1),
        duplicate: fc.constantFrom(0, 0.05),
        reorder: fc.constantFrom(0, 0.1),
        corrupt: fc.constantFrom(0, 0.02),
        mtu: fc.constantFrom(1280, 1500, 9000),
        segmentationLimit: fc.constantFrom(0, 65_535),
        queueLength: fc.constantFrom(2, 16, 256),
        readDelayMs: fc.constantFrom(0, 3),
      }),
      fc.constantFrom(16_384, 65_536),
      fc.boolean(),
      (options, bufferBytes, offerTimestamps) => {
        const stacks = new TwoStacks(options, {
          sendBufferBytes: bufferBytes,
          receiveBufferBytes: bufferBytes,
          bufferBudgetBytes: 16 * bufferBytes,
          offerTimestamps,
          userTimeoutMs: 60_000,
          synTimeoutMs: 60_000,
        })
        for (const { client, server } of churn(stacks, options.seed, 40)) {
          if (server === null) continue
          for (const [one, other] of [
            [client, server],
            [server, client],
          ] as const) {
            expect(one.receivedLength).toBeLessThanOrEqual(other.sentLength)
            const isWhole = !one.hasGivenUp && !other.hasGivenUp && one.error === null
            if (isWhole) expect(one.receivedLength).toBe(other.sentLength)
          }
        }
        for (const { tcp } of [stacks.left, stacks.right]) {
          expect([...tcp.sockets()].map(({ state }) => state)).toEqual([])
          expect(tcp.halfOpenCount + tcp.timeWaitCount).toBe(0)
          expect(tcp.nextDeadlineMs(stacks.clock.nowMs)).toBe(Number.POSITIVE_INFINITY)
          expect(tcp.memory.pool.drainingCount()).toBe(0)
          expect(tcp.memory.pool.availableBytes).toBe(tcp.configuration.bufferBudgetBytes)
        }
      },
    ),
    { numRuns: runs, seed },
  )
}, 600_000)
