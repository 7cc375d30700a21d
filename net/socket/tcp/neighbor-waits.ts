/**
 * Connections with something to send to a neighbor whose hardware address is not known: one of
 * them asks in each round, in turn, and the others come back when it waits no longer.
 */
import type { Egress } from '../../iface/protocol-handler.ts'
import type { ReadyList } from './ready-list.ts'
import { TcpState } from './state.ts'
import type { TcpSocket } from './tcp-socket.ts'

/** So many come back in a round when the neighbor is there, or is given up. */
const RELEASED_A_ROUND = 64

/** Of one neighbor. */
interface Wait {
  /** In the order in which they are to ask. */
  readonly sockets: Set<TcpSocket>
  /** Who asks in this round. */
  asking: TcpSocket | null
  /** So many are to come back, as something has happened. */
  dueCount: number
  hasFailed: boolean
}

export class NeighborWaits {
  /** Somebody waits, or has until this round. Read only outside. */
  isUsed = false
  /** As many as the neighbor cache holds at most. */
  private readonly waits = new Map<object, Wait>()
  private readonly waitOf = new Map<TcpSocket, Wait>()

  /** Has those come back that are to ask, or may hear what has become of their neighbor. */
  beginRound(egress: Egress, ready: ReadyList, nowMs: number): void {
    for (const [neighbor, wait] of this.waits) {
      const [first] = wait.sockets
      if (first === undefined) {
        this.waits.delete(neighbor)
        continue
      }
      const { flow } = first
      const hasFailed = flow !== null && egress.isUnreachable(flow, nowMs)
      if (hasFailed && !wait.hasFailed) wait.dueCount = wait.sockets.size
      wait.hasFailed = hasFailed
      wait.asking = first
      this.release(wait, ready)
    }
    this.isUsed = this.waits.size > 0
  }

  /** The socket's turn has ended for want of its neighbor; false when it was not for that. */
  add(socket: TcpSocket): boolean {
    const { flow } = socket
    if (flow === null || !flow.isResolving || socket.state === TcpState.Closed) return false
    const { neighbor } = flow
    if (neighbor === null) return false
    let wait = this.waits.get(neighbor)
    if (wait === undefined) {
      wait = { sockets: new Set(), asking: null, dueCount: 0, hasFailed: false }
      this.waits.set(neighbor, wait)
      this.isUsed = true
    }
    this.remove(socket)
    wait.sockets.add(socket)
    this.waitOf.set(socket, wait)
    return true
  }

  /** True when more are to come back in the next round, whatever else happens. */
  endRound(): boolean {
    let hasMore = false
    for (const wait of this.waits.values()) {
      const { asking, sockets } = wait
      // It has sent something, is over, or waits for something else.
      if (asking !== null && !sockets.has(asking)) wait.dueCount = sockets.size
      wait.asking = null
      if (wait.dueCount > 0) hasMore = true
    }
    return hasMore
  }

  /** The connection is over, or is filed anew. */
  remove(socket: TcpSocket): void {
    const wait = this.waitOf.get(socket)
    if (wait === undefined) return
    this.waitOf.delete(socket)
    wait.sockets.delete(socket)
  }

  private release(wait: Wait, ready: ReadyList): void {
    let count = Math.max(1, Math.min(wait.dueCount, RELEASED_A_ROUND))
    wait.dueCount = Math.max(0, wait.dueCount - count)
    for (const socket of wait.sockets) {
      if (count-- === 0) break
      this.remove(socket)
      // Something may have happened to it meanwhile: then it is there already.
      if (!socket.isReady) ready.add(socket)
    }
  }
}
