/**
 * Spreads what the congestion window lets out over the round trip, so that queues on the way see no
 * bursts.
 */
import { sequenceDifference } from '../../../wire/sequence.ts'
import { RTT_SHIFT } from '../rtt-estimator.ts'
import type { TcpSocket } from '../tcp-socket.ts'

/**
 * Paths that are shorter when they are idle are not paced: the whole window leaves within a few
 * milliseconds of work, and a timer for each part of it would cost more than the burst that it
 * avoids. Whatever longer round trips they show are queues of our own.
 */
const LEAST_ROUND_TRIP_MS = 4
/**
 * What goes at once: as much as a millisecond carries, or two segments. The pauses between are as
 * long or longer.
 */
const BURST_MS = 1
const LEAST_BURST_SEGMENTS = 2
/** What a late turn makes up for, at most: as much as any path takes at once (RFC 6928). */
const LATE_BURST_SEGMENTS = 10
/**
 * Linux's factors: the window may double within a round trip of slow start, and grow by a fifth
 * after that.
 */
const SLOW_START_FACTOR = 2
const AVOIDANCE_FACTOR = 1.2

/** Whether the connection is paced, when its round trip has been measured anew. */
export function choosePacing(socket: TcpSocket): void {
  const isPaced = socket.configuration.pacing && socket.rtt.minimumMs >= LEAST_ROUND_TRIP_MS
  if (isPaced === socket.isPaced) return
  socket.isPaced = isPaced
  if (!isPaced) socket.pacingBytesPerMs = 0
}

/**
 * How many bytes, in whole segments, a paced connection may send at `nowMs`; 0 = none, and the
 * timer will say when. Up to a burst is sent ahead of time, and then waited for; but with nothing
 * in the network there is nothing to keep a distance from, however long the pause was meant to be:
 * a single round trip that was measured too long would else make a pause for each flight of the
 * next minute. Whose turn comes late, since many others have theirs, sends what the time since then
 * would have carried: else each would get two segments a round, and the more there are, the smaller
 * their frames.
 */
export function pacedBytes(socket: TcpSocket, nowMs: number): number {
  const { congestion, segmentSize, rtt } = socket
  const lateMs = nowMs - socket.pacingNextMs
  if (lateMs <= -BURST_MS) {
    const flight = sequenceDifference(socket.sendNext, socket.sendUnacknowledged)
    if (flight > socket.outOfFlightBytes) {
      const deadlineMs = socket.pacingNextMs
      socket.pacingDeadlineMs = deadlineMs
      if (deadlineMs < socket.scheduledDeadlineMs) {
        socket.host.scheduler.scheduleDeadline(socket, deadlineMs)
      }
      return 0
    }
    socket.pacingNextMs = nowMs
  }
  const { windowBytes, thresholdBytes } = congestion
  const factor = windowBytes * 2 < thresholdBytes ? SLOW_START_FACTOR : AVOIDANCE_FACTOR
  // Recovery can leave less than a segment of the window for a moment: the pause after what it lets
  // out would know no end.
  const bytes = factor * Math.max(windowBytes, segmentSize)
  const rate = (bytes * (1 << RTT_SHIFT)) / rtt.smoothed
  socket.pacingBytesPerMs = rate
  let segments = Math.floor((rate * BURST_MS) / segmentSize)
  if (segments >= LATE_BURST_SEGMENTS) return segments * segmentSize
  if (lateMs > BURST_MS && socket.pacingNextMs > 0) {
    segments = Math.min(Math.floor((rate * lateMs) / segmentSize), LATE_BURST_SEGMENTS)
  }
  return Math.max(segments, LEAST_BURST_SEGMENTS) * segmentSize
}

/** A paced connection has sent `bytes`. */
export function notePaced(socket: TcpSocket, bytes: number, nowMs: number): void {
  const fromMs = Math.max(socket.pacingNextMs, nowMs)
  socket.pacingNextMs = fromMs + bytes / socket.pacingBytesPerMs
}

/** The pause is over. */
export function firePacing(socket: TcpSocket): void {
  socket.pacingDeadlineMs = Number.POSITIVE_INFINITY
  if (socket.recovery !== null && socket.recovery.board.lostBytes > 0) {
    socket.isRetransmitPending = true
  }
  socket.host.scheduler.wake(socket)
}
