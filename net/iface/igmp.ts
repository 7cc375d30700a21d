/**
 * Tells routers and switches which IPv4 groups are wanted here (IGMPv3, RFC 3376; toward older
 * queriers versions 2 and 1).
 */
import { emitReport, type GroupRecord } from '../wire/group-record.ts'
import {
  emitIgmp,
  IGMP_LENGTH,
  IGMPV3_ROUTERS,
  IgmpType,
  IPV4_ALL_ROUTERS,
  parseIgmpQuery,
} from '../wire/igmp.ts'
import { IPV4_UNSPECIFIED, type IpAddress, ipv4Address } from '../wire/ip-address.ts'
import { hasIpv4RouterAlert, IPV4_ROUTER_ALERT_HEADER_LENGTH } from '../wire/ipv4.ts'
import type { ControlSender } from './control-sender.ts'
import type { InterfaceParts } from './interface-parts.ts'
import { MembershipReporter } from './membership-reporter.ts'
import type { ReceivedPacket } from './received-packet.ts'

/** 224.0.0.1: every host is a member and none reports it (RFC 1112 §4, RFC 3376 §6). */
export const IPV4_ALL_SYSTEMS = 0xe0000001 | 0
const NEWEST_VERSION = 3
const TIME_TO_LIVE = 1

export class Igmp extends MembershipReporter {
  constructor(parts: InterfaceParts, sender: ControlSender) {
    super(parts, sender, 4, NEWEST_VERSION, IPV4_ROUTER_ALERT_HEADER_LENGTH)
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
      // RFC 3376 §9.1: "Hosts SHOULD ignore v2 or v3 Queries without the Router-Alert option", and
      // general ones to another group. Those of version 1 have none (RFC 1112).
      if (
        query === null ||
        (query.version > 1 && !hasIpv4RouterAlert(view, packet.networkOffset)) ||
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

  report(records: readonly GroupRecord[]): boolean {
    return this.sendTo(IGMPV3_ROUTERS, (view, offset) =>
      emitReport(view, offset, IgmpType.ReportV3, records),
    )
  }

  reportInVersion(version: number, group: IpAddress, isLeaving: boolean): boolean {
    // RFC 1112: version 1 says nothing when a group is left.
    if (isLeaving && version === 1) return true
    if (isLeaving) {
      return this.sendTo(IPV4_ALL_ROUTERS, (view, offset) =>
        emitIgmp(view, offset, IgmpType.Leave, group),
      )
    }
    const type = version === 1 ? IgmpType.ReportV1 : IgmpType.ReportV2
    return this.sendTo(group, (view, offset) => emitIgmp(view, offset, type, group))
  }

  private sendTo(
    destination: IpAddress,
    emit: (view: DataView, offset: number) => number,
  ): boolean {
    // RFC 3376 §4.2.13: 0.0.0.0 while there is no address.
    const source = this.parts.addresses.selectSource(destination) ?? IPV4_UNSPECIFIED
    return this.send(source, destination, emit)
  }
}
