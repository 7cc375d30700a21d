/**
 * Many connections between two stacks, at random times, whose users do at random what a user may
 * do.
 */
import type { NetError } from '../../net/api/net-error.ts'
import type { TcpSocket, TcpSocketHandler } from '../../net/socket/tcp/tcp-socket.ts'
import { parseIpAddress } from '../../net/wire/ip-address-text.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { LEFT_V4, LEFT_V6, RIGHT_V4, RIGHT_V6, type TwoStacks } from './two-stacks.ts'

const PORT = 5001

/** Byte `position` of the stream of a connection that is known by a number. */
function patternByte(stream: number, position: number): number {
  return (stream * 7 + position * 13 + (position >>> 8)) & 0xff
}

/**
 * One end of a connection: writes a pattern, reads and checks the peer's, ends it in one of many
 * ways.
 */
export class RandomUser implements TcpSocketHandler {
  closings = 0
  error: NetError | null = null
  sentLength = 0
  receivedLength = 0
  isEnded = false
  /** The user has ended it in a way that may lose what is under way. */
  hasGivenUp = false
  /** Its own number, and its peer's once the first byte says so. */
  private readonly stream: number
  private readonly random: SeededRandom
  private readonly socket: TcpSocket

  constructor(socket: TcpSocket, stream: number, random: SeededRandom) {
    this.socket = socket
    this.stream = stream
    this.random = random
    socket.handler = this
  }

  onEstablished(): void {
    this.act()
  }

  onReadable(): void {
    if (this.random.nextFraction() < 0.7) this.read()
  }

  onWritable(): void {
    this.act()
  }

  onPeerFinished(): void {
    this.isEnded = true
    if (this.random.nextFraction() < 0.5) this.act()
  }

  onClose(_socket: TcpSocket, error: NetError | null): void {
    this.closings++
    this.error = error
    // What is unread when the connection ends in order can still be read.
    while (this.socket.receivedLength > 0) this.read()
  }

  /** Something at random; called by events and from time to time. */
  act(): void {
    if (this.closings > 0) return
    const { socket, random } = this
    const choice = random.nextFraction()
    if (choice < 0.45) this.write(Math.floor(random.nextFraction() ** 3 * 40_000))
    else if (choice < 0.75) this.read()
    else if (choice < 0.8) socket.setNoDelay(random.nextFraction() < 0.5)
    else if (choice < 0.85) socket.setKeepAlive(random.nextFraction() < 0.5 ? 3_000 : 0)
    else if (choice < 0.92) socket.closeWrite()
    else if (choice < 0.97) this.close()
    else if (choice < 0.98) this.abort()
  }

  /** Ends it for certain. */
  end(): void {
    if (this.closings > 0) return
    this.read()
    this.close()
  }

  private close(): void {
    // Data that is unread, or comes later, makes it a reset.
    this.hasGivenUp = true
    this.socket.close()
  }

  private abort(): void {
    this.hasGivenUp = true
    this.socket.abort()
  }

  private write(length: number): void {
    if (!this.socket.canSend()) return
    const bytes = new Uint8Array(length)
    for (let index = 0; index < length; index++) {
      bytes[index] = patternByte(this.stream, this.sentLength + index)
    }
    this.sentLength += this.socket.send(bytes, 0, length)
  }

  private read(): void {
    const bytes = new Uint8Array(1 + Math.floor(this.random.nextFraction() * 20_000))
    const count = this.socket.receive(bytes, 0, bytes.length)
    for (let index = 0; index < count; index++) {
      const expected = patternByte(this.peerStream(), this.receivedLength + index)
      if (bytes[index] !== expected) {
        throw new Error(`byte ${this.receivedLength + index} of stream ${this.stream} is wrong`)
      }
    }
    this.receivedLength += count
  }

  /** Both ends derive their numbers from the client's port. */
  private peerStream(): number {
    return this.stream ^ 1
  }
}

export interface ConnectionPair {
  client: RandomUser
  server: RandomUser | null
}

/**
 * Opens `connections` from either side, lets their users do as they please, then has all of them
 * end.
 */
export function churn(stacks: TwoStacks, seed: number, connections: number): ConnectionPair[] {
  const random = new SeededRandom(seed)
  const pairs = new Map<string, ConnectionPair>()
  const finished: ConnectionPair[] = []
  const servers: RandomUser[] = []
  for (const stack of [stacks.left, stacks.right]) {
    stack.listenSocket({
      port: PORT,
      backlog: 4,
      handler: {
        onConnection(listener) {
          for (let socket = listener.accept(); socket !== null; socket = listener.accept()) {
            const server = new RandomUser(socket, 2 * socket.remotePort + 1, random)
            servers.push(server)
            const key = `${stack === stacks.left ? 'R' : 'L'}${socket.ipVersion}:${socket.remotePort}`
            const pair = pairs.get(key)
            if (pair !== undefined) pair.server = server
            server.act()
          }
        },
      },
    })
  }
  const clients: RandomUser[] = []
  const open = () => {
    const fromLeft = random.nextFraction() < 0.5
    const isV4 = random.nextFraction() < 0.5
    const remote = fromLeft ? (isV4 ? RIGHT_V4 : RIGHT_V6) : isV4 ? LEFT_V4 : LEFT_V6
    const stack = fromLeft ? stacks.left : stacks.right
    const socket = stack.connectSocket({ address: parseIpAddress(remote)!, port: PORT })
    const client = new RandomUser(socket, 2 * socket.localPort, random)
    clients.push(client)
    const pair: ConnectionPair = { client, server: null }
    pairs.set(`${fromLeft ? 'L' : 'R'}${isV4 ? 4 : 6}:${socket.localPort}`, pair)
    finished.push(pair)
  }
  for (let opened = 0; opened < connections; opened++) {
    stacks.clock.after(random.nextFraction() * 20_000, open)
  }
  for (let step = 0; step < 600; step++) {
    stacks.clock.after(step * 50, () => {
      for (const user of [...clients, ...servers]) {
        if (random.nextFraction() < 0.3) user.act()
      }
    })
  }
  stacks.runFor(30_000)
  for (let step = 0; step < 200; step++) {
    stacks.clock.after(step * 100, () => {
      for (const user of [...clients, ...servers]) user.end()
    })
  }
  stacks.runFor(400_000)
  for (const user of [...clients, ...servers]) {
    if (user.closings !== 1) throw new Error(`told ${user.closings} times of the end`)
  }
  return finished
}
