/**
 * The path of answers that belong to no flow: one record that is pointed at one peer after the
 * other, so that a flood costs no memory.
 */
import { addWord, foldSum, pseudoHeaderSum } from '../wire/checksum.ts'
import { ETHERNET_HEADER_LENGTH } from '../wire/ethernet.ts'
import {
  type AddressRecord,
  createAddressRecord,
  emitIpAddress,
  hashAddress,
  type IpAddress,
  setAddress,
} from '../wire/ip-address.ts'
import { IPV4_DESTINATION_OFFSET, IPV4_SOURCE_OFFSET } from '../wire/ipv4.ts'
import { IPV6_DESTINATION_OFFSET, IPV6_HOP_LIMIT_OFFSET, IPV6_SOURCE_OFFSET } from '../wire/ipv6.ts'
import { FlowPath, ORDINARY_FIELDS } from './flow-path.ts'
import { DEFAULT_HOP_LIMIT } from './link-parameters.ts'

export class ReplyPath extends FlowPath {
  declare readonly source: AddressRecord
  declare readonly destination: AddressRecord
  /** IPv4: sum of a header whose addresses are zero. */
  private readonly bareHeaderSum: number

  constructor(ipVersion: 4 | 6, protocol: number, mtu: number) {
    const source = createAddressRecord(ipVersion)
    const destination = createAddressRecord(ipVersion)
    super(source, destination, protocol, mtu, 0, {
      ...ORDINARY_FIELDS,
      hopLimit: DEFAULT_HOP_LIMIT,
    })
    this.bareHeaderSum = this.headerSum
  }

  /**
   * From `source` to `destination` from now on. The lengths are planned anew with the next packet.
   * `hopLimit` is IPv6's.
   */
  redirect(source: IpAddress, destination: IpAddress, hopLimit: number): void {
    const { view, header } = this.record
    const ip = ETHERNET_HEADER_LENGTH
    setAddress(this.source, source)
    setAddress(this.destination, destination)
    this.record.flowHash = hashAddress(destination)
    if (this.ipVersion === 4) {
      emitIpAddress(view, ip + IPV4_SOURCE_OFFSET, source)
      emitIpAddress(view, ip + IPV4_DESTINATION_OFFSET, destination)
      const sum = addWord(addWord(this.bareHeaderSum, source.word3), destination.word3)
      this.headerSum = foldSum(sum)
    } else {
      header[ip + IPV6_HOP_LIMIT_OFFSET] = hopLimit
      emitIpAddress(view, ip + IPV6_SOURCE_OFFSET, source)
      emitIpAddress(view, ip + IPV6_DESTINATION_OFFSET, destination)
    }
    // A count would tell one peer how many answers others get. They are never fragmented: RFC 6864
    // §4.1 lets them all have the same.
    this.identification = 0
    this.pseudoHeaderSum = pseudoHeaderSum(source, destination, this.protocol)
    this.plannedLength = -1
  }
}
