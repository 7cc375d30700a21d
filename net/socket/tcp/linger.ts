/**
 * The user of a connection whose own has said its last word: drops what comes, and remembers that
 * something did.
 */

/** What is asked of a socket. */
export interface Unread {
  readonly receivedLength: number
  /** Something came that nobody has read. */
  isTextLost: boolean
  discard(length: number): number
  close(): void
}

/** A TcpSocketHandler. */
export const LINGERING = {
  offerData(socket: Unread, _bytes: Uint8Array, _offset: number, length: number): number {
    socket.isTextLost = true
    return length
  },
  onReadable: dropText,
  onPeerFinished(socket: Unread): void {
    dropText(socket)
    socket.close()
  },
  onClose(): void {},
}

/** Drops what is there to read. */
export function dropText(socket: Unread): void {
  if (socket.receivedLength === 0) return
  socket.isTextLost = true
  socket.discard(socket.receivedLength)
}
