/** How much of the heap content may take: one budget for all requests and responses, out of what is free. */
import { ContentError } from './content-error.ts'

export interface Heap {
  freeMemoryBytes(): number
  /** Takes milliseconds. */
  collectGarbage(): void
  nowMs(): number
}

/** Of what is free when the app begins: what content read as a whole leaves, for connections and for what is made of it. */
const WHOLE_SHARE = 1 / 4
/** The same for content in pieces, which an app may keep or not; less than that, and the guest itself may run short. */
const PIECES_SHARE = 1 / 16
/** So much is taken between two looks at the heap. */
const LOOK_BYTES = 65_536
/** Garbage is looked for no more often than this, however many requests are refused. */
const COLLECT_INTERVAL_MS = 1000

/** Without a heap, as on Node, everything fits. */
export class ContentBudget {
  private heap: Heap | null = null
  private beginningBytes = 0
  private unseenBytes = 0
  private collectedMs = Number.NEGATIVE_INFINITY

  /** Called before the first content. */
  useHeap(heap: Heap): void {
    this.heap = heap
    this.beginningBytes = heap.freeMemoryBytes()
  }

  /** Before `lengthBytes` are allocated for content that is kept whole. Throws ContentError: 413, or 503 when it fits at other times. */
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
    const neededBytes = lengthBytes + this.beginningBytes * share
    if (heap.freeMemoryBytes() >= neededBytes) return true
    const nowMs = heap.nowMs()
    if (nowMs - this.collectedMs < COLLECT_INTERVAL_MS) return false
    this.collectedMs = nowMs
    heap.collectGarbage()
    return heap.freeMemoryBytes() >= neededBytes
  }
}

/** The one of this app. */
export const contentBudget = /* @__PURE__ */ new ContentBudget()
