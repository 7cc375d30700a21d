/** Entropy sources: one real one is enough, none or a stuck one is refused, reseeding falls due. */
import { describe, expect, it } from 'vitest'
import { EntropyPool, type EntropySource } from '../../../../kernel/entropy/entropy-pool.ts'
import { hashNatives } from '../../../support/hash-natives.ts'

function machine(hardware: 'absent' | 'stuck' | 'good' | 'counting') {
  let calls = 0
  let ticks = 0
  return {
    nowNs: 0,
    hardwareRandom(target: Uint8Array, offset: number, lengthBytes: number): boolean {
      if (hardware === 'absent') return false
      for (let index = 0; index < lengthBytes; index++) {
        target[offset + index] = hardware === 'stuck' ? 0xff : (index * 7 + calls) & 0xff
      }
      if (hardware === 'counting') calls++
      return true
    },
    timestampCounter: () => ticks++,
    monotonicNs(): number {
      return this.nowNs
    },
  }
}
const device = (name: string, works: boolean): EntropySource => ({
  name,
  collect(target) {
    if (works) target.set(target.map((_, index) => index))
    return works
  },
})
const FACTS = Buffer.from('52:54:00:12:34:56')

describe('EntropyPool', () => {
  it('seeds from the processor alone', () => {
    const pool = new EntropyPool(machine('good'), [], hashNatives)
    expect(pool.seed(FACTS)).toBe(true)
    expect(pool.sources).toEqual(['cpu'])
  })

  it('seeds from a device alone', () => {
    const pool = new EntropyPool(machine('absent'), [device('virtio-rng', true)], hashNatives)
    expect(pool.seed(FACTS)).toBe(true)
    expect(pool.sources).toEqual(['virtio-rng'])
  })

  it('fails closed without a real source: jitter and facts are not enough', () => {
    expect(new EntropyPool(machine('absent'), [], hashNatives).seed(FACTS)).toBe(false)
    expect(
      new EntropyPool(machine('absent'), [device('virtio-rng', false)], hashNatives).seed(FACTS),
    ).toBe(false)
  })

  it('does not count a source that is stuck at one value', () => {
    expect(new EntropyPool(machine('stuck'), [], hashNatives).seed(FACTS)).toBe(false)
  })

  it('mixes sources: a device fed a constant does not make two boots equal', () => {
    const draw = (shift: number) => {
      const hal = machine('counting')
      for (let call = 0; call < shift; call++) hal.hardwareRandom(new Uint8Array(1), 0, 1)
      const pool = new EntropyPool(hal, [device('virtio-rng', true)], hashNatives)
      pool.seed(FACTS)
      return pool.generator.nextInt32()
    }
    expect(draw(0)).not.toBe(draw(1))
  })

  it('falls due for a reseed after 1024 batches or 300 s, and not before', () => {
    const hal = machine('good')
    const pool = new EntropyPool(hal, [], hashNatives)
    pool.seed(FACTS)
    expect(pool.isReseedDue(299e9)).toBe(false)
    expect(pool.isReseedDue(300e9)).toBe(true)
    for (let draw = 0; draw < 56 * 1023; draw++) pool.generator.nextInt32()
    expect(pool.isReseedDue(1)).toBe(false)
    for (let draw = 0; draw < 56; draw++) pool.generator.nextInt32()
    expect(pool.isReseedDue(1)).toBe(true)
    hal.nowNs = 5
    expect(pool.reseed()).toBe(true)
    expect(pool.isReseedDue(6)).toBe(false)
  })
})
