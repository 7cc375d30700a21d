/** A UDP port for applications: datagrams with their senders' addresses, and back-pressure, all with promises. */
import type { UdpProtocol } from '../socket/udp/udp-protocol.ts'
import {
  UdpSend,
  type UdpSocket,
  type UdpSocketHandler,
  type UdpSocketOptions,
} from '../socket/udp/udp-socket.ts'
import { copyOfAddress, type IpAddress, isSameAddress } from '../wire/ip-address.ts'
import { formatIpAddress, parseIpAddress } from '../wire/ip-address-text.ts'
import { NetError } from './net-error.ts'

export interface ListenDatagramOptions {
  /** 0 = chosen at random. */
  port: number
  /** Text form; all local addresses of both families when absent. */
  hostname?: string
}

export interface DatagramAddress {
  /** An IPv4 or IPv6 address in text form. */
  readonly hostname: string
  readonly port: number
}

export type Datagram = [bytes: Uint8Array, from: DatagramAddress]

/** The part of Stack that an endpoint uses. */
export interface EndpointHost {
  readonly udp: UdpProtocol
  readonly onWork: (() => void) | null
}

export class UdpEndpoint implements UdpSocketHandler, AsyncIterable<Datagram> {
  readonly port: number
  private readonly host: EndpointHost
  private readonly socket: UdpSocket
  private readonly readers: ((datagram: Datagram | null) => void)[] = []
  private readonly writers: (() => void)[] = []
  /** Text and words of the last peer in either direction, since the next is often the same. */
  private lastText: string | null = null
  private lastAddress: IpAddress | null = null

  constructor(host: EndpointHost, options: UdpSocketOptions) {
    this.host = host
    this.socket = host.udp.open({ ...options, handler: this })
    this.port = this.socket.localPort
  }

  /** The next datagram, in memory of its own. Rejects with NetError 'closed' once the endpoint is closed. */
  async receive(): Promise<Datagram> {
    const datagram = await this.next()
    if (datagram === null) throw new NetError('closed', 'Cannot receive: the endpoint is closed')
    return datagram
  }

  /**
   * Resolves with the number of bytes once the datagram is queued; the caller may reuse `bytes` then. Waits while the queue is
   * full. Rejects with NetError: 'message-too-large' for more than one packet on the path carries, 'unreachable' without a
   * route, 'closed'. A datagram may still be lost, as UDP's may.
   */
  async send(bytes: Uint8Array, to: DatagramAddress): Promise<number> {
    const address = this.parse(to.hostname)
    for (;;) {
      const result = this.socket.send(address, to.port, bytes, 0, bytes.length)
      this.host.onWork?.()
      if (result === UdpSend.Queued) return bytes.length
      if (result !== UdpSend.Full) throw sendError(result, bytes.length, to)
      await new Promise<void>((resolve) => this.writers.push(resolve))
    }
  }

  /** No more datagrams in, and iterations end; those already queued still go out. */
  close(): void {
    this.socket.close()
    for (const reader of this.readers.splice(0)) reader(null)
    this.onWritable()
    this.host.onWork?.()
  }

  [Symbol.asyncIterator](): AsyncIterator<Datagram> {
    return {
      next: async () => {
        const value = await this.next()
        return value === null ? { done: true, value: undefined } : { done: false, value }
      },
      return: async () => {
        this.close()
        return { done: true, value: undefined }
      },
    }
  }

  onReadable(): void {
    while (this.readers.length > 0) {
      const datagram = this.take()
      if (datagram === null) return
      this.readers.shift()!(datagram)
    }
  }

  onWritable(): void {
    for (const writer of this.writers.splice(0)) writer()
  }

  private next(): Promise<Datagram | null> {
    const datagram = this.take()
    if (datagram !== null || this.socket.isClosed) return Promise.resolve(datagram)
    return new Promise((resolve) => this.readers.push(resolve))
  }

  private take(): Datagram | null {
    const received = this.socket.peek()
    if (received === null) return null
    const bytes = received.bytes.slice(received.offset, received.offset + received.length)
    const { source, sourcePort } = received
    const last = this.lastAddress
    if (last === null || !isSameAddress(last, source)) {
      this.lastAddress = copyOfAddress(source)
      this.lastText = formatIpAddress(source)
    }
    this.socket.consume()
    return [bytes, { hostname: this.lastText!, port: sourcePort }]
  }

  private parse(hostname: string): IpAddress {
    if (hostname === this.lastText) return this.lastAddress!
    const address = parseIpAddress(hostname)
    if (address === null) {
      throw new NetError('unreachable', `Cannot resolve "${hostname}": not an address`)
    }
    // Only the form that receive gives, so that an app's own spelling never comes back to it.
    if (formatIpAddress(address) === hostname) {
      this.lastText = hostname
      this.lastAddress = address
    }
    return address
  }
}

function sendError(result: UdpSend, lengthBytes: number, to: DatagramAddress): NetError {
  const what = `Cannot send ${lengthBytes} bytes to ${to.hostname} port ${to.port}`
  switch (result) {
    case UdpSend.TooLong:
      return new NetError(
        'message-too-large',
        `${what}: more than one packet of the path carries, and datagrams are not fragmented`,
      )
    case UdpSend.Closed:
      return new NetError('closed', `${what}: the endpoint is closed`)
    default:
      return new NetError('unreachable', `${what}: no route`)
  }
}
