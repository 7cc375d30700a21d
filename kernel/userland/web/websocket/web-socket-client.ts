/**
 * `new WebSocket(url)`: opens a connection and asks the server there for a WebSocket (RFC 6455
 * §4.1).
 */

import type { AbortSignal } from '../../../abort-signal.ts'
import { decodeOctets } from '../../http/decode-octets.ts'
import { HeadCollector } from '../../http/head-collector.ts'
import { parseResponseHead, type ResponseHead } from '../../http/response-head.ts'
import { AbortController } from '../abort.ts'
import { btoa } from '../base64.ts'
import type { ClientStream } from '../client-exchange.ts'
import { contentBudget, type Heap } from '../content-budget.ts'
import { DOMException } from '../dom-exception.ts'
import type { Connect } from '../fetch-client.ts'
import { type HashNatives, useHashNatives } from '../hash.ts'
import { encodeUtf8, fillRandom, startTimer, stopTimer } from '../host-globals.ts'
import { URL } from '../url.ts'
import { ClientWire } from './client-wire.ts'
import { CloseCode } from './frame.ts'
import { areProtocols, readAnswer, requestFields } from './handshake.ts'
import { Link } from './link.ts'
import { type MaskNative, useMaskNative } from './mask.ts'
import { BaseWebSocket, type SocketControl } from './web-socket.ts'

/** From `connect` to the server's answer. */
export const HANDSHAKE_TIMEOUT_MS = 30_000

const READ_BYTES = 4096
const KEY_BYTES = 16
const HTTP_PORT = 80
const LEAVING = 'the guest is shutting down'

export interface ClientHost extends HashNatives, MaskNative, Heap {
  /** Aborted when the guest is asked to end. */
  readonly shutdown: AbortSignal
  debug(message: string): void
}

interface Parts {
  readonly url: URL
  readonly protocols: readonly string[]
  readonly connect: Connect
  readonly host: ClientHost
}

/** One attempt: resolves with what ran when the socket is closed; never rejects. */
class Opening {
  readonly controller = new AbortController()
  private readonly parts: Parts
  private readonly control: SocketControl
  private stream: ClientStream | null = null
  /** What came behind the answer. */
  private rest: Uint8Array = new Uint8Array(0)

  constructor(parts: Parts, control: SocketControl) {
    this.parts = parts
    this.control = control
  }

  async run(): Promise<void> {
    const { control } = this
    const { host } = this.parts
    let link: Link | null = null
    const leave = () => {
      // Who is only asked yet may never answer.
      if (link === null) this.giveUp(LEAVING)
      else link.close(CloseCode.goingAway, encodeUtf8(LEAVING))
    }
    host.shutdown.addEventListener('abort', leave)
    if (host.shutdown.aborted) leave()
    const timer = startTimer(
      () => this.giveUp(`there was no answer for ${HANDSHAKE_TIMEOUT_MS / 1000} s`),
      HANDSHAKE_TIMEOUT_MS,
    )
    try {
      const protocol = await this.shake()
      stopTimer(timer)
      // It may have been closed between the answer and this.
      this.controller.signal.throwIfAborted()
      link = new Link('client', control.events)
      const wire = new ClientWire(this.stream!, link, (message) => host.debug(message))
      control.open(link, protocol, true)
      await wire.run(this.rest)
    } catch (error) {
      stopTimer(timer)
      this.stream?.abort()
      const { signal } = this.controller
      const cause = signal.aborted ? signal.reason : error
      control.fail(cause instanceof Error ? cause.message : String(cause))
    } finally {
      host.shutdown.removeEventListener('abort', leave)
    }
  }

  giveUp(reason: string): void {
    this.controller.abort(new Error(reason))
    this.stream?.abort()
  }

  /** The protocol that the server chose. */
  private async shake(): Promise<string> {
    const { url, protocols, connect } = this.parts
    const { signal } = this.controller
    const hostname = url.hostname.replace(/^\[|\]$/g, '')
    const port = url.port === '' ? HTTP_PORT : Number(url.port)
    const stream = await connect({ hostname, port, noDelay: true, signal })
    this.stream = stream
    signal.throwIfAborted()
    const bytes = new Uint8Array(KEY_BYTES)
    fillRandom(bytes)
    const key = btoa(String.fromCharCode(...bytes))
    const head =
      `GET ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\n` +
      `${requestFields(key, protocols)}\r\n`
    await stream.write(encodeUtf8(head))
    const answer = readAnswer(await this.readHead(stream), key, protocols)
    if ('problem' in answer) throw new Error(answer.problem)
    return answer.protocol
  }

  private async readHead(stream: ClientStream): Promise<ResponseHead> {
    const collector = new HeadCollector()
    const buffer = new Uint8Array(READ_BYTES)
    for (;;) {
      const count = await stream.read(buffer)
      if (count === null) throw new Error('the server ended before it answered')
      const state = collector.push(buffer, 0, count)
      if (state === 'partial') continue
      if (state !== 'complete') throw new Error('the head of the answer is too long')
      this.rest = buffer.slice(collector.consumed, count)
      const { bytes, start, linesEnd } = collector
      const head = parseResponseHead(decodeOctets(bytes, start, linesEnd))
      if (typeof head === 'string') throw new Error(head)
      return head
    }
  }
}

/** The class, whose connections are those of `connect`. */
export function createWebSocket(connect: Connect, host: ClientHost) {
  useHashNatives(host)
  useMaskNative(host)
  contentBudget.useHeap(host)
  return class WebSocket extends BaseWebSocket {
    /** The app's ends of pairs are WebSockets too. */
    static override [Symbol.hasInstance](value: unknown): boolean {
      return value instanceof BaseWebSocket
    }

    readonly url: string
    readonly #opening: Opening

    /**
     * Throws DOMException: 'SyntaxError' for what is no ws: URL or no list of subprotocols,
     * 'NotSupportedError' for wss:, since there is no TLS here.
     */
    constructor(url: string | { toString(): string }, protocols: string | readonly string[] = []) {
      const names = typeof protocols === 'string' ? [protocols] : [...protocols].map(String)
      const parsed = readUrl(`${url}`)
      if (!areProtocols(names)) {
        throw new DOMException(`Cannot open: '${names}' are no subprotocols`, 'SyntaxError')
      }
      let control!: SocketControl
      super('blob', (given) => {
        control = given
      })
      this.url = parsed.href.replace('http:', 'ws:')
      this.#opening = new Opening({ url: parsed, protocols: names, connect, host }, control)
      void this.#opening.run()
    }

    protected giveUp(): void {
      this.#opening.giveUp('it was closed before it was open')
    }
  }
}

/** As an http: URL, which has the same form (WebSockets §3.1). */
function readUrl(text: string): URL {
  if (/^\s*(?:wss|https):/i.test(text)) {
    throw new DOMException(
      `Cannot open ${text}: there is no TLS here; use ws:`,
      'NotSupportedError',
    )
  }
  const http = text.replace(/^\s*ws:/i, 'http:')
  const url = /^http:/i.test(http) && URL.canParse(http) ? new URL(http) : null
  if (url === null || url.hash !== '' || url.username !== '' || url.password !== '') {
    throw new DOMException(
      `Cannot open ${text}: it is no ws: URL without a fragment`,
      'SyntaxError',
    )
  }
  return url
}
