/**
 * An address that the interface has no longer: connections on it cannot go on, and their users hear
 * so at once.
 */
import { type IpAddress, isSameAddress } from '../../wire/ip-address.ts'
import { NetError } from '../net-error.ts'
import type { TcpSocket } from './tcp-socket.ts'

/** Nothing is sent: whatever left would come from somebody else's address. */
export function endConnectionsOf(
  address: IpAddress,
  interfaceIndex: number,
  sockets: Iterable<TcpSocket>,
): void {
  for (const socket of [...sockets]) {
    if (socket.interfaceIndex !== interfaceIndex) continue
    if (!isSameAddress(socket.localAddress, address)) continue
    socket.host.finish(socket, new NetError('unreachable', 'The local address is gone'))
  }
}
