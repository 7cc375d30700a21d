/**
 * Segmentation offload by connection and at run time: who cuts changes, what is on the wire does
 * not.
 */
import { describe, expect, it } from 'vitest'
import type { TcpStream } from '../../../../net/api/tcp-stream.ts'
import { LEFT_V4, RIGHT_V4, RIGHT_V6, TwoStacks } from '../../../simulation/two-stacks.ts'

/**
 * All of it fits what may be queued at once: when the queue has run empty, which PSH says, does not
 * depend on who cuts either.
 */
const BYTES = 60_000

interface Sent {
  /** Segments of the left stack with text, as they are on the wire. */
  readonly wire: Buffer[]
  /** Frames that its device was given to cut. */
  superFrames: number
}

class Lab {
  readonly stacks: TwoStacks
  readonly sent: Sent = { wire: [], superFrames: 0 }

  constructor() {
    // Without timestamps, which say when a packet was sent: what waits for an ACK, and how long,
    // depends on who cuts.
    this.stacks = new TwoStacks({ segmentationLimit: 65_535 }, { offerTimestamps: false })
    const { link } = this.stacks
    const { left } = link
    link.observer = (from, frame) => {
      if (from === left && hasText(frame)) this.sent.wire.push(Buffer.from(frame))
    }
    const submit = left.tx.submit.bind(left.tx)
    left.tx.submit = (record) => {
      const isTaken = submit(record)
      if (isTaken && record.meta.segmentationOffloadSize > 0) this.sent.superFrames++
      return isTaken
    }
  }

  async run<T>(work: Promise<T>): Promise<T> {
    let isDone = false
    const watched = work.finally(() => {
      isDone = true
    })
    watched.catch(() => {})
    await this.stacks.settle(() => isDone, 60_000)
    return watched
  }

  /** Sends from the left over a stream that the left has, until the right has all of it. */
  async transfer(stream: TcpStream, peer: TcpStream): Promise<void> {
    const receive = async () => {
      const buffer = new Uint8Array(65_536)
      for (let left = BYTES; left > 0; ) left -= (await peer.read(buffer))!
    }
    const bytes = Uint8Array.from({ length: BYTES }, (_, i) => (i * 7 + (i >> 8)) & 0xff)
    const received = receive()
    await this.run(stream.write(bytes))
    await this.run(received)
  }
}

function hasText(frame: Uint8Array): boolean {
  const isIpv4 = frame[12] === 8
  if (frame[isIpv4 ? 23 : 20] !== 6) return false
  const transport = isIpv4 ? 34 : 54
  const end = isIpv4 ? 14 + (frame[16]! << 8) + frame[17]! : 54 + (frame[18]! << 8) + frame[19]!
  return end > transport + (frame[transport + 12]! >> 4) * 4
}

describe.each([RIGHT_V4, RIGHT_V6])('a connection to %s', (hostname) => {
  async function connected(options: { segmentationOffload?: boolean }): Promise<Sent> {
    const lab = new Lab()
    const listener = lab.stacks.right.listen({ port: 7 })
    const accepting = listener.accept()
    const connecting = lab.stacks.left.connect({ hostname, port: 7, ...options })
    const stream = await lab.run(connecting)
    await lab.transfer(stream, await lab.run(accepting))
    return lab.sent
  }

  it('with segmentationOffload false has the same packets on the wire, and none that the device cuts', async () => {
    const [cut, own] = [await connected({}), await connected({ segmentationOffload: false })]
    expect(cut.superFrames).toBeGreaterThan(1)
    expect(own.superFrames).toBe(0)
    expect(own.wire.length).toBe(cut.wire.length)
    for (const [i, frame] of own.wire.entries()) expect(frame.equals(cut.wire[i]!)).toBe(true)
  })
})

it('a listener’s connections do without when it says so', async () => {
  const lab = new Lab()
  const listener = lab.stacks.left.listen({ port: 7, segmentationOffload: false })
  const accepting = listener.accept()
  const client = await lab.run(lab.stacks.right.connect({ hostname: LEFT_V4, port: 7 }))
  await lab.transfer(await lab.run(accepting), client)
  expect(lab.sent.superFrames).toBe(0)
  expect(lab.sent.wire.length).toBe(Math.ceil(BYTES / 1460))
})

it('is switched for all connections while they are open', async () => {
  const lab = new Lab()
  const { left, right } = lab.stacks
  const accepting = right.listen({ port: 7 }).accept()
  const stream = await lab.run(left.connect({ hostname: RIGHT_V4, port: 7 }))
  const peer = await lab.run(accepting)
  const counts: number[] = []
  for (const isOn of [true, false, true]) {
    left.host.egress.segmentation.tcpv4 = isOn
    left.tcp.planFrames()
    lab.sent.superFrames = 0
    await lab.transfer(stream, peer)
    counts.push(lab.sent.superFrames)
  }
  expect(counts[0]).toBeGreaterThan(0)
  expect(counts[1]).toBe(0)
  expect(counts[2]).toBeGreaterThan(0)
})
