/**
 * When acknowledged bytes of the send buffer may be overwritten: not while the device may still
 * read them.
 */
import { sequenceDifference, sequenceLessThan } from '../../../wire/sequence.ts'
import { SocketEvent, type TcpSocket } from '../tcp-socket.ts'
import { IDLE_OWNER } from '../transmission-control-block.ts'
import { isLent } from './send-loan.ts'
import { isHalfFree, tuneSendLimit } from './send-room.ts'

const NEVER = Number.POSITIVE_INFINITY

/** How soon to look again for the device's completions when the user waits for space. */
const RELEASE_RETRY_MS = 1

/**
 * Makes acknowledged bytes writable again, as far as no frame in flight may still be read from them
 * (see TcpSocket.owner).
 */
export function releaseAcknowledged(socket: TcpSocket, nowMs: number): void {
  const ring = socket.sendBuffer
  let releasable = socket.sendUnacknowledged
  // Our FIN takes a number but no room.
  if (sequenceLessThan(ring.end, releasable)) releasable = ring.end
  const { loan } = socket
  if (loan !== null && isLent(loan, ring.start, releasable)) {
    // Never written again: the device may go on reading it.
    ring.start = releasable
    socket.releaseMark = releasable
  } else if (socket.olderOwner.framesInFlight === 0) {
    if (socket.owner.framesInFlight === 0) {
      ring.start = releasable
      socket.releaseMark = releasable
    } else {
      const older = socket.olderOwner
      const idle = older === IDLE_OWNER ? { framesInFlight: 0 } : older
      ring.start = socket.releaseMark
      socket.releaseMark = releasable
      socket.olderOwner = socket.owner
      socket.owner = idle
    }
  }
  if (socket.isWriteBlocked) tuneSendLimit(socket)
  const space = (ring.start + socket.sendLimit - ring.end) | 0
  socket.sendSpace = space
  socket.releaseDeadlineMs = NEVER
  if (ring.start === releasable) {
    socket.isReleaseDue = false
  } else {
    socket.isReleaseDue = true
    if (socket.isWriteBlocked) {
      socket.releaseDeadlineMs = nowMs + RELEASE_RETRY_MS
      if (socket.releaseDeadlineMs < socket.scheduledDeadlineMs) {
        socket.host.scheduler.scheduleDeadline(socket, socket.releaseDeadlineMs)
      }
    }
  }
  if (!socket.isWriteBlocked || !isWorthTelling(socket, space)) return
  if (!socket.isShortOfMemory || isHalfFree(socket)) {
    socket.isWriteBlocked = false
    socket.isShortOfMemory = false
    socket.events |= SocketEvent.Writable
    if (!socket.isReady) socket.host.scheduler.wake(socket)
  }
}

/**
 * Half of the buffer is free; or an eighth, when nearly all that is queued has been sent: behind a
 * loss the bytes that have arrived stay queued, and without more to send the link would run dry
 * until it is repaired.
 */
function isWorthTelling(socket: TcpSocket, space: number): boolean {
  const { sendLimit } = socket
  if (space >= sendLimit >> 1) return true
  const unsent = sequenceDifference(socket.sendBuffer.end, socket.sendNext)
  return space >= sendLimit >> 3 && unsent < sendLimit >> 3
}
