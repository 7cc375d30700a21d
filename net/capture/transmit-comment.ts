/**
 * Says why TCP sends a segment, from the state of its connection just before the device gets it.
 */

import { SynAckReason, type SynRecord } from '../socket/tcp/open/syn-record.ts'
import { TcpState } from '../socket/tcp/state.ts'
import type { TcpSocket } from '../socket/tcp/tcp-socket.ts'
import { sequenceDifference, sequenceLessThan } from '../wire/sequence.ts'
import { TcpFlag } from '../wire/tcp.ts'
import type { CapturedSegment } from './captured-segment.ts'

/** What has to be remembered of a connection from one segment to the next. */
interface Memory {
  /** Fast retransmits and time-outs that were commented. */
  fastRetransmits: number
  retransmitTimeouts: number
  /** Sequence number of the last window probe's octet. */
  probe: number | null
  /** After a time-out everything before this is sent again. */
  goBackTo: number | null
  /** Time-outs in which no SYN could leave: the neighbor did not answer, or the link was down. */
  timeoutsBeforeSyn: number
}

export class TransmitComments {
  private readonly memories = new WeakMap<TcpSocket, Memory>()

  /** Empty for a segment that is sent for no other reason than that it is its turn. */
  describe(socket: TcpSocket, segment: CapturedSegment): string {
    const { flags, payloadLength, sequence } = segment
    if ((flags & TcpFlag.Rst) !== 0) return ''
    if ((flags & TcpFlag.Syn) !== 0) return describeSyn(socket, this.memoryOf(socket))
    const isFin = (flags & TcpFlag.Fin) !== 0
    if (payloadLength === 0 && !isFin) {
      // RFC 9293 §3.8.4: "SEG.SEQ = SND.NXT-1".
      const isKeepAlive =
        socket.isKeepAliveDue && sequenceDifference(sequence, socket.sendMax) === -1
      return isKeepAlive ? `keep-alive #${socket.keepAliveProbesSent}` : ''
    }
    const why = this.describeData(socket, segment, isFin ? payloadLength + 1 : payloadLength)
    if (payloadLength === 0) return why
    const { congestion } = socket
    const inFlight = sequenceDifference(socket.sendMax, socket.sendUnacknowledged)
    const window = `cwnd ${congestion.windowBytes}, ${inFlight} in flight`
    return why === '' ? window : `${why}; ${window}`
  }

  private describeData(socket: TcpSocket, segment: CapturedSegment, length: number): string {
    const { sequence } = segment
    const memory = this.memoryOf(socket)
    if (socket.isProbePending && sequence === socket.sendUnacknowledged) {
      memory.probe = sequence
      // The same probe ends the wait for a window that is open, but not worth a segment.
      const kind = socket.sendWindow === 0 ? 'zero-window probe' : 'probe of a small window'
      return `${kind} #${socket.timeouts}`
    }
    if (socket.hasSelectiveAcks && sequenceLessThan(sequence, socket.sendMax)) {
      return this.describeRepair(socket, sequence)
    }
    if (socket.isTailProbeDue) return 'tail loss probe with new data: no ACK for two round trips'
    if (socket.isRetransmitPending) {
      const { fastRetransmits } = socket.statistics
      const isFirst = fastRetransmits !== memory.fastRetransmits
      memory.fastRetransmits = fastRetransmits
      return isFirst
        ? `fast retransmit after ${socket.duplicateAcks} duplicate ACKs`
        : 'fast retransmit of the next hole, which a partial ACK showed'
    }
    const repeated = sequenceDifference(socket.sendMax, sequence)
    const { retransmitTimeouts } = socket.statistics
    const isTimeout = retransmitTimeouts !== memory.retransmitTimeouts
    memory.retransmitTimeouts = retransmitTimeouts
    if (repeated <= 0) {
      memory.goBackTo = null
      memory.probe = null
      return ''
    }
    if (isTimeout) memory.goBackTo = socket.sendMax
    const isFirst = isTimeout && socket.timeouts > 0 && sequence === socket.sendUnacknowledged
    const what = isFirst
      ? `retransmission, time-out #${socket.timeouts}`
      : describeRepetition(memory, sequence, repeated)
    return what + ofWhich(repeated, length)
  }

  /** Something is sent again by a connection whose peer says what has arrived. */
  private describeRepair(socket: TcpSocket, sequence: number): string {
    const memory = this.memoryOf(socket)
    const { fastRetransmits, retransmitTimeouts } = socket.statistics
    const isTimeout = retransmitTimeouts !== memory.retransmitTimeouts
    const isFirst = fastRetransmits !== memory.fastRetransmits
    if (socket.isTailProbeDue)
      return 'retransmission as tail loss probe: no ACK for two round trips'
    if (!socket.isRetransmitPending) return 'retransmission, the window is open again'
    memory.retransmitTimeouts = retransmitTimeouts
    memory.fastRetransmits = fastRetransmits
    if (isTimeout && socket.timeouts > 0 && sequence === socket.sendUnacknowledged) {
      return `retransmission, time-out #${socket.timeouts}`
    }
    if (!socket.congestion.inRecovery) return 'retransmission, going on after a time-out'
    return isFirst
      ? 'fast retransmit: what was sent later has arrived (RACK)'
      : 'retransmission of the next range that SACK shows as lost'
  }

  private memoryOf(socket: TcpSocket): Memory {
    let memory = this.memories.get(socket)
    if (memory === undefined) {
      memory = {
        fastRetransmits: 0,
        retransmitTimeouts: 0,
        probe: null,
        goBackTo: null,
        timeoutsBeforeSyn: 0,
      }
      this.memories.set(socket, memory)
    }
    return memory
  }
}

/**
 * A segment that begins before SND.MAX, in its turn, and not because the timer has just run out.
 */
function describeRepetition(memory: Memory, sequence: number, repeated: number): string {
  if (memory.goBackTo !== null && sequenceLessThan(sequence, memory.goBackTo)) {
    return 'retransmission, going on after a time-out'
  }
  if (repeated === 1 && memory.probe === sequence) return 'begins with the octet of the probe'
  return 'retransmission, the window is open again'
}

function ofWhich(repeated: number, length: number): string {
  return repeated < length ? ` (${repeated} of ${length} octets, the rest is new)` : ''
}

function describeSyn(socket: TcpSocket, memory: Memory): string {
  if (socket.statistics.segmentsSent === 0) {
    memory.timeoutsBeforeSyn = socket.timeouts
    return ''
  }
  // The timer has run out and is not armed again before the segment has left.
  if (socket.timeouts > 0 && socket.retransmitDeadlineMs === Number.POSITIVE_INFINITY) {
    return `retransmission, time-out #${socket.timeouts - memory.timeoutsBeforeSyn}`
  }
  if (socket.state === TcpState.SynSent) {
    return 'sent again, behind a reset: the peer answered for an old connection'
  }
  return 'sent again, now with an ACK: simultaneous open'
}

/** Of what a listener sends to a peer whose connection is half open. */
export function describeHalfOpen({ reason, retries }: SynRecord, flags: number): string {
  if ((flags & TcpFlag.Syn) === 0) return ''
  if (reason === SynAckReason.Timeout) return `retransmission, time-out #${retries}`
  return reason === SynAckReason.Repeated ? 'sent again: the peer repeated its SYN' : ''
}
