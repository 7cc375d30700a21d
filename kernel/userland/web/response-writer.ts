/**
 * Sends one Response: at once when it fits, else as fast as the peer takes it and the app makes it.
 */
import type { TcpSocket } from '../../../net/socket/tcp/tcp-socket.ts'
import { type Content, isWhole, toBytes } from './body.ts'
import { encodeUtf8 } from './host-globals.ts'
import { openPieces, type PieceSource } from './piece-source.ts'
import { CHUNKED, type ResponseFraming } from './response-head.ts'

/** The peer is gone: nothing is left to do, and nobody to tell. */
export class Disconnected extends Error {}

/** Content up to here is joined with the head, so that both leave in one segment. */
const JOIN_LIMIT_BYTES = 16_384

const LAST_CHUNK = '0\r\n\r\n'

export class ResponseWriter {
  private readonly socket: TcpSocket
  /** Told before waiting for room, and after. */
  private readonly onWaiting: (isWaiting: boolean) => void
  private waiter: { resolve(): void; reject(error: Error): void } | null = null
  /** The app's stream, while there may be more of it. */
  private source: PieceSource | null = null
  private isAsking = false

  constructor(socket: TcpSocket, onWaiting: (isWaiting: boolean) => void) {
    this.socket = socket
    this.onWaiting = onWaiting
  }

  /**
   * Null when everything is queued already, else a promise of it. It rejects with Disconnected,
   * with what the app's stream throws, or with TypeError when that is not as long as announced.
   */
  send(head: Uint8Array, content: Content | null, framing: ResponseFraming): Promise<void> | null {
    if (content === null || !framing.hasContent) return this.sendWhole(head)
    if (!isWhole(content)) return this.sendStream(head, openPieces(content), framing.announced!)
    const bytes = toBytes(content)
    if (bytes.length > JOIN_LIMIT_BYTES) return this.sendBoth(head, bytes)
    const joined = new Uint8Array(head.length + bytes.length)
    joined.set(head)
    joined.set(bytes, head.length)
    return this.sendWhole(joined)
  }

  get isWaiting(): boolean {
    return this.waiter !== null
  }

  /** True while the app's stream has been asked for a piece that it does not have yet. */
  get isWaitingForApp(): boolean {
    return this.isAsking
  }

  /**
   * Something has come; it may be room. What the peer sends instead must not put off the time limit
   * for taking.
   */
  advance(): void {
    const { socket, waiter } = this
    if (waiter === null || (socket.canSend() && socket.sendSpace === 0)) return
    this.waiter = null
    this.onWaiting(false)
    waiter.resolve()
  }

  /**
   * The connection is over, for `reason`: the app's stream is told now, whatever it waits for
   * itself.
   */
  end(reason: unknown): void {
    this.waiter?.reject(new Disconnected())
    this.waiter = null
    this.source?.cancel(reason)
    this.source = null
  }

  private sendWhole(bytes: Uint8Array): Promise<void> | null {
    if (!this.socket.canSend()) return Promise.reject(new Disconnected())
    const sent = this.socket.send(bytes, 0, bytes.length)
    return sent === bytes.length ? null : this.write(bytes.subarray(sent))
  }

  private async sendBoth(head: Uint8Array, bytes: Uint8Array): Promise<void> {
    await this.write(head)
    await this.write(bytes)
  }

  private async sendStream(
    head: Uint8Array,
    source: PieceSource,
    announced: number,
  ): Promise<void> {
    this.source = source
    try {
      await this.write(head)
      await this.sendPieces(source, announced)
    } catch (error) {
      if (this.source !== null) source.cancel(error)
      throw error
    } finally {
      this.source = null
    }
  }

  private async sendPieces(source: PieceSource, announced: number): Promise<void> {
    let length = 0
    for (let item = await this.ask(source); !item.done; item = await this.ask(source)) {
      const piece = toBytes(item.value)
      length += piece.length
      if (announced >= 0 && length > announced) {
        throw new TypeError(`The body is longer than its content-length of ${announced}`)
      }
      // A chunk of length 0 would be the last one (RFC 9112 §7.1).
      if (piece.length === 0) continue
      if (announced === CHUNKED) {
        await this.write(encodeUtf8(`${piece.length.toString(16)}\r\n`))
        await this.write(piece)
        await this.write(encodeUtf8('\r\n'))
      } else {
        await this.write(piece)
      }
    }
    if (announced === CHUNKED) await this.write(encodeUtf8(LAST_CHUNK))
    else if (length < announced) {
      throw new TypeError(`The body ended after ${length} of ${announced} bytes`)
    }
  }

  private async ask(source: PieceSource): Promise<IteratorResult<unknown, unknown>> {
    if (!this.socket.canSend()) throw new Disconnected()
    this.isAsking = true
    let item: IteratorResult<unknown, unknown> | null = null
    try {
      item = await source.next()
    } catch (error) {
      if (this.source !== null) throw error
    }
    this.isAsking = false
    // What comes of a stream that was told to end means nothing, its end and its error included.
    if (item === null || this.source === null) throw new Disconnected()
    return item
  }

  private async write(bytes: Uint8Array): Promise<void> {
    for (let offset = 0; ; ) {
      if (!this.socket.canSend()) throw new Disconnected()
      offset += this.socket.send(bytes, offset, bytes.length - offset)
      if (offset === bytes.length) return
      this.onWaiting(true)
      await new Promise<void>((resolve, reject) => {
        this.waiter = { resolve, reject }
      })
    }
  }
}
