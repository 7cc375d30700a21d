/** The VLAN tag of a received frame: read, and taken off in place (IEEE 802.1Q §9.3, §9.6). */
import type { ReceivedFragment, ReceivedFrame } from '../phy/net-device.ts'
import { ETHERNET_TYPE_OFFSET, EtherType } from '../wire/ethernet.ts'

/** Tag protocol identifier 0x8100, then priority, drop eligibility and VLAN identifier. */
export const VLAN_TAG_LENGTH = 4
const TAG_CONTROL_OFFSET = 14
const VLAN_IDENTIFIER_MASK = 0x0fff

export function isTagged({ buffer, offset }: ReceivedFragment): boolean {
  return buffer.view.getUint16(offset + ETHERNET_TYPE_OFFSET) === EtherType.Vlan
}

/** The VLAN identifier of a tagged frame; 0 = none, priority only. */
export function vlanOf({ buffer, offset }: ReceivedFragment): number {
  return buffer.view.getUint16(offset + TAG_CONTROL_OFFSET) & VLAN_IDENTIFIER_MASK
}

/**
 * Moves both hardware addresses over the tag and lets the frame begin there. Nothing else counts
 * from the start of the frame: where a device says that a checksum field lies was judged when the
 * frame still had its tag, as the device sees it (Linux adds the tag's length to csum_start for a
 * TAP).
 */
export function removeVlanTag(frame: ReceivedFrame): void {
  const first = frame.fragments[0]!
  const { view } = first.buffer
  const start = first.offset
  const word0 = view.getInt32(start)
  const word1 = view.getInt32(start + 4)
  const word2 = view.getInt32(start + 8)
  view.setInt32(start + 4, word0)
  view.setInt32(start + 8, word1)
  view.setInt32(start + 12, word2)
  first.offset = start + VLAN_TAG_LENGTH
  first.length -= VLAN_TAG_LENGTH
  frame.length -= VLAN_TAG_LENGTH
}
