/** Makes sockets: their secrets, their first numbers and limits. */

import type { RandomSource } from '../../../iface/random-source.ts'
import type { KeyedHash, RecordCopier } from '../../../storage/buffer.ts'
import { copyOfAddress, type IpAddress, isSameAddress } from '../../../wire/ip-address.ts'
import type { TcpConfiguration } from '../configuration.ts'
import type { SocketMemory } from '../memory/socket-memory.ts'
import { TcpSocket, type TcpSocketHost } from '../tcp-socket.ts'
import type { ConnectionEnds, TransmissionControlBlock } from '../transmission-control-block.ts'
import { windowScaleFor } from './handshake.ts'
import { Secrets } from './secrets.ts'

export class SocketFactory {
  readonly secrets: Secrets
  private readonly configuration: TcpConfiguration
  private readonly memory: SocketMemory
  private readonly copier: RecordCopier
  /** What connections are copies of, and never one itself; made with the first. */
  private blank: TcpSocket | null = null
  /** The shift of our windows, offered to every peer. */
  readonly offeredScale: number
  /** Of the socket made last. */
  private local: IpAddress | null = null
  private remote: IpAddress | null = null

  constructor(
    configuration: TcpConfiguration,
    memory: SocketMemory,
    random: RandomSource,
    bulk: KeyedHash & RecordCopier,
  ) {
    this.configuration = configuration
    this.memory = memory
    this.copier = bulk
    this.secrets = new Secrets(random, bulk)
    this.offeredScale = windowScaleFor(configuration.receiveBufferBytes)
  }

  /**
   * Sequence numbers and timestamp offset are left to whoever opens it. Addresses of a passive
   * open are a record's, which is used again. `host` is the same each time.
   */
  create(host: TcpSocketHost, ends: ConnectionEnds, isPassive: boolean): TcpSocket {
    const { memory, copier } = this
    this.blank ??= this.createBlank(host)
    const socket = copier.copyRecord(this.blank)
    // Thousands of connections have few local addresses, and mostly come in runs from the same
    // peer.
    this.local = sharedAddress(this.local, ends.localAddress, isPassive)
    this.remote = sharedAddress(this.remote, ends.remoteAddress, isPassive)
    ownRecords(socket, copier)
    becomeConnection(socket, this.local, this.remote, ends)
    ;(socket as Writable<TcpSocket>).isPassive = isPassive
    socket.receiveLimit = memory.allowance(socket.receiveLimit, 0)
    return socket
  }

  private createBlank(host: TcpSocketHost): TcpSocket {
    const { configuration, memory } = this
    const blank = new TcpSocket(host, configuration, memory.congestionAtRest)
    blank.receiveScale = this.offeredScale
    return blank
  }
}

/** The record that there is already, if it says the same; `isLent` = else a copy. */
function sharedAddress(known: IpAddress | null, address: IpAddress, isLent: boolean): IpAddress {
  if (known !== null && isSameAddress(known, address)) return known
  return isLent ? copyOfAddress(address) : address
}

type Writable<Kind> = { -readonly [Name in keyof Kind]: Kind[Name] }

/** Gives a copy of a blank block the records that are its alone. */
function ownRecords(block: Writable<TransmissionControlBlock>, copier: RecordCopier): void {
  block.statistics = copier.copyRecord(block.statistics)
  block.rtt = copier.copyRecord(block.rtt)
  block.sendBuffer = copier.copyRecord(block.sendBuffer)
  block.receiveBuffer = copier.copyRecord(block.receiveBuffer)
}

/** Gives it the ends of its connection, with the addresses that others have, too. */
function becomeConnection(
  block: Writable<TransmissionControlBlock>,
  localAddress: IpAddress,
  remoteAddress: IpAddress,
  { localPort, remotePort, interfaceIndex }: ConnectionEnds,
): void {
  block.ipVersion = remoteAddress.version
  block.interfaceIndex = interfaceIndex
  block.localAddress = localAddress
  block.localPort = localPort
  block.remoteAddress = remoteAddress
  block.remotePort = remotePort
  block.receivedPorts = (remotePort << 16) | localPort
  block.sentPorts = (localPort << 16) | remotePort
  block.remote3 = remoteAddress.word3
  block.local3 = localAddress.word3
}
