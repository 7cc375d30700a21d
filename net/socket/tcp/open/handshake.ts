/**
 * Opening a connection from either side: SYN, SYN-ACK, what they agree on (RFC 9293 §3.5,
 * §3.10.7.2-3; RFC 7323).
 */

import type { Egress } from '../../../iface/protocol-handler.ts'
import { sequenceAdd } from '../../../wire/sequence.ts'
import { TcpFlag, type TcpHeader } from '../../../wire/tcp.ts'
import { TCP_TIMESTAMPS_LENGTH } from '../../../wire/tcp-options.ts'
import { NetError } from '../../net-error.ts'
import { takeSetup } from '../congestion/explicit-congestion.ts'
import { settlePrediction } from '../receive/predicted-word.ts'
import { planFrames } from '../send/frame-limit.ts'
import { pathSegmentSize } from '../send/segment-emitter.ts'
import { TcpState } from '../state.ts'
import { SocketEvent, type TcpSocket } from '../tcp-socket.ts'
import { openFlow } from './open-flow.ts'
import {
  MAX_WINDOW_SCALE,
  SynOption,
  synMss,
  synOptionsOf,
  synScale,
  takenUp,
} from './syn-options.ts'
import { type SynRecord, UNMEASURED } from './syn-record.ts'

export const TCP_PROTOCOL = 6

/** The shift that lets 16 bits express the whole buffer. */
export function windowScaleFor(bufferBytes: number): number {
  let scale = 0
  while (scale < MAX_WINDOW_SCALE && bufferBytes >> scale > 65535) scale++
  return scale
}

export function canOfferScale(socket: TcpSocket): boolean {
  return socket.state === TcpState.SynSent || socket.hasWindowScaling
}

export function canOfferTimestamps(socket: TcpSocket): boolean {
  return socket.state === TcpState.SynSent
    ? socket.configuration.offerTimestamps
    : socket.hasTimestamps
}

/**
 * Finds the path to the peer when a handshake has none yet; false = there is none, and the socket
 * is closed.
 */
export function openPath(socket: TcpSocket, egress: Egress): boolean {
  if (socket.flow === null) {
    const flow = openFlow(socket, egress)
    if (flow === null) {
      socket.host.countDrop('noRoute')
      socket.host.finish(socket, new NetError('unreachable', 'No route to the peer'))
      return false
    }
    flow.progress = socket
  }
  return true
}

/**
 * Computes segment sizes from path MTU, peer's MSS and options (MUST-16); again when the path MTU
 * has changed.
 */
export function planPath(socket: TcpSocket, egress: Egress): void {
  const flow = socket.flow!
  const optionsLength = socket.hasTimestamps ? TCP_TIMESTAMPS_LENGTH : 0
  const pathSize = pathSegmentSize(flow, flow.pathMtu)
  // No floor here: what the peer announced has one, and a link of RFC 791's least, 68 octets, takes
  // no more than it takes.
  const segmentSize = Math.min(socket.peerMss, pathSize) - optionsLength
  socket.segmentSize = segmentSize
  planFrames(socket, egress)
  const isFirst = socket.plannedMtu === 0
  socket.plannedMtu = flow.pathMtu
  if (isFirst) {
    socket.congestion.start(segmentSize)
    // RFC 6928 §2: "If the SYN or SYN/ACK is lost, the initial window used by a sender after a
    // correctly transmitted SYN MUST be one segment".
    if (socket.isSynLost) socket.congestion.windowBytes = segmentSize
  } else {
    socket.congestion.setSegmentSize(segmentSize)
  }
}

/** Our side of the sequence numbers, before the first SYN or SYN-ACK. */
export function setSendSequence(socket: TcpSocket, sequence: number): void {
  socket.initialSendSequence = sequence
  socket.sendUnacknowledged = sequence
  socket.sendNext = sequenceAdd(sequence, 1)
  socket.sendMax = socket.sendNext
  socket.recoverSequence = sequence
  socket.sendBuffer.reset(socket.sendNext)
  socket.releaseMark = socket.sendNext
}

/**
 * From SYN-RECEIVED to ESTABLISHED for a passive open: what a half-open record holds becomes a
 * connection's. Its ACK, which is acceptable, is processed afterwards like any other segment, and
 * whoever admits it tells the listener.
 */
export function establishFromRecord(socket: TcpSocket, record: SynRecord, nowMs: number): void {
  socket.transition(TcpState.SynReceived)
  takePeerSequence(socket, record.receiveSequence, nowMs)
  socket.timestampOffset = record.timestampOffset
  takePeerOptions(socket, record.options, record.timestampRecent)
  // All that was acknowledged and offered with the SYN-ACK.
  socket.lastAcknowledged = socket.receiveNext
  socket.advertisedEdge = sequenceAdd(socket.receiveNext, record.window)
  socket.sendWindow = record.peerWindow << socket.sendScale
  socket.maxSendWindow = Math.max(record.synWindow, socket.sendWindow)
  socket.sendWindowSequence = socket.receiveNext
  socket.sendWindowAcknowledgment = socket.sendNext
  socket.isSynLost = record.isRetransmitted
  if (record.roundTripMs !== UNMEASURED) {
    socket.isTimingSegment = true
    socket.timedAtMs = nowMs - record.roundTripMs
  }
  socket.transition(TcpState.Established)
  socket.sendUnacknowledged = socket.sendMax
  completeHandshake(socket, nowMs)
}

/** SYN-SENT (RFC 9293 §3.10.7.3). True when the segment goes on to its text and FIN. */
export function processSynSent(socket: TcpSocket, header: TcpHeader, nowMs: number): boolean {
  const flags = header.flags
  const hasAck = (flags & TcpFlag.Ack) !== 0
  if (hasAck && header.acknowledgmentNumber !== socket.sendMax) {
    // "If SEG.ACK =< ISS or SEG.ACK > SND.NXT, send a reset (unless the RST bit is set ...)": no
    // data goes with our SYN, so one number is acceptable.
    socket.host.countDrop('unacceptableAck')
    if ((flags & TcpFlag.Rst) !== 0) return false
    socket.host.sendResetFor(socket, header.acknowledgmentNumber, nowMs)
    // §3.5.1, figure 9: the peer has a connection of before our restart, which the reset ends, and
    // the next SYN finds it gone. Once: a peer that goes on like this must not have a SYN for each
    // of its ACKs.
    if (!socket.isSynRepeated) repeatSyn(socket)
    return false
  }
  if ((flags & TcpFlag.Rst) !== 0) {
    if (!hasAck) {
      socket.host.countDrop('noAckFlag')
      return false
    }
    socket.host.countReset()
    socket.host.finish(socket, new NetError('refused', 'Peer refused the connection'))
    return false
  }
  if ((flags & TcpFlag.Syn) === 0) {
    socket.host.countDrop('outOfWindow')
    return false
  }
  takePeerSyn(socket, header, nowMs)
  socket.sendWindowSequence = header.sequenceNumber
  if (!hasAck) {
    // Simultaneous open (MUST-10): our SYN goes again, now with an ACK.
    socket.transition(TcpState.SynReceived)
    repeatSyn(socket)
    return false
  }
  socket.transition(TcpState.Established)
  socket.sendUnacknowledged = header.acknowledgmentNumber
  socket.sendWindowAcknowledgment = header.acknowledgmentNumber
  socket.isAckDue = true
  completeHandshake(socket, nowMs)
  tellEstablished(socket)
  return true
}

/**
 * Our SYN goes once more though none is known to be lost. Karn: which of them will have been
 * answered is not to be told.
 */
export function repeatSyn(socket: TcpSocket): void {
  if (!socket.isSynDue) {
    socket.isSynRepeated = true
    socket.isTimingSegment = false
    socket.isSynDue = true
  }
  socket.host.scheduler.wake(socket)
}

/**
 * Takes sequence number and options of the peer's SYN. Its window is not scaled (RFC 7323 §2.2).
 */
function takePeerSyn(socket: TcpSocket, header: TcpHeader, nowMs: number): void {
  let options = synOptionsOf(header, socket.ipVersion)
  options &= takenUp(socket.configuration)
  if (!socket.configuration.offerTimestamps) options &= ~SynOption.Timestamps
  takePeerSequence(socket, header.sequenceNumber, nowMs)
  takePeerOptions(socket, options, header.timestampValue)
  takeSetup(socket, header.flags)
  socket.sendWindow = header.window
  socket.maxSendWindow = header.window
}

function takePeerSequence(socket: TcpSocket, sequence: number, nowMs: number): void {
  socket.initialReceiveSequence = sequence
  socket.receiveNext = sequenceAdd(sequence, 1)
  socket.lastAcknowledged = sequence
  socket.receiveBuffer.reset(socket.receiveNext)
  socket.tuningStart = socket.receiveNext
  // What our SYN has offered, or our SYN-ACK will.
  socket.advertisedEdge = sequenceAdd(socket.receiveNext, socket.initialWindow())
  socket.lastReceivedMs = nowMs
}

/** `options` are of syn-options.ts: both sides have offered them. */
function takePeerOptions(socket: TcpSocket, options: number, timestamp: number): void {
  socket.peerMss = synMss(options)
  if ((options & SynOption.WindowScale) !== 0) {
    socket.hasWindowScaling = true
    socket.sendScale = synScale(options)
  } else {
    // Both sides must offer it; ours in the SYN then counts for nothing.
    socket.receiveScale = 0
  }
  socket.hasTimestamps = (options & SynOption.Timestamps) !== 0
  if (socket.hasTimestamps) socket.timestampRecent = timestamp
  socket.hasSelectiveAcks = (options & SynOption.SackPermitted) !== 0
  socket.hasExplicitCongestion = (options & SynOption.Ecn) !== 0
}

/**
 * What the ACK of our SYN says of window and round-trip time. RFC 7323 §2.2: "The window field in a
 * segment where the SYN bit is set ... MUST NOT be scaled", a SYN-ACK that completes a simultaneous
 * open included.
 */
export function noteSynAcknowledged(socket: TcpSocket, header: TcpHeader, nowMs: number): void {
  const scale = (header.flags & TcpFlag.Syn) === 0 ? socket.sendScale : 0
  socket.sendWindow = header.window << scale
  socket.sendWindowSequence = header.sequenceNumber
  socket.sendWindowAcknowledgment = header.acknowledgmentNumber
  if (socket.sendWindow > socket.maxSendWindow) socket.maxSendWindow = socket.sendWindow
  timeHandshake(socket, nowMs)
}

/** From SYN-RECEIVED to ESTABLISHED of a simultaneous open, once the ACK of our SYN is noted. */
export function establish(socket: TcpSocket, nowMs: number): void {
  socket.transition(TcpState.Established)
  socket.sendUnacknowledged = socket.sendMax
  completeHandshake(socket, nowMs)
  tellEstablished(socket)
}

/** Its user, or its listener's, is told at its turn. */
export function tellEstablished(socket: TcpSocket): void {
  socket.events |= SocketEvent.Established
  socket.host.scheduler.wake(socket)
}

function timeHandshake(socket: TcpSocket, nowMs: number): void {
  if (!socket.isTimingSegment) return
  socket.isTimingSegment = false
  socket.rtt.sample(nowMs - socket.timedAtMs)
}

/** Both SYNs are acknowledged: data may flow. */
function completeHandshake(socket: TcpSocket, nowMs: number): void {
  timeHandshake(socket, nowMs)
  if (socket.isSynLost) socket.rtt.raiseAfterLostSyn()
  socket.timeouts = 0
  socket.isSynDue = false
  socket.retransmitDeadlineMs = Number.POSITIVE_INFINITY
  socket.progressMs = nowMs
  socket.lastReceivedMs = nowMs
  socket.lastSentMs = nowMs
  socket.tuningStartMs = nowMs
  socket.host.memory.attend(socket)
  settlePrediction(socket)
  if (socket.isFinQueued) socket.transition(TcpState.FinWait1)
}
