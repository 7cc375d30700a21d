/**
 * Answers for as long as they are true, good and bad ones, bounded: the least recently used makes
 * room (RFC 1034 §4.3.4, RFC 2308).
 */
import type { AddressType, DnsQuestion } from '../../wire/dns.ts'
import type { FoundAddress } from './result.ts'
import type { DnsStatistics } from './statistics.ts'

/** Questions, so half as many names with both families. */
export const MAX_CACHED_ANSWERS = 256

export interface CachedAnswer {
  /** Empty: there is none. */
  readonly addresses: readonly FoundAddress[]
  readonly expiresMs: number
}

/**
 * Stands for all types: RFC 2308 §5 has the answer that a name does not exist count for each of
 * them.
 */
const ANY_TYPE = 0

export class NameCache {
  private readonly statistics: DnsStatistics
  /** In order of use, the least recent first. */
  private readonly answers = new Map<string, CachedAnswer>()

  constructor(statistics: DnsStatistics) {
    this.statistics = statistics
  }

  get size(): number {
    return this.answers.size
  }

  /** What is known, or null. */
  find({ name, type }: DnsQuestion, nowMs: number): readonly FoundAddress[] | null {
    const found = this.use(keyOf(name, type), nowMs) ?? this.use(keyOf(name, ANY_TYPE), nowMs)
    if (found === null) this.statistics.cacheMisses++
    else this.statistics.cacheHits++
    return found === null ? null : found.addresses
  }

  /** A TTL of 0 is for the one who has asked (RFC 1035 §3.2.1). */
  add({ name, type }: DnsQuestion, addresses: readonly FoundAddress[], expiresMs: number): void {
    this.put(keyOf(name, type), { addresses, expiresMs })
  }

  /** The name does not exist, whatever is asked of it. */
  addMissing(name: string, expiresMs: number): void {
    this.put(keyOf(name, ANY_TYPE), { addresses: [], expiresMs })
  }

  private put(key: string, answer: CachedAnswer): void {
    const { answers } = this
    answers.delete(key)
    if (answers.size === MAX_CACHED_ANSWERS) {
      answers.delete(answers.keys().next().value!)
      this.statistics.cacheEvictions++
    }
    answers.set(key, answer)
  }

  private use(key: string, nowMs: number): CachedAnswer | null {
    const { answers } = this
    const answer = answers.get(key)
    if (answer === undefined) return null
    answers.delete(key)
    if (nowMs >= answer.expiresMs) return null
    answers.set(key, answer)
    return answer
  }
}

function keyOf(name: string, type: AddressType | typeof ANY_TYPE): string {
  return `${type} ${name}`
}
