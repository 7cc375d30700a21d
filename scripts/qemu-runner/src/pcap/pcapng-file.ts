/**
 * Writes the pcapng file format (draft-ietf-opsawg-pcapng): interfaces with names, frames with
 * direction and comment.
 */

export interface PcapngInterface {
  readonly name: string
}

export interface PcapngFrame {
  /** Since 1970. */
  readonly timeMs: number
  readonly bytes: Buffer
  /** Length on the wire, where `bytes` holds only part of it. */
  readonly length?: number
  /** Index into the interfaces. */
  readonly interfaceIndex: number
  /** As the interface sees it. */
  readonly direction?: 'inbound' | 'outbound'
  readonly comment?: string
}

const SECTION_HEADER = 0x0a0d0d0a
const INTERFACE_DESCRIPTION = 1
const ENHANCED_PACKET = 6
const BYTE_ORDER_MAGIC = 0x1a2b3c4d
const LINK_ETHERNET = 1
const OPTION_COMMENT = 1
const OPTION_INTERFACE_NAME = 2
const OPTION_FLAGS = 2
const FLAGS = { inbound: 1, outbound: 2 } as const

export function encodePcapng(
  interfaces: readonly PcapngInterface[],
  frames: Iterable<PcapngFrame>,
): Buffer {
  const section = Buffer.alloc(16)
  section.writeUInt32LE(BYTE_ORDER_MAGIC, 0)
  section.writeUInt16LE(1, 4)
  // -1: the section's length is not given.
  section.fill(0xff, 8)
  const blocks = [block(SECTION_HEADER, [section])]
  for (const { name } of interfaces) {
    const description = Buffer.alloc(8)
    description.writeUInt16LE(LINK_ETHERNET, 0)
    const options = [option(OPTION_INTERFACE_NAME, Buffer.from(name)), END_OF_OPTIONS]
    blocks.push(block(INTERFACE_DESCRIPTION, [description, ...options]))
  }
  for (const frame of frames) blocks.push(packet(frame))
  return Buffer.concat(blocks)
}

function packet(frame: PcapngFrame): Buffer {
  const { bytes, interfaceIndex, direction, comment } = frame
  const head = Buffer.alloc(20)
  // The default resolution: microseconds, upper half first.
  const time = BigInt(Math.round(frame.timeMs * 1000))
  head.writeUInt32LE(interfaceIndex, 0)
  head.writeUInt32LE(Number(time >> 32n), 4)
  head.writeUInt32LE(Number(time & 0xffffffffn), 8)
  head.writeUInt32LE(bytes.length, 12)
  head.writeUInt32LE(frame.length ?? bytes.length, 16)
  const parts = [head, padded(bytes)]
  if (comment !== undefined) parts.push(option(OPTION_COMMENT, Buffer.from(comment)))
  if (direction !== undefined) {
    const flags = Buffer.alloc(4)
    flags.writeUInt32LE(FLAGS[direction])
    parts.push(option(OPTION_FLAGS, flags))
  }
  if (parts.length > 2) parts.push(END_OF_OPTIONS)
  return block(ENHANCED_PACKET, parts)
}

const END_OF_OPTIONS = Buffer.alloc(4)

function option(code: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt16LE(code, 0)
  head.writeUInt16LE(value.length, 2)
  return Buffer.concat([head, padded(value)])
}

/** Every part of a block ends on a multiple of four octets. */
function padded(bytes: Buffer): Buffer {
  const rest = bytes.length % 4
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(4 - rest)])
}

function block(type: number, parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, { length }) => sum + length, 12)
  const head = Buffer.alloc(8)
  head.writeUInt32LE(type, 0)
  head.writeUInt32LE(length, 4)
  const tail = Buffer.alloc(4)
  tail.writeUInt32LE(length)
  return Buffer.concat([head, ...parts, tail])
}
