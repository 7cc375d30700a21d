/**
 * Gives datagram sockets their turns: news to their users, then what they have to send, no socket
 * always first.
 */
import type { Egress } from '../../iface/protocol-handler.ts'
import type { DatagramEmitter, SendQueue } from './send-queue.ts'

/** What a socket shows to its scheduler, and nobody else. */
export interface ScheduledSocket {
  isReady: boolean
  /** Datagrams have come that its user has not been told of. */
  hasNews: boolean
  /** A send found the queue full. */
  isWriteBlocked: boolean
  readonly isClosed: boolean
  readonly sendQueue: SendQueue
  tellReadable(): void
  tellWritable(): void
}

export class SocketScheduler<S extends ScheduledSocket> {
  /** Sockets that wait for their turn. Read only outside. */
  ready: S[] = []
  /** Emptied by dispatch and swapped with `ready`, so that neither is made anew. */
  private served: S[] = []
  /** Something was queued that the dispatch under way does not see. */
  isFresh = false
  /** When something that waits is to be given up. */
  private deadlineMs = Number.POSITIVE_INFINITY
  /** The socket whose user is being told of datagrams: what it sends goes out right after. */
  private current: S | null = null
  /** Counts turns of single sockets, to try each unresolved flow once in each. */
  private round = 0
  /** Where dispatch begins: whom a full device turns away is not always the same. */
  private firstTurn = 0
  private readonly emitter: DatagramEmitter<S>

  constructor(emitter: DatagramEmitter<S>) {
    this.emitter = emitter
  }

  wake(socket: S): void {
    if (socket === this.current) return
    this.isFresh = true
    if (!socket.isReady) this.schedule(socket)
  }

  /** When there must be a turn though nothing else happens; Infinity = never. */
  nextDeadlineMs(nowMs: number): number {
    return this.isFresh ? nowMs : this.deadlineMs
  }

  /** True when there is more to do as soon as the device has room. */
  dispatch(egress: Egress, nowMs: number): boolean {
    this.isFresh = false
    const sockets = this.ready
    const count = sockets.length
    if (count === 0) return false
    this.ready = this.served
    this.deadlineMs = Number.POSITIVE_INFINITY
    let isBlocked = false
    let turn = count === 1 ? 0 : this.firstTurn++ % count
    for (let served = 0; served < count; served++) {
      if (this.serve(sockets[turn]!, egress, nowMs)) isBlocked = true
      if (++turn === count) turn = 0
    }
    sockets.length = 0
    this.served = sockets
    return isBlocked || this.isFresh
  }

  private serve(socket: S, egress: Egress, nowMs: number): boolean {
    if (socket.hasNews) {
      socket.hasNews = false
      this.current = socket
      socket.tellReadable()
      this.current = null
    }
    socket.isReady = false
    const queue = socket.sendQueue
    let isBlocked = false
    if (queue.transmit(socket, this.emitter, egress, ++this.round, nowMs)) {
      isBlocked = true
      this.deadlineMs = Math.min(this.deadlineMs, queue.overdueMs())
      this.schedule(socket)
    }
    if (queue.count() > 0) return isBlocked
    if (socket.isClosed) {
      queue.release()
    } else if (socket.isWriteBlocked) {
      socket.isWriteBlocked = false
      // What is sent now has its turn in the next dispatch.
      socket.tellWritable()
    }
    return isBlocked
  }

  private schedule(socket: S): void {
    socket.isReady = true
    this.ready.push(socket)
  }
}
