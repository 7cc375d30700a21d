/**
 * An IP protocol for applications: payloads of packets with their senders, and back-pressure, all
 * with promises.
 */
import { DatagramSend } from '../socket/datagram/datagram-send.ts'
import type { DatagramSettings } from '../socket/datagram/datagram-settings.ts'
import type { OnDemandProtocols } from '../socket/on-demand-protocols.ts'
import type { RawSocket, RawSocketOptions } from '../socket/raw/raw-socket.ts'
import { IPV4_UNSPECIFIED, IPV6_UNSPECIFIED } from '../wire/ip-address.ts'
import { requireEndpoint } from './address-text.ts'
import {
  type DatagramDetails,
  DatagramEndpoint,
  type DatagramEndpointHost,
} from './datagram-endpoint.ts'
import { DeliveryError } from './delivery-error.ts'
import { sendError } from './send-error.ts'

export interface RawOptions extends Partial<DatagramSettings> {
  /** The number that the IP header names, 0 to 254; 1 and 58 are ICMP and ICMPv6. */
  protocol: number
  /** Packets of this family only. */
  ipVersion?: 4 | 6
  /** Packets to this address of ours only; text form. */
  hostname?: string
  /** The number of the one interface to hear and to send by; all when absent. */
  interface?: number
}

export type RawPacket = [payload: Uint8Array, from: string, details: DatagramDetails]

/** The part of Stack that an endpoint uses. */
export interface RawEndpointHost extends DatagramEndpointHost {
  readonly protocols: OnDemandProtocols
}

export class RawEndpoint extends DatagramEndpoint<RawPacket> {
  /** Told of packets that were not delivered, and whom they were for. */
  onError: ((error: DeliveryError) => void) | null = null
  protected readonly socket: RawSocket

  constructor(host: RawEndpointHost, options: RawOptions, nowMs: number) {
    super(host)
    const { protocol, ipVersion, hostname, interface: named, ...settings } = options
    const own = hostname === undefined ? null : requireEndpoint(hostname)
    const interfaceIndex = own?.interfaceIndex ?? named
    host.checkInterface(interfaceIndex)
    const family = ipVersion === 4 ? IPV4_UNSPECIFIED : IPV6_UNSPECIFIED
    const address = ipVersion === undefined ? null : family
    const socketOptions: RawSocketOptions = {
      address: own === null ? address : own.address,
      ...(interfaceIndex === undefined ? {} : { interfaceIndex }),
      settings,
      handler: {
        onReadable: () => this.readers.serve(),
        onWritable: () => this.serveWriters(),
        onError: (_socket, error, report) =>
          this.onError?.(new DeliveryError(error, report, 0, host.hasZones)),
      },
    }
    this.socket = host.protocols.openRaw(protocol, socketOptions, nowMs)
  }

  /**
   * Sends the payload to an address or a name behind an IP header of the stack; of ICMP and ICMPv6
   * the checksum is written, too. Resolves once it is queued. Rejects with NetError as
   * UdpEndpoint.send does.
   */
  async send(payload: Uint8Array, to: string): Promise<number> {
    const { address, interfaceIndex } = this.peerText.parse(to) ?? (await this.host.endpointOf(to))
    this.host.checkInterface(interfaceIndex)
    for (;;) {
      const result = this.socket.send(address, payload, 0, payload.length, interfaceIndex)
      this.host.onWork?.()
      if (result === DatagramSend.Queued) return payload.length
      if (result !== DatagramSend.Full) throw sendError(result, payload.length, address, 0)
      await this.untilWritable()
    }
  }

  protected compose(
    payload: Uint8Array,
    from: string,
    _sourcePort: number,
    details: DatagramDetails,
  ): RawPacket {
    return [payload, from, details]
  }
}
