/**
 * What a response says to the question: addresses, that there are none, another name, or nothing of
 * use (RFC 1034 §5.3.3).
 */
import { type DnsMessage, type DnsQuestion, DnsStatus, DnsType } from '../../wire/dns.ts'
import { type IpAddress, isLoopback } from '../../wire/ip-address.ts'

/** Addresses of one family that a name may have: more than any client tries. */
export const MAX_ADDRESSES = 16
/** Names behind names. More are a loop, or cost more than they are worth. */
export const MAX_ALIASES = 8
/** RFC 8767 §4 has resolvers cap what servers ask for. A day is more than most of them do. */
const MAX_TTL_SECONDS = 86_400
/** RFC 2308 §5 leaves the bound to resolvers: a name that somebody has just made is found soon. */
const MAX_NEGATIVE_TTL_SECONDS = 300

export type Outcome =
  | {
      readonly kind: 'addresses'
      readonly addresses: readonly IpAddress[]
      /** There were more than MAX_ADDRESSES. */
      readonly isCut: boolean
      readonly ttlMs: number
    }
  /** The name does not exist (`isNameMissing`), or has no address of the family. */
  | { readonly kind: 'none'; readonly isNameMissing: boolean; readonly ttlMs: number }
  /** The server tells of another name and no more: that one is to be asked for. */
  | {
      readonly kind: 'alias'
      readonly name: string
      readonly aliases: number
      readonly ttlSeconds: number
    }
  | { readonly kind: 'too-many-aliases' }
  /** The server knows others who might know: it is none that answers clients. */
  | { readonly kind: 'referral' }

/** How far a question has come: over how many names, and for how long that is true. */
export interface Progress {
  readonly aliases: number
  readonly ttlSeconds: number
}

export const NO_PROGRESS: Progress = { aliases: 0, ttlSeconds: MAX_TTL_SECONDS }

/**
 * Reads a response with status NoError or NameError. Only records of the question's own chain are
 * taken: whatever else a server adds is nobody's question (RFC 5452 §6).
 */
export function readOutcome(
  message: DnsMessage,
  question: DnsQuestion,
  progress: Progress,
): Outcome {
  let { name } = question
  let { aliases, ttlSeconds } = progress
  const answers = message.records.filter(({ section }) => section === 'answer')
  for (;;) {
    const own = answers.filter((record) => record.name === name && record.type === question.type)
    if (own.length > 0) {
      // Nobody else says what this host is: that would let any name reach what listens for us
      // alone.
      const all = own.map(({ address }) => address!).filter((address) => !isLoopback(address))
      const addresses = all.slice(0, MAX_ADDRESSES)
      const isCut = all.length > MAX_ADDRESSES
      for (const record of own) ttlSeconds = Math.min(ttlSeconds, record.ttlSeconds)
      return { kind: 'addresses', addresses, isCut, ttlMs: ttlSeconds * 1000 }
    }
    const alias = answers.find((record) => record.name === name && record.type === DnsType.Cname)
    if (alias === undefined) break
    if (++aliases > MAX_ALIASES) return { kind: 'too-many-aliases' }
    name = alias.alias!
    ttlSeconds = Math.min(ttlSeconds, alias.ttlSeconds)
  }
  const isNameMissing = message.status === DnsStatus.NameError
  const authorities = message.records.filter(({ section }) => section === 'authority')
  const authority = authorities.find(
    (record) => record.type === DnsType.Soa && isWithin(name, record.name),
  )
  if (!isNameMissing && authority === undefined) {
    if (name !== question.name) return { kind: 'alias', name, aliases, ttlSeconds }
    // RFC 2308 §2.2: NS without SOA is a referral, not the answer that there is nothing.
    const hasReferral = authorities.some(({ type }) => type === DnsType.Ns)
    if (hasReferral && !message.canRecurse) return { kind: 'referral' }
  }
  // RFC 2308 §5: the lesser of the MINIMUM field and the TTL of the SOA; without SOA, nothing is
  // kept.
  const negativeSeconds =
    authority === undefined
      ? 0
      : Math.min(authority.ttlSeconds, authority.minimumSeconds, MAX_NEGATIVE_TTL_SECONDS)
  return { kind: 'none', isNameMissing, ttlMs: Math.min(ttlSeconds, negativeSeconds) * 1000 }
}

/** RFC 2308: the SOA is that of a zone which the name lies in. */
function isWithin(name: string, zone: string): boolean {
  return zone === '' || name === zone || name.endsWith(`.${zone}`)
}
