/**
 * A socket of an IP protocol that the stack does not speak itself: payloads of whole IP packets in
 * and out.
 */
import { NO_INTERFACE } from '../../iface/host-addresses.ts'
import type { IcmpReport, IncomingPacket, TransportError } from '../../iface/protocol-handler.ts'
import type { IpAddress } from '../../wire/ip-address.ts'
import type { DatagramHost } from '../datagram/datagram-host.ts'
import { DatagramSend } from '../datagram/datagram-send.ts'
import { DatagramSocket, type DatagramSocketOptions } from '../datagram/datagram-socket.ts'
import type { FlowEntry } from '../datagram/flow-cache.ts'

export interface RawSocketHandler {
  /** Packets wait in the receive queue; called again only for later ones. */
  onReadable(socket: RawSocket): void
  /** After a send found the queue full: there is room again. */
  onWritable?(socket: RawSocket): void
  /** ICMP reports that a packet to a peer that this socket has sent to was not delivered. */
  onError?(socket: RawSocket, error: TransportError, report: IcmpReport): void
}

export interface RawSocketOptions extends DatagramSocketOptions {
  handler?: RawSocketHandler | null
}

/** What a raw socket needs of its protocol beyond others. */
export interface RawSocketHost extends DatagramHost<RawSocket> {
  /** Bytes that every payload of the protocol has. */
  readonly minimumLength: number
  /** Completes a payload that is about to be sent where it lies, as by its checksum. */
  complete(path: FlowEntry, bytes: Uint8Array, offset: number, length: number): void
}

export class RawSocket extends DatagramSocket {
  handler: RawSocketHandler | null
  private readonly rawHost: RawSocketHost

  constructor(host: RawSocketHost, options: RawSocketOptions) {
    super(host, options)
    this.rawHost = host
    this.handler = options.handler ?? null
  }

  tellReadable(): void {
    this.handler?.onReadable(this)
  }

  tellWritable(): void {
    this.handler?.onWritable?.(this)
  }

  /** The longest payload that may go this way. */
  maximumPayload(path: FlowEntry): number {
    return this.maximumPacketPayload(path)
  }

  /** Whether the packet's addresses are those of this socket. */
  wants(packet: IncomingPacket): boolean {
    const { localAddress: local, remoteAddress: remote, boundInterface: bound } = this
    const { arrivalIndex } = packet
    if (bound !== NO_INTERFACE && bound !== arrivalIndex) return false
    if (local !== null && !isMatch(local, packet.destination)) return false
    if (remote !== null && !isMatch(remote, packet.source)) return false
    return !packet.toGroup || this.groups.hears(packet.destination, packet.source, arrivalIndex)
  }

  /**
   * Queues the payload of one packet. Throws RangeError when it is too short for the protocol; all
   * else is in the result.
   */
  send(
    address: IpAddress,
    bytes: Uint8Array,
    offset: number,
    length: number,
    interfaceIndex = this.boundInterface,
  ): DatagramSend {
    const { minimumLength } = this.rawHost
    if (length < minimumLength) {
      throw new RangeError(
        `Cannot send ${length} bytes: the protocol has at least ${minimumLength}`,
      )
    }
    const path = this.pathTo(address, interfaceIndex)
    if (typeof path === 'number') return path
    if (length > this.maximumPayload(path)) return DatagramSend.TooLong
    const { sendQueue } = this
    if (!sendQueue.open()) return DatagramSend.NoMemory
    const slot = sendQueue.append(path, 0, bytes, offset, length)
    if (slot < 0) {
      this.isWriteBlocked = true
      return DatagramSend.Full
    }
    const queued = sendQueue.bytesAt(slot)
    this.rawHost.complete(path, queued.bytes, queued.offset, length)
    this.host.wake(this)
    return DatagramSend.Queued
  }
}

function isMatch(own: IpAddress, other: IpAddress): boolean {
  if (own.version !== other.version) return false
  const { word0, word1, word2, word3 } = own
  if ((word0 | word1 | word2 | word3) === 0) return true
  return (
    word3 === other.word3 && word2 === other.word2 && word1 === other.word1 && word0 === other.word0
  )
}
