/** Whose turn it is: sockets with something to send or to tell, and those whose deadlines have come. */
import type { Egress } from '../../iface/protocol-handler.ts'
import { DeadlineQueue } from './deadline-queue.ts'
import { deliverEvents } from './event-delivery.ts'
import { ReadyList } from './ready-list.ts'
import { dispatchSocket, TurnResult } from './send/transmit.ts'
import { TcpState } from './state.ts'
import type { TcpScheduling, TcpSocket } from './tcp-socket.ts'
import { fireTimers, socketDeadlineMs } from './timers.ts'

export class TcpScheduler implements TcpScheduling {
  /** Something was queued from outside since the last dispatch. */
  isFresh = false
  readonly deadlines = new DeadlineQueue<TcpSocket>()
  private readonly ready = new ReadyList()

  wake(socket: TcpSocket): void {
    this.isFresh = true
    if (!socket.isReady) this.ready.add(socket)
  }

  scheduleDeadline(socket: TcpSocket, deadlineMs: number): void {
    if (deadlineMs < socket.scheduledDeadlineMs) this.deadlines.schedule(socket, deadlineMs)
  }

  fireDeadlines(nowMs: number): void {
    const { deadlines } = this
    for (let socket = deadlines.due(nowMs); socket !== null; socket = deadlines.due(nowMs)) {
      fireTimers(socket, nowMs)
      if (socket.state === TcpState.Closed) deadlines.remove(socket)
      else deadlines.schedule(socket, socketDeadlineMs(socket))
    }
  }

  /** Gives each ready socket its turn; true while some wait for the device or a neighbor. */
  runReady(
    egress: Egress,
    nowMs: number,
    onBlockedSyn: (socket: TcpSocket, nowMs: number) => void,
  ): boolean {
    const { ready } = this
    let isBlocked = false
    for (let socket = ready.take(); socket !== null; socket = ready.take()) {
      // Still marked as ready, so that what its user does now does not schedule it a second time.
      if (socket.events !== 0) deliverEvents(socket)
      socket.isReady = false
      const result = dispatchSocket(socket, egress, nowMs)
      if (result === TurnResult.Blocked) {
        if (socket.state === TcpState.SynSent) onBlockedSyn(socket, nowMs)
        ready.setAside(socket)
        isBlocked = true
      } else if ((result === TurnResult.More || socket.events !== 0) && !socket.isReady) {
        // What its user did while it was told of events may be news itself, such as the end of the connection.
        ready.add(socket)
      }
    }
    if (isBlocked) ready.restoreAside()
    return isBlocked
  }
}
