/** One query to one server over UDP, from a port of its own (RFC 5452 §9.2). */
import type { NameServer } from '../../iface/merged-name-servers.ts'
import type { IncomingPacket } from '../../iface/protocol-handler.ts'
import { DNS_PORT, type DnsMessage, EDNS_PAYLOAD_BYTES } from '../../wire/dns.ts'
import { DatagramSend } from '../datagram/datagram-send.ts'
import type { DatagramFilter } from '../datagram/datagram-socket.ts'
import type { UdpSocket, UdpSocketHandler } from '../udp/udp-socket.ts'
import type { Query } from './query.ts'
import type { ResolverHost } from './resolver-host.ts'
import type { DnsStatistics } from './statistics.ts'

/** Of those with the right id: enough for the right answer to come among them, and no more. */
const RECEIVE_QUEUE_DATAGRAMS = 4

export interface UdpExchangeListener {
  /** The socket is open still. */
  onResponse(exchange: UdpExchange, response: DnsMessage): void
  /** The server cannot be reached, as ICMP or our own routes say. */
  onUnreachable(exchange: UdpExchange): void
}

export class UdpExchange implements UdpSocketHandler, DatagramFilter {
  readonly server: NameServer
  readonly query: Query
  private readonly socket: UdpSocket
  private readonly statistics: DnsStatistics
  private readonly listener: UdpExchangeListener

  /** Throws NetError when no port is free. */
  constructor(
    host: ResolverHost,
    server: NameServer,
    query: Query,
    statistics: DnsStatistics,
    listener: UdpExchangeListener,
  ) {
    this.server = server
    this.query = query
    this.statistics = statistics
    this.listener = listener
    // Connected: it hears that address and port only.
    this.socket = host.openUdpSocket({
      remoteAddress: server.address,
      interfaceIndex: server.interfaceIndex,
      remotePort: DNS_PORT,
      handler: this,
      filter: this,
      isAwaited: true,
      queueBytes: EDNS_PAYLOAD_BYTES * RECEIVE_QUEUE_DATAGRAMS,
      queueDatagrams: RECEIVE_QUEUE_DATAGRAMS,
    })
  }

  /** False when there is no way to the server. */
  send(): boolean {
    const { bytes } = this.query
    this.statistics.queriesSent++
    return (
      this.socket.send(this.server.address, DNS_PORT, bytes, 0, bytes.length) ===
      DatagramSend.Queued
    )
  }

  close(): void {
    this.socket.handler = null
    this.socket.close()
  }

  wants(packet: IncomingPacket, start: number, length: number): boolean {
    return this.query.isNamedBy(packet, start, length, this.statistics)
  }

  onReadable(socket: UdpSocket): void {
    for (let next = socket.peek(); next !== null; next = socket.peek()) {
      const message = next.bytes.slice(next.offset, next.offset + next.length)
      socket.consume()
      const response = this.query.read(message, this.statistics)
      if (response !== null) this.listener.onResponse(this, response)
    }
  }

  onError(_socket: UdpSocket): void {
    this.listener.onUnreachable(this)
  }
}
