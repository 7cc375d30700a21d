/** TIME-WAIT (RFC 9293 §3.6.1, MUST-13): compact records that hold no buffers, bounded, the oldest recycled. */
import type { IncomingPacket } from '../../../iface/protocol-handler.ts'
import { type IpAddress, isSameAddress } from '../../../wire/ip-address.ts'
import type { TcpSocket } from '../tcp-socket.ts'

export interface TimeWaitRecord {
  readonly localAddress: IpAddress
  readonly remoteAddress: IpAddress
  readonly localPort: number
  readonly remotePort: number
  readonly sendNext: number
  readonly receiveNext: number
  readonly windowField: number
  readonly hasTimestamps: boolean
  readonly timestampOffset: number
  timestampRecent: number
  expiresMs: number
  acknowledgeAllowedMs: number
}

export class TimeWaitTable {
  private readonly limit: number
  private readonly durationMs: number
  /** By ports; records of several peers with the same ports share an entry. Order of `ages` is order of expiry. */
  private readonly byPorts = new Map<number, TimeWaitRecord[]>()
  private readonly ages = new Set<TimeWaitRecord>()
  /** When the next record expires, or Infinity. Read only outside. */
  earliest = Number.POSITIVE_INFINITY

  constructor(limit: number, durationMs: number) {
    this.limit = limit
    this.durationMs = durationMs
  }

  get size(): number {
    return this.ages.size
  }

  /** Makes a record of the connection; makeRoom comes before. */
  add(socket: TcpSocket, nowMs: number): TimeWaitRecord {
    const record: TimeWaitRecord = {
      localAddress: socket.localAddress,
      remoteAddress: socket.remoteAddress,
      localPort: socket.localPort,
      remotePort: socket.remotePort,
      sendNext: socket.sendMax,
      receiveNext: socket.receiveNext,
      windowField: 0xffff,
      hasTimestamps: socket.hasTimestamps,
      timestampOffset: socket.timestampOffset,
      timestampRecent: socket.timestampRecent,
      expiresMs: nowMs + this.durationMs,
      acknowledgeAllowedMs: 0,
    }
    const ports = socket.receivedPorts
    const list = this.byPorts.get(ports)
    if (list === undefined) this.byPorts.set(ports, [record])
    else list.push(record)
    this.ages.add(record)
    if (record.expiresMs < this.earliest) this.earliest = record.expiresMs
    return record
  }

  /** Makes room for one more; true when the oldest record had to go. */
  makeRoom(): boolean {
    if (this.ages.size < this.limit) return false
    for (const oldest of this.ages) {
      this.remove(oldest)
      break
    }
    return true
  }

  find(packet: IncomingPacket, ports: number): TimeWaitRecord | null {
    if (this.ages.size === 0) return null
    const list = this.byPorts.get(ports)
    if (list === undefined) return null
    for (const record of list) {
      if (
        isSameAddress(record.remoteAddress, packet.source) &&
        isSameAddress(record.localAddress, packet.destination)
      ) {
        return record
      }
    }
    return null
  }

  /** True when the ports are in TIME-WAIT with this peer. */
  has(remote: IpAddress, remotePort: number, localPort: number): boolean {
    const list = this.byPorts.get((remotePort << 16) | localPort)
    if (list === undefined) return false
    return list.some((record) => isSameAddress(record.remoteAddress, remote))
  }

  /** "restart the 2 MSL time-wait timeout" when the peer's FIN comes again. */
  restart(record: TimeWaitRecord, nowMs: number): void {
    record.expiresMs = nowMs + this.durationMs
    this.ages.delete(record)
    this.ages.add(record)
    this.updateEarliest()
  }

  remove(record: TimeWaitRecord): void {
    const ports = (record.remotePort << 16) | record.localPort
    const list = this.byPorts.get(ports)!
    if (list.length === 1) this.byPorts.delete(ports)
    else list.splice(list.indexOf(record), 1)
    this.ages.delete(record)
    this.updateEarliest()
  }

  expire(nowMs: number): void {
    while (this.earliest <= nowMs) {
      for (const oldest of this.ages) {
        this.remove(oldest)
        break
      }
    }
  }

  private updateEarliest(): void {
    this.earliest = Number.POSITIVE_INFINITY
    for (const oldest of this.ages) {
      this.earliest = oldest.expiresMs
      break
    }
  }
}
