/**
 * A sender, with SACK or without, whose segments reach the receiver in batches: one loss among them
 * costs a fast retransmit, not a time-out.
 */
import { expect, it } from 'vitest'
import type { LinkOptions } from '../fakes/simulated-link.ts'
import { randomBytes, transfer } from './transfer.ts'
import { RIGHT_V4, TwoStacks } from './two-stacks.ts'

const BYTES = 100_000

/**
 * Left sends to right over a link that delivers a flight at one moment and loses the data frame
 * `index` of it.
 */
function loseOne(index: number, options: LinkOptions, selectiveAcks: boolean) {
  const stacks = new TwoStacks({ delayMs: 10, ...options }, { selectiveAcks })
  const { link } = stacks
  const carry = link.carry.bind(link)
  let dataFrames = 0
  link.carry = (from, bytes) => {
    if (from !== link.left || bytes.length < 1000 || dataFrames++ !== index) carry(from, bytes)
  }
  const { server } = transfer(stacks, RIGHT_V4, randomBytes(BYTES, 1), new Uint8Array(), 60_000)
  expect(server.receivedLength).toBe(BYTES)
  return stacks.left.tcp.readStatistics()
}

it.each([
  ['a plain card', { segmentationLimit: 0 }, false],
  ['a segmenting card', { segmentationLimit: 65_535 }, false],
  ['SACK and a plain card', { segmentationLimit: 0 }, true],
  ['SACK and a segmenting card', { segmentationLimit: 65_535 }, true],
])(
  'with %s the loss of any segment but the last few is repaired by fast retransmit (RFC 5681 §3.2)',
  (_, card, selectiveAcks) => {
    for (let index = 0; index < 60; index++) {
      const { retransmitTimeouts, fastRetransmits, retransmissions } = loseOne(
        index,
        card,
        selectiveAcks,
      )
      expect({ index, retransmitTimeouts, fastRetransmits, retransmissions }).toEqual({
        index,
        retransmitTimeouts: 0,
        fastRetransmits: 1,
        retransmissions: 1,
      })
    }
  },
)
