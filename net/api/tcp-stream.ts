/** A TCP connection for applications: reads into the caller's buffer, writes with back-pressure, all with promises. */
import { TcpState } from '../socket/tcp/state.ts'
import type { TcpSocket, TcpSocketHandler } from '../socket/tcp/tcp-socket.ts'
import type { IpAddress } from '../wire/ip-address.ts'
import { formatIpAddress } from '../wire/ip-address-text.ts'
import { NetError } from './net-error.ts'

export interface StreamAddress {
  readonly hostname: string
  readonly port: number
}

interface Waiter {
  resolve(): void
  reject(error: Error): void
}

export class TcpStream implements TcpSocketHandler {
  /** Resolves when the connection is established; rejects with NetError when it fails before. */
  readonly opened: Promise<void>
  private readonly socket: TcpSocket
  private readonly onWork: () => void
  private opening: Waiter | null = null
  private reader: Waiter | null = null
  private writer: Waiter | null = null

  /** Takes over the socket's handler. `onWork` wakes whoever polls the stack. */
  constructor(socket: TcpSocket, onWork: () => void) {
    this.socket = socket
    this.onWork = onWork
    socket.handler = this
    if (socket.state === TcpState.SynSent || socket.state === TcpState.SynReceived) {
      this.opened = new Promise((resolve, reject) => {
        this.opening = { resolve, reject }
      })
      // Who never looks at `opened` learns of the failure from read and write.
      this.opened.catch(() => {})
    } else {
      this.opened = Promise.resolve()
    }
  }

  get localAddress(): StreamAddress {
    return toStreamAddress(this.socket.localAddress, this.socket.localPort)
  }

  get remoteAddress(): StreamAddress {
    return toStreamAddress(this.socket.remoteAddress, this.socket.remotePort)
  }

  /**
   * Fills `target` with what has arrived, waiting for the first byte. Resolves with the number of bytes, or null at the end of the
   * stream; rejects with NetError when the connection has failed. One read at a time.
   * @example while ((count = await stream.read(buffer)) !== null) use(buffer, count)
   */
  async read(target: Uint8Array): Promise<number | null> {
    if (this.reader !== null) throw new Error('Cannot read: another read is pending')
    const { socket } = this
    if (target.length === 0) return 0
    for (;;) {
      if (socket.receivedLength > 0) {
        const count = socket.receive(target, 0, target.length)
        this.onWork()
        return count
      }
      if (socket.error !== null) throw socket.error
      if (socket.isPeerFinished) return null
      if (socket.isReceiveClosed || socket.state === TcpState.Closed) {
        throw new NetError('closed', 'Cannot read: the stream is closed')
      }
      await new Promise<void>((resolve, reject) => {
        this.reader = { resolve, reject }
      })
    }
  }

  /**
   * Resolves when all of `bytes` are queued in the send buffer, which they leave as the peer takes them. The caller may reuse
   * `bytes` afterwards. Rejects with NetError. One write at a time.
   */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.writer !== null) throw new Error('Cannot write: another write is pending')
    const { socket } = this
    let offset = 0
    for (;;) {
      if (socket.error !== null) throw socket.error
      offset += socket.send(bytes, offset, bytes.length - offset)
      this.onWork()
      if (offset === bytes.length) return
      await new Promise<void>((resolve, reject) => {
        this.writer = { resolve, reject }
      })
    }
  }

  /** No more writes: the peer reads the end of the stream after what is queued. Reading goes on. */
  closeWrite(): void {
    this.socket.closeWrite()
    this.onWork()
  }

  /** Done in both directions; what is queued is still sent. Data that nobody has read makes it a reset. */
  close(): void {
    this.socket.close()
    this.failWaiters(new NetError('closed', 'The stream was closed'))
    this.onWork()
  }

  /** Drops everything and resets the connection. */
  abort(): void {
    this.socket.abort()
    this.onWork()
  }

  setNoDelay(noDelay: boolean): void {
    this.socket.setNoDelay(noDelay)
  }

  onEstablished(): void {
    this.opening?.resolve()
    this.opening = null
  }

  onReadable(): void {
    this.wakeReader()
  }

  onPeerFinished(): void {
    this.wakeReader()
  }

  onWritable(): void {
    const writer = this.writer
    this.writer = null
    writer?.resolve()
  }

  onClose(_socket: TcpSocket, error: NetError | null): void {
    if (error !== null) {
      this.failWaiters(error)
      return
    }
    this.wakeReader()
    this.onWritable()
    this.opening?.reject(new NetError('closed', 'The stream was closed'))
    this.opening = null
  }

  private wakeReader(): void {
    const reader = this.reader
    this.reader = null
    reader?.resolve()
  }

  private failWaiters(error: NetError): void {
    const { opening, reader, writer } = this
    this.opening = null
    this.reader = null
    this.writer = null
    opening?.reject(error)
    reader?.reject(error)
    writer?.reject(error)
  }
}

function toStreamAddress(address: IpAddress, port: number): StreamAddress {
  return { hostname: formatIpAddress(address), port }
}
