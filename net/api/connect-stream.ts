/** Opens a stream to an address or to a name, unless whoever wants it gives it up before. */
import { fieldsOf } from '../iface/flow-fields.ts'
import type { FlowFields } from '../iface/protocol-handler.ts'
import type { TcpSocket } from '../socket/tcp/tcp-socket.ts'
import { type Endpoint, parseEndpoint } from './address-text.ts'
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
  /** A host name, or an IPv4 or IPv6 address in text form, with a zone maybe: `fe80::1%1`. */
  hostname: string
  noDelay?: boolean
  /**
   * False: this host cuts what it sends itself, segment by segment, and not the device; true when
   * absent.
   */
  segmentationOffload?: boolean
  /** Time to live or hop limit, of the SYN too; 64 when absent. */
  hopLimit?: number
  /** The same: code point of the Differentiated Services field, 0 to 63. */
  differentiatedServices?: number
  /**
   * Ends the attempt when it fires before the connection stands; the promise rejects with its
   * reason.
   */
  signal?: CancelSignal
}

/** The part of Stack that this uses. */
export interface ConnectHost {
  readonly names: NameService
  connectTo(peer: Endpoint, port: number, ipFields: FlowFields): TcpSocket
  createStream(socket: TcpSocket): TcpStream
}

export async function connectStream(
  host: ConnectHost,
  options: ConnectOptions,
): Promise<TcpStream> {
  const { signal = null } = options
  if (signal?.aborted === true) throw signal.reason
  let onAbort = () => {}
  try {
    return await new Promise<TcpStream>((resolve, reject) => {
      const giveUp = begin(host, options, resolve, reject)
      onAbort = () => {
        giveUp()
        reject(signal!.reason)
      }
      signal?.addEventListener('abort', onAbort)
    })
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}

/** Returns how to give up what it begins. */
function begin(
  host: ConnectHost,
  options: ConnectOptions,
  resolve: (stream: TcpStream) => void,
  reject: (error: unknown) => void,
): () => void {
  const { hostname, port, noDelay = false, segmentationOffload = true } = options
  const ipFields = fieldsOf(options)
  const peer = parseEndpoint(hostname)
  if (peer === null) {
    return host.names.connect(hostname, port, ipFields, (winner) => {
      if (winner instanceof NetError) {
        reject(winner)
        return
      }
      // At once, since what comes next is for its handler.
      const stream = host.createStream(winner)
      if (noDelay) stream.setNoDelay(true)
      if (!segmentationOffload) stream.setSegmentationOffload(false)
      resolve(stream)
    })
  }
  const stream = host.createStream(host.connectTo(peer, port, ipFields))
  if (noDelay) stream.setNoDelay(true)
  if (!segmentationOffload) stream.setSegmentationOffload(false)
  stream.opened.then(() => resolve(stream), reject)
  return () => stream.abort()
}
