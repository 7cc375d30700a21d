/**
 * A peer that reads nothing: what it sends is acknowledged all the same, and it learns of the end
 * of the connection.
 */
import { describe, expect, it } from 'vitest'
import type { TcpSocket, TcpSocketHandler } from '../../net/socket/tcp/tcp-socket.ts'
import { parseIpAddress } from '../../net/wire/ip-address-text.ts'
import { RIGHT_V4, RIGHT_V6, TwoStacks } from './two-stacks.ts'

const PORT = 80
const LENGTH = 1_000_000

/**
 * Reads what comes and sends LENGTH bytes at once; or reads nothing and sends when it is told to.
 */
class User implements TcpSocketHandler {
  readonly reads: boolean
  private sent = 0
  received = 0
  isClosed = false
  error: string | null = null

  constructor(reads: boolean) {
    this.reads = reads
  }

  onEstablished(socket: TcpSocket): void {
    if (this.reads) this.onWritable(socket)
  }

  onWritable(socket: TcpSocket): void {
    this.sent += socket.send(new Uint8Array(LENGTH - this.sent), 0, LENGTH - this.sent)
  }

  onReadable(socket: TcpSocket): void {
    if (this.reads) this.received += socket.discard(socket.receivedLength)
  }

  onClose(_socket: TcpSocket, error: { code: string } | null): void {
    this.isClosed = true
    this.error = error === null ? null : error.code
  }
}

function begin(address: string) {
  const stacks = new TwoStacks({ delayMs: 10 }, { receiveBufferBytes: 65_536 })
  const reader = new User(true)
  const silent = new User(false)
  let accepted: TcpSocket | null = null
  stacks.right.listenSocket({
    port: PORT,
    handler: {
      onConnection(listener) {
        accepted = listener.accept()!
        accepted.handler = silent
      },
    },
  })
  const options = { address: parseIpAddress(address)!, port: PORT, handler: reader }
  const socket = stacks.left.connectSocket(options)
  return { stacks, reader, silent, socket, accepted: () => accepted! }
}

describe.each([RIGHT_V4, RIGHT_V6])('a peer that reads nothing, %s', (address) => {
  it('has all that it sends acknowledged, as fast as if it did read, while its window is probed', () => {
    const { stacks, reader, silent, socket, accepted } = begin(address)
    stacks.runUntil(() => socket.statistics.zeroWindowProbes > 1, 10_000)
    const beforeMs = stacks.clock.nowMs
    silent.onWritable(accepted())
    stacks.runUntil(() => reader.received === LENGTH, 60_000)
    expect(stacks.clock.nowMs - beforeMs).toBeLessThan(2_000)
    const { retransmitTimeouts, retransmissions } = accepted().statistics
    expect([retransmitTimeouts, retransmissions]).toEqual([0, 0])
  })

  it('is told at once when the connection is aborted', () => {
    const { stacks, silent, socket } = begin(address)
    stacks.runUntil(() => socket.statistics.zeroWindowProbes > 1, 10_000)
    socket.abort()
    stacks.runFor(11)
    expect([silent.isClosed, silent.error]).toEqual([true, 'reset'])
  })
})
