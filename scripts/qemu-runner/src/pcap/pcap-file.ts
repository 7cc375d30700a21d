/** The pcap file format: reads files of either byte order, writes frames to memory. */
import { readFile } from 'node:fs/promises'

export interface PcapFrame {
  readonly timeMs: number
  /** Length on the wire; `bytes` may be shorter. */
  readonly length: number
  readonly bytes: Buffer
}

const MAGIC_MICROSECONDS = 0xa1b2c3d4
const MAGIC_NANOSECONDS = 0xa1b23c4d
const LINK_ETHERNET = 1
/** What Wireshark and libpcap take as "everything". */
const SNAP_LENGTH = 262144

/**
 * Frames of a pcap file; throws on another format, another link type, or a record that lies about
 * its length.
 */
export function parsePcap(file: Buffer): PcapFrame[] {
  if (file.length < 24) throw new Error(`Cannot read pcap: ${file.length} bytes are no header`)
  const little = [MAGIC_MICROSECONDS, MAGIC_NANOSECONDS].includes(file.readUInt32LE(0))
  const u32 = (at: number): number => (little ? file.readUInt32LE(at) : file.readUInt32BE(at))
  const magic = u32(0)
  if (magic !== MAGIC_MICROSECONDS && magic !== MAGIC_NANOSECONDS) {
    throw new Error(`Cannot read pcap: magic is 0x${magic.toString(16)}`)
  }
  const linkType = u32(20) & 0xffff
  if (linkType !== LINK_ETHERNET) throw new Error(`Cannot read pcap: link type ${linkType}`)
  const fraction = magic === MAGIC_NANOSECONDS ? 1e-6 : 1e-3
  const frames: PcapFrame[] = []
  let at = 24
  while (at + 16 <= file.length) {
    const captured = u32(at + 8)
    const start = at + 16
    // A writer that was killed leaves half a record: what is before it is good.
    if (start + captured > file.length) break
    frames.push({
      timeMs: u32(at) * 1000 + u32(at + 4) * fraction,
      length: u32(at + 12),
      bytes: file.subarray(start, start + captured),
    })
    at = start + captured
  }
  return frames
}

export async function readPcap(path: string): Promise<PcapFrame[]> {
  return parsePcap(await readFile(path))
}

/** Frames as a pcap file; times are milliseconds since any epoch. */
export function encodePcap(
  frames: Iterable<{ readonly timeMs: number; readonly bytes: Buffer }>,
): Buffer {
  const header = Buffer.alloc(24)
  header.writeUInt32LE(MAGIC_MICROSECONDS, 0)
  header.writeUInt16LE(2, 4)
  header.writeUInt16LE(4, 6)
  header.writeUInt32LE(SNAP_LENGTH, 16)
  header.writeUInt32LE(LINK_ETHERNET, 20)
  const parts: Buffer[] = [header]
  for (const { timeMs, bytes } of frames) {
    const record = Buffer.alloc(16)
    record.writeUInt32LE(Math.floor(timeMs / 1000), 0)
    record.writeUInt32LE(Math.floor((timeMs % 1000) * 1000), 4)
    record.writeUInt32LE(bytes.length, 8)
    record.writeUInt32LE(bytes.length, 12)
    parts.push(record, bytes)
  }
  return Buffer.concat(parts)
}
