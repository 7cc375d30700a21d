/** Frames that wait for room, in order; the answer to a ping goes between two of them. */
import { contentBudget } from '../content-budget.ts'

/** More waiting for a peer ends the connection: it is too slow for what the app sends. */
export const SEND_QUEUE_LIMIT_BYTES = 16 * 1024 * 1024
/** What a frame takes beside its bytes: many small ones take more than they hold. */
const FRAME_OVERHEAD_BYTES = 128
/** So many that have gone are forgotten at once, which moves the others. */
const FORGOTTEN_AT_ONCE = 1024

interface Waiting {
  readonly frame: Uint8Array
  /** Bytes of the message in it. */
  readonly payloadBytes: number
}

/** Takes as many bytes from `offset` on as there is room for. */
export type Send = (bytes: Uint8Array, offset: number) => number

export class SendQueue {
  /** Bytes of messages that have not begun to be sent, as `bufferedAmount` counts them. */
  payloadBytes = 0
  private waiting: Waiting[] = []
  private first = 0
  private memoryBytes = 0
  /** How much of the first frame has gone. */
  private offset = 0
  /** RFC 6455 §5.5.3: of several pings "only the most recently processed" needs an answer. */
  private pong: Uint8Array | null = null

  get isEmpty(): boolean {
    return this.first === this.waiting.length && this.pong === null
  }

  /** False when there is no more room for what waits. */
  add(frame: Uint8Array, payloadBytes: number): boolean {
    const memoryBytes = frame.length + FRAME_OVERHEAD_BYTES
    if (this.memoryBytes + memoryBytes > SEND_QUEUE_LIMIT_BYTES) return false
    // With nothing before it a frame is gone in a moment, if the peer is not slow.
    if (!this.isEmpty && !contentBudget.canTakePiece(memoryBytes)) return false
    this.memoryBytes += memoryBytes
    this.payloadBytes += payloadBytes
    this.waiting.push({ frame, payloadBytes })
    return true
  }

  answerPing(frame: Uint8Array): void {
    this.pong = frame
  }

  /** Sends as far as there is room. */
  flush(send: Send): void {
    for (;;) {
      // The first of those that wait may be half gone: then the answer waits for its end.
      if (this.pong !== null && this.offset === 0 && !this.sendPong(this.pong, send)) return
      const next = this.waiting[this.first]
      if (next === undefined) break
      this.offset += send(next.frame, this.offset)
      if (this.offset < next.frame.length) return
      this.offset = 0
      this.first++
      this.memoryBytes -= next.frame.length + FRAME_OVERHEAD_BYTES
      this.payloadBytes -= next.payloadBytes
      if (this.first > FORGOTTEN_AT_ONCE) {
        this.waiting.splice(0, this.first)
        this.first = 0
      }
    }
    this.waiting.length = 0
    this.first = 0
  }

  /**
   * True when it has gone as a whole. One that has begun becomes the first of those that wait; one
   * that has not may still give its place to a later one, however long the peer takes nothing.
   */
  private sendPong(pong: Uint8Array, send: Send): boolean {
    const sent = send(pong, 0)
    if (sent === 0) return false
    this.pong = null
    if (sent === pong.length) return true
    this.waiting.splice(0, this.first, { frame: pong, payloadBytes: 0 })
    this.first = 0
    this.memoryBytes += pong.length + FRAME_OVERHEAD_BYTES
    this.offset = sent
    return false
  }

  /** Forgets what has not begun to go: a frame that has must come to its end. */
  keepBegun(): void {
    const begun = this.offset > 0 ? this.waiting[this.first] : undefined
    const { offset } = this
    this.clear()
    if (begun === undefined) return
    this.waiting.push(begun)
    this.offset = offset
    this.memoryBytes = begun.frame.length + FRAME_OVERHEAD_BYTES
  }

  clear(): void {
    this.waiting = []
    this.first = 0
    this.offset = 0
    this.memoryBytes = 0
    this.pong = null
  }
}
