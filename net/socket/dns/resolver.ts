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
/**
 * RFC 6761 §6.3: "Name resolution APIs and libraries SHOULD recognize localhost names as special".
 */
const LOCALHOST = /(?:^|\.)localhost$/
const LOOPBACKS = [ipv4Address(0x7f000001), IPV6_LOOPBACK] as const
/** RFC 6761 §6.4, RFC 7686 §2: no server may be asked for these. */
const NOBODYS = /(?:^|\.)(?:invalid|onion)$/
/**
 * Also names that end so with a search domain. RFC 6762 §3: "Any DNS query for a name ending with
 * ".local." MUST be sent to the mDNS" groups.
 */
const OF_THE_LINK = /\.local$/

export class Resolver {
  readonly statistics: DnsStatistics = createDnsStatistics()
  private readonly cache = new NameCache(this.statistics)
  private readonly host: ResolverHost
  private readonly parts: QuestionParts
  private readonly servers: ServerList
  /** Who waits for each question. */
  private readonly outstanding = new Map<string, ((result: Result) => void)[]>()

  constructor(host: ResolverHost) {
    this.host = host
    this.parts = { host, statistics: this.statistics, cache: this.cache }
    this.servers = new ServerList(host.nameServers)
    // Another network may know other addresses of a name.
    host.nameServers.onChange(() => this.cache.clear())
  }

  get outstandingCount(): number {
    return this.outstanding.size
  }

  get cachedCount(): number {
    return this.cache.size
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
    const names = isHostName(name) ? this.candidates(name, isAbsolute) : []
    const counted: LookupListener = {
      onAddresses: (addresses) => listener.onAddresses(addresses),
      onResolved(error) {
        if (error?.code === 'name-not-found') statistics.lookupsNotFound++
        else if (error !== null) statistics.lookupsFailed++
        listener.onResolved(error)
      },
    }
    if (names.length > 0) new Lookup(hostname, names, families, this.ask, counted).start()
    else counted.onResolved(noHostName(hostname))
  }

  /**
   * As resolv.conf(5) has it with `ndots:1`: a name with a dot is tried as it is first, one without
   * a dot last.
   */
  private candidates(name: string, isAbsolute: boolean): string[] {
    if (isAbsolute || LOCALHOST.test(name) || OF_THE_LINK.test(name) || NOBODYS.test(name)) {
      return [name]
    }
    const extended = this.host.nameServers.search
      .map((domain) => `${name}.${domain}`)
      .filter(isHostName)
    return name.includes('.') ? [name, ...extended] : [...extended, name]
  }

  private readonly ask: Ask = (name, type, onEnd) => {
    const { host, parts, outstanding } = this
    if (LOCALHOST.test(name)) {
      onEnd(found(LOOPBACKS.filter(({ version }) => (version === 4) === (type === DnsType.A))))
      return
    }
    if (NOBODYS.test(name)) {
      onEnd(found([]))
      return
    }
    const question: DnsQuestion = { name, type }
    const known = this.cache.find(question, host.nowMs)
    if (known !== null) {
      onEnd(found(known))
      return
    }
    const key = `${type} ${name}`
    const waiting = outstanding.get(key)
    if (waiting !== undefined) {
      waiting.push(onEnd)
      return
    }
    const isOfLink = OF_THE_LINK.test(name)
    const servers = isOfLink ? [] : this.servers.choose(host.nowMs)
    if (outstanding.size >= MAX_OUTSTANDING_QUESTIONS) {
      this.statistics.refused++
      onEnd(failed(`${MAX_OUTSTANDING_QUESTIONS} questions are under way already`, true))
    } else if (servers.length === 0 && !isOfLink) {
      onEnd(failed('no name server is known; give one, such as dns=10.0.2.3', true))
    } else {
      outstanding.set(key, [onEnd])
      const conclude = (result: Result) => this.conclude(key, result)
      if (isOfLink) new MulticastQuestion(parts, question, conclude).start()
      else new ServerQuestion(parts, question, servers, conclude).start()
    }
  }

  private conclude(key: string, result: Result): void {
    const waiting = this.outstanding.get(key)!
    this.outstanding.delete(key)
    for (const onEnd of waiting) onEnd(result)
  }
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
