/**
 * What a client asks for (PARAM_EXCHANGE): read from its JSON, checked against iperf3's limits and
 * this server's.
 */
import { Iperf3Error } from './protocol.ts'

/** Longer parameters are refused unread, as by iperf3 itself. */
export const MAX_PARAMETERS_BYTES = 8 * 1024

/**
 * Each connection takes two buffers of a common budget, which serves so many even with 64 MiB of
 * memory.
 */
export const MAX_STREAMS = 128
const MAX_DURATION_S = 86_400
const MAX_OMIT_S = 600
const MAX_BLOCK_BYTES = 1 << 20
const MAX_SEGMENT_BYTES = 32 * 1024 - 1

export interface Iperf3Parameters {
  /** 0 = until the client says that the test has ended. */
  readonly durationS: number
  /** So many seconds at the start do not count. */
  readonly omitS: number
  /** Streams in which this server receives, and in which it sends. */
  readonly receivers: number
  readonly senders: number
  readonly noDelay: boolean
  /** What a sending stream is held to; 0 = no limit. */
  readonly bitsPerSecond: number
  readonly wantsServerOutput: boolean
}

/**
 * What can be asked, or the code that says why not. `maxWindowBytes`: the largest socket buffer
 * there is.
 */
export function readParameters(json: unknown, maxWindowBytes: number): Iperf3Parameters | number {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return Iperf3Error.ReceiveParameters
  }
  const fields = json as Record<string, unknown>
  if (fields.sctp === true) return Iperf3Error.NoSctp
  if (fields.tcp !== true || fields.udp === true || fields.mptcp === true) {
    return Iperf3Error.UnknownProtocol
  }
  if (typeof fields.authtoken === 'string') return Iperf3Error.Authorization

  const durationS = numberOf(fields.time)
  const omitS = numberOf(fields.omit)
  const parallel = fields.parallel === undefined ? 1 : numberOf(fields.parallel)
  const isReverse = fields.reverse === true
  const isBidirectional = fields.bidirectional === true
  const streams = isBidirectional ? 2 * parallel : parallel
  if (!isWithin(durationS, 0, MAX_DURATION_S)) return Iperf3Error.Duration
  if (!isWithin(omitS, 0, MAX_OMIT_S)) return Iperf3Error.Omit
  if (!Number.isInteger(parallel) || !isWithin(streams, 1, MAX_STREAMS)) {
    return Iperf3Error.StreamCount
  }
  if (!isWithin(numberOf(fields.len), 0, MAX_BLOCK_BYTES)) return Iperf3Error.BlockSize
  if (!isWithin(numberOf(fields.MSS), 0, MAX_SEGMENT_BYTES)) return Iperf3Error.SegmentSize
  const windowBytes = numberOf(fields.window)
  if (!(windowBytes >= 0)) return Iperf3Error.BufferSize
  if (windowBytes > maxWindowBytes) return Iperf3Error.WindowSize
  const bitsPerSecond = lowestRate(numberOf(fields.bandwidth), numberOf(fields.fqrate))
  if (!(bitsPerSecond >= 0)) return Iperf3Error.ReceiveParameters

  return {
    durationS,
    omitS,
    receivers: isReverse && !isBidirectional ? 0 : parallel,
    senders: isReverse || isBidirectional ? parallel : 0,
    noDelay: fields.nodelay === true,
    bitsPerSecond,
    wantsServerOutput: numberOf(fields.get_server_output) > 0,
  }
}

/** Absent = 0; anything but a number fails every check of a range. */
function numberOf(value: unknown): number {
  if (value === undefined) return 0
  return typeof value === 'number' ? value : Number.NaN
}

function isWithin(value: number, least: number, most: number): boolean {
  return value >= least && value <= most
}

/** 0 means no limit in each. */
function lowestRate(first: number, second: number): number {
  return first === 0 || (second !== 0 && second < first) ? second : first
}
