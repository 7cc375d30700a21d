/** Which header the fast path expects of a connection's segments, and when it is to expect none. */
import { TCP_HEADER_LENGTH, TcpFlag } from '../../../wire/tcp.ts'
import { TCP_TIMESTAMPS_LENGTH } from '../../../wire/tcp-options.ts'
import type { TcpSocket } from '../tcp-socket.ts'

/**
 * True: segments without other options than timestamps take the fast path. False: none does, for
 * each has to be looked at closely.
 */
export function expectPlainSegments(socket: TcpSocket, isPlain: boolean): void {
  if (!isPlain) {
    // No header has this data offset.
    socket.predictedWord = 0
    return
  }
  const headerLength = TCP_HEADER_LENGTH + (socket.hasTimestamps ? TCP_TIMESTAMPS_LENGTH : 0)
  socket.predictedWord = (headerLength << 26) | (TcpFlag.Ack << 16)
}
