/** Cuts frames of tests into IP fragments, and puts the guest's together. */
import { onesComplementSum } from 'qemu-runner'

const ETHERNET = 14
const IPV4 = 20
const IPV6 = 40

/**
 * The fragments of a frame whose packet may be longer than any link carries, `size` octets in each
 * but the last; 8 divides it.
 */
export function cut(frame: Buffer, size: number, identification: number): Buffer[] {
  const isIpv4 = frame.readUInt16BE(12) === 0x0800
  const headerLength = ETHERNET + (isIpv4 ? IPV4 : IPV6)
  const part = frame.subarray(headerLength)
  const fragments: Buffer[] = []
  for (let offset = 0; offset < part.length; offset += size) {
    const piece = part.subarray(offset, offset + size)
    const more = offset + size < part.length
    const header = Buffer.from(frame.subarray(0, headerLength))
    if (isIpv4) {
      header.writeUInt16BE(IPV4 + piece.length, 16)
      header.writeUInt16BE(identification & 0xffff, 18)
      header.writeUInt16BE((more ? 0x2000 : 0) | (offset >> 3), 20)
      header.writeUInt16BE(0, 24)
      header.writeUInt16BE(onesComplementSum(header, ETHERNET, IPV4, 0) ^ 0xffff, 24)
      fragments.push(Buffer.concat([header, piece]))
    } else {
      const fragmentHeader = Buffer.alloc(8)
      fragmentHeader[0] = header[20]!
      fragmentHeader.writeUInt16BE(offset | (more ? 1 : 0), 2)
      fragmentHeader.writeUInt32BE(identification, 4)
      header[20] = 44
      header.writeUInt16BE(8 + piece.length, 18)
      fragments.push(Buffer.concat([header, fragmentHeader, piece]))
    }
  }
  return fragments
}

/**
 * Collects fragments and returns what was fragmented once it is whole; for one datagram after the
 * other.
 */
export class Joiner {
  private readonly pieces = new Map<number, Buffer>()
  private end = -1

  add(frame: Buffer): Buffer | undefined {
    const isIpv4 = frame.readUInt16BE(12) === 0x0800
    const isFragment = isIpv4 ? (frame.readUInt16BE(20) & 0x3fff) !== 0 : frame[20] === 44
    if (!isFragment) return undefined
    const field = frame.readUInt16BE(isIpv4 ? 20 : 56)
    const offset = isIpv4 ? (field & 0x1fff) * 8 : field & 0xfff8
    const isLast = (field & (isIpv4 ? 0x2000 : 1)) === 0
    const start = ETHERNET + (isIpv4 ? IPV4 : IPV6 + 8)
    const end = ETHERNET + (isIpv4 ? frame.readUInt16BE(16) : IPV6 + frame.readUInt16BE(18))
    this.pieces.set(offset, Buffer.from(frame.subarray(start, end)))
    if (isLast) this.end = offset + end - start
    const parts = [...this.pieces].sort(([a], [b]) => a - b).map(([, piece]) => piece)
    const whole = Buffer.concat(parts)
    return whole.length === this.end ? whole : undefined
  }
}
