/**
 * One end of a WebSocket (RFC 6455 §5 to §7) above whatever carries its bytes: frames to messages
 * and back, pings, the closing handshake, deadlines.
 */
import { RESPONSE_TIMEOUT_MS } from '../../http/time-limits.ts'
import { encodeUtf8, fillRandom, startTimer } from '../host-globals.ts'
import { isOutOfMemory } from '../out-of-memory.ts'
import { type Closing, closePayload, decodeText, readClose } from './close-payload.ts'
import {
  BINARY,
  CLOSE,
  CloseCode,
  CONTINUATION,
  CONTROL_LENGTH,
  encodeFrame,
  KEY_BYTES,
  PING,
  PONG,
  TEXT,
} from './frame.ts'
import { FrameReader, type Violation } from './frame-reader.ts'
import { MessageBuffer } from './message-buffer.ts'
import { SendQueue } from './send-queue.ts'
import type { Wire } from './wire.ts'

/** A peer that says nothing for so long is asked whether it is there, */
export const PING_AFTER_MS = 30_000
/** and has so long to answer. */
export const PONG_WITHIN_MS = 30_000
/** From our Close frame to the peer's, for as long as it takes nothing of what waits for it. */
export const CLOSE_TIMEOUT_MS = 10_000
/** A burst of small frames is read with the network's turns in between. */
const FRAMES_A_TURN = 64

/** Who is told, once for each. */
export interface LinkEvents {
  onText(text: string): void
  onBinary(bytes: Uint8Array<ArrayBuffer>): void
  /** The peer wants to close, or we do: nothing can be sent any more. */
  onClosing(): void
  /** `failure` is why it ended without a closing handshake, or null. */
  onClose(code: number, reason: string, failure: string | null): void
}

export type Role = 'server' | 'client'

type Stage = 'open' | 'closing' | 'closed'

export class Link {
  stage: Stage = 'open'
  /** After `receive`: others should have their turn before it is called again. */
  mustPause = false
  readonly queue = new SendQueue()
  private readonly role: Role
  private readonly events: LinkEvents
  private readonly reader: FrameReader
  private readonly message = new MessageBuffer()
  /** TEXT or BINARY while a message is being received. */
  private kind = CONTINUATION
  private readonly control = new Uint8Array(CONTROL_LENGTH)
  private controlLength = 0
  private wire: Wire | null = null
  private key: Uint8Array | null
  private heardMs = 0
  /** Something has come since a ping was sent. */
  private hasAnswered = true
  private takenBefore = 0
  private waitsFor: 'word' | 'pong' | 'room' | 'close' = 'word'
  /** Of the peer's Close frame. */
  private given: Closing | null = null
  private failure: string | null = null

  constructor(role: Role, events: LinkEvents) {
    this.role = role
    this.events = events
    this.reader = new FrameReader(role === 'server')
    this.key = role === 'client' ? new Uint8Array(KEY_BYTES) : null
  }

  /**
   * The handshake is done: from now on bytes go both ways. What was sent before goes first; what
   * was closed before is closed now.
   */
  attach(wire: Wire): void {
    if (this.stage === 'closed') {
      wire.abort()
      return
    }
    this.wire = wire
    this.heardMs = wire.nowMs()
    if (this.stage === 'open') this.waitFor('word', PING_AFTER_MS)
    else this.waitFor('close', CLOSE_TIMEOUT_MS)
    this.flush()
  }

  sendText(text: string): void {
    this.sendMessage(TEXT, encodeUtf8(text))
  }

  sendBinary(bytes: Uint8Array): void {
    this.sendMessage(BINARY, bytes)
  }

  /** Begins the closing handshake (§7.1.2). */
  close(code: number, reason: Uint8Array): void {
    if (this.stage !== 'open') return
    this.sendFrame(CLOSE, closePayload(code, reason), 0)
    this.beginClosing()
  }

  /**
   * Takes what has come, and returns how much: less than there is when `mustPause`. At most one
   * message is told of, so that what its listeners do by promises is done before the next.
   */
  receive(bytes: Uint8Array, offset: number, length: number): number {
    this.heardMs = this.wire!.nowMs()
    this.hasAnswered = true
    try {
      return this.read(bytes, offset, length)
    } catch (error) {
      // This runs within the kernel's turn: memory that is used up ends this connection only.
      if (!isOutOfMemory(error)) throw error
      this.drop('there is no memory for a message')
      return length
    }
  }

  /** There is room again. */
  flush(): void {
    const { queue, wire } = this
    if (wire === null || this.stage === 'closed') return
    queue.flush((frame, at) => wire.send(frame, at))
    if (queue.isEmpty) {
      if (this.waitsFor === 'room') this.waitFor('word', PING_AFTER_MS)
      this.finishWhenDone()
    } else if (this.stage === 'open' && this.waitsFor !== 'room') {
      this.waitFor('room', RESPONSE_TIMEOUT_MS)
    }
  }

  /** The deadline has passed, if nothing has come meanwhile. */
  expire(): void {
    if (this.wire === null || this.stage === 'closed') return
    const quietMs = this.wire.nowMs() - this.heardMs
    if (this.waitsFor === 'word' || this.waitsFor === 'pong') this.expireQuiet(quietMs)
    else if (this.failure === null && this.wire.taken() !== this.takenBefore) {
      this.waitFor(
        this.waitsFor,
        this.waitsFor === 'close' ? CLOSE_TIMEOUT_MS : RESPONSE_TIMEOUT_MS,
      )
    } else if (this.waitsFor === 'room') this.drop('the peer takes nothing of what is sent')
    else if (this.given !== null) this.finish()
    else this.drop(this.failure ?? 'the peer does not answer the closing handshake')
  }

  /** The bytes of the peer have ended. */
  endOfBytes(): void {
    if (this.stage === 'closed') return
    if (this.given !== null) this.finish()
    // Of what has failed only the Close frame is left, which the peer may still read.
    else if (this.failure === null) this.drop('the connection ended without a closing handshake')
  }

  /** Ends it without a handshake: the close code is 1006 (§7.1.5), but for a peer that gave one. */
  drop(reason: string): void {
    if (this.stage === 'closed') return
    this.abort(reason)
    this.tellEnd()
  }

  /** Within a call of the app, which hears of it later: "queue a task" (WebSockets §4). */
  private dropLater(reason: string): void {
    this.abort(reason)
    this.events.onClosing()
    startTimer(() => this.tellEnd(), 0)
  }

  private abort(reason: string): void {
    this.failure ??= reason
    // First, for the line may be the one thing too much where memory is used up.
    this.wire?.abort()
    this.wire?.debug(`a WebSocket is dropped: ${reason}`)
    this.stop()
  }

  /** Asked again: what is done meanwhile may close it. */
  private isClosed(): boolean {
    return this.stage === 'closed'
  }

  private sendMessage(opcode: number, payload: Uint8Array): void {
    if (this.stage === 'open') this.sendFrame(opcode, payload, payload.length)
  }

  private sendFrame(opcode: number, payload: Uint8Array, payloadBytes: number): void {
    // §5.3: "The masking key needs to be unpredictable", a fresh one for each frame.
    if (this.key !== null) fillRandom(this.key)
    const frame = encodeFrame(opcode, payload, this.key)
    if (opcode === PONG) this.queue.answerPing(frame)
    else if (!this.queue.add(frame, payloadBytes)) {
      // WebSockets §3.1: when "the buffer is full", the connection is closed.
      this.dropLater('too much waits for a peer that does not take it')
      return
    }
    this.flush()
  }

  private read(bytes: Uint8Array, offset: number, length: number): number {
    const { reader } = this
    const end = offset + length
    let at = offset
    let frames = 0
    this.mustPause = false
    while (at < end && !this.mustPause) {
      // §1.4, §5.5.1: after a Close frame nothing more is processed; §7.1.7: nor after a violation.
      if (this.isClosed() || this.given !== null || this.failure !== null) return length
      if (!reader.isInFrame) {
        const isWhole = reader.readHead(bytes, at, end - at)
        at += reader.consumed
        if (reader.violation !== null) this.fail(reader.violation)
        if (!isWhole) continue
        const violation = this.beginFrame()
        if (violation !== null) this.fail(violation)
        if (violation !== null) continue
      }
      at += this.takePayload(bytes, at, end - at)
      if (reader.isInFrame || this.isClosed()) continue
      const isTold = this.endFrame()
      this.mustPause = isTold || ++frames === FRAMES_A_TURN
    }
    return at - offset
  }

  private beginFrame(): Violation | null {
    const { opcode, remaining } = this.reader
    if (opcode >= CLOSE) {
      this.controlLength = 0
      return null
    }
    if (opcode === CONTINUATION && this.kind === CONTINUATION) {
      return broken('a fragment continues no message')
    }
    if (opcode !== CONTINUATION && this.kind !== CONTINUATION) {
      return broken('a message begins within another')
    }
    if (opcode !== CONTINUATION) this.kind = opcode
    // Too long a message is refused before it comes.
    return this.message.reserve(0, remaining, this.reader.isFinal)
  }

  private takePayload(bytes: Uint8Array, offset: number, length: number): number {
    const { message, reader } = this
    if (reader.opcode >= CLOSE) {
      const count = reader.takePayload(this.control, this.controlLength, bytes, offset, length)
      this.controlLength += count
      return count
    }
    const count = Math.min(length, reader.remaining)
    const violation = message.reserve(count, reader.remaining, reader.isFinal)
    if (violation !== null) {
      this.fail(violation)
      return length
    }
    reader.takePayload(message.bytes, message.length, bytes, offset, count)
    message.length += count
    return count
  }

  /** True when a message was told of. */
  private endFrame(): boolean {
    const { opcode, isFinal } = this.reader
    if (opcode >= CLOSE) {
      this.takeControl(opcode, this.control.slice(0, this.controlLength))
      return false
    }
    if (!isFinal) return false
    const isText = this.kind === TEXT
    this.kind = CONTINUATION
    const bytes = this.message.take()
    // §7.1.2: after our Close frame what still comes is read, and nobody hears of it.
    if (isText) return this.tellText(bytes)
    if (this.stage === 'open') this.events.onBinary(bytes)
    return true
  }

  private tellText(bytes: Uint8Array): boolean {
    const text = decodeText(bytes)
    if (text === null) this.fail({ code: CloseCode.invalidData, reason: 'a text is not UTF-8' })
    else if (this.stage === 'open') this.events.onText(text)
    return true
  }

  private takeControl(opcode: number, payload: Uint8Array): void {
    if (opcode === PING && this.stage === 'open') this.sendFrame(PONG, payload, 0)
    else if (opcode === CLOSE) this.takeClose(payload)
  }

  private takeClose(payload: Uint8Array): void {
    const given = readClose(payload)
    if ('violation' in given) {
      this.fail(given.violation)
      return
    }
    this.given = given
    // §5.5.1: "When sending a Close frame in response, the endpoint typically echos the status
    // code".
    if (this.stage === 'open') {
      // Room that is not there makes no difference: the peer wants nothing more.
      this.queue.add(encodeFrame(CLOSE, payload, this.freshKey()), 0)
      this.beginClosing()
      this.flush()
    }
    this.finishWhenDone()
  }

  private freshKey(): Uint8Array | null {
    if (this.key !== null) fillRandom(this.key)
    return this.key
  }

  private beginClosing(): void {
    if (this.stage !== 'open') return
    this.stage = 'closing'
    this.waitFor('close', CLOSE_TIMEOUT_MS)
    this.events.onClosing()
  }

  /**
   * What the peer did cannot be gone on from. §7.1.7: "the endpoint SHOULD send a Close frame with
   * an appropriate status code": what waits before it and has not begun to go gives it room, and
   * the peer has until the deadline to read it, however much it takes meanwhile.
   */
  private fail({ code, reason }: Violation): void {
    if (this.stage === 'closed') return
    this.failure = reason
    this.wire?.debug(`a WebSocket fails with ${code}: ${reason}`)
    if (this.stage === 'open') {
      this.queue.keepBegun()
      this.queue.add(encodeFrame(CLOSE, closePayload(code, encodeUtf8(reason)), this.freshKey()), 0)
      this.stage = 'closing'
      this.waitFor('close', CLOSE_TIMEOUT_MS)
      this.flush()
      if (!this.isClosed()) this.events.onClosing()
    } else this.finishWhenDone()
  }

  /**
   * Both Close frames have gone over, or ours of a connection that has failed. §7.1.1: the server
   * ends the connection first, and the client waits for that as long as its deadline says.
   */
  private finishWhenDone(): void {
    if (!this.queue.isEmpty) return
    if (this.failure !== null || (this.given !== null && this.role === 'server')) this.finish()
  }

  private finish(): void {
    if (this.stage === 'closed') return
    this.wire?.finish()
    this.end()
  }

  private end(): void {
    this.stop()
    this.tellEnd()
  }

  private stop(): void {
    this.stage = 'closed'
    this.queue.clear()
    this.message.clear()
    this.wire?.setDeadline(Number.POSITIVE_INFINITY)
  }

  private tellEnd(): void {
    const { code, reason } = this.given ?? { code: CloseCode.abnormal, reason: '' }
    this.events.onClose(code, reason, this.failure)
  }

  private expireQuiet(quietMs: number): void {
    if (!this.hasAnswered) this.drop('the peer has gone silent')
    else if (quietMs < PING_AFTER_MS) this.waitFor('word', PING_AFTER_MS - quietMs)
    else {
      this.hasAnswered = false
      this.waitFor('pong', PONG_WITHIN_MS)
      this.sendFrame(PING, new Uint8Array(0), 0)
    }
  }

  private waitFor(what: Link['waitsFor'], limitMs: number): void {
    if (this.wire === null) return
    this.waitsFor = what
    this.takenBefore = this.wire.taken()
    this.wire.setDeadline(this.wire.nowMs() + limitMs)
  }
}

function broken(reason: string): Violation {
  return { code: CloseCode.protocolError, reason }
}
