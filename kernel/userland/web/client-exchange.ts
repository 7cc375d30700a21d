/** One request to another server and its response, on a connection of their own (RFC 9112). */

import { ContentReader } from '../http/content-reader.ts'
import { decodeOctets } from '../http/decode-octets.ts'
import { CHUNKED } from '../http/framing.ts'
import { HeadCollector } from '../http/head-collector.ts'
import {
  frameContent,
  parseResponseHead,
  type ResponseHead,
  UNTIL_END,
} from '../http/response-head.ts'
import { type Content, isWhole, toBytes } from './body.ts'
import { encodeUtf8, startTimer, stopTimer } from './host-globals.ts'
import { openPieces, type PieceSource } from './piece-source.ts'
import { encodeOctets } from './response-head.ts'

/** What `connect` gives: see TcpStream of net/api. */
export interface ClientStream {
  read(target: Uint8Array): Promise<number | null>
  write(bytes: Uint8Array): Promise<void>
  close(): void
  abort(): void
}

export interface OutgoingRequest {
  readonly method: string
  readonly target: string
  readonly host: string
  readonly fields: Iterable<readonly [string, string]>
  readonly content: Content | null
}

export interface IncomingResponse extends ResponseHead {
  readonly content: AsyncIterable<Uint8Array> | null
}

/**
 * Time of the server for each head, interim ones too, once it has all of the request, and longest
 * silence between two pieces of content, which a stream of events may have at any pace.
 */
export const SILENCE_LIMIT_MS = 300_000

/** Interim responses before the final one: 102 each ten seconds, for a quarter of an hour. */
export const INTERIM_LIMIT = 100

const READ_BYTES = 16_384
const WRITE_BYTES = 16_384
/** Fields that belong to the connection. */
const OWN_FIELDS = [
  'connection',
  'content-length',
  // Nothing here waits for the invitation.
  'expect',
  'host',
  'keep-alive',
  'te',
  'transfer-encoding',
  'upgrade',
]

export class ClientExchange {
  /** Told once when the connection is not used any more, however it ended. */
  onOver: (() => void) | null = null
  private readonly stream: ClientStream
  private readonly buffer = new Uint8Array(READ_BYTES)
  private start = 0
  private end = 0
  private timer: number | undefined
  private failure: unknown = null
  private isOver = false
  /** The body of the request, while there may be more of it. */
  private source: PieceSource | null = null

  constructor(stream: ClientStream) {
    this.stream = stream
  }

  /** Ends everything; whoever waits gets `reason`. */
  cancel(reason: unknown): void {
    if (this.isOver) return
    this.failure ??= reason
    stopTimer(this.timer)
    this.stream.abort()
    this.tellOver()
  }

  /** Resolves with the final response's head, its content to be asked for. */
  async run(request: OutgoingRequest): Promise<IncomingResponse> {
    // A server may answer before it has everything; then the rest of the request does not matter.
    // What the body throws ends the wait for the head too, see sendPieces.
    this.send(request).catch((error) => {
      this.failure ??= error
    })
    const head = await this.readHead()
    const length = frameContent(head, request.method)
    if (typeof length === 'string') throw this.broken(length)
    if (length === null || length === 0) {
      this.finish()
      return { ...head, content: null }
    }
    this.expectMore()
    return { ...head, content: this.readContent(length) }
  }

  private async send(request: OutgoingRequest): Promise<void> {
    const { content } = request
    if (content === null || isWhole(content)) {
      const whole = content === null ? null : toBytes(content)
      await this.stream.write(encodeRequestHead(request, whole?.length ?? null))
      if (whole !== null) await this.sendBytes(whole)
      return
    }
    try {
      const source = openPieces(content)
      this.source = source
      await this.stream.write(encodeRequestHead(request, CHUNKED))
      await this.sendPieces(source)
    } catch (error) {
      // Half a request must not look like a whole one.
      this.cancel(error)
      // Of one that was over before this began.
      this.source?.cancel(error)
      throw error
    }
  }

  /** In parts, since a server that takes them, however slowly, is not silent. */
  private async sendBytes(bytes: Uint8Array): Promise<void> {
    for (let offset = 0; offset < bytes.length; offset += WRITE_BYTES) {
      await this.stream.write(bytes.subarray(offset, offset + WRITE_BYTES))
      this.expectMore()
    }
  }

  private async sendPieces(source: PieceSource): Promise<void> {
    for (;;) {
      const item = await source.next()
      // What comes of a body that was told to end means nothing, its end included.
      if (this.isOver) throw this.failure ?? new Error('the server has answered already')
      if (item.done) break
      await this.sendChunk(toBytes(item.value))
    }
    this.source = null
    await this.stream.write(encodeUtf8('0\r\n\r\n'))
  }

  private async sendChunk(piece: Uint8Array): Promise<void> {
    if (piece.length === 0) return
    await this.stream.write(encodeUtf8(`${piece.length.toString(16)}\r\n`))
    await this.sendBytes(piece)
    await this.stream.write(encodeUtf8('\r\n'))
  }

  private async readHead(): Promise<ResponseHead> {
    const collector = new HeadCollector()
    let interim = 0
    this.expectMore()
    for (;;) {
      if (!(await this.fill())) throw this.broken('the server ended before it answered')
      const state = collector.push(this.buffer, this.start, this.end - this.start)
      this.start += collector.consumed
      if (state === 'partial') continue
      if (state !== 'complete') throw this.broken('the head of the response is too long')
      const { bytes, start, linesEnd } = collector
      const head = parseResponseHead(decodeOctets(bytes, start, linesEnd))
      if (typeof head === 'string') throw this.broken(head)
      // RFC 9110 §15.2: interim responses may come first, one or more. 101 was not asked for.
      if (head.status === 101) throw this.broken('the server changes the protocol')
      if (head.status >= 200) return head
      if (++interim > INTERIM_LIMIT) throw this.broken('it has interim responses without end')
      collector.reset()
      this.expectMore()
    }
  }

  private async *readContent(length: number): AsyncGenerator<Uint8Array, undefined> {
    const reader = new ContentReader()
    const isOpenEnded = length === UNTIL_END
    reader.begin({
      contentLength: isOpenEnded ? Number.MAX_SAFE_INTEGER : length,
      hasContent: true,
      expectsContinue: false,
      keepAlive: false,
    })
    let isWholeContent = false
    try {
      while (!reader.isDone) {
        if (!(await this.fillContent())) {
          if (isOpenEnded) break
          throw this.broken('the server ended within the content')
        }
        const step = reader.step(this.buffer, this.start, this.end - this.start)
        this.start += reader.consumed
        if (step === 'malformed') throw this.broken(reader.problem.reason)
        if (step !== 'data') continue
        const { dataOffset, dataLength } = reader
        yield this.buffer.slice(dataOffset, dataOffset + dataLength)
      }
      isWholeContent = true
    } finally {
      // Left early: the rest is not wanted.
      if (isWholeContent) this.finish()
      else this.cancel(new TypeError('the response was not read to its end'))
    }
    return undefined
  }

  /** Waits for bytes; false at the end of the stream. */
  private async fill(): Promise<boolean> {
    if (this.start < this.end) return true
    if (this.failure !== null) throw this.failure
    let count: number | null
    try {
      count = await this.stream.read(this.buffer)
    } catch (error) {
      throw this.failure ?? error
    }
    this.start = 0
    this.end = count ?? 0
    return count !== null
  }

  /** The same, for which the server, and then whoever reads, may be silent for the whole limit. */
  private async fillContent(): Promise<boolean> {
    if (this.start < this.end) return true
    this.expectMore()
    const isMore = await this.fill()
    this.expectMore()
    return isMore
  }

  /** From now on the server, and then whoever reads, has so long for what is waited for. */
  private expectMore(): void {
    stopTimer(this.timer)
    if (this.failure !== null || this.isOver) return
    this.timer = startTimer(
      () => this.cancel(new Error(`it was waited for ${SILENCE_LIMIT_MS / 1000} s`)),
      SILENCE_LIMIT_MS,
    )
  }

  private finish(): void {
    stopTimer(this.timer)
    this.stream.close()
    this.tellOver()
  }

  private tellOver(): void {
    this.isOver = true
    // The app's stream hears of it now, whatever it waits for itself.
    this.source?.cancel(this.failure ?? new Error('the server has answered already'))
    this.source = null
    const { onOver } = this
    this.onOver = null
    onOver?.()
  }

  private broken(reason: string): Error {
    const error = new Error(reason)
    this.cancel(error)
    return error
  }
}

/** `lengthBytes` of the content: null without any, CHUNKED for what is not known before. */
function encodeRequestHead(
  { method, target, host, fields }: OutgoingRequest,
  lengthBytes: number | null,
): Uint8Array {
  let head = `${method} ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n`
  for (const [name, value] of fields) {
    if (!OWN_FIELDS.includes(name)) head += `${name}: ${value}\r\n`
  }
  if (lengthBytes === CHUNKED) head += 'transfer-encoding: chunked\r\n'
  else if (lengthBytes !== null) head += `content-length: ${lengthBytes}\r\n`
  // RFC 9110 §8.6: a method that expects content says so when there is none.
  else if (method === 'POST' || method === 'PUT') head += 'content-length: 0\r\n'
  return encodeOctets(`${head}\r\n`)
}
