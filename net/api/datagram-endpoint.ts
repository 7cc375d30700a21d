/**
 * What UDP ports and IP protocols have in common for applications: reading, iterating, settings,
 * groups, back-pressure and the end.
 */
import type { DatagramSettings } from '../socket/datagram/datagram-settings.ts'
import type { DatagramSocket } from '../socket/datagram/datagram-socket.ts'
import type { IpAddress } from '../wire/ip-address.ts'
import { AddressText, requireAddress } from './address-text.ts'
import { DatagramReaders } from './datagram-readers.ts'
import { filterOf, type GroupSources } from './group-sources.ts'
import { NetError } from './net-error.ts'

/** What the headers of a received datagram say beside its sender. */
export interface DatagramDetails {
  /** The address that it was sent to: one of ours, or a group's. */
  readonly localAddress: string
  readonly toGroup: boolean
  /** What was left of it. */
  readonly hopLimit: number
  /** DSCP in the upper six bits, ECN in the lower two. */
  readonly trafficClass: number
}

/** The part of Stack that every endpoint uses. */
export interface DatagramEndpointHost {
  readonly onWork: (() => void) | null
  /** Of a name, the best of its addresses. */
  addressOf(hostname: string): Promise<IpAddress>
}

/** `T`: what is received. */
export abstract class DatagramEndpoint<T> implements AsyncIterable<T> {
  protected readonly host: DatagramEndpointHost
  protected readonly readers: DatagramReaders<T>
  protected readonly peerText = new AddressText()
  protected abstract readonly socket: DatagramSocket
  private readonly writers: (() => void)[] = []
  private readonly localText = new AddressText()

  constructor(host: DatagramEndpointHost) {
    this.host = host
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
   * @example endpoint.joinGroup('232.1.2.3', { sources: ['10.0.0.9'] })
   */
  joinGroup(group: string, sources: GroupSources = {}): void {
    this.socket.joinGroup(requireAddress(group), filterOf(sources))
    this.host.onWork?.()
  }

  leaveGroup(group: string): void {
    this.socket.leaveGroup(requireAddress(group))
    this.host.onWork?.()
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
    const { source, sourcePort, destination, toGroup, hopLimit, trafficClass } = received
    const localAddress = this.localText.format(destination)
    this.socket.consume()
    const details = { localAddress, toGroup, hopLimit, trafficClass }
    return this.compose(bytes, this.peerText.format(source), sourcePort, details)
  }
}
