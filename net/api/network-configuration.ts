/**
 * How a stack configures itself without options: DHCPv4, router discovery with SLAAC, DHCPv6 for
 * DNS.
 */
import { AddressState } from '../iface/address-table.ts'
import type { Interface } from '../iface/interface.ts'
import type { Egress } from '../iface/protocol-handler.ts'
import type { RandomSource } from '../iface/random-source.ts'
import type { RouterDiscovery } from '../iface/router-discovery.ts'
import type { IdentifierFunction } from '../iface/stable-identifier.ts'
import { AppliedLease } from '../socket/dhcp/applied-lease.ts'
import { ClientPort, Sending } from '../socket/dhcp/client-port.ts'
import { Dhcpv4Client } from '../socket/dhcp/dhcpv4-client.ts'
import type { Dhcpv4Lease } from '../socket/dhcp/dhcpv4-lease.ts'
import { Dhcpv4Messages } from '../socket/dhcp/dhcpv4-messages.ts'
import type { Dhcpv4EventKind } from '../socket/dhcp/dhcpv4-state.ts'
import { Dhcpv6InformationClient } from '../socket/dhcp/dhcpv6-information-client.ts'
import type { UdpProtocol } from '../socket/udp/udp-protocol.ts'
import { formatCidr } from '../wire/cidr.ts'
import { DHCPV4_CLIENT_PORT, DHCPV4_SERVER_PORT } from '../wire/dhcpv4.ts'
import { DHCPV6_CLIENT_PORT, DHCPV6_SERVER_PORT } from '../wire/dhcpv6.ts'
import { isLinkLocal } from '../wire/ip-address.ts'
import { formatIpAddress } from '../wire/ip-address-text.ts'
import { readHardwareHigh, readHardwareLow } from '../wire/mac-address.ts'
import type { ConfigurationEvent } from './configuration-event.ts'

export interface NetworkConfigurationOptions {
  readonly interface: Interface
  readonly egress: Egress
  readonly udp: UdpProtocol
  readonly random: RandomSource
  /** An IPv4 address by DHCP. */
  readonly dhcp: boolean
  /** IPv6 addresses by SLAAC, made with this function (RFC 7217); null = not. */
  readonly identifierOf: IdentifierFunction | null
}

export class NetworkConfiguration {
  readonly dhcp: Dhcpv4Client | null
  readonly routers: RouterDiscovery | null
  readonly information: Dhcpv6InformationClient | null
  /** Told of changes, during a poll. */
  onEvent: ((event: ConfigurationEvent) => void) | null = null
  private readonly iface: Interface

  /** Begins at the next poll. */
  constructor(options: NetworkConfigurationOptions, nowMs: number) {
    this.iface = options.interface
    this.dhcp = options.dhcp ? startDhcp(options, nowMs) : null
    const { identifierOf } = options
    this.routers =
      identifierOf === null ? null : this.iface.startRouterDiscovery(identifierOf, nowMs)
    this.information = this.routers === null ? null : openInformation(options, this.routers)
    this.iface.addresses.onChange((entry, change) => {
      const kind = change === 'state' ? kindOfState(entry.state) : change
      if (kind === null || this.onEvent === null) return
      this.onEvent({ kind, address: formatCidr(entry), origin: entry.origin })
    })
    if (this.dhcp !== null) {
      this.dhcp.onEvent = (kind, lease) => this.onEvent?.(describeLease(kind, lease))
    }
  }

  /** True with an address of the family that peers beyond the link can reach. */
  hasAddress(version: 4 | 6): boolean {
    return this.iface.addresses.entries.some(
      ({ address, state }) =>
        address.version === version &&
        !isLinkLocal(address) &&
        state !== AddressState.Tentative &&
        state !== AddressState.Duplicate,
    )
  }

  /** Gives back what was lent, at an orderly end. True = call again after a poll. */
  release(nowMs: number): boolean {
    return this.dhcp !== null && this.dhcp.release(nowMs) === Sending.Resolving
  }
}

/** Null for what concerns nobody but the interface. */
function kindOfState(state: AddressState): 'deprecated' | 'duplicate' | null {
  if (state === AddressState.Deprecated) return 'deprecated'
  return state === AddressState.Duplicate ? 'duplicate' : null
}

function describeLease(kind: Dhcpv4EventKind, lease: Dhcpv4Lease): ConfigurationEvent {
  const gateways: string[] = []
  for (const { prefixLength, router } of lease.routes) {
    if (prefixLength === 0 && router !== null) gateways.push(formatIpAddress(router))
  }
  return {
    ...{ kind, gateways },
    address: formatCidr(lease),
    server: formatIpAddress(lease.server),
    leaseSeconds: lease.leaseMs / 1000,
  }
}

function startDhcp(options: NetworkConfigurationOptions, nowMs: number): Dhcpv4Client {
  const { interface: iface, egress, udp, random } = options
  const { hardwareHigh, hardwareLow } = hardwareOf(iface)
  const client: Dhcpv4Client = new Dhcpv4Client({
    ...{ hardwareHigh, hardwareLow, random },
    messages: new Dhcpv4Messages(hardwareHigh, hardwareLow, iface.link.mtu4),
    port: new ClientPort({
      ...{ egress, udp, version: 4, interfaceIndex: iface.index },
      localPort: DHCPV4_CLIENT_PORT,
      remotePort: DHCPV4_SERVER_PORT,
      onDatagram: (bytes, atMs) => client.receive(bytes, atMs),
    }),
    probe: iface.probe,
    applied: new AppliedLease(iface),
    tasks: iface.tasks,
    setUnconfigured: (isUnconfigured) =>
      iface.acceptUnconfigured(isUnconfigured ? DHCPV4_CLIENT_PORT : 0),
  })
  client.start(nowMs)
  iface.onLinkUp.push((upMs) => client.linkUp(upMs))
  return client
}

function openInformation(
  options: NetworkConfigurationOptions,
  routers: RouterDiscovery,
): Dhcpv6InformationClient {
  const { interface: iface, egress, udp, random } = options
  const { addresses, nameServers, tasks } = iface
  const client: Dhcpv6InformationClient = new Dhcpv6InformationClient({
    ...hardwareOf(iface),
    ...{ addresses, nameServers, tasks, random },
    port: new ClientPort({
      ...{ egress, udp, version: 6, interfaceIndex: iface.index },
      localPort: DHCPV6_CLIENT_PORT,
      remotePort: DHCPV6_SERVER_PORT,
      onDatagram: (bytes, atMs) => client.receive(bytes, atMs),
    }),
  })
  // Now, before an app can take the port.
  client.start()
  routers.onOtherConfiguration = (nowMs) => client.inform(nowMs)
  iface.onLinkUp.push((upMs) => client.linkUp(upMs))
  return client
}

function hardwareOf({ device }: Interface) {
  const { buffer, byteOffset, byteLength } = device.hardwareAddress
  const view = new DataView(buffer, byteOffset, byteLength)
  return { hardwareHigh: readHardwareHigh(view, 0), hardwareLow: readHardwareLow(view, 0) }
}
