/**
 * Listeners by port; one for a particular address goes before one for all (RFC 9293 MUST-41, 42).
 */
import type { IncomingPacket } from '../../../iface/protocol-handler.ts'
import type { IpAddress } from '../../../wire/ip-address.ts'
import { isSameAddress } from '../../../wire/ip-address.ts'
import type { TcpListenSocket } from './listen-socket.ts'

export class ListenerTable {
  private readonly byPort = new Map<number, TcpListenSocket[]>()

  /** False when the same port and address are taken. */
  add(listener: TcpListenSocket): boolean {
    const list = this.byPort.get(listener.port)
    if (list === undefined) {
      this.byPort.set(listener.port, [listener])
      return true
    }
    if (list.some((other) => isSameBinding(other.address, listener.address))) return false
    list.push(listener)
    return true
  }

  remove(listener: TcpListenSocket): void {
    const list = this.byPort.get(listener.port)
    if (list === undefined) return
    const index = list.indexOf(listener)
    if (index >= 0) list.splice(index, 1)
    if (list.length === 0) this.byPort.delete(listener.port)
  }

  /** All of them, safe against their being closed meanwhile. */
  values(): TcpListenSocket[] {
    return [...this.byPort.values()].flat()
  }

  hasPort(port: number): boolean {
    return this.byPort.has(port)
  }

  /** The listener for a packet to `port`, or null. */
  find(packet: IncomingPacket, port: number): TcpListenSocket | null {
    const list = this.byPort.get(port)
    if (list === undefined) return null
    let wildcard: TcpListenSocket | null = null
    for (let index = 0; index < list.length; index++) {
      const listener = list[index]!
      const { address } = listener
      if (address === null) wildcard = listener
      else if (isSameAddress(address, packet.destination)) return listener
    }
    return wildcard
  }
}

function isSameBinding(a: IpAddress | null, b: IpAddress | null): boolean {
  return a === null || b === null ? a === b : isSameAddress(a, b)
}
