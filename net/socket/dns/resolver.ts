/**
 * Names become addresses: from the cache, from name servers, or from the link; each question asked
 * once for all who want it.
 */
import { type DnsQuestion, DnsType } from '../../wire/dns.ts'
import { isHostName } from '../../wire/dns-name.ts'
import { IPV6_LOOPBACK, ipv4Address } from '../../wire/ip-address.ts'
import { NetError } from '../net-error.ts'
import { type Ask, Lookup, type LookupListener } from './lookup.ts'
import { MulticastQuestion } from './multicast-question.ts'
import { NameCache } from './name-cache.ts'
import type { ResolverHost } from './resolver-host.ts'
import { failed, found, type Result } from './result.ts'
import { ServerList } from './server-list.ts'
import { type QuestionParts, ServerQuestion } from './server-question.ts'
import { createDnsStatistics, type DnsStatistics } from './statistics.ts'

/** Questions under way, each with a port of its own; a name of both families is two. */
export const MAX_OUTSTANDING_QUESTIONS = 128
/** Questions that wait for one of those to end. */
export const MAX_WAITING_QUESTIONS = 1024
/**
 * RFC 6761 §6.3: "Name resolution APIs and libraries SHOULD recognize localhost names as special".
 */
const LOCALHOST = /(?:^|\.)localhost$/
const LOOPBACKS = [ipv4Address(0x7f000001), IPV6_LOOPBACK] as const
const NO_SERVER = failed('no name server is known; give one, such as dns=10.0.2.3', true)
/** How long a lookup waits for the first server where the network configures the guest. */
export const SERVER_WAIT_MS = 5_000
/** RFC 6761 §6.4, RFC 7686 §2: no server may be asked for these. */
const NOBODYS = /(?:^|\.)(?:invalid|onion)$/
/**
 * Also names that end so with a search domain. RFC 6762 §3: "Any DNS query for a name ending with
 * ".local." MUST be sent to the mDNS" groups.
 */
const OF_THE_LINK = /\.local$/
/** Each of these: no server is asked for them. */
const SPECIAL = /(?:^|\.)(?:localhost|invalid|onion)$|\.local$/

export class Resolver {
  readonly statistics: DnsStatistics = createDnsStatistics()
  private readonly host: ResolverHost
  /** Of questions that begin now. */
  private parts: QuestionParts
  private readonly servers: ServerList
  /** Who wants to know what, of questions under way and of those that wait. */
  private readonly wanted = new Map<string, ((result: Result) => void)[]>()
  /** Each begins a question. */
  private readonly waiting: (() => void)[] = []
  /** Questions under way. Read only outside. */
  outstandingCount = 0
  private isStarting = false
  /** Each begins a lookup that came before any server was known. */
  private readonly awaitingServers: (() => void)[] = []

  constructor(host: ResolverHost) {
    this.host = host
    this.parts = this.startAnew()
    this.servers = new ServerList(host.nameServers)
    // Another network may know other addresses of a name: who asks from now on is told nothing that
    // servers of before have said, or say yet.
    host.nameServers.onChange(() => {
      this.parts = this.startAnew()
      this.wanted.clear()
      // A search domain may be told of before any server.
      if (host.nameServers.servers.length === 0) return
      for (const begin of this.awaitingServers.splice(0)) begin()
    })
  }

  get cachedCount(): number {
    return this.parts.cache.size
  }

  private startAnew(): QuestionParts {
    const { host, statistics } = this
    return { host, statistics, cache: new NameCache(statistics) }
  }

  /**
   * Looks a name up, of one or both families; tells the listener at once of what is known already.
   * What has been asked goes on to its end, whoever still wants it, and is known then.
   */
  resolve(hostname: string, families: readonly (4 | 6)[], listener: LookupListener): void {
    const { statistics } = this
    statistics.lookups++
    const isAbsolute = hostname.endsWith('.')
    const name = (isAbsolute ? hostname.slice(0, -1) : hostname).toLowerCase()
    const counted: LookupListener = {
      onAddresses: (addresses) => listener.onAddresses(addresses),
      onResolved(error) {
        if (error?.code === 'name-not-found') statistics.lookupsNotFound++
        else if (error !== null) statistics.lookupsFailed++
        listener.onResolved(error)
      },
    }
    if (!isHostName(name)) {
      counted.onResolved(noHostName(hostname))
      return
    }
    const begin = () => {
      const names = this.candidates(name, isAbsolute)
      new Lookup(hostname, names, families, this.ask, counted).start()
    }
    if (SPECIAL.test(name) || !this.mustAwaitServers()) begin()
    else if (this.awaitingServers.length < MAX_WAITING_QUESTIONS) this.awaitServers(begin)
    else {
      statistics.refused++
      counted.onResolved(tooManyWait(hostname))
    }
  }

  /** Addresses may be there before servers are, when others tell of each. */
  private mustAwaitServers(): boolean {
    const { nameServers, expectsServers } = this.host
    return expectsServers && nameServers.servers.length === 0
  }

  private awaitServers(begin: () => void): void {
    const { alarms, nowMs } = this.host
    const alarm = alarms.set(nowMs + SERVER_WAIT_MS, () => {
      this.awaitingServers.splice(this.awaitingServers.indexOf(again), 1)
      begin()
    })
    const again = () => {
      alarms.cancel(alarm)
      begin()
    }
    this.awaitingServers.push(again)
  }

  /**
   * As resolv.conf(5) has it with `ndots:1`: a name with a dot is tried as it is first, one without
   * a dot last.
   */
  private candidates(name: string, isAbsolute: boolean): string[] {
    if (isAbsolute || SPECIAL.test(name)) return [name]
    const extended = this.host.nameServers.search
      .map((domain) => `${name}.${domain}`)
      .filter(isHostName)
    return name.includes('.') ? [name, ...extended] : [...extended, name]
  }

  private readonly ask: Ask = (name, type, onEnd) => {
    if (LOCALHOST.test(name)) {
      onEnd(found(LOOPBACKS.filter(({ version }) => (version === 4) === (type === DnsType.A))))
      return
    }
    if (NOBODYS.test(name)) {
      onEnd(found([]))
      return
    }
    const question: DnsQuestion = { name, type }
    const known = this.parts.cache.find(question, this.host.nowMs)
    if (known !== null) {
      onEnd(found(known))
      return
    }
    const key = `${type} ${name}`
    const others = this.wanted.get(key)
    if (others !== undefined) others.push(onEnd)
    else if (this.waiting.length < MAX_WAITING_QUESTIONS) this.queue(question, key, onEnd)
    else {
      this.statistics.refused++
      onEnd(failed(`${MAX_WAITING_QUESTIONS} questions wait already`, true))
    }
  }

  private queue(question: DnsQuestion, key: string, onEnd: (result: Result) => void): void {
    const listeners = [onEnd]
    this.wanted.set(key, listeners)
    this.waiting.push(() => {
      this.outstandingCount++
      this.begin(question, (result) => {
        this.outstandingCount--
        if (this.wanted.get(key) === listeners) this.wanted.delete(key)
        for (const listener of listeners) listener(result)
        this.beginWaiting()
      })
    })
    this.beginWaiting()
  }

  /** A question may end within its beginning: not one within another, however many they are. */
  private beginWaiting(): void {
    if (this.isStarting) return
    this.isStarting = true
    while (this.waiting.length > 0 && this.outstandingCount < MAX_OUTSTANDING_QUESTIONS) {
      this.waiting.shift()!()
    }
    this.isStarting = false
  }

  private begin(question: DnsQuestion, onEnd: (result: Result) => void): void {
    const { parts } = this
    if (OF_THE_LINK.test(question.name)) {
      new MulticastQuestion(parts, question, onEnd).start()
      return
    }
    const servers = this.servers.choose(this.host.nowMs)
    if (servers.length > 0) new ServerQuestion(parts, question, servers, onEnd).start()
    else onEnd(NO_SERVER)
  }
}

function tooManyWait(hostname: string): NetError {
  const why = `${MAX_WAITING_QUESTIONS} wait for the first name server already`
  return new NetError('name-unresolved', `Cannot resolve "${hostname}": ${why}`)
}

function noHostName(text: string): NetError {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII begins with control characters.
  const isAscii = /^[\x00-\x7f]*$/.test(text)
  const advice = isAscii ? '' : '; names beyond ASCII have a form that begins with xn--'
  return new NetError(
    'name-not-found',
    `Cannot resolve "${text}": neither an address nor a host name${advice}`,
  )
}
