/**
 * Bulk transfers between two stacks through callback sockets, with what they sent and received kept
 * for comparison.
 */
import type { NetError } from '../../net/api/net-error.ts'
import type { TcpListenSocket } from '../../net/socket/tcp/open/listen-socket.ts'
import type { TcpSocket, TcpSocketHandler } from '../../net/socket/tcp/tcp-socket.ts'
import { parseIpAddress } from '../../net/wire/ip-address-text.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import type { TwoStacks } from './two-stacks.ts'

export function randomBytes(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length)
  new SeededRandom(seed).fill(bytes)
  return bytes
}

/**
 * Sends `outgoing`, then closes its half; collects what comes until the peer's end, then closes.
 */
export class Endpoint implements TcpSocketHandler {
  readonly received: Uint8Array
  receivedLength = 0
  isClosed = false
  isEnded = false
  error: NetError | null = null
  socket: TcpSocket | null = null
  /** Called when all that was expected is there. */
  onLastByte: () => void = () => {}
  private sentLength = 0
  private readonly outgoing: Uint8Array

  constructor(outgoing: Uint8Array, expectedLength: number) {
    this.outgoing = outgoing
    this.received = new Uint8Array(expectedLength)
  }

  attach(socket: TcpSocket): void {
    this.socket = socket
    socket.handler = this
  }

  onEstablished(socket: TcpSocket): void {
    this.pump(socket)
  }

  onWritable(socket: TcpSocket): void {
    this.pump(socket)
  }

  onReadable(socket: TcpSocket): void {
    while (socket.receivedLength > 0) {
      const room = this.received.length - this.receivedLength
      if (room === 0) throw new Error('Cannot receive: more bytes than were sent')
      this.receivedLength += socket.receive(this.received, this.receivedLength, room)
      if (this.receivedLength === this.received.length) this.onLastByte()
    }
  }

  onPeerFinished(socket: TcpSocket): void {
    this.isEnded = true
    this.onReadable(socket)
    if (this.sentLength === this.outgoing.length) socket.close()
  }

  onClose(_socket: TcpSocket, error: NetError | null): void {
    this.isClosed = true
    this.error = error
  }

  private pump(socket: TcpSocket): void {
    const { outgoing } = this
    while (this.sentLength < outgoing.length) {
      const count = socket.send(outgoing, this.sentLength, outgoing.length - this.sentLength)
      if (count === 0) return
      this.sentLength += count
    }
    socket.closeWrite()
  }
}

/** Connects left to right and runs until both ends are closed; returns both endpoints. */
export function transfer(
  stacks: TwoStacks,
  remote: string,
  leftBytes: Uint8Array,
  rightBytes: Uint8Array,
  limitMs: number,
  onLastByte: () => void = () => {},
): { client: Endpoint; server: Endpoint } {
  const { client, server, listener } = startTransfer(stacks, remote, leftBytes, rightBytes)
  server.onLastByte = onLastByte
  stacks.runUntil(() => client.isClosed && server.isClosed, limitMs)
  listener.close()
  return { client, server }
}

/** The same, for whoever runs the stacks: connects left to right. */
export function startTransfer(
  stacks: TwoStacks,
  remote: string,
  leftBytes: Uint8Array,
  rightBytes: Uint8Array,
): { client: Endpoint; server: Endpoint; listener: TcpListenSocket } {
  const client = new Endpoint(leftBytes, rightBytes.length)
  const server = new Endpoint(rightBytes, leftBytes.length)
  const listener = stacks.right.listenSocket({
    port: 5001,
    handler: {
      onConnection(which) {
        const socket = which.accept()!
        server.attach(socket)
        server.onEstablished(socket)
      },
    },
  })
  client.attach(
    stacks.left.connectSocket({ address: parseIpAddress(remote)!, port: 5001, handler: client }),
  )
  return { client, server, listener }
}
