/** Makes sockets: their secrets, their first numbers and limits. */

import type { RandomSource } from '../../../iface/random-source.ts'
import { type IpAddress, isSameAddress } from '../../../wire/ip-address.ts'
import type { TcpConfiguration } from '../configuration.ts'
import type { CongestionControl } from '../congestion/congestion-control.ts'
import type { SocketMemory } from '../memory/socket-memory.ts'
import { TcpSocket, type TcpSocketHost } from '../tcp-socket.ts'
import type { ConnectionEnds } from '../transmission-control-block.ts'
import { setSendSequence, windowScaleFor } from './handshake.ts'
import { Secrets } from './secrets.ts'

export class SocketFactory {
  readonly secrets: Secrets
  private readonly configuration: TcpConfiguration
  private readonly memory: SocketMemory
  private readonly createCongestion: () => CongestionControl
  private readonly offeredScale: number
  /** Of the socket made last. */
  private local: IpAddress | null = null

  constructor(
    configuration: TcpConfiguration,
    memory: SocketMemory,
    random: RandomSource,
    createCongestion: () => CongestionControl,
  ) {
    this.configuration = configuration
    this.memory = memory
    this.secrets = new Secrets(random)
    this.createCongestion = createCongestion
    this.offeredScale = windowScaleFor(configuration.receiveBufferBytes)
  }

  create(host: TcpSocketHost, ends: ConnectionEnds, isPassive: boolean, nowMs: number): TcpSocket {
    const { secrets, configuration } = this
    // Few local addresses, and thousands of connections to them.
    if (this.local === null || !isSameAddress(this.local, ends.localAddress)) {
      this.local = ends.localAddress
    }
    const shared = { ...ends, localAddress: this.local }
    const socket = new TcpSocket(host, configuration, this.createCongestion(), shared, isPassive)
    setSendSequence(socket, secrets.initialSequence(ends, nowMs))
    socket.timestampOffset = secrets.timestampOffset(ends)
    socket.receiveScale = this.offeredScale
    socket.receiveLimit = this.memory.allowance(socket.receiveLimit, 0)
    return socket
  }
}
