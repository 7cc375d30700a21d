/**
 * One connection of an app that exports `fetch`: requests one after another, each answered before
 * the next is read.
 */
import type { TcpSocket } from '../../../net/socket/tcp/tcp-socket.ts'
import type { Connection } from '../http/connection-table.ts'
import { ContentReader } from '../http/content-reader.ts'
import type { Framing } from '../http/framing.ts'
import {
  borrowCollector,
  type HeadCollector,
  MIXED_LINE_ENDS,
  refuseHead,
  returnCollector,
} from '../http/head-collector.ts'
import { Pace, putOff } from '../http/pace.ts'
import { type Refusal, refuse } from '../http/refusal.ts'
import type { RequestHead } from '../http/request-head.ts'
import { countRequest, countStatus } from '../http/request-meter.ts'
import { type Pausing, pause, REQUESTS_A_TURN } from '../http/requests-a-turn.ts'
import { STATUS_TEXT } from '../http/status-text.ts'
import { notAfterSilence, takenBy } from '../http/taking-limit.ts'
import {
  CONTENT_TIMEOUT_MS,
  HEAD_TIMEOUT_MS,
  IDLE_TIMEOUT_MS,
  LINGER_TIMEOUT_MS,
  RESPONSE_TIMEOUT_MS,
} from '../http/time-limits.ts'
import { Exchange, type ExchangeHost } from './exchange.ts'
import type { FetchService } from './fetch-service.ts'
import { encodeUtf8 } from './host-globals.ts'
import { isOutOfMemory } from './out-of-memory.ts'
import { Response } from './response.ts'
import { encodeHead, frameResponse } from './response-head.ts'
import type { Upgrade, Upgraded } from './upgrade.ts'

/** How long an app may think before it has a Response; then 503. */
export const HANDLER_TIMEOUT_MS = 60_000
/** Content that the app has not read is read up to here to keep the connection. */
export const UNWANTED_CONTENT_LIMIT_BYTES = 65_536

const SWITCHING_PROTOCOLS = 101
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'

const LIMITS_MS = {
  app: HANDLER_TIMEOUT_MS,
  stream: Number.POSITIVE_INFINITY,
}

type Phase = 'head' | 'exchange' | 'rest' | 'upgraded' | 'linger' | 'closed'

export class FetchConnection implements Connection, ExchangeHost, Pausing {
  deadlineMs: number
  readonly socket: TcpSocket
  readonly service: FetchService
  readonly reader = new ContentReader()
  isWindingDown = false
  /** Null between requests. */
  private collector: HeadCollector | null = null
  private phase: Phase = 'head'
  private exchange: Exchange | null = null
  private upgraded: Upgraded | null = null
  /** When the request was there. */
  private beganMs = 0
  private keepAlive = true
  private unwantedBytes = 0
  /** What the deadline is for, within an exchange. */
  private awaited: 'app' | 'content' | 'room' | 'stream' = 'app'
  /** Of the content of this request, once it was waited for. */
  private contentPace: Pace | null = null
  /**
   * Of what the peer takes, once that was waited for: of all responses, for another request does
   * not make room for its answer.
   */
  private roomPace: Pace | null = null
  private hasAnswered = false
  private isAdvancing = false
  /** Requests since `advance` was called. */
  private begun = 0
  /** Others have their turn: then it goes on by itself. */
  isPausing = false

  constructor(socket: TcpSocket, service: FetchService) {
    this.socket = socket
    this.service = service
    this.deadlineMs = service.clock.nowMs() + IDLE_TIMEOUT_MS
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
    return this.phase === 'closed' || this.upgraded?.isOver === true
  }

  /** True between requests, before the first too. */
  private get isIdle(): boolean {
    return this.phase === 'head' && this.collector === null
  }

  advance(): void {
    if (this.isAdvancing || this.isPausing) return
    this.isAdvancing = true
    this.begun = 0
    try {
      while (this.step()) {
        // Each step goes as far as it can.
        if (this.begun === REQUESTS_A_TURN && this.phase === 'head') {
          pause(this, this.service.clock)
          break
        }
      }
    } catch (error) {
      // This runs within the kernel's turn. When the app has used all memory up, that ends a
      // connection, not the guest.
      if (!isOutOfMemory(error)) throw error
      this.socket.abort()
      this.service.report('A connection is ended: out of memory')
    } finally {
      this.isAdvancing = false
    }
  }

  expire(): void {
    if (this.phase === 'exchange') {
      if (!this.isKeepingPace()) this.exchange!.expire()
    } else if (this.upgraded !== null) {
      this.upgraded.expire()
    } else if (this.phase === 'head' && this.collector !== null) {
      this.refuse(refuse(408, 'the request took too long'))
      this.advance()
    } else {
      // A request may be on its way, the last answer too: no reset must destroy that.
      this.phase = 'closed'
      this.socket.linger()
    }
  }

  windDown(): void {
    this.isWindingDown = true
    if (this.isIdle) this.expire()
    else if (this.upgraded !== null) this.upgraded.windDown()
    else if (this.phase === 'rest') {
      this.keepAlive = false
      this.advance()
    }
  }

  end(): void {
    this.phase = 'closed'
    this.exchange?.end()
    this.upgraded?.end()
  }

  waitFor(what: 'app' | 'content' | 'room' | 'stream'): void {
    const nowMs = this.service.clock.nowMs()
    if (this.awaited === 'content') this.contentPace?.end(nowMs)
    else if (this.awaited === 'room') this.roomPace?.end(nowMs)
    this.awaited = what
    if (what === 'content') {
      const { receiveNext } = this.socket
      this.contentPace ??= new Pace(CONTENT_TIMEOUT_MS, receiveNext)
      this.deadlineMs = this.contentPace.begin(receiveNext, nowMs)
    } else if (what === 'room') {
      const taken = takenBy(this.socket)
      this.roomPace ??= new Pace(RESPONSE_TIMEOUT_MS, taken)
      this.deadlineMs = this.roomPace.begin(taken, nowMs)
    } else {
      this.deadlineMs = nowMs + LIMITS_MS[what]
    }
  }

  canSkipRest(): boolean {
    const { isDone, lengthBytes } = this.reader
    return isDone || (lengthBytes !== null && lengthBytes <= UNWANTED_CONTENT_LIMIT_BYTES)
  }

  sendContinue(): void {
    if (this.socket.receivedLength > 0 || !this.socket.canSend()) return
    const line = encodeUtf8(CONTINUE)
    // Left out when the buffer is full of earlier answers: clients go on after a while (RFC 9110
    // §10.1.1).
    if (this.socket.canQueue(line.length)) this.socket.send(line, 0, line.length)
  }

  finish(keepAlive: boolean, status: number): void {
    this.exchange = null
    this.keepAlive = keepAlive && !this.isWindingDown
    this.unwantedBytes = 0
    this.phase = 'rest'
    this.setDeadline(CONTENT_TIMEOUT_MS)
    countRequest(this.deadlineMs - CONTENT_TIMEOUT_MS - this.beganMs)
    countStatus(status)
    this.advance()
  }

  upgrade(to: Upgrade): void {
    const { service, socket } = this
    this.exchange = null
    this.phase = 'upgraded'
    countRequest(service.clock.nowMs() - this.beganMs)
    countStatus(SWITCHING_PROTOCOLS)
    this.upgraded = to.start({
      socket,
      nowMs: () => service.clock.nowMs(),
      debug: service.debug,
      advance: () => this.advance(),
      setDeadline: (atMs) => {
        this.deadlineMs = atMs
      },
    })
    if (this.isWindingDown) this.upgraded.windDown()
    this.advance()
  }

  private step(): boolean {
    if (this.phase === 'head') return this.readHead()
    if (this.phase === 'rest') return this.skipRest()
    if (this.phase === 'exchange') {
      this.exchange!.advance()
      return false
    }
    if (this.phase === 'upgraded') {
      this.upgraded?.advance()
      return false
    }
    this.socket.discard(this.socket.receivedLength)
    if (this.phase === 'linger' && this.socket.isPeerFinished) this.closeNow()
    return false
  }

  private readHead(): boolean {
    const { socket } = this
    const length = socket.peekRange()
    if (length === 0) {
      // A peer that ends within a head gets no answer: it cannot have wanted one.
      if (socket.isPeerFinished) this.closeNow()
      return false
    }
    const wasPartial = this.collector !== null
    const collector = this.collector ?? borrowCollector(this.service.headLength)
    const state = collector.push(socket.readBuffer!.bytes, socket.readOffset, length)
    socket.consume(collector.consumed)
    // Empty lines before a request are none of it (RFC 9112 §2.2).
    this.collector = state === 'partial' && collector.isPartial ? collector : null
    if (state === 'complete') this.beginRequest(collector)
    else if (this.collector === null) returnCollector(collector)
    else if (!wasPartial) this.setDeadline(HEAD_TIMEOUT_MS)
    if (state !== 'complete' && state !== 'partial') this.refuse(refuseHead(state))
    return true
  }

  private beginRequest(collector: HeadCollector): void {
    const { bytes, start, linesEnd, hasMixedLineEnds } = collector
    const read = this.service.readHead(bytes, start, linesEnd - start)
    returnCollector(collector)
    if (hasMixedLineEnds) this.refuse(MIXED_LINE_ENDS)
    else if (!('framing' in read)) this.refuse(read.head)
    else this.beginResource(read.head, read.framing)
  }

  private beginResource(head: RequestHead, framing: Framing | Refusal): void {
    const url = 'status' in framing ? null : this.service.urlOf(head)
    const isHead = head.method === 'HEAD'
    if ('status' in framing) this.refuse(framing, isHead)
    else if (url === null) this.refuse(refuse(400, 'Host and target make no http URL'), isHead)
    else if (head.method === 'TRACE') this.refuse(refuse(501, 'TRACE is not served'))
    else this.beginExchange(head, framing, url)
  }

  private beginExchange(head: RequestHead, framing: Framing, url: string): void {
    this.begun++
    this.reader.begin(framing)
    this.phase = 'exchange'
    this.awaited = 'app'
    this.contentPace = null
    this.setDeadline(HANDLER_TIMEOUT_MS)
    this.beganMs = this.deadlineMs - HANDLER_TIMEOUT_MS
    this.exchange = new Exchange(this, head, framing, url)
    this.exchange.start()
  }

  /** What the app has left of a request's content goes away, so that the next request comes. */
  private skipRest(): boolean {
    const { reader, socket } = this
    while (this.keepAlive && !reader.isDone) {
      const length = socket.peekRange()
      if (length === 0) {
        if (socket.isPeerFinished) this.keepAlive = false
        else return false
        break
      }
      const step = reader.step(socket.readBuffer!.bytes, socket.readOffset, length)
      socket.consume(reader.consumed)
      const nowMs = this.service.clock.nowMs()
      this.deadlineMs = putOff(this.deadlineMs, reader.consumed, nowMs, CONTENT_TIMEOUT_MS)
      // With the lines of chunks, which may take most of it: the loop waits for all of them.
      this.unwantedBytes += reader.consumed
      if (step === 'malformed' || this.unwantedBytes > UNWANTED_CONTENT_LIMIT_BYTES) {
        this.keepAlive = false
      }
    }
    if (this.keepAlive) {
      this.hasAnswered = true
      this.phase = 'head'
      this.setDeadline(IDLE_TIMEOUT_MS)
    } else {
      this.linger()
    }
    return true
  }

  /**
   * A request that never reaches the app: the connection ends after the answer, for what follows
   * cannot be trusted.
   */
  private refuse({ status, reason, allow }: Refusal, isHead = false): void {
    this.service.debug(`a request is refused with ${status}: ${reason}`)
    countRequest(0)
    countStatus(status)
    const response = new Response(`${status} ${STATUS_TEXT[status]}: ${reason}\n`, { status })
    if (allow !== null) response.headers.set('allow', allow)
    const text = response.takeContent() as string
    const request = { method: isHead ? 'HEAD' : 'GET', minorVersion: 1 } as const
    const head = encodeHead(response, frameResponse(response, text.length, request, false), 1)
    const content = encodeUtf8(isHead ? '' : text)
    // An answer that does not fit behind what the peer has not yet taken is left out.
    if (this.socket.canQueue(head.length + content.length)) {
      this.socket.send(head, 0, head.length)
      this.socket.send(content, 0, content.length)
    }
    this.linger()
  }

  /** Sends no more; what still comes is dropped until the peer ends. */
  private linger(): void {
    this.phase = 'linger'
    this.setDeadline(LINGER_TIMEOUT_MS)
    this.socket.closeWrite()
  }

  private closeNow(): void {
    this.phase = 'closed'
    this.socket.close()
  }

  /** True when what is waited for has moved enough for another deadline. */
  private isKeepingPace(): boolean {
    const { awaited, socket } = this
    if (awaited !== 'content' && awaited !== 'room') return false
    this.waitFor(awaited)
    if (awaited === 'room') this.deadlineMs = notAfterSilence(this.deadlineMs, socket)
    return this.deadlineMs > this.service.clock.nowMs()
  }

  private setDeadline(delayMs: number): void {
    this.deadlineMs = this.service.clock.nowMs() + delayMs
  }
}
