/**
 * One question to the name servers: tries, time-outs, the next server, TCP for what is truncated
 * (RFC 1035 §7, RFC 5452, RFC 7766).
 */
import { type DnsMessage, type DnsQuestion, DnsStatus } from '../../wire/dns.ts'
import { isHostName } from '../../wire/dns-name.ts'
import { formatIpAddress } from '../../wire/ip-address-text.ts'
import type { Alarm } from '../alarms.ts'
import { NetError } from '../net-error.ts'
import type { NameCache } from './name-cache.ts'
import { NO_PROGRESS, type Outcome, type Progress, readOutcome } from './outcome.ts'
import { Query } from './query.ts'
import type { ResolverHost } from './resolver-host.ts'
import { failed, found, type Result } from './result.ts'
import { avoid, type Server } from './server-list.ts'
import type { DnsStatistics } from './statistics.ts'
import { TcpExchange } from './tcp-exchange.ts'
import { UdpExchange, type UdpExchangeListener } from './udp-exchange.ts'

/**
 * How long one server gets before the next is asked; its answer is taken still when it comes later.
 */
export const TRY_TIMEOUT_MS = 2_000
/** A connection has a handshake and maybe several segments. */
const TCP_TIMEOUT_MS = 5_000
export const TRIES_PER_SERVER = 2

const STATUS_TEXTS: Readonly<Record<number, string>> = {
  [DnsStatus.FormatError]: 'FORMERR',
  [DnsStatus.ServerFailure]: 'SERVFAIL',
  [DnsStatus.NotImplemented]: 'NOTIMP',
  [DnsStatus.Refused]: 'REFUSED',
  [DnsStatus.BadVersion]: 'BADVERS',
}
/** What a server answers that does not know EDNS (RFC 6891 §7). */
const EDNS_REFUSALS: readonly number[] = [
  DnsStatus.FormatError,
  DnsStatus.NotImplemented,
  DnsStatus.BadVersion,
]

/** What questions share. */
export interface QuestionParts {
  readonly host: ResolverHost
  readonly statistics: DnsStatistics
  readonly cache: NameCache
}

export class ServerQuestion implements UdpExchangeListener {
  private readonly parts: QuestionParts
  private readonly question: DnsQuestion
  private readonly servers: readonly Server[]
  private readonly onEnd: (result: Result) => void
  private isOver = false
  /** Queries that an answer may come to: the last one and those given up waiting for. */
  private exchanges: UdpExchange[] = []
  private overTcp: TcpExchange | null = null
  private alarm: Alarm | null = null
  /** Tries begun, over all servers in turn. */
  private tries = 0
  /** What is asked for now: the name behind the aliases so far. */
  private current: DnsQuestion
  private progress: Progress = NO_PROGRESS
  /** What each server has done, in words. */
  private readonly reports = new Map<Server, string>()
  private isSilence = true

  /** `servers` is not empty; `onEnd` is called once, after `start`. */
  constructor(
    parts: QuestionParts,
    question: DnsQuestion,
    servers: readonly Server[],
    onEnd: (result: Result) => void,
  ) {
    this.parts = parts
    this.question = question
    this.current = question
    this.servers = servers
    this.onEnd = onEnd
  }

  start(): void {
    this.askNext()
  }

  // --- UdpExchangeListener -----------------------------------------------------------------------

  onResponse(exchange: UdpExchange, response: DnsMessage): void {
    if (this.isOver) return
    const server = this.serverOf(exchange)
    // When it comes late, the next server is being asked already.
    const isCurrent = exchange === this.exchanges.at(-1)
    this.drop(exchange)
    if (response.isTruncated) {
      this.parts.statistics.truncated++
      this.askOverTcp(server, exchange.query.hasEdns)
    } else if (exchange.query.hasEdns && EDNS_REFUSALS.includes(response.status)) {
      server.knowsEdns = false
      if (isCurrent && !this.ask(server)) this.askNext()
    } else if (!this.take(server, response) && isCurrent) {
      this.askNext()
    }
  }

  onUnreachable(exchange: UdpExchange): void {
    if (this.isOver) return
    const isCurrent = exchange === this.exchanges.at(-1)
    this.drop(exchange)
    this.giveUp(this.serverOf(exchange), 'is unreachable')
    if (isCurrent) this.askNext()
  }

  // --- Asking ------------------------------------------------------------------------------------

  private askNext(): void {
    const { servers } = this
    while (this.tries < servers.length * TRIES_PER_SERVER) {
      const server = servers[this.tries % servers.length]!
      this.tries++
      if (this.ask(server)) return
    }
    const reports = servers.map(
      (server) => `${formatIpAddress(server.address)} ${this.reports.get(server) ?? 'is silent'}`,
    )
    this.end(failed(reports.join(', '), this.isSilence))
  }

  /** False when nothing could be sent. */
  private ask(server: Server): boolean {
    const { host, statistics } = this.parts
    // What stands between may drop all that has EDNS: the last round goes without.
    const isLastRound = this.tries > this.servers.length * (TRIES_PER_SERVER - 1)
    const hasEdns = server.knowsEdns && !isLastRound
    const query = new Query(this.current, true, hasEdns, host.random)
    const isSent = this.attempt(server, () => {
      const exchange = new UdpExchange(host, server, query, statistics, this)
      this.exchanges.push(exchange)
      return exchange.send()
    })
    if (isSent) this.waitFor(server, TRY_TIMEOUT_MS)
    return isSent
  }

  private askOverTcp(server: Server, hasEdns: boolean): void {
    const { host, statistics } = this.parts
    // A second truncated answer, of an earlier try.
    if (this.overTcp !== null) return
    const query = new Query(this.current, true, hasEdns, host.random)
    const isBegun = this.attempt(server, () => {
      this.overTcp = new TcpExchange(host, server, query, statistics, (response) => {
        this.overTcp = null
        const isWhole = response !== null && !response.isTruncated
        if (!isWhole) this.reports.set(server, 'truncates its answer, and gives none over TCP')
        if (!isWhole || !this.take(server, response)) this.askNext()
      })
      return true
    })
    if (isBegun) this.waitFor(server, TCP_TIMEOUT_MS)
    else this.askNext()
  }

  /** False after an error of ours, such as that no port is free. */
  private attempt(server: Server, begin: () => boolean): boolean {
    try {
      if (begin()) return true
      this.giveUp(server, 'is unreachable')
    } catch (error) {
      if (!(error instanceof NetError)) throw error
      this.reports.set(server, `could not be asked (${error.message})`)
    }
    return false
  }

  private waitFor(server: Server, timeoutMs: number): void {
    const { alarms, nowMs } = this.parts.host
    this.stopWaiting()
    this.alarm = alarms.set(nowMs + timeoutMs, () => {
      this.alarm = null
      this.parts.statistics.timeouts++
      this.overTcp?.close()
      this.overTcp = null
      this.giveUp(server, 'does not answer')
      this.askNext()
    })
  }

  private stopWaiting(): void {
    if (this.alarm !== null) this.parts.host.alarms.cancel(this.alarm)
    this.alarm = null
  }

  private giveUp(server: Server, report: string): void {
    this.reports.set(server, report)
    avoid(server, this.parts.host.nowMs)
  }

  // --- Answers -----------------------------------------------------------------------------------

  /** False when the response is of no use, and the next server is to be asked. */
  private take(server: Server, response: DnsMessage): boolean {
    const { status } = response
    if (status !== DnsStatus.NoError && status !== DnsStatus.NameError) {
      this.refuse(server, `answers ${STATUS_TEXTS[status] ?? `with status ${status}`}`)
      return false
    }
    const outcome = readOutcome(response, this.current, this.progress)
    if (outcome.kind === 'referral') {
      this.refuse(server, 'answers no clients')
      return false
    }
    this.conclude(outcome)
    return true
  }

  private refuse(server: Server, report: string): void {
    this.parts.statistics.serverErrors++
    this.reports.set(server, report)
    this.isSilence = false
  }

  private conclude(outcome: Exclude<Outcome, { kind: 'referral' }>): void {
    const { cache, statistics, host } = this.parts
    const { question } = this
    if (outcome.kind === 'too-many-aliases') {
      statistics.excessive++
      this.end(failed('it stands for another name, that for another, and so on without end', false))
    } else if (outcome.kind === 'alias' && isHostName(outcome.name)) {
      this.followAlias(outcome)
    } else if (outcome.kind === 'alias') {
      this.end(found([]))
    } else if (outcome.kind === 'none') {
      const { ttlMs, isNameMissing } = outcome
      const expiresMs = host.nowMs + ttlMs
      if (ttlMs > 0 && isNameMissing) cache.addMissing(question.name, expiresMs)
      else if (ttlMs > 0) cache.add(question, [], expiresMs)
      this.end(found([]))
    } else {
      const { addresses, isCut, ttlMs } = outcome
      if (isCut) statistics.excessive++
      if (ttlMs > 0) cache.add(question, addresses, host.nowMs + ttlMs)
      this.end(found(addresses))
    }
  }

  private followAlias(outcome: Outcome & { kind: 'alias' }): void {
    const { name, aliases, ttlSeconds } = outcome
    this.closeAll()
    this.progress = { aliases, ttlSeconds }
    this.current = { name, type: this.question.type }
    this.tries = 0
    this.askNext()
  }

  // --- The end -----------------------------------------------------------------------------------

  private end(result: Result): void {
    if (this.isOver) return
    this.isOver = true
    this.closeAll()
    this.onEnd(result)
  }

  private closeAll(): void {
    this.stopWaiting()
    this.overTcp?.close()
    this.overTcp = null
    for (const exchange of this.exchanges) exchange.close()
    this.exchanges = []
  }

  private drop(exchange: UdpExchange): void {
    exchange.close()
    this.exchanges = this.exchanges.filter((other) => other !== exchange)
  }

  private serverOf({ server }: UdpExchange): Server {
    return this.servers.find((known) => known === server)!
  }
}
