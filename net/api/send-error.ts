/** Why a datagram cannot be sent, as applications see it. */
import { DatagramSend } from '../socket/datagram/datagram-send.ts'
import type { IpAddress } from '../wire/ip-address.ts'
import { formatIpAddress } from '../wire/ip-address-text.ts'
import { NetError } from './net-error.ts'

/** `port` 0 = the protocol has none. */
export function sendError(
  result: DatagramSend,
  lengthBytes: number,
  address: IpAddress,
  port: number,
): NetError {
  const to = port === 0 ? formatIpAddress(address) : `${formatIpAddress(address)} port ${port}`
  const what = `Cannot send ${lengthBytes} bytes to ${to}`
  switch (result) {
    case DatagramSend.TooLong:
      return new NetError('message-too-large', `${what}: more than the path carries`)
    case DatagramSend.Closed:
      return new NetError('closed', `${what}: the socket is closed`)
    case DatagramSend.NotPermitted:
      return new NetError('not-permitted', `${what}: a broadcast; set \`broadcast\` to allow them`)
    case DatagramSend.NoMemory:
      return new NetError('exhausted', `${what}: no memory for its queue`)
    default:
      return new NetError('unreachable', `${what}: no route`)
  }
}
