/** Tells routers and switches which IPv6 groups are wanted here (MLDv2, RFC 3810; towards older queriers MLDv1, RFC 2710). */
import { addLengthToSum, pseudoHeaderSum } from '../wire/checksum.ts'
import { ETHERNET_HEADER_LENGTH, EtherType } from '../wire/ethernet.ts'
import { type GroupRecord, MAX_QUERY_SOURCES } from '../wire/group-record.ts'
import { ICMP_CHECKSUM_OFFSET } from '../wire/icmpv4.ts'
import { Icmpv6Type } from '../wire/icmpv6.ts'
import {
  IPV6_ALL_NODES,
  IPV6_ALL_ROUTERS,
  IPV6_UNSPECIFIED,
  type IpAddress,
  isLinkLocal,
  isSameAddress,
  setAddress,
} from '../wire/ip-address.ts'
import { IpProtocol } from '../wire/ipv4.ts'
import { createIpv6Header, emitIpv6, IPV6_HEADER_LENGTH } from '../wire/ipv6.ts'
import {
  emitRouterAlertHeader,
  hasRouterAlert,
  ROUTER_ALERT_HEADER_LENGTH,
} from '../wire/ipv6-extension.ts'
import {
  emitMldv1,
  emitMldv2Report,
  MLD_HOP_LIMIT,
  MLDV2_RECORD_LENGTH,
  MLDV2_REPORT_HEADER_LENGTH,
  MLDV2_ROUTERS,
  parseMldQuery,
  parseMldv1Group,
} from '../wire/mld.ts'
import { AddressState } from './address-table.ts'
import type { ControlSender } from './control-sender.ts'
import { GroupMembership, type MembershipReports } from './group-membership.ts'
import type { InterfaceParts } from './interface-parts.ts'
import { type LinkDestination, resolveGroup } from './link-destination.ts'
import type { ReceivedPacket } from './received-packet.ts'

const NEWEST_VERSION = 2

export class MulticastListener implements MembershipReports {
  readonly newestVersion = NEWEST_VERSION
  readonly membership: GroupMembership
  private readonly parts: InterfaceParts
  private readonly sender: ControlSender
  private readonly header = createIpv6Header()
  private readonly link: LinkDestination = { high: 0, low: 0 }

  constructor(parts: InterfaceParts, sender: ControlSender) {
    this.parts = parts
    this.sender = sender
    this.membership = new GroupMembership(this, parts.random)
  }

  /** Takes an ICMPv6 message of type 130..132 or 143 whose checksum is right. */
  process(packet: ReceivedPacket, type: number, nowMs: number): void {
    const { counters } = this.parts
    const { view } = packet.frame.fragments[0]!.buffer
    const { networkOffset, transportOffset: offset, transportLength: length } = packet
    // RFC 3810 §6.2: link-local source, hop limit 1 and Router Alert, or it "is dropped".
    if (
      packet.hopLimit !== MLD_HOP_LIMIT ||
      !isLinkLocal(packet.source) ||
      !hasRouterAlert(view, networkOffset)
    ) {
      counters.membershipInvalid++
      return
    }
    if (type === Icmpv6Type.MulticastListenerQuery) {
      const query = parseMldQuery(view, offset, length)
      if (query === null) {
        counters.membershipInvalid++
        return
      }
      counters.membershipQueriesReceived++
      this.membership.processQuery(query, nowMs)
      return
    }
    if (type === Icmpv6Type.MulticastListenerReport) {
      const group = parseMldv1Group(view, offset, length)
      if (group !== null) this.membership.processOthersReport(group, nowMs)
    }
  }

  maxRecords(): number {
    const { maxTransmissionUnit } = this.parts.device.capabilities
    const headers = IPV6_HEADER_LENGTH + ROUTER_ALERT_HEADER_LENGTH + MLDV2_REPORT_HEADER_LENGTH
    return Math.max(1, Math.floor((maxTransmissionUnit - headers) / MLDV2_RECORD_LENGTH))
  }

  /** An MTU of IPv6 has room for all that are noted. */
  maxSources(): number {
    return MAX_QUERY_SOURCES
  }

  report(records: readonly GroupRecord[]): boolean {
    return this.send(MLDV2_ROUTERS, (view, offset) => emitMldv2Report(view, offset, records))
  }

  reportInVersion(_version: number, group: IpAddress, isLeaving: boolean): boolean {
    const { MulticastListenerDone, MulticastListenerReport } = Icmpv6Type
    const type = isLeaving ? MulticastListenerDone : MulticastListenerReport
    return this.send(isLeaving ? IPV6_ALL_ROUTERS : group, (view, offset) =>
      emitMldv1(view, offset, type, group),
    )
  }

  private send(destination: IpAddress, emit: (view: DataView, offset: number) => number): boolean {
    resolveGroup(destination, this.link)
    const record = this.sender.beginRaw(this.link.high, this.link.low, EtherType.Ipv6)
    const { bulk, counters } = this.parts
    const { view, header: bytes } = record
    const source = this.source()
    const network = ETHERNET_HEADER_LENGTH
    const message = network + IPV6_HEADER_LENGTH + ROUTER_ALERT_HEADER_LENGTH
    const length = emit(view, message)
    emitRouterAlertHeader(view, network + IPV6_HEADER_LENGTH, IpProtocol.Icmpv6)
    this.writeHeader(view, network, source, destination, ROUTER_ALERT_HEADER_LENGTH + length)
    const seed = addLengthToSum(pseudoHeaderSum(source, destination, IpProtocol.Icmpv6), length)
    const sum = bulk.checksum(bytes, message, length, seed)
    view.setUint16(message + ICMP_CHECKSUM_OFFSET, ~sum & 0xffff)
    if (!this.sender.finishRaw(record, IPV6_HEADER_LENGTH + ROUTER_ALERT_HEADER_LENGTH + length))
      return false
    counters.membershipReportsSent++
    return true
  }

  private writeHeader(
    view: DataView,
    offset: number,
    source: IpAddress,
    destination: IpAddress,
    payloadLength: number,
  ): void {
    const { header } = this
    header.payloadLength = payloadLength
    header.nextHeader = IpProtocol.HopByHop
    header.hopLimit = MLD_HOP_LIMIT
    setAddress(header.source, source)
    setAddress(header.destination, destination)
    emitIpv6(view, offset, header)
  }

  /** RFC 3810 §5.2.13: a link-local address that nobody else has, or none; then reports are for switches (RFC 3590). */
  private source(): IpAddress {
    for (const { address, state } of this.parts.addresses.entries) {
      const isOurs = state === AddressState.Preferred || state === AddressState.Deprecated
      if (isOurs && address.version === 6 && isLinkLocal(address)) return address
    }
    return IPV6_UNSPECIFIED
  }
}

/** RFC 3810 §6: groups of scope 0 and 1 and all nodes are never reported, and everybody is in them. */
export function isReportedIpv6Group(group: IpAddress): boolean {
  const scope = (group.word0 >>> 16) & 0xf
  return scope > 1 && !isSameAddress(group, IPV6_ALL_NODES)
}
