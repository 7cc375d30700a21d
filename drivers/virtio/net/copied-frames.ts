/**
 * Memory of the driver for payload that it copies and that no slot of the transmit queue has room
 * for: that of large UDP frames.
 */
import type { PayloadOwner } from '../../../net/storage/buffer.ts'
import type { DmaBuffer } from '../../dma-buffer.ts'
import type { Hal } from '../../hal.ts'

/**
 * Large copied frames that may be on their way to the device at once, by all queues; the next one
 * waits for one of them.
 */
export const MAX_COPIED_FRAMES = 8
/** Of the largest frame that a device segments. */
const COPIED_FRAME_BYTES = 65_536

/** In use while the device has a frame of it. */
export interface CopiedFrame extends PayloadOwner {
  readonly memory: DmaBuffer
}

export class CopiedFrames {
  private readonly frames: CopiedFrame[] = []
  private next = 0

  /** `count` 0: the device segments nothing that is copied. */
  constructor(hal: Hal, count: number) {
    for (let i = 0; i < count; i++) {
      this.frames.push({ memory: hal.allocateDma(COPIED_FRAME_BYTES, 64), framesInFlight: 0 })
    }
  }

  hasRoom(): boolean {
    return this.frames.some(({ framesInFlight }) => framesInFlight === 0)
  }

  /** Memory that the device has no frame in; null while there is none. */
  take(): CopiedFrame | null {
    const { frames } = this
    for (let tries = 0; tries < frames.length; tries++) {
      const frame = frames[this.next]!
      this.next = (this.next + 1) % frames.length
      if (frame.framesInFlight === 0) return frame
    }
    return null
  }
}
