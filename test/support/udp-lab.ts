/**
 * UDP on an interface whose peer's hardware address is known already, and frames that the peer
 * sends.
 */
import type { TransportError } from '../../net/iface/protocol-handler.ts'
import { QueueMemory } from '../../net/socket/datagram/queue-memory.ts'
import type { ReceivedDatagram } from '../../net/socket/datagram/received-datagram.ts'
import { UdpProtocol } from '../../net/socket/udp/udp-protocol.ts'
import type { UdpSocket, UdpSocketHandler } from '../../net/socket/udp/udp-socket.ts'
import type { FakeDevice, SentFrame } from './fake-device.ts'
import { checksumOf, concat, ethernet, ip, ipv4, ipv6, udp } from './frames.ts'
import { question, solicitation } from './hostile-corpus.ts'
import * as lab from './interface-harness.ts'
import { testBulk } from './memory.ts'
import { createRandomSource } from './random.ts'

const { OUR_IPV4, OUR_IPV6, OUR_MAC, PEER_IPV4, PEER_IPV6, PEER_MAC } = lab

export class UdpLab extends lab.InterfaceHarness {
  readonly udp: UdpProtocol

  constructor(device?: FakeDevice) {
    super(device)
    const { egress, awaitedPorts } = this.host
    const memory = new QueueMemory()
    const random = createRandomSource(11)
    const parts = { egress, bulk: testBulk, random, memory, awaitedPorts, groups: this.iface }
    this.udp = new UdpProtocol(parts)
    this.host.register(this.udp)
    this.deliver(question())
    this.deliver(solicitation())
  }

  /** Polls and returns what is sent. */
  takeSent(): SentFrame[] {
    this.poll()
    return this.device.takeSent()
  }
}

/** Notes what its socket says, and reads nothing by itself. */
export class NotingHandler implements UdpSocketHandler {
  readable = 0
  writable = 0
  readonly errors: TransportError[] = []

  onReadable(): void {
    this.readable++
  }

  onWritable(): void {
    this.writable++
  }

  onError(_socket: UdpSocket, error: TransportError): void {
    this.errors.push({ ...error })
  }
}

export type Version = 4 | 6
export const OURS = { 4: OUR_IPV4, 6: OUR_IPV6 } as const
export const PEERS = { 4: PEER_IPV4, 6: PEER_IPV6 } as const

export interface DatagramFields {
  source?: string
  destination?: string
  destinationMac?: string
  sourcePort?: number
  destinationPort?: number
}

/** A whole UDP message from the peer to port 7, to be spoiled. */
export function message(
  version: Version,
  payload: ArrayLike<number>,
  fields: DatagramFields = {},
): Uint8Array {
  const { source = PEERS[version], destination = OURS[version] } = fields
  return udp(source, destination, fields.sourcePort ?? 5000, fields.destinationPort ?? 7, payload)
}

/** A frame that carries UDP bytes as they are. */
export function carrying(
  version: Version,
  bytes: ArrayLike<number>,
  fields: DatagramFields = {},
): Uint8Array {
  const { source = PEERS[version], destination = OURS[version] } = fields
  const { destinationMac = OUR_MAC } = fields
  return version === 4
    ? concat(
        ethernet(destinationMac, PEER_MAC, 0x800),
        ipv4({ source, destination, protocol: 17 }, bytes),
      )
    : concat(
        ethernet(destinationMac, PEER_MAC, 0x86dd),
        ipv6({ source, destination, nextHeader: 17 }, bytes),
      )
}

/** As `carrying`, with other fields of the IP header. */
export function withFields(
  version: Version,
  bytes: ArrayLike<number>,
  fields: { hopLimit: number; trafficClass: number },
): Uint8Array {
  const [source, destination] = [PEERS[version], OURS[version]]
  const { hopLimit, trafficClass } = fields
  const packet =
    version === 4
      ? ipv4({ source, destination, protocol: 17, timeToLive: hopLimit, trafficClass }, bytes)
      : ipv6({ source, destination, nextHeader: 17, hopLimit, trafficClass }, bytes)
  return concat(ethernet(OUR_MAC, PEER_MAC, version === 4 ? 0x800 : 0x86dd), packet)
}

/** RFC 1112 §6.4, RFC 2464 §7. */
export function groupMac(group: string): string {
  const octets = ip(group)
  const [second, third, fourth] = [octets.at(-3)!, octets.at(-2)!, octets.at(-1)!]
  const bytes =
    octets.length === 4
      ? [1, 0, 0x5e, second & 0x7f, third, fourth]
      : [0x33, 0x33, octets.at(-4)!, second, third, fourth]
  return bytes.map((octet) => octet.toString(16).padStart(2, '0')).join(':')
}

export function datagram(
  version: Version,
  payload: ArrayLike<number>,
  fields: DatagramFields = {},
): Uint8Array {
  return carrying(version, message(version, payload, fields), fields)
}

/** Everything that waits in a socket, taken out. */
export function readAll(socket: UdpSocket): number[][] {
  const payloads: number[][] = []
  for (let next = socket.peek(); next !== null; next = socket.peek()) {
    payloads.push(payloadOf(next))
    socket.consume()
  }
  return payloads
}

export function payloadOf(received: ReceivedDatagram): number[] {
  return [...received.bytes.subarray(received.offset, received.offset + received.length)]
}

/** Ports, payload and checksum of UDP frames among those sent. */
export function sentDatagrams(frames: readonly SentFrame[]) {
  return frames.flatMap(({ bytes }) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const isIpv4 = view.getUint16(12) === 0x800
    const protocol = bytes[isIpv4 ? 23 : 20]
    const start = isIpv4 ? 34 : 54
    if (protocol !== 17) return []
    return [
      {
        version: (isIpv4 ? 4 : 6) as Version,
        sourcePort: view.getUint16(start),
        destinationPort: view.getUint16(start + 2),
        length: view.getUint16(start + 4),
        checksum: view.getUint16(start + 6),
        udp: bytes.subarray(start),
        payload: [...bytes.subarray(start + 8)],
        hardware: [...bytes.subarray(0, 6)]
          .map((octet) => octet.toString(16).padStart(2, '0'))
          .join(':'),
        hopLimit: bytes[isIpv4 ? 22 : 21]!,
        trafficClass: isIpv4 ? bytes[15]! : ((bytes[14]! & 15) << 4) | (bytes[15]! >> 4),
        dontFragment: isIpv4 ? (bytes[20]! & 0x40) !== 0 : undefined,
        isHeaderGood: !isIpv4 || checksumOf(bytes.subarray(14, 34)) === 0,
        source: [...bytes.subarray(isIpv4 ? 26 : 22, isIpv4 ? 30 : 38)],
        destination: [...bytes.subarray(isIpv4 ? 30 : 38, isIpv4 ? 34 : 54)],
      },
    ]
  })
}
