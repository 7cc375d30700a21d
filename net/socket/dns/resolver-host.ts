/** What the resolver needs of the stack around it, and the queries that it makes of that. */
import type { AddressTable } from '../../iface/address-table.ts'
import type { MergedNameServers } from '../../iface/merged-name-servers.ts'
import type { RandomSource } from '../../iface/random-source.ts'
import type { RouteTable } from '../../iface/route-table.ts'
import type { Alarms } from '../alarms.ts'
import type { TcpConnectOptions } from '../tcp/open/connect-options.ts'
import type { TcpSocket } from '../tcp/tcp-socket.ts'
import type { UdpSocket, UdpSocketOptions } from '../udp/udp-socket.ts'

export interface ResolverHost {
  readonly random: RandomSource
  readonly alarms: Alarms
  readonly nameServers: MergedNameServers
  /** They may be told of yet, by servers or routers of the network. */
  readonly expectsServers: boolean
  readonly addresses: Pick<AddressTable, 'entries'>
  readonly routes: Pick<RouteTable, 'isOnLink'>
  /** How many links there are to ask. */
  readonly interfaceCount: number
  /** Time of the last poll, which stands for now. */
  readonly nowMs: number
  /** Throws NetError. */
  openUdpSocket(options: UdpSocketOptions): UdpSocket
  /** Throws NetError. */
  connectSocket(options: TcpConnectOptions): TcpSocket
}
