/**
 * All connections by interface, both addresses and ports: a chained hash table whose secret key
 * keeps chains short under attack. It grows by linear hashing, one bucket with each connection, so
 * that no packet pays for more than one. In front of it are those heard of lately, by their ports.
 */
import { NO_INTERFACE } from '../../iface/host-addresses.ts'
import type { IncomingPacket } from '../../iface/protocol-handler.ts'
import type { KeyedHash } from '../../storage/buffer.ts'
import { type IpAddress, isSameAddress } from '../../wire/ip-address.ts'
import { isOfZone, zoneOfPeer } from './peer-zone.ts'
import type { TcpSocket } from './tcp-socket.ts'

/** To begin with; a power of two. */
const BUCKET_COUNT = 256
/**
 * Connections that packets find without a hash, one for each number that the ports make; a power of
 * two, and so many because a peer's ports lie some ten apart. Who picks ports that make one number
 * only has the hash of his packets computed, and of those that share it: nobody is locked out, for
 * all are in the table as well.
 */
const MAX_RECENT_CONNECTIONS = 1024

export class ConnectionTable {
  private readonly key: Uint8Array
  private readonly keyedHash: KeyedHash
  /** The ends of a connection: ports and addresses, of which IPv4 has the first three words. */
  private readonly message = new Int32Array(9)
  private readonly messageBytes = new Uint8Array(this.message.buffer)
  /** How much of the message the last hash was of, 0 before the first, and that hash. */
  private hashedBytes = 0
  private lastHash = 0
  private readonly buckets: (TcpSocket | null)[] = new Array<TcpSocket | null>(BUCKET_COUNT).fill(
    null,
  )
  /**
   * Bits of a hash that name a bucket; buckets before `split` have been divided in two, by one bit
   * more.
   */
  private mask = BUCKET_COUNT - 1
  private split = 0
  /** By slotOf: of those in the table, whoever was found or added last. */
  private readonly recent = new Array<TcpSocket | null>(MAX_RECENT_CONNECTIONS).fill(null)
  /** The hash of what was looked for last and not found in `recent`. Read only outside. */
  soughtHash = 0
  /** Read only outside. */
  size = 0
  /** The connection found or added last: packets come in runs. Read only outside. */
  last: TcpSocket | null = null

  constructor(key: Uint8Array, keyedHash: KeyedHash) {
    this.key = key
    this.keyedHash = keyedHash
  }

  /** The connection a packet belongs to. `ports` are the first four bytes of its header. */
  find(packet: IncomingPacket, ports: number): TcpSocket | null {
    let socket: TcpSocket | null = this.recent[slotOf(ports)]!
    if (socket === null || !matches(socket, packet, ports)) {
      socket = this.findByHash(packet, ports)
      if (socket === null) return null
    }
    this.last = socket
    packet.connection = socket
    return socket
  }

  private findByHash(packet: IncomingPacket, ports: number): TcpSocket | null {
    const hash = this.hash(packet.destination, packet.source, ports)
    this.soughtHash = hash
    let socket: TcpSocket | null = this.buckets[this.bucketOf(hash)]!
    while (socket !== null && (socket.tableHash !== hash || !matches(socket, packet, ports))) {
      socket = socket.nextInBucket
    }
    if (socket !== null) this.recent[slotOf(ports)] = socket
    return socket
  }

  /** As find, by addresses: for errors and for choosing ports. */
  findByAddresses(
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
    interfaceIndex: number,
    arrivalIndex = NO_INTERFACE,
  ): TcpSocket | null {
    const ports = (remotePort << 16) | localPort
    const hash = this.hash(local, remote, ports)
    this.soughtHash = hash
    let socket: TcpSocket | null = this.buckets[this.bucketOf(hash)]!
    while (socket !== null) {
      if (
        socket.receivedPorts === ports &&
        socket.interfaceIndex === interfaceIndex &&
        isSameAddress(socket.remoteAddress, remote) &&
        isSameAddress(socket.localAddress, local) &&
        isOfZone(remote, zoneOfPeer(socket), arrivalIndex)
      ) {
        return socket
      }
      socket = socket.nextInBucket
    }
    return null
  }

  /** `hash` is the socket's own, when it is known. */
  insert(
    socket: TcpSocket,
    hash = this.hash(socket.localAddress, socket.remoteAddress, socket.receivedPorts),
  ): void {
    const index = this.bucketOf(hash)
    socket.tableHash = hash
    socket.nextInBucket = this.buckets[index]!
    socket.isInTable = true
    this.buckets[index] = socket
    // What comes next is mostly its.
    this.last = socket
    this.recent[slotOf(socket.receivedPorts)] = socket
    if (++this.size > this.buckets.length) this.divide()
  }

  remove(socket: TcpSocket): void {
    if (!socket.isInTable) return
    const index = this.bucketOf(socket.tableHash)
    let current: TcpSocket | null = this.buckets[index]!
    if (current === socket) {
      this.buckets[index] = socket.nextInBucket
    } else {
      while (current !== null && current.nextInBucket !== socket) current = current.nextInBucket
      if (current !== null) current.nextInBucket = socket.nextInBucket
    }
    socket.nextInBucket = null
    socket.isInTable = false
    if (this.last === socket) this.last = null
    const slot = slotOf(socket.receivedPorts)
    if (this.recent[slot] === socket) this.recent[slot] = null
    this.size--
  }

  /** All connections in no order, for totals and status pages; safe against their ending. */
  values(): TcpSocket[] {
    const all: TcpSocket[] = []
    for (const first of this.buckets) {
      for (let socket = first; socket !== null; socket = socket.nextInBucket) all.push(socket)
    }
    return all
  }

  private bucketOf(hash: number): number {
    const index = hash & this.mask
    return index < this.split ? hash & (this.mask * 2 + 1) : index
  }

  /** Divides the next bucket in two; the new half is the new last bucket. */
  private divide(): void {
    const { buckets, split } = this
    const bit = this.mask + 1
    let kept: TcpSocket | null = null
    let moved: TcpSocket | null = null
    let socket: TcpSocket | null = buckets[split]!
    while (socket !== null) {
      const next: TcpSocket | null = socket.nextInBucket
      if ((socket.tableHash & bit) === 0) {
        socket.nextInBucket = kept
        kept = socket
      } else {
        socket.nextInBucket = moved
        moved = socket
      }
      socket = next
    }
    buckets[split] = kept
    buckets.push(moved)
    this.split++
    if (this.split === bit) {
      this.mask = this.mask * 2 + 1
      this.split = 0
    }
  }

  /** `ports` is remote port << 16 | local port. */
  private hash(local: IpAddress, remote: IpAddress, ports: number): number {
    const { message } = this
    // The ACK of a SYN comes right behind it, mostly.
    if (
      this.hashedBytes === 12 &&
      remote.version === 4 &&
      message[0] === ports &&
      message[1] === remote.word3 &&
      message[2] === local.word3
    ) {
      return this.lastHash
    }
    message[0] = ports
    message[1] = remote.word3
    message[2] = local.word3
    let lengthBytes = 12
    if (remote.version === 6) {
      message[3] = remote.word0
      message[4] = remote.word1
      message[5] = remote.word2
      message[6] = local.word0
      message[7] = local.word1
      message[8] = local.word2
      lengthBytes = 36
    }
    const hash = this.keyedHash.keyedHash(this.key, this.messageBytes, lengthBytes)
    this.hashedBytes = lengthBytes
    this.lastHash = hash
    return hash
  }
}

/** The ports of one peer mostly differ by little. */
function slotOf(ports: number): number {
  return (ports ^ (ports >> 16)) & (MAX_RECENT_CONNECTIONS - 1)
}

function matches(socket: TcpSocket, packet: IncomingPacket, ports: number): boolean {
  return (
    socket.receivedPorts === ports &&
    socket.remote3 === packet.source.word3 &&
    socket.local3 === packet.destination.word3 &&
    socket.ipVersion === packet.ipVersion &&
    socket.interfaceIndex === packet.interfaceIndex &&
    (packet.ipVersion === 4 || matchesWhole(socket, packet))
  )
}

/** The rest of IPv6 addresses, and their zone. */
function matchesWhole(socket: TcpSocket, packet: IncomingPacket): boolean {
  return (
    isSameAddress(socket.remoteAddress, packet.source) &&
    isSameAddress(socket.localAddress, packet.destination) &&
    isOfZone(packet.source, zoneOfPeer(socket), packet.arrivalIndex)
  )
}
