/** Makes sockets: their secrets, their buffers, and the counterpart of both when they end. */

import type { RandomSource } from '../../../iface/random-source.ts'
import type { BufferAllocator, BulkOperations } from '../../../storage/buffer.ts'
import { RingBuffer } from '../../../storage/ring-buffer.ts'
import { sequenceAdd } from '../../../wire/sequence.ts'
import { BufferPool } from '../buffer-pool.ts'
import type { TcpConfiguration } from '../configuration.ts'
import type { CongestionControl } from '../congestion/congestion-control.ts'
import { TcpSocket, type TcpSocketHost } from '../tcp-socket.ts'
import type { ConnectionEnds } from '../transmission-control-block.ts'
import { windowScaleFor } from './handshake.ts'
import { Secrets } from './secrets.ts'

export class SocketFactory {
  readonly bufferPool: BufferPool
  readonly secrets: Secrets
  private readonly configuration: TcpConfiguration
  private readonly bulk: BulkOperations
  private readonly createCongestion: () => CongestionControl
  /** The shift of our windows, offered to every peer. */
  readonly offeredScale: number

  constructor(
    configuration: TcpConfiguration,
    allocator: BufferAllocator,
    bulk: BulkOperations,
    random: RandomSource,
    createCongestion: () => CongestionControl,
  ) {
    const { sendBufferBytes, receiveBufferBytes } = configuration
    this.configuration = configuration
    this.bulk = bulk
    this.secrets = new Secrets(random)
    this.createCongestion = createCongestion
    this.bufferPool = new BufferPool(
      allocator,
      configuration.bufferBudgetBytes,
      Math.max(sendBufferBytes, receiveBufferBytes),
      configuration.minimumBufferBytes,
    )
    this.offeredScale = windowScaleFor(receiveBufferBytes)
  }

  /** Sequence numbers and timestamp offset are left to whoever opens it. */
  create(host: TcpSocketHost, ends: ConnectionEnds, isPassive: boolean): TcpSocket {
    const { configuration } = this
    const socket = new TcpSocket(host, configuration, this.createCongestion(), ends, isPassive)
    socket.receiveScale = this.offeredScale
    return socket
  }

  /** Both buffers, or false and none. */
  giveBuffers(socket: TcpSocket): boolean {
    const { bufferPool, configuration } = this
    const receive = bufferPool.acquire(configuration.receiveBufferBytes)
    if (receive === null) return false
    const send = bufferPool.acquire(configuration.sendBufferBytes)
    if (send === null) {
      bufferPool.release(receive, [])
      return false
    }
    socket.receiveBuffer = new RingBuffer(receive, this.bulk)
    socket.sendBuffer = new RingBuffer(send, this.bulk)
    socket.sendBuffer.reset(sequenceAdd(socket.initialSendSequence, 1))
    socket.sendSpace = send.lengthBytes
    return true
  }

  releaseReceiveBuffer(socket: TcpSocket): void {
    const ring = socket.receiveBuffer
    if (ring === null) return
    socket.receiveBuffer = null
    socket.readBuffer = null
    this.bufferPool.release(ring.buffer, [])
  }

  /** The device may still read from it: the pool waits for that. */
  releaseSendBuffer(socket: TcpSocket): void {
    const ring = socket.sendBuffer
    if (ring === null) return
    socket.sendBuffer = null
    socket.writeBuffer = null
    socket.sendSpace = 0
    this.bufferPool.release(ring.buffer, [socket.owner, socket.olderOwner])
  }
}
