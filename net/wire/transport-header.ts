/**
 * What the layer below a transport protocol must know of its header: how long it is, and where its
 * checksum lies.
 */
import { IpProtocol } from './ipv4.ts'
import { TCP_CHECKSUM_OFFSET, TCP_HEADER_LENGTH, TCP_MAX_HEADER_LENGTH } from './tcp.ts'
import { UDP_CHECKSUM_OFFSET, UDP_HEADER_LENGTH } from './udp.ts'

/** Of protocols whose checksum the device does not compute: their senders do, or they have none. */
export const NO_CHECKSUM = -1
/** The longest header of any of them: TCP's with all options. */
export const TRANSPORT_MAX_HEADER_LENGTH = TCP_MAX_HEADER_LENGTH

/** From the start of the transport header, in bytes; NO_CHECKSUM of what is neither TCP nor UDP. */
export function transportChecksumOffset(protocol: number): number {
  if (protocol === IpProtocol.Tcp) return TCP_CHECKSUM_OFFSET
  return protocol === IpProtocol.Udp ? UDP_CHECKSUM_OFFSET : NO_CHECKSUM
}

/** Bytes without options, of TCP or UDP. */
export function transportHeaderLength(protocol: number): number {
  return protocol === IpProtocol.Tcp ? TCP_HEADER_LENGTH : UDP_HEADER_LENGTH
}
