/**
 * Which UDP socket a datagram is for: by local port, then by addresses; and which local ports are
 * free (RFC 6056).
 */
import { NO_INTERFACE } from '../../iface/host-addresses.ts'
import type { RandomSource } from '../../iface/random-source.ts'
import { type IpAddress, isSameAddress, isUnspecified } from '../../wire/ip-address.ts'
import type { UdpSocket } from './udp-socket.ts'

/** RFC 6056 §3.2: the widest range, all but the well-known ports. */
const FIRST_EPHEMERAL_PORT = 1024
const EPHEMERAL_PORT_COUNT = 65536 - FIRST_EPHEMERAL_PORT

/** What a socket is found by, of a packet. */
interface PacketAddresses {
  readonly ipVersion: 4 | 6
  readonly source: IpAddress
  readonly destination: IpAddress
  readonly arrivalIndex: number
}

export class PortTable {
  /** Open sockets. Read only outside. */
  size = 0
  private readonly byPort = new Map<number, UdpSocket>()

  /** False when another socket would get the same datagrams, and not both are for sharing. */
  add(socket: UdpSocket): boolean {
    const first = this.byPort.get(socket.localPort) ?? null
    for (let other = first; other !== null; other = other.nextSamePort) {
      if (isOverlapping(other, socket) && !(other.isShared && socket.isShared)) return false
    }
    // The closest fit is found first; among equals the oldest, so that nobody takes what another
    // gets.
    let before: UdpSocket | null = null
    let after = first
    while (after !== null && closenessOf(after) >= closenessOf(socket)) {
      before = after
      after = after.nextSamePort
    }
    socket.nextSamePort = after
    if (before === null) this.byPort.set(socket.localPort, socket)
    else before.nextSamePort = socket
    this.size++
    return true
  }

  remove(socket: UdpSocket): void {
    const port = socket.localPort
    const first = this.byPort.get(port)
    if (first === undefined) return
    if (first === socket) {
      if (socket.nextSamePort === null) this.byPort.delete(port)
      else this.byPort.set(port, socket.nextSamePort)
    } else {
      let before = first
      while (before.nextSamePort !== null && before.nextSamePort !== socket) {
        before = before.nextSamePort
      }
      if (before.nextSamePort === null) return
      before.nextSamePort = socket.nextSamePort
    }
    socket.nextSamePort = null
    this.size--
  }

  /** All of them. */
  *values(): Iterable<UdpSocket> {
    for (const first of this.byPort.values()) {
      for (let socket: UdpSocket | null = first; socket !== null; socket = socket.nextSamePort) {
        yield socket
      }
    }
  }

  /** The socket that wants this packet, or null. */
  find(packet: PacketAddresses, sourcePort: number, destinationPort: number): UdpSocket | null {
    let socket = this.byPort.get(destinationPort) ?? null
    while (socket !== null && !isFor(socket, packet, sourcePort)) socket = socket.nextSamePort
    return socket
  }

  /** The next after `previous` that wants it, too. */
  findNext(previous: UdpSocket, packet: PacketAddresses, sourcePort: number): UdpSocket | null {
    let socket = previous.nextSamePort
    while (socket !== null && !isFor(socket, packet, sourcePort)) socket = socket.nextSamePort
    return socket
  }

  /**
   * The socket that can have sent from a local address and port to a remote one. For ICMP errors.
   */
  findSender(
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
    interfaceIndex: number,
  ): UdpSocket | null {
    let socket = this.byPort.get(localPort) ?? null
    for (; socket !== null; socket = socket.nextSamePort) {
      const { localAddress, remoteAddress } = socket
      const isFrom =
        localAddress === null ||
        (isUnspecified(localAddress)
          ? localAddress.version === local.version
          : isSameAddress(localAddress, local))
      const isTo =
        remoteAddress === null ||
        (isSameAddress(remoteAddress, remote) && socket.remotePort === remotePort)
      const { boundInterface } = socket
      const isBy = boundInterface === NO_INTERFACE || boundInterface === interfaceIndex
      if (isFrom && isTo && isBy) return socket
    }
    return null
  }

  /**
   * RFC 6056 §3.3.1, algorithm 1: a random port, or the next free one after it; 0 when all are
   * taken.
   */
  chooseEphemeral(random: RandomSource): number {
    let index = (random.nextInt32() >>> 1) % EPHEMERAL_PORT_COUNT
    for (let tries = 0; tries < EPHEMERAL_PORT_COUNT; tries++) {
      const port = FIRST_EPHEMERAL_PORT + index
      if (!this.byPort.has(port)) return port
      index = (index + 1) % EPHEMERAL_PORT_COUNT
    }
    return 0
  }
}

/** How much of a datagram's addresses and of its interface a socket asks for. */
function closenessOf({ localAddress, remoteAddress, boundInterface }: UdpSocket): number {
  const remote = (remoteAddress === null ? 0 : 8) + (boundInterface === NO_INTERFACE ? 0 : 4)
  if (localAddress === null) return remote
  return remote + (isUnspecified(localAddress) ? 1 : 2)
}

function isFor(socket: UdpSocket, packet: PacketAddresses, sourcePort: number): boolean {
  const local = socket.localAddress
  if (local !== null) {
    if (local.version !== packet.ipVersion) return false
    if (!isSameAddress(local, packet.destination) && !isUnspecified(local)) return false
  }
  const bound = socket.boundInterface
  if (bound !== NO_INTERFACE && bound !== packet.arrivalIndex) return false
  const remote = socket.remoteAddress
  return (
    remote === null || (socket.remotePort === sourcePort && isSameAddress(remote, packet.source))
  )
}

function isOverlapping(a: UdpSocket, b: UdpSocket): boolean {
  if (a.boundInterface !== b.boundInterface) {
    if (a.boundInterface !== NO_INTERFACE && b.boundInterface !== NO_INTERFACE) return false
  }
  const [left, right] = [a.localAddress, b.localAddress]
  if (left !== null && right !== null) {
    if (left.version !== right.version) return false
    if (!isUnspecified(left) && !isUnspecified(right) && !isSameAddress(left, right)) return false
  }
  if (a.remoteAddress === null || b.remoteAddress === null) return true
  return isSameAddress(a.remoteAddress, b.remoteAddress) && a.remotePort === b.remotePort
}
