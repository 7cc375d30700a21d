/**
 * Tells routers and switches which IPv6 groups are wanted here (MLDv2, RFC 3810; toward older
 * queriers MLDv1, RFC 2710).
 */
import { emitReport, type GroupRecord } from '../wire/group-record.ts'
import { Icmpv6Type } from '../wire/icmpv6.ts'
import {
  IPV6_ALL_NODES,
  IPV6_ALL_ROUTERS,
  IPV6_UNSPECIFIED,
  type IpAddress,
  isLinkLocal,
  isSameAddress,
} from '../wire/ip-address.ts'
import { IPV6_HEADER_LENGTH } from '../wire/ipv6.ts'
import { hasRouterAlert, ROUTER_ALERT_HEADER_LENGTH } from '../wire/ipv6-extension.ts'
import {
  emitMldv1,
  MLD_HOP_LIMIT,
  MLDV2_ROUTERS,
  parseMldQuery,
  parseMldv1Group,
} from '../wire/mld.ts'
import { AddressState } from './address-table.ts'
import type { ControlSender } from './control-sender.ts'
import type { InterfaceParts } from './interface-parts.ts'
import { MembershipReporter } from './membership-reporter.ts'
import type { ReceivedPacket } from './received-packet.ts'

const NEWEST_VERSION = 2

export class MulticastListener extends MembershipReporter {
  constructor(parts: InterfaceParts, sender: ControlSender) {
    super(parts, sender, 6, NEWEST_VERSION, IPV6_HEADER_LENGTH + ROUTER_ALERT_HEADER_LENGTH)
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

  report(records: readonly GroupRecord[]): boolean {
    return this.send(this.source(), MLDV2_ROUTERS, (view, offset) =>
      emitReport(view, offset, Icmpv6Type.MulticastListenerReportV2, records),
    )
  }

  reportInVersion(_version: number, group: IpAddress, isLeaving: boolean): boolean {
    const { MulticastListenerDone, MulticastListenerReport } = Icmpv6Type
    const type = isLeaving ? MulticastListenerDone : MulticastListenerReport
    const destination = isLeaving ? IPV6_ALL_ROUTERS : group
    return this.send(this.source(), destination, (view, offset) =>
      emitMldv1(view, offset, type, group),
    )
  }

  /**
   * RFC 3810 §5.2.13: a link-local address that nobody else has, or none; then reports are for
   * switches (RFC 3590).
   */
  private source(): IpAddress {
    for (const { address, state } of this.parts.addresses.entries) {
      const isOurs = state === AddressState.Preferred || state === AddressState.Deprecated
      if (isOurs && address.version === 6 && isLinkLocal(address)) return address
    }
    return IPV6_UNSPECIFIED
  }
}

/**
 * RFC 3810 §6: groups of scope 0 and 1 and all nodes are never reported, and everybody is in them.
 */
export function isReportedIpv6Group(group: IpAddress): boolean {
  const scope = (group.word0 >>> 16) & 0xf
  return scope > 1 && !isSameAddress(group, IPV6_ALL_NODES)
}
