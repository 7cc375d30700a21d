/** Types of the module `eremite` that apps import: the exports of kernel/main.ts. */
declare module 'eremite' {
  export type AppSystem = import('./app-system.ts').AppSystem
  export type AppTimer = import('./app-system.ts').AppTimer
  /** Clock, timers, log and statistics. */
  export const system: AppSystem
  /**
   * Accepts TCP connections on `port` of every local address. `onConnection` sets the socket's handler and looks
   * at what the socket already holds. Throws NetError 'address-in-use'; does nothing without a network.
   */
  export function listenTcp(
    port: number,
    onConnection: (socket: import('../net/socket/tcp/tcp-socket.ts').TcpSocket) => void,
  ): void
}
