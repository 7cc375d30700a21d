/**
 * Proportional rate reduction: how much may be sent for each ACK of a recovery, so that it ends at
 * ssthresh (RFC 6937, RFC 9937).
 */
import { sequenceDifference } from '../../../wire/sequence.ts'
import type { TcpSocket } from '../tcp-socket.ts'
import type { LossRecovery } from './loss-recovery.ts'

/** A recovery begins with `flightBytes` between SND.UNA and SND.NXT. */
export function beginReduction(recovery: LossRecovery, flightBytes: number): void {
  recovery.deliveredBytes = 0
  recovery.sentBytes = 0
  recovery.allowedBytes = 0
  recovery.flightAtStart = flightBytes
}

/**
 * Sets cwnd after an ACK that has delivered `deliveredBytes`. `isSafe`: it moved SND.UNA and showed
 * no further loss (RFC 9937 §6.2 SafeACK); only then may the lost round trip be made up for by slow
 * start.
 */
export function reduceRate(
  socket: TcpSocket,
  recovery: LossRecovery,
  deliveredBytes: number,
  isSafe: boolean,
): void {
  const { congestion, segmentSize } = socket
  const { thresholdBytes } = congestion
  const pipe =
    sequenceDifference(socket.sendNext, socket.sendUnacknowledged) - socket.outOfFlightBytes
  recovery.deliveredBytes += deliveredBytes
  let allowance = 0
  if (pipe > thresholdBytes) {
    const share = (recovery.deliveredBytes * thresholdBytes) / recovery.flightAtStart
    allowance = Math.ceil(share) - recovery.sentBytes
  } else {
    // "Conservative reduction bound", one segment beyond it after a safe ACK ("slow start reduction
    // bound").
    const { sentBytes } = recovery
    allowance = recovery.deliveredBytes - sentBytes
    if (isSafe) {
      // What ACKs before allowed has not left yet, as one turn takes many: each adds to it as if it
      // had. Else all of them together would let out two segments, in each round trip.
      const unsent = Math.max(recovery.allowedBytes - sentBytes, 0)
      allowance = Math.max(allowance, unsent + deliveredBytes) + segmentSize
    }
    allowance = Math.min(allowance, thresholdBytes - pipe)
    recovery.allowedBytes = sentBytes + allowance
  }
  // RFC 9937 §6.2: "Force a fast retransmit upon entering recovery". And with nothing in the
  // network no ACK comes that would allow more.
  if ((recovery.sentBytes === 0 || pipe === 0) && allowance < segmentSize) allowance = segmentSize
  congestion.windowBytes = pipe + Math.max(allowance, 0)
}
