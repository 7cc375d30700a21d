/** A fake socket with the counters that iperf3 reports. */
import type { TcpSocketHandler } from '../../../../../../net/socket/tcp/tcp-socket.ts'
import { FakeTcpSocket } from '../fake-tcp-socket.ts'

export class FakeStreamSocket extends FakeTcpSocket {
  handler: TcpSocketHandler | null = null
  readonly statistics = { bytesSent: 0, bytesReceived: 0, retransmissions: 0 }
  readonly congestion = { name: 'reno' }
  readonly sendBuffer: { capacity: number; heldLength: () => number }
  constructor(sendBytes = 64 * 1024) {
    super(undefined, sendBytes)
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
    this.statistics.bytesSent += count
    return count
  }
}
