/**
 * DHCP for IPv4: messages and their options, parsed strictly and emitted (RFC 2131 §2, RFC 2132,
 * RFC 3396).
 */
import { type IpAddress, ipv4Address } from './ip-address.ts'
import { emitHardwareAddress, readHardwareHigh, readHardwareLow } from './mac-address.ts'

export const DHCPV4_SERVER_PORT = 67
export const DHCPV4_CLIENT_PORT = 68

export const Dhcpv4MessageType = {
  Discover: 1,
  Offer: 2,
  Request: 3,
  Decline: 4,
  Ack: 5,
  Nak: 6,
  Release: 7,
} as const
export type Dhcpv4MessageType = (typeof Dhcpv4MessageType)[keyof typeof Dhcpv4MessageType]

export const Dhcpv4Option = {
  Pad: 0,
  SubnetMask: 1,
  Router: 3,
  DomainNameServer: 6,
  HostName: 12,
  DomainName: 15,
  InterfaceMtu: 26,
  NtpServers: 42,
  RequestedAddress: 50,
  LeaseTime: 51,
  Overload: 52,
  MessageType: 53,
  ServerIdentifier: 54,
  ParameterRequestList: 55,
  MaximumMessageSize: 57,
  RenewalTime: 58,
  RebindingTime: 59,
  ClientIdentifier: 61,
  DomainSearch: 119,
  ClasslessRoutes: 121,
  End: 255,
} as const

/** "BOOTP broadcast flag" (RFC 2131 §2). */
const BROADCAST_FLAG = 0x8000
const BOOT_REQUEST = 1
const BOOT_REPLY = 2
const HARDWARE_ETHERNET = 1
const HARDWARE_LENGTH = 6
const MAGIC_COOKIE = 0x63825363

const XID_OFFSET = 4
const SECONDS_OFFSET = 8
const FLAGS_OFFSET = 10
const CIADDR_OFFSET = 12
const YIADDR_OFFSET = 16
const CHADDR_OFFSET = 28
const SNAME_OFFSET = 44
const FILE_OFFSET = 108
const COOKIE_OFFSET = 236
const OPTIONS_OFFSET = 240

/**
 * RFC 1542 §2.1 keeps the 300 octets of a BOOTP message as a minimum, and old relays drop what is
 * shorter.
 */
const MINIMUM_LENGTH = 300

/** Options of a message by code; a repeated one is one value (RFC 3396 §7). */
export type Dhcpv4Options = ReadonlyMap<number, Uint8Array>

export interface Dhcpv4Reply {
  readonly transactionId: number
  readonly yourAddress: number
  readonly hardwareHigh: number
  readonly hardwareLow: number
  readonly options: Dhcpv4Options
}

/**
 * Reads a server's message. Null when it is not one: too short, another operation or hardware, no
 * cookie, an option that goes beyond its field, or an overload option that says nothing. Allocates.
 */
export function parseDhcpv4(bytes: Uint8Array): Dhcpv4Reply | null {
  if (bytes.length < OPTIONS_OFFSET) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (
    bytes[0] !== BOOT_REPLY ||
    bytes[1] !== HARDWARE_ETHERNET ||
    bytes[2] !== HARDWARE_LENGTH ||
    view.getInt32(COOKIE_OFFSET) !== MAGIC_COOKIE
  ) {
    return null
  }
  const options = new Map<number, Uint8Array>()
  if (!collectOptions(bytes, OPTIONS_OFFSET, bytes.length, options)) return null
  const overload = options.get(Dhcpv4Option.Overload)
  if (overload !== undefined) {
    const fields = overload.length === 1 ? overload[0]! : 0
    if (fields < 1 || fields > 3) return null
    // RFC 2131 §4.1: "The 'file' field MUST be interpreted next", "followed by the 'sname' field".
    if ((fields & 1) !== 0 && !collectOptions(bytes, FILE_OFFSET, COOKIE_OFFSET, options)) {
      return null
    }
    if ((fields & 2) !== 0 && !collectOptions(bytes, SNAME_OFFSET, FILE_OFFSET, options)) {
      return null
    }
  }
  return {
    transactionId: view.getInt32(XID_OFFSET),
    yourAddress: view.getInt32(YIADDR_OFFSET),
    hardwareHigh: readHardwareHigh(view, CHADDR_OFFSET),
    hardwareLow: readHardwareLow(view, CHADDR_OFFSET),
    options,
  }
}

/** True when the message is long enough to say so and belongs to this transaction. */
export function isDhcpv4Transaction(bytes: Uint8Array, transactionId: number): boolean {
  return bytes.length >= OPTIONS_OFFSET && readWord(bytes, XID_OFFSET) === transactionId
}

/**
 * Adds the options between two offsets to those found before; false when one goes beyond the end.
 */
function collectOptions(
  bytes: Uint8Array,
  start: number,
  end: number,
  options: Map<number, Uint8Array>,
): boolean {
  let position = start
  while (position < end) {
    const code = bytes[position++]!
    if (code === Dhcpv4Option.Pad) continue
    if (code === Dhcpv4Option.End) return true
    if (position === end) return false
    const length = bytes[position++]!
    if (position + length > end) return false
    const value = bytes.slice(position, position + length)
    position += length
    const before = options.get(code)
    options.set(code, before === undefined ? value : concatenate(before, value))
  }
  return true
}

function concatenate(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.length + second.length)
  whole.set(first)
  whole.set(second, first.length)
  return whole
}

export interface Dhcpv4Request {
  readonly transactionId: number
  readonly hardwareHigh: number
  readonly hardwareLow: number
  /** Since the client began. */
  readonly elapsedSeconds: number
  readonly wantsBroadcast: boolean
  /** `ciaddr`: only of a client that has the address and can answer for it. */
  readonly clientAddress: number
  /** In the order they are written; values of at most 255 octets. */
  readonly options: readonly (readonly [number, Uint8Array])[]
}

/** The message as the payload of a datagram. Allocates. */
export function emitDhcpv4(request: Dhcpv4Request): Uint8Array {
  let length = OPTIONS_OFFSET + 1
  for (const [, value] of request.options) length += 2 + value.length
  const bytes = new Uint8Array(Math.max(length, MINIMUM_LENGTH))
  const view = new DataView(bytes.buffer)
  bytes[0] = BOOT_REQUEST
  bytes[1] = HARDWARE_ETHERNET
  bytes[2] = HARDWARE_LENGTH
  view.setInt32(XID_OFFSET, request.transactionId)
  view.setUint16(SECONDS_OFFSET, Math.min(request.elapsedSeconds, 0xffff))
  view.setUint16(FLAGS_OFFSET, request.wantsBroadcast ? BROADCAST_FLAG : 0)
  view.setInt32(CIADDR_OFFSET, request.clientAddress)
  emitHardwareAddress(view, CHADDR_OFFSET, request.hardwareHigh, request.hardwareLow)
  view.setInt32(COOKIE_OFFSET, MAGIC_COOKIE)
  let position = OPTIONS_OFFSET
  for (const [code, value] of request.options) {
    bytes[position] = code
    bytes[position + 1] = value.length
    bytes.set(value, position + 2)
    position += 2 + value.length
  }
  bytes[position] = Dhcpv4Option.End
  return bytes
}

/** The four octets of an address or of seconds, as an option's value. */
export function wordValue(word: number): Uint8Array {
  return Uint8Array.of(word >>> 24, word >>> 16, word >>> 8, word)
}

/** The big-endian word at `offset` of an option's value, int32. */
export function readWord(value: Uint8Array, offset = 0): number {
  return (
    (value[offset]! << 24) |
    (value[offset + 1]! << 16) |
    (value[offset + 2]! << 8) |
    value[offset + 3]!
  )
}

export interface ClasslessRoute {
  readonly destination: IpAddress
  readonly prefixLength: number
  /** Null: on the link (RFC 3442, "Local Subnet Routes"). */
  readonly router: IpAddress | null
}

/**
 * Option 121: a width, as many octets of the destination as are significant, and a router, again
 * and again (RFC 3442). Null when the value is cut short or a width is above 32. Bits beyond the
 * width are dropped.
 */
export function parseClasslessRoutes(value: Uint8Array): ClasslessRoute[] | null {
  const routes: ClasslessRoute[] = []
  let position = 0
  while (position < value.length) {
    const prefixLength = value[position++]!
    const significant = (prefixLength + 7) >> 3
    if (prefixLength > 32 || position + significant + 4 > value.length) return null
    let word = 0
    for (let index = 0; index < significant; index++) {
      word |= value[position + index]! << (24 - 8 * index)
    }
    if (prefixLength < 32) word &= ~(-1 >>> prefixLength)
    position += significant
    const router = readWord(value, position)
    position += 4
    routes.push({
      destination: ipv4Address(word),
      prefixLength,
      router: router === 0 ? null : ipv4Address(router),
    })
  }
  return routes.length === 0 ? null : routes
}
