/**
 * A receiver that joins segments itself, on links that lose, reorder, repeat and damage: every byte
 * arrives, and in order.
 */
import { describe, expect, it } from 'vitest'
import { SegmentJoiner } from '../../net/phy/segment-joiner.ts'
import type { LinkOptions } from '../fakes/simulated-link.ts'
import { joiningDevice } from '../support/joining-device.ts'
import { testBulk } from '../support/memory.ts'
import { LEFT_V4, LEFT_V6, TwoStacks } from './two-stacks.ts'

const BYTES = 400_000

async function transfer(hostname: string, options: LinkOptions): Promise<number> {
  const joiner = new SegmentJoiner(testBulk)
  const stacks = new TwoStacks(options, {}, (device) => joiningDevice(device, joiner))
  const sent = Uint8Array.from({ length: BYTES }, (_, i) => (i * 7 + (i >> 8)) & 0xff)
  const received = new Uint8Array(BYTES)
  let isDone = false
  const receive = async () => {
    const stream = await stacks.left.listen({ port: 7 }).accept()
    for (let at = 0; at < BYTES; ) at += (await stream.read(received.subarray(at)))!
    isDone = true
  }
  const send = async () => {
    const stream = await stacks.right.connect({ hostname, port: 7 })
    await stream.write(sent)
  }
  const work = Promise.all([receive(), send()])
  await stacks.settle(() => isDone, 600_000)
  await work
  expect(Buffer.compare(received, sent)).toBe(0)
  return joiner.statistics.coalescedSegments
}

describe.each([LEFT_V4, LEFT_V6])('to %s', (hostname) => {
  it('joins on a link that loses nothing', async () => {
    expect(await transfer(hostname, { delayMs: 5 })).toBeGreaterThan(100)
  })

  it.each([1, 2, 3, 4, 5, 6])('loses no byte of a bad link, seed %i', async (seed) => {
    const faults = { loss: 0.02, duplicate: 0.02, reorder: 0.05, corrupt: 0.01 }
    await transfer(hostname, { seed, delayMs: 5, bytesPerMs: 10_000, ...faults })
  })
})
