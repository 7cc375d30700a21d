/**
 * A listening port for applications: a handler serves its connections, or they are taken one by
 * one.
 */
import type {
  TcpListenHandler,
  TcpListenOptions,
  TcpListenSocket,
} from '../socket/tcp/open/listen-socket.ts'
import type { TcpProtocol } from '../socket/tcp/tcp-protocol.ts'
import type { TcpSocket } from '../socket/tcp/tcp-socket.ts'
import { NetError } from './net-error.ts'
import { type ConnectionHandler, type FailureReport, serveConnection } from './serve-connection.ts'
import type { TcpStream } from './tcp-stream.ts'

/** The part of Stack that a listener uses. */
export interface ListenerHost {
  readonly tcp: TcpProtocol
  readonly onWork: (() => void) | null
  createStream(socket: TcpSocket): TcpStream
  readonly onConnectionFailure: FailureReport | null
}

export class TcpListener implements TcpListenHandler, AsyncIterable<TcpStream> {
  readonly port: number
  private readonly host: ListenerHost
  private readonly socket: TcpListenSocket
  private readonly handler: ConnectionHandler | null
  private isClosed = false
  private readonly waiting: {
    resolve(stream: TcpStream | null): void
  }[] = []

  /** With a `handler` nobody else gets a connection. */
  constructor(
    host: ListenerHost,
    options: TcpListenOptions,
    handler: ConnectionHandler | null = null,
  ) {
    this.host = host
    this.handler = handler
    this.socket = host.tcp.listen({ ...options, handler: this })
    this.port = options.port
  }

  /** The next connection; rejects with NetError 'closed' once the listener is closed. */
  async accept(): Promise<TcpStream> {
    const stream = await this.next()
    if (stream === null) throw new NetError('closed', 'Cannot accept: the listener is closed')
    return stream
  }

  /** Stops listening and ends iterations; connections already accepted live on. */
  close(): void {
    this.socket.close()
  }

  [Symbol.asyncIterator](): AsyncIterator<TcpStream> {
    return {
      next: async () => {
        const stream = await this.next()
        return stream === null ? { done: true, value: undefined } : { done: false, value: stream }
      },
      return: async () => {
        this.close()
        return { done: true, value: undefined }
      },
    }
  }

  onClose(): void {
    this.isClosed = true
    for (const waiter of this.waiting.splice(0)) waiter.resolve(null)
    this.host.onWork?.()
  }

  onConnection(): void {
    if (this.handler !== null) {
      this.serve(this.handler)
      return
    }
    while (this.waiting.length > 0) {
      const stream = this.take()
      if (stream === null) return
      this.waiting.shift()!.resolve(stream)
    }
  }

  private serve(handler: ConnectionHandler): void {
    for (let stream = this.take(); stream !== null; stream = this.take()) {
      void serveConnection(stream, handler, this.host.onConnectionFailure)
    }
  }

  private next(): Promise<TcpStream | null> {
    if (this.isClosed) return Promise.resolve(null)
    const stream = this.take()
    if (stream !== null) return Promise.resolve(stream)
    return new Promise((resolve) => {
      this.waiting.push({ resolve })
    })
  }

  private take(): TcpStream | null {
    const socket = this.socket.accept()
    return socket === null ? null : this.host.createStream(socket)
  }
}
