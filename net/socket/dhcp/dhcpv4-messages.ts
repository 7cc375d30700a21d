/**
 * The messages that a DHCPv4 client sends, with the fields that each may have (RFC 2131 §4.4.1,
 * table 5).
 */
import { Dhcpv4MessageType, Dhcpv4Option, emitDhcpv4, wordValue } from '../../wire/dhcpv4.ts'
import type { IpAddress } from '../../wire/ip-address.ts'
import { dhcpv4ClientIdentifier } from './client-identifier.ts'
import type { Expected } from './dhcpv4-reply.ts'

/** RFC 2132 §9.10: no less may be asked for. */
const LEAST_MESSAGE_SIZE = 576

/** What is asked for. RFC 3442: classless routes before routers. */
const PARAMETERS = Uint8Array.of(
  Dhcpv4Option.SubnetMask,
  Dhcpv4Option.ClasslessRoutes,
  Dhcpv4Option.Router,
  Dhcpv4Option.DomainNameServer,
  Dhcpv4Option.HostName,
  Dhcpv4Option.DomainName,
  Dhcpv4Option.DomainSearch,
  Dhcpv4Option.InterfaceMtu,
  Dhcpv4Option.NtpServers,
  Dhcpv4Option.LeaseTime,
  Dhcpv4Option.RenewalTime,
  Dhcpv4Option.RebindingTime,
)

type Options = readonly (readonly [number, Uint8Array])[]

/** What all messages of one exchange have in common. */
export interface Exchange {
  readonly transactionId: number
  readonly elapsedSeconds: number
  readonly wantsBroadcast: boolean
}

export class Dhcpv4Messages {
  /** What every answer to them has. */
  readonly expected: Pick<Expected, 'clientIdentifier' | 'mostBytes'>
  private readonly hardwareHigh: number
  private readonly hardwareLow: number
  private readonly parameters: Options

  constructor(hardwareHigh: number, hardwareLow: number, mtu: number) {
    this.hardwareHigh = hardwareHigh
    this.hardwareLow = hardwareLow
    const clientIdentifier = dhcpv4ClientIdentifier(hardwareHigh, hardwareLow)
    const size = Math.max(mtu, LEAST_MESSAGE_SIZE)
    this.expected = { clientIdentifier, mostBytes: size }
    this.parameters = [
      [Dhcpv4Option.MaximumMessageSize, Uint8Array.of(size >> 8, size)],
      [Dhcpv4Option.ParameterRequestList, PARAMETERS],
    ]
  }

  /** `wish` is the address had before, or null. */
  discover(exchange: Exchange, wish: IpAddress | null): Uint8Array {
    const wished: Options = wish === null ? [] : [requested(wish)]
    return this.emit(Dhcpv4MessageType.Discover, exchange, 0, [...wished, ...this.parameters])
  }

  /** Takes an offer. */
  select(exchange: Exchange, address: IpAddress, server: IpAddress): Uint8Array {
    return this.emit(Dhcpv4MessageType.Request, exchange, 0, [
      requested(address),
      serverIdentifier(server),
      ...this.parameters,
    ])
  }

  /**
   * RFC 2131 §4.3.2, INIT-REBOOT: "'server identifier' MUST NOT be filled in, 'requested IP
   * address' option MUST be filled in".
   */
  reboot(exchange: Exchange, address: IpAddress): Uint8Array {
    const options = [requested(address), ...this.parameters]
    return this.emit(Dhcpv4MessageType.Request, exchange, 0, options)
  }

  /** RFC 2131 §4.3.2: renewing and rebinding name neither server nor requested address. */
  extend(exchange: Exchange, address: IpAddress): Uint8Array {
    return this.emit(Dhcpv4MessageType.Request, exchange, address.word3, this.parameters)
  }

  decline(exchange: Exchange, address: IpAddress, server: IpAddress): Uint8Array {
    return this.emit(Dhcpv4MessageType.Decline, exchange, 0, [
      requested(address),
      serverIdentifier(server),
    ])
  }

  release(exchange: Exchange, address: IpAddress, server: IpAddress): Uint8Array {
    const { word3 } = address
    return this.emit(Dhcpv4MessageType.Release, exchange, word3, [serverIdentifier(server)])
  }

  private emit(type: number, exchange: Exchange, clientAddress: number, options: Options) {
    const { hardwareHigh, hardwareLow, expected } = this
    return emitDhcpv4({
      ...exchange,
      ...{ hardwareHigh, hardwareLow, clientAddress },
      options: [
        [Dhcpv4Option.MessageType, Uint8Array.of(type)],
        [Dhcpv4Option.ClientIdentifier, expected.clientIdentifier],
        ...options,
      ],
    })
  }
}

function requested(address: IpAddress): readonly [number, Uint8Array] {
  return [Dhcpv4Option.RequestedAddress, wordValue(address.word3)]
}

function serverIdentifier(server: IpAddress): readonly [number, Uint8Array] {
  return [Dhcpv4Option.ServerIdentifier, wordValue(server.word3)]
}
