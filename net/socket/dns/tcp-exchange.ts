/** One query to one server over TCP, for answers that do not fit into a datagram (RFC 7766). */
import type { NameServer } from '../../iface/merged-name-servers.ts'
import { DNS_PORT, type DnsMessage } from '../../wire/dns.ts'
import type { TcpSocket, TcpSocketHandler } from '../tcp/tcp-socket.ts'
import type { Query } from './query.ts'
import type { ResolverHost } from './resolver-host.ts'
import type { DnsStatistics } from './statistics.ts'

/** RFC 1035 §4.2.2: "a two byte length field which gives the message length". */
const PREFIX_LENGTH = 2

export class TcpExchange implements TcpSocketHandler {
  private readonly query: Query
  private readonly statistics: DnsStatistics
  /** Called once: with the response, or with null when there will be none. */
  private onEnd: ((response: DnsMessage | null) => void) | null
  private readonly socket: TcpSocket
  /** The length first, then the message. */
  private target = new Uint8Array(PREFIX_LENGTH)
  private filled = 0
  private hasLength = false

  /** Throws NetError when the connection cannot even begin. */
  constructor(
    host: ResolverHost,
    { address, interfaceIndex }: NameServer,
    query: Query,
    statistics: DnsStatistics,
    onEnd: (response: DnsMessage | null) => void,
  ) {
    this.query = query
    this.statistics = statistics
    this.onEnd = onEnd
    const peer = { address, port: DNS_PORT, interfaceIndex }
    this.socket = host.connectSocket({ ...peer, handler: this })
    statistics.queriesOverTcp++
  }

  /** Without a call of onEnd. */
  close(): void {
    this.onEnd = null
    this.socket.abort()
  }

  onEstablished(socket: TcpSocket): void {
    // It may have been reset within the same batch.
    if (!socket.canSend()) return
    const { bytes } = this.query
    // RFC 7766 §8: length and message in one segment.
    const framed = new Uint8Array(PREFIX_LENGTH + bytes.length)
    framed[0] = bytes.length >> 8
    framed[1] = bytes.length
    framed.set(bytes, PREFIX_LENGTH)
    // An empty send buffer takes a query, which has 300 octets at most.
    socket.send(framed, 0, framed.length)
  }

  onReadable(socket: TcpSocket): void {
    while (this.onEnd !== null && socket.receivedLength > 0) {
      const { target } = this
      this.filled += socket.receive(target, this.filled, target.length - this.filled)
      if (this.filled < target.length) return
      if (!this.hasLength) {
        this.hasLength = true
        this.target = new Uint8Array((target[0]! << 8) | target[1]!)
        this.filled = 0
        if (this.target.length > 0) continue
      }
      this.end(this.query.read(this.target, this.statistics))
    }
  }

  onPeerFinished(): void {
    this.end(null)
  }

  onClose(): void {
    this.end(null)
  }

  private end(response: DnsMessage | null): void {
    const { onEnd } = this
    if (onEnd === null) return
    this.onEnd = null
    this.socket.close()
    onEnd(response)
  }
}
