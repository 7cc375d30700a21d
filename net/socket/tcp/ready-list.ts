/**
 * Sockets waiting for their turn, each at most once: a linked list through the sockets themselves.
 */
import type { TcpSocket } from './tcp-socket.ts'

export class ReadyList {
  /** Read only outside. */
  first: TcpSocket | null = null
  private last: TcpSocket | null = null
  private asideFirst: TcpSocket | null = null
  private asideLast: TcpSocket | null = null

  get isEmpty(): boolean {
    return this.first === null
  }

  /** Three at most. */
  get isShort(): boolean {
    const { first } = this
    if (first === null) return true
    const second = first.nextReady
    if (second === null) return true
    const third = second.nextReady
    return third === null || third.nextReady === null
  }

  /** Appends a socket that is in no list. */
  add(socket: TcpSocket): void {
    socket.isReady = true
    socket.nextReady = null
    if (this.last === null) this.first = socket
    else this.last.nextReady = socket
    this.last = socket
  }

  /** Puts a socket that is in no list before all others. */
  addFirst(socket: TcpSocket): void {
    socket.isReady = true
    socket.nextReady = this.first
    this.first = socket
    this.last ??= socket
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
    socket.nextReady = null
    if (this.asideLast === null) this.asideFirst = socket
    else this.asideLast.nextReady = socket
    this.asideLast = socket
  }

  /**
   * Sockets set aside have their turn in the next round, in the order in which they were: who has
   * had nothing yet is first.
   */
  restoreAside(): void {
    const { asideFirst, asideLast } = this
    if (asideLast === null) return
    asideLast.nextReady = this.first
    if (this.last === null) this.last = asideLast
    this.first = asideFirst
    this.asideFirst = null
    this.asideLast = null
  }
}
