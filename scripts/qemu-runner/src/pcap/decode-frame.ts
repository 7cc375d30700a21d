/**
 * Ethernet, IPv4, IPv6 and TCP headers of a captured frame, with every checksum judged (RFC 791,
 * 8200, 9293, 1071).
 */
import { onesComplementSum } from './internet-checksum.ts'
import type { PcapFrame } from './pcap-file.ts'

/**
 * `good`: complete and right. `seed`: holds only the pseudo-header sum, as offloading leaves it.
 */
export type ChecksumState = 'good' | 'seed' | 'bad' | 'unknown'

export interface DecodedTcp {
  readonly sourcePort: number
  readonly destinationPort: number
  readonly sequence: number
  readonly acknowledgment: number
  readonly headerLength: number
  readonly window: number
  readonly syn: boolean
  readonly fin: boolean
  readonly rst: boolean
  readonly psh: boolean
  readonly ack: boolean
  readonly urg: boolean
  readonly cwr: boolean
  readonly mss: number | undefined
  readonly windowScale: number | undefined
  readonly sackPermitted: boolean
  readonly timestamps: boolean
  readonly payload: Buffer
  /** Octets of payload on the wire, from the IP length. */
  readonly payloadLength: number
  readonly checksum: ChecksumState
}

export interface DecodedIp {
  readonly version: 4 | 6
  readonly source: string
  readonly destination: string
  /** The header's own claim: `total length` of IPv4, `payload length` of IPv6. */
  readonly lengthField: number
  /** Whole packet by that claim, header included. */
  readonly packetLength: number
  readonly protocol: number
  readonly hopLimit: number
  /** IPv4 only; IPv6 has none and counts as good. */
  readonly headerChecksumGood: boolean
  readonly dontFragment: boolean
  readonly moreFragments: boolean
  readonly fragmentOffset: number
  readonly identification: number
}

export interface DecodedFrame {
  readonly timeMs: number
  /** On the wire, Ethernet header included. */
  readonly length: number
  readonly truncated: boolean
  readonly sourceMac: string
  readonly destinationMac: string
  readonly etherType: number
  readonly ip: DecodedIp | undefined
  readonly tcp: DecodedTcp | undefined
}

const ETHERTYPE_IPV4 = 0x0800
const ETHERTYPE_IPV6 = 0x86dd
const PROTOCOL_TCP = 6
const IPV6_FRAGMENT = 44
const ETHERNET_HEADER = 14

export function decodeFrame(frame: PcapFrame): DecodedFrame {
  const { bytes } = frame
  const etherType = bytes.length >= ETHERNET_HEADER ? bytes.readUInt16BE(12) : 0
  let network: NetworkLayer | undefined
  if (etherType === ETHERTYPE_IPV4) network = decodeIpv4(bytes)
  if (etherType === ETHERTYPE_IPV6) network = decodeIpv6(bytes)
  return {
    timeMs: frame.timeMs,
    length: frame.length,
    truncated: bytes.length < frame.length,
    destinationMac: macText(bytes.subarray(0, 6)),
    sourceMac: macText(bytes.subarray(6, 12)),
    etherType,
    ip: network?.ip,
    tcp: network === undefined ? undefined : decodeTcp(bytes, network),
  }
}

interface NetworkLayer {
  readonly ip: DecodedIp
  readonly transportOffset: number
  readonly transportLength: number
  /** Sum of both addresses, for the pseudo header. */
  readonly addressSum: number
}

function decodeIpv4(bytes: Buffer): NetworkLayer | undefined {
  const at = ETHERNET_HEADER
  if (bytes.length < at + 20) return undefined
  const headerLength = (bytes[at]! & 15) * 4
  if (bytes[at]! >> 4 !== 4 || headerLength < 20 || bytes.length < at + headerLength)
    return undefined
  const lengthField = bytes.readUInt16BE(at + 2)
  const fragment = bytes.readUInt16BE(at + 6)
  return {
    ip: {
      version: 4,
      source: [...bytes.subarray(at + 12, at + 16)].join('.'),
      destination: [...bytes.subarray(at + 16, at + 20)].join('.'),
      lengthField,
      packetLength: lengthField,
      protocol: bytes[at + 9]!,
      hopLimit: bytes[at + 8]!,
      headerChecksumGood: onesComplementSum(bytes, at, headerLength, 0) === 0xffff,
      dontFragment: (fragment & 0x4000) !== 0,
      moreFragments: (fragment & 0x2000) !== 0,
      fragmentOffset: (fragment & 0x1fff) * 8,
      identification: bytes.readUInt16BE(at + 4),
    },
    transportOffset: at + headerLength,
    transportLength: lengthField - headerLength,
    addressSum: onesComplementSum(bytes, at + 12, 8, 0),
  }
}

function decodeIpv6(bytes: Buffer): NetworkLayer | undefined {
  const at = ETHERNET_HEADER
  if (bytes.length < at + 40 || bytes[at]! >> 4 !== 6) return undefined
  const lengthField = bytes.readUInt16BE(at + 4)
  const isFragment = bytes[at + 6] === IPV6_FRAGMENT && bytes.length >= at + 48
  const fragment = isFragment ? bytes.readUInt16BE(at + 42) : 0
  return {
    ip: {
      version: 6,
      source: ipv6Text(bytes.subarray(at + 8, at + 24)),
      destination: ipv6Text(bytes.subarray(at + 24, at + 40)),
      lengthField,
      packetLength: lengthField + 40,
      protocol: bytes[at + 6]!,
      hopLimit: bytes[at + 7]!,
      headerChecksumGood: true,
      dontFragment: true,
      moreFragments: (fragment & 1) !== 0,
      fragmentOffset: fragment & 0xfff8,
      identification: 0,
    },
    transportOffset: at + 40,
    transportLength: lengthField,
    addressSum: onesComplementSum(bytes, at + 8, 32, 0),
  }
}

function decodeTcp(bytes: Buffer, network: NetworkLayer): DecodedTcp | undefined {
  const { ip, transportOffset: at, transportLength } = network
  if (ip.protocol !== PROTOCOL_TCP || ip.fragmentOffset !== 0) return undefined
  if (transportLength < 20 || bytes.length < at + 20) return undefined
  const headerLength = (bytes[at + 12]! >> 4) * 4
  if (headerLength < 20 || headerLength > transportLength) return undefined
  const flags = bytes[at + 13]!
  const end = Math.min(bytes.length, at + transportLength)
  return {
    sourcePort: bytes.readUInt16BE(at),
    destinationPort: bytes.readUInt16BE(at + 2),
    sequence: bytes.readUInt32BE(at + 4),
    acknowledgment: bytes.readUInt32BE(at + 8),
    headerLength,
    window: bytes.readUInt16BE(at + 14),
    fin: (flags & 1) !== 0,
    syn: (flags & 2) !== 0,
    rst: (flags & 4) !== 0,
    psh: (flags & 8) !== 0,
    ack: (flags & 16) !== 0,
    urg: (flags & 32) !== 0,
    cwr: (flags & 128) !== 0,
    ...decodeOptions(bytes.subarray(at + 20, Math.min(bytes.length, at + headerLength))),
    payload: bytes.subarray(Math.min(at + headerLength, end), end),
    payloadLength: transportLength - headerLength,
    checksum: judgeChecksum(bytes, network),
  }
}

function decodeOptions(
  options: Buffer,
): Pick<DecodedTcp, 'mss' | 'windowScale' | 'sackPermitted' | 'timestamps'> {
  let mss: number | undefined
  let windowScale: number | undefined
  let sackPermitted = false
  let timestamps = false
  let at = 0
  while (at < options.length) {
    const kind = options[at]!
    if (kind === 0) break
    if (kind === 1) {
      at++
      continue
    }
    const length = options[at + 1] ?? 0
    if (length < 2 || at + length > options.length) break
    if (kind === 2 && length === 4) mss = options.readUInt16BE(at + 2)
    if (kind === 3 && length === 3) windowScale = options[at + 2]
    if (kind === 4) sackPermitted = true
    if (kind === 8) timestamps = true
    at += length
  }
  return { mss, windowScale, sackPermitted, timestamps }
}

/** RFC 9293 §3.1: the sum over pseudo header and segment must be all ones. */
function judgeChecksum(bytes: Buffer, network: NetworkLayer): ChecksumState {
  const { transportOffset: at, transportLength, addressSum } = network
  const pseudo = addressSum + PROTOCOL_TCP + (transportLength >>> 16) + (transportLength & 0xffff)
  const seed = onesComplementSum(bytes, at, 0, pseudo)
  const isSeed = bytes.readUInt16BE(at + 16) === seed
  if (at + transportLength > bytes.length) return isSeed ? 'seed' : 'unknown'
  if (onesComplementSum(bytes, at, transportLength, pseudo) === 0xffff) return 'good'
  return isSeed ? 'seed' : 'bad'
}

function macText(bytes: Buffer): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':')
}

/**
 * Eight groups without the `::` short form, except that zeros are short: comparable, not pretty.
 */
function ipv6Text(bytes: Buffer): string {
  const groups: string[] = []
  for (let at = 0; at + 1 < bytes.length; at += 2) groups.push(bytes.readUInt16BE(at).toString(16))
  return groups.join(':')
}
