/**
 * A TCP connection for applications: reads into the caller's buffer, writes with back-pressure, all
 * with promises.
 */
import { zoneOfPeer } from '../socket/tcp/peer-zone.ts'
import { TcpState } from '../socket/tcp/state.ts'
import { type TcpInfo, tcpInfo } from '../socket/tcp/tcp-info.ts'
import type { TcpSocket, TcpSocketHandler } from '../socket/tcp/tcp-socket.ts'
import type { IpAddress } from '../wire/ip-address.ts'
import { formatZoned } from './address-text.ts'
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
  private readonly hasZones: boolean
  private opening: Waiter | null = null
  private reader: Waiter | null = null
  /** Of a read that waits: what it is to fill, and how much of that has been filled. */
  private target: Uint8Array | null = null
  private filled = 0
  private writer: Waiter | null = null
  private isClosed = false

  /**
   * Takes over the socket's handler. `onWork` wakes whoever polls the stack; `hasZones` is what
   * AddressText makes of it.
   */
  constructor(socket: TcpSocket, onWork: () => void, hasZones = false) {
    this.hasZones = hasZones
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
    const { localAddress, localPort, interfaceIndex } = this.socket
    return this.toStreamAddress(localAddress, localPort, interfaceIndex)
  }

  /**
   * What the connection knows of its path and what holds it up; of one that is over, what it was at
   * the end.
   */
  info(): TcpInfo {
    return tcpInfo(this.socket)
  }

  /** Why the connection failed; null while it has not. */
  get error(): NetError | null {
    return this.socket.error
  }

  get remoteAddress(): StreamAddress {
    const { remoteAddress, remotePort } = this.socket
    return this.toStreamAddress(remoteAddress, remotePort, zoneOfPeer(this.socket))
  }

  /**
   * Fills `target` with what has arrived, waiting for the first byte. Resolves with the number of
   * bytes, or null at the end of the stream; rejects with NetError when the connection has failed.
   * One read at a time.
   * @example while ((count = await stream.read(buffer)) !== null) use(buffer, count)
   */
  read(target: Uint8Array): Promise<number | null> {
    if (this.target !== null) {
      return Promise.reject(new Error('Cannot read: another read is pending'))
    }
    return harmless(this.fill(target))
  }

  private async fill(target: Uint8Array): Promise<number | null> {
    const { socket } = this
    if (target.length === 0) return 0
    for (;;) {
      if (this.isClosed) throw new NetError('closed', 'Cannot read: the stream is closed')
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
      this.target = target
      this.filled = 0
      try {
        await new Promise<void>((resolve, reject) => {
          this.reader = { resolve, reject }
        })
      } finally {
        this.target = null
      }
      if (this.filled > 0) return this.filled
    }
  }

  /** Copies what comes straight into the target of a read that waits, until that read goes on. */
  offerData(_socket: TcpSocket, bytes: Uint8Array, offset: number, length: number): number {
    const { target, filled } = this
    // A buffer that was taken from under the read has no length any more.
    if (target === null || filled >= target.length) return 0
    const count = Math.min(length, target.length - filled)
    this.socket.host.bulk.copy(target, filled, bytes, offset, count)
    this.filled = filled + count
    this.wakeReader()
    return count
  }

  /**
   * Resolves when all of `bytes` are queued in the send buffer, which they leave as the peer takes
   * them. The caller may reuse `bytes` afterwards. Rejects with NetError. One write at a time.
   */
  write(bytes: Uint8Array): Promise<void> {
    if (this.writer !== null) {
      return Promise.reject(new Error('Cannot write: another write is pending'))
    }
    return harmless(this.queue(bytes))
  }

  private async queue(bytes: Uint8Array): Promise<void> {
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

  /**
   * Done in both directions. What was written still arrives, also when the peer has sent things
   * that nobody has read; one that goes on sending for some seconds after that is reset.
   */
  close(): void {
    if (!this.isClosed) this.socket.linger()
    this.isClosed = true
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

  /**
   * False: every segment that is sent from now on makes a frame of its own, and the device cuts
   * none.
   */
  setSegmentationOffload(segmentationOffload: boolean): void {
    this.socket.setSegmentationOffload(segmentationOffload)
  }

  /**
   * Asks a peer that was silent for `idleMs`, by default two hours, whether it is still there; 0 =
   * never, as at first.
   */
  setKeepAlive(idleMs?: number): void {
    this.socket.setKeepAlive(idleMs)
  }

  /** How long what was sent may stay without an answer before the connection fails. */
  setUserTimeout(timeoutMs: number): void {
    this.socket.setUserTimeout(timeoutMs)
  }

  /** Time to live or hop limit of what is sent from now on, 1 to 255. Throws RangeError. */
  setHopLimit(hopLimit: number): void {
    this.socket.setHopLimit(hopLimit)
  }

  /**
   * Code point of the Differentiated Services field of what is sent from now on, 0 to 63. Throws
   * RangeError.
   */
  setDifferentiatedServices(codePoint: number): void {
    this.socket.setDifferentiatedServices(codePoint)
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

  private toStreamAddress(address: IpAddress, port: number, zone: number): StreamAddress {
    return { hostname: formatZoned(address, this.hasZones ? zone : null), port }
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

/**
 * A peer that goes away must not end the program through a promise that nobody waits for. Who does
 * wait learns of it all the same.
 */
function harmless<Result>(result: Promise<Result>): Promise<Result> {
  result.catch(() => {})
  return result
}
