/**
 * SYN cookies (RFC 4987 §3.6): an initial sequence number that says, once it comes back, what a
 * queue would have remembered.
 */
import type { RandomSource } from '../../../iface/random-source.ts'
import type { KeyedHash } from '../../../storage/buffer.ts'
import { type IpAddress, isLinkLocal } from '../../../wire/ip-address.ts'
import { sequenceAdd, sequenceDifference, sequenceLessThan } from '../../../wire/sequence.ts'
import { MAX_WINDOW_SCALE, SynOption, synMss, withSynMss } from './syn-options.ts'

/**
 * How long a key makes cookies. Cookies of the key before are still taken, so each is good for 64
 * to 128 seconds: longer than any client waits, and too short to try 2^64 keys.
 */
export const COOKIE_PERIOD_MS = 64_000

/**
 * The MSS goes with the cookie as the largest of these that is not above it: the smallest legal,
 * IPv6's and the common ones.
 */
export const COOKIE_SEGMENT_SIZES = [48, 256, 536, 1220, 1360, 1440, 1460, 8940] as const

/** A cookie is 28 bits of keyed hash, one that says which of two keys, three of MSS. */
const SIZE_MASK = 0x7
const PERIOD_BIT = 0x8
const DATA_MASK = SIZE_MASK | PERIOD_BIT

/**
 * The low bits of our timestamp that carry options (as in Linux): scale, SACK and ECN; the clock
 * then ticks in 64 ms.
 */
const OPTION_BITS = 6
const OPTION_MASK = (1 << OPTION_BITS) - 1
/** In place of a scale, which is at most 14. */
const NO_WINDOW_SCALE = 0xf

/** The ends of a conversation and the peer's ISN. */
export interface CookieInput {
  readonly source: IpAddress
  readonly destination: IpAddress
  readonly ports: number
  readonly receiveSequence: number
  /** By which it has come, and so the link of a link-local peer. */
  readonly arrivalIndex: number
}

export class SynCookies {
  private readonly random: RandomSource
  /** Keys of even and of odd periods. */
  private readonly keys: readonly [Int32Array, Int32Array] = [new Int32Array(2), new Int32Array(2)]
  /** The period each key was drawn for. */
  private readonly periods = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
  private readonly keyBytes: readonly [Uint8Array, Uint8Array] = [
    new Uint8Array(this.keys[0].buffer),
    new Uint8Array(this.keys[1].buffer),
  ]
  private readonly message = new Int32Array(11)
  private readonly messageBytes = new Uint8Array(this.message.buffer)
  private readonly hash: KeyedHash

  constructor(random: RandomSource, hash: KeyedHash) {
    this.random = random
    this.hash = hash
  }

  /** Our ISN for the peer of this SYN. `options` is the number of syn-options.ts. */
  sequenceFor(input: CookieInput, options: number, nowMs: number): number {
    const period = Math.floor(nowMs / COOKIE_PERIOD_MS)
    const parity = period & 1
    if (this.periods[parity] !== period) this.drawKey(parity, period)
    const mss = synMss(options)
    let size = COOKIE_SEGMENT_SIZES.length - 1
    while (size > 0 && COOKIE_SEGMENT_SIZES[size]! > mss) size--
    return this.sign(input, size | (parity === 0 ? 0 : PERIOD_BIT))
  }

  /** The MSS in a cookie of ours that is not too old, or 0. */
  segmentSizeOf(input: CookieInput, cookie: number, nowMs: number): number {
    const period = Math.floor(nowMs / COOKIE_PERIOD_MS)
    const parity = (cookie & PERIOD_BIT) === 0 ? 0 : 1
    const signed = (period & 1) === parity ? period : period - 1
    if (this.periods[parity] !== signed) return 0
    if (this.sign(input, cookie & DATA_MASK) !== cookie) return 0
    return COOKIE_SEGMENT_SIZES[cookie & SIZE_MASK]!
  }

  private sign(input: CookieInput, data: number): number {
    const { message } = this
    const { source, destination } = input
    message[0] = input.ports
    message[1] = input.receiveSequence
    message[2] = source.word3
    message[3] = destination.word3
    let count = 4
    // One octet more.
    let lastOctets = 1
    let last = data
    if (source.version === 6) {
      message[4] = source.word0
      message[5] = source.word1
      message[6] = source.word2
      message[7] = destination.word0
      message[8] = destination.word1
      message[9] = destination.word2
      count = 10
      if (isLinkLocal(source)) {
        // And its link, on each of which the address is another's (RFC 4007 §6).
        last |= input.arrivalIndex << 8
        lastOctets = 2
      }
    }
    message[count] = last
    const key = this.keyBytes[(data & PERIOD_BIT) === 0 ? 0 : 1]
    const signature = this.hash.keyedHash(key, this.messageBytes, 4 * count + lastOctets)
    return (signature & ~DATA_MASK) | data
  }

  private drawKey(parity: number, period: number): void {
    const key = this.keys[parity]!
    key[0] = this.random.nextInt32()
    key[1] = this.random.nextInt32()
    this.periods[parity] = period
  }
}

/**
 * Our timestamp `clock` with the options in its low bits: never later than the clock, so that the
 * peer sees time go forward (RFC 7323 §5.3).
 */
export function timestampWithOptions(clock: number, options: number): number {
  let bits = options & (SynOption.SackPermitted | SynOption.Ecn)
  bits |= (options & SynOption.WindowScale) === 0 ? NO_WINDOW_SCALE : options & SynOption.ScaleMask
  const value = (clock & ~OPTION_MASK) | bits
  return sequenceLessThan(clock, value) ? sequenceAdd(value, -(1 << OPTION_BITS)) : value
}

/**
 * What a cookie's ACK says the SYN offered: `mss`, and the rest in the echo of our timestamp, which
 * only whoever offered timestamps sends. 0 when the echo is none of a timestamp that goes with a
 * cookie; `clock` is our timestamp of now.
 */
export function cookieOptions(
  mss: number,
  hasTimestamps: boolean,
  echo: number,
  clock: number,
): number {
  if (!hasTimestamps) return withSynMss(0, mss)
  const age = sequenceDifference(clock, echo)
  if (age < 0 || age >= 2 * COOKIE_PERIOD_MS + (1 << OPTION_BITS)) return 0
  const scale = echo & SynOption.ScaleMask
  let options = SynOption.Timestamps | (echo & (SynOption.SackPermitted | SynOption.Ecn))
  if (scale <= MAX_WINDOW_SCALE) options |= SynOption.WindowScale | scale
  return withSynMss(options, mss)
}
