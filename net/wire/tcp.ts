/** TCP header: offsets, parse, emit, format (RFC 9293 §3.1). */
import {
  composeTcpOptions,
  parseTcpOptions,
  TCP_MAX_SACK_BLOCKS,
  type TcpOptions,
  tcpOptionsLength,
} from './tcp-options.ts'

export const TCP_HEADER_LENGTH = 20
export const TCP_MAX_HEADER_LENGTH = 60
export const TCP_CHECKSUM_OFFSET = 16

export const TCP_SEQUENCE_OFFSET = 4
export const TCP_ACKNOWLEDGMENT_OFFSET = 8
export const TCP_DATA_OFFSET_OFFSET = 12
export const TCP_FLAGS_OFFSET = 13
export const TCP_URGENT_POINTER_OFFSET = 18

/** The same by words; those of the options come behind. */
const PORTS_WORD = 0
const SEQUENCE_WORD = 1
const ACKNOWLEDGMENT_WORD = 2
const CONTROL_WORD = 3
/** Its upper half is the checksum. */
const URGENT_WORD = 4

/** Control bits (RFC 9293 §3.1, RFC 3168 for ECE and CWR). */
export const TcpFlag = {
  Fin: 0x01,
  Syn: 0x02,
  Rst: 0x04,
  Psh: 0x08,
  Ack: 0x10,
  Urg: 0x20,
  Ece: 0x40,
  Cwr: 0x80,
} as const

/** A TCP header with the options that this stack knows; a record the caller owns and reuses. */
export interface TcpHeader extends TcpOptions {
  sourcePort: number
  destinationPort: number
  /** int32. */
  sequenceNumber: number
  /** int32; meaningful with ACK only. */
  acknowledgmentNumber: number
  /** Bytes, options included: 20..60. emitTcp sets it. */
  headerLength: number
  flags: number
  /** As on the wire, not scaled. */
  window: number
  urgentPointer: number
}

export function createTcpHeader(): TcpHeader {
  return {
    sourcePort: 0,
    destinationPort: 0,
    sequenceNumber: 0,
    acknowledgmentNumber: 0,
    headerLength: TCP_HEADER_LENGTH,
    flags: 0,
    window: 0,
    urgentPointer: 0,
    hasMss: false,
    mss: 0,
    hasWindowScale: false,
    windowScale: 0,
    sackPermitted: false,
    hasTimestamps: false,
    timestampValue: 0,
    timestampEcho: 0,
    sackBlockCount: 0,
    sackBlocks: new Int32Array(TCP_MAX_SACK_BLOCKS * 2),
    optionsMalformed: false,
  }
}

/** Makes the record stand for a header without options. */
export function clearTcpOptions(header: TcpHeader): void {
  header.hasMss = false
  header.hasWindowScale = false
  header.sackPermitted = false
  header.hasTimestamps = false
  header.sackBlockCount = 0
  header.optionsMalformed = false
}

/** Of parseTcp and emitTcp: filled and read before the next. */
const words = new Int32Array(TCP_MAX_HEADER_LENGTH / 4)

/**
 * Reads the header at `offset` of a segment of `length` bytes (header and payload) into `out`.
 * False when the segment is too short or its data offset is impossible. The checksum is not looked
 * at.
 */
export function parseTcp(view: DataView, offset: number, length: number, out: TcpHeader): boolean {
  if (length < TCP_HEADER_LENGTH) return false
  words[CONTROL_WORD] = view.getInt32(offset + TCP_DATA_OFFSET_OFFSET)
  const headerLength = tcpHeaderLength(words, length)
  for (let index = 0; index < headerLength; index += 4) {
    words[index >> 2] = view.getInt32(offset + index)
  }
  if (headerLength > 0) parseTcpWords(words, out)
  return headerLength > 0
}

/**
 * What the first words of a segment of `length` bytes say of the length of its header, in bytes; 0
 * when that is impossible.
 */
export function tcpHeaderLength(header: Int32Array, length: number): number {
  const headerLength = (header[CONTROL_WORD]! >>> 28) << 2
  return headerLength < TCP_HEADER_LENGTH || headerLength > length ? 0 : headerLength
}

/** Reads a whole header, word by word in host order, whose length tcpHeaderLength has accepted. */
export function parseTcpWords(header: Int32Array, out: TcpHeader): void {
  // Data offset, control bits and window are one word, both ports another.
  const control = header[CONTROL_WORD]!
  const ports = header[PORTS_WORD]!
  const headerLength = (control >>> 28) << 2
  out.sourcePort = ports >>> 16
  out.destinationPort = ports & 0xffff
  out.sequenceNumber = header[SEQUENCE_WORD]!
  out.acknowledgmentNumber = header[ACKNOWLEDGMENT_WORD]!
  out.headerLength = headerLength
  out.flags = (control >>> 16) & 0xff
  out.window = control & 0xffff
  out.urgentPointer = header[URGENT_WORD]! & 0xffff
  clearTcpOptions(out)
  if (headerLength > TCP_HEADER_LENGTH) parseTcpOptions(header, headerLength, out)
}

// The one writer of the fixed header, field by field, so that senders rewrite only what changes.
// `offset` is the header's.

/** Both ports, the source's in the upper half. */
export function writeTcpPorts(view: DataView, offset: number, ports: number): void {
  view.setInt32(offset, ports)
}

export function writeTcpSequence(view: DataView, offset: number, sequence: number): void {
  view.setInt32(offset + TCP_SEQUENCE_OFFSET, sequence)
}

export function writeTcpAcknowledgment(view: DataView, offset: number, number: number): void {
  view.setInt32(offset + TCP_ACKNOWLEDGMENT_OFFSET, number)
}

/** Data offset, control bits and window; `headerLength` in bytes, the window as on the wire. */
export function writeTcpControl(
  view: DataView,
  offset: number,
  headerLength: number,
  flags: number,
  window: number,
): void {
  view.setInt32(offset + TCP_DATA_OFFSET_OFFSET, (headerLength << 26) | (flags << 16) | window)
}

/**
 * Writes the header with the options present in `header`, but for its checksum; sets and returns
 * `header.headerLength`. Padding octets are zero (RFC 9293 MUST-69).
 */
export function emitTcp(view: DataView, offset: number, header: TcpHeader): number {
  const headerLength = composeTcp(words, header)
  for (let index = 0; index < headerLength; index += 4) {
    const word = words[index >> 2]!
    if (index >> 2 === URGENT_WORD) view.setUint16(offset + TCP_URGENT_POINTER_OFFSET, word)
    else view.setInt32(offset + index, word)
  }
  return headerLength
}

/**
 * The same into words in host order, at most fifteen; the checksum is 0 in them.
 */
export function composeTcp(out: Int32Array, header: TcpHeader): number {
  const headerLength = TCP_HEADER_LENGTH + tcpOptionsLength(header)
  if (headerLength > TCP_MAX_HEADER_LENGTH) {
    throw new RangeError(`Cannot emit TCP header: options take ${headerLength - 20} bytes`)
  }
  header.headerLength = headerLength
  out[PORTS_WORD] = (header.sourcePort << 16) | header.destinationPort
  out[SEQUENCE_WORD] = header.sequenceNumber
  out[ACKNOWLEDGMENT_WORD] = header.acknowledgmentNumber
  out[CONTROL_WORD] = (headerLength << 26) | (header.flags << 16) | header.window
  out[URGENT_WORD] = header.urgentPointer
  if (headerLength > TCP_HEADER_LENGTH) composeTcpOptions(out, header)
  return headerLength
}

/** Puts other ports, as they lie in a header, and numbers into words that composeTcp has made. */
export function renewTcpWords(
  out: Int32Array,
  ports: number,
  sequence: number,
  acknowledgment: number,
): void {
  out[PORTS_WORD] = ports
  out[SEQUENCE_WORD] = sequence
  out[ACKNOWLEDGMENT_WORD] = acknowledgment
}

const FLAG_NAMES = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR']

/** One line for people: ports, flags, numbers, options and payload length. */
export function formatTcp(header: TcpHeader, payloadLength: number): string {
  const flags = FLAG_NAMES.filter((_, bit) => (header.flags & (1 << bit)) !== 0).join(',')
  const parts = [
    `TCP ${header.sourcePort} > ${header.destinationPort} [${flags}]`,
    `seq=${header.sequenceNumber >>> 0}`,
  ]
  if ((header.flags & TcpFlag.Ack) !== 0) parts.push(`ack=${header.acknowledgmentNumber >>> 0}`)
  parts.push(`win=${header.window}`)
  if (header.hasMss) parts.push(`mss=${header.mss}`)
  if (header.hasWindowScale) parts.push(`wscale=${header.windowScale}`)
  if (header.sackPermitted) parts.push('sackOK')
  if (header.hasTimestamps) {
    parts.push(`ts=${header.timestampValue >>> 0}/${header.timestampEcho >>> 0}`)
  }
  for (let block = 0; block < header.sackBlockCount; block++) {
    const left = header.sackBlocks[2 * block]! >>> 0
    parts.push(`sack=${left}-${header.sackBlocks[2 * block + 1]! >>> 0}`)
  }
  parts.push(`len=${payloadLength}`)
  return parts.join(' ')
}
