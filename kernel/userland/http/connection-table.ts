/** The connections of an HTTP service: a record for each socket, and one timer that enforces all deadlines. */
import type { TcpSocket, TcpSocketHandler } from '../../../net/socket/tcp/tcp-socket.ts'

const SWEEP_INTERVAL_MS = 1_000
/**
 * For each connection beyond this many, and for each that waits for room, one that only waits for another request is closed early,
 * the longest idle first (RFC 9112 §9.5 lets a server close idle ones at any time): TCP's buffers are a fixed budget.
 */
export const IDLE_CONNECTION_LIMIT = 100
/**
 * So long an idle connection is kept all the same, since the next request of a client that is busy is on its way, for seconds when
 * hundreds of them are: in a crowd,
 */
export const CROWDED_IDLE_MS = 20_000
/** and while others wait and nobody has come in for an interval: as long as somebody does, connections end with their answers. */
export const AWAITED_IDLE_MS = 2_000

export interface Connection {
  readonly deadlineMs: number
  /**
   * Since when the peer, which has had its answer, has asked for nothing more. Infinity while closing the connection would take
   * something from it: an answer, or the chance to ask at all.
   */
  readonly idleSinceMs: number
  /** Nothing is left to do: the socket goes on alone. */
  readonly isOver: boolean
  /** Bytes, an end, or room have come: goes on as far as possible. */
  advance(): void
  /** As TcpSocketHandler's. */
  takeText?(bytes: Uint8Array, offset: number, length: number): number
  /** The deadline has passed, or an idle connection is in the way of others. */
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
  private startedSinceSweep = 0

  constructor(clock: Clock, open: (socket: TcpSocket) => Connection) {
    this.clock = clock
    this.open = open
  }

  get size(): number {
    return this.connections.size
  }

  /** Takes a new socket, whose handler this is from now on. */
  start(socket: TcpSocket): void {
    const connection = this.open(socket)
    this.startedSinceSweep++
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

  private scheduleSweep(): void {
    this.isSweeping = true
    this.clock.after(SWEEP_INTERVAL_MS, () => this.sweep())
  }

  private sweep(): void {
    const nowMs = this.clock.nowMs()
    let waiting = 0
    for (const [socket, connection] of [...this.connections]) {
      if (connection.deadlineMs <= nowMs) connection.expire()
      if (connection.isOver) this.connections.delete(socket)
      else waiting = socket.waitingBehind
    }
    const excess = this.connections.size - IDLE_CONNECTION_LIMIT
    const isStuck = waiting > 0 && this.startedSinceSweep === 0
    if (isStuck) this.closeLongestIdle(waiting, nowMs - AWAITED_IDLE_MS)
    else if (excess > 0) this.closeLongestIdle(excess, nowMs - CROWDED_IDLE_MS)
    this.startedSinceSweep = 0
    this.isSweeping = false
    if (this.connections.size > 0) this.scheduleSweep()
  }

  private closeLongestIdle(count: number, sinceMs: number): void {
    const idle = [...this.connections].filter(([, { idleSinceMs }]) => idleSinceMs <= sinceMs)
    idle.sort(([, one], [, other]) => one.idleSinceMs - other.idleSinceMs)
    for (const [socket, connection] of idle.slice(0, count)) {
      connection.expire()
      if (connection.isOver) this.connections.delete(socket)
    }
  }
}
