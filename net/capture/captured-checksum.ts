/**
 * Completes, in the copy of a frame, the transport checksum that the device was to compute or had
 * left out.
 */
import type { BulkOperations } from '../storage/buffer.ts'
import { ETHERNET_HEADER_LENGTH, ETHERNET_TYPE_OFFSET, EtherType } from '../wire/ethernet.ts'
import { IPV4_HEADER_LENGTH, IpProtocol } from '../wire/ipv4.ts'
import { IPV6_HEADER_LENGTH, IPV6_NEXT_HEADER_OFFSET } from '../wire/ipv6.ts'
import { TCP_CHECKSUM_OFFSET } from '../wire/tcp.ts'
import { UDP_CHECKSUM_OFFSET } from '../wire/udp.ts'

/**
 * The field at `checksumOffset` of the transport header holds the pseudo-header sum, full length
 * included, so the sum over all of it is the checksum; of a super-segment too, as if it were one
 * packet.
 */
export function completeChecksum(
  bytes: Uint8Array,
  view: DataView,
  transport: number,
  end: number,
  checksumOffset: number,
  bulk: BulkOperations,
): void {
  let checksum = ~bulk.checksum(bytes, transport, end - transport, 0) & 0xffff
  // RFC 768: a computed zero is sent as all ones.
  if (checksum === 0 && checksumOffset === UDP_CHECKSUM_OFFSET) checksum = 0xffff
  view.setUint16(transport + checksumOffset, checksum)
}

/**
 * The same for a received frame, of which nobody says where its transport header is. Returns false,
 * the frame as it was, for anything but TCP and UDP right behind the IP header.
 */
export function completeReceivedChecksum(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  lengthBytes: number,
  bulk: BulkOperations,
): boolean {
  const ip = start + ETHERNET_HEADER_LENGTH
  if (lengthBytes < ETHERNET_HEADER_LENGTH + IPV4_HEADER_LENGTH) return false
  const type = view.getUint16(start + ETHERNET_TYPE_OFFSET)
  let protocol = 0
  let transport = 0
  let end = 0
  if (type === EtherType.Ipv4) {
    protocol = view.getUint8(ip + 9)
    transport = ip + (view.getUint8(ip) & 0xf) * 4
    end = ip + view.getUint16(ip + 2)
  } else if (
    type === EtherType.Ipv6 &&
    lengthBytes >= ETHERNET_HEADER_LENGTH + IPV6_HEADER_LENGTH
  ) {
    protocol = view.getUint8(ip + IPV6_NEXT_HEADER_OFFSET)
    transport = ip + IPV6_HEADER_LENGTH
    end = transport + view.getUint16(ip + 4)
  }
  const isTcp = protocol === IpProtocol.Tcp
  if (!isTcp && protocol !== IpProtocol.Udp) return false
  // What the lengths say must lie in the frame; link padding may follow.
  if (end > start + lengthBytes || end - transport < (isTcp ? 20 : 8)) return false
  const checksumOffset = isTcp ? TCP_CHECKSUM_OFFSET : UDP_CHECKSUM_OFFSET
  completeChecksum(bytes, view, transport, end, checksumOffset, bulk)
  return true
}
