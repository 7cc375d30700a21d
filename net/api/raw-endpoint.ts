/** An IP protocol for applications: payloads of packets with their senders, and back-pressure, all with promises. */
import { DatagramSend } from '../socket/datagram/datagram-send.ts'
import type { DatagramSettings } from '../socket/datagram/datagram-settings.ts'
import type { OnDemandProtocols } from '../socket/on-demand-protocols.ts'
import type { RawSocket, RawSocketOptions } from '../socket/raw/raw-socket.ts'
import { IPV4_UNSPECIFIED, IPV6_UNSPECIFIED } from '../wire/ip-address.ts'
import { AddressText, requireAddress } from './address-text.ts'
import { DatagramReaders } from './datagram-readers.ts'
import { DeliveryError } from './delivery-error.ts'
import { filterOf, type GroupSources } from './group-sources.ts'
import { NetError } from './net-error.ts'
import { sendError } from './send-error.ts'
import type { DatagramDetails } from './udp-endpoint.ts'

export interface RawOptions extends Partial<DatagramSettings> {
  /** The number that the IP header names, 0 to 254; 1 and 58 are ICMP and ICMPv6. */
  protocol: number
  /** Packets of this family only. */
  ipVersion?: 4 | 6
  /** Packets to this address of ours only; text form. */
  hostname?: string
}

export type RawPacket = [payload: Uint8Array, from: string, details: DatagramDetails]

/** The part of Stack that an endpoint uses. */
export interface RawEndpointHost {
  readonly protocols: OnDemandProtocols
  readonly onWork: (() => void) | null
}

export class RawEndpoint implements AsyncIterable<RawPacket> {
  /** Told of packets that were not delivered, and whom they were for. */
  onError: ((error: DeliveryError) => void) | null = null
  private readonly host: RawEndpointHost
  private readonly socket: RawSocket
  private readonly readers: DatagramReaders<RawPacket>
  private readonly writers: (() => void)[] = []
  private readonly peerText = new AddressText()
  private readonly localText = new AddressText()

  constructor(host: RawEndpointHost, options: RawOptions, nowMs: number) {
    const { protocol, ipVersion, hostname, ...settings } = options
    const family = ipVersion === 4 ? IPV4_UNSPECIFIED : IPV6_UNSPECIFIED
    const address = ipVersion === undefined ? null : family
    this.host = host
    this.readers = new DatagramReaders(
      () => this.take(),
      () => this.close(),
    )
    const socketOptions: RawSocketOptions = {
      address: hostname === undefined ? address : requireAddress(hostname),
      settings,
      handler: {
        onReadable: () => this.readers.serve(),
        onWritable: () => this.serveWriters(),
        onError: (_socket, error, report) => this.onError?.(new DeliveryError(error, report, 0)),
      },
    }
    this.socket = host.protocols.openRaw(protocol, socketOptions, nowMs)
  }

  /** The next payload, in memory of its own. Rejects with NetError 'closed' once the endpoint is closed. */
  async receive(): Promise<RawPacket> {
    const packet = await this.readers.next()
    if (packet === null) throw new NetError('closed', 'Cannot receive: the socket is closed')
    return packet
  }

  /**
   * Sends the payload behind an IP header of the stack; of ICMP and ICMPv6 the checksum is written, too. Resolves once it is queued.
   * Rejects with NetError as UdpEndpoint.send does.
   */
  async send(payload: Uint8Array, to: string): Promise<number> {
    const address = this.peerText.parse(to)
    for (;;) {
      const result = this.socket.send(address, payload, 0, payload.length)
      this.host.onWork?.()
      if (result === DatagramSend.Queued) return payload.length
      if (result !== DatagramSend.Full) throw sendError(result, payload.length, address, 0)
      await new Promise<void>((resolve) => this.writers.push(resolve))
    }
  }

  configure(settings: Partial<DatagramSettings>): void {
    this.socket.configure(settings)
  }

  /** As UdpEndpoint.joinGroup. */
  joinGroup(group: string, sources: GroupSources = {}): void {
    this.socket.joinGroup(requireAddress(group), filterOf(sources))
    this.host.onWork?.()
  }

  leaveGroup(group: string): void {
    this.socket.leaveGroup(requireAddress(group))
    this.host.onWork?.()
  }

  /** No more packets in, and iterations end; those already queued still go out. */
  close(): void {
    this.socket.close()
    this.readers.end()
    this.serveWriters()
    this.host.onWork?.()
  }

  [Symbol.asyncIterator](): AsyncIterator<RawPacket> {
    return this.readers.iterate()
  }

  private serveWriters(): void {
    for (const writer of this.writers.splice(0)) writer()
  }

  private take(): RawPacket | null {
    const received = this.socket.peek()
    if (received === null) return null
    const { offset, length, source, destination, toGroup, hopLimit, trafficClass } = received
    const payload = received.bytes.slice(offset, offset + length)
    const localAddress = this.localText.format(destination)
    this.socket.consume()
    return [
      payload,
      this.peerText.format(source),
      { localAddress, toGroup, hopLimit, trafficClass },
    ]
  }
}
