/**
 * Who a DHCP client is, to servers of both families: a DUID made of the hardware address (RFC 8415
 * §11.4, RFC 4361 §6.1).
 */
import { emitHardwareAddress } from '../../wire/mac-address.ts'

const DUID_LINK_LAYER = 3
const HARDWARE_ETHERNET = 1
const DUID_LENGTH = 10
/** RFC 4361 §6.1: the type of a client identifier that holds IAID and DUID. */
const NODE_SPECIFIC = 255

/**
 * DUID-LL: there is nothing to store one of another kind in, and this one is the same after a
 * restart.
 */
export function linkLayerIdentifier(hardwareHigh: number, hardwareLow: number): Uint8Array {
  const identifier = new Uint8Array(DUID_LENGTH)
  const view = new DataView(identifier.buffer)
  view.setInt32(0, (DUID_LINK_LAYER << 16) | HARDWARE_ETHERNET)
  emitHardwareAddress(view, 4, hardwareHigh, hardwareLow)
  return identifier
}

/**
 * Option 61 of DHCPv4: the type, an IAID (one interface: the end of its hardware address), the
 * DUID.
 */
export function dhcpv4ClientIdentifier(hardwareHigh: number, hardwareLow: number): Uint8Array {
  const identifier = new Uint8Array(5 + DUID_LENGTH)
  identifier[0] = NODE_SPECIFIC
  new DataView(identifier.buffer).setInt32(1, hardwareLow)
  identifier.set(linkLayerIdentifier(hardwareHigh, hardwareLow), 5)
  return identifier
}
