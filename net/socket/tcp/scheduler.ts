/**
 * Whose turn it is: sockets with something to send or to tell, and those whose deadlines have come.
 */
import type { EarliestDeadline } from '../../iface/earliest-deadline.ts'
import type { Egress } from '../../iface/protocol-handler.ts'
import { sequenceDifference } from '../../wire/sequence.ts'
import { DeadlineQueue } from './deadline-queue.ts'
import { deliverEvents } from './event-delivery.ts'
import { NeighborWaits } from './neighbor-waits.ts'
import { ParkedSockets } from './parked-sockets.ts'
import { acknowledgeReady } from './ready-acks.ts'
import { ReadyList } from './ready-list.ts'
import { noteRefused } from './send/departure.ts'
import { dispatchSocket, TurnResult } from './send/transmit.ts'
import { TcpState } from './state.ts'
import type { TcpScheduling, TcpSocket } from './tcp-socket.ts'
import { fireTimers, socketDeadlineMs } from './timers.ts'

/**
 * Sockets that have their turn before received frames have theirs: where hundreds wait, ACKs and
 * requests do not lie about until all of these have sent.
 */
const SOCKETS_A_ROUND = 64
/** Two frames count as much as a socket: a round is no longer than 128 of them. */
const FRAMES_SHIFT = 1
/** A turn among few, whose frames are cheaper in long runs, and among many, who wait for each. */
const LONG_TURN_FRAMES = 128
const SHORT_TURN_FRAMES = 32

/** Who has no more to send than fits into a frame does not wait for those that have much. */
const LIGHT_BYTES = 65_536

export class TcpScheduler implements TcpScheduling {
  /** Something was queued from outside since the last dispatch. */
  isFresh = false
  /** Sockets were left for the next round. */
  hasMore = false
  readonly deadlines: DeadlineQueue<TcpSocket>
  private readonly ready = new ReadyList()
  private readonly parked = new ParkedSockets()
  private readonly waits = new NeighborWaits()
  private readonly deadline: EarliestDeadline

  constructor(deadline: EarliestDeadline) {
    this.deadline = deadline
    this.deadlines = new DeadlineQueue(deadline)
  }

  /** There is something to do in the next turn, which is due at once. */
  requestTurn(): void {
    this.isFresh = true
    this.deadline.isUrgent = true
  }

  wake(socket: TcpSocket): void {
    this.requestTurn()
    if (socket.isReady) return
    const unsentBytes = sequenceDifference(socket.sendBuffer.end, socket.sendNext)
    if (unsentBytes <= LIGHT_BYTES) this.ready.addLight(socket)
    else this.ready.add(socket)
  }

  scheduleDeadline(socket: TcpSocket, deadlineMs: number): void {
    if (deadlineMs < socket.scheduledDeadlineMs) this.deadlines.schedule(socket, deadlineMs)
  }

  /** The connection is over: what it still has to tell its user, its turn will. */
  forget(socket: TcpSocket): void {
    if (socket.scheduledIndex >= 0) this.deadlines.remove(socket)
    if (this.parked.isUsed) this.parked.remove(socket)
    if (this.waits.isUsed) this.waits.remove(socket)
  }

  fireDeadlines(nowMs: number): void {
    const { deadlines } = this
    for (let socket = deadlines.due(nowMs); socket !== null; socket = deadlines.due(nowMs)) {
      fireTimers(socket, nowMs)
      if (socket.state === TcpState.Closed) deadlines.remove(socket)
      else deadlines.schedule(socket, socketDeadlineMs(socket))
    }
  }

  /**
   * Gives ready sockets their turn, a round of them; true while some wait for the device. Those
   * whose link is down or whose neighbor is not known wait for that, and are in nobody's way.
   * `hasMore` says whether the others are due at once.
   */
  runReady(
    egress: Egress,
    nowMs: number,
    onBlockedSyn: (socket: TcpSocket, nowMs: number) => void,
  ): boolean {
    const { ready, parked, waits } = this
    if (parked.isUsed) parked.beginRound(egress, ready)
    if (waits.isUsed) waits.beginRound(egress, ready, nowMs)
    let isBlocked = false
    let hasNews = false
    let left = SOCKETS_A_ROUND
    for (;;) {
      const socket = ready.first
      if (socket === null) break
      const served = socket.isAckDue && !parked.isUsed ? acknowledgeReady(ready, left, nowMs) : 0
      if (served !== 0) {
        left -= served
        if (left === 0) break
        continue
      }
      ready.take()
      // Still marked as ready, so that what its user does now does not schedule it a second time.
      if (socket.events !== 0) deliverEvents(socket)
      socket.isReady = false
      const { statistics } = socket
      const sentBefore = statistics.segmentsSent
      const frames = ready.isShort ? LONG_TURN_FRAMES : SHORT_TURN_FRAMES
      const result = dispatchSocket(socket, egress, frames, nowMs)
      const sent = statistics.segmentsSent - sentBefore
      if (sent !== 0) {
        left -= sent >> FRAMES_SHIFT
        if (parked.isUsed) parked.noteTaken(socket, egress)
      }
      if (result === TurnResult.Blocked) {
        if (socket.state === TcpState.SynSent) onBlockedSyn(socket, nowMs)
        else if (socket.state !== TcpState.SynReceived) noteRefused(socket, nowMs)
        if (waits.add(socket, egress, nowMs)) continue
        const isFull = isOnlyWayFull(socket, egress)
        if (!isFull && parked.park(socket, egress)) continue
        const unsentBytes = sequenceDifference(socket.sendBuffer.end, socket.sendNext)
        const isLight = unsentBytes <= LIGHT_BYTES
        // Else one with more to send than a device takes in a round would have all of its rounds.
        if (sent !== 0 && !isLight) ready.setBehind(socket)
        else ready.setAside(socket, isLight)
        isBlocked = true
        if (!isFull) continue
        ready.restoreAside()
        hasNews = this.deliverRest()
        break
      }
      if ((result === TurnResult.More || socket.events !== 0) && !socket.isReady) {
        // What its user did while it was told of events may be news itself, such as the end of the
        // connection.
        ready.add(socket)
      }
      if (--left <= 0) break
    }
    this.hasMore = hasNews || (left <= 0 && !ready.isEmpty)
    if (parked.isUsed && parked.hasMore(egress)) this.hasMore = true
    if (waits.isUsed && waits.endRound()) this.hasMore = true
    if (isBlocked) ready.restoreAside()
    return isBlocked
  }

  /**
   * Those that are not asked for frames hear of what happens to them none the less, and of what is
   * done to them by those that hear. True = some are left for the next round.
   */
  private deliverRest(): boolean {
    let left = SOCKETS_A_ROUND
    for (let isTold = true; isTold; ) {
      isTold = false
      for (let socket = this.ready.first; socket !== null; socket = socket.nextReady) {
        if (socket.events === 0) continue
        if (left-- === 0) return true
        deliverEvents(socket)
        isTold = true
      }
    }
    return false
  }
}

/** What refused the socket refuses all behind it: those with little to send came before. */
function isOnlyWayFull({ flow }: TcpSocket, egress: Egress): boolean {
  if (egress.wayCount !== 1 || egress.hasInternalFlows) return false
  return flow !== null && !flow.isResolving && egress.isWayOpen(0)
}
