/**
 * One question to everybody on the link, for names that end in `.local`: a one-shot query of
 * multicast DNS (RFC 6762 §5.1).
 */
import type { IncomingPacket } from '../../iface/protocol-handler.ts'
import { type DnsQuestion, DnsStatus, EDNS_PAYLOAD_BYTES } from '../../wire/dns.ts'
import { type IpAddress, ipv4Address, ipv6Address, isLinkLocal } from '../../wire/ip-address.ts'
import type { Alarm } from '../alarms.ts'
import { DatagramSend } from '../datagram/datagram-send.ts'
import type { DatagramFilter } from '../datagram/datagram-socket.ts'
import { NetError } from '../net-error.ts'
import type { UdpSocket, UdpSocketHandler } from '../udp/udp-socket.ts'
import { NO_PROGRESS, readOutcome } from './outcome.ts'
import { Query } from './query.ts'
import { type FoundAddress, failed, found, type Result } from './result.ts'
import type { QuestionParts } from './server-question.ts'

const MDNS_PORT = 5353
/** RFC 6762 §3: 224.0.0.251 and ff02::fb. */
const GROUPS: readonly IpAddress[] = [ipv4Address(0xe00000fb), ipv6Address(0xff020000, 0, 0, 0xfb)]
/** RFC 6762 §5.2 has "at least one second" between the first two queries. */
const ROUND_MS = 1_000
const ROUNDS = 2
/**
 * RFC 6762 §6.7: what is told to one-shot queries "SHOULD NOT be greater than ten seconds", since
 * who asks so hears nothing of what changes later.
 */
const ONE_SHOT_TTL_MS = 10_000
/** The link may have many responders. */
const RECEIVE_QUEUE_DATAGRAMS = 8

export class MulticastQuestion implements UdpSocketHandler, DatagramFilter {
  private readonly parts: QuestionParts
  private readonly question: DnsQuestion
  private readonly query: Query
  private readonly onEnd: (result: Result) => void
  private socket: UdpSocket | null = null
  private alarm: Alarm | null = null
  private rounds = 0

  /** `onEnd` is called once, after `start`. */
  constructor(parts: QuestionParts, question: DnsQuestion, onEnd: (result: Result) => void) {
    this.parts = parts
    this.question = question
    this.query = new Query(question, false, false, parts.host.random)
    this.onEnd = onEnd
  }

  /**
   * From a port that is not 5353: responders answer to it alone, and repeat id and question (RFC
   * 6762 §6.7).
   */
  start(): void {
    try {
      this.socket = this.parts.host.openUdpSocket({
        handler: this,
        filter: this,
        isAwaited: true,
        queueBytes: EDNS_PAYLOAD_BYTES * RECEIVE_QUEUE_DATAGRAMS,
        queueDatagrams: RECEIVE_QUEUE_DATAGRAMS,
        // RFC 6762 §11: "All Multicast DNS responses … SHOULD be sent with IP TTL set to 255", and
        // queries likewise.
        settings: { groupHopLimit: 255, loopback: false },
      })
    } catch (error) {
      if (!(error instanceof NetError)) throw error
      this.end(failed(error.message, false))
      return
    }
    this.ask()
  }

  /**
   * RFC 6762 §11: "MUST only accept responses to that query that originate from the local link";
   * §6.7 has them come from port 5353, and repeat the id.
   */
  wants(packet: IncomingPacket, start: number, length: number, sourcePort: number): boolean {
    const { host, statistics } = this.parts
    if (sourcePort === MDNS_PORT && host.routes.isOnLink(packet.source)) {
      return this.query.isNamedBy(packet, start, length, statistics)
    }
    statistics.drops.wrongSource++
    return false
  }

  onReadable(socket: UdpSocket): void {
    const { statistics } = this.parts
    for (let next = socket.peek(); next !== null; next = socket.peek()) {
      const message = next.bytes.slice(next.offset, next.offset + next.length)
      socket.consume()
      const response = this.query.read(message, statistics)
      // Nobody on the link can say that a name does not exist: others may know it.
      if (response === null || response.status !== DnsStatus.NoError) continue
      const outcome = readOutcome(response, this.question, NO_PROGRESS)
      if (outcome.kind !== 'addresses') continue
      const { cache, host } = this.parts
      const ttlMs = Math.min(outcome.ttlMs, ONE_SHOT_TTL_MS)
      if (outcome.isCut) statistics.excessive++
      const addresses = this.zoned(outcome.addresses, next.interfaceIndex)
      if (ttlMs > 0) cache.add(this.question, addresses, host.nowMs + ttlMs)
      this.end(found(addresses))
    }
  }

  private ask(): void {
    const { host, statistics } = this.parts
    const { bytes } = this.query
    let isSent = false
    for (let link = 0; link < host.interfaceCount; link++) {
      for (const group of GROUPS) {
        // One family is enough, and one link.
        const result = this.socket!.send(group, MDNS_PORT, bytes, 0, bytes.length, link)
        if (result !== DatagramSend.Queued) continue
        isSent = true
        statistics.queriesSent++
      }
    }
    if (!isSent) {
      this.end(failed('there is no address to ask the link from', true))
      return
    }
    this.rounds++
    this.alarm = host.alarms.set(host.nowMs + ROUND_MS, () => {
      this.alarm = null
      statistics.timeouts++
      if (this.rounds < ROUNDS) this.ask()
      else this.end(found([]))
    })
  }

  /** What an interface has told of link-local addresses is true of its link alone. */
  private zoned(addresses: readonly IpAddress[], zone: number): readonly FoundAddress[] {
    if (this.parts.host.interfaceCount === 1) return addresses
    return addresses.map((address) =>
      address.version === 6 && isLinkLocal(address) ? { ...address, zone } : address,
    )
  }

  private end(result: Result): void {
    const { socket, alarm } = this
    if (alarm !== null) this.parts.host.alarms.cancel(alarm)
    if (socket !== null) {
      socket.handler = null
      socket.close()
    }
    this.onEnd(result)
  }
}
