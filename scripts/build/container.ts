/** Writes the container of a compiled program; boot/engine/container.c reads it. */
import { crc32 } from 'node:zlib'

const HEADER_LENGTH = 64
const CONTAINER_VERSION = 2
const NAME_LENGTH_MAX = 63
/**
 * A container fills whole pages: QEMU loads an initial ramdisk at the end of memory, down to a page
 * boundary, and from QEMU 10 on the firmware of a microvm keeps the ACPI tables in what is left of
 * that last page, so that a ramdisk that ends inside it overwrites them.
 */
const PAGE_SIZE = 4096

export interface ContainerParts {
  readonly name: string
  /** Version of the engine whose bytecode this is. */
  readonly version: string
  readonly bytecode: Uint8Array
  readonly positionMap: Uint8Array
}

function align(offset: number, boundary: number): number {
  return (offset + boundary - 1) & -boundary
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
    offsets.push(align(end, 8))
    end = align(end, 8) + body.length
  }
  const out = Buffer.alloc(align(end, PAGE_SIZE))
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
