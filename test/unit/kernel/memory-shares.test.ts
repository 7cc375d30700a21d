/** What sockets may take of machines of different sizes. */
import { describe, expect, it } from 'vitest'
import { reassemblyShare, receiveShare, socketShares } from '../../../kernel/memory-shares.ts'

const MIB = 1 << 20

describe('the share of sockets', () => {
  it.each([
    [64, 54, 16, 4_860],
    [256, 245, 64, 23_170],
    [1024, 1010, 256, 65_536],
    [8192, 3000, 512, 65_536],
  ])(
    'of %i MiB with %i free is %i MiB of buffers and %i connections',
    (ram, free, buffers, connections) => {
      const shares = socketShares({ ramBytes: ram * MIB, freeBytes: free * MIB })
      expect(shares.bufferBudgetBytes).toBe(buffers * MIB)
      expect(shares.maxConnections).toBeGreaterThanOrEqual(connections * 0.98)
      expect(shares.maxConnections).toBeLessThanOrEqual(connections * 1.02)
      expect(shares.maxOrphans).toBe(Math.ceil(shares.maxConnections / 4))
      expect(shares.maxFinWait2).toBe(shares.maxOrphans)
    },
  )

  it('leaves half of what is free when that is little', () => {
    const shares = socketShares({ ramBytes: 64 * MIB, freeBytes: 10 * MIB })
    expect(shares.bufferBudgetBytes).toBe(5 * MIB)
  })
})

describe('the share of frames to come', () => {
  it.each([
    [32, 1, 8.25],
    [64, 1, 8.25],
    [8192, 1, 8.25],
    [64, 2, 4.125],
    [64, 8, 8.25 / 8],
    [256, 8, 4],
    [8192, 8, 8.25],
  ])('of %i MiB with %i devices is %d MiB each', (ram, devices, share) => {
    expect(receiveShare({ ramBytes: ram * MIB }, devices, 8.25 * MIB)).toBe(share * MIB)
  })
})

describe('the share of fragments', () => {
  it.each([
    [16, 1],
    [64, 1],
    [128, 2],
    [256, 4],
    [8192, 4],
  ])('of %i MiB is %i MiB', (ram, share) => {
    expect(reassemblyShare({ ramBytes: ram * MIB })).toBe(share * MIB)
  })
})
