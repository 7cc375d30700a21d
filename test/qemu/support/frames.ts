/**
 * Ethernet frames that tests send themselves: ARP, ICMP, ICMPv6, TCP and UDP, with right checksums
 * or spoiled ones.
 */
import { onesComplementSum } from 'qemu-runner'

export const GUEST_MAC = '525400123456'
export const TESTER_MAC = '0a0000000001'
export const BROADCAST_MAC = 'ffffffffffff'

export const GUEST4 = '0a000002'
export const TESTER4 = '0a000009'
export const GUEST6 = 'fd000000000000000000000000000002'
export const TESTER6 = 'fd000000000000000000000000000009'

const PROTOCOL_ICMP = 1
const PROTOCOL_TCP = 6
const PROTOCOL_UDP = 17
const PROTOCOL_ICMPV6 = 58

function ethernet(
  destination: string,
  etherType: string,
  payload: Buffer,
  source: string = TESTER_MAC,
): Buffer {
  const frame = Buffer.concat([Buffer.from(destination + source + etherType, 'hex'), payload])
  // Shorter frames do not exist on Ethernet.
  return frame.length >= 60 ? frame : Buffer.concat([frame, Buffer.alloc(60 - frame.length)])
}

/** RFC 826: who has `target`? */
export function arpRequest(target: string = GUEST4, destination: string = BROADCAST_MAC): Buffer {
  const body = `0001080006040001${TESTER_MAC}${TESTER4}000000000000${target}`
  return ethernet(destination, '0806', Buffer.from(body, 'hex'))
}

/** RFC 826: the tester's address is at `hardware`. */
export function arpReply(hardware: string = TESTER_MAC): Buffer {
  const body = `0001080006040002${hardware}${TESTER4}${GUEST_MAC}${GUEST4}`
  return ethernet(GUEST_MAC, '0806', Buffer.from(body, 'hex'), hardware)
}

export interface PacketOptions {
  destinationMac?: string
  /** XORed into the transport checksum: anything but 0 makes it wrong. */
  spoilChecksum?: number
}

function ipv4(protocol: number, payload: Buffer, destinationMac: string): Buffer {
  const header = Buffer.from(`450000000000400040000000${TESTER4}${GUEST4}`, 'hex')
  header.writeUInt16BE(20 + payload.length, 2)
  header[9] = protocol
  header.writeUInt16BE(onesComplementSum(header, 0, 20, 0) ^ 0xffff, 10)
  return ethernet(destinationMac, '0800', Buffer.concat([header, payload]))
}

function ipv6(
  protocol: number,
  payload: Buffer,
  destinationMac: string,
  destination: string = GUEST6,
): Buffer {
  const header = Buffer.from(`6000000000000000${TESTER6}${destination}`, 'hex')
  header.writeUInt16BE(payload.length, 4)
  header[6] = protocol
  header[7] = 255
  return ethernet(destinationMac, '86dd', Buffer.concat([header, payload]))
}

function complete(payload: Buffer, at: number, pseudo: number, spoil: number): Buffer {
  payload.writeUInt16BE(0, at)
  const sum = onesComplementSum(payload, 0, payload.length, pseudo) ^ 0xffff
  payload.writeUInt16BE(sum ^ spoil, at)
  return payload
}

function pseudoSum(addresses: string, protocol: number, length: number): number {
  const bytes = Buffer.from(addresses, 'hex')
  return onesComplementSum(bytes, 0, bytes.length, protocol + length)
}

/** RFC 792 echo request. */
export function ping4(data: string, options: PacketOptions = {}): Buffer {
  const message = Buffer.concat([Buffer.from('0800000000010001', 'hex'), Buffer.from(data)])
  complete(message, 2, 0, options.spoilChecksum ?? 0)
  return ipv4(PROTOCOL_ICMP, message, options.destinationMac ?? GUEST_MAC)
}

/** RFC 4443 §4.1 echo request. */
export function ping6(data: string, options: PacketOptions = {}): Buffer {
  const message = Buffer.concat([Buffer.from('8000000000010001', 'hex'), Buffer.from(data)])
  const pseudo = pseudoSum(TESTER6 + GUEST6, PROTOCOL_ICMPV6, message.length)
  complete(message, 2, pseudo, options.spoilChecksum ?? 0)
  return ipv6(PROTOCOL_ICMPV6, message, options.destinationMac ?? GUEST_MAC)
}

/** RFC 4861 §4.3: who has the guest's address? To its solicited-node group. */
export function neighborSolicitation(): Buffer {
  const group = 'ff0200000000000000000001ff000002'
  const message = Buffer.from(`8700000000000000${GUEST6}0101${TESTER_MAC}`, 'hex')
  complete(message, 2, pseudoSum(TESTER6 + group, PROTOCOL_ICMPV6, message.length), 0)
  return ipv6(PROTOCOL_ICMPV6, message, '3333ff000002', group)
}

/** A neighbor advertisement that answers the guest's question about the tester (RFC 4861 §4.4). */
export function neighborAdvertisement(hardware: string = TESTER_MAC): Buffer {
  const message = Buffer.from(`8800000060000000${TESTER6}0201${hardware}`, 'hex')
  complete(message, 2, pseudoSum(TESTER6 + GUEST6, PROTOCOL_ICMPV6, message.length), 0)
  return ipv6(PROTOCOL_ICMPV6, message, GUEST_MAC)
}

/**
 * The tester's address announced to everybody from `hardware`, as after a failover (RFC 5227 §3).
 */
export function arpAnnouncement(hardware: string): Buffer {
  const body = `0001080006040001${hardware}${TESTER4}000000000000${TESTER4}`
  return ethernet(BROADCAST_MAC, '0806', Buffer.from(body, 'hex'))
}

/** The same in IPv6: unsolicited, with the Override flag (RFC 4861 §7.2.6). */
export function unsolicitedAdvertisement(hardware: string): Buffer {
  const group = 'ff020000000000000000000000000001'
  const message = Buffer.from(`8800000020000000${TESTER6}0201${hardware}`, 'hex')
  complete(message, 2, pseudoSum(TESTER6 + group, PROTOCOL_ICMPV6, message.length), 0)
  return ipv6(PROTOCOL_ICMPV6, message, '333300000001', group)
}

/** The frame with an IEEE 802.1Q tag. */
export function tagged(frame: Buffer, vlan: number, priority: number): Buffer {
  const tag = Buffer.from('81000000', 'hex')
  tag.writeUInt16BE((priority << 13) | vlan, 2)
  return Buffer.concat([frame.subarray(0, 12), tag, frame.subarray(12)])
}

/** An IPv6 frame with a Destination Options header of these octets put in front of its payload. */
export function withDestinationOptions(frame: Buffer, options: Buffer): Buffer {
  const header = Buffer.concat([Buffer.from([frame[20]!, (options.length + 2) / 8 - 1]), options])
  const packet = Buffer.concat([frame.subarray(0, 54), header, frame.subarray(54)])
  packet[20] = 60
  packet.writeUInt16BE(frame.readUInt16BE(18) + header.length, 18)
  return packet
}

/** A general query of MLDv2 that gives `maxResponseMs` to answer (RFC 3810 §5.1). */
export function listenerQuery(maxResponseMs: number): Buffer {
  const source = 'fe800000000000000000000000000009'
  const group = 'ff020000000000000000000000000001'
  const message = Buffer.alloc(28)
  message[0] = 130
  message.writeUInt16BE(maxResponseMs, 4)
  message[24] = 2
  message[25] = 125
  complete(message, 2, pseudoSum(source + group, PROTOCOL_ICMPV6, message.length), 0)
  const payload = Buffer.concat([Buffer.from('3a00050200000100', 'hex'), message])
  const header = Buffer.from(`6000000000000001${source}${group}`, 'hex')
  header.writeUInt16BE(payload.length, 4)
  return ethernet('333300000001', '86dd', Buffer.concat([header, payload]))
}

export interface TcpOptions extends PacketOptions {
  family?: 4 | 6
  sourcePort: number
  destinationPort: number
  sequence: number
  acknowledgment?: number
  /** The flags octet: 0x02 SYN, 0x10 ACK, 0x18 PSH+ACK. */
  flags: number
  /** Not scaled; 65535 when absent. */
  window?: number
  /** Options in hexadecimal, a multiple of four octets. */
  options?: string
  payload?: string
}

export function tcp(options: TcpOptions): Buffer {
  const payload = Buffer.from(options.payload ?? '')
  const fields = Buffer.from(options.options ?? '', 'hex')
  const segment = Buffer.concat([Buffer.alloc(20), fields, payload])
  segment.writeUInt16BE(options.sourcePort, 0)
  segment.writeUInt16BE(options.destinationPort, 2)
  segment.writeUInt32BE(options.sequence >>> 0, 4)
  segment.writeUInt32BE((options.acknowledgment ?? 0) >>> 0, 8)
  segment[12] = (5 + fields.length / 4) << 4
  segment[13] = options.flags
  segment.writeUInt16BE(options.window ?? 65535, 14)
  const addresses = options.family === 6 ? TESTER6 + GUEST6 : TESTER4 + GUEST4
  const pseudo = pseudoSum(addresses, PROTOCOL_TCP, segment.length)
  complete(segment, 16, pseudo, options.spoilChecksum ?? 0)
  const mac = options.destinationMac ?? GUEST_MAC
  return options.family === 6 ? ipv6(PROTOCOL_TCP, segment, mac) : ipv4(PROTOCOL_TCP, segment, mac)
}

export interface UdpOptions extends PacketOptions {
  family?: 4 | 6
  sourcePort: number
  destinationPort: number
  payload?: string
}

export function udp(options: UdpOptions): Buffer {
  const payload = Buffer.from(options.payload ?? '')
  const message = Buffer.alloc(8 + payload.length)
  message.writeUInt16BE(options.sourcePort, 0)
  message.writeUInt16BE(options.destinationPort, 2)
  message.writeUInt16BE(message.length, 4)
  payload.copy(message, 8)
  const addresses = options.family === 6 ? TESTER6 + GUEST6 : TESTER4 + GUEST4
  const pseudo = pseudoSum(addresses, PROTOCOL_UDP, message.length)
  complete(message, 6, pseudo, options.spoilChecksum ?? 0)
  const mac = options.destinationMac ?? GUEST_MAC
  return options.family === 6 ? ipv6(PROTOCOL_UDP, message, mac) : ipv4(PROTOCOL_UDP, message, mac)
}

/**
 * Header fields and payload of a UDP frame with its checksum judged; undefined for any other frame.
 */
export function decodeUdp(frame: Buffer) {
  const family = frame.readUInt16BE(12) === 0x0800 ? 4 : 6
  if (family === 6 && frame.readUInt16BE(12) !== 0x86dd) return undefined
  if (frame[family === 4 ? 23 : 20] !== PROTOCOL_UDP) return undefined
  const at = family === 4 ? 34 : 54
  const length = frame.readUInt16BE(at + 4)
  const addresses = frame.subarray(family === 4 ? 26 : 22, at)
  const pseudo = onesComplementSum(addresses, 0, addresses.length, PROTOCOL_UDP + length)
  return {
    family,
    source: addresses.toString('hex', 0, addresses.length / 2),
    sourcePort: frame.readUInt16BE(at),
    destinationPort: frame.readUInt16BE(at + 2),
    checksum: frame.readUInt16BE(at + 6),
    isChecksumGood: onesComplementSum(frame, at, length, pseudo) === 0xffff,
    payload: frame.subarray(at + 8, at + length),
  }
}
