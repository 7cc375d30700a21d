/**
 * How many bytes to send now: MSS, peer's window, congestion window, Nagle, silly window avoidance
 * and the device's limit.
 */
import { sequenceDifference, sequenceLessThan } from '../../../wire/sequence.ts'
import type { TcpSocket } from '../tcp-socket.ts'
import { framesInOnePlace } from './send-loan.ts'

/**
 * Payload bytes of the next frame from SND.NXT on, 0 = nothing may go now. More than segmentSize
 * makes it a super-segment: a multiple of segmentSize unless it ends what is queued, so that no
 * short segment lies in the middle.
 */
export function planSegment(socket: TcpSocket): number {
  socket.plannedBytes = 0
  const next = socket.sendNext
  const queued = sequenceDifference(socket.sendBuffer.end, next)
  if (queued <= 0) return 0
  const flight = sequenceDifference(next, socket.sendUnacknowledged)
  const segmentSize = socket.segmentSize
  const outOfFlight = socket.outOfFlightBytes
  const { duplicateAcks } = socket
  // cwnd bounds what is in the network (RFC 6675 §4, pipe). That lets out one new segment for each
  // of the first that are reported out of order (RFC 3042), while the peer's window bounds all
  // numbers.
  let window = socket.congestion.windowBytes + outOfFlight
  if (duplicateAcks > 0 && duplicateAcks < 3 && !socket.hasSelectiveAcks) {
    window += duplicateAcks * segmentSize
  }
  if (window > socket.sendWindow) window = socket.sendWindow
  let length = window - flight
  if (length > queued) length = queued
  if (length <= 0) return 0
  if (sequenceLessThan(next, socket.sendMax)) {
    // Sending again after a timeout: single segments, never 64 KiB that may already be there for
    // the most part.
    if (length >= segmentSize) return segmentSize
    return length === queued || fillsHalf(socket, length, flight) ? length : 0
  }
  if (length >= segmentSize) {
    socket.plannedBytes = length
    if (length > socket.frameLimit) length = socket.frameLimit
    if (length === queued && waitsForMore(socket, length, flight)) return 0
    if (length < queued) {
      // A window that opens in small steps would cut the stream into small frames. With ACKs still
      // to come it pays to wait until more can go at once.
      if (flight > 0 && length < socket.frameLimit && length < frameWorthWaiting(socket, window)) {
        if (!socket.congestion.inRecovery && duplicateAcks === 0 && outOfFlight === 0) return 0
      }
      return length - (length % segmentSize)
    }
    // The tail of what is queued may ride along when Nagle's algorithm lets it go, which looks at
    // data that was in flight before.
    const tail = length % segmentSize
    return tail === 0 || mayStartTail(socket, flight) ? length : length - tail
  }
  if (length === queued) return mayStartTail(socket, flight) ? length : 0
  return fillsHalf(socket, length, flight) ? length : 0
}

/**
 * What waits is missing in the network for as long: over distance no more than a sixteenth of the
 * window, and what pacing lets out in a millisecond, which goes in one frame. Where a round trip is
 * as short as what an ACK costs, a quarter of the window.
 */
function frameWorthWaiting(socket: TcpSocket, window: number): number {
  if (!socket.isPaced) return window >> 2
  return Math.min(socket.pacingBytesPerMs, window >> 4)
}

/**
 * RFC 9293 §3.8.6.2.1 (3): less than a segment, but at least half of the largest window the peer
 * ever offered.
 */
function fillsHalf(socket: TcpSocket, length: number, flight: number): boolean {
  return length >= socket.maxSendWindow >> 1 && length === socket.sendWindow - flight
}

/**
 * The window has no room for a segment that is worth it, with nothing before it: neither a full
 * one, nor all there is, nor half of the largest window. Data waits then, such as is sent again
 * too, for more of it or for the timer, which sends what fits (the override timeout of RFC 9293
 * §3.8.6.2.1).
 */
export function isWindowTooSmall(socket: TcpSocket): boolean {
  const window = socket.sendWindow
  return (
    window < socket.segmentSize &&
    window < sequenceDifference(socket.sendBuffer.end, socket.sendUnacknowledged) &&
    window < socket.maxSendWindow >> 1
  )
}

/**
 * How many frames of `length` bytes, which planSegment has allowed, may go in a row before it is to
 * be asked again.
 */
export function planRun(socket: TcpSocket, length: number): number {
  const beyond = socket.plannedBytes - socket.frameLimit
  // A frame that ends where memory does is the only one of its length.
  if (beyond <= 0 || length < socket.frameLimit) return 1
  // As long as more than a frame is left, the next one is cut like this one and is not the last.
  const count = ((beyond + length - 1) / length) | 0
  const { loan } = socket
  return loan === null ? count : framesInOnePlace(socket, loan, socket.sendNext, length, count)
}

/**
 * What is left at the end of a full send buffer makes no full frame, and whoever filled it has more
 * to say: it goes together with that, for a short frame costs as much as a long one. A quarter of
 * the buffer in flight brings the ACKs that make room.
 */
function waitsForMore(socket: TcpSocket, length: number, flight: number): boolean {
  return (
    socket.isWriteBlocked &&
    length <= socket.frameLimit - socket.segmentSize &&
    flight >= socket.sendLimit >> 2 &&
    !socket.isFinQueued &&
    !socket.noDelay
  )
}

/**
 * Nagle (RFC 9293 §3.7.4): a last short segment waits while data is in flight, unless a FIN
 * completes it.
 */
function mayStartTail(socket: TcpSocket, flight: number): boolean {
  return flight === 0 || socket.noDelay || socket.isFinQueued
}

/**
 * RFC 9293 §3.4: a FIN takes a sequence number, which the peer's window bounds like any other:
 * SEG.SEQ < SND.UNA + SND.WND.
 */
export function hasRoomForFin(socket: TcpSocket): boolean {
  return sequenceDifference(socket.sendBuffer.end, socket.sendUnacknowledged) < socket.sendWindow
}

/** Text that has not been sent, or a FIN; what is to be sent again counts as well. */
export function hasUnsent({ isFinQueued, sendNext, sendBuffer }: TcpSocket): boolean {
  return sequenceDifference(sendBuffer.end, sendNext) > (isFinQueued ? -1 : 0)
}

/** All that is queued is sent but for the FIN, which is next, for the first time or again. */
export function isFinDue({ isFinQueued, sendNext, sendBuffer }: TcpSocket): boolean {
  return isFinQueued && sendNext === sendBuffer.end
}
