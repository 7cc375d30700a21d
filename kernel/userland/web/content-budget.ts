/**
 * How much of the heap content may take: one budget for all requests and responses, out of what is
 * free.
 */
import { ContentError } from './content-error.ts'

export interface Heap {
  freeMemoryBytes(): number
  /** Of what is no longer free, what sockets and devices have. */
  sharedMemoryBytes(): number
  /** Takes milliseconds. */
  collectGarbage(): void
  nowMs(): number
}

/**
 * Of what is free when the app begins: what content read as a whole leaves, for connections and for
 * what is made of it.
 */
const WHOLE_SHARE = 1 / 4
/**
 * The same for content in pieces, which an app may keep or not; less than that, and the guest
 * itself may run short.
 */
const PIECES_SHARE = 1 / 16
/** So much is taken between two looks at the heap. */
const LOOK_BYTES = 65_536
/**
 * However many requests are refused, looking for garbage takes no more than a tenth of the time: so
 * many times what it took is waited.
 */
const COLLECT_PAUSES = 9

/** Without a heap, as on Node, everything fits. */
export class ContentBudget {
  private heap: Heap | null = null
  private beginningBytes = 0
  private beginningSharedBytes = 0
  private unseenBytes = 0
  private collectMs = Number.NEGATIVE_INFINITY

  /** Called before the first content. */
  useHeap(heap: Heap): void {
    this.heap = heap
    this.beginningBytes = heap.freeMemoryBytes()
    this.beginningSharedBytes = heap.sharedMemoryBytes()
  }

  /**
   * Before `lengthBytes` are allocated for content that is kept whole. Throws ContentError: 413, or
   * 503 when it fits at other times.
   */
  requireWhole(lengthBytes: number): void {
    if (this.fits(lengthBytes, WHOLE_SHARE)) return
    const mostBytes = this.beginningBytes * (1 - WHOLE_SHARE)
    if (lengthBytes > mostBytes) {
      throw new ContentError(
        413,
        `content takes ${lengthBytes} bytes of memory; there are ${mostBytes}`,
      )
    }
    throw new ContentError(
      503,
      `content takes ${lengthBytes} bytes of memory; others have them now`,
    )
  }

  /** Before a piece is allocated: false when there is no memory for it. */
  canTakePiece(lengthBytes: number): boolean {
    this.unseenBytes += lengthBytes
    if (this.unseenBytes < LOOK_BYTES) return true
    this.unseenBytes = 0
    return this.fits(lengthBytes, PIECES_SHARE)
  }

  private fits(lengthBytes: number, share: number): boolean {
    const { heap } = this
    if (heap === null) return true
    // What connections have taken already, and do not give back, need not be left for them once
    // more.
    const takenBytes = heap.sharedMemoryBytes() - this.beginningSharedBytes
    const leastBytes = this.beginningBytes * PIECES_SHARE
    const leftBytes = Math.max(this.beginningBytes * share - takenBytes, leastBytes)
    const neededBytes = lengthBytes + leftBytes
    if (heap.freeMemoryBytes() >= neededBytes) return true
    const nowMs = heap.nowMs()
    if (nowMs < this.collectMs) return false
    heap.collectGarbage()
    const endMs = heap.nowMs()
    // Its clock counts whole milliseconds.
    this.collectMs = endMs + COLLECT_PAUSES * Math.max(endMs - nowMs, 1)
    return heap.freeMemoryBytes() >= neededBytes
  }
}

/** The one of this app. */
export const contentBudget = /* @__PURE__ */ new ContentBudget()
