/**
 * A TcpSocket as services see it: what the peer sent comes in ranges, what the service sends is
 * collected.
 */
import type { TcpSocket, TcpSocketHandler } from '../../../../../net/socket/tcp/tcp-socket.ts'

export class FakeTcpSocket {
  readonly configuration = { maxConnections: 200, sendBufferBytes: 512 * 1024 }
  readonly frameLimit = 65_160
  isPeerFinished = false
  sent = Buffer.alloc(0)
  sendSpace: number
  isWriteBlocked = false
  /**
   * What the peer has acknowledged, and when it last did: as in TCP, which numbers octets from
   * anywhere.
   */
  sendUnacknowledged = 0x7fff_fff0
  progressMs = 0
  /** What has come. */
  receiveNext = 0x7fff_fff0
  waitingBehind = 0
  ending: 'open' | 'half-closed' | 'closed' | 'aborted' = 'open'
  readBuffer: { bytes: Uint8Array } | null = null
  readOffset = 0
  readLength = 0
  private received = Buffer.alloc(0)
  private readonly rangeLimit: number

  /** `rangeLimit`: longest contiguous range of received bytes, as the end of a ring makes them. */
  constructor(rangeLimit = 1 << 20, sendSpace = 1 << 20) {
    this.rangeLimit = rangeLimit
    this.sendSpace = sendSpace
  }

  get receivedLength(): number {
    return this.received.length
  }

  /** The socket with the type that services take. */
  asSocket(): TcpSocket {
    return this as unknown as TcpSocket
  }

  arrive(bytes: Uint8Array | string): void {
    const arriving = Buffer.from(bytes as string, 'latin1')
    this.receiveNext = (this.receiveNext + arriving.length) | 0
    this.received = Buffer.concat([this.received, arriving])
  }

  /**
   * Offers arriving bytes to the handler as TCP does, amid others as in a device's buffer; returns
   * what it leaves.
   */
  offer(handler: TcpSocketHandler, bytes: Uint8Array | string): Uint8Array {
    const arriving = Buffer.from(bytes as string, 'latin1')
    if (this.received.length > 0 || handler.offerData === undefined) return arriving
    const around = new Uint8Array(arriving.length + 20).fill(0x0a)
    around.set(arriving, 7)
    const taken = handler.offerData(this.asSocket(), around, 7, arriving.length)
    if (taken < 0 || taken > arriving.length) throw new RangeError(`took ${taken}`)
    return arriving.subarray(taken)
  }

  /** Takes what was sent so far and makes room for more. */
  takeSent(nowMs = 0): Buffer {
    const sent = this.sent
    this.sent = Buffer.alloc(0)
    this.sendSpace += sent.length
    this.acknowledge(sent.length, nowMs)
    this.isWriteBlocked = false
    return sent
  }

  /** The peer's system has taken so much; too little for room to be worth telling of. */
  acknowledge(length: number, nowMs: number): void {
    this.sendUnacknowledged = (this.sendUnacknowledged + length) | 0
    this.progressMs = nowMs
  }

  peekRange(): number {
    this.readLength = Math.min(this.received.length, this.rangeLimit)
    // Surrounded by other bytes, as in a ring buffer.
    const around = Buffer.alloc(this.readLength + 20, 0x0a)
    this.received.copy(around, 7, 0, this.readLength)
    this.readBuffer = { bytes: new Uint8Array(around) }
    this.readOffset = 7
    return this.readLength
  }

  consume(length: number): void {
    if (length < 0 || length > this.received.length) throw new RangeError(`consume ${length}`)
    this.received = this.received.subarray(length)
  }

  discard(length: number): number {
    const count = Math.min(length, this.received.length)
    this.consume(count)
    return count
  }

  canSend(): boolean {
    return this.ending === 'open'
  }

  canQueue(length: number): boolean {
    return this.canSend() && length <= this.sendSpace
  }

  send(source: Uint8Array, offset: number, length: number): number {
    if (!this.canSend()) throw new Error('send on a closed socket')
    if (offset + length > source.length) throw new RangeError('send beyond the source')
    if (length > this.sendSpace) this.isWriteBlocked = true
    const count = Math.min(length, this.sendSpace)
    this.sent = Buffer.concat([this.sent, source.subarray(offset, offset + count)])
    this.sendSpace -= count
    return count
  }

  /** Lent memory is a ring: its end is followed by its start. */
  sendLent(
    buffer: { bytes: Uint8Array; lengthBytes: number },
    offset: number,
    length: number,
  ): number {
    let count = 0
    while (count < length) {
      const at = (offset + count) % buffer.lengthBytes
      const piece = Math.min(length - count, buffer.lengthBytes - at)
      const sent = this.send(buffer.bytes, at, piece)
      count += sent
      if (sent < piece) break
    }
    return count
  }

  closeWrite(): void {
    if (this.ending === 'open') this.ending = 'half-closed'
  }

  close(): void {
    if (this.ending !== 'aborted') this.ending = this.received.length > 0 ? 'aborted' : 'closed'
  }

  linger(): void {
    this.received = Buffer.alloc(0)
    this.close()
  }

  abort(): void {
    this.ending = 'aborted'
  }
}
