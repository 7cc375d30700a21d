/** Tells routers and switches which IPv4 groups are wanted here (IGMPv3, RFC 3376; towards older queriers versions 2 and 1). */
import { ETHERNET_HEADER_LENGTH, EtherType } from '../wire/ethernet.ts'
import type { GroupRecord } from '../wire/group-record.ts'
import {
  emitIgmp,
  emitIgmpv3Report,
  IGMP_CHECKSUM_OFFSET,
  IGMP_LENGTH,
  IGMPV3_RECORD_LENGTH,
  IGMPV3_REPORT_HEADER_LENGTH,
  IGMPV3_ROUTERS,
  IgmpType,
  IPV4_ALL_ROUTERS,
  parseIgmpQuery,
} from '../wire/igmp.ts'
import { type IpAddress, ipv4Address } from '../wire/ip-address.ts'
import {
  createIpv4Header,
  emitIpv4WithRouterAlert,
  IPV4_CHECKSUM_OFFSET,
  IPV4_ROUTER_ALERT_HEADER_LENGTH,
  IpProtocol,
} from '../wire/ipv4.ts'
import type { ControlSender } from './control-sender.ts'
import { GroupMembership, type MembershipReports } from './group-membership.ts'
import type { InterfaceParts } from './interface-parts.ts'
import { type LinkDestination, resolveGroup } from './link-destination.ts'
import type { ReceivedPacket } from './received-packet.ts'

/** 224.0.0.1: every host is a member and none reports it (RFC 1112 §4, RFC 3376 §6). */
export const IPV4_ALL_SYSTEMS = 0xe0000001 | 0
const NEWEST_VERSION = 3
const TIME_TO_LIVE = 1
/** RFC 3376 §4: Internetwork Control. */
const TYPE_OF_SERVICE = 0xc0
const SOURCE_LENGTH = 4

export class Igmp implements MembershipReports {
  readonly newestVersion = NEWEST_VERSION
  readonly membership: GroupMembership
  private readonly parts: InterfaceParts
  private readonly sender: ControlSender
  private readonly header = createIpv4Header()
  private readonly link: LinkDestination = { high: 0, low: 0 }

  constructor(parts: InterfaceParts, sender: ControlSender) {
    this.parts = parts
    this.sender = sender
    this.membership = new GroupMembership(this, parts.random)
    this.header.protocol = IpProtocol.Igmp
    this.header.timeToLive = TIME_TO_LIVE
    this.header.trafficClass = TYPE_OF_SERVICE
  }

  process(packet: ReceivedPacket, nowMs: number): void {
    const { counters, bulk } = this.parts
    const first = packet.frame.fragments[0]!
    const { bytes, view } = first.buffer
    const { transportOffset: offset, transportLength: length } = packet
    if (
      length < IGMP_LENGTH ||
      length > first.offset + first.length - offset ||
      packet.hopLimit !== TIME_TO_LIVE ||
      bulk.checksum(bytes, offset, length, 0) !== 0xffff
    ) {
      counters.membershipInvalid++
      return
    }
    const type = view.getUint8(offset)
    if (type === IgmpType.Query) {
      const query = parseIgmpQuery(view, offset, length)
      if (
        query === null ||
        (query.group === null && packet.destination.word3 !== IPV4_ALL_SYSTEMS)
      ) {
        counters.membershipInvalid++
        return
      }
      counters.membershipQueriesReceived++
      this.membership.processQuery(query, nowMs)
    } else if (type === IgmpType.ReportV1 || type === IgmpType.ReportV2) {
      this.membership.processOthersReport(ipv4Address(view.getInt32(offset + 4)), nowMs)
    }
  }

  maxRecords(): number {
    const { maxTransmissionUnit } = this.parts.device.capabilities
    const headers = IPV4_ROUTER_ALERT_HEADER_LENGTH + IGMPV3_REPORT_HEADER_LENGTH
    return Math.max(1, Math.floor((maxTransmissionUnit - headers) / IGMPV3_RECORD_LENGTH))
  }

  maxSources(): number {
    const { maxTransmissionUnit } = this.parts.device.capabilities
    const headers =
      IPV4_ROUTER_ALERT_HEADER_LENGTH + IGMPV3_REPORT_HEADER_LENGTH + IGMPV3_RECORD_LENGTH
    return Math.floor((maxTransmissionUnit - headers) / SOURCE_LENGTH)
  }

  report(records: readonly GroupRecord[]): boolean {
    return this.send(IGMPV3_ROUTERS, (view, offset) => emitIgmpv3Report(view, offset, records))
  }

  reportInVersion(version: number, group: IpAddress, isLeaving: boolean): boolean {
    // RFC 1112: version 1 says nothing when a group is left.
    if (isLeaving && version === 1) return true
    if (isLeaving) {
      return this.send(IPV4_ALL_ROUTERS, (view, offset) =>
        emitIgmp(view, offset, IgmpType.Leave, group),
      )
    }
    const type = version === 1 ? IgmpType.ReportV1 : IgmpType.ReportV2
    return this.send(group, (view, offset) => emitIgmp(view, offset, type, group))
  }

  private send(destination: IpAddress, emit: (view: DataView, offset: number) => number): boolean {
    resolveGroup(destination, this.link)
    const record = this.sender.beginRaw(this.link.high, this.link.low, EtherType.Ipv4)
    const { addresses, bulk, counters } = this.parts
    const { view, header: bytes } = record
    const network = ETHERNET_HEADER_LENGTH
    const message = network + IPV4_ROUTER_ALERT_HEADER_LENGTH
    const length = emit(view, message)
    const { header } = this
    // RFC 3376 §4.2.13: 0.0.0.0 while there is no address.
    header.source = addresses.selectSource(destination)?.word3 ?? 0
    header.destination = destination.word3
    header.totalLength = IPV4_ROUTER_ALERT_HEADER_LENGTH + length
    emitIpv4WithRouterAlert(view, network, header)
    const headerSum = bulk.checksum(bytes, network, IPV4_ROUTER_ALERT_HEADER_LENGTH, 0)
    view.setUint16(network + IPV4_CHECKSUM_OFFSET, ~headerSum & 0xffff)
    const sum = bulk.checksum(bytes, message, length, 0)
    view.setUint16(message + IGMP_CHECKSUM_OFFSET, ~sum & 0xffff)
    if (!this.sender.finishRaw(record, IPV4_ROUTER_ALERT_HEADER_LENGTH + length)) return false
    counters.membershipReportsSent++
    return true
  }
}
