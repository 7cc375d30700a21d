/**
 * The whole stack over its devices: what a composition root makes, polls and hands to applications.
 */
import { Host } from '../iface/host.ts'
import type { Interface } from '../iface/interface.ts'
import { MergedNameServers } from '../iface/merged-name-servers.ts'
import type { FlowFields } from '../iface/protocol-handler.ts'
import type { RandomSource } from '../iface/random-source.ts'
import type { NetDevice } from '../phy/net-device.ts'
import { QueueMemory } from '../socket/datagram/queue-memory.ts'
import { OnDemandProtocols } from '../socket/on-demand-protocols.ts'
import type { TcpConfiguration } from '../socket/tcp/configuration.ts'
import { endConnectionsOf } from '../socket/tcp/lost-address.ts'
import type { TcpConnectOptions } from '../socket/tcp/open/connect-options.ts'
import type { TcpListenOptions, TcpListenSocket } from '../socket/tcp/open/listen-socket.ts'
import { TcpProtocol } from '../socket/tcp/tcp-protocol.ts'
import type { TcpSocket } from '../socket/tcp/tcp-socket.ts'
import {
  countUnsettled,
  endAll,
  isAllDelivered,
  resetUndelivered,
} from '../socket/tcp/wind-down.ts'
import { UdpProtocol } from '../socket/udp/udp-protocol.ts'
import type { UdpSocket, UdpSocketOptions } from '../socket/udp/udp-socket.ts'
import type { BufferAllocator, BulkOperations } from '../storage/buffer.ts'
import { parseCidr } from '../wire/cidr.ts'
import { type Endpoint, formatZoned, parseEndpoint, requireEndpoint } from './address-text.ts'
import { type ConnectHost, type ConnectOptions, connectStream } from './connect-stream.ts'
import { type NameReport, NameService, type NameServiceHost } from './name-service.ts'
import { NetError } from './net-error.ts'
import { NetworkConfiguration, type NetworkConfigurationOptions } from './network-configuration.ts'
import { type PingOptions, type PingReply, ping } from './ping.ts'
import { RawEndpoint, type RawOptions } from './raw-endpoint.ts'
import type { ConnectionHandler, FailureReport } from './serve-connection.ts'
import {
  type DatagramFailureReport,
  type DatagramHandler,
  serveDatagrams,
} from './serve-datagrams.ts'
import { TcpListener } from './tcp-listener.ts'
import { TcpStream } from './tcp-stream.ts'
import {
  type ConnectDatagramOptions,
  type ListenDatagramOptions,
  UdpEndpoint,
} from './udp-endpoint.ts'

export interface StackOptions {
  /** One for each interface, at least one. */
  devices: readonly NetDevice[]
  allocator: BufferAllocator
  bulk: BulkOperations
  random: RandomSource
  tcp?: Partial<TcpConfiguration>
  /** An address of one interface is good on all (RFC 1122 §3.3.4.2, weak ES model). */
  isWeakHost?: boolean
  /** Memory for datagrams that arrive in fragments. */
  reassemblyBytes?: number
  /**
   * Milliseconds with fractions, which only take the times of echoes; those of polls when absent.
   */
  stopwatchMs?: () => number
}

export interface ListenOptions {
  port: number
  /** Text form; all local addresses when absent. */
  hostname?: string
  /** The number of the one interface that connections come by; any when absent. */
  interface?: number
  backlog?: number
  /**
   * False: this host cuts what connections send itself, segment by segment, and not the device;
   * true when absent.
   */
  segmentationOffload?: boolean
  /** Time to live or hop limit of connections and of what is answered for them; 64 when absent. */
  hopLimit?: number
  /** The same: code point of the Differentiated Services field, 0 to 63. */
  differentiatedServices?: number
}

export interface ResolveOptions {
  /** Both when absent. */
  family?: 4 | 6
}

export class Stack implements NameServiceHost, ConnectHost {
  readonly host: Host
  /** The first of the host's. */
  readonly interface: Interface
  readonly nameServers: MergedNameServers
  /** Link-local addresses need a zone: there are several interfaces. */
  readonly hasZones: boolean
  readonly tcp: TcpProtocol
  readonly udp: UdpProtocol
  /** ICMP and raw IP, as far as somebody uses them. */
  readonly protocols: OnDemandProtocols
  /** Of each interface; null while its addresses are given by hand only. */
  readonly configurations: (NetworkConfiguration | null)[]
  /** Called when an application has asked for something: the event loop must poll soon. */
  onWork: (() => void) | null = null
  /** Told of each connection whose handler has failed. */
  onConnectionFailure: FailureReport | null = null
  /** Told of each datagram whose handler has failed. */
  onDatagramFailure: DatagramFailureReport | null = null
  /** Time of the last poll or note, which stands for now between polls. Read only outside. */
  nowMs = 0
  private readonly random: RandomSource
  private nameService: NameService | null = null
  /** When names have something to do next. */
  private namesDeadlineMs = Number.POSITIVE_INFINITY

  constructor(options: StackOptions) {
    const { devices, allocator, bulk, random, isWeakHost: isWeak, reassemblyBytes } = options
    this.random = random
    this.host = new Host({ devices, bulk, random, isWeak, reassemblyBytes })
    const { interfaces, egress } = this.host
    this.interface = interfaces[0]!
    this.hasZones = interfaces.length > 1
    this.configurations = interfaces.map(() => null)
    this.nameServers = new MergedNameServers(interfaces.map(({ nameServers }) => nameServers))
    this.tcp = new TcpProtocol({
      egress,
      allocator,
      bulk,
      random,
      configuration: options.tcp ?? {},
    })
    this.host.register(this.tcp)
    const memory = new QueueMemory()
    const parts = { egress, bulk, random, memory, groups: this.host }
    this.udp = new UdpProtocol({ ...parts, awaitedPorts: this.host.awaitedPorts })
    const { stopwatchMs = () => this.nowMs } = options
    this.protocols = new OnDemandProtocols(this.host, parts, stopwatchMs)
    this.host.register(this.udp)
    for (const { addresses, index } of interfaces) {
      addresses.onChange(({ address }, change) => {
        if (change === 'removed') endConnectionsOf(address, index, this.tcp.sockets())
      })
    }
  }

  /**
   * Adds an address in CIDR notation, such as `10.0.0.2/24`, to an interface; throws RangeError
   * when it is not one.
   */
  addAddress(cidrText: string, nowMs: number, interfaceIndex = 0): void {
    const cidr = parseCidr(cidrText)
    if (cidr === null) throw new RangeError(`Cannot add address: "${cidrText}" is not CIDR`)
    this.host.interfaces[interfaceIndex]!.addAddress(cidr, nowMs)
  }

  /** Tells the time between polls, before something is begun whose time counts from then on. */
  noteTime(nowMs: number): void {
    this.nowMs = nowMs
  }

  /** Has servers and routers configure an interface, from the next poll on. Once each. */
  configure(
    options: Pick<NetworkConfigurationOptions, 'dhcp' | 'identifierOf'>,
    nowMs: number,
    interfaceIndex = 0,
  ): NetworkConfiguration {
    const { host, udp, random } = this
    const iface = host.interfaces[interfaceIndex]!
    const parts = { interface: iface, egress: host.egress, udp, random, ...options }
    const configuration = new NetworkConfiguration(parts, nowMs)
    this.configurations[interfaceIndex] = configuration
    return configuration
  }

  /** Servers or routers are asked for the configuration of some interface. */
  get isConfigured(): boolean {
    return this.configurations.some((configuration) => configuration !== null)
  }

  /** Runs everything that is due. True = call again at once. */
  poll(nowMs: number): boolean {
    this.nowMs = nowMs
    const isUnfinished = this.host.poll(nowMs)
    // Behind what has come: an answer that lay in the device while an app was busy is in time.
    if (nowMs < this.namesDeadlineMs) return isUnfinished
    this.nameService!.alarms.processTimers(nowMs)
    return true
  }

  /** When poll must run next though nothing arrives; Infinity = never. */
  nextDeadlineMs(nowMs: number): number {
    const deadlineMs = this.host.nextDeadlineMs(nowMs)
    if (this.namesDeadlineMs < deadlineMs) return this.namesDeadlineMs
    return deadlineMs
  }

  // --- The end -----------------------------------------------------------------------------------

  /** No connection comes in any more; users are asked to bring those there are to an end. */
  windDown(): void {
    this.tcp.windDown()
    this.onWork?.()
  }

  /** Connections over which something may still come or go. */
  unsettledConnections(nowMs: number): number {
    return countUnsettled(this.tcp.sockets(), nowMs)
  }

  /** Takes all connections from their users and ends each behind what is queued. */
  endConnections(): void {
    endAll(this.tcp.sockets())
  }

  /** True once every peer has acknowledged the end. */
  get isAllDelivered(): boolean {
    return isAllDelivered(this.tcp.sockets())
  }

  /** Gives leases back. True = call again after a poll. */
  release(nowMs: number): boolean {
    let isUnfinished = false
    for (const configuration of this.configurations) {
      if (configuration?.release(nowMs)) isUnfinished = true
    }
    return isUnfinished
  }

  /** Resets what has not been delivered to the end. */
  resetUndelivered(): void {
    resetUndelivered(this.tcp.sockets())
  }

  // --- For built-in services: callbacks, no promise on the path of data --------------------------

  listenSocket(options: TcpListenOptions): TcpListenSocket {
    return this.tcp.listen(options)
  }

  connectSocket(options: TcpConnectOptions): TcpSocket {
    const socket = this.tcp.connect(options, this.nowMs)
    this.onWork?.()
    return socket
  }

  /** For connectStream. */
  connectTo({ address, interfaceIndex }: Endpoint, port: number, ipFields: FlowFields): TcpSocket {
    this.checkInterface(interfaceIndex)
    const way = interfaceIndex === undefined ? {} : { interfaceIndex }
    return this.connectSocket({ address, port, ipFields, ...way })
  }

  openUdpSocket(options: UdpSocketOptions): UdpSocket {
    return this.udp.open(options)
  }

  // --- For applications --------------------------------------------------------------------------

  /**
   * Listens for TCP connections on both families. Throws NetError 'address-in-use'. `handler`
   * serves each connection, many at once, and what it throws resets that connection only. Without
   * one they are taken one by one, by accept or iteration.
   * @example stack.listen({ port: 7 }, async (connection) => connection.write(greeting))
   */
  listen(options: ListenOptions, handler: ConnectionHandler | null = null): TcpListener {
    const { hostname: _, interface: __, ...wanted } = options
    return new TcpListener(this, { ...wanted, ...this.ownEndpoint(options) }, handler)
  }

  /**
   * Resolves once connected: to an address, or to whichever address of a name answers first.
   * Rejects with NetError 'refused', 'timeout', 'unreachable', 'exhausted', for names also
   * 'name-not-found' or 'name-unresolved', or with the signal's reason.
   */
  connect(options: ConnectOptions): Promise<TcpStream> {
    return connectStream(this, options)
  }

  /**
   * The addresses of a name in text form, the best first (RFC 6724); of an address, that address.
   * Link-local ones have their zone, where there are several interfaces (`fe80::1%1`). Rejects with
   * NetError 'name-not-found' when there are none, 'name-unresolved' when nobody could say.
   */
  async resolve(hostname: string, options: ResolveOptions = {}): Promise<string[]> {
    const { family = null } = options
    const known = parseEndpoint(hostname)
    if (known === null) {
      const found = await this.names.resolve(hostname, family)
      return found.map((address) => formatZoned(address, address.zone ?? null))
    }
    const { address, interfaceIndex = null } = known
    if (family === null || address.version === family) return [formatZoned(address, interfaceIndex)]
    throw new NetError('name-not-found', `Cannot resolve "${hostname}": not of IPv${family}`)
  }

  /** What the resolver has done; null before the first name. */
  reportNames(): NameReport | null {
    return this.nameService === null ? null : this.nameService.report()
  }

  /** For connectStream. */
  createStream(socket: TcpSocket): TcpStream {
    return new TcpStream(socket, () => this.onWork?.(), this.hasZones)
  }

  /** For what has one peer: an address as it is, of a name the best. */
  async endpointOf(hostname: string): Promise<Endpoint> {
    const endpoint = parseEndpoint(hostname)
    if (endpoint === null) {
      const [address] = await this.names.resolve(hostname, null)
      return { address: address!, interfaceIndex: address!.zone }
    }
    this.checkInterface(endpoint.interfaceIndex)
    return endpoint
  }

  checkInterface(interfaceIndex: number | undefined): void {
    const { length } = this.host.interfaces
    if (interfaceIndex === undefined || this.host.interfaces[interfaceIndex] !== undefined) return
    const known = length === 1 ? 'only 0' : `0 to ${length - 1}`
    throw new NetError('unreachable', `There is no interface ${interfaceIndex}: there is ${known}`)
  }

  /** What a socket is bound to: an address, an interface, neither. */
  private ownEndpoint(options: { hostname?: string; interface?: number }) {
    const own = options.hostname === undefined ? null : requireEndpoint(options.hostname)
    const interfaceIndex = own?.interfaceIndex ?? options.interface
    this.checkInterface(interfaceIndex)
    const address = own === null ? null : own.address
    return { address, ...(interfaceIndex === undefined ? {} : { interfaceIndex }) }
  }

  get names(): NameService {
    this.nameService ??= new NameService(this, this.random, (deadlineMs) => {
      this.namesDeadlineMs = deadlineMs
    })
    return this.nameService
  }

  /**
   * Opens a UDP port on both families. Throws NetError 'address-in-use'. `handler` is run for each
   * datagram, and what it throws harms no other. Without one they are taken one by one, by receive
   * or iteration.
   * @example const endpoint = stack.listenDatagram({ port: 7 }, (bytes, from) =>
   * endpoint.send(bytes, from))
   */
  listenDatagram(
    options: ListenDatagramOptions,
    handler: DatagramHandler | null = null,
  ): UdpEndpoint {
    const { hostname: _, interface: __, port, shared = false, ...settings } = options
    const own = this.ownEndpoint(options)
    const endpoint = new UdpEndpoint(this, { port, ...own, isShared: shared, settings })
    if (handler !== null) {
      void serveDatagrams(endpoint, handler, (...failure) => this.onDatagramFailure?.(...failure))
    }
    return endpoint
  }

  /**
   * Opens a UDP port with one peer, an address or the best one of a name: nobody else is heard, and
   * what ICMP says of that peer rejects the next call. Rejects with NetError 'address-in-use', for
   * names also as `resolve` does.
   */
  async connectDatagram(options: ConnectDatagramOptions): Promise<UdpEndpoint> {
    const { hostname, interface: named, port: remotePort, ...others } = options
    const { localPort: port = 0, ...settings } = others
    if (!Number.isInteger(remotePort) || remotePort < 1 || remotePort > 0xffff) {
      throw new RangeError(`port must be 1 to 65535, not ${remotePort}`)
    }
    const { address: remoteAddress, interfaceIndex = named } = await this.endpointOf(hostname)
    this.checkInterface(interfaceIndex)
    const way = interfaceIndex === undefined ? {} : { interfaceIndex }
    return new UdpEndpoint(this, { port, remoteAddress, remotePort, ...way, settings })
  }

  /** How long a host takes to answer, by address or name. */
  async ping(hostname: string, options: PingOptions = {}): Promise<PingReply> {
    const endpoint = await this.endpointOf(hostname)
    this.checkInterface(options.interface)
    const reply = ping(
      ...([this.protocols, hostname, endpoint, options, this.nowMs, this.hasZones] as const),
    )
    this.onWork?.()
    return reply
  }

  /**
   * Opens a socket of an IP protocol that the stack does not speak itself, or of ICMP. Throws
   * RangeError, NetError 'exhausted'.
   */
  openRaw(options: RawOptions): RawEndpoint {
    return new RawEndpoint(this, options, this.nowMs)
  }
}
