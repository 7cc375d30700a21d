/** Whom a connection is begun with, and how. */
import type { FlowFields } from '../../../iface/protocol-handler.ts'
import type { IpAddress } from '../../../wire/ip-address.ts'
import type { TcpSocketHandler } from '../tcp-socket.ts'

export interface TcpConnectOptions {
  address: IpAddress
  port: number
  /** MUST-43: chosen by the interface when absent. */
  localAddress?: IpAddress
  /** RFC 6056: chosen at random when absent. */
  localPort?: number
  /** Which it leaves by; of the local address, or chosen by the best route, when absent. */
  interfaceIndex?: number
  /** What its headers say from the SYN on. */
  ipFields?: FlowFields
  handler?: TcpSocketHandler | null
}
