/**
 * Which link a link-local peer is on: on each the same address may be another's, and the address of
 * ours that it talks to may be of a third (RFC 4007 §6).
 */
import { NO_INTERFACE } from '../../iface/host-addresses.ts'
import { type IpAddress, isLinkLocal } from '../../wire/ip-address.ts'

/** `peerZone` is NO_INTERFACE where it is that of our address. */
export function zoneOfPeer(ends: { interfaceIndex: number; peerZone: number }): number {
  const { peerZone } = ends
  return peerZone === NO_INTERFACE ? ends.interfaceIndex : peerZone
}

/**
 * False where the address is another's than that of the peer in `zone`, as it is of another link:
 * that of `arrivalIndex`, or NO_INTERFACE where nobody knows.
 */
export function isOfZone(address: IpAddress, zone: number, arrivalIndex: number): boolean {
  if (zone === arrivalIndex || arrivalIndex === NO_INTERFACE) return true
  return address.version === 4 || !isLinkLocal(address)
}
