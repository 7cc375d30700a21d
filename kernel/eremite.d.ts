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
  export type DatagramAddress = import('../net/api/udp-endpoint.ts').DatagramAddress
  export type UdpSocket = import('../net/socket/udp/udp-socket.ts').UdpSocket
  export type UdpSocketHandler = import('../net/socket/udp/udp-socket.ts').UdpSocketHandler
  export type NetError = import('../net/api/net-error.ts').NetError
  export const NetError: typeof import('../net/api/net-error.ts').NetError

  /** Clock, timers, log, statistics, and the wish to shut down. */
  export const system: AppSystem
  /**
   * Listens for TCP connections on both families and runs `handler` for each, many at once. A connection is closed when its
   * handler is done; what the handler throws is logged and resets that connection, and the others go on. Throws NetError,
   * 'unreachable' without a network. Without a handler, for programs that take connections one by one, the listener is an
   * async iterable of them: then whoever takes a connection handles its errors and closes it.
   * @example listen({ port: 7777 }, async (connection) => connection.write(greeting))
   */
  export function listen(
    options: import('../net/api/stack.ts').ListenOptions,
    handler?: import('../net/api/serve-connection.ts').ConnectionHandler,
  ): TcpListener
  /** Resolves once connected; rejects with NetError. */
  export function connect(options: import('../net/api/stack.ts').ConnectOptions): Promise<TcpStream>
  /**
   * The same with callbacks, for services that move much data: accepts TCP connections on `port` of every local
   * address. `onConnection` sets the socket's handler and looks at what the socket already holds.
   */
  export function listenTcp(port: number, onConnection: (socket: TcpSocket) => void): void
  /** What a connection knows of its path and what holds it up; `connection.info()` for sockets of `listenTcp`. */
  export function tcpInfo(socket: TcpSocket): TcpInfo
  /**
   * Opens a UDP port on both families, or on one address with `hostname`; port 0 takes a free one, and runs `handler` for each
   * datagram, up to 64 at once. What the handler throws is logged, and the others go on. Throws NetError, 'unreachable' without
   * a network. Without a handler the endpoint is an async iterable of datagrams: then whoever takes one handles the errors of
   * its answer, since anybody may send from an address that none reaches.
   * @example const endpoint = listenDatagram({ port: 7777 }, (bytes, from) => endpoint.send(bytes, from))
   */
  export function listenDatagram(
    options: import('../net/api/udp-endpoint.ts').ListenDatagramOptions,
    handler?: import('../net/api/serve-datagrams.ts').DatagramHandler,
  ): UdpEndpoint
  /** The same with callbacks and without a copy, for services that answer many datagrams. */
  export function listenUdp(port: number, handler: UdpSocketHandler): UdpSocket
}
