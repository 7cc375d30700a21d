/** Makes sockets: their secrets, their first numbers and limits. */

import type { RandomSource } from '../../../iface/random-source.ts'
import type { KeyedHash } from '../../../storage/buffer.ts'
import { type IpAddress, isSameAddress } from '../../../wire/ip-address.ts'
import type { TcpConfiguration } from '../configuration.ts'
import type { SocketMemory } from '../memory/socket-memory.ts'
import { TcpSocket, type TcpSocketHost } from '../tcp-socket.ts'
import type { ConnectionEnds } from '../transmission-control-block.ts'
import { windowScaleFor } from './handshake.ts'
import { Secrets } from './secrets.ts'

export class SocketFactory {
  readonly secrets: Secrets
  private readonly configuration: TcpConfiguration
  private readonly memory: SocketMemory
  /** The shift of our windows, offered to every peer. */
  readonly offeredScale: number
  /** Of the socket made last. */
  private local: IpAddress | null = null
  private remote: IpAddress | null = null

  constructor(
    configuration: TcpConfiguration,
    memory: SocketMemory,
    random: RandomSource,
    hash: KeyedHash,
  ) {
    this.configuration = configuration
    this.memory = memory
    this.secrets = new Secrets(random, hash)
    this.offeredScale = windowScaleFor(configuration.receiveBufferBytes)
  }

  /** Sequence numbers and timestamp offset are left to whoever opens it. */
  create(host: TcpSocketHost, ends: ConnectionEnds, isPassive: boolean): TcpSocket {
    const { configuration, memory } = this
    // Thousands of connections have few local addresses, and mostly come in runs from the same
    // peer.
    this.local = sharedAddress(this.local, ends.localAddress)
    this.remote = sharedAddress(this.remote, ends.remoteAddress)
    const shared = { ...ends, localAddress: this.local, remoteAddress: this.remote }
    const socket = new TcpSocket(host, configuration, memory.congestionAtRest, shared, isPassive)
    socket.receiveScale = this.offeredScale
    socket.receiveLimit = memory.allowance(socket.receiveLimit, 0)
    return socket
  }
}

/** The record that there is already, if it says the same. */
function sharedAddress(known: IpAddress | null, address: IpAddress): IpAddress {
  return known !== null && isSameAddress(known, address) ? known : address
}
