/**
 * WebSockets that a server accepts, in the shape of Cloudflare Workers: a pair, one end of which
 * becomes the connection of a Response with status 101, while the other one is the app's.
 */
import type { RequestHead } from '../../http/request-head.ts'
import { type HashNatives, useHashNatives } from '../hash.ts'
import type { Headers } from '../headers.ts'
import type { Upgrade, UpgradeAnswer, Upgraded, UpgradeHost } from '../upgrade.ts'
import { answerHandshake, PROTOCOL } from './handshake.ts'
import { Link } from './link.ts'
import { type MaskNative, useMaskNative } from './mask.ts'
import { ServerWire } from './server-wire.ts'
import { BaseWebSocket, type SocketControl } from './web-socket.ts'

/**
 * The app's end. It is open from the start: what is sent before the connection stands waits for it.
 */
class ServerWebSocket extends BaseWebSocket {
  readonly url = ''

  constructor(expose: (control: SocketControl) => void) {
    super('arraybuffer', expose)
  }

  /** Nothing is told of before the Response has been sent, whenever this is called. */
  accept(): void {}

  protected giveUp(): void {}
}

/** The end for the Response; it closes the connection as the other one does. */
class ClientEnd implements Upgrade {
  readonly #socket: ServerWebSocket
  readonly #control: SocketControl
  readonly #link: Link
  #protocol = ''
  #isTaken = false

  constructor(socket: ServerWebSocket, control: SocketControl) {
    this.#socket = socket
    this.#control = control
    this.#link = new Link('server', control.events)
    control.open(this.#link, '', false)
  }

  get readyState(): number {
    return this.#socket.readyState
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount
  }

  get protocol(): string {
    return this.#socket.protocol
  }

  close(code?: number, reason?: string): void {
    this.#socket.close(code, reason)
  }

  /** Throws TypeError: this end belongs to the client. */
  accept(): never {
    throw new TypeError('Cannot accept this end of a WebSocketPair: it is for the Response')
  }

  answer(head: RequestHead, hasContent: boolean, fields: Headers): UpgradeAnswer {
    if (this.#isTaken) throw new TypeError('Cannot upgrade: this WebSocket has a connection')
    this.#protocol = fields.get(PROTOCOL) ?? ''
    return answerHandshake(head, hasContent, fields)
  }

  start(host: UpgradeHost): Upgraded {
    this.#isTaken = true
    this.#control.open(this.#link, this.#protocol, true)
    return new ServerWire(host, this.#link)
  }

  giveUp(reason: string): void {
    if (!this.#isTaken) this.#link.drop(reason)
  }

  get [Symbol.toStringTag](): string {
    return 'WebSocket'
  }
}

export type WebSocketPair = { readonly 0: ClientEnd; readonly 1: ServerWebSocket }

/** The class, whose natives are those of `system`. */
export function createWebSocketPair(natives: HashNatives & MaskNative): new () => WebSocketPair {
  useHashNatives(natives)
  useMaskNative(natives)
  return class WebSocketPair {
    readonly 0: ClientEnd
    readonly 1: ServerWebSocket

    constructor() {
      let control!: SocketControl
      this[1] = new ServerWebSocket((given) => {
        control = given
      })
      this[0] = new ClientEnd(this[1], control)
    }
  }
}
