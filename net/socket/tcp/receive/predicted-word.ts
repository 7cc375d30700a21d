/** Which header the fast path expects of a connection's segments, and when it is to expect none. */
import { sequenceLessThan } from '../../../wire/sequence.ts'
import { TCP_HEADER_LENGTH, TcpFlag } from '../../../wire/tcp.ts'
import { TCP_TIMESTAMPS_LENGTH } from '../../../wire/tcp-options.ts'
import type { TcpSocket } from '../tcp-socket.ts'

/** As long as each segment has to be looked at closely, none takes the fast path. */
export function settlePrediction(socket: TcpSocket): void {
  if (socket.recovery?.isActive || isWindowFromBeyond(socket)) {
    // No header has this data offset.
    socket.predictedWord = 0
    return
  }
  const headerLength = TCP_HEADER_LENGTH + (socket.hasTimestamps ? TCP_TIMESTAMPS_LENGTH : 0)
  socket.predictedWord = (headerLength << 26) | (TcpFlag.Ack << 16)
}

/**
 * The window is that of a segment which came before others that had been sent before it (SND.WL1 >
 * RCV.NXT): theirs are older, and only the slow path looks at that.
 */
function isWindowFromBeyond({ receiveNext, sendWindowSequence }: TcpSocket): boolean {
  return sequenceLessThan(receiveNext, sendWindowSequence)
}
