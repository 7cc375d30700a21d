/**
 * What a connection of the built-in HTTP service answers with: from the answer's head to the last
 * of it in the socket's queue.
 */
import type { TcpSocket } from '../../../../net/socket/tcp/tcp-socket.ts'
import type { Readable } from '../../http/known-head.ts'
import { mustMakeRoom } from '../../http/make-room.ts'
import { countRequest, countStatus } from '../../http/request-meter.ts'
import { takenBy } from '../../http/taking-limit.ts'
import { IDLE_TIMEOUT_MS, LINGER_TIMEOUT_MS, RESPONSE_TIMEOUT_MS } from '../../http/time-limits.ts'
import { PATTERN_BYTES } from '../pattern.ts'
import type { AppSystem } from '../system.ts'
import { encodeResponse, type Response, withPattern } from './response.ts'
import type { SharedParts } from './shared-parts.ts'

/** So much of the pattern is copied behind the head: that costs less than lending it. */
const COPIED_PATTERN_BYTES = 1024

type Phase = 'head' | 'content' | 'response' | 'linger' | 'closed'

export abstract class Answering {
  deadlineMs = 0
  /** Set by who has made the copy: a field that comes later costs it another shape. */
  protected socket: TcpSocket = null as unknown as TcpSocket
  protected readonly system: AppSystem
  protected readonly shared: SharedParts
  protected phase: Phase = 'head'
  protected isHeadOnly = false
  protected keepAlive = true
  protected isWindingDown = false
  protected hasAnswered = false
  /** How much content of the request has come. */
  protected contentBytes = 0
  /** What the peer had taken when the limit for taking more began. */
  protected taken = 0
  /** When the head of the request was there. */
  protected beganMs = 0

  // Response being sent: its status, its bytes, then the pattern.
  private status = 0
  private outgoing: Uint8Array | null = null
  private outgoingOffset = 0
  protected patternRemaining = 0
  private patternOffset = 0

  /** A blank one, of which connections have copies: each begins with its socket. */
  constructor(system: AppSystem, shared: SharedParts) {
    this.system = system
    this.shared = shared
  }

  /** With the whole answer of before; false when another may be the right one. */
  protected answerAgain(read: Readable): boolean {
    const { shared, socket } = this
    const { last } = shared
    const answer = last.find(read)
    if (answer === null || this.isWindingDown || socket.waitingBehind > 0) return false
    const nowMs = this.system.nowMs()
    this.beganMs = nowMs
    this.isHeadOnly = false
    this.keepAlive = last.keepAlive
    this.status = 200
    const { length } = answer
    const sent = socket.send(answer, 0, length)
    if (sent === length) {
      this.endAnswer(nowMs)
      return true
    }
    this.outgoing = answer
    this.outgoingOffset = sent
    this.patternRemaining = 0
    this.awaitTaking(nowMs)
    return true
  }

  /** The answer goes out as the peer takes it, from `startMs` on. */
  private awaitTaking(startMs: number): void {
    this.phase = 'response'
    this.taken = takenBy(this.socket)
    this.deadlineMs = startMs + RESPONSE_TIMEOUT_MS
  }

  protected respond(response: Response): void {
    this.status = response.status
    const withContent = !this.isHeadOnly
    if (mustMakeRoom(this.socket)) this.keepAlive = false
    const head = encodeResponse(this.system, response, this.keepAlive, withContent)
    const patternBytes = withContent && response.content === null ? response.contentLength : 0
    this.outgoingOffset = 0
    this.patternOffset = 0
    if (patternBytes > 0 && patternBytes <= COPIED_PATTERN_BYTES) {
      this.outgoing = withPattern(head, this.shared.pattern, patternBytes)
      this.patternRemaining = 0
      this.shared.last.noteMade(this.outgoing)
    } else {
      this.outgoing = head
      this.patternRemaining = patternBytes
    }
    // Without content that is but a moment ago.
    this.awaitTaking(this.contentBytes === 0 ? this.beganMs : this.system.nowMs())
  }

  protected sendResponse(): boolean {
    if (!this.socket.canSend()) {
      this.closeNow()
      return false
    }
    const outgoing = this.outgoing
    if (outgoing !== null) {
      const length = outgoing.length - this.outgoingOffset
      const sent = this.socket.send(outgoing, this.outgoingOffset, length)
      this.outgoingOffset += sent
      if (sent < length) return false
      this.outgoing = null
    }
    const { pattern } = this.shared
    while (this.patternRemaining > 0) {
      // One byte more than there is room for, so that the socket calls back once there is room
      // again.
      const wanted = Math.min(this.patternRemaining, this.socket.sendSpace + 1)
      const length = pattern.prepare(this.patternOffset, wanted)
      const sent = this.socket.sendLent(pattern.buffer, this.patternOffset, length)
      this.patternRemaining -= sent
      this.patternOffset = (this.patternOffset + sent) % PATTERN_BYTES
      if (sent < length) return false
    }
    this.endAnswer(this.system.nowMs())
    return true
  }

  /** The last of the answer is queued. */
  private endAnswer(nowMs: number): void {
    countRequest(nowMs - this.beganMs)
    // Together with the request: one that is never sent whole is none that was answered.
    if (this.status !== 200) countStatus(this.status)
    if (this.keepAlive) {
      this.hasAnswered = true
      this.phase = 'head'
      this.deadlineMs = nowMs + IDLE_TIMEOUT_MS
    } else {
      this.phase = 'linger'
      this.deadlineMs = nowMs + LINGER_TIMEOUT_MS
      this.socket.closeWrite()
    }
  }

  protected closeNow(): void {
    this.phase = 'closed'
    this.socket.close()
  }
}
