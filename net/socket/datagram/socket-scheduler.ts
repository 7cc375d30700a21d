/**
 * Gives datagram sockets their turns: news to their users, then what they have to send, no socket
 * always first.
 */
import type { EarliestDeadline } from '../../iface/earliest-deadline.ts'
import { countNews, RETRY_INTERVAL_MS } from '../../iface/path-news.ts'
import type { Egress } from '../../iface/protocol-handler.ts'
import { type DatagramEmitter, Rest, type SendQueue } from './send-queue.ts'

/** Of those that wait for neighbors so many try again at once. */
const RELEASED_A_TURN = 64

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
  /** Some wait for neighbors only: in nobody's turn. Read only outside. */
  isHolding = false
  /** They, who has waited longest first. */
  private readonly held = new Set<S>()
  /** So many of them are to try again, as something has been heard since `heldNews`. */
  private dueCount = 0
  private heldNews = 0
  /** When some try again though nothing is heard. */
  private retryMs = Number.POSITIVE_INFINITY
  /** Something was queued that the dispatch under way does not see. */
  isFresh = false
  /** When something that waits is to be given up, or tried again. */
  private deadlineMs = Number.POSITIVE_INFINITY
  /** The socket whose user is being told of datagrams: what it sends goes out right after. */
  private current: S | null = null
  /** Counts turns of single sockets, to try each unresolved flow once in each. */
  private round = 0
  /** Where dispatch begins: whom a full device turns away is not always the same. */
  private firstTurn = 0
  private readonly emitter: DatagramEmitter<S>
  private readonly deadline: EarliestDeadline

  constructor(emitter: DatagramEmitter<S>, deadline: EarliestDeadline) {
    this.emitter = emitter
    this.deadline = deadline
  }

  wake(socket: S): void {
    if (socket === this.current) return
    this.requestTurn()
    if (!socket.isReady) this.schedule(socket)
  }

  /** There is something to do in the next dispatch, which is due at once. */
  requestTurn(): void {
    this.isFresh = true
    this.deadline.isUrgent = true
  }

  /** When there must be a turn though nothing else happens; Infinity = never. */
  nextDeadlineMs(nowMs: number): number {
    return this.isFresh ? nowMs : this.deadlineMs
  }

  /** True when there is more to do as soon as the device has room. */
  dispatch(egress: Egress, nowMs: number): boolean {
    this.isFresh = false
    if (this.isHolding) this.releaseHeld(egress, nowMs)
    const sockets = this.ready
    const count = sockets.length
    if (count === 0) {
      this.deadlineMs = this.retryMs
      this.deadline.note(this.retryMs)
      return false
    }
    this.ready = this.served
    this.deadlineMs = Number.POSITIVE_INFINITY
    let isBlocked = false
    let turn = this.firstTurn % count
    for (let served = 0; served < count; served++) {
      if (this.serve(sockets[turn]!, egress, nowMs)) isBlocked = true
      if (++turn === count) turn = 0
    }
    if (this.retryMs < this.deadlineMs) this.deadlineMs = this.retryMs
    this.deadline.note(this.deadlineMs)
    // Who was woken first is first, as long as all are served.
    this.firstTurn = isBlocked ? this.firstTurn + 1 : 0
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
    if (this.isHolding) this.held.delete(socket)
    const rest = queue.transmit(socket, this.emitter, egress, ++this.round, nowMs)
    if (rest === Rest.Waiting) {
      this.hold(socket, egress, nowMs)
    } else if (rest === Rest.Refused) {
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

  /** Its datagrams wait for neighbors. */
  private hold(socket: S, egress: Egress, nowMs: number): void {
    if (!this.isHolding) {
      this.isHolding = true
      this.heldNews = countNews(egress.news)
      this.retryMs = nowMs + RETRY_INTERVAL_MS
    }
    this.held.add(socket)
  }

  /** Has those try again that may have a way now, or may hear that there is none. */
  private releaseHeld(egress: Egress, nowMs: number): void {
    const { held } = this
    const news = countNews(egress.news)
    if (news !== this.heldNews) {
      this.heldNews = news
      this.dueCount = held.size
    } else if (this.dueCount === 0) {
      if (nowMs < this.retryMs) return
      this.dueCount = Math.min(held.size, RELEASED_A_TURN)
    }
    this.retryMs = nowMs + RETRY_INTERVAL_MS
    let left = RELEASED_A_TURN
    for (const socket of held) {
      if (this.dueCount === 0 || left-- === 0) break
      this.dueCount--
      held.delete(socket)
      if (!socket.isReady) this.schedule(socket)
    }
    if (held.size === 0) {
      this.isHolding = false
      this.dueCount = 0
      this.retryMs = Number.POSITIVE_INFINITY
    }
    if (this.dueCount > 0) this.requestTurn()
  }

  private schedule(socket: S): void {
    socket.isReady = true
    this.ready.push(socket)
  }
}
