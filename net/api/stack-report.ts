/** A stack's counters and connections as plain data for status pages. */
import type { InterfaceCounters } from '../iface/interface-counters.ts'
import type { DatagramStatistics } from '../socket/datagram/datagram-host.ts'
import type { EchoCounters } from '../socket/icmp/echo-client.ts'
import { tcpStateName } from '../socket/tcp/state.ts'
import type { TcpStatistics } from '../socket/tcp/statistics.ts'
import type { TcpSocket } from '../socket/tcp/tcp-socket.ts'
import type { UdpStatistics } from '../socket/udp/statistics.ts'
import { formatIpAddress } from '../wire/ip-address-text.ts'
import type { NameReport } from './name-service.ts'
import type { Stack } from './stack.ts'

/** A busy guest has thousands: the first to open are named, all are counted. */
export const LISTED_CONNECTIONS = 12

export interface ConnectionReport {
  readonly localPort: number
  /** "10.0.0.1:40000", "[fd00::1]:40000" */
  readonly remote: string
  /** As RFC 9293 names it. */
  readonly state: string
  /** Payload bytes, each counted once. */
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly retransmissions: number
  /** Smoothed; 0 before the first sample. */
  readonly roundTripMs: number
}

export interface StackReport {
  readonly connections: {
    readonly open: number
    readonly halfOpen: number
    readonly timeWait: number
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
    const connections = { open: 0, halfOpen: 0, timeWait: 0, list: [] }
    const nothing = { interface: null, tcp: null, udp: null, echo: null, raw: null, dns: null }
    return { connections, ...nothing }
  }
  const { tcp, udp } = stack
  const list: ConnectionReport[] = []
  for (const socket of tcp.sockets()) {
    if (list.length === LISTED_CONNECTIONS) break
    list.push(reportConnection(socket))
  }
  return {
    connections: {
      open: tcp.connectionCount,
      halfOpen: tcp.halfOpenCount,
      timeWait: tcp.timeWaitCount,
      list,
    },
    interface: stack.interface.counters,
    tcp: tcp.readStatistics(),
    udp: udp.readStatistics(),
    ...stack.protocols.readStatistics(),
    dns: stack.reportNames(),
  }
}

function reportConnection(socket: TcpSocket): ConnectionReport {
  const { remoteAddress, remotePort, statistics } = socket
  const address = formatIpAddress(remoteAddress)
  return {
    localPort: socket.localPort,
    remote: remoteAddress.version === 4 ? `${address}:${remotePort}` : `[${address}]:${remotePort}`,
    state: tcpStateName(socket.state),
    bytesSent: statistics.bytesSent,
    bytesReceived: statistics.bytesReceived,
    retransmissions: statistics.retransmissions,
    roundTripMs: Math.round(socket.rtt.smoothedMs * 1000) / 1000,
  }
}
