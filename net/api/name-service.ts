/**
 * Names for applications: looked up, and connected to. Made when the first name is used, for the
 * sake of boot time.
 */
import { AddressState } from '../iface/address-table.ts'
import type { Host } from '../iface/host.ts'
import type { MergedNameServers } from '../iface/merged-name-servers.ts'
import type { FlowFields } from '../iface/protocol-handler.ts'
import type { RandomSource } from '../iface/random-source.ts'
import { Alarms } from '../socket/alarms.ts'
import { Resolver } from '../socket/dns/resolver.ts'
import type { ResolverHost } from '../socket/dns/resolver-host.ts'
import type { FoundAddress } from '../socket/dns/result.ts'
import type { DnsStatistics } from '../socket/dns/statistics.ts'
import type { TcpConnectOptions } from '../socket/tcp/open/connect-options.ts'
import type { TcpSocket } from '../socket/tcp/tcp-socket.ts'
import type { UdpSocket, UdpSocketOptions } from '../socket/udp/udp-socket.ts'
import { isLinkLocal } from '../wire/ip-address.ts'
import { ConnectionRace } from './connection-race.ts'
import { orderDestinations, type SourceSelection } from './destination-order.ts'
import type { NetError } from './net-error.ts'

/** The part of Stack that names need. */
export interface NameServiceHost {
  readonly host: Host
  readonly nameServers: MergedNameServers
  /** Somebody is asked for the configuration. */
  readonly isConfigured: boolean
  /** Time of the last poll, which stands for now. */
  readonly nowMs: number
  openUdpSocket(options: UdpSocketOptions): UdpSocket
  connectSocket(options: TcpConnectOptions): TcpSocket
}

export type NameReport = DnsStatistics & {
  /** Questions under way. */
  readonly outstanding: number
  readonly cached: number
}

/** RFC 8305 §3: "with the AAAA query made first and immediately followed by the A query". */
const BOTH_FAMILIES = [6, 4] as const

export class NameService {
  readonly alarms: Alarms
  readonly addresses: ResolverHost['addresses'] & SourceSelection
  readonly nameServers: MergedNameServers
  readonly routes: ResolverHost['routes']
  readonly interfaceCount: number
  readonly random: RandomSource
  private readonly host: NameServiceHost
  private readonly resolver: Resolver

  /** `onDeadline` is told when `alarms.processTimers` has work next; Infinity = never. */
  constructor(
    host: NameServiceHost,
    random: RandomSource,
    onDeadline: (deadlineMs: number) => void,
  ) {
    const { interfaces, addresses } = host.host
    this.host = host
    this.random = random
    this.addresses = addresses
    this.nameServers = host.nameServers
    this.routes = {
      isOnLink: (address) => interfaces.some(({ routes }) => routes.isOnLink(address)),
    }
    this.interfaceCount = interfaces.length
    this.alarms = new Alarms(onDeadline)
    this.resolver = new Resolver(this)
  }

  get nowMs(): number {
    return this.host.nowMs
  }

  get expectsServers(): boolean {
    return this.host.isConfigured
  }

  openUdpSocket(options: UdpSocketOptions): UdpSocket {
    return this.host.openUdpSocket(options)
  }

  connectSocket(options: TcpConnectOptions): TcpSocket {
    return this.host.connectSocket(options)
  }

  /**
   * The addresses of a name, the best first. Rejects with NetError 'name-not-found' or
   * 'name-unresolved'.
   */
  resolve(hostname: string, family: 4 | 6 | null): Promise<FoundAddress[]> {
    const found: FoundAddress[] = []
    return new Promise((resolve, reject) => {
      this.resolver.resolve(hostname, family === null ? BOTH_FAMILIES : [family], {
        onAddresses: (addresses) => found.push(...addresses),
        onResolved: (error) => {
          if (error === null) resolve(orderDestinations(found, this.addresses))
          else reject(error)
        },
      })
    })
  }

  /**
   * Begins a race to the addresses of a name; returns how to give it up. `onEnd` is called once,
   * not after that.
   */
  connect(
    hostname: string,
    port: number,
    ipFields: FlowFields,
    onEnd: (winner: TcpSocket | NetError) => void,
  ): () => void {
    const race = new ConnectionRace(this, hostname, port, ipFields, onEnd)
    this.resolver.resolve(hostname, this.familiesFor(hostname), race)
    return () => race.cancel()
  }

  report(): NameReport {
    const { resolver } = this
    const { statistics, outstandingCount, cachedCount } = resolver
    return { ...statistics, outstanding: outstandingCount, cached: cachedCount }
  }

  /**
   * RFC 8305 §3 is for hosts of both families: nobody waits for addresses that nothing can be sent
   * to.
   */
  private familiesFor(hostname: string): readonly (4 | 6)[] {
    // Names of the link may have addresses of the link only.
    if (/\.local\.?$/i.test(hostname)) return BOTH_FAMILIES
    const families = BOTH_FAMILIES.filter((family) =>
      this.addresses.entries.some(
        ({ address, state }) =>
          address.version === family &&
          state !== AddressState.Tentative &&
          state !== AddressState.Duplicate &&
          !isLinkLocal(address),
      ),
    )
    return families.length === 0 ? BOTH_FAMILIES : families
  }
}
