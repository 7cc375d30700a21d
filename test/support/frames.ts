/** Builds frames byte by byte, independent of the stack's own emitters where that matters. */
import { foldSum } from '../../net/wire/checksum.ts'
import { parseIpAddress } from '../../net/wire/ip-address-text.ts'
import { parseHardwareAddress } from '../../net/wire/mac-address.ts'

export function concat(...parts: ArrayLike<number>[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let offset = 0
  for (const part of parts) {
    result.set(part, offset)
    offset += part.length
  }
  return result
}

export function be16(value: number): number[] {
  return [(value >>> 8) & 0xff, value & 0xff]
}

export function be32(value: number): number[] {
  return [...be16(value >>> 16), ...be16(value & 0xffff)]
}

/** Octets of an address in text. */
export function ip(text: string): number[] {
  const address = parseIpAddress(text)
  if (address === null) throw new Error(`Cannot parse ${text}`)
  const words = [address.word0, address.word1, address.word2, address.word3]
  return address.version === 4 ? be32(address.word3) : words.flatMap(be32)
}

export function mac(text: string): number[] {
  return [...parseHardwareAddress(text)!]
}

/** Complemented Internet checksum, the plain way. */
export function checksumOf(bytes: ArrayLike<number>): number {
  let sum = 0
  for (let index = 0; index < bytes.length; index += 2) {
    sum += (bytes[index]! << 8) | (index + 1 < bytes.length ? bytes[index + 1]! : 0)
  }
  return ~foldSum(sum) & 0xffff
}

export function ethernet(destination: string, source: string, type: number): number[] {
  return [...mac(destination), ...mac(source), ...be16(type)]
}

export interface Ipv4Fields {
  source: string
  destination: string
  protocol: number
  version?: number
  headerWords?: number
  totalLength?: number
  identification?: number
  flagsAndOffset?: number
  timeToLive?: number
  checksum?: number
  trafficClass?: number
  options?: number[]
}

/** An IPv4 packet; fields left out are right. */
export function ipv4(fields: Ipv4Fields, payload: ArrayLike<number>): Uint8Array {
  const options = fields.options ?? []
  const headerLength = 20 + options.length
  const header = [
    ((fields.version ?? 4) << 4) | (fields.headerWords ?? headerLength / 4),
    fields.trafficClass ?? 0,
    ...be16(fields.totalLength ?? headerLength + payload.length),
    ...be16(fields.identification ?? 0x1234),
    ...be16(fields.flagsAndOffset ?? 0),
    fields.timeToLive ?? 64,
    fields.protocol,
    0,
    0,
    ...ip(fields.source),
    ...ip(fields.destination),
    ...options,
  ]
  const checksum = be16(fields.checksum ?? checksumOf(header))
  header[10] = checksum[0]!
  header[11] = checksum[1]!
  return concat(header, payload)
}

export interface Ipv6Fields {
  source: string
  destination: string
  nextHeader: number
  version?: number
  payloadLength?: number
  hopLimit?: number
  trafficClass?: number
}

export function ipv6(fields: Ipv6Fields, payload: ArrayLike<number>): Uint8Array {
  const first = (((fields.version ?? 6) << 28) | ((fields.trafficClass ?? 0) << 20)) >>> 0
  return concat(
    be32(first),
    be16(fields.payloadLength ?? payload.length),
    [fields.nextHeader, fields.hopLimit ?? 64],
    ip(fields.source),
    ip(fields.destination),
    payload,
  )
}

/** Pseudo-header of either family with a 32-bit length and protocol. */
export function pseudoHeader(
  source: string,
  destination: string,
  protocol: number,
  length: number,
): number[] {
  return [...ip(source), ...ip(destination), ...be32(length), ...be32(protocol)]
}

/** Puts the checksum over pseudo-header and message into the message at `offset`. */
export function withChecksum(
  message: ArrayLike<number>,
  offset: number,
  pseudo: ArrayLike<number> = [],
): Uint8Array {
  const bytes = Uint8Array.from(message)
  bytes[offset] = 0
  bytes[offset + 1] = 0
  const [high, low] = be16(checksumOf(concat(pseudo, bytes)))
  bytes[offset] = high!
  bytes[offset + 1] = low!
  return bytes
}

/** An ICMP message with its checksum. */
export function icmpv4(type: number, code: number, rest: number, data: ArrayLike<number> = []) {
  return withChecksum(concat([type, code, 0, 0], be32(rest), data), 2)
}

/** An ICMPv6 message with its checksum for these addresses. */
export function icmpv6(
  source: string,
  destination: string,
  type: number,
  code: number,
  body: ArrayLike<number>,
): Uint8Array {
  const message = concat([type, code, 0, 0], body)
  return withChecksum(message, 2, pseudoHeader(source, destination, 58, message.length))
}

export function arp(
  operation: number,
  senderHardware: string,
  senderAddress: string,
  targetHardware: string,
  targetAddress: string,
): Uint8Array {
  return concat(
    [0, 1, 8, 0, 6, 4],
    be16(operation),
    mac(senderHardware),
    ip(senderAddress),
    mac(targetHardware),
    ip(targetAddress),
  )
}

/** A TCP segment with its checksum for these addresses. */
export function tcp(
  source: string,
  destination: string,
  flags: number,
  payload: ArrayLike<number> = [],
): Uint8Array {
  const header = [...be16(4000), ...be16(80), ...be32(1), ...be32(0), 0x50, flags, ...be16(1024)]
  const segment = concat(header, [0, 0, 0, 0], payload)
  return withChecksum(segment, 16, pseudoHeader(source, destination, 6, segment.length))
}

export function udp(
  source: string,
  destination: string,
  sourcePort: number,
  destinationPort: number,
  payload: ArrayLike<number> = [],
): Uint8Array {
  const message = concat(
    be16(sourcePort),
    be16(destinationPort),
    be16(8 + payload.length),
    [0, 0],
    payload,
  )
  return withChecksum(message, 6, pseudoHeader(source, destination, 17, message.length))
}
