/** A referee on the wire: what no TCP may ever send, whatever is lost or reordered on the way. */
import { createTcpHeader, parseTcp, TcpFlag } from '../../net/wire/tcp.ts'
import type { SimulatedDevice, SimulatedLink } from '../fakes/simulated-link.ts'

/** One direction of the one connection that is watched. */
interface Side {
  scale: number
  hasSyn: boolean
  /** Highest sequence number sent, relative to the ISN. */
  highest: number
  initial: number
  /** Right edge offered to the other side, as an absolute sequence number. */
  edge: number
  hasEdge: boolean
  /** Relative number of the FIN, -1 before. */
  fin: number
  /** The last acknowledgment number sent. */
  acknowledged: number
}

export interface WireReferee {
  readonly violations: string[]
}

/** Watches all TCP segments of `link`; one connection at a time. */
export function watchWire(link: SimulatedLink): WireReferee {
  const violations: string[] = []
  const sides = new Map<SimulatedDevice, Side>()
  const header = createTcpHeader()
  const sideOf = (device: SimulatedDevice): Side => {
    let side = sides.get(device)
    if (side === undefined) {
      side = {
        scale: 0,
        hasSyn: false,
        highest: 0,
        initial: 0,
        edge: 0,
        hasEdge: false,
        fin: -1,
        acknowledged: 0,
      }
      sides.set(device, side)
    }
    return side
  }
  link.observer = (device, frame) => {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
    const type = view.getUint16(12)
    const offset = type === 0x0800 ? 34 : 54
    const isTcp = type === 0x0800 ? frame[23] === 6 : type === 0x86dd && frame[20] === 6
    if (!isTcp) return
    const end = type === 0x0800 ? 14 + view.getUint16(16) : 54 + view.getUint16(18)
    if (!parseTcp(view, offset, end - offset, header)) {
      violations.push('malformed header')
      return
    }
    const mine = sideOf(device)
    const other = sideOf(device === link.left ? link.right : link.left)
    check(mine, other, end - offset - header.headerLength)
  }

  function check(mine: Side, other: Side, length: number): void {
    const { flags } = header
    if ((flags & TcpFlag.Rst) !== 0) {
      // "If the connection does not exist (CLOSED), then a reset is sent in response to any
      // incoming segment" (RFC 9293 §3.5.2): an ACK that the network repeats or delays until
      // LAST-ACK has ended with another is one.
      const age = (header.sequenceNumber - other.acknowledged) | 0
      const isOver = mine.fin >= 0 && other.fin >= 0 && age <= 0
      if (!isOver) violations.push('reset')
      return
    }
    if ((flags & TcpFlag.Syn) !== 0) {
      mine.hasSyn = true
      mine.initial = header.sequenceNumber
      mine.scale = header.hasWindowScale ? header.windowScale : 0
      if (length > 0) violations.push('data with SYN')
    }
    const start = (header.sequenceNumber - mine.initial) | 0
    const last = start + length
    if (length > 0) {
      if (mine.fin >= 0 && last > mine.fin) violations.push('data after FIN')
      // One octet beyond a closed window is a probe (RFC 9293 §3.8.6.1).
      const beyond = (header.sequenceNumber + length - other.edge) | 0
      if (other.hasEdge && beyond > 1) violations.push(`${beyond} bytes beyond the window`)
      if (last > mine.highest) mine.highest = last
    }
    if ((flags & TcpFlag.Fin) !== 0) {
      if (mine.fin >= 0 && mine.fin !== last) violations.push('a second FIN elsewhere')
      mine.fin = last
    }
    if ((flags & TcpFlag.Ack) !== 0) {
      mine.acknowledged = header.acknowledgmentNumber
      const acked = (header.acknowledgmentNumber - other.initial) | 0
      if (acked > Math.max(other.highest, 1) + 1) violations.push(`ACK of unsent data: ${acked}`)
      const scale = (flags & TcpFlag.Syn) !== 0 ? 0 : mine.scale
      const edge = (header.acknowledgmentNumber + (header.window << scale)) | 0
      // RFC 7323 §2.4 allows the edge to come back by less than one unit of the scaled window.
      if (mine.hasEdge && ((edge - mine.edge) | 0) < -((1 << scale) - 1) && mine.fin < 0) {
        violations.push(`window shrank by ${(mine.edge - edge) | 0}`)
      }
      if (!mine.hasEdge || ((edge - mine.edge) | 0) > 0) mine.edge = edge
      mine.hasEdge = true
    }
  }
  return { violations }
}
