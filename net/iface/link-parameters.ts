/**
 * What others on the link may say about it: how long packets are, how far they go, how long answers
 * take (RFC 4861 §6.3.2, RFC 2132 §5.1).
 */
import type { RandomSource } from './random-source.ts'

/** RFC 1122 §3.2.1.7 and RFC 8200 §3: what hosts send today. */
export const DEFAULT_HOP_LIMIT = 64
/**
 * RFC 8200 §5: "IPv6 requires that every link in the Internet have an MTU of 1280 octets or
 * greater."
 */
export const IPV6_MINIMUM_MTU = 1280
/**
 * RFC 1122 §3.3.3: EMTU_S may be as small as 576. Below, a lease would make us send mostly headers.
 */
export const IPV4_MINIMUM_MTU = 576
/**
 * A router that asks for less is not believed (a declared deviation from RFC 4861 §6.3.4): one
 * forged advertisement would keep everything we send from leaving the next few routers, as RFC 4861
 * §11.1's off-link attackers wish.
 */
export const LEAST_BELIEVED_HOP_LIMIT = 32

/** RFC 4861 §10. */
export const REACHABLE_TIME_MS = 30_000
export const RETRANS_TIMER_MS = 1_000
/**
 * RFC 4861 §6.2.1: AdvReachableTime "MUST be no greater than 3,600,000 milliseconds". Below the
 * least, a forger would make us ask all the time.
 */
const LEAST_REACHABLE_TIME_MS = 1_000
const MOST_REACHABLE_TIME_MS = 3_600_000
/**
 * Links answer within the least; beyond the most, a forger would have us wait for a neighbor for
 * minutes.
 */
const LEAST_RETRANS_TIMER_MS = 100
const MOST_RETRANS_TIMER_MS = 10_000
/** §6.3.4: "a new random value gets recomputed at least once every few hours". */
const RANDOMIZE_AFTER_MS = 2 * 3_600_000

export class LinkParameters {
  /** Largest packets of each family, in bytes; never above the device's. Read only outside. */
  mtu4: number
  mtu6: number
  /** Of IPv6 packets to addresses of one host. Read only outside. */
  hopLimit = DEFAULT_HOP_LIMIT
  /**
   * How long an answer of an IPv6 neighbor counts, and the time between questions. Read only
   * outside.
   */
  reachableTimeMs = REACHABLE_TIME_MS
  retransTimerMs = RETRANS_TIMER_MS
  private baseReachableTimeMs = REACHABLE_TIME_MS
  private randomizedMs = 0
  private readonly deviceMtu: number

  constructor(deviceMtu: number) {
    this.deviceMtu = deviceMtu
    this.mtu4 = deviceMtu
    this.mtu6 = deviceMtu
  }

  /** 0 = what the device takes. A value that cannot be changes nothing; false then. */
  setMtu4(mtu: number): boolean {
    if (mtu === 0) this.mtu4 = this.deviceMtu
    else if (mtu < IPV4_MINIMUM_MTU || mtu > this.deviceMtu) return false
    else this.mtu4 = mtu
    return true
  }

  /**
   * RFC 4861 §6.3.4: copied when "between the minimum link MTU" and "the default LinkMTU"; else
   * false.
   */
  setMtu6(mtu: number): boolean {
    if (mtu < IPV6_MINIMUM_MTU || mtu > this.deviceMtu) return false
    this.mtu6 = mtu
    return true
  }

  /** RFC 4861 §6.3.4: 0 leaves it as it is; false when the value is not believed. */
  setHopLimit(hopLimit: number): boolean {
    if (hopLimit === 0) return true
    if (hopLimit < LEAST_BELIEVED_HOP_LIMIT) return false
    this.hopLimit = hopLimit
    return true
  }

  /**
   * RFC 4861 §6.3.2, §6.3.4: the time is "a uniformly distributed random value" between half and
   * one and a half of what the router says, drawn anew when that changes, and every few hours. 0
   * leaves it as it is; false when the value is not believed.
   */
  setReachableTime(baseMs: number, random: RandomSource, nowMs: number): boolean {
    if (baseMs === 0) return true
    if (baseMs < LEAST_REACHABLE_TIME_MS || baseMs > MOST_REACHABLE_TIME_MS) return false
    const isOld = nowMs - this.randomizedMs >= RANDOMIZE_AFTER_MS
    if (baseMs === this.baseReachableTimeMs && !isOld) return true
    this.baseReachableTimeMs = baseMs
    this.randomizedMs = nowMs
    this.reachableTimeMs = Math.round(baseMs * (0.5 + (random.nextInt32() >>> 0) / 2 ** 32))
    return true
  }

  /** RFC 4861 §6.3.4: 0 leaves it as it is; false when the value is not believed. */
  setRetransTimer(timerMs: number): boolean {
    if (timerMs === 0) return true
    if (timerMs < LEAST_RETRANS_TIMER_MS || timerMs > MOST_RETRANS_TIMER_MS) return false
    this.retransTimerMs = timerMs
    return true
  }
}

export function linkMtu({ mtu4, mtu6 }: LinkParameters, ipVersion: 4 | 6): number {
  return ipVersion === 4 ? mtu4 : mtu6
}
