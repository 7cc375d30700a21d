/** Hop limit and code point, which outlive the path of a connection (MUST-48, MUST-49). */
import { describe, expect, it } from 'vitest'
import type { TcpStream } from '../../../../../net/api/tcp-stream.ts'
import type { TcpSocket } from '../../../../../net/socket/tcp/tcp-socket.ts'
import {
  LEFT_V4,
  LEFT_V6,
  RIGHT_V4,
  RIGHT_V6,
  TwoStacks,
} from '../../../../simulation/two-stacks.ts'
import { address } from '../../../../support/interface-harness.ts'

/** The first octets of what is seen on the link, from one side. */
interface Seen {
  readonly codePoint: number
  readonly hopLimit: number
  readonly isReset: boolean
  readonly isFromLeft: boolean
}

const RST = 4
const CODE_POINT = 46

class World {
  readonly stacks: TwoStacks
  readonly seen: Seen[] = []
  readonly left: TcpStream
  readonly right: TcpStream

  static async open(hostname: string): Promise<World> {
    const stacks = new TwoStacks()
    let accepted: TcpStream | null = null
    stacks.right.listen({ port: 7 }, (stream) => {
      accepted = stream
      return new Promise(() => {})
    })
    let opened: TcpStream | null = null
    void stacks.left.connect({ hostname, port: 7 }).then((stream) => {
      opened = stream
    })
    await stacks.settle(() => opened !== null && accepted !== null, 5_000)
    return new World(stacks, opened!, accepted!)
  }

  private constructor(stacks: TwoStacks, left: TcpStream, right: TcpStream) {
    this.stacks = stacks
    this.left = left
    this.right = right
    stacks.link.observer = (from, frame) => this.note(from === stacks.link.left, frame)
  }

  socketOf(side: 'left' | 'right'): TcpSocket {
    return [...this.stacks[side].tcp.sockets()][0]!
  }

  /** Until the connection has given its path up, on both sides. */
  growIdle(): void {
    const sockets = [this.socketOf('left'), this.socketOf('right')]
    this.stacks.runFor(8_000)
    expect(sockets.map(({ flow }) => flow === null)).toEqual([true, true])
  }

  async write(stream: TcpStream): Promise<void> {
    await stream.write(new Uint8Array(5))
    this.stacks.runFor(1_000)
    this.socketOf('left').discard(5)
    this.socketOf('right').discard(5)
  }

  private note(isFromLeft: boolean, frame: Uint8Array): void {
    const isIpv4 = frame[12] === 0x08 && frame[13] === 0
    if (!isIpv4 && frame[12] !== 0x86) return
    if (frame[isIpv4 ? 23 : 20] !== 6) return
    const trafficClass = isIpv4 ? frame[15]! : ((frame[14]! << 4) | (frame[15]! >> 4)) & 0xff
    const flags = frame[(isIpv4 ? 34 : 54) + 13]!
    this.seen.push({
      codePoint: trafficClass >> 2,
      hopLimit: frame[isIpv4 ? 22 : 21]!,
      isReset: (flags & RST) !== 0,
      isFromLeft,
    })
  }
}

describe.each([RIGHT_V4, RIGHT_V6])('what the user set of IP headers, to %s', (hostname) => {
  it('is there after the connection was idle, of one that was accepted too', async () => {
    const world = await World.open(hostname)
    for (const stream of [world.left, world.right]) {
      stream.setHopLimit(9)
      stream.setDifferentiatedServices(CODE_POINT)
    }
    world.growIdle()
    await world.write(world.left)
    await world.write(world.right)
    for (const isFromLeft of [true, false]) {
      const seen = world.seen.filter((each) => each.isFromLeft === isFromLeft)
      expect(seen.length).toBeGreaterThan(1)
      for (const each of seen) expect(each).toMatchObject({ codePoint: CODE_POINT, hopLimit: 9 })
    }
  })

  it('may be set while it is idle, and holds from then on', async () => {
    const world = await World.open(hostname)
    world.growIdle()
    world.left.setHopLimit(9)
    world.left.setDifferentiatedServices(CODE_POINT)
    expect(() => world.left.setHopLimit(256)).toThrow(RangeError)
    expect(() => world.left.setDifferentiatedServices(64)).toThrow(RangeError)
    await world.write(world.left)
    expect(world.seen[0]).toMatchObject({ isFromLeft: true, codePoint: CODE_POINT, hopLimit: 9 })
    world.left.setDifferentiatedServices(0)
    world.growIdle()
    world.seen.length = 0
    await world.write(world.left)
    expect(world.seen[0]).toMatchObject({ isFromLeft: true, codePoint: 0, hopLimit: 9 })
  })

  it('is in the reset of a connection that is aborted', async () => {
    const world = await World.open(hostname)
    const { left, right } = world
    for (const stream of [left, right]) stream.setHopLimit(9)
    right.abort()
    world.stacks.runFor(1_000)
    expect(world.seen).toMatchObject([{ isReset: true, isFromLeft: false, hopLimit: 9 }])
    // Of one that is over nothing is sent: what is set then is without effect.
    expect(() => left.setHopLimit(8)).not.toThrow()
  })

  it('is in the reset that tells of text which nobody has read', async () => {
    const world = await World.open(hostname)
    world.right.setHopLimit(9)
    await world.left.write(new Uint8Array(5))
    world.stacks.runFor(1_000)
    world.seen.length = 0
    world.socketOf('right').close()
    world.stacks.runFor(1_000)
    expect(world.seen).toMatchObject([{ isReset: true, isFromLeft: false, hopLimit: 9 }])
  })

  it('is in the reset of a record that has waited for its peer in vain', async () => {
    const world = await World.open(hostname)
    world.right.setHopLimit(9)
    world.right.close()
    world.stacks.runFor(1_000)
    await world.left.write(new Uint8Array(5))
    world.stacks.runFor(1_000)
    world.seen.length = 0
    world.stacks.runFor(10_000)
    expect(world.seen).toMatchObject([{ isReset: true, isFromLeft: false, hopLimit: 9 }])
  })

  it('is in the last ACK, which the device refused at first', async () => {
    const world = await World.open(hostname)
    const { left, right, stacks } = world
    right.setHopLimit(9)
    right.closeWrite()
    stacks.runFor(1_000)
    world.seen.length = 0
    left.closeWrite()
    const filler = stacks.right.udp.open({ port: 0 })
    stacks.link.right.isStuck = true
    for (let count = 0; count < stacks.link.options.queueLength; count++) {
      filler.send(address(hostname === RIGHT_V4 ? LEFT_V4 : LEFT_V6), 9, new Uint8Array(1), 0, 1)
    }
    stacks.runFor(100)
    stacks.link.right.isStuck = false
    stacks.runFor(1_000)
    const answers = world.seen.filter(({ isFromLeft }) => !isFromLeft)
    expect(answers[0]).toMatchObject({ hopLimit: 9 })
  })
})
