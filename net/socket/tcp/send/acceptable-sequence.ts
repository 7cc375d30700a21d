/** The sequence number of what takes none itself, ACKs and resets: one that the peer accepts. */
import { sequenceAdd, sequenceDifference } from '../../../wire/sequence.ts'
import { TcpState } from '../state.ts'
import type { TcpSocket } from '../tcp-socket.ts'

/**
 * RFC 9293 §3.10.5 and §3.10.7.4 say SND.NXT. Here that is SND.MAX: a timeout takes SND.NXT back to
 * numbers that the peer may have, and those lie before its window. But the octets of a probe, and
 * those from which the peer has taken its window back, lie beyond it. A peer drops an ACK from
 * there, and all that it acknowledges, and a reset without a word (RFC 5961 §3.2); a closed window
 * accepts RCV.NXT alone (RFC 9293 §3.10.7.4), which is SND.UNA as far as we know.
 */
export function acceptableSequence(socket: TcpSocket): number {
  const { sendUnacknowledged, sendMax, sendWindow } = socket
  // Our SYN takes a number, but none of the window.
  if (socket.state < TcpState.Established) return sendMax
  const edge = sequenceAdd(sendUnacknowledged, sendWindow)
  const beyond = sequenceDifference(sendMax, edge)
  if (beyond <= 0) return sendMax
  // RFC 7323 §2.4: what is less than one step of the window field may be rounded down, and is no
  // less acceptable.
  if (sendWindow > 0 && beyond < 1 << socket.sendScale) return sendMax
  return edge
}
