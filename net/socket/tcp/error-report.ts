/** What an ICMP error does to a connection (RFC 9293 §3.9.2.2, RFC 5927, RFC 1191, RFC 8201). */

import type { TransportError } from '../../iface/protocol-handler.ts'
import { sequenceLessOrEqual, sequenceLessThan } from '../../wire/sequence.ts'
import { NetError } from '../net-error.ts'
import { goBack } from './recovery/sent-runs.ts'
import { TcpState } from './state.ts'
import type { TcpSocket } from './tcp-socket.ts'

/**
 * Linux's min_pmtu: a forged "fragmentation needed" must not make us send mostly headers. RFC 8201
 * §4 names 1280.
 */
const MINIMUM_PATH_MTU_V4 = 552
const MINIMUM_PATH_MTU_V6 = 1280

export function applyError(socket: TcpSocket, error: TransportError): void {
  // RFC 5927 §4.1: the quoted sequence number must be of data in flight, which who is off the path
  // cannot know.
  const sequence = error.sequenceNumber
  if (
    sequenceLessThan(sequence, socket.sendUnacknowledged) ||
    sequenceLessOrEqual(socket.sendMax, sequence)
  ) {
    return
  }
  if (error.kind === 'mtu') {
    lowerPathMtu(socket, error)
  } else if (error.kind === 'hard' && socket.state === TcpState.SynSent) {
    // RFC 5927 §5.2: hard errors count only in non-synchronized states.
    socket.host.finish(socket, new NetError('refused', 'Network refused the connection'))
  } else {
    socket.softError = error.kind === 'hard' ? 'refused' : 'unreachable'
  }
}

/**
 * Only ever lowers; the segments that were too big go again, smaller, without the loss being taken
 * for congestion. At the floor they go without DF when the path carries less.
 */
function lowerPathMtu(socket: TcpSocket, error: TransportError): void {
  const { mtu, isBelowFloor } = error
  const flow = socket.flow
  if (flow === null) return
  const floor = flow.ipVersion === 4 ? MINIMUM_PATH_MTU_V4 : MINIMUM_PATH_MTU_V6
  // RFC 8201 §4: "A node MUST NOT reduce its estimate of the Path MTU below the IPv6 minimum link
  // MTU"; smaller values are discarded.
  if (mtu < floor && flow.ipVersion === 6) return
  error.isProven = true
  const mayFragmentNow = isBelowFloor && flow.allowFragments()
  const bounded = Math.max(mtu, floor)
  if (bounded < flow.pathMtu) flow.pathMtu = bounded
  else if (!mayFragmentNow) return
  if (socket.state < TcpState.Established) return
  goBack(socket)
  socket.isTimingSegment = false
  socket.host.scheduler.wake(socket)
}
