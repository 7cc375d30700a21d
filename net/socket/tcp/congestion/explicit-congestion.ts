/**
 * Explicit congestion notification: routers mark instead of dropping, receivers echo, senders
 * reduce (RFC 3168).
 */
import type { Flow } from '../../../iface/protocol-handler.ts'
import {
  sequenceDifference,
  sequenceLessOrEqual,
  sequenceLessThan,
} from '../../../wire/sequence.ts'
import { TcpFlag } from '../../../wire/tcp.ts'
import type { TcpSocket } from '../tcp-socket.ts'

/** RFC 3168 §5: the two bits of the IP header. */
export const Codepoint = { NotCapable: 0, Capable: 2, Experienced: 3 } as const

/** §6.1.1: an ECN-setup SYN has both flags, an ECN-setup SYN-ACK has ECE alone. */
const SETUP = TcpFlag.Ece | TcpFlag.Cwr

/** What our SYN or SYN-ACK adds to its flags. */
export function setupFlags(socket: TcpSocket, isSynAck: boolean): number {
  if (isSynAck) return socket.hasExplicitCongestion ? TcpFlag.Ece : 0
  // §6.1.1.1: some middlebox drops SYNs that ask; one that is sent again does not.
  return socket.configuration.explicitCongestion === 'offer' && !socket.isSynLost ? SETUP : 0
}

/** What the peer's SYN or SYN-ACK says. */
export function takeSetup(socket: TcpSocket, flags: number): void {
  const { explicitCongestion } = socket.configuration
  // §6.1.1: a SYN that was sent again without ECN-setup forbids to set ECT, but the peer, which has
  // answered the first, sets it: its marks are to be told of.
  socket.mayBeMarked = !socket.isSynLost
  if ((flags & TcpFlag.Ack) === 0) {
    socket.hasExplicitCongestion = (flags & SETUP) === SETUP && explicitCongestion !== 'off'
    return
  }
  socket.hasExplicitCongestion = (flags & SETUP) === TcpFlag.Ece && explicitCongestion === 'offer'
}

/**
 * What another SYN or SYN-ACK of the peer says after the first. §6.1.1: once one came that is no
 * ECN-setup, a host "SHOULD NOT set ECT", though it has negotiated it.
 */
export function takeRepeatedSetup(socket: TcpSocket, flags: number): void {
  const setup = (flags & TcpFlag.Ack) === 0 ? SETUP : TcpFlag.Ece
  if ((flags & SETUP) !== setup) socket.mayBeMarked = false
}

/**
 * The flags of the next segment, [sequence, sequence + length), and the marks of its packets.
 * §6.1.4 to §6.1.6: only data sent for the first time may be marked, neither ACKs, nor
 * retransmissions, nor probes of a window.
 */
export function markSegment(
  socket: TcpSocket,
  flow: Flow,
  sequence: number,
  length: number,
  flags: number,
): number {
  const isText = length > 0 && socket.mayBeMarked
  const isNew = isText && !sequenceLessThan(sequence, socket.sendMax) && !socket.isProbePending
  flow.setCongestionCodepoint(isNew ? Codepoint.Capable : Codepoint.NotCapable)
  const isAnswer = isNew && socket.isReductionDue
  flow.isWindowReduced = isAnswer
  return flags | socket.echoFlag | (isAnswer ? TcpFlag.Cwr : 0)
}

/** §6.1.3: a packet of data came marked; every ACK says so until the sender answers. */
export function noteMark(socket: TcpSocket): void {
  if (!socket.hasExplicitCongestion) return
  socket.echoFlag = TcpFlag.Ece
  socket.statistics.congestionMarks++
}

/** §6.1.3: the peer's CWR answers our echo. A mark of the same packet is a new one. */
export function noteAnswer(socket: TcpSocket): void {
  socket.echoFlag = 0
}

/**
 * §6.1.2: an ACK echoes a mark. The window is reduced as for a loss, once for each window of data.
 */
export function noteEcho(socket: TcpSocket, nowMs: number): void {
  const { congestion, sendUnacknowledged, sendMax } = socket
  if (!isMarked(socket) || sendUnacknowledged === sendMax) return
  if (congestion.inRecovery || !sequenceLessOrEqual(socket.recoverSequence, sendUnacknowledged)) {
    return
  }
  congestion.onCongestion(sequenceDifference(sendMax, sendUnacknowledged), nowMs)
  congestion.windowBytes = Math.min(congestion.windowBytes, congestion.thresholdBytes)
  socket.recoverSequence = sendMax
  socket.isReductionDue = true
  socket.statistics.congestionEchoes++
}

/** §6.1.2: the window was reduced for whatever reason: the first new data says so. */
export function noteReduction(socket: TcpSocket): void {
  if (isMarked(socket)) socket.isReductionDue = true
}

function isMarked({ hasExplicitCongestion, mayBeMarked }: TcpSocket): boolean {
  return hasExplicitCongestion && mayBeMarked
}
