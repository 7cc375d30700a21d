/**
 * A 64-bit guest of a few hundred bytes, assembled here: enters long mode, writes to the debug
 * ports, exits.
 */

export interface ProbeImageOptions {
  /** What it writes to port 0xe9; must be ASCII. */
  readonly events?: string
  /** What it writes to COM1; must be ASCII. */
  readonly console?: string
  /**
   * What it writes to the exit port (0x10 = clean); `hang` loops for ever, `crash` triple-faults.
   */
  readonly end?: number | 'hang' | 'crash'
}

const LOAD_ADDRESS = 0x100000
/** Page tables go here, in RAM that the loader leaves zeroed. */
const TABLES = 0x200000
const HEADER_BYTES = 64 + 2 * 56
const NOTE_BYTES = 12 + 4 + 8

/** Little-endian 32-bit value as bytes. */
function dword(value: number): number[] {
  return [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, (value >>> 24) & 255]
}

/** A PVH ELF64 (Xen note type 18), which QEMU's `-kernel` boots on q35 and microvm. */
export function buildProbeImage(options: ProbeImageOptions = {}): Buffer {
  const events = Buffer.from(options.events ?? '', 'latin1')
  const text = Buffer.from(options.console ?? '', 'latin1')
  const codeOffset = HEADER_BYTES + NOTE_BYTES
  const entry = LOAD_ADDRESS + codeOffset
  const code = [...enterLongMode(entry), ...reportAndEnd(events, text, options.end ?? 0x10)]
  const length = codeOffset + code.length

  const image = Buffer.alloc(length)
  image.write('\x7fELF\x02\x01\x01', 0, 'latin1')
  image.writeUInt16LE(2, 16) // ET_EXEC
  image.writeUInt16LE(62, 18) // EM_X86_64
  image.writeUInt32LE(1, 20)
  image.writeBigUInt64LE(BigInt(entry), 24)
  image.writeBigUInt64LE(64n, 32)
  image.writeUInt16LE(64, 52)
  image.writeUInt16LE(56, 54)
  image.writeUInt16LE(2, 56)
  writeProgramHeader(image, 64, { type: 1, offset: 0, length })
  writeProgramHeader(image, 64 + 56, { type: 4, offset: HEADER_BYTES, length: NOTE_BYTES })
  image.writeUInt32LE(4, HEADER_BYTES)
  image.writeUInt32LE(8, HEADER_BYTES + 4)
  image.writeUInt32LE(18, HEADER_BYTES + 8)
  image.write('Xen\0', HEADER_BYTES + 12, 'latin1')
  image.writeBigUInt64LE(BigInt(entry), HEADER_BYTES + 16)
  Buffer.from(code).copy(image, codeOffset)
  return image
}

function writeProgramHeader(
  image: Buffer,
  at: number,
  header: { type: number; offset: number; length: number },
): void {
  image.writeUInt32LE(header.type, at)
  image.writeUInt32LE(7, at + 4)
  image.writeBigUInt64LE(BigInt(header.offset), at + 8)
  image.writeBigUInt64LE(BigInt(LOAD_ADDRESS + header.offset), at + 16)
  image.writeBigUInt64LE(BigInt(LOAD_ADDRESS + header.offset), at + 24)
  image.writeBigUInt64LE(BigInt(header.length), at + 32)
  image.writeBigUInt64LE(BigInt(header.length), at + 40)
  image.writeBigUInt64LE(header.type === 4 ? 4n : 4096n, at + 48)
}

/**
 * 32-bit code: one 2 MiB page maps the first 2 MiB, then PAE, LME, PG and a far jump to 64-bit
 * code.
 */
function enterLongMode(entry: number): number[] {
  const gdt = (at: number): number[] => [
    ...[0, 0, 0, 0, 0, 0, 0, 0],
    ...[0, 0, 0, 0, 0, 0x9a, 0x20, 0], // 64-bit code
    ...[15, 0, ...dword(at)], // its own descriptor: limit and base
  ]
  const body = (gdtAt: number, next: number): number[] => [
    ...[0xc7, 0x05, ...dword(TABLES), ...dword(TABLES + 0x1003)], // PML4[0]
    ...[0xc7, 0x05, ...dword(TABLES + 0x1000), ...dword(TABLES + 0x2003)], // PDPT[0]
    ...[0xc7, 0x05, ...dword(TABLES + 0x2000), ...dword(0x83)], // PD[0]: present, writable, 2 MiB
    ...[0xb8, ...dword(TABLES), 0x0f, 0x22, 0xd8], // cr3 = PML4
    ...[0x0f, 0x20, 0xe0, 0x83, 0xc8, 0x20, 0x0f, 0x22, 0xe0], // cr4 |= PAE
    ...[0xb9, ...dword(0xc0000080), 0x0f, 0x32, 0x0d, ...dword(0x100), 0x0f, 0x30], // EFER |= LME
    ...[0x0f, 0x01, 0x15, ...dword(gdtAt + 16)], // lgdt
    ...[0x0f, 0x20, 0xc0, 0x0d, ...dword(0x80000000), 0x0f, 0x22, 0xc0], // cr0 |= PG
    ...[0xea, ...dword(next), 0x08, 0x00], // ljmp 8:next
  ]
  const length = body(0, 0).length
  const gdtAt = entry + length
  const next = gdtAt + gdt(0).length
  return [...body(gdtAt, next), ...gdt(gdtAt)]
}

/** 64-bit code: `mov rax, imm64` proves the mode, then bytes to the ports, then the end. */
function reportAndEnd(events: Buffer, text: Buffer, end: number | 'hang' | 'crash'): number[] {
  const code = [0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8]
  const writePort = (port: number, byte: number): void => {
    code.push(0x66, 0xba, port & 255, port >> 8, 0xb0, byte, 0xee)
  }
  for (const byte of events) writePort(0xe9, byte)
  for (const byte of text) writePort(0x3f8, byte)
  if (typeof end === 'number') writePort(0xf4, end)
  if (end === 'crash') code.push(0x0f, 0x0b) // ud2 without an IDT: a triple fault
  return [...code, 0xf4, 0xeb, 0xfd] // hlt; jmp to hlt
}
