/**
 * A router that marks before its queue is full: the sender yields, and nothing is lost (RFC 3168).
 */
import { expect, it } from 'vitest'
import { randomBytes, transfer } from './transfer.ts'
import { RIGHT_V4, RIGHT_V6, TwoStacks } from './two-stacks.ts'

function run(remote: string, explicitCongestion: 'offer' | 'off', segmentationLimit: number) {
  const stacks = new TwoStacks(
    {
      ...{ delayMs: 10, bytesPerMs: 2_500, queueBytes: 100_000, markBytes: 20_000 },
      ...{ segmentationLimit, queueLength: 256 },
    },
    { explicitCongestion },
  )
  const bytes = randomBytes(4_000_000, 3)
  const { server } = transfer(stacks, remote, bytes, new Uint8Array(0), 60_000)
  expect(Buffer.compare(server.received, bytes)).toBe(0)
  return {
    link: stacks.link,
    sender: stacks.left.tcp.readStatistics(),
    receiver: stacks.right.tcp.readStatistics(),
  }
}

it.each([
  ['IPv4', RIGHT_V4, 0],
  ['IPv4 with super-segments', RIGHT_V4, 65_535],
  ['IPv6 with super-segments', RIGHT_V6, 65_535],
])('over %s marks take the place of losses', (_, remote, segmentationLimit) => {
  const without = run(remote, 'off', segmentationLimit)
  expect(without.link.framesMarked).toBe(0)
  expect(without.sender.retransmissions).toBeGreaterThan(0)
  const { link, sender, receiver } = run(remote, 'offer', segmentationLimit)
  expect(link.framesMarked).toBeGreaterThan(0)
  expect(receiver.congestionMarks).toBe(link.framesMarked)
  expect(sender.congestionEchoes).toBeGreaterThan(1)
  expect(link.framesDropped).toBe(0)
  expect(sender.retransmissions).toBe(0)
})
