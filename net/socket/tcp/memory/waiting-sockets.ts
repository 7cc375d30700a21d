/**
 * Sockets whose user has something to send and no memory to put it, oldest first, and how many of
 * them are to try again.
 */
import type { TcpSocket } from '../tcp-socket.ts'

export class WaitingSockets {
  /** Read only outside. */
  isAny = false
  /**
   * How many of them what has come back may be enough for: no more are woken, only to wait again.
   * Read only outside.
   */
  wakeCount = 0
  private readonly sockets = new Set<TcpSocket>()

  has(socket: TcpSocket): boolean {
    return this.sockets.has(socket)
  }

  add(socket: TcpSocket): void {
    this.sockets.add(socket)
    this.isAny = true
  }

  remove(socket: TcpSocket): void {
    this.sockets.delete(socket)
    this.isAny = this.sockets.size > 0
  }

  /** Memory for so many more of them has come back. */
  wake(count: number): void {
    this.wakeCount = Math.min(this.sockets.size, this.wakeCount + count)
  }

  wakeAll(): void {
    this.wakeCount = this.sockets.size
  }

  /** Takes up to `count` out, when there may be something for them. */
  take(count: number): TcpSocket[] {
    const taken: TcpSocket[] = []
    for (const socket of this.sockets) {
      if (taken.length === count || this.wakeCount === 0) break
      this.wakeCount--
      this.remove(socket)
      taken.push(socket)
    }
    if (!this.isAny) this.wakeCount = 0
    return taken
  }
}
