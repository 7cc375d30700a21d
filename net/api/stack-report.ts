/** A stack's counters and connections as plain data for status pages. */
import type { InterfaceCounters } from '../iface/interface-counters.ts'
import type { DatagramStatistics } from '../socket/datagram/datagram-host.ts'
import type { EchoCounters } from '../socket/icmp/echo-client.ts'
import type { TcpStatistics } from '../socket/tcp/statistics.ts'
import { type TcpInfo, tcpInfo } from '../socket/tcp/tcp-info.ts'
import type { TcpSocket } from '../socket/tcp/tcp-socket.ts'
import type { UdpStatistics } from '../socket/udp/statistics.ts'
import { formatIpAddress } from '../wire/ip-address-text.ts'
import type { NameReport } from './name-service.ts'
import type { Stack } from './stack.ts'

/** A busy guest has thousands: those that do most are listed, all are counted. */
export const LISTED_CONNECTIONS = 12

export interface ConnectionReport extends TcpInfo {
  readonly localPort: number
  /** "10.0.0.1:40000", "[fd00::1]:40000" */
  readonly remote: string
}

export interface StackReport {
  readonly connections: {
    readonly open: number
    readonly halfOpen: number
    /** Our side is closed and acknowledged, and nobody waits for what the peer says. */
    readonly finWait2: number
    readonly timeWait: number
    /** The busiest first: see `busiest`. */
    readonly list: readonly ConnectionReport[]
  }
  /** Null without a network, like `tcp` and `udp`. */
  readonly interface: InterfaceCounters | null
  readonly tcp: TcpStatistics | null
  readonly udp: (UdpStatistics & { readonly sockets: number }) | null
  /** Echo requests of apps, and raw IP sockets; null without a network. */
  readonly echo: EchoCounters | null
  readonly raw: DatagramStatistics | null
  /** Null before the first name was used. */
  readonly dns: NameReport | null
}

export function reportStack(
  stack: Pick<Stack, 'interface' | 'tcp' | 'udp' | 'protocols' | 'reportNames'> | null,
): StackReport {
  if (stack === null) {
    const connections = { open: 0, halfOpen: 0, finWait2: 0, timeWait: 0, list: [] }
    const nothing = { interface: null, tcp: null, udp: null, echo: null, raw: null, dns: null }
    return { connections, ...nothing }
  }
  const { tcp, udp } = stack
  return {
    connections: {
      open: tcp.connectionCount,
      halfOpen: tcp.halfOpenCount,
      finWait2: tcp.finWait2Count,
      timeWait: tcp.timeWaitCount,
      list: busiest(tcp.sockets(), LISTED_CONNECTIONS).map(reportConnection),
    },
    interface: stack.interface.counters,
    tcp: tcp.readStatistics(),
    udp: udp.readStatistics(),
    ...stack.protocols.readStatistics(),
    dns: stack.reportNames(),
  }
}

/**
 * Heard from or sent to in the same second counts as at the same time: among those, the one that
 * moved more is busier.
 */
const ACTIVITY_STEP_MS = 1000

/**
 * At most `limit` connections, the busiest first: by the second of their last segment, then by the
 * bytes they have moved. One pass with room for `limit`, since there may be ten thousand; of
 * equals, those that opened first.
 */
function busiest(sockets: Iterable<TcpSocket>, limit: number): TcpSocket[] {
  const found: TcpSocket[] = []
  for (const socket of sockets) {
    if (found.length === limit && !isBusier(socket, found[limit - 1]!)) continue
    let index = found.length
    while (index > 0 && isBusier(socket, found[index - 1]!)) index--
    found.splice(index, 0, socket)
    if (found.length > limit) found.pop()
  }
  return found
}

function isBusier(one: TcpSocket, other: TcpSocket): boolean {
  const later = activeSecond(one) - activeSecond(other)
  return later !== 0 ? later > 0 : movedBytes(one) > movedBytes(other)
}

function activeSecond(socket: TcpSocket): number {
  return Math.floor(Math.max(socket.lastReceivedMs, socket.lastSentMs) / ACTIVITY_STEP_MS)
}

function movedBytes({ statistics }: TcpSocket): number {
  return statistics.bytesSent + statistics.bytesReceived
}

function reportConnection(socket: TcpSocket): ConnectionReport {
  const { remoteAddress, remotePort } = socket
  const address = formatIpAddress(remoteAddress)
  return {
    localPort: socket.localPort,
    remote: remoteAddress.version === 4 ? `${address}:${remotePort}` : `[${address}]:${remotePort}`,
    ...tcpInfo(socket),
  }
}
