/**
 * Places for what is queued to be sent: how many the ring has, and how it grows and tunes itself to
 * the path.
 */
import type { PacketBuffer } from '../../../storage/buffer.ts'
import {
  sequenceDifference,
  sequenceLessOrEqual,
  sequenceLessThan,
} from '../../../wire/sequence.ts'
import type { TcpSocket } from '../tcp-socket.ts'

/**
 * As Linux's tcp_sndbuf_expand: a window in flight, and as much to follow at once when it is
 * acknowledged.
 */
const WINDOWS_QUEUED = 2

/**
 * Free places in the ring behind what is queued, if it had `capacity`; what is lent needs none. May
 * be negative.
 */
function placesIn(socket: TcpSocket, capacity: number): number {
  const { start, end } = socket.sendBuffer
  const { loan } = socket
  if (loan === null || sequenceLessOrEqual(loan.end, start)) {
    return capacity - sequenceDifference(end, start)
  }
  const behindLoan = sequenceDifference(end, loan.end)
  if (sequenceLessOrEqual(loan.start, start)) return capacity - behindLoan
  // What lies before the loan and what comes behind it share the ring, and may overlap in it.
  const distance = sequenceDifference(loan.end, start) & (capacity - 1)
  if (distance < sequenceDifference(loan.start, start)) return 0
  return capacity - distance - behindLoan
}

/** True when half of the ring is free, so that its user need not wait for more memory. */
export function isHalfFree(socket: TcpSocket): boolean {
  const { capacity } = socket.sendBuffer
  return capacity > 0 && placesIn(socket, capacity) >= capacity >> 1
}

/**
 * The least capacity, of those between two powers of two, with which the ring has places for
 * `length` more; the largest if none has.
 */
export function neededCapacity(
  socket: TcpSocket,
  length: number,
  leastBytes: number,
  mostBytes: number,
): number {
  let capacity = Math.max(socket.sendBuffer.capacity, leastBytes)
  while (placesIn(socket, capacity) < length && capacity < mostBytes) capacity *= 2
  return capacity
}

/** How many of `length` more bytes the ring has places for. */
export function roomFor(socket: TcpSocket, length: number): number {
  const room = placesIn(socket, socket.sendBuffer.capacity)
  return room < length ? Math.max(room, 0) : length
}

/** True when a connection has nothing to say and waits for no ACK. */
export function isQuiet(socket: TcpSocket): boolean {
  return (
    socket.sendUnacknowledged === socket.sendMax &&
    socket.receiveNext === socket.lastAcknowledged &&
    isAllSent(socket) &&
    !socket.isAckDue &&
    !socket.isProbePending &&
    !socket.isKeepAliveDue
  )
}

/** What is queued has been sent, our FIN included. */
function isAllSent({ sendBuffer, sendMax, isFinQueued }: TcpSocket): boolean {
  return sendMax === (isFinQueued ? (sendBuffer.end + 1) | 0 : sendBuffer.end)
}

/**
 * After the ring has moved: brings what is not acknowledged, and not lent, over from the memory
 * `before`.
 */
export function moveQueue(socket: TcpSocket, before: PacketBuffer): void {
  const ring = socket.sendBuffer
  const { end } = ring
  let start = socket.sendUnacknowledged
  // Our FIN takes a number but no room, and our SYN comes before the first byte.
  if (sequenceLessThan(end, start)) start = end
  if (sequenceLessThan(start, ring.start)) start = ring.start
  ring.start = start
  socket.releaseMark = start
  const { loan } = socket
  if (loan === null || sequenceLessOrEqual(loan.end, start)) {
    ring.take(socket.host.bulk, before, start, sequenceDifference(end, start))
    return
  }
  const beforeLoan = sequenceDifference(loan.start, start)
  if (beforeLoan > 0) ring.take(socket.host.bulk, before, start, beforeLoan)
  ring.take(socket.host.bulk, before, loan.end, sequenceDifference(end, loan.end))
}

/** The user would queue more than it may: lets it, when the path has come to take so much. */
export function tuneSendLimit(socket: TcpSocket): void {
  const { configuration, loan } = socket
  const wanted = socket.congestion.windowBytes * WINDOWS_QUEUED
  if (wanted <= socket.sendLimit || (loan === null && socket.host.memory.isPressed)) return
  const most = loan === null ? configuration.sendBufferBytes : configuration.lentBytes
  socket.sendLimit = Math.max(socket.sendLimit, Math.min(wanted, most))
}
