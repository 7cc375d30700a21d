/**
 * Listeners by port; one for a particular address or interface goes before one for all (RFC 9293
 * MUST-41, 42).
 */
import { NO_INTERFACE } from '../../../iface/host-addresses.ts'
import type { IncomingPacket } from '../../../iface/protocol-handler.ts'
import { isSameAddress } from '../../../wire/ip-address.ts'
import type { TcpListenSocket } from './listen-socket.ts'

export class ListenerTable {
  private readonly byPort = new Map<number, TcpListenSocket[]>()
  /** The one found last, when it is its port's only one and takes whatever comes for that. */
  private lastOnly: TcpListenSocket | null = null

  /** False when the same port and address are taken. */
  add(listener: TcpListenSocket): boolean {
    this.lastOnly = null
    const list = this.byPort.get(listener.port)
    if (list === undefined) {
      this.byPort.set(listener.port, [listener])
      return true
    }
    if (list.some((other) => isSameBinding(other, listener))) return false
    list.push(listener)
    return true
  }

  remove(listener: TcpListenSocket): void {
    this.lastOnly = null
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
    const { lastOnly } = this
    if (lastOnly !== null && lastOnly.port === port) return lastOnly
    const list = this.byPort.get(port)
    if (list === undefined) return null
    let best: TcpListenSocket | null = null
    for (let index = 0; index < list.length; index++) {
      const listener = list[index]!
      const { address, interfaceIndex } = listener
      if (interfaceIndex !== NO_INTERFACE && interfaceIndex !== packet.arrivalIndex) continue
      if (address !== null && !isSameAddress(address, packet.destination)) continue
      if (best === null || closenessOf(listener) > closenessOf(best)) best = listener
    }
    if (list.length === 1 && best !== null && closenessOf(best) === 0) this.lastOnly = best
    return best
  }
}

/** How much of a packet a listener asks for: its address before its interface. */
function closenessOf({ address, interfaceIndex }: TcpListenSocket): number {
  return (address === null ? 0 : 2) + (interfaceIndex === NO_INTERFACE ? 0 : 1)
}

function isSameBinding(a: TcpListenSocket, b: TcpListenSocket): boolean {
  if (a.interfaceIndex !== b.interfaceIndex) return false
  if (a.address === null || b.address === null) return a.address === b.address
  return isSameAddress(a.address, b.address)
}
