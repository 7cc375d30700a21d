/**
 * A DHCP client's UDP port: hears servers, and sends from addresses that sockets could not send
 * from.
 */
import type { Egress } from '../../iface/protocol-handler.ts'
import { IPV4_UNSPECIFIED, IPV6_UNSPECIFIED, type IpAddress } from '../../wire/ip-address.ts'
import { IpProtocol } from '../../wire/ipv4.ts'
import { emitUdp, UDP_HEADER_LENGTH } from '../../wire/udp.ts'
import type { UdpProtocol } from '../udp/udp-protocol.ts'
import type { UdpSocket } from '../udp/udp-socket.ts'

export const Sending = {
  Sent: 0,
  /** The neighbor is being asked for its address: to be tried again soon. */
  Resolving: 1,
  /** As if a router had dropped it: retransmission makes up for it. */
  Lost: 2,
} as const
export type Sending = (typeof Sending)[keyof typeof Sending]

export interface ClientPortOptions {
  readonly egress: Egress
  readonly udp: UdpProtocol
  readonly version: 4 | 6
  readonly interfaceIndex: number
  readonly localPort: number
  readonly remotePort: number
  /** Takes one datagram, valid during the call only. */
  readonly onDatagram: (bytes: Uint8Array, nowMs: number) => void
}

export class ClientPort {
  private readonly options: ClientPortOptions
  private socket: UdpSocket | null = null

  constructor(options: ClientPortOptions) {
    this.options = options
  }

  /** Begins to hear. Throws NetError 'address-in-use' when an app has the port. */
  open(): void {
    if (this.socket !== null) return
    const { udp, version, interfaceIndex, localPort, onDatagram } = this.options
    this.socket = udp.open({
      port: localPort,
      isAwaited: true,
      interfaceIndex,
      address: version === 4 ? IPV4_UNSPECIFIED : IPV6_UNSPECIFIED,
      handler: {
        onReadable(socket) {
          for (let next = socket.peek(); next !== null; next = socket.peek()) {
            const { bytes, offset, length } = next
            onDatagram(bytes.subarray(offset, offset + length), udp.nowMs)
            socket.consume()
          }
        },
      },
    })
  }

  close(): void {
    this.socket?.close()
    this.socket = null
  }

  /** Sends at once, during a poll. */
  send(source: IpAddress, destination: IpAddress, bytes: Uint8Array, nowMs: number): Sending {
    const { egress, localPort, remotePort, interfaceIndex } = this.options
    const flow = egress.openFlow(
      ...([destination, source, IpProtocol.Udp, undefined, interfaceIndex] as const),
    )
    if (flow === null) return Sending.Lost
    if (!egress.prepare(flow, UDP_HEADER_LENGTH, bytes.length, 0, nowMs)) {
      return egress.isUnreachable(flow, nowMs) ? Sending.Lost : Sending.Resolving
    }
    const { record, headerLength } = flow
    emitUdp(record.view, headerLength, localPort, remotePort, UDP_HEADER_LENGTH + bytes.length)
    record.copied = bytes
    record.copiedOffset = 0
    record.copiedLength = bytes.length
    return egress.submit(flow) ? Sending.Sent : Sending.Lost
  }
}
