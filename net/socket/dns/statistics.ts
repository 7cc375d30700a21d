/**
 * What the resolver has done and why it did not believe what it did not believe: one flat record of
 * numbers.
 */

export interface DnsStatistics {
  /** Names that somebody has asked for, each once whatever its families and search domains. */
  lookups: number
  /** Of those, such as no server knows. */
  lookupsNotFound: number
  /** Of those, such as no server would or could answer. */
  lookupsFailed: number
  cacheHits: number
  cacheMisses: number
  /** The least recently used made room. */
  cacheEvictions: number
  /** Datagrams to servers and to the link's mDNS responders. */
  queriesSent: number
  /** After a truncated answer. */
  queriesOverTcp: number
  /** That were believed, refusals included. */
  responses: number
  truncated: number
  /** Queries that nobody answered in time. */
  timeouts: number
  /** Answers other than success and "no such name". */
  serverErrors: number
  /** Questions that came when too many waited already. */
  refused: number
  /** More addresses than a name may have, or more names behind names. */
  excessive: number
  readonly drops: DnsDropCounters
}

export interface DnsDropCounters {
  /** No DNS response at all, or one that breaks its own format. */
  malformed: number
  /** Of another query: wrong id. */
  wrongId: number
  /** The right id and another question. */
  wrongQuestion: number
  /** mDNS: from another port than 5353, or from beyond the link. */
  wrongSource: number
}

export function createDnsStatistics(): DnsStatistics {
  return {
    lookups: 0,
    lookupsNotFound: 0,
    lookupsFailed: 0,
    cacheHits: 0,
    cacheMisses: 0,
    cacheEvictions: 0,
    queriesSent: 0,
    queriesOverTcp: 0,
    responses: 0,
    truncated: 0,
    timeouts: 0,
    serverErrors: 0,
    refused: 0,
    excessive: 0,
    drops: { malformed: 0, wrongId: 0, wrongQuestion: 0, wrongSource: 0 },
  }
}
