/**
 * The connections of an HTTP service: a record for each socket, and one timer that enforces all
 * deadlines.
 */
import type { TcpSocket, TcpSocketHandler } from '../../../net/socket/tcp/tcp-socket.ts'
import { LINGER_TIMEOUT_MS } from './time-limits.ts'

/** How exactly deadlines are kept. */
const SWEEP_INTERVAL_MS = 1_000
/**
 * The shortest time limit there is: so long nothing can expire that did not have a deadline in the
 * last sweep.
 */
const SHORTEST_LIMIT_MS = LINGER_TIMEOUT_MS
/** A sweep over thousands goes on bit by bit, so that no packet waits for it: so many at a time, */
const SWEPT_AT_ONCE = 256
/** with so much time for others in between. */
const SWEEP_PAUSE_MS = 20
/**
 * For each connection beyond this fraction of all that TCP has room for, and for each that waits
 * for room, one that only waits for another request is closed early, the longest idle first (RFC
 * 9112 §9.5 lets a server close idle ones at any time).
 */
const IDLE_SHARE = 1 / 2
/**
 * So long an idle connection is kept all the same, since the next request of a client that is busy
 * is on its way, for seconds when hundreds of them are: in a crowd,
 */
export const CROWDED_IDLE_MS = 20_000
/**
 * and while others wait and nobody has come in for an interval: as long as somebody does,
 * connections end with their answers.
 */
export const AWAITED_IDLE_MS = 2_000
/** The same for one that has asked for nothing since it is open, so much later. */
export const UNASKED_GRACE_MS = 8_000

export interface Connection {
  readonly deadlineMs: number
  /**
   * Since when the peer, which has had its answer, has asked for nothing more. Infinity while
   * closing the connection would take something from it: an answer, or the chance to ask at all.
   */
  readonly idleSinceMs: number
  /** Since when it is open, of a peer that has sent nothing yet; else Infinity. */
  readonly unaskedSinceMs: number
  /** Nothing is left to do: the socket goes on alone. */
  readonly isOver: boolean
  /** Bytes, an end, or room have come: goes on as far as possible. */
  advance(): void
  /** As TcpSocketHandler's. */
  offerData?(bytes: Uint8Array, offset: number, length: number): number
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
  /** True while a sweep is scheduled or under way: an idle guest has no timer and sleeps. */
  private isSweeping = false
  /** Where the sweep that is under way has come to, and what it has found so far. */
  private position: Iterator<[TcpSocket, Connection]> | null = null
  private earliestMs = Number.POSITIVE_INFINITY
  private waiting = 0
  private idleLimit = Number.POSITIVE_INFINITY
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
    this.idleLimit = socket.configuration.maxConnections * IDLE_SHARE
    if (!this.isSweeping) this.scheduleSweep(SWEEP_INTERVAL_MS)
    // What comes at once is told of anyway.
    if (socket.receivedLength > 0 || socket.isPeerFinished) connection.advance()
  }

  offerData(socket: TcpSocket, bytes: Uint8Array, offset: number, length: number): number {
    return this.connections.get(socket)?.offerData?.(bytes, offset, length) ?? 0
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

  private scheduleSweep(delayMs: number): void {
    this.isSweeping = true
    this.clock.after(delayMs, () => this.sweep())
  }

  private sweep(): void {
    const nowMs = this.clock.nowMs()
    if (this.position === null) {
      this.position = this.connections.entries()
      this.earliestMs = nowMs + SHORTEST_LIMIT_MS
      this.waiting = 0
    }
    for (let count = 0; count < SWEPT_AT_ONCE; count++) {
      const step = this.position.next()
      if (step.done === true) {
        this.endSweep(nowMs)
        return
      }
      const [socket, connection] = step.value
      if (connection.deadlineMs <= nowMs) connection.expire()
      if (connection.isOver) {
        this.connections.delete(socket)
      } else {
        this.waiting = socket.waitingBehind
        if (connection.deadlineMs < this.earliestMs) this.earliestMs = connection.deadlineMs
      }
    }
    this.scheduleSweep(SWEEP_PAUSE_MS)
  }

  private endSweep(nowMs: number): void {
    const { waiting } = this
    this.position = null
    const excess = this.connections.size - this.idleLimit
    const isStuck = waiting > 0 && this.startedSinceSweep === 0
    if (isStuck) this.closeLongestIdle(waiting, nowMs - AWAITED_IDLE_MS, awaitedSince)
    else if (excess > 0) this.closeLongestIdle(excess, nowMs - CROWDED_IDLE_MS, idleSince)
    this.startedSinceSweep = 0
    this.isSweeping = false
    if (this.connections.size === 0) return
    const isCrowded = waiting > 0 || excess > 0
    const delayMs = isCrowded ? SWEEP_INTERVAL_MS : this.earliestMs - nowMs
    this.scheduleSweep(Math.max(delayMs, SWEEP_INTERVAL_MS))
  }

  private closeLongestIdle(
    count: number,
    sinceMs: number,
    sinceOf: (connection: Connection) => number,
  ): void {
    const idle = [...this.connections].filter(([, connection]) => sinceOf(connection) <= sinceMs)
    idle.sort(([, one], [, other]) => sinceOf(one) - sinceOf(other))
    for (const [socket, connection] of idle.slice(0, count)) {
      connection.expire()
      if (connection.isOver) this.connections.delete(socket)
    }
  }
}

function idleSince({ idleSinceMs }: Connection): number {
  return idleSinceMs
}

/** While others find no place at all, whoever says nothing is in their way, too. */
function awaitedSince({ idleSinceMs, unaskedSinceMs }: Connection): number {
  return Math.min(idleSinceMs, unaskedSinceMs + UNASKED_GRACE_MS)
}
