/**
 * A passive open: the port it waits on and the connections that are complete and not yet taken (RFC
 * 9293 §3.10.1).
 */
import { fieldsOf } from '../../../iface/flow-fields.ts'
import { NO_INTERFACE } from '../../../iface/host-addresses.ts'
import type { FlowFields } from '../../../iface/protocol-handler.ts'
import type { IpAddress } from '../../../wire/ip-address.ts'
import { TcpState } from '../state.ts'
import type { TcpAcceptor, TcpSocket } from '../tcp-socket.ts'

export interface TcpListenHandler {
  /** accept() has at least one connection. */
  onConnection?(listener: TcpListenSocket): void
  /** In place of the other, for whoever takes each connection at once: one that has come in. */
  onSocket?(socket: TcpSocket): void
  /** The listener is closed, by whomever. */
  onClose?(listener: TcpListenSocket): void
}

export interface TcpListenOptions {
  port: number
  /** Null or absent = every local address of both families. */
  address?: IpAddress | null
  /** Connections that come by this interface only; by any when absent. */
  interfaceIndex?: number
  /**
   * Complete connections that may wait for accept() or for room; 512 by default. With as many, SYNs
   * and ACKs of SYN-ACKs are dropped.
   */
  backlog?: number
  /** Of the connections; true when absent. */
  segmentationOffload?: boolean
  /** Of its connections and of all that is answered for them; 64 when absent. */
  hopLimit?: number
  /** The same: the DSCP, 0 to 63. */
  differentiatedServices?: number
  handler?: TcpListenHandler | null
}

/** What the listener tells the protocol. */
export interface TcpListenHost {
  onClose(listener: TcpListenSocket): void
  /** One place of the backlog is free. */
  onAccept(): void
}

const DEFAULT_BACKLOG = 512

export class TcpListenSocket implements TcpAcceptor {
  handler: TcpListenHandler | null
  readonly port: number
  readonly address: IpAddress | null
  readonly interfaceIndex: number
  readonly backlog: number
  /** What its connections begin with. */
  readonly ipFields: FlowFields
  isOpen = true
  waitingCount = 0
  /** Its connections in SYN-RECEIVED. */
  halfOpenCount = 0
  /** Until then an ACK can be that of a SYN cookie. */
  cookiesUntilMs = Number.NEGATIVE_INFINITY
  private readonly segmentationOffload: boolean
  private readonly complete: TcpSocket[] = []
  /** Has come in with nobody before it, for a handler that takes it as soon as it is told. */
  private fresh: TcpSocket | null = null
  private readonly host: TcpListenHost

  constructor(options: TcpListenOptions, host: TcpListenHost) {
    this.port = options.port
    this.address = options.address ?? null
    this.interfaceIndex = options.interfaceIndex ?? NO_INTERFACE
    this.segmentationOffload = options.segmentationOffload ?? true
    this.backlog = options.backlog ?? DEFAULT_BACKLOG
    this.handler = options.handler ?? null
    this.ipFields = fieldsOf(options)
    this.host = host
  }

  /**
   * The oldest complete connection, or null. The caller sets its handler and looks at what it
   * already holds.
   */
  accept(): TcpSocket | null {
    const { complete, fresh } = this
    if (fresh !== null) {
      this.fresh = null
      if (isOfUse(fresh)) return fresh
    }
    for (;;) {
      // As a rule there is one, and whoever takes it asks once more.
      if (complete.length === 0) return null
      const socket = complete.shift()!
      this.host.onAccept()
      if (isOfUse(socket)) return socket
    }
  }

  canQueue(): boolean {
    return this.isOpen && this.countComplete() + this.waitingCount < this.backlog
  }

  canAdmit(): boolean {
    return this.isOpen && this.countComplete() < this.backlog
  }

  admit(socket: TcpSocket): void {
    if (!this.segmentationOffload) socket.setSegmentationOffload(false)
    if (this.countComplete() === 0 && this.handler?.onSocket !== undefined) this.fresh = socket
    else this.complete.push(socket)
  }

  private countComplete(): number {
    return this.complete.length + (this.fresh === null ? 0 : 1)
  }

  notify(): void {
    const { handler, fresh } = this
    if (!this.isOpen || handler === null) return
    if (handler.onSocket === undefined) {
      if (this.complete.length > 0) handler.onConnection?.(this)
      return
    }
    if (fresh !== null) {
      this.fresh = null
      if (isOfUse(fresh)) handler.onSocket(fresh)
    }
    while (this.complete.length > 0) {
      const socket = this.accept()
      if (socket !== null) handler.onSocket(socket)
    }
  }

  /** Stops listening; connections that nobody has accepted are reset. */
  close(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.host.onClose(this)
    this.fresh?.abort()
    this.fresh = null
    for (const socket of this.complete) socket.abort()
    this.complete.length = 0
    this.handler?.onClose?.(this)
  }
}

/** One that was reset while it waited is of no use to anybody. */
function isOfUse(socket: TcpSocket): boolean {
  return socket.state !== TcpState.Closed || socket.receivedLength > 0
}
