/**
 * What IGMP and MLD have in common: the groups of their family, how much of them fits a report, and
 * how a report leaves.
 */
import {
  addressLength,
  type GroupRecord,
  REPORT_HEADER_LENGTH,
  recordLength,
} from '../wire/group-record.ts'
import type { IpAddress } from '../wire/ip-address.ts'
import type { ControlSender } from './control-sender.ts'
import { GroupMembership, type MembershipReports } from './group-membership.ts'
import type { InterfaceParts } from './interface-parts.ts'
import type { ReportSizes } from './report-packing.ts'

export abstract class MembershipReporter implements MembershipReports {
  readonly newestVersion: number
  readonly sizes: ReportSizes
  readonly membership: GroupMembership
  protected readonly parts: InterfaceParts
  private readonly sender: ControlSender

  /** `headersLength`: of the IP headers in front of a report, the Router Alert included. */
  constructor(
    parts: InterfaceParts,
    sender: ControlSender,
    ipVersion: 4 | 6,
    newestVersion: number,
    headersLength: number,
  ) {
    this.parts = parts
    this.sender = sender
    this.newestVersion = newestVersion
    const { link } = parts
    this.sizes = {
      // RFC 3376 §4.2.16, RFC 3810 §5.2.15: of the interface, which a lease or a router may have
      // made smaller than the device's.
      get room() {
        return (ipVersion === 4 ? link.mtu4 : link.mtu6) - headersLength - REPORT_HEADER_LENGTH
      },
      recordLength: recordLength(ipVersion),
      sourceLength: addressLength(ipVersion),
    }
    this.membership = new GroupMembership(this, parts.random, parts.deadline)
  }

  abstract report(records: readonly GroupRecord[]): boolean
  abstract reportInVersion(version: number, group: IpAddress, isLeaving: boolean): boolean

  /**
   * `emit` writes the message with a zero checksum and returns its length; false when it cannot
   * leave.
   */
  protected send(
    source: IpAddress,
    destination: IpAddress,
    emit: (view: DataView, offset: number) => number,
  ): boolean {
    const record = this.sender.beginReport(source, destination)
    const length = emit(record.view, this.sender.messageOffset)
    if (!this.sender.finish(record, length)) return false
    this.parts.counters.membershipReportsSent++
    return true
  }
}
