/** The container format, byte by byte as boot/engine/container.c checks it. */
import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { encodeContainer } from './container.ts'

const parts = {
  name: 'echo',
  version: '2025-04-26',
  bytecode: Uint8Array.of(1, 2, 3),
  positionMap: Uint8Array.of(9, 8),
}

describe('encodeContainer', () => {
  const bytes = Buffer.from(encodeContainer(parts))
  const part = (at: number) => {
    const offset = bytes.readUInt32LE(at)
    return { offset, content: bytes.subarray(offset, offset + bytes.readUInt32LE(at + 4)) }
  }

  it('begins with magic, version and its own length', () => {
    expect(bytes.toString('latin1', 0, 8)).toBe('EREMITE\0')
    expect(bytes.readUInt32LE(8)).toBe(2)
    expect(bytes.readUInt32LE(12)).toBe(bytes.length)
  })

  it('fills whole pages, so that as a ramdisk it leaves the last page to the ACPI tables of a microvm', () => {
    for (const bytecodeLength of [3, 3900, 4000, 4096, 5000]) {
      const { length } = encodeContainer({ ...parts, bytecode: new Uint8Array(bytecodeLength) })
      expect(length % 4096).toBe(0)
      expect(length - bytecodeLength).toBeLessThan(4096 + 128)
    }
  })

  it('holds name, bytecode and position map at multiples of 8', () => {
    expect([24, 32, 40].map((at) => part(at).offset % 8)).toEqual([0, 0, 0])
    expect(part(24).content.toString()).toBe('echo')
    expect([...part(32).content]).toEqual([1, 2, 3])
    expect([...part(40).content]).toEqual([9, 8])
  })

  it('names the engine that its bytecode is for', () => {
    expect(bytes.toString('latin1', 48, 64)).toBe('2025-04-26\0\0\0\0\0\0')
  })

  it('carries the CRC-32 of everything behind the header', () => {
    expect(bytes.readUInt32LE(16)).toBe(crc32(bytes.subarray(64)))
  })

  it('refuses a name that the guest would refuse', () => {
    expect(() => encodeContainer({ ...parts, name: '' })).toThrow(/Cannot name a program/)
    expect(() => encodeContainer({ ...parts, name: 'x'.repeat(64) })).toThrow(RangeError)
  })
})
