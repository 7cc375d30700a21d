/**
 * Sockets waiting for their turn, each at most once: a linked list through the sockets themselves.
 */
import type { TcpSocket } from './tcp-socket.ts'

/**
 * So many with little to send go before one that waits: however many come, it has its turn after
 * them.
 */
const MOST_AHEAD = 64

export class ReadyList {
  /** Read only outside. */
  first: TcpSocket | null = null
  private last: TcpSocket | null = null
  /** The last of those at the beginning that have little to send. */
  private lastLight: TcpSocket | null = null
  /** How many of them have been put before others since one of these had its turn. */
  private ahead = 0
  private asideFirst: TcpSocket | null = null
  private asideLast: TcpSocket | null = null
  /** The last of these with little to send. */
  private asideLight: TcpSocket | null = null
  private behindFirst: TcpSocket | null = null
  private behindLast: TcpSocket | null = null

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

  /**
   * Puts a socket with little to send, which is in no list, behind others of its kind and before
   * those that have much: in their turns they would send a thousand frames before it.
   */
  addLight(socket: TcpSocket): void {
    const { lastLight, first } = this
    const next = lastLight === null ? first : lastLight.nextReady
    if (next !== null && ++this.ahead > MOST_AHEAD) {
      this.add(socket)
      return
    }
    socket.isReady = true
    socket.nextReady = next
    if (lastLight === null) this.first = socket
    else lastLight.nextReady = socket
    if (next === null) this.last = socket
    this.lastLight = socket
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
      if (socket === this.lastLight) this.lastLight = null
      else if (this.lastLight === null) this.ahead = 0
    }
    return socket
  }

  /** Keeps a socket that cannot go on in this round. */
  setAside(socket: TcpSocket, isLight: boolean): void {
    if (socket.isReady) return
    if (isLight) this.asideLight = socket
    socket.isReady = true
    socket.nextReady = null
    if (this.asideLast === null) this.asideFirst = socket
    else this.asideLast.nextReady = socket
    this.asideLast = socket
  }

  /**
   * Keeps a socket that cannot go on in this round and has sent something in it: those that have
   * not are to go before it in the next.
   */
  setBehind(socket: TcpSocket): void {
    if (socket.isReady) return
    socket.isReady = true
    socket.nextReady = null
    if (this.behindLast === null) this.behindFirst = socket
    else this.behindLast.nextReady = socket
    this.behindLast = socket
  }

  /**
   * Sockets set aside have their turn in the next round, in the order in which they were, before
   * all others; those set behind come after them.
   */
  restoreAside(): void {
    const { behindFirst, behindLast } = this
    if (behindLast !== null) {
      if (this.last === null) this.first = behindFirst
      else this.last.nextReady = behindFirst
      this.last = behindLast
      this.behindFirst = null
      this.behindLast = null
    }
    const { asideFirst, asideLast } = this
    if (asideLast === null) return
    asideLast.nextReady = this.first
    if (this.last === null) this.last = asideLast
    this.first = asideFirst
    this.lastLight ??= this.asideLight
    this.asideLight = null
    this.asideFirst = null
    this.asideLast = null
  }
}
