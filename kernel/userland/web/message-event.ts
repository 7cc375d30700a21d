/** The events of messages, connections and errors: MessageEvent, CloseEvent, ErrorEvent (HTML). */
import { Event, type EventInit } from './event.ts'

export interface MessageEventInit<Data> extends EventInit {
  data?: Data
  origin?: string
  lastEventId?: string
  source?: object | null
  ports?: readonly object[]
}

// biome-ignore lint/suspicious/noExplicitAny: as in every other environment, the listener knows what is sent.
export class MessageEvent<Data = any> extends Event {
  readonly data: Data
  readonly origin: string
  readonly lastEventId: string
  readonly source: object | null
  readonly ports: readonly object[]

  constructor(...given: [type: string, init?: MessageEventInit<Data>]) {
    super(...given)
    const { data = null, origin = '', lastEventId = '', source = null, ports = [] } = given[1] ?? {}
    this.data = data as Data
    this.origin = `${origin}`
    this.lastEventId = `${lastEventId}`
    this.source = source
    this.ports = Object.freeze([...ports])
  }

  override get [Symbol.toStringTag](): string {
    return 'MessageEvent'
  }
}

export interface CloseEventInit extends EventInit {
  wasClean?: boolean
  code?: number
  reason?: string
}

export class CloseEvent extends Event {
  readonly wasClean: boolean
  readonly code: number
  readonly reason: string

  constructor(...given: [type: string, init?: CloseEventInit]) {
    super(...given)
    const { wasClean = false, code = 0, reason = '' } = given[1] ?? {}
    this.wasClean = Boolean(wasClean)
    this.code = code & 0xffff
    this.reason = `${reason}`
  }

  override get [Symbol.toStringTag](): string {
    return 'CloseEvent'
  }
}

export interface ErrorEventInit extends EventInit {
  message?: string
  filename?: string
  lineno?: number
  colno?: number
  error?: unknown
}

export class ErrorEvent extends Event {
  readonly message: string
  readonly filename: string
  readonly lineno: number
  readonly colno: number
  readonly error: unknown

  constructor(...given: [type: string, init?: ErrorEventInit]) {
    super(...given)
    const { message = '', filename = '', lineno = 0, colno = 0, error } = given[1] ?? {}
    this.message = `${message}`
    this.filename = `${filename}`
    this.lineno = lineno
    this.colno = colno
    this.error = error
  }

  override get [Symbol.toStringTag](): string {
    return 'ErrorEvent'
  }
}
