/** WebSocket (WHATWG WebSockets §3) on either end of a connection. */
import { Blob, bytesOf, OwnedBytes } from '../blob.ts'
import { DOMException } from '../dom-exception.ts'
import { Event } from '../event.ts'
import { EventHandlers } from '../event-handlers.ts'
import { EventTarget } from '../event-target.ts'
import { encodeUtf8 } from '../host-globals.ts'
import { CloseEvent, ErrorEvent, MessageEvent } from '../message-event.ts'
import { CloseCode } from './frame.ts'
import type { Link, LinkEvents } from './link.ts'

export type BinaryType = 'blob' | 'arraybuffer'
export type WebSocketData = string | ArrayBuffer | ArrayBufferView | Blob

/** A Close frame has room for two bytes of code and so many of reason (RFC 6455 §5.5). */
const REASON_LIMIT_BYTES = 123

const CONNECTING = 0
const OPEN = 1
const CLOSING = 2
const CLOSED = 3

/** What those who make sockets do with them; nobody else has it. */
export interface SocketControl {
  readonly events: LinkEvents
  /** Bytes go both ways from now on; with `tell`, an `open` event says so. */
  open(link: Link, protocol: string, tell: boolean): void
  /** It will never be open. */
  fail(reason: string): void
}

/** Begun by subclasses: how to give up what has been begun, when `close` comes before `open`. */
export abstract class BaseWebSocket extends EventTarget {
  static readonly CONNECTING = CONNECTING
  static readonly OPEN = OPEN
  static readonly CLOSING = CLOSING
  static readonly CLOSED = CLOSED
  readonly CONNECTING = CONNECTING
  readonly OPEN = OPEN
  readonly CLOSING = CLOSING
  readonly CLOSED = CLOSED
  /** None is ever negotiated. */
  readonly extensions = ''
  readonly #handlers = new EventHandlers(this)
  #state = CONNECTING
  #link: Link | null = null
  #protocol = ''
  #binaryType: BinaryType
  /** What was sent after the end counts on (§3.1). */
  #lostBytes = 0

  constructor(binaryType: BinaryType, expose: (control: SocketControl) => void) {
    super()
    this.#binaryType = binaryType
    const events: LinkEvents = {
      onText: (text) => this.dispatchEvent(new MessageEvent('message', this.#from(text))),
      onBinary: (bytes) => this.#tellBinary(bytes),
      onClosing: () => {
        this.#state = CLOSING
      },
      onClose: (code, reason, failure) => this.#end(code, reason, failure),
    }
    const open: SocketControl['open'] = (...given) => this.#open(...given)
    const fail = (reason: string) => this.#end(CloseCode.abnormal, '', reason)
    expose({ events, open, fail })
  }

  /** Empty at the end that a server holds. */
  abstract readonly url: string
  /** `close` before `open`. */
  protected abstract giveUp(): void

  get readyState(): number {
    return this.#state
  }

  get protocol(): string {
    return this.#protocol
  }

  /** Bytes of messages that wait for the peer to take what was sent before them. */
  get bufferedAmount(): number {
    return (this.#link?.queue.payloadBytes ?? 0) + this.#lostBytes
  }

  get binaryType(): BinaryType {
    return this.#binaryType
  }

  set binaryType(type: BinaryType) {
    if (type === 'blob' || type === 'arraybuffer') this.#binaryType = type
  }

  get onopen(): ((event: Event) => unknown) | null {
    return this.#handlers.get('open')
  }

  set onopen(handler: ((event: Event) => unknown) | null) {
    this.#handlers.set('open', handler)
  }

  get onmessage(): ((event: MessageEvent) => unknown) | null {
    return this.#handlers.get('message')
  }

  set onmessage(handler: ((event: MessageEvent) => unknown) | null) {
    this.#handlers.set('message', handler)
  }

  get onerror(): ((event: ErrorEvent) => unknown) | null {
    return this.#handlers.get('error')
  }

  set onerror(handler: ((event: ErrorEvent) => unknown) | null) {
    this.#handlers.set('error', handler)
  }

  get onclose(): ((event: CloseEvent) => unknown) | null {
    return this.#handlers.get('close')
  }

  set onclose(handler: ((event: CloseEvent) => unknown) | null) {
    this.#handlers.set('close', handler)
  }

  /** Throws DOMException 'InvalidStateError' before `open`. */
  send(data: WebSocketData): void {
    if (this.#state === CONNECTING) {
      throw new DOMException('Cannot send: the WebSocket is not open yet', 'InvalidStateError')
    }
    const bytes = binaryOf(data)
    if (this.#state !== OPEN) this.#lostBytes += (bytes ?? encodeUtf8(`${data}`)).length
    else if (bytes === null) this.#link!.sendText(`${data}`)
    else this.#link!.sendBinary(bytes)
  }

  /**
   * Begins the closing handshake. Throws DOMException: 'InvalidAccessError' for a code that is
   * neither 1000 nor within 3000 to 4999, 'SyntaxError' for a reason of more than 123 bytes.
   */
  close(code?: number, reason = ''): void {
    if (code !== undefined && code !== CloseCode.normal && !(code >= 3000 && code <= 4999)) {
      throw new DOMException(
        `Cannot close: the code is 1000 or within 3000 to 4999, not ${code}`,
        'InvalidAccessError',
      )
    }
    const bytes = encodeUtf8(`${reason}`)
    if (bytes.length > REASON_LIMIT_BYTES) {
      throw new DOMException(
        `Cannot close: the reason has ${bytes.length} bytes, and ${REASON_LIMIT_BYTES} are the most`,
        'SyntaxError',
      )
    }
    if (this.#state === OPEN) {
      const least = bytes.length === 0 ? CloseCode.none : CloseCode.normal
      this.#link!.close(Math.trunc(code ?? least), bytes)
    } else if (this.#state === CONNECTING) {
      this.#state = CLOSING
      this.giveUp()
    }
  }

  override get [Symbol.toStringTag](): string {
    return 'WebSocket'
  }

  #open(link: Link, protocol: string, tell: boolean): void {
    this.#link = link
    this.#protocol = protocol
    // Closed before it was open, which it will not be any more.
    if (this.#state >= CLOSING) return
    this.#state = OPEN
    if (tell) this.dispatchEvent(new Event('open'))
  }

  #tellBinary(bytes: Uint8Array<ArrayBuffer>): void {
    const isBlob = this.#binaryType === 'blob'
    const data = isBlob ? new Blob(new OwnedBytes(bytes)) : bytes.buffer
    this.dispatchEvent(new MessageEvent('message', this.#from(data)))
  }

  #from<Data>(data: Data): { data: Data; origin: string } {
    return { data, origin: this.url.replace(/^(\w+:\/\/[^/?#]*).*/, '$1') }
  }

  #end(code: number, reason: string, failure: string | null): void {
    if (this.#state === CLOSED) return
    this.#state = CLOSED
    if (failure !== null) {
      const error = new Error(`The WebSocket has failed: ${failure}`)
      this.dispatchEvent(new ErrorEvent('error', { message: error.message, error }))
    }
    this.dispatchEvent(new CloseEvent('close', { code, reason, wasClean: failure === null }))
  }
}

/** Null for what is sent as text. */
function binaryOf(data: WebSocketData): Uint8Array | null {
  if (data instanceof ArrayBuffer) return new Uint8Array(data)
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return data instanceof Blob ? bytesOf(data) : null
}
