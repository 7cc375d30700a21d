/**
 * Interrupt vectors: handlers run once a burst, only for vectors that fired, and vectors run out
 * loudly.
 */
import { describe, expect, it } from 'vitest'
import { Interrupts } from '../../../kernel/interrupts.ts'
import { SeededRandom } from '../../support/seeded-random.ts'

function fixture(vectorCount = 4) {
  const counters = new Uint32Array(1 + vectorCount)
  const interrupts = new Interrupts({
    interruptCounters: counters,
    interruptVectorCount: vectorCount,
  })
  const raise = (vector: number) => {
    counters[1 + vector]!++
    counters[0]!++
  }
  return { counters, interrupts, raise }
}

describe('Interrupts', () => {
  it('calls only the handlers of vectors that fired, once for a burst', () => {
    const { interrupts, raise } = fixture()
    const calls: string[] = []
    const first = interrupts.register('first', () => calls.push('first'))
    const second = interrupts.register('second', () => calls.push('second'))
    expect(interrupts.dispatch()).toBe(false)
    raise(second)
    raise(second)
    expect(interrupts.dispatch()).toBe(true)
    expect(calls).toEqual(['second'])
    raise(first)
    interrupts.dispatch()
    expect(calls).toEqual(['second', 'first'])
    expect(interrupts.dispatch()).toBe(false)
    expect(interrupts.counts()).toEqual({ first: 1, second: 2 })
  })

  it('sees an interrupt that arrives while handlers run', () => {
    const { interrupts, raise } = fixture()
    let calls = 0
    const vector = interrupts.register('device', () => {
      if (++calls === 1) raise(vector)
    })
    raise(vector)
    interrupts.dispatch()
    expect(interrupts.dispatch()).toBe(true)
    expect(calls).toBe(2)
  })

  it('calls in the end whom it passes over since another fires meanwhile', () => {
    const { interrupts, raise } = fixture()
    const calls: string[] = []
    const first = interrupts.register('first', () => {
      calls.push('first')
      raise(second)
    })
    const second = interrupts.register('second', () => calls.push('second'))
    const third = interrupts.register('third', () => calls.push('third'))
    raise(first)
    raise(third)
    while (interrupts.haveFired()) interrupts.dispatch()
    expect(calls.sort()).toEqual(['first', 'second', 'third'])
  })

  it('counts those of equal names together', () => {
    const { interrupts, raise } = fixture()
    for (let device = 0; device < 3; device++) {
      const vector = interrupts.register('virtio-net 0', () => {})
      for (let i = 0; i <= device; i++) raise(vector)
    }
    expect(interrupts.counts()).toEqual({ 'virtio-net 0': 6 })
  })

  it('counts across the wrap of 32 bits', () => {
    const { counters, interrupts, raise } = fixture()
    counters[0] = 0xffffffff
    counters[1] = 0xffffffff
    let calls = 0
    const fresh = new Interrupts({ interruptCounters: counters, interruptVectorCount: 4 })
    fresh.register('device', () => calls++)
    raise(0)
    fresh.dispatch()
    expect(calls).toBe(1)
    expect(interrupts.total()).toBe(0)
  })

  it('gives the vector of one who leaves to the next, and calls nobody who has left', () => {
    const { interrupts, raise } = fixture(2)
    const calls: string[] = []
    const first = interrupts.register('first', () => calls.push('first'))
    const second = interrupts.register('second', () => calls.push('second'))
    expect(interrupts.freeCount).toBe(0)
    raise(first)
    interrupts.unregister(first)
    expect(interrupts.freeCount).toBe(1)
    raise(second)
    interrupts.dispatch()
    expect(calls).toEqual(['second'])
    expect(interrupts.register('third', () => calls.push('third'))).toBe(first)
    interrupts.dispatch()
    expect(calls, 'what came before is not its').toEqual(['second'])
    raise(first)
    interrupts.dispatch()
    expect(calls).toEqual(['second', 'third'])
  })

  it('refuses a registration when all vectors are taken', () => {
    const { interrupts } = fixture(1)
    interrupts.register('one', () => {})
    expect(() => interrupts.register('two', () => {})).toThrow(
      'Cannot register interrupt of two: all 1 vectors are taken',
    )
  })

  it('forgets nobody, whatever fires before and within handlers, and whoever comes and goes', () => {
    const random = new SeededRandom(1)
    const draw = (limit: number) => Math.floor(random.nextFraction() * limit)
    const { interrupts, raise } = fixture(6)
    const waiting = new Set<number>()
    const registered = new Set<number>()
    const fire = () => {
      const vector = draw(6)
      raise(vector)
      if (registered.has(vector)) waiting.add(vector)
    }
    const register = () => {
      const vector = interrupts.register('device', () => {
        waiting.delete(vector)
        for (let count = draw(6) - 3; count > 0; count--) fire()
      })
      registered.add(vector)
    }
    for (let round = 0; round < 5_000; round++) {
      if (draw(8) === 0 && interrupts.freeCount > 0) register()
      if (draw(16) === 0) {
        const vector = draw(6)
        interrupts.unregister(vector)
        registered.delete(vector)
        waiting.delete(vector)
      }
      for (let count = draw(4); count > 0; count--) fire()
      for (let turns = 0; interrupts.haveFired(); turns++) {
        expect(turns).toBeLessThan(1000)
        interrupts.dispatch()
      }
      expect([round, ...waiting]).toEqual([round])
    }
  })
})
