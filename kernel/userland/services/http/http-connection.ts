/**
 * One HTTP/1.x connection: requests one after another, content by ranges, answers as fast as the
 * socket takes them.
 */
import type { TcpSocket } from '../../../../net/socket/tcp/tcp-socket.ts'
import type { Connection } from '../../http/connection-table.ts'
import { ContentReader } from '../../http/content-reader.ts'
import type { Framing } from '../../http/framing.ts'
import {
  borrowCollector,
  type HeadCollector,
  MIXED_LINE_ENDS,
  refuseHead,
  returnCollector,
} from '../../http/head-collector.ts'
import type { Readable } from '../../http/known-head.ts'
import { putOff } from '../../http/pace.ts'
import { type Refusal, refuse } from '../../http/refusal.ts'
import type { RequestHead } from '../../http/request-head.ts'
import { type Pausing, pause, REQUESTS_A_TURN } from '../../http/requests-a-turn.ts'
import { renewTakingLimit, takenBy } from '../../http/taking-limit.ts'
import { CONTENT_TIMEOUT_MS, HEAD_TIMEOUT_MS, IDLE_TIMEOUT_MS } from '../../http/time-limits.ts'
import { Answering } from './answering.ts'
import { CONTINUE, type Response, refusalResponse } from './response.ts'
import { route, sinkResponse } from './routes.ts'

/** Content that no resource wants is read up to here to keep the connection. */
export const UNWANTED_CONTENT_LIMIT_BYTES = 65_536

export class HttpConnection extends Answering implements Connection, Pausing {
  isPausing = false
  /** Null between requests. */
  private collector: HeadCollector | null = null
  /** Null but while content is read. */
  private content: ContentReader | null = null
  /** Of content being read, when it is for the sink. */
  private contentSum = 0
  /** The answer once all content is here; null = it is for the sink. */
  private answer: Response | null = null

  begin(socket: TcpSocket): void {
    this.socket = socket
    this.beganMs = this.system.nowMs()
    this.deadlineMs = this.beganMs + IDLE_TIMEOUT_MS
  }

  get idleSinceMs(): number {
    const isIdle = this.hasAnswered && this.isIdle && this.socket.receivedLength === 0
    return isIdle ? this.deadlineMs - IDLE_TIMEOUT_MS : Number.POSITIVE_INFINITY
  }

  get unaskedSinceMs(): number {
    const isUnasked = !this.hasAnswered && this.isIdle && this.socket.receivedLength === 0
    return isUnasked ? this.deadlineMs - IDLE_TIMEOUT_MS : Number.POSITIVE_INFINITY
  }

  get isOver(): boolean {
    return this.phase === 'closed'
  }

  /** True between requests, before the first too. */
  private get isIdle(): boolean {
    return this.phase === 'head' && this.collector === null
  }

  /** Bytes, an end, or room have come: goes on as far as possible. */
  advance(): void {
    for (let answered = 0; !this.isPausing; ) {
      const progress =
        this.phase === 'head'
          ? this.readHead()
          : this.phase === 'content'
            ? this.readContent()
            : this.phase === 'response'
              ? this.sendResponse()
              : this.drain()
      if (!progress) return
      if (this.isIdle && ++answered === REQUESTS_A_TURN) pause(this, this.system)
    }
  }

  /**
   * Content for the sink is summed where the device has put it; the last of it comes through the
   * receive buffer.
   */
  offerData(bytes: Uint8Array, offset: number, length: number): number {
    const { phase } = this
    if (phase === 'head') return this.offerHead(bytes, offset, length)
    if (phase !== 'content' || this.answer !== null) return 0
    if (!this.content!.skipWithin(length)) return 0
    this.putOffDeadline(length)
    this.takeContent(bytes, offset, length)
    return length
  }

  /** The head that is known, and nothing else, is answered at once. The device may change bytes. */
  private offerHead(bytes: Uint8Array, offset: number, length: number): number {
    if (this.collector !== null || !this.socket.canSend()) return 0
    const read = this.shared.known.find(this.system, bytes, offset, length)
    if (read === null) return 0
    if (this.answerAgain(read)) return length
    this.shared.last.forgetMade()
    this.beginRead(read)
    this.shared.last.noteAsked(read, this.keepAlive)
    if (this.phase === 'response') this.sendResponse()
    return length
  }

  /** The deadline has passed. */
  expire(): void {
    if (this.phase === 'content' || (this.phase === 'head' && this.collector !== null)) {
      this.fail(refuse(408, 'the request took too long'))
      this.advance()
    } else if (this.phase === 'response') {
      const nowMs = this.system.nowMs()
      const deadlineMs = renewTakingLimit(this.socket, this.taken, this.deadlineMs, nowMs)
      this.taken = takenBy(this.socket)
      if (deadlineMs !== null) this.deadlineMs = deadlineMs
      else {
        this.system.debug('http: a response is given up: the peer takes too little of it')
        this.socket.abort()
      }
    } else {
      // A request may be on its way, the last answer too: no reset must destroy that.
      this.phase = 'closed'
      this.socket.linger()
    }
  }

  /** The peer has reset it, or the socket is closed for another reason. */
  end(): void {
    this.phase = 'closed'
  }

  windDown(): void {
    this.isWindingDown = true
    this.keepAlive = false
    if (this.isIdle) this.expire()
  }

  private readHead(): boolean {
    const length = this.socket.peekRange()
    if (length === 0) {
      // A peer that ends within a head gets no answer: it cannot have wanted one.
      if (this.socket.isPeerFinished) this.closeNow()
      return false
    }
    const { bytes } = this.socket.readBuffer!
    const wasPartial = this.collector !== null
    const { readOffset } = this.socket
    const read = wasPartial ? null : this.shared.known.find(this.system, bytes, readOffset, length)
    if (read !== null) {
      this.socket.consume(length)
      this.beginRead(read)
      return true
    }
    const collector = this.collector ?? borrowCollector(this.system.headLength)
    const state = collector.push(bytes, readOffset, length)
    this.socket.consume(collector.consumed)
    // Empty lines before a request are none of it (RFC 9112 §2.2).
    this.collector = state === 'partial' && collector.isPartial ? collector : null
    if (state === 'complete') this.beginRequest(collector)
    else if (this.collector === null) returnCollector(collector)
    else if (!wasPartial) this.setDeadline(HEAD_TIMEOUT_MS)
    if (state !== 'complete' && state !== 'partial') this.fail(refuseHead(state))
    return true
  }

  private beginRequest(collector: HeadCollector): void {
    const { bytes, start, linesEnd, end, hasMixedLineEnds } = collector
    const read = this.shared.heads.read(this.system.decodeText(bytes, start, linesEnd - start))
    this.isHeadOnly = false
    if (hasMixedLineEnds) this.fail(MIXED_LINE_ENDS)
    else if ('framing' in read) {
      this.beginRead(read)
      // What is answered whole at once; more of it is the receive buffer's business.
      if (this.phase === 'response' && this.patternRemaining === 0) {
        this.shared.known.note(read, bytes, start, end)
      }
    } else this.fail(read.head)
    returnCollector(collector)
  }

  private beginRead(read: Readable): void {
    this.beganMs = this.system.nowMs()
    this.isHeadOnly = read.head.method === 'HEAD'
    const { framing } = read
    const problem = 'status' in framing ? framing : this.beginResource(read.head, framing)
    if (problem !== null) this.fail(problem)
  }

  /** Chooses the answer and the way of the content; else a Refusal that ends the connection. */
  private beginResource(head: RequestHead, framing: Framing): Refusal | null {
    this.keepAlive = framing.keepAlive && !this.isWindingDown
    const target = route(this.shared, head)
    if ('status' in target) {
      // Unread content of a refused request ends the connection; without any it may stay.
      if (framing.contentLength !== 0) return target
      this.respond(refusalResponse(this.system, target))
      return null
    }
    if (target.kind === 'sink') {
      if (!framing.hasContent) {
        return refuse(411, 'give Content-Length or Transfer-Encoding: chunked')
      }
      this.answer = null
    } else {
      if (framing.contentLength > UNWANTED_CONTENT_LIMIT_BYTES) {
        return refuse(413, 'this request needs no content')
      }
      this.answer = target.response
    }
    this.beginContent(framing)
    return null
  }

  private beginContent(framing: Framing): void {
    this.contentBytes = 0
    this.contentSum = 0
    if (!framing.hasContent) {
      this.finishContent()
      return
    }
    this.content = new ContentReader()
    this.content.begin(framing)
    if (this.content.isDone) {
      this.finishContent()
      return
    }
    this.phase = 'content'
    this.setDeadline(CONTENT_TIMEOUT_MS)
    if (framing.expectsContinue && this.socket.receivedLength === 0 && this.socket.canSend()) {
      const line = this.system.encodeText(CONTINUE)
      // Left out when the buffer is full of earlier answers: clients go on after a while (RFC 9110
      // §10.1.1).
      if (this.socket.canQueue(line.length)) this.socket.send(line, 0, line.length)
    }
  }

  private readContent(): boolean {
    const length = this.socket.peekRange()
    if (length === 0) {
      if (this.socket.isPeerFinished) this.fail(refuse(400, 'the content ended too early'))
      return this.phase !== 'content'
    }
    const content = this.content!
    const step = content.step(this.socket.readBuffer!.bytes, this.socket.readOffset, length)
    if (step === 'data') {
      this.takeContent(this.socket.readBuffer!.bytes, content.dataOffset, content.dataLength)
    }
    this.socket.consume(content.consumed)
    this.putOffDeadline(content.consumed)
    if (step === 'malformed') this.fail(content.problem)
    else if (content.isDone) this.finishContent()
    else if (this.answer !== null && this.contentBytes > UNWANTED_CONTENT_LIMIT_BYTES) {
      this.fail(refuse(413, 'this request needs no content'))
    }
    return true
  }

  /** Content goes into the sum where it lies. */
  private takeContent(bytes: Uint8Array, offset: number, length: number): void {
    this.contentBytes += length
    if (this.answer !== null) return
    this.contentSum = this.system.crc32(bytes, offset, length, this.contentSum)
  }

  private finishContent(): void {
    this.content = null
    const { answer } = this
    this.answer = null
    this.respond(answer ?? sinkResponse(this.system, this.contentBytes, this.contentSum))
  }

  /** And ends the connection after the answer: what follows cannot be trusted. */
  private fail(refusal: Refusal): void {
    this.keepAlive = false
    // A head that nobody could read began at no time.
    if (this.phase === 'head') this.beganMs = this.system.nowMs()
    this.system.debug(`http: a request is refused with ${refusal.status}: ${refusal.reason}`)
    this.respond(refusalResponse(this.system, refusal))
  }

  /** After the last answer: what still comes is dropped until the peer ends. */
  private drain(): boolean {
    this.socket.discard(this.socket.receivedLength)
    if (this.phase === 'linger' && this.socket.isPeerFinished) this.closeNow()
    return false
  }

  /** Content has come. */
  private putOffDeadline(bytes: number): void {
    this.deadlineMs = putOff(this.deadlineMs, bytes, this.system.nowMs(), CONTENT_TIMEOUT_MS)
  }

  private setDeadline(delayMs: number): void {
    this.deadlineMs = this.system.nowMs() + delayMs
  }
}
