/**
 * Seeded impairments: the same seed gives the same fates, rates are what was asked for, nothing is
 * left waiting.
 */

import { Duplex } from 'node:stream'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type ImpairmentOptions, Lan } from '../src/index.ts'

const HEADER = Buffer.from('52540000000152540000000388b5', 'hex')

function frameOf(text: string): Buffer {
  return Buffer.concat([HEADER, Buffer.from(text)])
}

/** A LAN with guests that are the test: what each got, as text, and a way to speak for it. */
function site(count = 1) {
  const lan = new Lan()
  const guests = Array.from({ length: count }, () => {
    const got: string[] = []
    const stream = new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        got.push(chunk.toString('latin1', 4 + HEADER.length))
        done()
      },
    })
    lan.attach(stream)
    return { got, stream }
  })
  return { lan, guests, got: guests[0]!.got }
}

/** What a guest gets of `count` numbered frames; all of them have been released at the end. */
function fates(options: ImpairmentOptions, count: number) {
  const { lan, got } = site()
  const impairment = lan.impair(options)
  for (let number = 0; number < count; number++) lan.send(frameOf(`frame ${number}`))
  lan.flush()
  return { got, counters: impairment.counters['to-guest'], notes: lan.frames.map((f) => f.notes) }
}

const probability = fc.double({ min: 0, max: 1, noNaN: true })
const anyOptions = fc.record({
  seed: fc.integer(),
  loss: probability,
  duplication: probability,
  corruption: probability,
  reordering: fc.record({ probability, frames: fc.integer({ min: 1, max: 5 }) }),
})

afterEach(() => {
  vi.useRealTimers()
})

describe('the same seed and the same frames', () => {
  it('give the same fates', () => {
    fc.assert(
      fc.property(anyOptions, fc.nat(200), (options, count) => {
        expect(fates(options, count)).toEqual(fates(options, count))
      }),
      { numRuns: 50 },
    )
  })

  it('give the same fates whatever travels the other way or to other guests meanwhile', async () => {
    // On a slow machine a held frame's time would else run out between two frames, and its place
    // would change.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const options = { seed: 5, loss: 0.3, duplication: 0.3, reordering: 0.3 }
    const alone = fates(options, 100).got
    const { lan, guests, got } = site(2)
    lan.impair({ ...options, match: (frame) => frame.includes('frame') })
    lan.impair({ seed: 1, loss: { probability: 0.5, direction: 'from-guest' } })
    for (let number = 0; number < 100; number++) {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(HEADER.length)
      guests[1]!.stream.push(Buffer.concat([length, HEADER]))
      await new Promise((resolve) => setImmediate(resolve))
      lan.send(frameOf(`frame ${number}`))
    }
    lan.flush()
    expect(got.filter((text) => text !== '')).toEqual(alone)
  })

  it('do not depend on frames that do not match', () => {
    const { lan, got } = site()
    const options = { seed: 9, loss: 0.4, duplication: 0.2, corruption: 0.2 }
    const isNumbered = (frame: Buffer): boolean => frame.includes('frame')
    lan.impair({ ...options, match: isNumbered })
    // What does not match is left alone, whatever it is.
    for (let number = 0; number < 100; number++) {
      lan.send(frameOf(`other ${number}`))
      lan.send(frameOf(`frame ${number}`))
    }
    const others = got.filter((text) => text.startsWith('other'))
    expect(others).toEqual(Array.from({ length: 100 }, (_, number) => `other ${number}`))
    expect(got.filter((text) => !text.startsWith('other'))).toEqual(fates(options, 100).got)
  })
})

it('another seed gives other fates', () => {
  const seen = new Set<string>()
  for (let seed = 0; seed < 100; seed++) seen.add(fates({ seed, loss: 0.5 }, 64).got.join())
  expect(seen.size).toBe(100)
})

describe('rates', () => {
  /**
   * Four standard deviations of a binomial share: one in 16,000 for a fair generator, and the seeds
   * are fixed.
   */
  const within = (count: number, of: number, expected: number): void => {
    const allowed = 4 * Math.sqrt((expected * (1 - expected)) / of) + 1 / of
    expect(Math.abs(count / of - expected)).toBeLessThanOrEqual(allowed)
  }

  it('of loss, duplication, corruption and reordering are those asked for, whatever the seed', () => {
    const FRAMES = 4000
    fc.assert(
      fc.property(
        fc.integer(),
        fc.constantFrom(0.01, 0.05, 0.2, 0.5, 0.9),
        fc.constantFrom(0, 0.1, 0.5),
        (seed, often, loss) => {
          const { counters } = fates({ seed, loss, duplication: often, corruption: often }, FRAMES)
          expect(counters.seen).toBe(FRAMES)
          expect(counters.matched).toBe(FRAMES)
          within(counters.lost, FRAMES, loss)
          const left = FRAMES - counters.lost
          within(counters.duplicated, left, often)
          within(counters.corrupted, left + counters.duplicated, often)
          const { counters: order } = fates({ seed, reordering: often }, FRAMES)
          within(order.reordered, FRAMES, often)
        },
      ),
      { numRuns: 40, seed: 20_260_101 },
    )
  })

  it('of 0 and 1 are never and always', () => {
    expect(fates({ seed: 1, loss: 0 }, 500).got).toHaveLength(500)
    expect(fates({ seed: 1, loss: 1 }, 500).got).toEqual([])
    expect(fates({ seed: 1, duplication: 1 }, 500).got).toHaveLength(1000)
    expect(fates({ seed: 1, corruption: 1 }, 500).counters.corrupted).toBe(500)
  })

  it('hold in the direction they are given for, and both by default', async () => {
    const { lan, guests, got } = site()
    const impairment = lan.impair({ seed: 1, loss: { probability: 1, direction: 'from-guest' } })
    const heard: Buffer[] = []
    lan.onFrame((frame) => heard.push(frame))
    lan.send(frameOf('arrives'))
    guests[0]!.stream.push(Buffer.concat([Buffer.from([0, 0, 0, HEADER.length]), HEADER]))
    await vi.waitFor(() => expect(impairment.counters['from-guest'].lost).toBe(1))
    expect(heard).toEqual([])
    expect(got).toEqual(['arrives'])
    expect(impairment.counters['to-guest']).toMatchObject({ seen: 1, matched: 1, lost: 0 })
  })
})

describe('what is done to a frame', () => {
  it('is lost whole, or reaches the guest: nothing else disappears', () => {
    fc.assert(
      fc.property(anyOptions, fc.nat(200), (options, count) => {
        const { got, counters } = fates(options, count)
        expect(got).toHaveLength(count - counters.lost + counters.duplicated)
      }),
      { numRuns: 100 },
    )
  })

  it('is one flipped bit behind the Ethernet header', () => {
    const { lan } = site()
    lan.impair({ seed: 3, corruption: 1 })
    const sent = frameOf('payload')
    const positions = new Set<number>()
    for (let count = 0; count < 2000; count++) lan.send(sent)
    for (const { bytes } of lan.frames) {
      const bits: number[] = []
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const octet = bytes[bit >>> 3]! ^ sent[bit >>> 3]!
        if (octet & (0x80 >>> (bit % 8))) bits.push(bit)
      }
      expect(bits).toHaveLength(1)
      positions.add(bits[0]!)
    }
    expect(Math.min(...positions)).toBeGreaterThanOrEqual(14 * 8)
    // Any of them, not a favorite one.
    expect(positions.size).toBe('payload'.length * 8)
  })

  it('leaves the sender’s own buffer alone', () => {
    const { lan } = site()
    lan.impair({ seed: 3, corruption: 1 })
    const sent = frameOf('payload')
    lan.send(sent)
    expect(sent.equals(frameOf('payload'))).toBe(true)
  })

  it('holds a frame back until as many others as drawn have overtaken it, three at most', () => {
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom(0.05, 0.3), (seed, often) => {
        const { got } = fates({ seed, reordering: { probability: often, frames: 3 } }, 300)
        const numbers = got.map((text) => Number(text.split(' ')[1]))
        expect([...numbers].sort((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, i) => i))
        for (const [place, number] of numbers.entries()) {
          const overtakers = numbers.slice(0, place).filter((other) => other > number)
          expect(overtakers.length).toBeLessThanOrEqual(3)
        }
      }),
      { numRuns: 40 },
    )
    const { got } = fates({ seed: 1, reordering: 0.2 }, 300)
    expect(got).not.toEqual(Array.from({ length: 300 }, (_, number) => `frame ${number}`))
  })

  it('is written into the record, copies and all', () => {
    const { notes } = fates({ seed: 1, duplication: 1, corruption: 1 }, 1)
    expect(notes).toEqual([
      [expect.stringMatching(/^bit [0-7] of octet \d+ flipped$/)],
      ['duplicate', expect.stringMatching(/^bit [0-7] of octet \d+ flipped$/)],
    ])
  })
})

describe('time', () => {
  it('delays within the jitter, and keeps the order', async () => {
    vi.useFakeTimers()
    const { lan, got } = site()
    const impairment = lan.impair({ seed: 2, delay: { ms: 100, jitterMs: 50 } })
    const startedAt = performance.now()
    for (let number = 0; number < 50; number++) lan.send(frameOf(String(number)))
    await vi.advanceTimersByTimeAsync(48)
    expect(got).toEqual([])
    await vi.advanceTimersByTimeAsync(103)
    expect(got).toEqual(Array.from({ length: 50 }, (_, number) => String(number)))
    expect(performance.now() - startedAt).toBeLessThan(160)
    expect(impairment.counters['to-guest'].delayed).toBe(50)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('lets a frame that nobody overtakes go on after a while', async () => {
    vi.useFakeTimers()
    const { lan, got } = site()
    lan.impair({ seed: 2, reordering: { probability: 1, holdMs: 30 } })
    lan.send(frameOf('last'))
    await vi.advanceTimersByTimeAsync(29)
    expect(got).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(got).toEqual(['last'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each([
    ['flush', (lan: Lan) => lan.flush()],
    ['close', (lan: Lan) => lan.close()],
  ])('leaves no timer behind on %s', (name, end) => {
    vi.useFakeTimers()
    const { lan, got } = site()
    lan.impair({ seed: 2, reordering: 0.5, delay: { ms: 1000, jitterMs: 500, probability: 0.5 } })
    for (let number = 0; number < 50; number++) lan.send(frameOf(String(number)))
    const before = got.length
    expect(before).toBeLessThan(50)
    expect(vi.getTimerCount()).toBeGreaterThan(0)
    end(lan)
    expect(vi.getTimerCount()).toBe(0)
    expect(got).toHaveLength(name === 'flush' ? 50 : before)
  })

  it('is over with stop: what was held back arrives, what follows is unharmed', () => {
    const { lan, got } = site()
    const impairment = lan.impair({ seed: 2, reordering: 1, duplication: 1, delay: { ms: 60_000 } })
    lan.send(frameOf('held'))
    expect(got).toEqual([])
    impairment.stop()
    lan.send(frameOf('free'))
    expect(got).toEqual(['held', 'held', 'free'])
    impairment.stop()
  })

  it('passes through several impairments in their order', () => {
    const { lan, got } = site()
    const double = lan.impair({ seed: 1, duplication: 1 })
    const lossy = lan.impair({ seed: 1, loss: 0.5 })
    for (let number = 0; number < 100; number++) lan.send(frameOf(String(number)))
    expect(double.counters['to-guest'].matched).toBe(100)
    expect(lossy.counters['to-guest'].matched).toBe(200)
    expect(got).toHaveLength(200 - lossy.counters['to-guest'].lost)
  })
})

it.each([
  [{ seed: 1.5 }, 'seed is 1.5; give an integer'],
  [{ seed: 1, loss: 5 }, 'loss has probability 5; give 0 to 1 (5 % is 0.05)'],
  [{ seed: 1, duplication: { probability: Number.NaN } }, 'duplication has probability NaN'],
  [
    { seed: 1, loss: { probability: 1, direction: 'up' } },
    'loss has direction up; give from-guest or',
  ],
  [{ seed: 1, reordering: { probability: 1, frames: 0 } }, 'reordering.frames is 0; give an'],
  [{ seed: 1, delay: { ms: -1 } }, 'delay.ms is -1; give milliseconds'],
] as [ImpairmentOptions, string][])('refuses %j', (options, message) => {
  expect(() => new Lan().impair(options)).toThrow(`Cannot impair the LAN: ${message}`)
})
