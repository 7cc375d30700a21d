/**
 * The iperf3 service: tells tests, streams and strangers apart by their cookies; one test at a
 * time.
 */

import type { TcpSocket, TcpSocketHandler } from '../../../../net/socket/tcp/tcp-socket.ts'
import type { PacketBuffer } from '../../../../net/storage/buffer.ts'
import type { AppSystem } from '../system.ts'
import { Lingering } from './lingering.ts'
import { COOKIE_BYTES, Iperf3State } from './protocol.ts'
import { Iperf3Session, type SessionHost } from './session.ts'
import { FILLER_BYTES, fill } from './stream.ts'

/** How long a connection may take to say what it is. */
export const COOKIE_TIMEOUT_MS = 10_000
const SWEEP_INTERVAL_MS = 1_000

interface Newcomer {
  readonly cookie: Uint8Array
  filled: number
  readonly order: number
  readonly deadlineMs: number
}

export class Iperf3Server implements TcpSocketHandler, SessionHost {
  private readonly system: AppSystem
  private readonly newcomers = new Map<TcpSocket, Newcomer>()
  private readonly lingering = new Lingering()
  private session: Iperf3Session | null = null
  private accepted = 0
  private fillerMemory: PacketBuffer | null = null
  /** True while a sweep is scheduled: an idle guest has no timer and sleeps. */
  private isSweeping = false

  constructor(system: AppSystem) {
    this.system = system
  }

  /** Connections and tests that are not over. */
  get activeCount(): number {
    return this.newcomers.size + this.lingering.size + (this.session === null ? 0 : 1)
  }

  accept(socket: TcpSocket): void {
    this.newcomers.set(socket, {
      cookie: new Uint8Array(COOKIE_BYTES),
      filled: 0,
      order: this.accepted++,
      deadlineMs: this.system.nowMs() + COOKIE_TIMEOUT_MS,
    })
    socket.handler = this
    this.sweepSoon()
    this.onReadable(socket)
  }

  filler(): PacketBuffer | null {
    if (this.fillerMemory !== null) return this.fillerMemory
    try {
      this.fillerMemory = this.system.allocateShared(FILLER_BYTES)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      this.system.warn(`iperf3: a test that sends is refused: ${error.message}`)
      return null
    }
    fill(this.fillerMemory.bytes)
    return this.fillerMemory
  }

  onSessionEnd(session: Iperf3Session, isRefused: boolean): void {
    this.session = null
    if (isRefused) {
      this.linger(session.control)
    } else {
      session.control.handler = null
      session.control.discard(session.control.receivedLength)
      session.control.close()
    }
  }

  /** Of a newcomer. */
  onReadable(socket: TcpSocket): void {
    const newcomer = this.newcomers.get(socket)
    if (newcomer === undefined) return
    const { cookie, filled } = newcomer
    newcomer.filled += socket.receive(cookie, filled, COOKIE_BYTES - filled)
    if (newcomer.filled < COOKIE_BYTES) return
    this.newcomers.delete(socket)
    if (cookie[COOKIE_BYTES - 1] !== 0) {
      // No iperf3 client speaks like this.
      socket.abort()
    } else if (this.session === null) {
      this.session = new Iperf3Session(socket, this.system, cookie, this)
      this.session.start()
    } else if (this.session.wantsStream(cookie)) {
      this.session.addStream(socket, newcomer.order)
    } else {
      if (socket.canSend()) socket.send(Uint8Array.of(Iperf3State.AccessDenied), 0, 1)
      this.linger(socket)
    }
  }

  onPeerFinished(socket: TcpSocket): void {
    this.onReadable(socket)
    if (this.newcomers.has(socket)) this.dismiss(socket)
  }

  onClose(socket: TcpSocket): void {
    this.newcomers.delete(socket)
  }

  private dismiss(socket: TcpSocket): void {
    this.newcomers.delete(socket)
    socket.abort()
  }

  private linger(socket: TcpSocket): void {
    this.lingering.add(socket, this.system.nowMs())
    this.sweepSoon()
  }

  private sweepSoon(): void {
    if (this.isSweeping) return
    this.isSweeping = true
    this.system.after(SWEEP_INTERVAL_MS, () => this.sweep())
  }

  private sweep(): void {
    const nowMs = this.system.nowMs()
    for (const [socket, { deadlineMs }] of [...this.newcomers]) {
      if (deadlineMs <= nowMs) this.dismiss(socket)
    }
    this.session?.check(nowMs)
    this.lingering.expire(nowMs)
    this.isSweeping = false
    if (this.activeCount > 0) this.sweepSoon()
  }
}
