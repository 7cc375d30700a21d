/**
 * Many seeds of loss, reordering and duplication: no sender ever waits for nothing, and the bytes
 * arrive.
 */
import { expect, it } from 'vitest'
import type { LinkOptions } from '../fakes/simulated-link.ts'
import { watchSenders } from './sender-watch.ts'
import { randomBytes, startTransfer } from './transfer.ts'
import { RIGHT_V4, TwoStacks } from './two-stacks.ts'

const SEEDS = 120
const UP_BYTES = 300_000
const DOWN_BYTES = 1_000
const LIMIT_MS = 600_000

const link = { delayMs: 10, bytesPerMs: 12_500, queueBytes: 262_144 }

/**
 * Moves bytes both ways for as long as it takes, at most `limitMs`; returns what the watch has to
 * say, and whether all of it arrived.
 */
function run(options: LinkOptions, selectiveAcks: boolean, limitMs: number) {
  const stacks = new TwoStacks(options, { selectiveAcks })
  const { client, server, listener } = startTransfer(
    stacks,
    RIGHT_V4,
    randomBytes(UP_BYTES, 1),
    randomBytes(DOWN_BYTES, 2),
  )
  const watch = watchSenders(stacks, () => [client.socket, server.socket])
  const endMs = stacks.clock.nowMs + limitMs
  const isOver = () => stacks.clock.nowMs >= endMs || (client.isClosed && server.isClosed)
  stacks.clock.at(endMs, () => {})
  stacks.runUntil(isOver, limitMs)
  listener.close()
  const isDone = server.receivedLength === UP_BYTES && client.receivedLength === DOWN_BYTES
  return { faults: watch.violations, isDone: isDone && client.error === null }
}

it.each([
  ['with SACK on a segmenting card at 5 %', { loss: 0.05, segmentationLimit: 65_535 }, true],
  ['with SACK on a plain card at 5 %', { loss: 0.05 }, true],
  [
    'with SACK at 10 %, out of order',
    { loss: 0.1, reorder: 0.05, segmentationLimit: 65_535 },
    true,
  ],
  [
    'with SACK at 10 %, twice, to a short queue',
    { loss: 0.1, duplicate: 0.1, queueLength: 4 },
    true,
  ],
  ['without SACK at 5 %', { loss: 0.05, segmentationLimit: 65_535 }, false],
])('%s', (_, impairments, selectiveAcks) => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { faults, isDone } = run({ ...link, ...impairments, seed }, selectiveAcks, LIMIT_MS)
    expect({ seed, faults, isDone }).toEqual({ seed, faults: [], isDone: true })
  }
})

// So many losses look like a path that loses what is large, and the segments shrink and grow again
// (RFC 4821 §7.7).
it.each([true, false])(
  'at 20 %, where connections may also give up (SACK: %s)',
  (selectiveAcks) => {
    for (let seed = 1; seed <= SEEDS / 4; seed++) {
      const impairments = { loss: 0.2, reorder: 0.1, duplicate: 0.05, segmentationLimit: 65_535 }
      const { faults } = run({ ...link, ...impairments, seed }, selectiveAcks, LIMIT_MS / 5)
      expect({ seed, faults }).toEqual({ seed, faults: [] })
    }
  },
)
