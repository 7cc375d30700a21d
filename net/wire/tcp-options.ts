/** TCP options: MSS (RFC 9293 §3.7.1), window scale and timestamps (RFC 7323), SACK (RFC 2018). */

export const TCP_MAX_SACK_BLOCKS = 4

/** The options this stack knows, with presence flags: the option part of TcpHeader. */
export interface TcpOptions {
  hasMss: boolean
  mss: number
  hasWindowScale: boolean
  /** As on the wire; RFC 7323 §2.3: values above 14 count as 14. */
  windowScale: number
  sackPermitted: boolean
  hasTimestamps: boolean
  /** TSval, int32. */
  timestampValue: number
  /** TSecr, int32. */
  timestampEcho: number
  sackBlockCount: number
  /** Left and right edges of up to four blocks, int32. */
  readonly sackBlocks: Int32Array
  /** An option had an impossible length: it and what follows were ignored (RFC 9293 MUST-7). */
  optionsMalformed: boolean
}

export const TcpOption = {
  End: 0,
  NoOperation: 1,
  MaximumSegmentSize: 2,
  WindowScale: 3,
  SackPermitted: 4,
  Sack: 5,
  Timestamps: 8,
} as const

/** NOP, NOP, kind 8, length 10: how every common stack lays out a lone timestamps option. */
const TIMESTAMPS_ALIGNED = 0x0101080a
/** Two NOPs in front of an option of two bytes; kind 4, length 2; NOP, kind 3, length 3. */
const NO_OPERATIONS = 0x01010000
const SACK_PERMITTED = 0x0402
const WINDOW_SCALE_PADDED = 0x01030300
/** NOP, NOP, kind 5. */
const SACK_PADDED = 0x01010500

/**
 * Bytes of one segment's lone timestamps option, padding included: what it costs of each segment.
 */
export const TCP_TIMESTAMPS_LENGTH = 12

// The one writer of a timestamps option, word by word, so that senders rewrite only what changes.
// `offset` is the option's.

/** The padding in front, kind and length. */
export function writeTimestampsHead(view: DataView, offset: number): void {
  view.setInt32(offset, TIMESTAMPS_ALIGNED)
}

export function writeTimestampValue(view: DataView, offset: number, value: number): void {
  view.setInt32(offset + 4, value)
}

export function writeTimestampEcho(view: DataView, offset: number, echo: number): void {
  view.setInt32(offset + 8, echo)
}

/** Bytes of a SACK option with that many blocks, the padding in front included. */
export function sackOptionLength(blockCount: number): number {
  return 4 + 8 * blockCount
}

/**
 * Writes a SACK option of the first `blockCount` blocks, each a left and a right edge, padded in
 * front.
 */
export function writeSackOption(
  view: DataView,
  offset: number,
  blocks: Int32Array,
  blockCount: number,
): void {
  view.setInt32(offset, SACK_PADDED | (2 + 8 * blockCount))
  for (let index = 0; index < 2 * blockCount; index++) {
    view.setInt32(offset + 4 + 4 * index, blocks[index]!)
  }
}

/**
 * Reads `length` option bytes into `out`, whose options the caller has cleared. Always ends,
 * whatever the bytes.
 */
export function parseTcpOptions(
  view: DataView,
  offset: number,
  length: number,
  out: TcpOptions,
): void {
  if (length === TCP_TIMESTAMPS_LENGTH && view.getInt32(offset) === TIMESTAMPS_ALIGNED) {
    out.hasTimestamps = true
    out.timestampValue = view.getInt32(offset + 4)
    out.timestampEcho = view.getInt32(offset + 8)
    return
  }
  const end = offset + length
  let position = offset
  while (position < end) {
    const kind = view.getUint8(position)
    if (kind === TcpOption.End) return
    if (kind === TcpOption.NoOperation) {
      position++
      continue
    }
    const optionLength = position + 1 < end ? view.getUint8(position + 1) : 0
    // MUST-7: an illegal length would make the walk endless or leave the header; nothing after it
    // can be trusted.
    if (optionLength < 2 || position + optionLength > end) {
      out.optionsMalformed = true
      return
    }
    parseOption(view, position, kind, optionLength, out)
    position += optionLength
  }
}

/** One option whose bytes are all there; one of a length other than its kind's is ignored. */
function parseOption(
  view: DataView,
  position: number,
  kind: number,
  optionLength: number,
  out: TcpOptions,
): void {
  if (kind === TcpOption.Timestamps && optionLength === 10) {
    out.hasTimestamps = true
    out.timestampValue = view.getInt32(position + 2)
    out.timestampEcho = view.getInt32(position + 6)
  } else if (kind === TcpOption.MaximumSegmentSize && optionLength === 4) {
    out.hasMss = true
    out.mss = view.getUint16(position + 2)
  } else if (kind === TcpOption.WindowScale && optionLength === 3) {
    out.hasWindowScale = true
    out.windowScale = view.getUint8(position + 2)
  } else if (kind === TcpOption.SackPermitted && optionLength === 2) {
    out.sackPermitted = true
  } else if (kind === TcpOption.Sack && optionLength >= 10 && (optionLength - 2) % 8 === 0) {
    const count = (optionLength - 2) >> 3
    out.sackBlockCount = count
    for (let index = 0; index < 2 * count; index++) {
      out.sackBlocks[index] = view.getInt32(position + 2 + 4 * index)
    }
  }
}

/** Bytes that emitTcpOptions writes for these options: a multiple of 4. */
export function tcpOptionsLength(options: TcpOptions): number {
  let length = 0
  if (options.hasMss) length += 4
  if (options.hasTimestamps) length += TCP_TIMESTAMPS_LENGTH
  else if (options.sackPermitted) length += 4
  if (options.hasWindowScale) length += 4
  if (options.sackBlockCount > 0) length += sackOptionLength(options.sackBlockCount)
  return length
}

/** Writes the options present in `options`, each padded in front with NOPs to a multiple of 4. */
export function emitTcpOptions(view: DataView, offset: number, options: TcpOptions): void {
  let position = offset
  if (options.hasMss) {
    view.setInt32(position, (TcpOption.MaximumSegmentSize << 24) | (4 << 16) | options.mss)
    position += 4
  }
  if (options.hasTimestamps) {
    // SACK-permitted takes the place of the two NOPs.
    writeTimestampsHead(view, position)
    if (options.sackPermitted) view.setUint16(position, SACK_PERMITTED)
    writeTimestampValue(view, position, options.timestampValue)
    writeTimestampEcho(view, position, options.timestampEcho)
    position += TCP_TIMESTAMPS_LENGTH
  } else if (options.sackPermitted) {
    view.setInt32(position, NO_OPERATIONS | SACK_PERMITTED)
    position += 4
  }
  if (options.hasWindowScale) {
    view.setInt32(position, WINDOW_SCALE_PADDED | options.windowScale)
    position += 4
  }
  if (options.sackBlockCount > 0) {
    writeSackOption(view, position, options.sackBlocks, options.sackBlockCount)
  }
}
