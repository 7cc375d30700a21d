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
export const TCP_TIMESTAMPS_WORD = 0x0101080a
/** The same with SACK-permitted in place of the padding. */
const SACK_PERMITTED_TIMESTAMPS = 0x0402080a
/** Two NOPs in front of an option of two bytes; kind 4, length 2; NOP, kind 3, length 3. */
const NO_OPERATIONS = 0x01010000
const SACK_PERMITTED = 0x0402
const WINDOW_SCALE_PADDED = 0x01030300
/** Kind 2, length 4. */
const MSS_HEAD = 0x0204
/** NOP, NOP, kind 5. */
const SACK_PADDED = 0x01010500

/**
 * Bytes of one segment's lone timestamps option, padding included: what it costs of each segment.
 */
export const TCP_TIMESTAMPS_LENGTH = 12

/** The word of a header that options begin with. */
const FIRST_WORD = 5
/** Bytes of a header with a lone timestamps option, and with the options of a SYN of Linux. */
export const TCP_STAMPED_LENGTH = 4 * FIRST_WORD + TCP_TIMESTAMPS_LENGTH
export const TCP_COMMON_SYN_LENGTH = TCP_STAMPED_LENGTH + 8

// The one writer of a timestamps option, word by word, so that senders rewrite only what changes.
// `offset` is the option's.

/** The padding in front, kind and length. */
export function writeTimestampsHead(view: DataView, offset: number): void {
  view.setInt32(offset, TCP_TIMESTAMPS_WORD)
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
 * Reads the options of a header of `headerLength` bytes, whose words are in host order, into `out`,
 * whose options the caller has cleared. Always ends, whatever the bytes.
 */
export function parseTcpOptions(header: Int32Array, headerLength: number, out: TcpOptions): void {
  const first = header[FIRST_WORD]!
  if (first === TCP_TIMESTAMPS_WORD && headerLength >= TCP_STAMPED_LENGTH) {
    const isAlone = headerLength === TCP_STAMPED_LENGTH
    if (isAlone || parseSackOption(header, TCP_STAMPED_LENGTH >> 2, headerLength, out)) {
      out.hasTimestamps = true
      out.timestampValue = header[FIRST_WORD + 1]!
      out.timestampEcho = header[FIRST_WORD + 2]!
      return
    }
  }
  if (headerLength === TCP_COMMON_SYN_LENGTH && parseSynOptions(header, out)) return
  if (parseSackOption(header, FIRST_WORD, headerLength, out)) return
  let position = 4 * FIRST_WORD
  while (position < headerLength) {
    const kind = octetAt(header, position)
    if (kind === TcpOption.End) return
    if (kind === TcpOption.NoOperation) {
      position++
      continue
    }
    const optionLength = position + 1 < headerLength ? octetAt(header, position + 1) : 0
    // MUST-7: an illegal length would make the walk endless or leave the header; nothing after it
    // can be trusted.
    if (optionLength < 2 || position + optionLength > headerLength) {
      out.optionsMalformed = true
      return
    }
    parseOption(header, position, kind, optionLength, out)
    position += optionLength
  }
}

/**
 * True for what Linux puts into every SYN, of a header of TCP_COMMON_SYN_LENGTH: MSS,
 * SACK-permitted, timestamps, window scale. False when these are other options, or stand in another
 * order.
 */
export function hasCommonSynOptions(header: Int32Array): boolean {
  return (
    header[FIRST_WORD]! >>> 16 === MSS_HEAD &&
    header[FIRST_WORD + 1]! === SACK_PERMITTED_TIMESTAMPS &&
    header[FIRST_WORD + 4]! >>> 8 === WINDOW_SCALE_PADDED >>> 8
  )
}

function parseSynOptions(header: Int32Array, out: TcpOptions): boolean {
  if (!hasCommonSynOptions(header)) return false
  const scale = header[FIRST_WORD + 4]!
  out.hasMss = true
  out.mss = header[FIRST_WORD]! & 0xffff
  out.sackPermitted = true
  out.hasTimestamps = true
  out.timestampValue = header[FIRST_WORD + 2]!
  out.timestampEcho = header[FIRST_WORD + 3]!
  out.hasWindowScale = true
  out.windowScale = scale & 0xff
  return true
}

/**
 * A SACK option that is padded in front, from word `at` to the end of the header, as every common
 * stack lays it out. False when there is something else.
 */
function parseSackOption(
  header: Int32Array,
  at: number,
  headerLength: number,
  out: TcpOptions,
): boolean {
  const head = header[at]!
  const optionLength = head & 0xff
  if (
    head >>> 8 !== SACK_PADDED >>> 8 ||
    4 * at + 2 + optionLength !== headerLength ||
    (optionLength & 7) !== 2 ||
    optionLength === 2
  ) {
    return false
  }
  const words = (optionLength - 2) >> 2
  const { sackBlocks } = out
  for (let index = 0; index < words; index++) sackBlocks[index] = header[at + 1 + index]!
  out.sackBlockCount = words >> 1
  return true
}

function octetAt(header: Int32Array, position: number): number {
  return (header[position >> 2]! >>> (24 - ((position & 3) << 3))) & 0xff
}

/** Wherever it begins; its last octet must lie in the header. */
function wordAt(header: Int32Array, position: number): number {
  const high = (octetAt(header, position) << 8) | octetAt(header, position + 1)
  return (high << 16) | (octetAt(header, position + 2) << 8) | octetAt(header, position + 3)
}

/** One option whose bytes are all there; one of a length other than its kind's is ignored. */
function parseOption(
  header: Int32Array,
  position: number,
  kind: number,
  optionLength: number,
  out: TcpOptions,
): void {
  if (kind === TcpOption.Timestamps && optionLength === 10) {
    out.hasTimestamps = true
    out.timestampValue = wordAt(header, position + 2)
    out.timestampEcho = wordAt(header, position + 6)
  } else if (kind === TcpOption.MaximumSegmentSize && optionLength === 4) {
    out.hasMss = true
    out.mss = wordAt(header, position) & 0xffff
  } else if (kind === TcpOption.WindowScale && optionLength === 3) {
    out.hasWindowScale = true
    out.windowScale = octetAt(header, position + 2)
  } else if (kind === TcpOption.SackPermitted && optionLength === 2) {
    out.sackPermitted = true
  } else if (kind === TcpOption.Sack && optionLength >= 10 && (optionLength - 2) % 8 === 0) {
    const count = (optionLength - 2) >> 3
    out.sackBlockCount = count
    for (let index = 0; index < 2 * count; index++) {
      out.sackBlocks[index] = wordAt(header, position + 2 + 4 * index)
    }
  }
}

/** Bytes that composeTcpOptions writes for these options: a multiple of 4. */
export function tcpOptionsLength(options: TcpOptions): number {
  let length = 0
  if (options.hasMss) length += 4
  if (options.hasTimestamps) length += TCP_TIMESTAMPS_LENGTH
  else if (options.sackPermitted) length += 4
  if (options.hasWindowScale) length += 4
  if (options.sackBlockCount > 0) length += sackOptionLength(options.sackBlockCount)
  return length
}

/** Puts other timestamps into words that were composed with some, behind an MSS. */
export function renewSynTimestamps(header: Int32Array, value: number, echo: number): void {
  header[FIRST_WORD + 2] = value
  header[FIRST_WORD + 3] = echo
}

/**
 * Puts the options present in `options`, each padded in front with NOPs to a multiple of 4, behind
 * the fixed header in `header`, whose words are in host order.
 */
export function composeTcpOptions(header: Int32Array, options: TcpOptions): void {
  let at = FIRST_WORD
  if (options.hasMss) header[at++] = (MSS_HEAD << 16) | options.mss
  if (options.hasTimestamps) {
    // SACK-permitted takes the place of the two NOPs.
    header[at++] = options.sackPermitted ? SACK_PERMITTED_TIMESTAMPS : TCP_TIMESTAMPS_WORD
    header[at++] = options.timestampValue
    header[at++] = options.timestampEcho
  } else if (options.sackPermitted) {
    header[at++] = NO_OPERATIONS | SACK_PERMITTED
  }
  if (options.hasWindowScale) header[at++] = WINDOW_SCALE_PADDED | options.windowScale
  const { sackBlockCount, sackBlocks } = options
  if (sackBlockCount === 0) return
  header[at++] = SACK_PADDED | (2 + 8 * sackBlockCount)
  for (let index = 0; index < 2 * sackBlockCount; index++) header[at++] = sackBlocks[index]!
}
