/**
 * One data connection of a test: what it receives is dropped unread, what it sends is lent from
 * memory that all streams share.
 */

import type { TcpSocket, TcpSocketHandler } from '../../../../net/socket/tcp/tcp-socket.ts'
import type { PacketBuffer } from '../../../../net/storage/buffer.ts'
import type { AppSystem, AppTimer } from '../system.ts'
import { COOKIE_BYTES } from './protocol.ts'

/** How often a stream with a rate limit sends. */
const PACING_INTERVAL_MS = 5
/** Some frames' worth. */
export const FILLER_BYTES = 512 * 1024

/** More than is ever taken, so that the next call is asked for. */
const OFFERED_BYTES = 1 << 30

/** As much of a ring as holds whole frames: none of them lies partly at its end. */
function wholeFrames(ring: PacketBuffer, frameBytes: number): PacketBuffer {
  return { ...ring, lengthBytes: ring.lengthBytes - (ring.lengthBytes % frameBytes) }
}

/** Writes bytes to send, the same in every test. */
export function fill(bytes: Uint8Array): void {
  for (let index = 0; index < 64; index++) bytes[index] = 0x30 + index
  for (let filled = 64; filled < bytes.length; filled *= 2) bytes.copyWithin(filled, 0, filled)
}

export interface StreamOptions {
  readonly id: number
  readonly isSender: boolean
  readonly noDelay: boolean
  /** For a sender; 0 = no limit. */
  readonly bitsPerSecond: number
  /** What a sender lends, from end to start again and again. */
  readonly filler: PacketBuffer | null
}

export class Iperf3Stream implements TcpSocketHandler {
  readonly id: number
  readonly isSender: boolean
  readonly socket: TcpSocket
  /** True once the connection has ended, orderly or not. */
  isOver = false
  private readonly system: AppSystem
  private filler: PacketBuffer | null
  private fillerOffset = 0
  private readonly bytesPerMs: number
  private isSending = false
  private startMs = 0
  private queuedBytes = 0
  private pacing: AppTimer | null = null
  private omittedBytes = 0
  private omittedRetransmissions = 0

  constructor(socket: TcpSocket, system: AppSystem, options: StreamOptions) {
    this.socket = socket
    this.system = system
    this.id = options.id
    this.isSender = options.isSender
    this.filler = options.filler
    this.bytesPerMs = options.bitsPerSecond / 8000
    socket.handler = this
    if (options.noDelay) socket.setNoDelay(true)
  }

  /** The test runs. */
  start(): void {
    if (!this.isSender) {
      this.onReadable(this.socket)
      return
    }
    if (!this.socket.canSend()) return
    this.isSending = true
    if (this.filler !== null) this.filler = wholeFrames(this.filler, this.socket.frameLimit)
    this.startMs = this.system.nowMs()
    if (this.bytesPerMs > 0) this.pace()
    else this.onWritable(this.socket)
  }

  /** Bytes of payload since the last omit(): sent for the first time, or received. */
  transferredBytes(): number {
    return this.totalBytes() - this.omittedBytes
  }

  retransmissions(): number {
    return this.socket.statistics.retransmissions - this.omittedRetransmissions
  }

  /** What was transferred until now does not count. */
  omit(): void {
    this.omittedBytes = this.totalBytes()
    this.omittedRetransmissions = this.socket.statistics.retransmissions
  }

  /**
   * A sender ends behind what it has queued, since the client reads whole blocks until it sees an
   * end.
   */
  stopSending(): void {
    if (!this.isSending) return
    this.isSending = false
    this.cancelPacing()
    this.socket.closeWrite()
  }

  /** The test is over, well or not: nothing of the connection stays behind. */
  end(): void {
    this.isSending = false
    this.cancelPacing()
    // Ends the cycle of references between the two, so that both are freed at once.
    this.socket.handler = null
    if (this.isOver) return
    if (this.socket.sendBuffer.heldLength() > 0) {
      this.socket.abort()
    } else {
      this.socket.discard(this.socket.receivedLength)
      this.socket.close()
    }
  }

  offerData(_socket: TcpSocket, _bytes: Uint8Array, _offset: number, length: number): number {
    return length
  }

  onReadable(socket: TcpSocket): void {
    socket.discard(socket.receivedLength)
  }

  onWritable(socket: TcpSocket): void {
    if (!this.isSending || this.bytesPerMs > 0) return
    if (socket.canSend()) this.send(OFFERED_BYTES)
  }

  onPeerFinished(socket: TcpSocket): void {
    socket.discard(socket.receivedLength)
  }

  onClose(socket: TcpSocket): void {
    socket.discard(socket.receivedLength)
    this.isOver = true
    this.isSending = false
    this.cancelPacing()
  }

  /** The client's cookie was the first that it sent. */
  private totalBytes(): number {
    const { statistics } = this.socket
    return this.isSender ? statistics.bytesSent : statistics.bytesReceived - COOKIE_BYTES
  }

  /** Queues filler; returns how much of it. */
  private send(length: number): number {
    const { filler } = this
    if (filler === null) return 0
    const sent = this.socket.sendLent(filler, this.fillerOffset, length)
    this.fillerOffset = (this.fillerOffset + sent) % filler.lengthBytes
    return sent
  }

  private pace(): void {
    const { socket } = this
    const elapsedMs = this.system.nowMs() - this.startMs + PACING_INTERVAL_MS
    const due = Math.floor(elapsedMs * this.bytesPerMs) - this.queuedBytes
    const length = Math.min(due, socket.sendSpace)
    if (length > 0 && socket.canSend()) this.queuedBytes += this.send(length)
    this.pacing = this.system.after(PACING_INTERVAL_MS, () => this.pace())
  }

  private cancelPacing(): void {
    this.pacing?.cancel()
    this.pacing = null
  }
}
