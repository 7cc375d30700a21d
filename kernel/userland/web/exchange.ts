/** One request given to the app and the response to it, failures of either side included. */
import type { TcpSocket } from '../../../net/socket/tcp/tcp-socket.ts'
import type { ContentReader } from '../http/content-reader.ts'
import type { Framing } from '../http/framing.ts'
import { mustMakeRoom } from '../http/make-room.ts'
import type { RequestHead } from '../http/request-head.ts'
import { STATUS_TEXT } from '../http/status-text.ts'
import { AbortController } from './abort.ts'
import { isWhole } from './body.ts'
import { ContentError } from './content-error.ts'
import { DOMException } from './dom-exception.ts'
import type { FetchService } from './fetch-service.ts'
import { Headers } from './headers.ts'
import { encodeUtf8 } from './host-globals.ts'
import { openPieces } from './piece-source.ts'
import { ReceivedRequest, Request } from './request.ts'
import { RequestContent } from './request-content.ts'
import { Response } from './response.ts'
import { CHUNKED, encodeHead, frameResponse, UNTIL_CLOSE } from './response-head.ts'
import { Disconnected, ResponseWriter } from './response-writer.ts'
import type { Upgrade } from './upgrade.ts'

/** The connection that an exchange runs on. */
export interface ExchangeHost {
  readonly socket: TcpSocket
  readonly service: FetchService
  readonly reader: ContentReader
  /** The connection ends after this exchange. */
  readonly isWindingDown: boolean
  /** True when what is left of the content is known to be little enough to be skipped. */
  canSkipRest(): boolean
  /**
   * Sets the deadline for what is waited for now; a stream that the app makes may take its time.
   */
  waitFor(what: 'app' | 'content' | 'room' | 'stream'): void
  sendContinue(): void
  /** The response, of that status, is queued. */
  finish(keepAlive: boolean, status: number): void
  /** The response, a 101, is queued: the connection is `to`'s from now on. */
  upgrade(to: Upgrade): void
}

type Stage = 'asked' | 'answering' | 'over'

/**
 * How long a peer that has finished sending gets the rest of a response of unknown length, for as
 * long as the app has nothing of it ready. It may only have closed its side for sending, but more
 * often it has gone and will say no more until it is sent something.
 */
export const HALF_CLOSED_PATIENCE_MS = 500

export class Exchange {
  private readonly host: ExchangeHost
  private readonly head: RequestHead
  private readonly framing: Framing
  private readonly url: string
  private readonly content: RequestContent
  private readonly writer: ResponseWriter
  private stage: Stage = 'asked'
  private status = 0
  private controller: AbortController | null = null
  /** The client does not wait for 100 any more, or never did. */
  private isInvited: boolean
  /** Why the exchange ended before its time. */
  private endReason: unknown
  private isOpenEnded = false
  private isPeerWatched = false

  constructor(host: ExchangeHost, head: RequestHead, framing: Framing, url: string) {
    this.host = host
    this.head = head
    this.framing = framing
    this.url = url
    this.isInvited = !framing.expectsContinue
    this.content = new RequestContent(host.socket, host.reader, (isWaiting) => {
      if (isWaiting) {
        this.inviteContent()
        host.waitFor('content')
      } else {
        this.waitOn()
      }
    })
    this.writer = new ResponseWriter(host.socket, (isWaiting) => {
      if (isWaiting) host.waitFor('room')
      else this.waitOn()
    })
  }

  start(): void {
    const { framing, head, url } = this
    const content = framing.hasContent ? this.content : null
    const signal = () => {
      this.controller = new AbortController()
      if (this.stage === 'over') this.controller.abort(this.endReason)
      return this.controller.signal
    }
    const headers = Headers.of(head.fields)
    try {
      const request = new Request(new ReceivedRequest(head.method, url, headers, content, signal))
      const answer = this.host.service.handler(request)
      if (answer instanceof Response) {
        this.respond(answer)
        return
      }
      Promise.resolve(answer).then(
        (response) => this.respond(response),
        (error) => this.fail(error),
      )
    } catch (error) {
      this.fail(error)
    }
  }

  /** Bytes, an end, or room have come. */
  advance(): void {
    this.content.advance()
    this.writer.advance()
    this.watchPeer()
  }

  /** The deadline has passed. */
  expire(): void {
    if (this.content.isWaiting) {
      this.content.fail(408, 'the content took too long')
    } else if (this.stage === 'asked') {
      this.host.service.report(`${this.name} has no response yet and is answered with 503`)
      this.answerPlainly(503)
    } else {
      this.host.service.debug(`${this.name} is given up: the peer takes too little of the response`)
      this.host.socket.abort()
    }
  }

  /** The connection is over. */
  end(): void {
    if (this.stage === 'over') return
    this.stage = 'over'
    this.endReason = new DOMException('The client has gone away', 'AbortError')
    this.content.fail(400, 'the peer has gone away')
    this.controller?.abort(this.endReason)
    this.writer.end(this.endReason)
  }

  private get name(): string {
    return `${this.head.method} ${this.head.path}`
  }

  /**
   * A response without an end in sight, to a peer that will not ask for another, is not made for
   * ever.
   */
  private watchPeer(): void {
    const { service, socket } = this.host
    if (!socket.isPeerFinished || !this.isOpenEnded || this.isPeerWatched) return
    if (this.stage !== 'answering') return
    this.isPeerWatched = true
    service.clock.after(HALF_CLOSED_PATIENCE_MS, () => {
      this.isPeerWatched = false
      if (this.stage !== 'answering') return
      if (this.writer.isWaitingForApp) {
        this.end()
        socket.abort()
      } else {
        // It still takes what there is: then it is there, and has the time of anybody else.
        this.watchPeer()
      }
    })
  }

  /** One wait is over; another may go on, for content and room are waited for independently. */
  private waitOn(): void {
    if (this.stage === 'over') return
    if (this.content.isWaiting) this.host.waitFor('content')
    else if (this.writer.isWaiting) this.host.waitFor('room')
    else this.host.waitFor(this.stage === 'asked' ? 'app' : 'stream')
  }

  /**
   * One 100 at most, only while content is waited for and before the final response (RFC 9110
   * §10.1.1, §15.2).
   */
  private inviteContent(): void {
    if (this.isInvited || this.stage !== 'asked') return
    this.isInvited = true
    if (!this.content.hasBegun) this.host.sendContinue()
  }

  private respond(response: Response): void {
    if (this.stage !== 'asked') {
      // Too late: answered with 503, or the peer has gone.
      if (response instanceof Response) dispose(response)
      return
    }
    try {
      if (!(response instanceof Response)) {
        throw new TypeError(`fetch gave ${describe(response)} instead of a Response`)
      }
      if (response.webSocket === null) this.write(response)
      else this.upgrade(response, response.webSocket)
    } catch (error) {
      if (response instanceof Response) {
        response.webSocket?.giveUp('the response does not fit the request')
      }
      this.fail(error)
    }
  }

  /** The connection becomes another one, if the request asks for that as it must. */
  private upgrade(response: Response, to: Upgrade): void {
    const { framing, head, host } = this
    const { status, reason, fields } = to.answer(head, framing.hasContent, response.headers)
    let lines = ''
    for (const [name, value] of Object.entries(fields)) lines += `${name}: ${value}\r\n`
    if (status !== response.status) {
      host.service.debug(`${this.name}: ${status}, ${reason}`)
      to.giveUp(reason)
      const text = `${status} ${STATUS_TEXT[status]}: ${reason}\n`
      this.write(new Response(text, { status }), lines)
      return
    }
    this.stage = 'answering'
    host.waitFor('stream')
    const plain = { announced: null, hasContent: false, keepAlive: true }
    const begin = () => {
      if (this.stage === 'over') return to.giveUp('the client has gone away')
      this.stage = 'over'
      host.upgrade(to)
    }
    const sending = this.writer.send(encodeHead(response, plain, 1, lines), null, plain)
    if (sending === null) begin()
    else sending.then(begin, () => to.giveUp('the client has gone away'))
  }

  private write(response: Response, more = ''): void {
    const taken = response.takeContent()
    const content = typeof taken === 'string' ? encodeUtf8(taken) : taken
    const length = content === null ? null : content instanceof Uint8Array ? content.length : -1
    // A stream may be made of the content, which the client would not send after the final head
    // without having been asked.
    if (length === -1 && response.ok) this.inviteContent()
    // Only a stream may still be made of the content: what is left otherwise, nobody reads.
    const mayKeepAlive = this.mayKeepAlive() && (length === -1 || this.host.canSkipRest())
    const framing = frameResponse(response, length, this.head, mayKeepAlive)
    const head = encodeHead(response, framing, this.head.minorVersion, more)
    this.stage = 'answering'
    this.status = response.status
    this.host.waitFor('stream')
    if (content !== null && !isWhole(content) && !framing.hasContent) endStream(content)
    const sending = this.writer.send(head, content, framing)
    if (sending === null) this.finish(framing.keepAlive)
    else {
      sending.then(
        () => this.finish(framing.keepAlive),
        (error) => this.fail(error),
      )
      this.isOpenEnded = framing.announced === CHUNKED || framing.announced === UNTIL_CLOSE
      this.watchPeer()
    }
  }

  /**
   * Not after content that nobody can skip, nor when the client waits for 100 to send it, nor when
   * others wait for room.
   */
  private mayKeepAlive(): boolean {
    const { content, framing, host } = this
    if (host.isWindingDown || mustMakeRoom(host.socket)) return false
    if (!framing.keepAlive || !content.isSound) return false
    return this.isInvited || content.hasBegun || host.socket.receivedLength > 0
  }

  private finish(keepAlive: boolean): void {
    if (this.stage === 'over') return
    this.stage = 'over'
    const isSound = this.content.isSound
    this.content.fail(400, 'the response has been sent')
    this.host.finish(keepAlive && isSound, this.status)
  }

  /** What the app threw: 500 and one report, unless it is the peer's doing. */
  private fail(error: unknown): void {
    if (error instanceof Disconnected) return
    if (this.stage === 'over' && error === this.controller?.signal.reason) return
    const isPeers = error instanceof ContentError
    if (isPeers) this.host.service.debug(`${this.name}: ${error.status}, ${error.message}`)
    else this.host.service.report(`${this.name} failed:`, error)
    if (this.stage === 'asked') this.answerPlainly(isPeers ? error.status : 500)
    // A response that was begun cannot be taken back: only a reset says that it is not whole.
    else if (this.stage === 'answering') this.host.socket.abort()
  }

  private answerPlainly(status: number): void {
    const text = `${status} ${STATUS_TEXT[status]}\n`
    const headers = status === 500 ? undefined : { connection: 'close' }
    this.respond(new Response(text, headers === undefined ? { status } : { status, headers }))
  }
}

function dispose(response: Response): void {
  response.webSocket?.giveUp('the response comes too late')
  try {
    const content = response.takeContent()
    if (content !== null && !isWhole(content)) endStream(content)
  } catch {
    // Somebody else reads it, or it cannot be opened: nobody is left to hear of that.
  }
}

/** Tells a stream that nobody will read it. */
function endStream(content: AsyncIterable<unknown>): void {
  openPieces(content).cancel(new DOMException('The content is not wanted', 'AbortError'))
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  const name = typeof value === 'object' ? value.constructor?.name : undefined
  return name === undefined ? `a ${typeof value}` : `an object of ${name}`
}
