/**
 * Raw IP and ICMP for users: protocols that the interface has a handler for only while somebody
 * uses them.
 */
import type { ProtocolHandler } from '../iface/protocol-handler.ts'
import type { IpAddress } from '../wire/ip-address.ts'
import { IpProtocol } from '../wire/ipv4.ts'
import {
  createDatagramStatistics,
  type DatagramParts,
  type DatagramStatistics,
} from './datagram/datagram-host.ts'
import { createEchoCounters, type EchoCounters, type EchoRequest } from './icmp/echo-client.ts'
import { IcmpProtocol } from './icmp/icmp-protocol.ts'
import { RawProtocol } from './raw/raw-protocol.ts'
import type { RawSocket, RawSocketOptions } from './raw/raw-socket.ts'

/** Where handlers are registered: the host. */
export interface ProtocolRegistry {
  register(handler: ProtocolHandler): void
  unregister(handler: ProtocolHandler): void
}

/**
 * What the stack speaks itself, or IPv6 has as headers before the payload. As in BSD, raw sockets
 * get none of it: a copy of each TCP segment would cost every connection, and two who answer harm
 * each other. `PCAP=` shows all of it.
 */
const RESERVED: readonly number[] = [
  IpProtocol.HopByHop,
  IpProtocol.Igmp,
  IpProtocol.Tcp,
  IpProtocol.Udp,
  IpProtocol.Routing,
  IpProtocol.Fragment,
  IpProtocol.NoNextHeader,
  IpProtocol.DestinationOptions,
]

export class OnDemandProtocols {
  private readonly registry: ProtocolRegistry
  private readonly parts: DatagramParts
  private readonly stopwatchMs: () => number
  private readonly rawProtocols = new Map<number, RawProtocol>()
  private readonly icmpProtocols = new Map<number, IcmpProtocol>()
  /** Of all protocols, those that are no longer used included. */
  private readonly echo = createEchoCounters()
  private readonly raw = createDatagramStatistics()

  /** `stopwatchMs` takes the times of echoes: milliseconds with fractions. */
  constructor(registry: ProtocolRegistry, parts: DatagramParts, stopwatchMs: () => number) {
    this.registry = registry
    this.parts = parts
    this.stopwatchMs = stopwatchMs
  }

  /** Asks for an echo; its listener is called once. Throws NetError as EchoClient.start does. */
  ping(request: EchoRequest, nowMs: number): void {
    this.icmpOf(protocolOf(request.address)).echo.start(request, nowMs)
  }

  /** Fresh records. */
  readStatistics(): { echo: EchoCounters; raw: DatagramStatistics } {
    const { echo, raw } = this
    return { echo: { ...echo }, raw: { ...raw, drops: { ...raw.drops } } }
  }

  /**
   * Opens a socket of an IP protocol by its number. Of ICMP and ICMPv6 it gets what the interface
   * does not handle itself. Throws NetError 'exhausted', RangeError for a number that is none or
   * that the stack keeps for itself.
   */
  openRaw(protocol: number, options: RawSocketOptions, nowMs: number): RawSocket {
    if (!Number.isInteger(protocol) || protocol < 0 || protocol > 254) {
      throw new RangeError(`protocol must be 0 to 254, not ${protocol}`)
    }
    if (RESERVED.includes(protocol)) {
      throw new RangeError(`Cannot open a raw socket: protocol ${protocol} is the stack's own`)
    }
    const isIcmp = protocol === IpProtocol.Icmpv4 || protocol === IpProtocol.Icmpv6
    const handler = isIcmp ? this.icmpOf(protocol).sockets : this.rawOf(protocol)
    return handler.open(options, nowMs)
  }

  private icmpOf(protocol: number): IcmpProtocol {
    const known = this.icmpProtocols.get(protocol)
    if (known !== undefined) return known
    const { parts, echo, raw, stopwatchMs } = this
    const onUnused = () => {
      this.icmpProtocols.delete(protocol)
      this.registry.unregister(handler)
    }
    const handler = new IcmpProtocol({ parts, protocol, echo, raw, stopwatchMs, onUnused })
    this.icmpProtocols.set(protocol, handler)
    this.registry.register(handler)
    return handler
  }

  private rawOf(protocol: number): RawProtocol {
    const known = this.rawProtocols.get(protocol)
    if (known !== undefined) return known
    const handler = new RawProtocol(this.parts, protocol, this.raw, () => {
      this.rawProtocols.delete(protocol)
      this.registry.unregister(handler)
    })
    this.rawProtocols.set(protocol, handler)
    this.registry.register(handler)
    return handler
  }
}

function protocolOf(address: IpAddress): number {
  return address.version === 4 ? IpProtocol.Icmpv4 : IpProtocol.Icmpv6
}
