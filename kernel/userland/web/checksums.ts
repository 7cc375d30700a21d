/**
 * What gzip and zlib streams end with: CRC-32 with the length (RFC 1952 §2.3.1), Adler-32 (RFC 1950
 * §2.2).
 */

export interface Checksum {
  /** Of the trailer. */
  readonly lengthBytes: number
  update(bytes: Uint8Array): void
  matches(trailer: readonly number[]): boolean
}

const CRC_POLYNOMIAL = 0xedb88320
const ADLER_MODULUS = 65_521
/** As many bytes as the sums take without overflow of 32 bits. */
const ADLER_RUN_BYTES = 5552

let crcTable: Int32Array | null = null

function makeCrcTable(): Int32Array {
  const table = new Int32Array(256)
  for (let byte = 0; byte < 256; byte++) {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = (value & 1 ? CRC_POLYNOMIAL : 0) ^ (value >>> 1)
    table[byte] = value
  }
  return table
}

export class Crc32 implements Checksum {
  readonly lengthBytes = 8
  private value = -1
  private count = 0

  update(bytes: Uint8Array): void {
    crcTable ??= makeCrcTable()
    const table = crcTable
    let { value } = this
    for (let at = 0; at < bytes.length; at++) {
      value = table[(value ^ bytes[at]!) & 255]! ^ (value >>> 8)
    }
    this.value = value
    this.count = (this.count + bytes.length) | 0
  }

  matches(trailer: readonly number[]): boolean {
    return littleEndian(trailer, 0) === ~this.value && littleEndian(trailer, 4) === this.count
  }
}

export class Adler32 implements Checksum {
  readonly lengthBytes = 4
  private low = 1
  private high = 0

  update(bytes: Uint8Array): void {
    let { low, high } = this
    for (let start = 0; start < bytes.length; start += ADLER_RUN_BYTES) {
      const end = Math.min(bytes.length, start + ADLER_RUN_BYTES)
      for (let at = start; at < end; at++) {
        low += bytes[at]!
        high += low
      }
      low %= ADLER_MODULUS
      high %= ADLER_MODULUS
    }
    this.low = low
    this.high = high
  }

  matches([a, b, c, d]: readonly number[]): boolean {
    return ((a! << 8) | b!) === this.high && ((c! << 8) | d!) === this.low
  }
}

function littleEndian(bytes: readonly number[], at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}
