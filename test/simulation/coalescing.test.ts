/**
 * A receiver that joins segments itself, and a sender that leaves out ACKs, on links that lose,
 * reorder, repeat and damage: every byte arrives, and in order.
 */
import { describe, expect, it } from 'vitest'
import { SegmentJoiner } from '../../net/phy/segment-joiner.ts'
import type { TcpConfiguration } from '../../net/socket/tcp/configuration.ts'
import type { LinkOptions } from '../fakes/simulated-link.ts'
import { burstyDevice } from '../support/bursty-device.ts'
import { joiningDevice } from '../support/joining-device.ts'
import { testBulk } from '../support/memory.ts'
import { LEFT_V4, LEFT_V6, RIGHT_V4, TwoStacks } from './two-stacks.ts'

const BYTES = 400_000

/** Notes the longest frame that it has made. */
class NotingJoiner extends SegmentJoiner {
  longest = 0

  override finish(...args: Parameters<SegmentJoiner['finish']>): void {
    super.finish(...args)
    this.longest = Math.max(this.longest, args[2])
  }
}

async function transfer(
  hostname: string,
  options: LinkOptions,
  tcp: Partial<TcpConfiguration> = {},
  pauseMs = 0,
): Promise<NotingJoiner> {
  const joiner = new NotingJoiner(testBulk)
  const stacks = new TwoStacks(options, tcp, (device, clock) =>
    joiningDevice(pauseMs === 0 ? device : burstyDevice(device, clock, pauseMs), joiner),
  )
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
  return joiner
}

describe.each([LEFT_V4, LEFT_V6])('to %s', (hostname) => {
  it('joins on a link that loses nothing', async () => {
    const { statistics } = await transfer(hostname, { delayMs: 5 })
    expect(statistics.coalescedSegments).toBeGreaterThan(100)
  })

  it.each([0, 0.003])('joins to more than IP can say, loss %d', async (loss) => {
    // Such as come with one time, as those of a device that coalesces mostly do.
    const tcp = { offerTimestamps: false, pacing: false }
    const { longest } = await transfer(hostname, { seed: 7, delayMs: 5, loss }, tcp, 20)
    expect(longest).toBeGreaterThan(65_589)
  })

  it.each([1, 2, 3, 4, 5, 6])('loses no byte of a bad link, seed %i', async (seed) => {
    const faults = { loss: 0.02, duplicate: 0.02, reorder: 0.05, corrupt: 0.01 }
    await transfer(hostname, { seed, delayMs: 5, bytesPerMs: 10_000, ...faults })
  })
})

describe('a sender that is given only the last of several ACKs', () => {
  async function upload(selectiveAcks: boolean, faults: LinkOptions) {
    const joiner = new SegmentJoiner(testBulk)
    const link = { delayMs: 5, bytesPerMs: 10_000, ...faults }
    const stacks = new TwoStacks(link, { selectiveAcks }, (device, clock) =>
      joiningDevice(burstyDevice(device, clock, 4), joiner),
    )
    const sent = Uint8Array.from({ length: 2 * BYTES }, (_, i) => (i * 7 + (i >> 8)) & 0xff)
    const received = new Uint8Array(2 * BYTES)
    let isDone = false
    const receive = async () => {
      const stream = await stacks.right.listen({ port: 7 }).accept()
      for (let at = 0; at < sent.length; ) at += (await stream.read(received.subarray(at)))!
      isDone = true
    }
    const send = async () => {
      const stream = await stacks.left.connect({ hostname: RIGHT_V4, port: 7 })
      await stream.write(sent)
    }
    const work = Promise.all([receive(), send()])
    await stacks.settle(() => isDone, 600_000)
    await work
    expect(Buffer.compare(received, sent)).toBe(0)
    expect(joiner.statistics.supersededAcks).toBeGreaterThan(20)
    return stacks.left.tcp.readStatistics()
  }

  it.each([true, false])('sends nothing twice where nothing is lost, SACK: %s', async (sack) => {
    const { retransmittedBytes, segmentsReceived } = await upload(sack, {})
    expect(retransmittedBytes).toBe(0)
    expect(segmentsReceived).toBeLessThan((2 * BYTES) / 1448 / 4)
  })

  it.each([
    [true, 1],
    [true, 2],
    [true, 3],
    [false, 1],
    [false, 2],
    [false, 3],
  ])('gets through on a bad link, SACK: %s, seed %i', async (sack, seed) => {
    const faults = { loss: 0.01, duplicate: 0.01, reorder: 0.02, corrupt: 0.002 }
    await upload(sack, { seed, ...faults })
  })
})
