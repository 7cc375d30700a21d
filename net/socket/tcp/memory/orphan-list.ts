/**
 * Connections whose users are gone and whose peers have not ended them yet: limited in number, and
 * in memory when that is scarce.
 */
import { NetError } from '../../net-error.ts'
import { TcpState } from '../state.ts'
import type { TcpSocket } from '../tcp-socket.ts'

/**
 * At the limit of memory, an orphan whose peer has taken nothing for so long is ended, whether it
 * answers or not: RFC 6429 §4 leaves it to the system to abort connections that a peer holds with a
 * zero window when resources are short.
 */
const STUCK_MS = 5_000

export class OrphanList {
  private readonly sockets = new Set<TcpSocket>()
  private readonly limit: number

  constructor(limit: number) {
    this.limit = limit
  }

  get size(): number {
    return this.sockets.size
  }

  /** Adds one; returns the oldest when that is one too many. */
  add(socket: TcpSocket): TcpSocket | null {
    this.sockets.add(socket)
    if (this.sockets.size <= this.limit) return null
    for (const oldest of this.sockets) return oldest
    return null
  }

  remove(socket: TcpSocket): void {
    this.sockets.delete(socket)
  }

  /** Those that hold memory which their peers do not take. */
  stuck(nowMs: number): TcpSocket[] {
    return [...this.sockets].filter(
      ({ sendBuffer, progressMs }) => sendBuffer.capacity > 0 && nowMs - progressMs >= STUCK_MS,
    )
  }
}

/** Its user waits for nothing any more: whoever only answers must not keep it (RFC 6429 §3). */
export function isOrphan({ isReceiveClosed, isLingering }: TcpSocket): boolean {
  return isReceiveClosed || isLingering
}

/**
 * Ends an orphan: without a word when its peer has all, which no reset may destroy, else with a
 * reset.
 */
export function endOrphan(socket: TcpSocket): void {
  if (socket.state === TcpState.FinWait2) socket.host.finish(socket, null)
  else socket.host.abort(socket, new NetError('aborted', 'Too many connections without a user'))
}
