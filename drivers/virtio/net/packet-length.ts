/** Which received frames are longer than any packet, and how long they get nevertheless. */
import type { DmaBuffer } from '../../dma-buffer.ts'
import { NET_HEADER_BYTES } from './net-header.ts'

const ETHERNET_HEADER_BYTES = 14
const IPV6_HEADER_BYTES = 40
const VLAN_TAG_BYTES = 4
const TYPE_OFFSET = NET_HEADER_BYTES + 12
const IPV4_TYPE = 0x0800
const VLAN_TYPE = 0x8100

/** What the length field of IPv4 tells of; the one of IPv6 leaves its header out. */
export const MAX_IPV4_FRAME = ETHERNET_HEADER_BYTES + 0xffff
const MAX_IPV6_FRAME = MAX_IPV4_FRAME + IPV6_HEADER_BYTES
/** QEMU's NET_BUFSIZE: its links between guests have no MTU, and a neighbor may send so much. */
const LONGEST_FRAME = 4096 + 65_536

/** Over how many buffers the longest frame is spread that is no lie of the device. */
export function buffersOfLongestFrame(bufferBytes: number): number {
  return Math.ceil((NET_HEADER_BYTES + LONGEST_FRAME) / bufferBytes)
}

/**
 * True when the frame of `length` bytes, whose buffer begins at `start`, is longer than its IP
 * header could say. As one that nobody coalesced, the stack refuses it; of those that were it
 * believes the length.
 */
export function isNoPacket({ view }: DmaBuffer, start: number, length: number): boolean {
  const type = view.getUint16(start + TYPE_OFFSET)
  const tag = type === VLAN_TYPE ? VLAN_TAG_BYTES : 0
  const inner = tag === 0 ? type : view.getUint16(start + TYPE_OFFSET + VLAN_TAG_BYTES)
  return length - tag > (inner === IPV4_TYPE ? MAX_IPV4_FRAME : MAX_IPV6_FRAME)
}
