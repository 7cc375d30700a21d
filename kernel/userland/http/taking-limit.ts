/** The time limit of a peer that takes nothing of its response: any progress starts it anew. */
import type { TcpSocket } from '../../../net/socket/tcp/tcp-socket.ts'
import { RESPONSE_TIMEOUT_MS } from './time-limits.ts'

export class TakingLimit {
  private readonly socket: TcpSocket
  /** SND.UNA when the limit began: what the peer's system has acknowledged it had room for. */
  private taken = 0

  constructor(socket: TcpSocket) {
    this.socket = socket
  }

  /** Begins a limit; returns its end. */
  begin(nowMs: number): number {
    this.taken = this.socket.sendUnacknowledged
    return nowMs + RESPONSE_TIMEOUT_MS
  }

  /** At the end of a limit: the end of the next one, or null when nothing was taken since the last one began. */
  renew(): number | null {
    const { progressMs, sendUnacknowledged } = this.socket
    if (sendUnacknowledged === this.taken) return null
    this.taken = sendUnacknowledged
    return progressMs + RESPONSE_TIMEOUT_MS
  }
}
