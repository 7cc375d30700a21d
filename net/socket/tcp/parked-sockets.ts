/**
 * Connections with something to send by an interface that takes nothing: they wait apart, so that
 * the turns of all others do not try them.
 */
import type { Egress } from '../../iface/protocol-handler.ts'
import type { ReadyList } from './ready-list.ts'
import { TcpState } from './state.ts'
import type { TcpSocket } from './tcp-socket.ts'

/**
 * So many that a way refuses in a round are tried again in the next, which a queue that is full for
 * a moment then takes; it has more room once fewer of them are refused.
 */
const REFUSALS_A_ROUND = 32
/** So many that were parked come back in a round. */
const RELEASED_A_ROUND = 64
/**
 * A way that takes something and refuses the rest in each round has so many of them come back, and
 * before those that it has just served: with 32 that always have more to send, nobody else would.
 */
const RELEASED_WHEN_BUSY = 4

/** What takes packets: see Egress.wayOf. */
interface Way {
  /** In the order in which they were refused. */
  readonly parked: Set<TcpSocket>
  refusals: number
  /** It has taken something since the last round began. */
  hasTaken: boolean
}

export class ParkedSockets {
  /**
   * Something waited when the last round began, or was refused since the one before: else there is
   * nothing to look at. Read only outside.
   */
  isUsed = false
  /** By their numbers; a way that has never refused anything has none. */
  private readonly ways: (Way | undefined)[] = []
  private parkedCount = 0

  /** Has those come back whose way is open again. */
  beginRound(egress: Egress, ready: ReadyList): void {
    const { ways } = this
    let isUsed = this.parkedCount > 0
    for (let index = 0; index < ways.length; index++) {
      const way = ways[index]
      if (way === undefined) continue
      if (hasRoom(way, index, egress)) this.release(way.parked, ready)
      else if (way.hasTaken && egress.isWayOpen(index)) this.releaseFirst(way.parked, ready)
      if (way.refusals > 0) isUsed = true
      way.refusals = 0
      way.hasTaken = false
    }
    this.isUsed = isUsed
  }

  /**
   * The way of a socket has refused it. False = it is to be tried again in the next round, as one
   * whose neighbor is not resolved is.
   */
  park(socket: TcpSocket, egress: Egress): boolean {
    const { flow } = socket
    if (flow === null || flow.isResolving || socket.state === TcpState.Closed) return false
    const index = egress.wayOf(flow)
    let way = this.ways[index]
    if (way === undefined) {
      way = { parked: new Set(), refusals: 0, hasTaken: false }
      this.ways[index] = way
    }
    this.isUsed = true
    if (egress.isWayOpen(index) && ++way.refusals <= REFUSALS_A_ROUND) return false
    const { parked } = way
    const before = parked.size
    parked.add(socket)
    this.parkedCount += parked.size - before
    return true
  }

  /** Something of the socket has left. */
  noteTaken(socket: TcpSocket, egress: Egress): void {
    const { flow } = socket
    const way = flow === null ? undefined : this.ways[egress.wayOf(flow)]
    if (way !== undefined) way.hasTaken = true
  }

  /** Some may come back in the next round, whatever else happens. */
  hasMore(egress: Egress): boolean {
    if (this.parkedCount === 0) return false
    return this.ways.some((way, index) => way !== undefined && hasRoom(way, index, egress))
  }

  /** The connection is over. */
  remove(socket: TcpSocket): void {
    if (this.parkedCount === 0) return
    for (const way of this.ways) if (way?.parked.delete(socket)) this.parkedCount--
  }

  /** Those that have waited longest have the first turns. */
  private releaseFirst(parked: Set<TcpSocket>, ready: ReadyList): void {
    const released: TcpSocket[] = []
    for (const socket of parked) {
      if (released.length === RELEASED_WHEN_BUSY) break
      parked.delete(socket)
      this.parkedCount--
      if (!socket.isReady) released.push(socket)
    }
    for (const socket of released.reverse()) ready.addFirst(socket)
  }

  private release(parked: Set<TcpSocket>, ready: ReadyList): void {
    let count = 0
    for (const socket of parked) {
      if (count++ === RELEASED_A_ROUND) break
      parked.delete(socket)
      this.parkedCount--
      // Something may have happened to it meanwhile: then it is there already.
      if (!socket.isReady) ready.add(socket)
    }
  }
}

function hasRoom({ parked, refusals }: Way, index: number, egress: Egress): boolean {
  return parked.size > 0 && refusals < REFUSALS_A_ROUND && egress.isWayOpen(index)
}
