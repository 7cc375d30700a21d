/** Types of the module `eremite` that apps import: the exports of kernel/eremite.ts. */
declare module 'eremite' {
  export type AppSystem = import('./app-system.ts').AppSystem
  export type ShutdownSignal = import('./shutdown-signal.ts').ShutdownSignal
  export type AppTimer = import('./app-system.ts').AppTimer
  export type TcpListener = import('../net/api/tcp-listener.ts').TcpListener
  export type TcpStream = import('../net/api/tcp-stream.ts').TcpStream
  export type TcpSocket = import('../net/socket/tcp/tcp-socket.ts').TcpSocket
  export type TcpSocketHandler = import('../net/socket/tcp/tcp-socket.ts').TcpSocketHandler
  export type TcpInfo = import('../net/socket/tcp/tcp-info.ts').TcpInfo
  export type UdpEndpoint = import('../net/api/udp-endpoint.ts').UdpEndpoint
  export type DatagramDetails = import('../net/api/datagram-endpoint.ts').DatagramDetails
  export type RawEndpoint = import('../net/api/raw-endpoint.ts').RawEndpoint
  export type PingReply = import('../net/api/ping.ts').PingReply
  export type DeliveryError = import('../net/api/delivery-error.ts').DeliveryError
  export type DatagramAddress = import('../net/api/udp-endpoint.ts').DatagramAddress
  export type UdpSocket = import('../net/socket/udp/udp-socket.ts').UdpSocket
  export type UdpSocketHandler = import('../net/socket/udp/udp-socket.ts').UdpSocketHandler
  export type NetError = import('../net/api/net-error.ts').NetError
  export const NetError: typeof import('../net/api/net-error.ts').NetError

  /**
   * Settings of whoever started the guest: `env.NAME=value` on its command line, then the lines of
   * fw_cfg's file `opt/eremite/env`. Frozen, read when first looked at; throws Error when the file
   * is none of NAME=value lines.
   */
  export const env: import('./settings.ts').Environment
  /** Read-only files of fw_cfg's folder `opt/eremite/files/`, up to 16 MiB each. */
  export const files: import('./settings.ts').SettingsFiles
  /** Clock, timers, log, statistics, and the wish to shut down. */
  export const system: AppSystem
  /**
   * Listens for TCP connections on both families and runs `handler` for each, many at once. A
   * connection is closed when its handler is done; what the handler throws is logged and resets
   * that connection, and the others go on. Throws NetError, 'unreachable' without a network.
   * Without a handler, for programs that take connections one by one, the listener is an async
   * iterable of them: then whoever takes a connection handles its errors and closes it.
   * @example listen({ port: 7777 }, async (connection) => connection.write(greeting))
   */
  export function listen(
    options: import('../net/api/stack.ts').ListenOptions,
    handler?: import('../net/api/serve-connection.ts').ConnectionHandler,
  ): TcpListener
  /**
   * Resolves once connected to an address, or to the first address of a name that answers: those of
   * both families are tried, a quarter of a second apart, and what is not needed is given up.
   * Rejects with NetError: 'name-not-found' or 'name-unresolved' when it has no address to try,
   * else the code of the address that was preferred, and a message that says what became of each.
   * @example const stream = await connect({ hostname: 'example.com', port: 80 })
   */
  export function connect(
    options: import('../net/api/connect-stream.ts').ConnectOptions,
  ): Promise<TcpStream>
  /**
   * The addresses of a name in text form, the best first; of both families, or of `family`. Names
   * come from the servers of `dns=` or of the network, those that end in `.local` from the link
   * (mDNS). Answers are kept as long as they are true. Rejects with NetError: 'name-not-found' when
   * there is no such name or no address, 'name-unresolved' when nobody could say.
   * @example const [address] = await resolve('example.com')
   */
  export function resolve(
    hostname: string,
    options?: import('../net/api/stack.ts').ResolveOptions,
  ): Promise<string[]>
  /**
   * The same with callbacks, for services that move much data: accepts TCP connections on `port` of
   * every local address. `onConnection` sets the socket's handler and looks at what the socket
   * already holds.
   */
  export function listenTcp(port: number, onConnection: (socket: TcpSocket) => void): void
  /**
   * What a connection knows of its path and what holds it up; `connection.info()` for sockets of
   * `listenTcp`.
   */
  export function tcpInfo(socket: TcpSocket): TcpInfo
  /**
   * Opens a UDP port on both families, or on one address with `hostname`; port 0 takes a free one,
   * and runs `handler` for each datagram, up to 64 at once. What the handler throws is logged, and
   * the others go on. Throws NetError, 'unreachable' without a network. Without a handler the
   * endpoint is an async iterable of datagrams: then whoever takes one handles the errors of its
   * answer, since anybody may send from an address that none reaches.
   * @example const endpoint = listenDatagram({ port: 7777 }, (bytes, from) => endpoint.send(bytes,
   * from))
   */
  export function listenDatagram(
    options: import('../net/api/udp-endpoint.ts').ListenDatagramOptions,
    handler?: import('../net/api/serve-datagrams.ts').DatagramHandler,
  ): UdpEndpoint
  /**
   * Opens a UDP port with one peer, an address or the best one of a name: nobody else is heard,
   * `send` needs no address, and what ICMP says of that peer, as that nobody listens there, rejects
   * the next call with DeliveryError ('refused').
   */
  export function connectDatagram(
    options: import('../net/api/udp-endpoint.ts').ConnectDatagramOptions,
  ): Promise<UdpEndpoint>
  /**
   * How long a host takes to answer, by address or name. Rejects with NetError: 'timeout',
   * 'unreachable', or, with the `reporter` that says so, 'time-exceeded' when `hopLimit` is used up
   * on the way.
   * @example const { roundTripMs } = await ping('10.0.2.2', { timeoutMs: 500 })
   */
  export function ping(
    hostname: string,
    options?: import('../net/api/ping.ts').PingOptions,
  ): Promise<PingReply>
  /**
   * Opens a socket of an IP protocol that the stack does not speak itself, by its number: payloads
   * in and out, the IP header is the stack's. Of ICMP (1) and ICMPv6 (58) it gets what the stack
   * does not handle. TCP, UDP and IGMP are refused with RangeError.
   */
  export function openRaw(options: import('../net/api/raw-endpoint.ts').RawOptions): RawEndpoint
  type StatusRequest = { readonly method: string; readonly url: string }
  /** The app's own type of response, whatever an editor takes for it. */
  type StatusResponse = typeof globalThis extends { Response: new (...values: never[]) => infer T }
    ? T
    : import('./userland/web/response.ts').Response
  /**
   * A request handler that answers with the guest's counters, and those of the app's requests, in
   * Prometheus' text format.
   * @example if (new URL(request.url).pathname === '/metrics') return metrics(request)
   */
  export function metrics(request: StatusRequest): StatusResponse
  /**
   * A request handler with the page of the built-in app: give it a path and what lies below,
   * `/status`, `/status/stats` and `/status/history`. What the guest did in the last ten minutes is
   * kept from the app's start on.
   * @example if (new URL(request.url).pathname.startsWith('/status')) return dashboard(request)
   */
  export function dashboard(request: StatusRequest): StatusResponse
  /** The same with callbacks and without a copy, for services that answer many datagrams. */
  export function listenUdp(port: number, handler: UdpSocketHandler): UdpSocket
}
