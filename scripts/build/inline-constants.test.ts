/** Constants become literals in place, where they are constants, and nowhere else. */
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { constantEdits } from './inline-constants.ts'
import { optimizeScript } from './optimize-script.ts'
import { applyEdits, parseScript } from './parsed-script.ts'

/** What becomes of a statement behind some declarations of a module. */
function behind(declarations: string, statement: string): string {
  const script = `${declarations}\n${statement}`
  const result = applyEdits(script, constantEdits(parseScript(script)))
  expect(result).toHaveLength(script.length)
  return result.slice(declarations.length + 1)
}

const LIMITS = 'var LIMIT = 1460, HALF = LIMIT / 2, READY = true, MINUS = -5, LONG = 123456789;'
const STATE = 'var State = { Closed: 0, Open: 1 << 4 };'

describe('constantEdits', () => {
  it.each([
    [LIMITS, 'f(LIMIT)', 'f(1460 )'],
    [LIMITS, 'f(HALF + 1)', 'f(731     )'],
    [LIMITS, 'f(READY)', 'f(true )'],
    [LIMITS, 'f(a - MINUS)', 'f(a - -5   )'],
    [LIMITS, 'f(-MINUS)', 'f(5     )'],
    [LIMITS, 'f({ LIMIT: LIMIT })', 'f({ LIMIT: 1460  })'],
    [LIMITS, '() => { for (;;) f(LIMIT) }', '() => { for (;;) f(1460 ) }'],
    [STATE, 'f(State.Open | State.Closed)', 'f(16                       )'],
    [STATE, 'f(Object.keys(State), State.Open)', 'f(Object.keys(State), 16        )'],
    [STATE, 'var S = State; f(S.Open, State.Open)', 'var S = State; f(16    , 16        )'],
    ['', 'f(Number.POSITIVE_INFINITY)', 'f(1e999                   )'],
    ['', 'f(-Number.NEGATIVE_INFINITY)', 'f(1e999                    )'],
    ['var NEVER = Number.POSITIVE_INFINITY;', 'f(NEVER)', 'f(1e999)'],
    [STATE, 'f(State[name], State.Open)', 'f(State[name], 16        )'],
  ])('after %s turn %s into %s', (declarations, before, after) => {
    expect(behind(declarations, before)).toBe(after)
  })

  it.each([
    ['its value is longer than its name', LIMITS, 'f(LONG)'],
    ['it is written again', 'var LIMIT = 1460;', '() => { f(LIMIT++, LIMIT) }'],
    ['it is set in a block', 'if (x) { var LIMIT = 1460 }', 'f(LIMIT)'],
    ['it is of another Number', 'class Number {}', 'f(Number.POSITIVE_INFINITY)'],
    ['it is a name and not a value', LIMITS, 'f({ LIMIT }, x.LIMIT); export { LIMIT }'],
    ['something of its own has that name', LIMITS, '(LIMIT) => f(LIMIT)'],
    ['a member of it is asked for', LIMITS, 'f(LIMIT.toString())'],
    ['its result is no number', 'var NAN = 0 / 0, ZERO = -0', 'f(NAN, ZERO)'],
    ['a minus would join it', LIMITS, 'f(MINUS ** a, +MINUS)'],
    ['it is an object that others see', STATE, 'g(State); f(State.Open)'],
    ['it is an object that changes', STATE, 'State.Open = 2; f(State.Open)'],
    ['it is an object that another name changes', STATE, 'var S = State; S.Open = 2; f(S.Open)'],
    ['it is an object that another name shows', STATE, 'var S = State; g(S); f(State.Open)'],
    ['it is an object that loses members', STATE, 'delete State.Open; f(State.Open)'],
    ['it is an object that a pattern changes', STATE, '[State.Open] = x; f(State.Open)'],
    ['the object has no such member', STATE, 'f(State.Other)'],
    ['the object is a parameter', STATE, '(State) => f(State.Open)'],
    ['the object holds more than numbers', 'var O = { Text: 1, More: g() }', 'f(O.Text)'],
  ])('leave it alone where %s', (_why, declarations, statement) => {
    expect(behind(declarations, statement)).toBe(statement)
  })
})

describe('optimizeScript', () => {
  it('keeps what programs do, line for line and column for column', () => {
    const script = `
      var Flag = { Fin: 1, Syn: 2 }, WIDTH = 1 << 3, MASK = WIDTH - 1
      function f(word) {
        const parts = []
        for (let i = 0; i < WIDTH; i++) { let bit = word >>> i & MASK; parts.push(bit & Flag.Syn) }
        throw Object.assign(new Error('here'), { parts })
      }
      try { f(0x1234) } catch (error) { [error.parts, /:(\\d+:\\d+)/.exec(error.stack)[1]] }`
    const after = optimizeScript(script).text
    expect(after).not.toBe(script)
    expect(JSON.stringify(runInNewContext(after))).toBe(JSON.stringify(runInNewContext(script)))
  })
})
