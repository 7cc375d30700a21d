/**
 * Neighbor discovery messages: offsets, parse with their validity rules, emit, format (RFC 4861 §4,
 * §6.1, §7.1, §8.1).
 */
import { Icmpv6Type } from './icmpv6.ts'
import {
  type AddressRecord,
  createAddressRecord,
  emitIpAddress,
  isMulticast,
  loadIpv6Address,
} from './ip-address.ts'
import { formatIpAddress } from './ip-address-text.ts'
import { emitHardwareAddress, formatHardwareAddress } from './mac-address.ts'

/** Messages with another hop limit have crossed a router (§7.1.1). */
export const NDP_HOP_LIMIT = 255
/** ICMPv6 header, target address; options follow. */
export const NEIGHBOR_MESSAGE_LENGTH = 24
/** With one link-layer address option. */
export const NEIGHBOR_MESSAGE_WITH_OPTION_LENGTH = 32
const TARGET_OFFSET = 8

export const NdpOption = {
  SourceLinkLayerAddress: 1,
  TargetLinkLayerAddress: 2,
  PrefixInformation: 3,
  RedirectedHeader: 4,
  Mtu: 5,
} as const

/** Flags in bytes 4..7 of a Neighbor Advertisement (§4.4), as int32 bits. */
export const NeighborFlag = {
  Router: 0x80000000 | 0,
  Solicited: 0x40000000,
  Override: 0x20000000,
} as const

/** A Neighbor Solicitation or Advertisement. A record the caller owns. */
export interface NeighborMessage {
  type: number
  /** Bytes 4..7: the NeighborFlag bits, 0 in a solicitation. */
  flags: number
  readonly target: AddressRecord
  /**
   * The option that goes with the type: source address in a solicitation, target address in an
   * advertisement.
   */
  hasLinkLayerAddress: boolean
  linkLayerHigh: number
  linkLayerLow: number
}

export function createNeighborMessage(): NeighborMessage {
  return {
    type: Icmpv6Type.NeighborSolicitation,
    flags: 0,
    target: createAddressRecord(6),
    hasLinkLayerAddress: false,
    linkLayerHigh: 0,
    linkLayerLow: 0,
  }
}

/** Least ICMPv6 length of each message type, 0 = not neighbor discovery. */
function ndpMinimumLength(type: number): number {
  switch (type) {
    case Icmpv6Type.NeighborSolicitation:
    case Icmpv6Type.NeighborAdvertisement:
      return NEIGHBOR_MESSAGE_LENGTH
    case Icmpv6Type.RouterSolicitation:
      return 8
    case Icmpv6Type.RouterAdvertisement:
      return 16
    case Icmpv6Type.Redirect:
      return 40
    default:
      return 0
  }
}

/**
 * What §6.1, §7.1 and §8.1 ask of every message: hop limit 255, code 0, minimum length, and options
 * that fill the rest exactly, none of length 0. Types other than neighbor discovery are invalid.
 */
export function isValidNdp(
  view: DataView,
  offset: number,
  length: number,
  hopLimit: number,
): boolean {
  if (length < 8 || hopLimit !== NDP_HOP_LIMIT || view.getUint8(offset + 1) !== 0) return false
  const minimum = ndpMinimumLength(view.getUint8(offset))
  if (minimum === 0 || length < minimum) return false
  const end = offset + length
  let position = offset + minimum
  while (position < end) {
    if (position + 2 > end) return false
    const optionLength = view.getUint8(position + 1) << 3
    if (optionLength === 0 || position + optionLength > end) return false
    position += optionLength
  }
  return true
}

/**
 * Reads a solicitation or advertisement that isValidNdp has approved. False when its target is a
 * multicast address. Unknown options are skipped; a repeated one counts once, the last wins.
 */
export function parseNeighborMessage(
  view: DataView,
  offset: number,
  length: number,
  out: NeighborMessage,
): boolean {
  const type = view.getUint8(offset)
  out.type = type
  out.flags = view.getInt32(offset + 4)
  loadIpv6Address(out.target, view, offset + TARGET_OFFSET)
  out.hasLinkLayerAddress = false
  const wanted =
    type === Icmpv6Type.NeighborSolicitation
      ? NdpOption.SourceLinkLayerAddress
      : NdpOption.TargetLinkLayerAddress
  const end = offset + length
  let position = offset + NEIGHBOR_MESSAGE_LENGTH
  while (position < end) {
    if (view.getUint8(position) === wanted) {
      out.hasLinkLayerAddress = true
      out.linkLayerHigh = view.getUint16(position + 2)
      out.linkLayerLow = view.getInt32(position + 4)
    }
    position += view.getUint8(position + 1) << 3
  }
  return !isMulticast(out.target)
}

/**
 * Writes the message with a zero checksum; returns its length: 24, or 32 with a link-layer address.
 */
export function emitNeighborMessage(
  view: DataView,
  offset: number,
  message: NeighborMessage,
): number {
  view.setInt32(offset, message.type << 24)
  view.setInt32(offset + 4, message.flags)
  emitIpAddress(view, offset + TARGET_OFFSET, message.target)
  if (!message.hasLinkLayerAddress) return NEIGHBOR_MESSAGE_LENGTH
  const option =
    message.type === Icmpv6Type.NeighborSolicitation
      ? NdpOption.SourceLinkLayerAddress
      : NdpOption.TargetLinkLayerAddress
  view.setUint16(offset + 24, (option << 8) | 1)
  emitHardwareAddress(view, offset + 26, message.linkLayerHigh, message.linkLayerLow)
  return NEIGHBOR_MESSAGE_WITH_OPTION_LENGTH
}

export function formatNeighborMessage(message: NeighborMessage): string {
  const target = formatIpAddress(message.target)
  const hardware = message.hasLinkLayerAddress
    ? ` at ${formatHardwareAddress(message.linkLayerHigh, message.linkLayerLow)}`
    : ''
  if (message.type === Icmpv6Type.NeighborSolicitation) return `NDP who has ${target}${hardware}`
  let flags = ''
  if ((message.flags & NeighborFlag.Router) !== 0) flags += 'R'
  if ((message.flags & NeighborFlag.Solicited) !== 0) flags += 'S'
  if ((message.flags & NeighborFlag.Override) !== 0) flags += 'O'
  return `NDP ${target} is${hardware} flags=[${flags}]`
}
