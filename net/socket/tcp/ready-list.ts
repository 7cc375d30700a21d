/** Sockets waiting for their turn, each at most once: a linked list through the sockets themselves. */
import type { TcpSocket } from './tcp-socket.ts'

export class ReadyList {
  private first: TcpSocket | null = null
  private last: TcpSocket | null = null
  private aside: TcpSocket | null = null

  /** Appends a socket that is in no list. */
  add(socket: TcpSocket): void {
    socket.isReady = true
    socket.nextReady = null
    if (this.last === null) this.first = socket
    else this.last.nextReady = socket
    this.last = socket
  }

  /** Takes the first socket out, leaving it marked as ready; null when there is none. */
  take(): TcpSocket | null {
    const socket = this.first
    if (socket !== null) {
      this.first = socket.nextReady
      if (this.first === null) this.last = null
      socket.nextReady = null
    }
    return socket
  }

  /** Keeps a socket that cannot go on in this round. */
  setAside(socket: TcpSocket): void {
    if (socket.isReady) return
    socket.isReady = true
    socket.nextReady = this.aside
    this.aside = socket
  }

  /** Sockets set aside have their turn in the next round. */
  restoreAside(): void {
    for (let socket = this.aside; socket !== null; ) {
      const next: TcpSocket | null = socket.nextReady
      this.add(socket)
      socket = next
    }
    this.aside = null
  }
}
