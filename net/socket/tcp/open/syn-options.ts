/**
 * What a peer's SYN offers, in one number that fits a half-open record and, but for the MSS, the
 * low bits of a timestamp.
 */
import { TcpFlag, type TcpHeader } from '../../../wire/tcp.ts'
import { hasCommonSynOptions, TCP_COMMON_SYN_LENGTH } from '../../../wire/tcp-options.ts'
import type { TcpConfiguration } from '../configuration.ts'

/**
 * MUST-15: "If an MSS Option is not received at connection setup, TCP implementations MUST assume a
 * default send MSS".
 */
const DEFAULT_MSS_V4 = 536
const DEFAULT_MSS_V6 = 1220

/**
 * Smaller announcements are taken as this, as in Linux (TCP_MIN_SND_MSS): else a peer makes us send
 * mostly headers.
 */
export const MINIMUM_MSS = 48

/**
 * RFC 7323 §2.3: "If a Window Scale option is received with a shift.cnt value larger than 14, the
 * TCP SHOULD log the error but MUST use 14".
 */
export const MAX_WINDOW_SCALE = 14

/** Bits of the number; the MSS is above them, from MSS_SHIFT on. */
export const SynOption = {
  /** The shift of the peer's windows. */
  ScaleMask: 0x0f,
  SackPermitted: 0x10,
  /** RFC 3168 §6.1.1: an ECN-setup SYN. */
  Ecn: 0x20,
  WindowScale: 0x40,
  Timestamps: 0x80,
} as const
const MSS_SHIFT = 8

const ECN_SETUP = TcpFlag.Ece | TcpFlag.Cwr

/** Data offset and control bits of a common SYN, as they lie in word 3, and those of ECN beside. */
const COMMON_SYN = (TCP_COMMON_SYN_LENGTH << 26) | (TcpFlag.Syn << 16)
const ECN_BITS = ECN_SETUP << 16
const ALL_BUT_ECN = (0xffff0000 & ~ECN_BITS) | 0
const COMMON_OPTIONS = SynOption.WindowScale | SynOption.SackPermitted | SynOption.Timestamps

/** The offer of a SYN over this family. */
export function synOptionsOf(header: TcpHeader, ipVersion: 4 | 6): number {
  let mss = ipVersion === 4 ? DEFAULT_MSS_V4 : DEFAULT_MSS_V6
  if (header.hasMss) mss = Math.max(header.mss, MINIMUM_MSS)
  let options = mss << MSS_SHIFT
  if (header.hasWindowScale) {
    const { windowScale } = header
    options |= SynOption.WindowScale | Math.min(windowScale, MAX_WINDOW_SCALE)
  }
  if (header.sackPermitted) options |= SynOption.SackPermitted
  if (header.hasTimestamps) options |= SynOption.Timestamps
  if ((header.flags & ECN_SETUP) === ECN_SETUP) options |= SynOption.Ecn
  return options
}

/**
 * The same of a header in host order, `length` bytes long with its text, for a SYN as Linux has it
 * and nothing else; 0 of any other.
 */
export function commonSynOptions(words: Int32Array, length: number): number {
  const control = words[3]!
  if (
    length !== TCP_COMMON_SYN_LENGTH ||
    (control & ALL_BUT_ECN) !== COMMON_SYN ||
    !hasCommonSynOptions(words)
  ) {
    return 0
  }
  let mss = words[5]! & 0xffff
  if (mss < MINIMUM_MSS) mss = MINIMUM_MSS
  let scale = words[9]! & 0xff
  if (scale > MAX_WINDOW_SCALE) scale = MAX_WINDOW_SCALE
  const options = (mss << MSS_SHIFT) | COMMON_OPTIONS | scale
  return (control & ECN_BITS) === ECN_BITS ? options | SynOption.Ecn : options
}

/** The mask of what this host takes up of an offer. */
export function takenUp(configuration: TcpConfiguration): number {
  let mask = -1
  if (!configuration.selectiveAcks) mask &= ~SynOption.SackPermitted
  if (configuration.explicitCongestion === 'off') mask &= ~SynOption.Ecn
  return mask
}

export function synMss(options: number): number {
  return options >>> MSS_SHIFT
}

/** The same offer with another MSS. */
export function withSynMss(options: number, mss: number): number {
  return (options & ((1 << MSS_SHIFT) - 1)) | (mss << MSS_SHIFT)
}

export function synScale(options: number): number {
  return (options & SynOption.WindowScale) === 0 ? 0 : options & SynOption.ScaleMask
}
