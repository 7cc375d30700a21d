/** What carries a WebSocket at a server: the connection on which its request came. */
import { encodeUtf8, startTimer } from '../host-globals.ts'
import type { Upgraded, UpgradeHost } from '../upgrade.ts'
import { CloseCode } from './frame.ts'
import type { Link } from './link.ts'
import type { Wire } from './wire.ts'

export class ServerWire implements Upgraded, Wire {
  isOver = false
  private readonly host: UpgradeHost
  private readonly link: Link
  /** Others have their turn: then it goes on by itself. */
  private isPausing = false

  constructor(host: UpgradeHost, link: Link) {
    this.host = host
    this.link = link
    link.attach(this)
  }

  advance(): void {
    if (this.isOver) return
    this.link.flush()
    if (!this.isPausing) this.read()
  }

  expire(): void {
    this.link.expire()
  }

  windDown(): void {
    this.link.close(CloseCode.goingAway, encodeUtf8('the server is shutting down'))
  }

  end(): void {
    this.isOver = true
    this.link.endOfBytes()
    // Nothing goes out any more either.
    this.link.drop('the connection is gone')
  }

  send(bytes: Uint8Array, offset: number): number {
    const { socket } = this.host
    return socket.canSend() ? socket.send(bytes, offset, bytes.length - offset) : 0
  }

  taken(): number {
    return this.host.socket.sendUnacknowledged
  }

  finish(): void {
    if (this.isOver) return
    this.isOver = true
    this.host.socket.linger()
  }

  abort(): void {
    if (this.isOver) return
    this.isOver = true
    this.host.socket.abort()
  }

  setDeadline(atMs: number): void {
    this.host.setDeadline(atMs)
  }

  nowMs(): number {
    return this.host.nowMs()
  }

  debug(message: string): void {
    this.host.debug(message)
  }

  private read(): void {
    const { host, link } = this
    const { socket } = host
    while (!this.isOver) {
      const length = socket.peekRange()
      if (length === 0) {
        if (socket.isPeerFinished) link.endOfBytes()
        return
      }
      const consumed = link.receive(socket.readBuffer!.bytes, socket.readOffset, length)
      // What is over has let go of all that has come.
      if (this.isOver) return
      socket.consume(consumed)
      if (!link.mustPause) continue
      this.pause()
      return
    }
  }

  private pause(): void {
    const { socket } = this.host
    if (socket.receivedLength === 0 && !socket.isPeerFinished) return
    this.isPausing = true
    startTimer(() => {
      this.isPausing = false
      // The socket of one that is over may be another's by now.
      if (!this.isOver) this.host.advance()
    }, 0)
  }
}
