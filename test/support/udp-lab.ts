/** UDP on an interface whose peer's hardware address is known already, and frames that the peer sends. */
import type { TransportError } from '../../net/iface/protocol-handler.ts'
import { QueueMemory } from '../../net/socket/datagram/queue-memory.ts'
import type { ReceivedDatagram } from '../../net/socket/datagram/received-datagram.ts'
import { UdpProtocol } from '../../net/socket/udp/udp-protocol.ts'
import type { UdpSocket, UdpSocketHandler } from '../../net/socket/udp/udp-socket.ts'
import type { FakeDevice, SentFrame } from './fake-device.ts'
import { concat, ethernet, ipv4, ipv6, udp } from './frames.ts'
import { question, solicitation } from './hostile-corpus.ts'
import * as lab from './interface-harness.ts'
import { testBulk } from './memory.ts'
import { createRandomSource } from './random.ts'

const { OUR_IPV4, OUR_IPV6, OUR_MAC, PEER_IPV4, PEER_IPV6, PEER_MAC } = lab

export class UdpLab extends lab.InterfaceHarness {
  readonly udp: UdpProtocol

  constructor(device?: FakeDevice) {
    super(device)
    const { egress } = this.iface
    const memory = new QueueMemory()
    const random = createRandomSource(11)
    this.udp = new UdpProtocol({ egress, bulk: testBulk, random, memory, groups: this.iface })
    this.iface.register(this.udp)
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
        source: [...bytes.subarray(isIpv4 ? 26 : 22, isIpv4 ? 30 : 38)],
        destination: [...bytes.subarray(isIpv4 ? 30 : 38, isIpv4 ? 34 : 54)],
      },
    ]
  })
}
