/** BufferPool: powers of two out of a budget, by the buddy method. */
import { describe, expect, it, vi } from 'vitest'
import { BufferPool } from '../../../../../net/socket/tcp/buffer-pool.ts'
import type { PacketBuffer } from '../../../../../net/storage/buffer.ts'
import { createPacketBuffer } from '../../../../support/memory.ts'
import { SeededRandom } from '../../../../support/seeded-random.ts'

describe('BufferPool', () => {
  it('merges what it splits', () => {
    const pool = new BufferPool({ allocate: createPacketBuffer }, 1 << 20, 1 << 18, 1 << 14)
    const small = Array.from({ length: 64 }, () => pool.acquire(1 << 14)!)
    expect(pool.acquire(1 << 14)).toBeNull()
    const addresses = new Set(small.map(({ physicalAddress }) => physicalAddress))
    expect(addresses.size).toBe(64)
    for (const buffer of small) pool.release(buffer, [])
    expect(pool.availableBytes).toBe(1 << 20)
    expect(pool.acquire(1 << 17)!.lengthBytes).toBe(1 << 17)
  })

  it('gives out no byte twice and finds what is free, in any order of taking and returning', () => {
    const smallest = 1 << 10
    const pool = new BufferPool({ allocate: createPacketBuffer }, 1 << 18, 1 << 15, smallest)
    const random = new SeededRandom(7)
    const taken: PacketBuffer[] = []
    for (let step = 0; step < 5000; step++) {
      if (random.nextFraction() < 0.55) {
        const wanted = smallest << Math.floor(random.nextFraction() * 6)
        const buffer = pool.acquire(wanted)
        // The smallest size is always there as long as anything is.
        if (buffer !== null) taken.push(buffer)
        else if (wanted === smallest) expect(pool.availableBytes).toBe(0)
      } else if (taken.length > 0) {
        const [buffer] = taken.splice(Math.floor(random.nextFraction() * taken.length), 1)
        pool.release(buffer!, [])
      }
      const held = taken.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0)
      expect(pool.availableBytes).toBe((1 << 18) - held)
    }
    const ranges = taken.map(({ physicalAddress: at, lengthBytes }) => [at, at + lengthBytes])
    ranges.sort((a, b) => a[0]! - b[0]!)
    for (let index = 1; index < ranges.length; index++) {
      expect(ranges[index]![0]).toBeGreaterThanOrEqual(ranges[index - 1]![1]!)
    }
    for (const buffer of taken) pool.release(buffer, [])
    for (let count = 0; count < 8; count++) expect(pool.acquire(1 << 15)).not.toBeNull()
  })

  it('gives the least size out again as it came back, and whole blocks when those are wanted', () => {
    const pool = new BufferPool({ allocate: createPacketBuffer }, 1 << 20, 1 << 20, 1 << 12)
    const steps = vi.spyOn(pool as unknown as { takeFrom(): unknown }, 'takeFrom')
    const held = Array.from({ length: 256 }, () => pool.acquire(1 << 12)!)
    for (const buffer of held) pool.release(buffer, [])
    expect(pool.availableBytes).toBe(1 << 20)
    // What a connection needs and returns, for one after the other.
    steps.mockClear()
    for (let count = 0; count < 1000; count++) {
      const buffer = pool.acquire(1 << 12)!
      expect(pool.availableBytes).toBe((1 << 20) - (1 << 12))
      pool.release(buffer, [])
    }
    expect(steps).not.toHaveBeenCalled()
    // Nothing is taken twice, nor lost.
    const again = Array.from({ length: 256 }, () => pool.acquire(1 << 12)!)
    expect(new Set(again).size).toBe(256)
    expect(pool.acquire(1 << 12)).toBeNull()
    for (const buffer of again) pool.release(buffer, [])
    expect(() => pool.release(again[0]!, [])).toThrow('it is not taken')
    // The platform has given it in pieces of 256, 256 and 512 KiB.
    expect(pool.acquire(1 << 19)!.lengthBytes).toBe(1 << 19)
  })

  it('does not search longer the more connections there are', () => {
    const pool = new BufferPool({ allocate: createPacketBuffer }, 1 << 20, 1 << 20, 1 << 10)
    // Recursive, so that each block looked at is a call.
    const steps = vi.spyOn(pool as unknown as { takeFrom(): unknown }, 'takeFrom')
    for (let count = 0; count < 1024; count++) {
      steps.mockClear()
      expect(pool.acquire(1 << 10)).not.toBeNull()
      expect(steps.mock.calls.length).toBeLessThanOrEqual(2 * 11)
    }
    steps.mockClear()
    expect(pool.acquire(1 << 10)).toBeNull()
    // One look at each piece that the platform has given: of 256, 256 and 512 KiB.
    expect(steps.mock.calls.length).toBeLessThanOrEqual(3)
  })

  it('asks the platform for 256 KiB at first, and then for as much as it has or as is needed', () => {
    const asked: number[] = []
    const allocate = (length: number) => {
      asked.push(length >> 10)
      return createPacketBuffer(length)
    }
    const pool = new BufferPool({ allocate }, 1 << 24, 1 << 22, 1 << 14)
    for (let count = 0; count < 16; count++) pool.acquire(1 << 14)
    expect(asked).toEqual([256])
    pool.acquire(1 << 19)
    expect(asked).toEqual([256, 512])
    while (pool.acquire(1 << 14) !== null);
    expect(asked).toEqual([256, 512, 512, 1024, 2048, 4096, 4096, 2048, 1024, 512, 256])
  })

  it('lives with less memory than its budget', () => {
    let left = 2
    const allocate = (length: number) => {
      if (left-- === 0) throw new RangeError('Cannot allocate: memory is exhausted')
      return createPacketBuffer(length)
    }
    const pool = new BufferPool({ allocate }, 1 << 20, 1 << 18, 1 << 18)
    const first = pool.acquire(1 << 18)!
    pool.acquire(1 << 18)
    expect(pool.acquire(1 << 18)).toBeNull()
    expect([pool.availableBytes, pool.limitBytes]).toEqual([0, 1 << 19])
    pool.release(first, [])
    expect(pool.acquire(1 << 18)).toBe(first)
  })

  it('grows to its budget once there is memory again', () => {
    let isExhausted = true
    const allocate = (length: number) => {
      if (isExhausted) throw new RangeError('Cannot allocate: memory is exhausted')
      return createPacketBuffer(length)
    }
    const pool = new BufferPool({ allocate }, 1 << 20, 1 << 18, 1 << 16)
    expect(pool.acquire(1 << 16)).toBeNull()
    expect([pool.availableBytes, pool.limitBytes]).toEqual([0, 0])
    isExhausted = false
    pool.expectMore()
    let heldBytes = 0
    for (let buffer = pool.acquire(1 << 16); buffer !== null; buffer = pool.acquire(1 << 16)) {
      heldBytes += buffer.lengthBytes
    }
    expect([heldBytes, pool.availableBytes]).toEqual([1 << 20, 0])
  })

  it('counts what the device has finished with as free', () => {
    const pool = new BufferPool({ allocate: createPacketBuffer }, 1 << 17, 1 << 16, 1 << 16)
    const owner = { framesInFlight: 1 }
    const buffer = pool.acquire(1 << 16)!
    pool.release(buffer, [owner])
    expect([pool.drainingCount(), pool.availableBytes]).toEqual([1, 1 << 16])
    owner.framesInFlight = 0
    expect(pool.drainingCount()).toBe(0)
    expect(pool.availableBytes).toBe(1 << 17)
  })

  it('refuses a buffer that is not its own', () => {
    const pool = new BufferPool({ allocate: createPacketBuffer }, 1 << 20, 1 << 18, 1 << 14)
    expect(() => pool.release(createPacketBuffer(16_384), [])).toThrow(/not taken/)
  })

  it('asks the platform for little at first, and for large pieces later', () => {
    const asked: number[] = []
    const allocate = (length: number) => {
      asked.push(length)
      return createPacketBuffer(length)
    }
    const pool = new BufferPool({ allocate }, 24 << 20, 8 << 20, 1 << 12)
    while (pool.acquire(1 << 18) !== null);
    expect(asked.map((length) => length >> 18)).toEqual([1, 1, 2, 4, 8, 16, 32, 32])
    const other = new BufferPool({ allocate }, 24 << 20, 8 << 20, 1 << 12)
    expect(other.acquire(8 << 20)!.lengthBytes).toBe(8 << 20)
  })
})
