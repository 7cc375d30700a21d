/**
 * The other end of a capture for tests: keeps what was handed over, has as much room as it is told,
 * listens or not.
 */
import type { CaptureChannel } from '../../net/capture/capture-channel.ts'
import { concat } from './frames.ts'

const MEMORY_BYTES = 256 * 1024
/** An odd place that is filled with junk: what is not written must not be handed over. */
const RESERVED_AT = 4099

export class MemoryChannel implements CaptureChannel {
  readonly bytes = new Uint8Array(MEMORY_BYTES)
  readonly view = new DataView(this.bytes.buffer)
  isOpen = true
  openings = 1
  /** Bytes that may still be reserved. */
  room = Number.POSITIVE_INFINITY
  flushes = 0
  private reserved = -1
  private readonly written: Uint8Array[] = []
  private readonly handedOver: Uint8Array[] = []

  reserve(lengthBytes: number): number {
    if (!this.isOpen || lengthBytes > this.room) return -1
    this.bytes.fill(0xa5, 0, RESERVED_AT + lengthBytes + 64)
    this.reserved = lengthBytes
    return RESERVED_AT
  }

  commit(lengthBytes: number): void {
    if (lengthBytes > this.reserved) {
      throw new Error(`${lengthBytes} bytes committed, ${this.reserved} reserved`)
    }
    this.reserved = -1
    this.room -= lengthBytes
    this.written.push(this.bytes.slice(RESERVED_AT, RESERVED_AT + lengthBytes))
  }

  flush(): void {
    this.flushes++
    this.handedOver.push(...this.written.splice(0))
  }

  /** Somebody else begins to listen: what was there is not his. */
  reopen(): void {
    this.isOpen = true
    this.openings++
    this.written.length = 0
    this.handedOver.length = 0
  }

  /** Everything handed over up to now. */
  file(): Uint8Array {
    return concat(...this.handedOver)
  }
}
