/** The HTTP service: a connection record for each socket, and one timer that enforces all deadlines. */
import type { TcpSocket, TcpSocketHandler } from '../../../net/socket/tcp/tcp-socket.ts'
import { Pattern } from '../pattern.ts'
import type { AppSystem } from '../system.ts'
import { HeadCache } from './head-cache.ts'
import { HttpConnection } from './http-connection.ts'

export const HTTP_PORT = 80

const SWEEP_INTERVAL_MS = 1_000
/** After boot the pattern is made ahead, a piece at a time, so that the first /bytes/N is as fast as the next. */
const MAKE_AHEAD_DELAY_MS = 5
const MAKE_AHEAD_INTERVAL_MS = 1

export class HttpServer implements TcpSocketHandler {
  private readonly system: AppSystem
  private readonly pattern = new Pattern()
  private readonly heads = new HeadCache()
  private readonly connections = new Map<TcpSocket, HttpConnection>()
  /** True while a sweep is scheduled: an idle guest has no timer and sleeps. */
  private isSweeping = false

  constructor(system: AppSystem) {
    this.system = system
    this.makeAhead(MAKE_AHEAD_DELAY_MS)
  }

  get connectionCount(): number {
    return this.connections.size
  }

  start(socket: TcpSocket): void {
    const connection = new HttpConnection(socket, this.system, this.pattern, this.heads)
    this.connections.set(socket, connection)
    if (!this.isSweeping) this.scheduleSweep()
    connection.advance()
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

  onClose(socket: TcpSocket): void {
    this.connections.delete(socket)
  }

  private makeAhead(delayMs: number): void {
    this.system.after(delayMs, () => {
      if (this.pattern.makeAhead()) this.makeAhead(MAKE_AHEAD_INTERVAL_MS)
    })
  }

  private scheduleSweep(): void {
    this.isSweeping = true
    this.system.after(SWEEP_INTERVAL_MS, () => this.sweep())
  }

  private sweep(): void {
    const nowMs = this.system.nowMs()
    for (const connection of [...this.connections.values()]) {
      if (connection.deadlineMs <= nowMs) connection.expire()
    }
    this.isSweeping = false
    if (this.connections.size > 0) this.scheduleSweep()
  }
}
