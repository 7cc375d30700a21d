/**
 * The content of a request as it arrives: taken from the receive buffer only when the app asks for
 * the next piece.
 */
import type { TcpSocket } from '../../../net/socket/tcp/tcp-socket.ts'
import type { ContentReader } from '../http/content-reader.ts'
import type { SizedContent } from './collect-content.ts'
import { contentBudget } from './content-budget.ts'
import { ContentError } from './content-error.ts'
import { PIECE_OVERHEAD_BYTES } from './piece-list.ts'

/**
 * Longest piece: what is not asked for stays in the receive buffer, whose window then holds the
 * peer back.
 */
const PIECE_LIMIT_BYTES = 65_536

interface Waiter {
  resolve(result: IteratorResult<Uint8Array, undefined>): void
  reject(error: Error): void
}

export class RequestContent implements AsyncIterableIterator<Uint8Array, undefined>, SizedContent {
  /**
   * True once content has come; what a client that waits for an invitation has not sent yet is
   * more.
   */
  hasBegun = false
  private readonly socket: TcpSocket
  private readonly reader: ContentReader
  /** Told before the app waits, and after it has waited. */
  private readonly onWaiting: (isWaiting: boolean) => void
  private waiter: Waiter | null = null
  private failure: ContentError | null = null

  constructor(socket: TcpSocket, reader: ContentReader, onWaiting: (isWaiting: boolean) => void) {
    this.socket = socket
    this.reader = reader
    this.onWaiting = onWaiting
  }

  get lengthBytes(): number | null {
    return this.reader.lengthBytes
  }

  get isWaiting(): boolean {
    return this.waiter !== null
  }

  /**
   * False after malformed, cut off or late content: where the next request begins is then not
   * known.
   */
  get isSound(): boolean {
    return this.failure === null
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.waiter !== null) {
      return Promise.reject(new TypeError('Cannot read the body: another read is pending'))
    }
    const piece = this.take()
    if (piece !== null) return Promise.resolve({ done: false, value: piece })
    if (this.failure !== null) return Promise.reject(this.failure)
    if (this.reader.isDone) return Promise.resolve({ done: true, value: undefined })
    this.onWaiting(true)
    return new Promise((resolve, reject) => {
      this.waiter = { resolve, reject }
    })
  }

  /** Bytes or the peer's end have come: serves an app that waits. */
  advance(): void {
    if (this.waiter === null) return
    const value = this.take()
    if (value !== null) this.settle((waiter) => waiter.resolve({ done: false, value }))
    else if (this.reader.isDone) {
      this.settle((waiter) => waiter.resolve({ done: true, value: undefined }))
    }
  }

  /** No more will be read; an app that asks or waits gets this error. */
  fail(status: number, reason: string): void {
    if (this.failure === null && !this.reader.isDone) this.breakOff(status, reason)
  }

  /** The same when a piece is lost, be it the last one. */
  private breakOff(status: number, reason: string): void {
    const failure = new ContentError(status, reason)
    this.failure = failure
    this.settle((waiter) => waiter.reject(failure))
  }

  /** The next piece, copied out of the receive buffer; null when none is there. */
  private take(): Uint8Array | null {
    const { reader, socket } = this
    while (this.failure === null && !reader.isDone) {
      const length = socket.peekRange()
      if (length === 0) {
        if (socket.isPeerFinished) this.fail(400, 'the content ended too early')
        return null
      }
      this.hasBegun = true
      const { bytes } = socket.readBuffer!
      const step = reader.step(bytes, socket.readOffset, Math.min(length, PIECE_LIMIT_BYTES))
      const { consumed, dataOffset, dataLength } = reader
      const piece = step === 'data' ? copyPiece(bytes, dataOffset, dataLength) : null
      socket.consume(consumed)
      if (piece !== null) return piece
      if (step === 'data') this.breakOff(503, 'there is no memory for the content')
      else if (step === 'malformed') this.fail(reader.problem.status, reader.problem.reason)
    }
    return null
  }

  private settle(answer: (waiter: Waiter) => void): void {
    const { waiter } = this
    if (waiter === null) return
    this.waiter = null
    this.onWaiting(false)
    answer(waiter)
  }
}

/**
 * Null when there is no memory for it. Content comes within the kernel's turn, where what is thrown
 * would end the guest: this, its largest allocation, must end the request only.
 */
function copyPiece(bytes: Uint8Array, offset: number, length: number): Uint8Array | null {
  if (!contentBudget.canTakePiece(length + PIECE_OVERHEAD_BYTES)) return null
  try {
    return bytes.slice(offset, offset + length)
  } catch {
    return null
  }
}
