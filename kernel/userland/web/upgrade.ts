/** How a Response hands its connection over to another protocol (RFC 9110 §7.8). */
import type { TcpSocket } from '../../../net/socket/tcp/tcp-socket.ts'
import type { RequestHead } from '../http/request-head.ts'
import type { Headers } from './headers.ts'

/** What the connection lends to whoever takes it over. */
export interface UpgradeHost {
  readonly socket: TcpSocket
  nowMs(): number
  debug(message: string): void
  /**
   * For what goes on by itself: calls `advance` of what the connection has become as the network's
   * turns do, so that memory which is used up ends the connection only.
   */
  advance(): void
  /** When `expire` is to be called. */
  setDeadline(atMs: number): void
}

/** What a connection has become. */
export interface Upgraded {
  /** Nothing is left to do: the socket goes on alone. */
  readonly isOver: boolean
  /** Bytes, an end, or room have come. */
  advance(): void
  expire(): void
  /** The guest is to end. */
  windDown(): void
  /** The socket is closed, by whomever. */
  end(): void
}

/** Fields of the answer: of 101, or of a refusal. */
export interface UpgradeAnswer {
  readonly status: number
  readonly reason: string
  readonly fields: Readonly<Record<string, string>>
}

export interface Upgrade {
  /**
   * Whether the request asks for it as it must. Throws TypeError when the app's own fields do not
   * fit that.
   */
  answer(head: RequestHead, hasContent: boolean, fields: Headers): UpgradeAnswer
  /** The answer, a 101, is queued. */
  start(host: UpgradeHost): Upgraded
  /** There will be no connection. */
  giveUp(reason: string): void
}
