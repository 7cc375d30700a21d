/**
 * Connections that are over and whose users have left bytes unread: they keep their memory, but not
 * while others need it.
 */
import type { TcpSocket } from '../tcp-socket.ts'

/** While memory is scarce, whoever has read nothing for so long loses what there was to read. */
export const UNREAD_TIMEOUT_MS = 60_000

interface UnreadMark {
  /** Not a number before it was looked at, which happens only while memory is scarce. */
  sinceMs: number
  heldBytes: number
}

export class UnreadList {
  private readonly marks = new Map<TcpSocket, UnreadMark>()

  get size(): number {
    return this.marks.size
  }

  add(socket: TcpSocket): void {
    this.marks.set(socket, { sinceMs: Number.NaN, heldBytes: 0 })
  }

  remove(socket: TcpSocket): void {
    this.marks.delete(socket)
  }

  sockets(): Iterable<TcpSocket> {
    return this.marks.keys()
  }

  /** Those whose users have read nothing for a minute of scarcity. */
  abandoned(nowMs: number): TcpSocket[] {
    const found: TcpSocket[] = []
    for (const [socket, mark] of this.marks) {
      if (mark.heldBytes !== socket.receivedLength) {
        mark.heldBytes = socket.receivedLength
        mark.sinceMs = nowMs
      } else if (nowMs - mark.sinceMs >= UNREAD_TIMEOUT_MS) {
        found.push(socket)
      }
    }
    return found
  }
}
