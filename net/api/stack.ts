/** The whole stack over one device: what a composition root makes, polls and hands to applications. */
import { Interface } from '../iface/interface.ts'
import type { RandomSource } from '../iface/random-source.ts'
import type { NetDevice } from '../phy/net-device.ts'
import { QueueMemory } from '../socket/datagram/queue-memory.ts'
import { OnDemandProtocols } from '../socket/on-demand-protocols.ts'
import type { TcpConfiguration } from '../socket/tcp/configuration.ts'
import type { TcpListenOptions, TcpListenSocket } from '../socket/tcp/open/listen-socket.ts'
import { type TcpConnectOptions, TcpProtocol } from '../socket/tcp/tcp-protocol.ts'
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
import { requireAddress } from './address-text.ts'
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
  device: NetDevice
  allocator: BufferAllocator
  bulk: BulkOperations
  random: RandomSource
  tcp?: Partial<TcpConfiguration>
  /** Milliseconds with fractions, which only take the times of echoes; those of polls when absent. */
  stopwatchMs?: () => number
}

export interface ListenOptions {
  port: number
  /** Text form; all local addresses when absent. */
  hostname?: string
  backlog?: number
}

export interface ConnectOptions {
  port: number
  /** An IPv4 or IPv6 address in text form. */
  hostname: string
  noDelay?: boolean
}

export class Stack {
  readonly interface: Interface
  readonly tcp: TcpProtocol
  readonly udp: UdpProtocol
  /** ICMP and raw IP, as far as somebody uses them. */
  readonly protocols: OnDemandProtocols
  /** Called when an application has asked for something: the event loop must poll soon. */
  onWork: (() => void) | null = null
  /** Told of each connection whose handler has failed. */
  onConnectionFailure: FailureReport | null = null
  /** Told of each datagram whose handler has failed. */
  onDatagramFailure: DatagramFailureReport | null = null
  /** Time of the last poll, which stands for now between polls. */
  private nowMs = 0

  constructor(options: StackOptions) {
    const { device, allocator, bulk, random } = options
    this.interface = new Interface({ device, bulk, random })
    this.tcp = new TcpProtocol({
      egress: this.interface.egress,
      allocator,
      bulk,
      random,
      configuration: options.tcp ?? {},
    })
    this.interface.register(this.tcp)
    const memory = new QueueMemory()
    const { egress } = this.interface
    const parts = { egress, bulk, random, memory, groups: this.interface }
    this.udp = new UdpProtocol(parts)
    const { stopwatchMs = () => this.nowMs } = options
    this.protocols = new OnDemandProtocols(this.interface, parts, stopwatchMs)
    this.interface.register(this.udp)
  }

  /** Adds an address in CIDR notation, such as `10.0.0.2/24`; throws RangeError when it is not one. */
  addAddress(cidrText: string, nowMs: number): void {
    const cidr = parseCidr(cidrText)
    if (cidr === null) throw new RangeError(`Cannot add address: "${cidrText}" is not CIDR`)
    this.interface.addAddress(cidr, nowMs)
  }

  /** Runs everything that is due. True = call again at once. */
  poll(nowMs: number): boolean {
    this.nowMs = nowMs
    return this.interface.poll(nowMs)
  }

  /** When poll must run next though nothing arrives; Infinity = never. */
  nextDeadlineMs(nowMs: number): number {
    return this.interface.nextDeadlineMs(nowMs)
  }

  // --- The end -------------------------------------------------------------------------------------------------

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

  /** Resets what has not been delivered to the end. */
  resetUndelivered(): void {
    resetUndelivered(this.tcp.sockets())
  }

  // --- For built-in services: callbacks, no promise on the path of data --------------------------------------

  listenSocket(options: TcpListenOptions): TcpListenSocket {
    return this.tcp.listen(options)
  }

  connectSocket(options: TcpConnectOptions): TcpSocket {
    const socket = this.tcp.connect(options, this.nowMs)
    this.onWork?.()
    return socket
  }

  openUdpSocket(options: UdpSocketOptions): UdpSocket {
    return this.udp.open(options)
  }

  // --- For applications ------------------------------------------------------------------------------------

  /**
   * Listens for TCP connections on both families. Throws NetError 'address-in-use'. `handler` serves each connection, many at
   * once, and what it throws resets that connection only. Without one they are taken one by one, by accept or iteration.
   * @example stack.listen({ port: 7 }, async (connection) => connection.write(greeting))
   */
  listen(options: ListenOptions, handler: ConnectionHandler | null = null): TcpListener {
    const { port, hostname, backlog } = options
    const address = hostname === undefined ? null : requireAddress(hostname)
    const limit = backlog === undefined ? {} : { backlog }
    return new TcpListener(this, { port, address, ...limit }, handler)
  }

  /** Resolves once connected; rejects with NetError 'refused', 'timeout', 'unreachable', 'exhausted'. */
  async connect(options: ConnectOptions): Promise<TcpStream> {
    const address = requireAddress(options.hostname)
    const socket = this.connectSocket({ address, port: options.port })
    if (options.noDelay === true) socket.setNoDelay(true)
    const stream = new TcpStream(socket, () => this.onWork?.())
    await stream.opened
    return stream
  }

  /**
   * Opens a UDP port on both families. Throws NetError 'address-in-use'. `handler` is run for each datagram, and what it throws
   * harms no other. Without one they are taken one by one, by receive or iteration.
   * @example const endpoint = stack.listenDatagram({ port: 7 }, (bytes, from) => endpoint.send(bytes, from))
   */
  listenDatagram(
    options: ListenDatagramOptions,
    handler: DatagramHandler | null = null,
  ): UdpEndpoint {
    const { hostname, port, shared = false, ...settings } = options
    const address = hostname === undefined ? null : requireAddress(hostname)
    const endpoint = new UdpEndpoint(this, { port, address, isShared: shared, settings })
    if (handler !== null) {
      void serveDatagrams(endpoint, handler, (...failure) => this.onDatagramFailure?.(...failure))
    }
    return endpoint
  }

  /**
   * Opens a UDP port with one peer: nobody else is heard, and what ICMP says of that peer rejects the next call. Throws NetError
   * 'address-in-use'.
   */
  connectDatagram(options: ConnectDatagramOptions): UdpEndpoint {
    const { hostname, port: remotePort, localPort: port = 0, ...settings } = options
    const remoteAddress = requireAddress(hostname)
    if (!Number.isInteger(remotePort) || remotePort < 1 || remotePort > 0xffff) {
      throw new RangeError(`port must be 1 to 65535, not ${remotePort}`)
    }
    return new UdpEndpoint(this, { port, remoteAddress, remotePort, settings })
  }

  /** How long a host takes to answer. */
  async ping(hostname: string, options: PingOptions = {}): Promise<PingReply> {
    const reply = ping(this.protocols, hostname, options, this.nowMs)
    this.onWork?.()
    return reply
  }

  /** Opens a socket of an IP protocol that the stack does not speak itself, or of ICMP. Throws RangeError, NetError 'exhausted'. */
  openRaw(options: RawOptions): RawEndpoint {
    return new RawEndpoint(this, options, this.nowMs)
  }
}
