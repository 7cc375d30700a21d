/** Headers against Node's (Fetch §5.1). */
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { Headers as OurHeaders } from '../../../../../kernel/userland/web/headers.ts'

const name = fc.constantFrom('a', 'A', 'content-type', 'Set-Cookie', 'x-é', 'b c', '', 'Z', 'a:b')
const value = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('', ' a ', '\ta\r\n', 'a\nb', 'a, b', 'ü', '\u0100', '\u0000'),
)
const step = fc.tuple(fc.constantFrom('append', 'set', 'delete', 'get', 'has'), name, value)

function attempt(work: () => unknown): unknown {
  try {
    return work() ?? null
  } catch (error) {
    return (error as Error).name
  }
}

/** Thousands of cases on a machine that does other work too. */
vi.setConfig({ testTimeout: 60_000 })

describe('Headers', () => {
  it("behave as Node's through any calls", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const ours = new OurHeaders({ a: '1' })
        const theirs = new Headers({ a: '1' })
        for (const [call, key, text] of steps) {
          const run = (target: OurHeaders | Headers) =>
            attempt(() =>
              call === 'append' || call === 'set' ? target[call](key, text) : target[call](key),
            )
          expect(run(ours), JSON.stringify([call, key, text])).toBe(run(theirs))
        }
        expect([...ours]).toEqual([...theirs])
        expect(ours.getSetCookie()).toEqual(theirs.getSetCookie())
      }),
      { numRuns: 500 },
    )
  })

  it('are made from records, pairs and each other, without sharing later changes', () => {
    const first = new OurHeaders([
      ['B', '2'],
      ['a', '1'],
    ])
    const second = new OurHeaders(first)
    first.set('a', 'changed')
    second.append('b', '3')
    expect([...first]).toEqual([
      ['a', 'changed'],
      ['b', '2'],
    ])
    expect([...second]).toEqual([
      ['a', '1'],
      ['b', '2, 3'],
    ])
    expect([...second.keys(), ...second.values()]).toEqual(['a', 'b', '1', '2, 3'])
  })

  it('take a value with any number of blanks within it, in linear time', () => {
    const blanks = ' '.repeat(500_000)
    const headers = new OurHeaders({ a: `${blanks}x${blanks}y${blanks}` })
    expect(headers.get('a')).toBe(`x${blanks}y`)
  })

  it('leave the fields of a request head alone', () => {
    const fields = new Map([['host', ['x']]])
    const headers = OurHeaders.of(fields)
    headers.append('host', 'y')
    expect(headers.get('Host')).toBe('x, y')
    expect(fields.get('host')).toEqual(['x'])
  })
})
