/**
 * What a connection knows of its path and what holds it up, as plain data: for whoever asks why a
 * transfer is slow.
 */
import { sequenceDifference } from '../../wire/sequence.ts'
import { initialWindow } from './congestion/congestion-window.ts'
import { TcpState, tcpStateName } from './state.ts'
import type { TcpSocket } from './tcp-socket.ts'

/**
 * What the next byte waits for. `nothing`: whatever was queued has been sent (or there is none);
 * `congestion window`, `peer window`: the path or the peer takes no more just now; `recovery`:
 * something was lost and is sent again; `pacing`: the windows have room, and what they let out is
 * spread over the round trip; `device`: the device or its queue is what the data waits for.
 */
export type SendLimit =
  | 'nothing'
  | 'congestion window'
  | 'peer window'
  | 'recovery'
  | 'pacing'
  | 'device'

/** A buffer of a socket, in bytes: it takes memory only for what is in it. */
export interface BufferInfo {
  /** What it may hold now, which grows with what the path can carry. */
  readonly sizeBytes: number
  /** Of data to send: not acknowledged. Of data received: not read, in order. */
  readonly queuedBytes: number
  /**
   * Of data to send: `send` takes so much. Of data received: the peer may send so much beyond what
   * is in order.
   */
  readonly freeBytes: number
}

export interface TcpInfo {
  /** As RFC 9293 names it. */
  readonly state: string
  /** The number of the interface whose address is ours. */
  readonly interface: number
  /** E.g. `reno`. */
  readonly congestionControl: string
  /**
   * Smoothed (RFC 6298); 0 before the first sample, as are its variation and the smallest sample.
   */
  readonly roundTripMs: number
  readonly roundTripVariationMs: number
  readonly minimumRoundTripMs: number
  /** With what back-off has made of it. */
  readonly retransmitTimeoutMs: number
  readonly congestionWindowBytes: number
  /** Null before anything was lost. */
  readonly slowStartThresholdBytes: number | null
  /**
   * Sent and not acknowledged: what the peer has reported beyond a gap, and what counts as lost,
   * are part of it.
   */
  readonly inFlightBytes: number
  /** Of these: reported by selective acknowledgments, and taken for lost and not sent again yet. */
  readonly sackedBytes: number
  readonly lostBytes: number
  /**
   * How fast the peer acknowledged during the last round trip that was measured; 0 = not known yet.
   */
  readonly deliveryRateBitsPerSecond: number
  /** 0 = not paced: the round trip is too short for it, or nothing was sent yet. */
  readonly pacingRateBitsPerSecond: number
  /** What the peer offers beyond what it has acknowledged. */
  readonly peerWindowBytes: number
  /** Queued and not sent yet. */
  readonly unsentBytes: number
  readonly sendLimit: SendLimit
  readonly isInRecovery: boolean
  /** Timeouts in a row for what is in flight. */
  readonly timeoutsInARow: number
  /**
   * Segments sent again, ever, and their bytes; how many of the first were sent because the timer
   * ran out.
   */
  readonly retransmissions: number
  readonly retransmittedBytes: number
  readonly retransmitTimeouts: number
  /**
   * Segments sent to ask for a late ACK, reductions taken back since nothing was lost, and marks of
   * routers that the peer has echoed.
   */
  readonly tailLossProbes: number
  readonly undoneReductions: number
  readonly congestionEchoes: number
  /** Payload, each byte counted once. */
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly sendBuffer: BufferInfo
  readonly receiveBuffer: BufferInfo
  /** Ranges received beyond a gap. */
  readonly outOfOrderRanges: number
  /**
   * Largest payload of one packet to the peer, options subtracted, and the path's MTU as far as it
   * is known.
   */
  readonly segmentSizeBytes: number
  readonly pathMtuBytes: number
  readonly hasTimestamps: boolean
  readonly hasWindowScaling: boolean
  readonly hasSelectiveAcks: boolean
  readonly hasExplicitCongestion: boolean
}

/**
 * A congestion control that has lost nothing has a threshold beyond any window (RFC 5681 §3.1:
 * "arbitrarily high").
 */
const NO_THRESHOLD_BYTES = 1 << 29

/** A fresh record. Of a connection that is over: what it was at the end. */
export function tcpInfo(socket: TcpSocket): TcpInfo {
  const { congestion, rtt, statistics } = socket
  const threshold = congestion.thresholdBytes
  const board = socket.recovery === null ? null : socket.recovery.board
  return {
    state: tcpStateName(socket.state),
    interface: socket.interfaceIndex,
    congestionControl: congestion.name,
    roundTripMs: toMicroseconds(rtt.smoothedMs),
    roundTripVariationMs: toMicroseconds(rtt.variationMs),
    minimumRoundTripMs: Number.isFinite(rtt.minimumMs) ? toMicroseconds(rtt.minimumMs) : 0,
    retransmitTimeoutMs: toMicroseconds(rtt.rtoMs),
    // An idle connection has none of its own: it begins anew.
    congestionWindowBytes: congestion.windowBytes || initialWindow(socket.segmentSize),
    slowStartThresholdBytes: threshold >= NO_THRESHOLD_BYTES ? null : threshold,
    inFlightBytes: inFlightBytes(socket),
    sackedBytes: board === null ? 0 : board.sackedBytes,
    lostBytes: board === null ? 0 : board.lostBytes,
    deliveryRateBitsPerSecond: toBitsPerSecond(socket.deliveryBytesPerMs),
    pacingRateBitsPerSecond: toBitsPerSecond(socket.isPaced ? socket.pacingBytesPerMs : 0),
    peerWindowBytes: socket.sendWindow,
    unsentBytes: unsentBytes(socket),
    sendLimit: sendLimit(socket),
    isInRecovery: congestion.inRecovery,
    timeoutsInARow: socket.timeouts,
    retransmissions: statistics.retransmissions,
    retransmittedBytes: statistics.retransmittedBytes,
    retransmitTimeouts: statistics.retransmitTimeouts,
    tailLossProbes: statistics.tailLossProbes,
    undoneReductions: statistics.undoneReductions,
    congestionEchoes: statistics.congestionEchoes,
    bytesSent: statistics.bytesSent,
    bytesReceived: statistics.bytesReceived,
    sendBuffer: sendBufferInfo(socket),
    receiveBuffer: receiveBufferInfo(socket),
    outOfOrderRanges: socket.assembler === null ? 0 : socket.assembler.rangeCount,
    segmentSizeBytes: socket.segmentSize,
    pathMtuBytes: pathMtu(socket),
    hasTimestamps: socket.hasTimestamps,
    hasWindowScaling: socket.hasWindowScaling,
    hasSelectiveAcks: socket.hasSelectiveAcks,
    hasExplicitCongestion: socket.hasExplicitCongestion,
  }
}

/** 0 while an idle connection has no path; of one that is over, what it sent by. */
function pathMtu({ flow, state, plannedMtu }: TcpSocket): number {
  if (flow !== null) return flow.pathMtu
  return state === TcpState.Closed ? plannedMtu : 0
}

/**
 * Sequence numbers that the peer has not acknowledged, SYN and FIN included; 0 once the connection
 * is over.
 */
export function inFlightBytes(socket: TcpSocket): number {
  if (socket.state === TcpState.Closed) return 0
  return Math.max(0, sequenceDifference(socket.sendMax, socket.sendUnacknowledged))
}

/** What waits to be sent for the first time. */
function unsentBytes(socket: TcpSocket): number {
  const ring = socket.sendBuffer
  if (ring === null || socket.state === TcpState.Closed) return 0
  return Math.max(0, sequenceDifference(ring.end, socket.sendMax))
}

export function sendLimit(socket: TcpSocket): SendLimit {
  const { congestion } = socket
  if (socket.timeouts > 0 || congestion.inRecovery) return 'recovery'
  if (unsentBytes(socket) === 0) return 'nothing'
  const inFlight = inFlightBytes(socket)
  // A window is full when a whole segment does not fit any more.
  const peerRoom = socket.sendWindow - inFlight
  const pathRoom = congestion.windowBytes - (inFlight - socket.outOfFlightBytes)
  if (Math.min(peerRoom, pathRoom) >= socket.segmentSize) {
    return socket.pacingDeadlineMs < Number.POSITIVE_INFINITY ? 'pacing' : 'device'
  }
  return peerRoom <= pathRoom ? 'peer window' : 'congestion window'
}

function sendBufferInfo(socket: TcpSocket): BufferInfo {
  const ring = socket.sendBuffer
  if (ring === null || socket.state === TcpState.Closed) return NO_BUFFER
  const queuedBytes = Math.max(0, sequenceDifference(ring.end, socket.sendUnacknowledged))
  return { sizeBytes: socket.sendLimit, queuedBytes, freeBytes: socket.sendSpace }
}

function receiveBufferInfo(socket: TcpSocket): BufferInfo {
  const { receivedLength, receiveLimit } = socket
  if (socket.state === TcpState.Closed && receivedLength === 0) return NO_BUFFER
  return {
    sizeBytes: receiveLimit,
    queuedBytes: receivedLength,
    freeBytes: Math.max(0, receiveLimit - receivedLength),
  }
}

const NO_BUFFER: BufferInfo = { sizeBytes: 0, queuedBytes: 0, freeBytes: 0 }

function toBitsPerSecond(bytesPerMs: number): number {
  return Math.round(bytesPerMs * 8_000)
}

/** Milliseconds, rounded to microseconds: more digits would claim more than a clock knows. */
function toMicroseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
