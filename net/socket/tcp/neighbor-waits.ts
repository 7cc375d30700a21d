/**
 * Connections with something to send to a neighbor whose hardware address is not known: one of
 * them asks when neighbors are heard of, and now and then, in turn; the others come back when it
 * waits no longer. Those that have no neighbor to ask wait together for other routes.
 */
import { RETRY_INTERVAL_MS } from '../../iface/path-news.ts'
import type { Egress } from '../../iface/protocol-handler.ts'
import type { ReadyList } from './ready-list.ts'
import { TcpState } from './state.ts'
import type { TcpSocket } from './tcp-socket.ts'

/** So many come back in a round when the neighbor is there, or is given up. */
const RELEASED_A_ROUND = 64
/** What those wait for that lack a route, or room in the neighbor cache. */
const NO_NEIGHBOR = {}

/** Of one neighbor. */
interface Wait {
  /** In the order in which they are to ask. */
  readonly sockets: Set<TcpSocket>
  /** Who is to ask, until its turn has come. */
  asking: TcpSocket | null
  askedMs: number
  /** So many are to come back, as something has happened. */
  dueCount: number
  hasFailed: boolean
}

export class NeighborWaits {
  /** Somebody waits, or has until this round. Read only outside. */
  isUsed = false
  /** Of neighbors that somebody waits for, and each socket waits for one. */
  private readonly waits = new Map<object, Wait>()
  private readonly waitOf = new Map<TcpSocket, Wait>()
  /** What was told when a round last began. */
  private neighborNews = 0
  private routeNews = 0

  /** Has those come back that are to ask, or may hear what has become of their neighbor. */
  beginRound(egress: Egress, ready: ReadyList, nowMs: number): void {
    const { neighbors, routes } = egress.news
    const hasRoutes = routes !== this.routeNews
    const hasNews = hasRoutes || neighbors !== this.neighborNews
    this.routeNews = routes
    this.neighborNews = neighbors
    for (const [neighbor, wait] of this.waits) {
      const [first] = wait.sockets
      if (first === undefined) {
        this.waits.delete(neighbor)
        continue
      }
      if (!hasNews && wait.dueCount === 0 && nowMs < wait.askedMs + RETRY_INTERVAL_MS) continue
      if (neighbor !== NO_NEIGHBOR) noteFailure(wait, first, egress, nowMs)
      else if (hasRoutes) wait.dueCount = wait.sockets.size
      if (wait.asking !== null && wait.dueCount === 0) continue
      wait.askedMs = nowMs
      wait.asking ??= first
      this.release(wait, ready)
    }
    this.isUsed = this.waits.size > 0
  }

  /** The socket's turn has ended for want of its neighbor; false when it was not for that. */
  add(socket: TcpSocket, { news }: Egress, nowMs: number): boolean {
    const { flow } = socket
    if (flow === null || !flow.isResolving || socket.state === TcpState.Closed) return false
    const neighbor = flow.neighbor ?? NO_NEIGHBOR
    let wait = this.waits.get(neighbor)
    if (wait === undefined) {
      wait = { sockets: new Set(), asking: null, askedMs: nowMs, dueCount: 0, hasFailed: false }
      this.waits.set(neighbor, wait)
      if (!this.isUsed) {
        this.isUsed = true
        this.neighborNews = news.neighbors
        this.routeNews = news.routes
      }
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
      if (asking !== null && !isYetToAsk(asking)) {
        wait.asking = null
        // It has sent something, or waits for something else.
        const isOver = asking.state === TcpState.Closed
        if (!isOver && !sockets.has(asking)) wait.dueCount = sockets.size
      }
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

/** All hear of it when their neighbor has been given up. */
function noteFailure(wait: Wait, { flow }: TcpSocket, egress: Egress, nowMs: number): void {
  const hasFailed = flow !== null && egress.isUnreachable(flow, nowMs)
  if (hasFailed && !wait.hasFailed) wait.dueCount = wait.sockets.size
  wait.hasFailed = hasFailed
}

/** Others stand before it; one that got through may be ready to send more. */
function isYetToAsk({ isReady, flow }: TcpSocket): boolean {
  return isReady && flow?.isResolving === true
}
