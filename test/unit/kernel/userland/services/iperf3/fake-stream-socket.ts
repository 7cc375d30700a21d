/** A fake socket with a send ring whose old bytes can be sent again, and the counters that iperf3 reports. */
import type { TcpSocketHandler } from '../../../../../../net/socket/tcp/tcp-socket.ts'
import { FakeTcpSocket } from '../fake-tcp-socket.ts'

/** What lies in a fresh send buffer: bytes of another connection, which nobody may see. */
export const STALE = 0xaa

export class FakeStreamSocket extends FakeTcpSocket {
  handler: TcpSocketHandler | null = null
  readonly statistics = { bytesSent: 0, bytesReceived: 0, retransmissions: 0 }
  readonly configuration = { sendBufferBytes: 512 * 1024 }
  readonly congestion = { name: 'reno' }
  readonly sendBuffer: { capacity: number; heldLength: () => number }
  /** Bytes that went out by copy. */
  copiedBytes = 0
  private readonly ring: Buffer
  private position = 0

  constructor(sendBytes = 64 * 1024) {
    super(undefined, sendBytes)
    this.ring = Buffer.alloc(sendBytes, STALE)
    this.sendBuffer = { capacity: sendBytes, heldLength: () => this.sent.length }
  }

  setNoDelay(): void {}

  override arrive(bytes: Uint8Array | string): void {
    super.arrive(bytes)
    this.statistics.bytesReceived += bytes.length
  }

  receive(target: Uint8Array, offset: number, length: number): number {
    const count = Math.min(length, this.peekRange())
    target.set(this.readBuffer!.bytes.subarray(this.readOffset, this.readOffset + count), offset)
    this.consume(count)
    return count
  }

  override send(source: Uint8Array, offset: number, length: number): number {
    const count = super.send(source, offset, length)
    for (let index = 0; index < count; index++) this.ring[this.next()] = source[offset + index]!
    this.statistics.bytesSent += count
    this.copiedBytes += count
    return count
  }

  reserveRange(): number {
    if (!this.canSend()) throw new Error('reserve on a closed socket')
    if (this.sendSpace === 0) this.isWriteBlocked = true
    return this.sendSpace
  }

  commitSend(length: number): void {
    if (length > this.sendSpace) throw new RangeError(`commit ${length}`)
    const bytes = Buffer.alloc(length)
    for (let index = 0; index < length; index++) bytes[index] = this.ring[this.next()]!
    this.sent = Buffer.concat([this.sent, bytes])
    this.sendSpace -= length
    this.statistics.bytesSent += length
  }

  private next(): number {
    return this.position++ % this.ring.length
  }
}
