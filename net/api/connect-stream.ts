/** Opens a stream to an address or to a name, unless whoever wants it gives it up before. */
import type { TcpConnectOptions } from '../socket/tcp/tcp-protocol.ts'
import type { TcpSocket } from '../socket/tcp/tcp-socket.ts'
import { parseIpAddress } from '../wire/ip-address-text.ts'
import type { NameService } from './name-service.ts'
import { NetError } from './net-error.ts'
import type { TcpStream } from './tcp-stream.ts'

/** The part of an AbortSignal that is looked at. */
export interface CancelSignal {
  readonly aborted: boolean
  readonly reason: unknown
  addEventListener(type: 'abort', listener: () => void): void
  removeEventListener(type: 'abort', listener: () => void): void
}

export interface ConnectOptions {
  port: number
  /** A host name, or an IPv4 or IPv6 address in text form. */
  hostname: string
  noDelay?: boolean
  /**
   * Ends the attempt when it fires before the connection stands; the promise rejects with its
   * reason.
   */
  signal?: CancelSignal
}

/** The part of Stack that this uses. */
export interface ConnectHost {
  readonly names: NameService
  connectSocket(options: TcpConnectOptions): TcpSocket
  createStream(socket: TcpSocket): TcpStream
}

export function connectStream(host: ConnectHost, options: ConnectOptions): Promise<TcpStream> {
  const { hostname, port, noDelay = false, signal = null } = options
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) throw signal.reason
    let giveUp = () => {}
    const onAbort = () => {
      giveUp()
      reject(signal!.reason)
    }
    const settle = (result: TcpStream | NetError) => {
      signal?.removeEventListener('abort', onAbort)
      if (result instanceof NetError) reject(result)
      else resolve(result)
    }
    const address = parseIpAddress(hostname)
    if (address === null) {
      giveUp = host.names.connect(hostname, port, (winner) => {
        // At once, since what comes next is for its handler.
        const result = winner instanceof NetError ? winner : host.createStream(winner)
        if (noDelay && !(result instanceof NetError)) result.setNoDelay(true)
        settle(result)
      })
    } else {
      const stream = host.createStream(host.connectSocket({ address, port }))
      if (noDelay) stream.setNoDelay(true)
      giveUp = () => stream.abort()
      stream.opened.then(() => settle(stream), settle)
    }
    signal?.addEventListener('abort', onAbort)
  })
}
