/**
 * A UDP port for applications: datagrams with their senders' addresses, and back-pressure, all with
 * promises.
 */
import type { IcmpReport, TransportError } from '../iface/protocol-handler.ts'
import { DatagramSend } from '../socket/datagram/datagram-send.ts'
import type { DatagramSettings } from '../socket/datagram/datagram-settings.ts'
import { seriesLength } from '../socket/udp/datagram-series.ts'
import type { UdpProtocol } from '../socket/udp/udp-protocol.ts'
import type { UdpSocket, UdpSocketHandler, UdpSocketOptions } from '../socket/udp/udp-socket.ts'
import { type IpAddress, isSameAddress } from '../wire/ip-address.ts'
import type { Endpoint } from './address-text.ts'
import {
  type DatagramDetails,
  DatagramEndpoint,
  type DatagramEndpointHost,
} from './datagram-endpoint.ts'
import { DeliveryError } from './delivery-error.ts'
import { NetError } from './net-error.ts'
import { sendError } from './send-error.ts'

export interface ListenDatagramOptions extends Partial<DatagramSettings> {
  /** 0 = chosen at random. */
  port: number
  /** Text form; all local addresses of both families when absent. */
  hostname?: string
  /** The number of the one interface to hear and to send by; all when absent. */
  interface?: number
  /**
   * Other endpoints that say so may have the same port; what is sent to a group reaches each that
   * has joined it.
   */
  shared?: boolean
}

export interface ConnectDatagramOptions extends Partial<DatagramSettings> {
  /** The one peer: a host name, or an address in text form. */
  hostname: string
  port: number
  /** Our own; chosen at random when absent. */
  localPort?: number
  /** As of ListenDatagramOptions. */
  interface?: number
}

export interface DatagramAddress {
  /**
   * An IPv4 or IPv6 address in text form, with a zone maybe (`fe80::1%1`); of one that is sent to,
   * a host name, too.
   */
  readonly hostname: string
  readonly port: number
}

export type Datagram = [bytes: Uint8Array, from: DatagramAddress, details: DatagramDetails]

/** The part of Stack that an endpoint uses. */
export interface EndpointHost extends DatagramEndpointHost {
  readonly udp: UdpProtocol
}

export class UdpEndpoint extends DatagramEndpoint<Datagram> {
  readonly port: number
  /**
   * Told of datagrams that were not delivered, and whom they were for (RFC 1122 §4.1.3.3). Without
   * it, an endpoint with one peer rejects its next call when that peer refuses, and others hear
   * nothing.
   */
  onError: ((error: DeliveryError) => void) | null = null
  protected readonly socket: UdpSocket

  constructor(host: EndpointHost, options: UdpSocketOptions) {
    super(host)
    const handler: UdpSocketHandler = {
      onReadable: () => this.readers.serve(),
      onWritable: () => this.serveWriters(),
      onError: (_socket, error, report) => this.fail(error, report),
      onTooBig: (_socket, error, report) => this.fail(error, report),
    }
    this.socket = host.udp.open({ ...options, handler })
    this.port = this.socket.localPort
  }

  /**
   * Resolves with the number of bytes once the datagram is queued; the caller may reuse `bytes`
   * then. Waits while the queue is full, for five seconds at most: what an interface has not taken
   * for so long, as with its link down, is dropped and counted (`interfaceFull`). Rejects with
   * NetError: 'message-too-large' for more than a datagram holds, or than the path carries when
   * `fragmentation` is 'never'; 'unreachable' without a route, 'not-permitted' for a broadcast
   * unless `broadcast` is set, 'exhausted', 'closed'; with one peer also with what ICMP said of an
   * earlier one, 'refused' above all. A datagram may still be lost, as UDP's may. `to` may be left
   * out with one peer.
   */
  async send(bytes: Uint8Array, to?: DatagramAddress): Promise<number> {
    const { address, interfaceIndex } =
      this.knownEndpointOf(to) ?? (await this.host.endpointOf(to!.hostname))
    const port = this.portTo(address, to)
    for (;;) {
      const result = this.socket.send(address, port, bytes, 0, bytes.length, interfaceIndex)
      if (this.isQueued(result, bytes.length, address, port)) return bytes.length
      await this.untilWritable()
      this.throwFailure()
    }
  }

  /**
   * Sends `bytes` in datagrams of `segmentLengthBytes` each, the last with what is left, as Linux
   * does with UDP_SEGMENT: the device cuts them where it can (USO), which costs a fraction of as
   * many calls of `send`. Resolves and rejects as `send`, and with RangeError for a length that no
   * datagram has.
   */
  async sendSegmented(
    bytes: Uint8Array,
    segmentLengthBytes: number,
    to?: DatagramAddress,
  ): Promise<number> {
    if (!Number.isInteger(segmentLengthBytes) || segmentLengthBytes < 1) {
      throw new RangeError(
        `Cannot send datagrams: their length must be at least 1, not ${segmentLengthBytes}`,
      )
    }
    const { address, interfaceIndex } =
      this.knownEndpointOf(to) ?? (await this.host.endpointOf(to!.hostname))
    const port = this.portTo(address, to)
    const peer = { address, port, interfaceIndex }
    let offset = 0
    do {
      const length = seriesLength(bytes.length - offset, segmentLengthBytes)
      const result = this.socket.sendSegmented(
        ...([peer, bytes, offset, length, segmentLengthBytes] as const),
      )
      const longest = Math.min(length, segmentLengthBytes)
      if (this.isQueued(result, longest, address, port)) {
        offset += length
      } else {
        await this.untilWritable()
        this.throwFailure()
      }
    } while (offset < bytes.length)
    return bytes.length
  }

  /** Null for a name that is still to be asked for. */
  private knownEndpointOf(to: DatagramAddress | undefined): Endpoint | null {
    this.throwFailure()
    if (to !== undefined) {
      const endpoint = this.peerText.parse(to.hostname)
      if (endpoint !== null) this.host.checkInterface(endpoint.interfaceIndex)
      return endpoint
    }
    const { remoteAddress } = this.socket
    if (remoteAddress === null) throw new TypeError('Cannot send a datagram: it says not to whom')
    return { address: remoteAddress, interfaceIndex: undefined }
  }

  private portTo(address: IpAddress, to: DatagramAddress | undefined): number {
    const { remoteAddress, remotePort } = this.socket
    const port = to === undefined ? remotePort : to.port
    // RFC 768: who sends from it expects no answer, and an app that answers made no mistake.
    if (port === 0) throw new NetError('unreachable', 'Cannot send a datagram to port 0')
    if (remoteAddress !== null && (port !== remotePort || !isSameAddress(address, remoteAddress))) {
      throw new TypeError('Cannot send a datagram: the endpoint has another peer')
    }
    return port
  }

  /** False when there is no room; throws when there never will be. */
  private isQueued(
    result: DatagramSend,
    length: number,
    address: IpAddress,
    port: number,
  ): boolean {
    this.host.onWork?.()
    if (result === DatagramSend.Queued) return true
    if (result !== DatagramSend.Full) throw sendError(result, length, address, port)
    return false
  }

  protected compose(
    bytes: Uint8Array,
    hostname: string,
    port: number,
    details: DatagramDetails,
  ): Datagram {
    return [bytes, { hostname, port }, details]
  }

  private fail(error: TransportError, report: IcmpReport): void {
    const failure = new DeliveryError(error, report, error.destinationPort, this.host.hasZones)
    if (this.onError !== null) {
      this.onError(failure)
      return
    }
    // RFC 1122 §4.2.3.9 of TCP holds here, too: what may pass is no reason to give up.
    if (this.socket.remoteAddress === null || error.kind === 'soft') return
    this.readers.fail(failure)
  }

  private throwFailure(): void {
    const failure = this.readers.takeFailure()
    if (failure !== null) throw failure
  }
}
