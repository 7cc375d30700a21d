/**
 * Places for what arrives: when memory is taken for it, and how the window tunes itself to the
 * path.
 */
import { sequenceDifference } from '../../../wire/sequence.ts'
import { RTT_SHIFT } from '../rtt-estimator.ts'
import { TcpState } from '../state.ts'
import type { TcpSocket } from '../tcp-socket.ts'

/**
 * Within so many round-trip times half a window has to be read for the window to be what limits the
 * peer: twice the bandwidth-delay product, as Linux's tcp_rcv_space_adjust, and that again for what
 * queues on the way and while a loss is mended.
 */
const ROUND_TRIPS = 2

/**
 * What is taken for the round-trip time where it is less: sent and received is once a turn, and the
 * clock counts milliseconds.
 */
const LEAST_ROUND_TRIP = 1 << RTT_SHIFT

/**
 * What is taken for the round-trip time of a path of which nothing is known, such as when a SYN-ACK
 * was sent twice.
 */
const UNKNOWN_ROUND_TRIP = 100 << RTT_SHIFT

/**
 * How many bytes may arrive now: never less than was advertised, though memory has become scarce
 * since.
 */
export function receiveWindow(socket: TcpSocket): number {
  const advertised = sequenceDifference(socket.advertisedEdge, socket.receiveNext)
  if (socket.state < TcpState.Established) return advertised
  return Math.max(advertised, socket.receiveLimit - socket.receivedLength)
}

/**
 * Half a window was read up to `position`: doubles the window when that went as fast as the path's
 * round trips. Within a single one it grows fourfold, since a peer in slow start, which doubles
 * what it sends each round trip, would else come to its edge each time.
 */
export function tuneReceiveLimit(socket: TcpSocket, position: number, nowMs: number): void {
  // In the estimator's units.
  const elapsed = (nowMs - socket.tuningStartMs) * (1 << RTT_SHIFT)
  const { smoothed } = socket.rtt
  let roundTrip = smoothed
  if (smoothed === 0) roundTrip = UNKNOWN_ROUND_TRIP
  else if (smoothed < LEAST_ROUND_TRIP) roundTrip = LEAST_ROUND_TRIP
  socket.tuningStart = position
  socket.tuningStartMs = nowMs
  if (elapsed <= ROUND_TRIPS * roundTrip) growReceiveLimit(socket, elapsed > roundTrip ? 2 : 4)
}

/**
 * Half of the window is held behind gaps, where nobody can read it, and the peer goes on sending
 * while it repairs them: at the edge it would stand still until the first is filled, and then send
 * at once what no queue on the way has room for. `heldBytes` have come, so that nobody makes the
 * window grow with single octets.
 */
export function widenForHeld(socket: TcpSocket, heldBytes: number): void {
  if (heldBytes < socket.receiveLimit >> 1) return
  const before = socket.receiveLimit
  growReceiveLimit(socket, 2)
  if (socket.receiveLimit === before) return
  // Neither what is acknowledged nor what is read has moved: the next ACK says it all the same.
  socket.windowStart = ~socket.receiveBuffer.start
}

function growReceiveLimit(socket: TcpSocket, factor: number): void {
  if (socket.host.memory.isPressed) return
  const most = Math.min(socket.configuration.receiveBufferBytes, 0xffff << socket.receiveScale)
  const { receiveLimit } = socket
  socket.receiveLimit = Math.max(receiveLimit, Math.min(factor * receiveLimit, most))
}

/**
 * How many of `length` bytes that begin `offset` bytes after the read position have a place, for
 * which memory is taken if need be.
 */
export function makeReceiveRoom(socket: TcpSocket, offset: number, length: number): number {
  const ring = socket.receiveBuffer
  let room = ring.capacity - offset
  if (room >= length) return length
  socket.host.memory.growReceive(socket, offset + length)
  room = ring.capacity - offset
  return room < length ? Math.max(room, 0) : length
}
