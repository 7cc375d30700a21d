/**
 * What UDP ports and IP protocols have in common for applications: reading, iterating, settings,
 * groups, back-pressure and the end.
 */
import type { DatagramSettings } from '../socket/datagram/datagram-settings.ts'
import type { DatagramSocket } from '../socket/datagram/datagram-socket.ts'
import { AddressText, type Endpoint, requireEndpoint } from './address-text.ts'
import { DatagramReaders } from './datagram-readers.ts'
import { filterOf, type GroupSources } from './group-sources.ts'
import { NetError } from './net-error.ts'

/** What the headers of a received datagram say beside its sender. */
export interface DatagramDetails {
  /** The address that it was sent to: one of ours, or a group's. */
  readonly localAddress: string
  /** The number of the interface that it came by. */
  readonly interface: number
  readonly toGroup: boolean
  /** What was left of it. */
  readonly hopLimit: number
  /** DSCP in the upper six bits, ECN in the lower two. */
  readonly trafficClass: number
}

/** The part of Stack that every endpoint uses. */
export interface DatagramEndpointHost {
  readonly onWork: (() => void) | null
  /** Whether link-local addresses need a zone: there are several interfaces. */
  readonly hasZones: boolean
  /** Of a name, the best of its addresses. */
  endpointOf(hostname: string): Promise<Endpoint>
  /** Throws NetError 'unreachable' where there is no such interface. */
  checkInterface(interfaceIndex: number | undefined): void
}

/** `T`: what is received. */
export abstract class DatagramEndpoint<T> implements AsyncIterable<T> {
  protected readonly host: DatagramEndpointHost
  protected readonly readers: DatagramReaders<T>
  protected readonly peerText: AddressText
  protected abstract readonly socket: DatagramSocket
  private readonly writers: (() => void)[] = []
  private readonly localText: AddressText

  constructor(host: DatagramEndpointHost) {
    this.host = host
    this.peerText = new AddressText(host.hasZones)
    this.localText = new AddressText(host.hasZones)
    this.readers = new DatagramReaders(
      () => this.take(),
      () => this.close(),
    )
  }

  /**
   * The next one, in memory of its own. Rejects with NetError 'closed' once the endpoint is closed.
   */
  async receive(): Promise<T> {
    const received = await this.readers.next()
    if (received === null) throw new NetError('closed', 'Cannot receive: the endpoint is closed')
    return received
  }

  /** Applies to what is sent from now on. Throws RangeError for a value out of range. */
  configure(settings: Partial<DatagramSettings>): void {
    this.socket.configure(settings)
  }

  /**
   * Receives what is sent to the group from now on; again with other sources it changes which are
   * heard. Routers and switches are told of groups and sources (IGMPv3, MLDv2). Throws RangeError
   * when the address is no group's, or at a limit.
   * It is joined on all interfaces, or on the one whose number follows it: `ff02::77%1`.
   * @example endpoint.joinGroup('232.1.2.3', { sources: ['10.0.0.9'], interface: 0 })
   */
  joinGroup(group: string, wanted: GroupSources & { readonly interface?: number } = {}): void {
    const { address, interfaceIndex } = this.groupOf(group, wanted.interface)
    this.socket.joinGroup(address, filterOf(wanted), interfaceIndex)
    this.host.onWork?.()
  }

  /** As it was joined. */
  leaveGroup(group: string, meant: { readonly interface?: number } = {}): void {
    const { address, interfaceIndex } = this.groupOf(group, meant.interface)
    this.socket.leaveGroup(address, interfaceIndex)
    this.host.onWork?.()
  }

  private groupOf(text: string, named: number | undefined): Endpoint {
    const { address, interfaceIndex = named } = requireEndpoint(text)
    this.host.checkInterface(interfaceIndex)
    return { address, interfaceIndex }
  }

  /** Nothing more in, and iterations end; what is queued still goes out. */
  close(): void {
    this.socket.close()
    this.readers.end()
    this.serveWriters()
    this.host.onWork?.()
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    return this.readers.iterate()
  }

  /** What the application gets: `sourcePort` is 0 where there are no ports. */
  protected abstract compose(
    bytes: Uint8Array,
    from: string,
    sourcePort: number,
    details: DatagramDetails,
  ): T

  /** Resolves when the queue has room again, or the endpoint is closed. */
  protected untilWritable(): Promise<void> {
    return new Promise((resolve) => this.writers.push(resolve))
  }

  protected serveWriters(): void {
    for (const writer of this.writers.splice(0)) writer()
  }

  private take(): T | null {
    const received = this.socket.peek()
    if (received === null) return null
    const bytes = received.bytes.slice(received.offset, received.offset + received.length)
    const { source, sourcePort, destination, interfaceIndex } = received
    const { toGroup, hopLimit, trafficClass } = received
    const localAddress = this.localText.format(destination, interfaceIndex)
    this.socket.consume()
    const origin = { localAddress, interface: interfaceIndex }
    const details = { ...origin, toGroup, hopLimit, trafficClass }
    return this.compose(bytes, this.peerText.format(source, interfaceIndex), sourcePort, details)
  }
}
