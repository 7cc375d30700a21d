/**
 * Connections that were told no: what the client still sends is dropped, so that no reset destroys
 * the answer.
 */
import type { TcpSocket, TcpSocketHandler } from '../../../../net/socket/tcp/tcp-socket.ts'

export const LINGER_TIMEOUT_MS = 5_000

export class Lingering implements TcpSocketHandler {
  private readonly deadlines = new Map<TcpSocket, number>()

  get size(): number {
    return this.deadlines.size
  }

  add(socket: TcpSocket, nowMs: number): void {
    this.deadlines.set(socket, nowMs + LINGER_TIMEOUT_MS)
    socket.handler = this
    socket.discard(socket.receivedLength)
    socket.closeWrite()
    if (socket.isPeerFinished) this.onPeerFinished(socket)
  }

  expire(nowMs: number): void {
    for (const [socket, deadlineMs] of [...this.deadlines]) {
      if (deadlineMs > nowMs) continue
      this.deadlines.delete(socket)
      socket.abort()
    }
  }

  onReadable(socket: TcpSocket): void {
    socket.discard(socket.receivedLength)
  }

  onPeerFinished(socket: TcpSocket): void {
    socket.discard(socket.receivedLength)
    this.deadlines.delete(socket)
    socket.close()
  }

  onClose(socket: TcpSocket): void {
    this.deadlines.delete(socket)
  }
}
