/** Counted instructions beside the recorded ones: what is refused, and what is not. */
import { describe, expect, it } from 'vitest'
import { findRegressions, HELD_CASES, readRecord } from '../instructions/recorded-counts.ts'

const RECORD = [{ name: 'TCP echo', instructions: 100_000 }]

describe('recorded instruction counts', () => {
  it('refuse what is more than the tolerance above them, and name it', () => {
    const instructions = 103_001
    expect(findRegressions([{ name: 'TCP echo', instructions }], RECORD)).toEqual([
      `TCP echo: ${instructions} instructions, 3.0 % above 100000`,
    ])
  })

  it('take what is within the tolerance, and what is better', () => {
    for (const instructions of [102_999, 50_000]) {
      expect(findRegressions([{ name: 'TCP echo', instructions }], RECORD)).toEqual([])
    }
  })

  it('want a record of each case that is held to them', () => {
    const found = findRegressions([{ name: 'HTTP, kept connection', instructions: 1 }], RECORD)
    expect(found).toEqual(['HTTP, kept connection: not recorded in docs/instructions.json'])
    expect(readRecord().map(({ name }) => name)).toEqual(expect.arrayContaining([...HELD_CASES]))
  })

  it('leave cases alone that differ from run to run', () => {
    expect(findRegressions([{ name: '64 KiB sent', instructions: 1e9 }], [])).toEqual([])
  })
})
