/**
 * The control connection of a test: states and length-prefixed JSON, read and written without
 * waiting.
 */
import type { TcpSocket } from '../../../../net/socket/tcp/tcp-socket.ts'
import type { AppSystem } from '../system.ts'
import { encodeJson, encodeServerError } from './protocol.ts'

export class ControlChannel {
  readonly socket: TcpSocket
  private readonly system: AppSystem
  private readonly prefix = new Uint8Array(4)
  private prefixFilled = 0
  private document: Uint8Array | null = null
  private documentFilled = 0

  constructor(socket: TcpSocket, system: AppSystem) {
    this.socket = socket
    this.system = system
  }

  /** The client's next state octet, or null before there is one. */
  readState(): number | null {
    if (this.socket.receive(this.prefix, 0, 1) === 0) return null
    return (this.prefix[0]! << 24) >> 24
  }

  /**
   * The JSON value that is due: `null` before all of it is here, `malformed` when it is longer than
   * `limitBytes`, of no length, or no JSON. Nothing is allocated for a length over the limit.
   */
  readJson(limitBytes: number): { value: unknown } | 'malformed' | null {
    const { socket } = this
    if (this.document === null) {
      this.prefixFilled += socket.receive(this.prefix, this.prefixFilled, 4 - this.prefixFilled)
      if (this.prefixFilled < 4) return null
      const length = new DataView(this.prefix.buffer).getUint32(0)
      if (length === 0 || length > limitBytes) return 'malformed'
      this.document = new Uint8Array(length)
      this.documentFilled = 0
    }
    const { document } = this
    const missing = document.length - this.documentFilled
    this.documentFilled += socket.receive(document, this.documentFilled, missing)
    if (this.documentFilled < document.length) return null
    this.document = null
    this.prefixFilled = 0
    try {
      return { value: JSON.parse(this.system.decodeText(document, 0, document.length)) }
    } catch {
      return 'malformed'
    }
  }

  sendState(state: number): void {
    this.send(Uint8Array.of(state))
  }

  sendJson(value: object): void {
    this.send(encodeJson(this.system.encodeText, value))
  }

  /** The last words of a test that cannot go on. */
  sendServerError(code: number): void {
    this.send(encodeServerError(code))
  }

  /**
   * All messages of a test together are smaller than the least send buffer, so one that finds no
   * room talks to a client that acknowledges nothing: it is reset.
   */
  private send(bytes: Uint8Array): void {
    if (!this.socket.canSend()) return
    if (this.socket.send(bytes, 0, bytes.length) < bytes.length) this.socket.abort()
  }
}
