/** Walks the IPv6 extension header chain with bounded work (RFC 8200 §4, RFC 6946). */
import { IpProtocol } from './ipv4.ts'
import { IPV6_HEADER_LENGTH, IPV6_NEXT_HEADER_OFFSET, IPV6_PAYLOAD_LENGTH_OFFSET } from './ipv6.ts'

/** More headers than any real packet carries: the rest of the chain is not walked. */
export const MAX_EXTENSION_HEADERS = 8
/**
 * Options other than padding, of hop-by-hop options and of all destination options together (RFC
 * 8504 §5.3: "SHOULD be set to 8").
 */
export const MAX_OPTIONS = 8
/**
 * Octets of Pad1 and PadN in a row: alignment to 8 never takes more (RFC 4942 §2.1.9.5, RFC 8504
 * §5.3).
 */
export const MAX_PADDING_IN_A_ROW = 7

const OPTION_PAD1 = 0
const OPTION_PADN = 1
const OPTION_ROUTER_ALERT = 5
/**
 * Hop-by-hop options of nothing but Router Alert for MLD (RFC 2711 §2.1: value 0), but for the
 * first octet, next header.
 */
export const ROUTER_ALERT_HEADER_LENGTH = 8
export const FRAGMENT_HEADER_LENGTH = 8

/** What is to become of a packet whose chain was walked. */
export const ChainVerdict = {
  /** `protocol`, `transportOffset` and `transportLength` are valid. */
  Transport: 0,
  /** A fragment of a larger packet: the fragment fields are valid. */
  Fragment: 1,
  /** Discard without a word: "no next header", or an option with action 01. */
  Silent: 2,
  /** A length leaves the packet, or a second fragment header. */
  Malformed: 3,
  /** More headers than the limit above. */
  TooLong: 4,
  /** Discard and send Parameter Problem `problemCode` about offset `problemPointer`. */
  ParameterProblem: 5,
  /** The same, unless the destination is a group (option action 11). */
  ParameterProblemUnicast: 6,
  /** More options, or more padding in a row, than the limits above. */
  TooManyOptions: 7,
} as const
export type ChainVerdict = (typeof ChainVerdict)[keyof typeof ChainVerdict]

/** RFC 4443 §3.4. */
export const ParameterProblemCode = {
  ErroneousHeader: 0,
  UnrecognizedNextHeader: 1,
  UnrecognizedOption: 2,
  /** RFC 7112 §5: the first fragment does not hold all headers up to that of the upper layer. */
  IncompleteHeaderChain: 3,
} as const

/** Octets without which an upper-layer header is not there; of others one octet is enough. */
const LEAST_UPPER_HEADER: Readonly<Record<number, number>> = {
  [IpProtocol.Tcp]: 20,
  [IpProtocol.Udp]: 8,
  [IpProtocol.Icmpv6]: 8,
  [IpProtocol.NoNextHeader]: 0,
}

/** A record the caller owns. */
export interface ExtensionChain {
  protocol: number
  /** Where the transport header starts, in the same terms as the `offset` given. */
  transportOffset: number
  transportLength: number
  /** Offset, from the start of the IPv6 header, of the next-header field that named `protocol`. */
  nextHeaderPointer: number
  /**
   * A fragment header was passed, an atomic one included (RFC 6980 forbids it to neighbor
   * discovery).
   */
  hasFragmentHeader: boolean
  /** Bytes. */
  fragmentOffset: number
  moreFragments: boolean
  fragmentIdentification: number
  problemCode: number
  /** Offset from the start of the IPv6 header. */
  problemPointer: number
}

export function createExtensionChain(): ExtensionChain {
  return {
    protocol: 0,
    transportOffset: 0,
    transportLength: 0,
    nextHeaderPointer: 0,
    hasFragmentHeader: false,
    fragmentOffset: 0,
    moreFragments: false,
    fragmentIdentification: 0,
    problemCode: 0,
    problemPointer: 0,
  }
}

/**
 * Walks from the fixed header at `offset` on. `contiguousLength` bytes from `offset` may be read;
 * the packet has `payloadLength` bytes after its fixed header, of which the end may lie elsewhere.
 */
export function walkExtensionHeaders(
  view: DataView,
  offset: number,
  contiguousLength: number,
  payloadLength: number,
  out: ExtensionChain,
): ChainVerdict {
  const end = offset + IPV6_HEADER_LENGTH + payloadLength
  const readableEnd = Math.min(offset + contiguousLength, end)
  let next = view.getUint8(offset + IPV6_NEXT_HEADER_OFFSET)
  let pointer = IPV6_NEXT_HEADER_OFFSET
  let position = offset + IPV6_HEADER_LENGTH
  let headersLeft = MAX_EXTENSION_HEADERS
  let optionsLeft = MAX_OPTIONS
  out.hasFragmentHeader = false
  for (;;) {
    if (!isExtensionHeader(next)) {
      if (next === IpProtocol.NoNextHeader) return ChainVerdict.Silent
      out.protocol = next
      out.transportOffset = position
      out.transportLength = end - position
      out.nextHeaderPointer = pointer
      return ChainVerdict.Transport
    }
    if (next === IpProtocol.HopByHop && pointer !== IPV6_NEXT_HEADER_OFFSET) {
      // §4: "The same action should be taken if a node encounters a Next Header value of zero in
      // any header other than an IPv6 header."
      return problem(out, ParameterProblemCode.UnrecognizedNextHeader, pointer)
    }
    if (headersLeft-- === 0) return ChainVerdict.TooLong
    if (position + 8 > readableEnd) return ChainVerdict.Malformed
    const length = next === IpProtocol.Fragment ? 8 : (view.getUint8(position + 1) + 1) << 3
    if (position + length > readableEnd) return ChainVerdict.Malformed
    if (next === IpProtocol.Fragment) {
      const verdict = readFragmentHeader(view, offset, position, end, out)
      if (verdict !== ChainVerdict.Transport) return verdict
    } else if (next === IpProtocol.Routing) {
      // §4.4: an unrecognized type is ignored with no segments left; type 0 is no exception (RFC
      // 5095).
      if (view.getUint8(position + 3) !== 0) {
        return problem(out, ParameterProblemCode.ErroneousHeader, position + 2 - offset)
      }
    } else {
      const left = walkOptions(view, offset, position, length, optionsLeft, out)
      if (left < 0) return -left as ChainVerdict
      // Hop-by-hop options are there once and first: they have a count of their own.
      if (next !== IpProtocol.HopByHop) optionsLeft = left
    }
    next = view.getUint8(position)
    pointer = position - offset
    position += length
  }
}

/**
 * Follows lengths only, judging nothing, to the transport header of a packet whose walk found a
 * problem: whether it is an ICMPv6 error decides if an error may be sent about it. False when the
 * chain does not lead there.
 */
export function skipExtensionHeaders(
  view: DataView,
  offset: number,
  contiguousLength: number,
  payloadLength: number,
  out: ExtensionChain,
): boolean {
  const end = offset + Math.min(contiguousLength, IPV6_HEADER_LENGTH + payloadLength)
  let next = view.getUint8(offset + IPV6_NEXT_HEADER_OFFSET)
  let position = offset + IPV6_HEADER_LENGTH
  for (let headers = 0; isExtensionHeader(next); headers++) {
    if (headers === MAX_EXTENSION_HEADERS || position + 8 > end) return false
    const length = next === IpProtocol.Fragment ? 8 : (view.getUint8(position + 1) + 1) << 3
    next = view.getUint8(position)
    position += length
  }
  if (position > end) return false
  out.protocol = next
  out.transportOffset = position
  out.transportLength = end - position
  return true
}

/**
 * RFC 8200 §4.5: a first fragment must "include all headers through an Upper-Layer header". Takes
 * what follows its fragment header at `position`, which names `protocol`; the fragment ends at
 * `end`.
 */
export function holdsUpperLayerHeader(
  view: DataView,
  position: number,
  end: number,
  protocol: number,
): boolean {
  let next = protocol
  let header = position
  for (let headers = 0; isExtensionHeader(next); headers++) {
    if (headers === MAX_EXTENSION_HEADERS || header + 8 > end) return false
    const length = next === IpProtocol.Fragment ? 8 : (view.getUint8(header + 1) + 1) << 3
    next = view.getUint8(header)
    header += length
  }
  return header + (LEAST_UPPER_HEADER[next] ?? 1) <= end
}

function isExtensionHeader(protocol: number): boolean {
  return (
    protocol === IpProtocol.HopByHop ||
    protocol === IpProtocol.DestinationOptions ||
    protocol === IpProtocol.Routing ||
    protocol === IpProtocol.Fragment
  )
}

function problem(out: ExtensionChain, code: number, pointer: number): ChainVerdict {
  out.problemCode = code
  out.problemPointer = pointer
  return ChainVerdict.ParameterProblem
}

/** §4.5. Transport = an atomic fragment, processed like a whole packet (RFC 6946). */
function readFragmentHeader(
  view: DataView,
  offset: number,
  position: number,
  end: number,
  out: ExtensionChain,
): ChainVerdict {
  if (out.hasFragmentHeader) return ChainVerdict.Malformed
  const field = view.getUint16(position + 2)
  const fragmentLength = end - position - 8
  out.hasFragmentHeader = true
  out.fragmentOffset = field & 0xfff8
  out.moreFragments = (field & 1) !== 0
  out.fragmentIdentification = view.getInt32(position + 4)
  if ((field & 0xfff9) === 0) return ChainVerdict.Transport
  if (out.moreFragments && (fragmentLength & 7) !== 0) {
    return problem(out, ParameterProblemCode.ErroneousHeader, IPV6_PAYLOAD_LENGTH_OFFSET)
  }
  if (out.fragmentOffset + fragmentLength > 65535) {
    return problem(out, ParameterProblemCode.ErroneousHeader, position + 2 - offset)
  }
  out.protocol = view.getUint8(position)
  out.transportOffset = position + 8
  out.transportLength = fragmentLength
  out.nextHeaderPointer = position - offset
  return ChainVerdict.Fragment
}

/**
 * §4.2. Returns how many options may still follow in headers of this kind, or a negated verdict.
 */
function walkOptions(
  view: DataView,
  offset: number,
  headerPosition: number,
  headerLength: number,
  optionsAllowed: number,
  out: ExtensionChain,
): number {
  const end = headerPosition + headerLength
  let optionsLeft = optionsAllowed
  let padding = 0
  let position = headerPosition + 2
  while (position < end) {
    const type = view.getUint8(position)
    if (type === OPTION_PAD1) {
      if (++padding > MAX_PADDING_IN_A_ROW) return -ChainVerdict.TooManyOptions
      position++
      continue
    }
    if (position + 2 > end) return -ChainVerdict.Malformed
    const optionEnd = position + 2 + view.getUint8(position + 1)
    if (optionEnd > end) return -ChainVerdict.Malformed
    if (type === OPTION_PADN) {
      padding += optionEnd - position
      if (padding > MAX_PADDING_IN_A_ROW) return -ChainVerdict.TooManyOptions
    } else {
      if (optionsLeft-- === 0) return -ChainVerdict.TooManyOptions
      padding = 0
      const action = type >>> 6
      if (action === 1) return -ChainVerdict.Silent
      if (action !== 0) {
        out.problemCode = ParameterProblemCode.UnrecognizedOption
        out.problemPointer = position - offset
        return action === 2 ? -ChainVerdict.ParameterProblem : -ChainVerdict.ParameterProblemUnicast
      }
    }
    position = optionEnd
  }
  return optionsLeft
}

/** True when a packet that walkExtensionHeaders approved has the Router Alert option (RFC 2711). */
export function hasRouterAlert(view: DataView, offset: number): boolean {
  if (view.getUint8(offset + IPV6_NEXT_HEADER_OFFSET) !== IpProtocol.HopByHop) return false
  const header = offset + IPV6_HEADER_LENGTH
  const end = header + ((view.getUint8(header + 1) + 1) << 3)
  let position = header + 2
  while (position < end) {
    const type = view.getUint8(position)
    if (type === OPTION_ROUTER_ALERT) return true
    position += type === OPTION_PAD1 ? 1 : 2 + view.getUint8(position + 1)
  }
  return false
}

/**
 * Writes the header of a fragment (RFC 8200 §4.5); `fragmentOffset` is in octets, and 8 divides it.
 */
export function emitFragmentHeader(
  view: DataView,
  offset: number,
  nextHeader: number,
  fragmentOffset: number,
  moreFragments: boolean,
  identification: number,
): void {
  view.setUint16(offset, nextHeader << 8)
  view.setUint16(offset + 2, fragmentOffset | (moreFragments ? 1 : 0))
  view.setInt32(offset + 4, identification)
}

/** Writes hop-by-hop options with Router Alert for MLD and padding. */
export function emitRouterAlertHeader(view: DataView, offset: number, nextHeader: number): void {
  view.setUint16(offset, nextHeader << 8)
  view.setUint16(offset + 2, (OPTION_ROUTER_ALERT << 8) | 2)
  view.setInt32(offset + 4, OPTION_PADN << 8)
}
