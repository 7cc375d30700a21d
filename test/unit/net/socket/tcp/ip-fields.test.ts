/** Hop limit and code point, which outlive the path of a connection (MUST-48, MUST-49). */
import { describe, expect, it } from 'vitest'
import type { ConnectOptions } from '../../../../../net/api/connect-stream.ts'
import type { ListenOptions } from '../../../../../net/api/stack.ts'
import type { TcpStream } from '../../../../../net/api/tcp-stream.ts'
import type { TcpConfiguration } from '../../../../../net/socket/tcp/configuration.ts'
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
  readonly seen: Seen[]
  readonly handshake: Seen[]
  readonly left: TcpStream
  readonly right: TcpStream

  static async open(
    hostname: string,
    options: Partial<ListenOptions> = {},
    tcp: Partial<TcpConfiguration> = {},
    connect: Partial<ConnectOptions> = {},
  ): Promise<World> {
    const stacks = new TwoStacks({}, tcp)
    const seen: Seen[] = []
    stacks.link.observer = (from, frame) => note(seen, from === stacks.link.left, frame)
    let accepted: TcpStream | null = null
    stacks.right.listen({ port: 7, ...options }, (stream) => {
      accepted = stream
      return new Promise(() => {})
    })
    let opened: TcpStream | null = null
    void stacks.left.connect({ hostname, port: 7, ...connect }).then((stream) => {
      opened = stream
    })
    await stacks.settle(() => opened !== null && accepted !== null, 5_000)
    const handshake = seen.splice(0)
    return new World(stacks, opened!, accepted!, seen, handshake)
  }

  private constructor(
    stacks: TwoStacks,
    left: TcpStream,
    right: TcpStream,
    seen: Seen[],
    handshake: Seen[],
  ) {
    this.stacks = stacks
    this.left = left
    this.right = right
    this.seen = seen
    this.handshake = handshake
  }

  /** What the right side has sent since, or in the handshake. */
  sentBy(side: 'left' | 'right', seen = this.seen): Seen[] {
    return seen.filter(({ isFromLeft }) => isFromLeft === (side === 'left'))
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
}

function note(seen: Seen[], isFromLeft: boolean, frame: Uint8Array): void {
  const isIpv4 = frame[12] === 0x08 && frame[13] === 0
  if (!isIpv4 && frame[12] !== 0x86) return
  if (frame[isIpv4 ? 23 : 20] !== 6) return
  const trafficClass = isIpv4 ? frame[15]! : ((frame[14]! << 4) | (frame[15]! >> 4)) & 0xff
  const flags = frame[(isIpv4 ? 34 : 54) + 13]!
  seen.push({
    codePoint: trafficClass >> 2,
    hopLimit: frame[isIpv4 ? 22 : 21]!,
    isReset: (flags & RST) !== 0,
    isFromLeft,
  })
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

  it('is in the SYN of a connection that is begun so, and in all that follows', async () => {
    const world = await World.open(hostname, {}, {}, WANTED)
    await world.write(world.left)
    const seen = world.sentBy('left', [...world.handshake, ...world.seen])
    expect(seen.length).toBeGreaterThan(2)
    for (const each of seen) expect(each).toMatchObject(SAID)
    world.growIdle()
    world.seen.length = 0
    await world.write(world.left)
    for (const each of world.sentBy('left')) expect(each).toMatchObject(SAID)
  })

  it.each([{ hopLimit: 0 }, { hopLimit: 256 }, { differentiatedServices: 64 }])(
    'is refused before anything is sent: %o',
    async (options) => {
      const { stacks, seen } = await World.open(hostname)
      seen.length = 0
      for (const to of [hostname, 'a.name']) {
        const connecting = stacks.left.connect({ hostname: to, port: 7, ...options })
        await expect(connecting).rejects.toThrow(RangeError)
      }
      stacks.runFor(1_000)
      expect(seen).toEqual([])
    },
  )

  const WANTED = { hopLimit: 255, differentiatedServices: CODE_POINT }
  const SAID = { hopLimit: 255, codePoint: CODE_POINT }

  it.each([
    ['a half-open record', {}],
    ['a SYN cookie', { maxHalfOpenPerListener: 0 }],
  ])('of a listener is in all that it says from the SYN-ACK on, by %s', async (_, tcp) => {
    const world = await World.open(hostname, WANTED, tcp)
    const { stacks } = world
    expect(world.sentBy('right', world.handshake)[0]).toMatchObject(SAID)
    await world.write(world.right)
    for (const each of world.sentBy('right')) expect(each).toMatchObject(SAID)
    expect(world.sentBy('right').length).toBeGreaterThan(0)
    // What is refused on behalf of nobody says what others' segments say.
    for (const each of world.sentBy('left')) expect(each).toMatchObject({ hopLimit: 64 })
    const stranger = stacks.left.connect({ hostname, port: 8 })
    await expect(Promise.all([stranger, stacks.runFor(100)])).rejects.toThrow('refused')
    expect(world.seen.at(-1)).toMatchObject({ isReset: true, hopLimit: 64, codePoint: 0 })
    await world.write(world.right)
    expect(world.sentBy('right').at(-1)).toMatchObject(SAID)
  })

  it('of a listener is checked', () => {
    const { right } = new TwoStacks()
    expect(() => right.listen({ port: 7, hopLimit: 0 })).toThrow(RangeError)
    expect(() => right.listen({ port: 7, differentiatedServices: 64 })).toThrow(RangeError)
  })

  it('is in what records of FIN-WAIT-2 and TIME-WAIT answer', async () => {
    const world = await World.open(hostname)
    const { left, right, stacks } = world
    right.setHopLimit(9)
    right.setDifferentiatedServices(CODE_POINT)
    right.close()
    stacks.runFor(500)
    expect(stacks.right.tcp.finWait2Count).toBe(1)
    world.seen.length = 0
    left.closeWrite()
    stacks.runFor(100)
    expect(stacks.right.tcp.timeWaitCount).toBe(1)
    expect(world.sentBy('right')).toMatchObject([{ hopLimit: 9, codePoint: CODE_POINT }])
  })

  it('is in the reset with which a record in FIN-WAIT-2 refuses text', async () => {
    const world = await World.open(hostname)
    world.right.setHopLimit(9)
    world.socketOf('right').close()
    world.stacks.runFor(500)
    expect(world.stacks.right.tcp.finWait2Count).toBe(1)
    world.seen.length = 0
    await world.left.write(new Uint8Array(5))
    world.stacks.runFor(100)
    expect(world.sentBy('right')).toMatchObject([{ isReset: true, hopLimit: 9 }])
  })
})
