/** What a loss halves: the flight as it was before limited transmit (RFC 5681 §3.2, RFC 3042). */
import { sequenceDifference } from '../../../wire/sequence.ts'
import type { TcpSocket } from '../tcp-socket.ts'

/** RFC 3042: one for each of the first two duplicates. */
const LIMITED_TRANSMIT_SEGMENTS = 2

/**
 * In octets. RFC 5681 §3.2 step 2: what limited transmit has let out beyond the window "MUST NOT be
 * included in this calculation".
 */
export function flightBeforeLoss(socket: TcpSocket): number {
  const { sendMax, sendUnacknowledged, segmentSize, congestion } = socket
  const flight = sequenceDifference(sendMax, sendUnacknowledged)
  const beyond = Math.max(flight - congestion.windowBytes, 0)
  return flight - Math.min(beyond, LIMITED_TRANSMIT_SEGMENTS * segmentSize)
}
