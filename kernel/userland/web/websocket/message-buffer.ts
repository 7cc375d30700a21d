/**
 * The message that is being received: it takes memory as its bytes come, not as they are announced.
 */
import { contentBudget } from '../content-budget.ts'
import { ContentError } from '../content-error.ts'
import { CloseCode } from './frame.ts'
import type { Violation } from './frame-reader.ts'

/** Longest message, fragments together; then 1009. */
export const MESSAGE_LIMIT_BYTES = 16 * 1024 * 1024

const LEAST_BYTES = 1024
/** Longer ones are looked up in the budget each time that they grow. */
const LOOK_BYTES = 65_536

export class MessageBuffer {
  bytes = new Uint8Array(0)
  length = 0

  /**
   * Has room for `count` bytes more, of `announced` that the frame still holds. A violation when
   * the message is too long, or when memory is.
   */
  reserve(count: number, announced: number, isLastFrame: boolean): Violation | null {
    const needed = this.length + count
    if (this.length + announced > MESSAGE_LIMIT_BYTES) {
      const reason = `a message is longer than ${MESSAGE_LIMIT_BYTES} bytes`
      return { code: CloseCode.tooBig, reason }
    }
    if (needed <= this.bytes.length) return null
    const doubled = Math.max(2 * this.bytes.length, LEAST_BYTES)
    const most = isLastFrame ? this.length + announced : MESSAGE_LIMIT_BYTES
    return this.grow(Math.max(needed, Math.min(doubled, most)))
  }

  /** The message, in an array of its own. */
  take(): Uint8Array<ArrayBuffer> {
    const { bytes, length } = this
    this.clear()
    return bytes.length === length ? bytes : bytes.slice(0, length)
  }

  clear(): void {
    this.bytes = new Uint8Array(0)
    this.length = 0
  }

  private grow(capacity: number): Violation | null {
    if (!hasMemoryFor(capacity)) {
      return { code: CloseCode.tryAgainLater, reason: 'there is no memory for a message now' }
    }
    const bytes = new Uint8Array(capacity)
    bytes.set(this.bytes.subarray(0, this.length))
    this.bytes = bytes
    return null
  }
}

/** For the array, and the text or the copy that is made of it. */
function hasMemoryFor(lengthBytes: number): boolean {
  if (lengthBytes <= LOOK_BYTES) return contentBudget.canTakePiece(lengthBytes)
  try {
    contentBudget.requireWhole(2 * lengthBytes)
    return true
  } catch (error) {
    if (error instanceof ContentError) return false
    throw error
  }
}
