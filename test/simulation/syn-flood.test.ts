/**
 * A thousand SYNs a second from addresses that are nobody's, and clients among them: every one
 * connects, is reset by nobody and gets its bytes; memory is flat (RFC 4987).
 */
import { describe, expect, it } from 'vitest'
import type { NetError } from '../../net/api/net-error.ts'
import type { TcpSocket, TcpSocketHandler } from '../../net/socket/tcp/tcp-socket.ts'
import { emitIpAddress, ipv4Address, ipv6Address } from '../../net/wire/ip-address.ts'
import { parseIpAddress } from '../../net/wire/ip-address-text.ts'
import { createTcpHeader, emitTcp, parseTcp, TcpFlag } from '../../net/wire/tcp.ts'
import { completeTcp } from '../support/reference-segmenter.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { LEFT_V4, LEFT_V6, RIGHT_V4, RIGHT_V6, TwoStacks } from './two-stacks.ts'

const PORT = 80
const CLIENTS = 50
const FLOOD_MS = 20_000
const SYNS_PER_MS = 1
const MESSAGE_BYTES = 3000

type Sources = 'off the link' | 'on the link'

/** SYNs, of which every third has the options that Linux sends. */
class Flooder {
  sent = 0
  private readonly stacks: TwoStacks
  private readonly random: SeededRandom
  private readonly family: 4 | 6
  private readonly sources: Sources

  constructor(stacks: TwoStacks, family: 4 | 6, sources: Sources) {
    this.stacks = stacks
    this.random = new SeededRandom(99)
    this.family = family
    this.sources = sources
  }

  run(untilMs: number): void {
    const { clock } = this.stacks
    if (clock.nowMs >= untilMs) return
    for (let count = 0; count < SYNS_PER_MS; count++) this.sendOne()
    clock.after(1, () => this.run(untilMs))
  }

  private sendOne(): void {
    const { random, family } = this
    const header = createTcpHeader()
    header.sourcePort = 1024 + ((random.nextInt32() >>> 1) % 60_000)
    header.destinationPort = PORT
    header.sequenceNumber = random.nextInt32()
    header.flags = TcpFlag.Syn
    header.window = 64_240
    header.hasMss = true
    header.mss = 1460
    if (this.sent++ % 3 === 0) {
      header.hasTimestamps = true
      header.timestampValue = random.nextInt32()
      header.hasWindowScale = true
      header.windowScale = 7
    }
    const ip = family === 4 ? 20 : 40
    const frame = new Uint8Array(14 + ip + 60)
    const view = new DataView(frame.buffer)
    frame.set(this.stacks.link.right.hardwareAddress, 0)
    frame.set(this.stacks.link.left.hardwareAddress, 6)
    const length = emitTcp(view, 14 + ip, header)
    if (family === 4) this.writeIpv4(view, length)
    else this.writeIpv6(view, length)
    this.stacks.link.right.deliver(completeTcp(frame.subarray(0, 14 + ip + length)))
  }

  private writeIpv4(view: DataView, length: number): void {
    const draw = this.random.nextInt32() >>> 0
    // 10.0.0.3 to 254 or 203.0.0.0 to 203.255.255.255.
    const source =
      this.sources === 'on the link' ? 0x0a000003 + (draw % 252) : 0xcb000000 | (draw & 0xffffff)
    view.setUint16(12, 0x0800)
    view.setUint32(14, 0x45000000 | (20 + length))
    view.setUint32(18, 0x00004000)
    view.setUint32(22, 0x40060000)
    emitIpAddress(view, 26, ipv4Address(source))
    emitIpAddress(view, 30, parseIpAddress(RIGHT_V4)!)
    let sum = 0
    for (let offset = 14; offset < 34; offset += 2) sum += view.getUint16(offset)
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
    view.setUint16(24, ~sum & 0xffff)
  }

  private writeIpv6(view: DataView, length: number): void {
    const prefix = this.sources === 'on the link' ? 0xfd000000 : 0x20010db8
    const { random } = this
    view.setUint16(12, 0x86dd)
    view.setUint32(14, 0x60000000)
    view.setUint32(18, (length << 16) | 0x0640)
    emitIpAddress(view, 22, ipv6Address(prefix, 0, random.nextInt32(), random.nextInt32()))
    emitIpAddress(view, 38, parseIpAddress(RIGHT_V6)!)
  }
}

/** Sends a message, reads it back, and closes. */
class Client implements TcpSocketHandler {
  isEstablished = false
  isOver = false
  error: NetError | null = null
  private readonly received: number[] = []
  private readonly message: Uint8Array

  constructor(number: number) {
    this.message = Uint8Array.from({ length: MESSAGE_BYTES }, (_, at) => (at * 7 + number) & 0xff)
  }

  get isExact(): boolean {
    return Buffer.from(this.received).equals(this.message)
  }

  onEstablished(socket: TcpSocket): void {
    this.isEstablished = true
    socket.send(this.message, 0, this.message.length)
  }

  onReadable(socket: TcpSocket): void {
    const bytes = new Uint8Array(socket.receivedLength)
    socket.receive(bytes, 0, bytes.length)
    this.received.push(...bytes)
    if (this.received.length === this.message.length) socket.close()
  }

  onClose(_socket: TcpSocket, error: NetError | null): void {
    this.isOver = true
    this.error = error
  }
}

const ECHO: TcpSocketHandler = {
  onReadable(socket) {
    const bytes = new Uint8Array(socket.receivedLength)
    socket.receive(bytes, 0, bytes.length)
    socket.send(bytes, 0, bytes.length)
  },
  onPeerFinished: (socket) => socket.close(),
  onClose: () => undefined,
}

/** How many resets the server sends to the clients' address. */
function countResets(stacks: TwoStacks, family: 4 | 6): { count: number } {
  const resets = { count: 0 }
  const header = createTcpHeader()
  const start = family === 4 ? 34 : 54
  const own = new Uint8Array(family === 4 ? 4 : 16)
  const address = parseIpAddress(family === 4 ? LEFT_V4 : LEFT_V6)!
  emitIpAddress(new DataView(own.buffer), 0, address)
  stacks.link.observer = (from, frame) => {
    if (from !== stacks.link.right || frame[family === 4 ? 23 : 20] !== 6) return
    const to = frame.subarray(start - own.length, start)
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
    if (!parseTcp(view, start, frame.length - start, header)) return
    if ((header.flags & TcpFlag.Rst) !== 0 && Buffer.from(to).equals(own)) resets.count++
  }
  return resets
}

describe.each([
  [4, 'off the link', 0],
  [4, 'on the link', 0],
  [6, 'off the link', 0.02],
  [6, 'on the link', 0],
] as const)('a flood over IPv%i from %s, loss %d', (family, sources, loss) => {
  it('leaves every client its connection and its bytes, and holds no more memory than after a second', () => {
    const stacks = new TwoStacks({ seed: 5, delayMs: 2, loss, mtu: 1500, queueLength: 256 })
    const { left, right, clock } = stacks
    right.interface.addDefaultRoute(parseIpAddress(family === 4 ? LEFT_V4 : LEFT_V6)!)
    right.listenSocket({
      port: PORT,
      handler: {
        onConnection(listener) {
          for (let socket = listener.accept(); socket !== null; socket = listener.accept()) {
            socket.handler = ECHO
          }
        },
      },
    })
    const resets = countResets(stacks, family)
    const flooder = new Flooder(stacks, family, sources)
    flooder.run(clock.nowMs + FLOOD_MS)
    const clients: Client[] = []
    const address = parseIpAddress(family === 4 ? RIGHT_V4 : RIGHT_V6)!
    for (let number = 0; number < CLIENTS; number++) {
      const client = new Client(number)
      clients.push(client)
      clock.after(1500 + (number * (FLOOD_MS - 2500)) / CLIENTS, () => {
        left.connectSocket({ address, port: PORT, handler: client })
      })
    }
    const { maxHalfOpenPerListener } = right.tcp.configuration
    for (let second = 1; second <= FLOOD_MS / 1000; second++) {
      stacks.runFor(1000)
      expect(right.tcp.halfOpenCount).toBeLessThanOrEqual(maxHalfOpenPerListener)
      expect(right.tcp.connectionCount).toBeLessThanOrEqual(clients.length)
      // Who asks costs no neighbor: there is but the other host.
      expect(right.interface.neighbors.entries.length).toBeLessThanOrEqual(4)
    }
    stacks.runFor(60_000)
    expect(flooder.sent).toBe(FLOOD_MS * SYNS_PER_MS)
    expect(clients.filter(({ isEstablished }) => isEstablished)).toHaveLength(CLIENTS)
    expect(clients.filter(({ isExact }) => isExact)).toHaveLength(CLIENTS)
    expect(clients.filter(({ isOver, error }) => isOver && error === null)).toHaveLength(CLIENTS)
    expect(resets.count).toBe(0)
    const { synCookiesSent, synCookiesAccepted } = right.tcp.statistics
    expect(synCookiesSent).toBeGreaterThan(10_000)
    expect(synCookiesAccepted).toBeGreaterThan(CLIENTS / 2)
    stacks.runFor(200_000)
    expect([right.tcp.halfOpenCount, right.tcp.connectionCount]).toEqual([0, 0])
    expect(right.tcp.memory.pool.availableBytes).toBe(right.tcp.configuration.bufferBudgetBytes)
    expect(right.tcp.nextDeadlineMs(clock.nowMs)).toBe(Number.POSITIVE_INFINITY)
  }, 120_000)
})
