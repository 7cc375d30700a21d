/** What carries a WebSocket at a client: a stream that it has opened. */
import type { ClientStream } from '../client-exchange.ts'
import { monotonicMs, startTimer, stopTimer, yieldToNetwork } from '../host-globals.ts'
import type { Link } from './link.ts'
import type { Wire } from './wire.ts'

const READ_BYTES = 65_536
const WRITE_BYTES = 65_536

export class ClientWire implements Wire {
  private readonly stream: ClientStream
  private readonly link: Link
  readonly debug: (message: string) => void
  private isOver = false
  private isWriting = false
  /** The server's bytes have ended: nothing more is read. */
  private hasRead = false
  /** Pieces that the stream has taken. */
  private pieces = 0
  private deadlineMs = Number.POSITIVE_INFINITY
  private timer: number | undefined

  constructor(stream: ClientStream, link: Link, debug: (message: string) => void) {
    this.stream = stream
    this.link = link
    this.debug = debug
    link.attach(this)
  }

  /** Reads to the end, beginning with what came behind the answer; never rejects. */
  async run(first: Uint8Array): Promise<void> {
    try {
      await this.take(first)
      const buffer = new Uint8Array(READ_BYTES)
      while (!this.isOver) {
        const count = await this.stream.read(buffer)
        if (count === null) break
        await this.take(buffer.subarray(0, count))
      }
      this.hasRead = true
      this.link.endOfBytes()
    } catch (error) {
      this.link.drop(error instanceof Error ? error.message : String(error))
    }
  }

  /** One piece at a time, for the stream takes one write at a time. */
  send(bytes: Uint8Array, offset: number): number {
    if (this.isWriting || this.isOver) return 0
    const piece = bytes.subarray(offset, offset + WRITE_BYTES)
    this.isWriting = true
    this.stream.write(piece).then(
      () => {
        this.isWriting = false
        this.pieces++
        this.link.flush()
      },
      () => {
        this.isWriting = false
        // Else reading says why.
        if (this.hasRead) this.link.drop('the connection is gone')
      },
    )
    return piece.length
  }

  taken(): number {
    return this.pieces
  }

  finish(): void {
    if (!this.leave()) return
    this.stream.close()
  }

  abort(): void {
    if (this.leave()) this.stream.abort()
  }

  setDeadline(atMs: number): void {
    const isSooner = atMs < this.deadlineMs
    this.deadlineMs = atMs
    // A later one is looked at when the timer runs out.
    if (isSooner || this.timer === undefined) this.startTimer()
  }

  nowMs(): number {
    return monotonicMs()
  }

  private leave(): boolean {
    if (this.isOver) return false
    this.isOver = true
    stopTimer(this.timer)
    return true
  }

  private async take(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !this.isOver; ) {
      at += this.link.receive(bytes, at, bytes.length - at)
      if (this.link.mustPause) await yieldToNetwork()
    }
  }

  private startTimer(): void {
    stopTimer(this.timer)
    this.timer = undefined
    if (this.isOver || this.deadlineMs === Number.POSITIVE_INFINITY) return
    const delayMs = Math.max(0, this.deadlineMs - this.nowMs())
    this.timer = startTimer(() => {
      this.timer = undefined
      if (this.deadlineMs <= this.nowMs()) this.link.expire()
      if (this.timer === undefined) this.startTimer()
    }, Math.ceil(delayMs))
  }
}
