/**
 * Asks DHCPv6 servers for DNS servers and search domains when a router says that they know (RFC
 * 8415 §18.2.6, RFC 3736).
 */
import type { AddressTable } from '../../iface/address-table.ts'
import type { NameServers } from '../../iface/name-servers.ts'
import type { RandomSource } from '../../iface/random-source.ts'
import { nextIntervalMs } from '../../iface/retransmission-interval.ts'
import type { TaskSchedule, TimedTask } from '../../iface/task-schedule.ts'
import {
  Dhcpv6Option,
  type Dhcpv6Options,
  emitInformationRequest,
  isDhcpv6Transaction,
  parseDhcpv6Reply,
} from '../../wire/dhcpv6.ts'
import { parseDomainList } from '../../wire/domain-list.ts'
import {
  type IpAddress,
  ipv6Address,
  isLoopback,
  isUnicast,
  readIpAddress,
} from '../../wire/ip-address.ts'
import { linkLayerIdentifier } from './client-identifier.ts'
import { type ClientPort, Sending } from './client-port.ts'
import { createDhcpStatistics } from './statistics.ts'

/** RFC 8415 §7.1: All_DHCP_Relay_Agents_and_Servers. */
export const DHCPV6_SERVERS = ipv6Address(0xff020000, 0, 0, 0x10002)
/** §7.6. */
const INF_MAX_DELAY_MS = 1_000
const INF_TIMEOUT_MS = 1_000
const INF_MAX_RT_MS = 3_600_000
const IRT_DEFAULT_MS = 86_400_000
const IRT_MINIMUM_MS = 600_000
/** §21.25: other values "MUST" be ignored. */
const LEAST_MAXIMUM_SECONDS = 60
const GREATEST_MAXIMUM_SECONDS = 86_400
const INFINITE_SECONDS = 0xffffffff
const ADDRESS_OCTETS = 16

const REQUESTED = [
  Dhcpv6Option.DnsServers,
  Dhcpv6Option.DomainList,
  Dhcpv6Option.InformationRefreshTime,
  Dhcpv6Option.InformationMaximumRetransmission,
] as const

export interface Dhcpv6InformationClientOptions {
  readonly hardwareHigh: number
  readonly hardwareLow: number
  readonly port: ClientPort
  readonly addresses: AddressTable
  readonly nameServers: NameServers
  readonly tasks: TaskSchedule
  readonly random: RandomSource
}

export class Dhcpv6InformationClient implements TimedTask {
  nextDeadlineMs = Number.POSITIVE_INFINITY
  readonly statistics = createDhcpStatistics()
  private readonly options: Dhcpv6InformationClientOptions
  private readonly clientIdentifier: Uint8Array
  /** An exchange is under way. */
  private isAsking = false
  /** What was told holds until it is refreshed. */
  private isInformed = false
  private transactionId = 0
  private startedMs = 0
  private intervalMs = 0
  private maximumMs = INF_MAX_RT_MS

  constructor(options: Dhcpv6InformationClientOptions) {
    this.options = options
    this.clientIdentifier = linkLayerIdentifier(options.hardwareHigh, options.hardwareLow)
    options.tasks.add(this)
  }

  /** Begins to hear. Throws NetError 'address-in-use' when an app has the port. */
  start(): void {
    this.options.port.open()
  }

  /** A router says that servers know more; asks unless that is done or under way. */
  inform(nowMs: number): void {
    if (this.isAsking || this.isInformed) return
    this.begin(nowMs)
  }

  /** RFC 8415 §18.2.12: on what may be another link, who was only told parameters MUST ask anew. */
  linkUp(nowMs: number): void {
    if (this.isAsking || this.isInformed) this.begin(nowMs)
  }

  processTimers(nowMs: number): void {
    if (!this.isAsking) {
      this.begin(nowMs)
      return
    }
    const { addresses, port, random } = this.options
    if (this.intervalMs === 0) this.startedMs = nowMs
    const source = addresses.selectSource(DHCPV6_SERVERS)
    const bytes = emitInformationRequest({
      transactionId: this.transactionId,
      clientIdentifier: this.clientIdentifier,
      elapsedHundredths: Math.floor((nowMs - this.startedMs) / 10),
      requested: REQUESTED,
    })
    if (source !== null && port.send(source, DHCPV6_SERVERS, bytes, nowMs) === Sending.Sent) {
      this.statistics.sent++
    }
    this.intervalMs = nextIntervalMs(this.intervalMs, INF_TIMEOUT_MS, this.maximumMs, random)
    this.setDeadline(nowMs + this.intervalMs)
  }

  /** Takes a datagram that came to the client's port. */
  receive(bytes: Uint8Array, nowMs: number): void {
    const { drops } = this.statistics
    if (!this.isAsking) {
      drops.unexpected++
      return
    }
    // First what costs least: a flood is not parsed.
    if (!isDhcpv6Transaction(bytes, this.transactionId)) {
      drops.notForUs++
      return
    }
    const options = parseDhcpv6Reply(bytes)
    if (options === null) {
      drops.malformed++
      return
    }
    const client = options.get(Dhcpv6Option.ClientIdentifier)
    // §16.10: a Reply without a server's identifier, or with another client's, is discarded.
    if (
      client === undefined ||
      !this.isOurs(client) ||
      !options.has(Dhcpv6Option.ServerIdentifier)
    ) {
      drops.notForUs++
      return
    }
    const status = options.get(Dhcpv6Option.StatusCode)
    const servers = readServers(options.get(Dhcpv6Option.DnsServers))
    const domains = readDomains(options.get(Dhcpv6Option.DomainList))
    if (servers === null || domains === null || (status !== undefined && !isSuccess(status))) {
      drops.unusable++
      return
    }
    this.statistics.acknowledgments++
    this.options.nameServers.set('dhcpv6', servers, domains)
    this.isAsking = false
    this.isInformed = true
    this.maximumMs = readMaximum(options) ?? this.maximumMs
    this.setDeadline(nowMs + readRefresh(options))
  }

  /**
   * §18.2.6: "The first Information-request message ... MUST be delayed by a random amount of time
   * between 0 and INF_MAX_DELAY".
   */
  private begin(nowMs: number): void {
    const { random } = this.options
    this.isAsking = true
    this.isInformed = false
    this.intervalMs = 0
    this.transactionId = random.nextInt32() & 0xffffff
    this.setDeadline(nowMs + ((random.nextInt32() >>> 1) % INF_MAX_DELAY_MS))
  }

  private isOurs(identifier: Uint8Array): boolean {
    const own = this.clientIdentifier
    return identifier.length === own.length && identifier.every((octet, at) => octet === own[at])
  }

  private setDeadline(deadlineMs: number): void {
    this.nextDeadlineMs = deadlineMs
    this.options.tasks.update()
  }
}

function isSuccess(status: Uint8Array): boolean {
  return status.length >= 2 && (status[0]! | status[1]!) === 0
}

/** Null when the length is impossible; addresses that no server can have are left out. */
function readServers(value: Uint8Array | undefined): IpAddress[] | null {
  if (value === undefined) return []
  if (value.length === 0 || value.length % ADDRESS_OCTETS !== 0) return null
  const view = new DataView(value.buffer, value.byteOffset, value.length)
  const servers: IpAddress[] = []
  for (let offset = 0; offset < value.length; offset += ADDRESS_OCTETS) {
    const server = readIpAddress(view, offset, 6)
    if (isUnicast(server) && !isLoopback(server)) servers.push(server)
  }
  return servers
}

function readDomains(value: Uint8Array | undefined): string[] | null {
  return value === undefined ? [] : parseDomainList(value, 0, value.length)
}

function readSeconds(options: Dhcpv6Options, code: number): number | null {
  const value = options.get(code)
  if (value === undefined || value.length !== 4) return null
  return new DataView(value.buffer, value.byteOffset, 4).getUint32(0)
}

/** §21.23: at least IRT_MINIMUM; 0xffffffff "implies that the client should not refresh". */
function readRefresh(options: Dhcpv6Options): number {
  const seconds = readSeconds(options, Dhcpv6Option.InformationRefreshTime)
  if (seconds === null) return IRT_DEFAULT_MS
  if (seconds === INFINITE_SECONDS) return Number.POSITIVE_INFINITY
  return Math.max(seconds * 1000, IRT_MINIMUM_MS)
}

function readMaximum(options: Dhcpv6Options): number | null {
  const seconds = readSeconds(options, Dhcpv6Option.InformationMaximumRetransmission)
  if (seconds === null || seconds < LEAST_MAXIMUM_SECONDS) return null
  return seconds > GREATEST_MAXIMUM_SECONDS ? null : seconds * 1000
}
