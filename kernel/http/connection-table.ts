/** The connections of an HTTP service: a record for each socket, and one timer that enforces all deadlines. */
import type { TcpSocket, TcpSocketHandler } from '../../net/socket/tcp/tcp-socket.ts'

const SWEEP_INTERVAL_MS = 1_000
/**
 * Beyond this many, each new connection ends the longest idle one (RFC 9112 §9.5 lets a server close idle ones at any
 * time). TCP's buffers are a fixed budget: idle peers must not use it up and lock everybody else out.
 */
export const IDLE_CONNECTION_LIMIT = 100

export interface Connection {
  readonly deadlineMs: number
  /** True between requests: nothing is lost when it is closed. */
  readonly isIdle: boolean
  /** Bytes, an end, or room have come: goes on as far as possible. */
  advance(): void
  /** As TcpSocketHandler's. */
  takeText?(bytes: Uint8Array, offset: number, length: number): number
  /** The deadline has passed. */
  expire(): void
  /** Answers what has been begun, and ends then. */
  windDown?(): void
  /** The socket is closed, by whomever. */
  end?(): void
}

export interface Clock {
  nowMs(): number
  after(delayMs: number, callback: () => void): unknown
}

export class ConnectionTable implements TcpSocketHandler {
  private readonly clock: Clock
  private readonly open: (socket: TcpSocket) => Connection
  private readonly connections = new Map<TcpSocket, Connection>()
  /** True while a sweep is scheduled: an idle guest has no timer and sleeps. */
  private isSweeping = false

  constructor(clock: Clock, open: (socket: TcpSocket) => Connection) {
    this.clock = clock
    this.open = open
  }

  get size(): number {
    return this.connections.size
  }

  /** Takes a new socket, whose handler this is from now on. */
  start(socket: TcpSocket): void {
    if (this.connections.size >= IDLE_CONNECTION_LIMIT) this.closeLongestIdle()
    const connection = this.open(socket)
    this.connections.set(socket, connection)
    if (!this.isSweeping) this.scheduleSweep()
    connection.advance()
  }

  takeText(socket: TcpSocket, bytes: Uint8Array, offset: number, length: number): number {
    return this.connections.get(socket)?.takeText?.(bytes, offset, length) ?? 0
  }

  onReadable(socket: TcpSocket): void {
    this.connections.get(socket)?.advance()
  }

  onWritable(socket: TcpSocket): void {
    this.connections.get(socket)?.advance()
  }

  onPeerFinished(socket: TcpSocket): void {
    this.connections.get(socket)?.advance()
  }

  onWindDown(socket: TcpSocket): void {
    this.connections.get(socket)?.windDown?.()
  }

  onClose(socket: TcpSocket): void {
    const connection = this.connections.get(socket)
    this.connections.delete(socket)
    connection?.end?.()
  }

  private closeLongestIdle(): void {
    let longest: Connection | null = null
    for (const connection of this.connections.values()) {
      if (!connection.isIdle) continue
      if (longest === null || connection.deadlineMs < longest.deadlineMs) longest = connection
    }
    longest?.expire()
  }

  private scheduleSweep(): void {
    this.isSweeping = true
    this.clock.after(SWEEP_INTERVAL_MS, () => this.sweep())
  }

  private sweep(): void {
    const nowMs = this.clock.nowMs()
    for (const connection of [...this.connections.values()]) {
      if (connection.deadlineMs <= nowMs) connection.expire()
    }
    this.isSweeping = false
    if (this.connections.size > 0) this.scheduleSweep()
  }
}
