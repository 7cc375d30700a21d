/**
 * What is known of paths that carry less than the link, for all who send to a destination (RFC 1191
 * §3, RFC 8201 §5.2).
 */
import { copyOfAddress, type IpAddress, isSameAddress } from '../wire/ip-address.ts'
import type { InterfaceCounters } from './interface-counters.ts'
import type { RandomSource } from './random-source.ts'

/** Destinations remembered; the one not looked up for longest makes room. */
export const MAX_PATH_MTUS = 256
/** RFC 1191 §6.3 and RFC 8201 §4: then larger packets are tried again. */
export const PATH_MTU_LIFETIME_MS = 600_000

/**
 * Smaller IPv4 path MTUs are not believed: they cost more than they are worth (Linux's min_pmtu,
 * CVE-2020-11910). Who names one, or none as routers before RFC 1191 do, has packets go without DF:
 * a path that is like that fragments them, a forged message does no harm.
 */
export const MINIMUM_IPV4_PATH_MTU = 552

export interface PathMtuEntry {
  readonly destination: IpAddress
  /** Largest IP packet in octets. */
  mtu: number
  /** Some router carries even less than we believe: IPv4 goes without DF. */
  mayFragment: boolean
  expiresMs: number
  usedMs: number
}

export class PathMtuCache {
  /** Read only outside. */
  readonly entries: PathMtuEntry[] = []
  private readonly counters: InterfaceCounters
  private readonly random: RandomSource
  /** So that peers cannot choose which of them share a bucket; drawn with the first entry. */
  private hashKey = 0
  private readonly buckets = new Map<number, PathMtuEntry[]>()

  constructor(counters: InterfaceCounters, random: RandomSource) {
    this.counters = counters
    this.random = random
  }

  /** Null = nothing is known but the link's MTU. */
  find(destination: IpAddress, nowMs: number): PathMtuEntry | null {
    if (this.entries.length === 0) return null
    const bucket = this.buckets.get(this.keyOf(destination))
    if (bucket === undefined) return null
    for (const entry of bucket) {
      if (!isSameAddress(entry.destination, destination)) continue
      if (nowMs >= entry.expiresMs) {
        this.remove(entry)
        return null
      }
      entry.usedMs = nowMs
      return entry
    }
    return null
  }

  /**
   * A packet was too big for the path, says who must know. Never raises anything; says it again
   * later, it holds longer.
   */
  lower(destination: IpAddress, mtu: number, mayFragment: boolean, nowMs: number): void {
    const expiresMs = nowMs + PATH_MTU_LIFETIME_MS
    const known = this.find(destination, nowMs)
    if (known !== null) {
      // RFC 8201 §4: a larger value "MUST NOT" raise the estimate.
      if (mtu > known.mtu) return
      if (mtu < known.mtu) this.counters.pathMtuLowered++
      known.mtu = mtu
      if (mayFragment) known.mayFragment = true
      known.expiresMs = expiresMs
      return
    }
    if (this.hashKey === 0) this.hashKey = this.random.nextInt32()
    this.counters.pathMtuLowered++
    if (this.entries.length === MAX_PATH_MTUS) {
      this.counters.pathMtuEvicted++
      this.removeIdlest()
    }
    const address = copyOfAddress(destination)
    const entry = { destination: address, mtu, mayFragment, expiresMs, usedMs: nowMs }
    this.entries.push(entry)
    const key = this.keyOf(address)
    const bucket = this.buckets.get(key)
    if (bucket === undefined) this.buckets.set(key, [entry])
    else bucket.push(entry)
  }

  private removeIdlest(): void {
    let idlest = this.entries[0]!
    for (const entry of this.entries) if (entry.usedMs < idlest.usedMs) idlest = entry
    this.remove(idlest)
  }

  private remove(entry: PathMtuEntry): void {
    this.entries.splice(this.entries.indexOf(entry), 1)
    const key = this.keyOf(entry.destination)
    const bucket = this.buckets.get(key)!
    bucket.splice(bucket.indexOf(entry), 1)
    if (bucket.length === 0) this.buckets.delete(key)
  }

  private keyOf({ word0, word1, word2, word3 }: IpAddress): number {
    let hash = Math.imul(word3 ^ this.hashKey, 0x9e3779b1)
    hash = Math.imul(hash ^ word2 ^ (hash >>> 15), 0x85ebca6b)
    hash = Math.imul(hash ^ word1 ^ (hash >>> 13), 0xc2b2ae35)
    return (hash ^ word0 ^ (hash >>> 16)) | 0
  }
}
