/** The module `eremite` that apps import: `system`, and the sockets of the guest's one stack. */
import type { ConnectOptions } from '../net/api/connect-stream.ts'
import { NetError } from '../net/api/net-error.ts'
import type { PingOptions, PingReply } from '../net/api/ping.ts'
import type { RawEndpoint, RawOptions } from '../net/api/raw-endpoint.ts'
import type { ConnectionHandler } from '../net/api/serve-connection.ts'
import type { DatagramHandler } from '../net/api/serve-datagrams.ts'
import type { ListenOptions, ResolveOptions, Stack } from '../net/api/stack.ts'
import type { TcpListener } from '../net/api/tcp-listener.ts'
import type { TcpStream } from '../net/api/tcp-stream.ts'
import type {
  ConnectDatagramOptions,
  ListenDatagramOptions,
  UdpEndpoint,
} from '../net/api/udp-endpoint.ts'
import { tcpInfo } from '../net/socket/tcp/tcp-info.ts'
import type { TcpSocket } from '../net/socket/tcp/tcp-socket.ts'
import type { UdpSocket, UdpSocketHandler } from '../net/socket/udp/udp-socket.ts'
import type { AppSystem } from './app-system.ts'
import { ListeningPorts } from './listening-ports.ts'
import type { createSettings, Environment, SettingsFiles } from './settings.ts'

/**
 * What the module's functions work on; the composition root fills it in before an app is loaded.
 */
export const guest: {
  stack: Stack | null
  /** While the guest waits for its first address; then null. */
  addressed: Promise<void> | null
  nowMs: () => number
  readonly listening: ListeningPorts
} = {
  stack: null,
  addressed: null,
  nowMs: () => 0,
  listening: new ListeningPorts(),
}

export { NetError, tcpInfo }
export let system: AppSystem

export let env: Environment
export let files: SettingsFiles

/** Called once, by the composition root. */
export function provideSystem(value: AppSystem, settings: ReturnType<typeof createSettings>): void {
  system = value
  env = settings.env
  files = settings.files
}

function requireStack(action: string): Stack {
  if (guest.stack === null) {
    throw new NetError('unreachable', `Cannot ${action}: this guest has no network`)
  }
  // An app may have computed for seconds since the last turn: they are not the peer's.
  guest.stack.noteTime(guest.nowMs())
  return guest.stack
}

export function listen(options: ListenOptions, handler?: ConnectionHandler): TcpListener {
  const listener = requireStack('listen').listen(options, handler)
  guest.listening.add(options.port, 'tcp')
  return listener
}

/**
 * What an app begins with should not fail for being faster than the network's servers. Over too
 * when the signal fires.
 */
function whenAddressed(signal?: ConnectOptions['signal']): Promise<void> | null {
  const { addressed } = guest
  if (addressed === null || signal === undefined) return addressed
  if (signal.aborted) return null
  return new Promise((resolve) => {
    const end = () => {
      signal.removeEventListener('abort', end)
      resolve()
    }
    signal.addEventListener('abort', end)
    void addressed.then(end)
  })
}

export async function connect(options: ConnectOptions): Promise<TcpStream> {
  await whenAddressed(options.signal)
  return requireStack('connect').connect(options)
}

export async function resolve(hostname: string, options?: ResolveOptions): Promise<string[]> {
  await whenAddressed()
  return requireStack('resolve').resolve(hostname, options)
}

export function listenTcp(port: number, onConnection: (socket: TcpSocket) => void): void {
  requireStack('listen').listenSocket({ port, handler: { onSocket: onConnection } })
  guest.listening.add(port, 'tcp')
}

export function listenDatagram(
  options: ListenDatagramOptions,
  handler?: DatagramHandler,
): UdpEndpoint {
  const endpoint = requireStack('listen').listenDatagram(options, handler)
  guest.listening.add(endpoint.port, 'udp')
  return endpoint
}

export async function connectDatagram(options: ConnectDatagramOptions): Promise<UdpEndpoint> {
  await whenAddressed()
  return requireStack('open a UDP port').connectDatagram(options)
}

export async function ping(hostname: string, options?: PingOptions): Promise<PingReply> {
  await whenAddressed()
  return requireStack('ping').ping(hostname, options)
}

export function openRaw(options: RawOptions): RawEndpoint {
  return requireStack('open a raw socket').openRaw(options)
}

export function listenUdp(port: number, handler: UdpSocketHandler): UdpSocket {
  const socket = requireStack('listen').openUdpSocket({ port, handler })
  guest.listening.add(socket.localPort, 'udp')
  return socket
}
