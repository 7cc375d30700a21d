/**
 * The fast path: the next segment in order on a synchronized connection, an ACK of new data, or
 * both (RFC 9293 §3.10.7.4 in short).
 */

import type { IncomingPacket } from '../../../iface/protocol-handler.ts'
import { sequenceAdd, sequenceDifference, sequenceLessThan } from '../../../wire/sequence.ts'
import { TCP_HEADER_LENGTH } from '../../../wire/tcp.ts'
import { TCP_STAMPED_LENGTH, TCP_TIMESTAMPS_WORD } from '../../../wire/tcp-options.ts'
import { Codepoint, noteMark } from '../congestion/explicit-congestion.ts'
import { TcpState } from '../state.ts'
import { SocketEvent, type TcpSocket } from '../tcp-socket.ts'
import { acknowledge } from './acknowledgment.ts'
import { makeReceiveRoom } from './receive-room.ts'
import { copyPayload, offerText } from './received-segment.ts'

/** Everything in header word 3 but the window and PSH. */
const PREDICTED_BITS = 0xfff70000 | 0
const FIRST_STATE = TcpState.Established
const LAST_STATE = TcpState.CloseWait
const READABLE = SocketEvent.Readable
const EXPERIENCED = Codepoint.Experienced

/**
 * Handles the packet if it is what is expected next; false leaves it untouched for the slow path,
 * which decides the same for these segments, only slower. `words` holds the header in host order,
 * `transportLength` its length with the payload.
 */
export function processPredicted(
  socket: TcpSocket,
  packet: IncomingPacket,
  words: Int32Array,
  transportLength: number,
  nowMs: number,
): boolean {
  const word = words[3]!
  const receiveNext = socket.receiveNext
  if ((word & PREDICTED_BITS) !== socket.predictedWord || words[1]! !== receiveNext) return false
  const state = socket.state
  if (state < FIRST_STATE || state > LAST_STATE) return false
  const acknowledgment = words[2]!
  const acked = sequenceDifference(acknowledgment, socket.sendUnacknowledged)
  const beyond = sequenceDifference(acknowledgment, socket.sendMax)
  if (acked < 0 || beyond > 0) return false
  // An ACK of our FIN changes the state.
  if (beyond === 0 && socket.isFinQueued) return false
  const window = (word & 0xffff) << socket.sendScale
  const windowBefore = socket.sendWindow
  // Smaller than a segment: to open it may end its probes.
  if (window === 0 || windowBefore < socket.segmentSize) return false
  let headerLength = TCP_HEADER_LENGTH
  let echo = 0
  if (socket.hasTimestamps) {
    headerLength = TCP_STAMPED_LENGTH
    // Of a shorter segment the last words are those of an earlier one.
    if (transportLength < TCP_STAMPED_LENGTH || words[5]! !== TCP_TIMESTAMPS_WORD) return false
    const value = words[6]!
    if (sequenceLessThan(value, socket.timestampRecent)) return false
    echo = words[7]!
    if (socket.lastAcknowledged === receiveNext) socket.timestampRecent = value
  }
  const length = transportLength - headerLength
  if (length === 0) {
    // Duplicates and mere window updates are the slow path's.
    if (acked === 0) return false
  } else {
    const assembler = socket.assembler
    if (
      length < 0 ||
      socket.hasFin ||
      socket.isReceiveClosed ||
      length > sequenceDifference(socket.advertisedEdge, receiveNext) ||
      (assembler !== null && assembler.rangeCount > 0)
    ) {
      return false
    }
  }
  if (acked > 0) acknowledge(socket, acknowledgment, echo, nowMs)
  if (window !== windowBefore) {
    socket.sendWindow = window
    if (window > socket.maxSendWindow) socket.maxSendWindow = window
  }
  socket.sendWindowSequence = receiveNext
  socket.sendWindowAcknowledgment = acknowledgment
  socket.lastReceivedMs = nowMs
  if (
    !socket.isReady &&
    (length !== 0 || socket.sendNext !== socket.sendBuffer.end || socket.isRetransmitPending)
  ) {
    socket.host.scheduler.wake(socket)
  }
  if (length !== 0) offerData(socket, packet, headerLength, length)
  return true
}

/**
 * Makes in-order text part of the stream: with the user where it lies if it takes it there, else in
 * the receive buffer.
 */
function offerData(
  socket: TcpSocket,
  packet: IncomingPacket,
  headerLength: number,
  length: number,
): void {
  const frame = packet.frame
  const ring = socket.receiveBuffer
  if (packet.ecn === EXPERIENCED) noteMark(socket)
  const start = socket.receiveNext
  const source = packet.transportOffset + headerLength
  const isContiguous = frame.fragmentCount === 1
  const handler = socket.handler
  let taken = 0
  if (socket.receivedLength === 0 && handler?.offerData !== undefined) {
    taken = isContiguous
      ? handler.offerData(socket, frame.fragments[0]!.buffer.bytes, source, length)
      : offerText(socket, handler, packet, headerLength, length)
    const next = sequenceAdd(start, taken)
    ring.start = next
    ring.end = next
  }
  let rest = length - taken
  const held = socket.receivedLength
  if (rest > ring.capacity - held) rest = makeRoomFor(socket, rest)
  if (rest !== 0) {
    const place = ring.end & (ring.capacity - 1)
    if (isContiguous && place + rest <= ring.capacity) {
      const { bytes } = frame.fragments[0]!.buffer
      socket.host.bulk.copy(ring.buffer.bytes, place, bytes, source + taken, rest)
    } else {
      copyPayload(socket.host.bulk, ring, ring.end, packet, headerLength + taken, rest)
    }
    ring.end = sequenceAdd(ring.end, rest)
    socket.receivedLength = held + rest
    socket.events |= READABLE
  }
  const end = sequenceAdd(start, taken + rest)
  socket.receiveNext = end
  socket.statistics.bytesReceived += taken + rest
  let size = frame.meta.segmentSize
  if (size === 0) size = length
  if (size > socket.peerSegmentSize) {
    // Of a path that has not been needed yet nothing is known.
    const limit = socket.flow === null ? 536 : socket.flow.pathMtu - 40
    if (socket.peerSegmentSize < limit) socket.peerSegmentSize = Math.min(size, limit)
  }
  // MUST-58, SHLD-18: at least every second full-sized segment is acknowledged at once; one
  // coalesced frame is many.
  const unacknowledged = sequenceDifference(end, socket.lastAcknowledged)
  if (!socket.isAckDue) {
    if (unacknowledged < 2 * socket.peerSegmentSize) return
    socket.isAckDue = true
  }
  // Half of the window is used: with an ACK now, the peer sends on while the rest is taken in.
  if (unacknowledged >= sequenceDifference(socket.advertisedEdge, end)) packet.endsTurn = true
}

/**
 * How many of the `rest` bytes can be kept. What cannot is as if it had been lost: the ACK says so,
 * and the peer sends it again.
 */
function makeRoomFor(socket: TcpSocket, rest: number): number {
  const room = makeReceiveRoom(socket, socket.receivedLength, rest)
  if (room < rest) {
    socket.host.countDrop('noBuffer')
    socket.isAckDue = true
  }
  return room
}
