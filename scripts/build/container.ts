/** Writes the container of a compiled program; boot/engine/container.c reads it. */
import { crc32 } from 'node:zlib'

const HEADER_LENGTH = 64
const CONTAINER_VERSION = 1
const NAME_LENGTH_MAX = 63

export interface ContainerParts {
  readonly name: string
  /** Version of the engine whose bytecode this is. */
  readonly version: string
  readonly bytecode: Uint8Array
  readonly positionMap: Uint8Array
}

function align8(offset: number): number {
  return (offset + 7) & ~7
}

export function encodeContainer(parts: ContainerParts): Uint8Array {
  const name = Buffer.from(parts.name)
  if (name.length === 0 || name.length > NAME_LENGTH_MAX) {
    throw new RangeError(
      `Cannot name a program "${parts.name}": 1 to ${NAME_LENGTH_MAX} bytes are allowed`,
    )
  }
  const bodies = [name, parts.bytecode, parts.positionMap]
  const offsets: number[] = []
  let end = HEADER_LENGTH
  for (const body of bodies) {
    offsets.push(align8(end))
    end = align8(end) + body.length
  }
  const out = Buffer.alloc(align8(end))
  out.write('EREMITE\0', 0, 'latin1')
  out.writeUInt32LE(CONTAINER_VERSION, 8)
  out.writeUInt32LE(out.length, 12)
  bodies.forEach((body, i) => {
    out.writeUInt32LE(offsets[i]!, 24 + 8 * i)
    out.writeUInt32LE(body.length, 28 + 8 * i)
    out.set(body, offsets[i]!)
  })
  out.write(parts.version.padEnd(16, '\0'), 48, 16, 'latin1')
  out.writeUInt32LE(crc32(out.subarray(HEADER_LENGTH)), 16)
  return out
}
