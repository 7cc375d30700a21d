/**
 * Generated programs do with their calls inlined what they did, and a trace shows the calls that
 * were.
 */
import { runInNewContext } from 'node:vm'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LineTable } from './line-table.ts'
import type { MovedScript } from './moved-script.ts'
import { optimizeApp } from './optimize-script.ts'
import { inlined } from './types-by-name.ts'

/**
 * Functions of all shapes that a generated program calls: with loops, returns in the middle,
 * variables, and calls of each other.
 */
const FUNCTIONS = [
  'function subtract(a, b) { return a - b }',
  'function reversed(a, b) { return b - a }',
  'function twice(a, b) { return a * a - b }',
  'function chosen(a, b) { return a > 2 ? a : b }',
  'function either(a, b) { return a || b }',
  'function member(a, b) { return list[a & 3] + b }',
  'function noted(a, b) { return note(a) + b }',
  'function counted(a, b) { return count + a - b }',
  'function only(a, b) { return b }',
  'function stored(a, b) { return list[a & 3] = b }',
  'function early(a, b) { if (a > b) return note(a); const z = a + count; return z - b }',
  'function looped(a, b) { let sum = 0; for (let i = 0; i < 9; i++) { if (i > (a & 7)) return sum; sum += b & i } }',
  'function nothing(a, b) { if (a) { note(b); return } count += 3 }',
  'function written(a, b) { a += 1; b = early(a, b); return a * b }',
  'function chained(a, b) { const x = looped(a, b), y = chosen(b, a); if (x === y) return; return early(x, y) }',
  'function switched(a, b) { switch (a & 3) { case 0: return b; case 1: { const z = note(b); return z } default: break } return written(b, a) }',
  'function longest(a, b) { outer: for (const x of list) { for (const y of [a, b]) { if (x === y) continue outer; if (x > y) return x } } return 0 }',
]
const METHODS = [
  'add(a, b) { this.sum += a; if (b > this.sum) return this.sum; return b }',
  'twiceAdd(a, b) { const { sum } = this; this.add(a, b); return this.add(b, sum) }',
  'ownSum(a, b) { if (a) return this.sum; this.sum = b; }',
  'kept(a, b) { const z = this.ownSum(a, b); return z }',
]
const NAMES = [
  ...FUNCTIONS.map((text) => /function (\w+)/.exec(text)![1]!),
  ...METHODS.filter((text) => !text.startsWith('own')).map(
    (text) => `store.${/^\w+/.exec(text)![0]}`,
  ),
]
const LEAF = fc.constantFrom(
  'x',
  'y',
  '3',
  '-1',
  'x++',
  'note(y)',
  'list[1]',
  'count++',
  'z',
  'y -= 2',
)
const { expression: EXPRESSION } = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    LEAF,
    fc
      .tuple(fc.constantFrom(...NAMES), tie('expression'), tie('expression'))
      .map(([name, a, b]) => `${name}(${a}, ${b})`),
  ),
}))
const STATEMENT = fc
  .tuple(
    fc.constantFrom(
      'log.push(E, x, z, count);',
      'E;',
      'if (E) note(x);',
      'if (x > 3) E; else F;',
      'x = E;',
      'for (let i = 0; i < 3; i++) { const v = E; log.push(v, i) }',
      'switch (E) { case 3: F; break; default: const w = E; log.push(w) }',
      'function inner() { return E } log.push(inner());',
      'log.push(((x) => { if (x) return F; return E })(1));',
      'if (x < -50) return E;',
    ),
    EXPRESSION,
    EXPRESSION,
  )
  .map(([shape, e, f]) => `{ ${shape.replaceAll('E', e).replaceAll('F', f)} }`)

function programOf(statements: readonly string[]): string {
  return `
    var log = [], list = [5, 6, 7, 8], count = 0, where = [];
    function note(value) {
      log.push(value); count += 2;
      if (log.length > 900) throw new RangeError('enough');
      const { stack } = new Error('here'); where.push(stack);
      return value
    }
    ${FUNCTIONS.join('\n')}
    class Store { constructor() { this.sum = 0 }
      ${METHODS.join('\n')} }
    var store = new Store();
    function run(x, y) {
      let z = 4; z += 1;
      ${statements.join('\n')}
    }
    var error; try { log.push(run(1, 2)) } catch (it) { error = it; where.push(it.stack) }
    ;({ result: JSON.stringify([log, list, count, store, String(error)]), where })`
}

interface Outcome {
  readonly result: string
  readonly where: readonly string[]
}

function outcomeOf(script: string): Outcome {
  return runInNewContext(script, {}, { filename: 'generated' }) as Outcome
}

/** FUNCTION LINE of each frame in the program, innermost first. */
function frames(stack: string): { name: string; line: number; column: number }[] {
  const found = stack.matchAll(/at (?:(?:new )?[\w.]*?(\w+) )?\(?generated:(\d+):(\d+)/g)
  return Array.from(found, ([, name, line, column]) => ({
    ...{ name: name ?? '', line: Number(line), column: Number(column) },
  }))
}

/** The same of a program whose calls were inlined, with those calls. */
function framesBefore(stack: string, moved: MovedScript, script: string): string[] {
  const table = new LineTable(moved.text)
  const original = new LineTable(script)
  const place = (origin: number) => original.positionOf(origin).line + 1
  return frames(stack).flatMap(({ name, line, column }) => {
    const offset = table.offsetOf(line - 1, column - 1)
    const found: string[] = []
    let at = moved.originOf(offset)
    for (let call = moved.callAt(offset); call !== 0; call = moved.calls.get(call).outer) {
      const { name, origin } = moved.calls.get(call)
      found.push(`${name} ${place(at)}`)
      at = origin
    }
    return [...found, `${name} ${place(at)}`]
  })
}

describe('a program', () => {
  it('does what it did, effects in their order, and its traces name the same functions and lines', () => {
    let inlinedCalls = 0
    fc.assert(
      fc.property(fc.array(STATEMENT, { minLength: 1, maxLength: 5 }), (statements) => {
        const script = programOf(statements)
        const moved = inlined(script)
        inlinedCalls += moved.calls.count
        const before = outcomeOf(script)
        const after = outcomeOf(moved.text)
        expect(after.result).toBe(before.result)
        expect(after.where.length).toBe(before.where.length)
        before.where.forEach((stack, index) => {
          const expected = frames(stack).map(({ name, line }) => `${name} ${line}`)
          expect(framesBefore(after.where[index]!, moved, script)).toEqual(expected)
        })
      }),
      { numRuns: 150 },
    )
    expect(inlinedCalls).toBeGreaterThan(1500)
  })
})

const COUNTER = `class Counter { constructor(v) { this.v = v }
  plus(a) { if (a > 1) note(a); return this.v + a } }`

describe('a program does what it did', () => {
  it.each([
    [
      'where a last `if` returns and the end may be reached',
      'function find(a) { note(a); if (a > 3) return a * 2 }',
      'const z = find(y); log.push(z, find(x))',
    ],
    [
      'where rollup has made a name with a number',
      'var foo$1 = 5; function f(a) { let foo = a * 2; if (foo > 3) return foo$1; return foo }',
      'const z = f(y); log.push(z)',
    ],
    [
      'where a `var` of the function is not set in each turn of a loop',
      'function f(a) { note(a); if (a & 1) { var r = a } return r }',
      'for (let i = 0; i < 6; i++) { const z = f(i); log.push(z ?? 0) }',
    ],
    [
      'where a `var` has the name of a parameter',
      'function f(a) { var a = a || 5; note(a); return a }',
      'const z = f(0); log.push(z)',
    ],
    [
      'where a number is put for the object of a member',
      'function same(a) { return a }',
      'log.push(same(5).toFixed(1))',
    ],
    [
      'where `in` stands in the head of a `for`',
      'function has(a, b) { return a in b }',
      "for (let z = has('x', { x: 1 }); z; z = false) log.push(z)",
    ],
    [
      'where an argument is a list with commas',
      'function f(a, b) { if (a > b) return note(b); return a }',
      'const z = f((x++, x + 8), y); log.push(z)',
    ],
    [
      'where `?.` ahead leaves the call out',
      COUNTER,
      'const q = x > 99 ? { b: new Counter(3) } : null; log.push(String(q?.b.plus(note(2))))',
    ],
    [
      'where the object of a method is found by what an argument changes',
      COUNTER,
      'const all = [new Counter(1), new Counter(2)]; let i = 0; i = i + all[i++].plus(2); log.push(i)',
    ],
  ])('%s', (_where, declarations, statements) => {
    const script = `
      var log = []; function note(value) { log.push('note', value); return value }
      ${declarations}
      function run(x, y) { ${statements} }
      var error; try { run(1, 7) } catch (it) { error = it }
      ;({ result: JSON.stringify([log, String(error)]), where: [] })`
    const before = outcomeOf(script)
    expect(before.result).toContain('"undefined"]')
    expect(outcomeOf(inlined(script).text)).toEqual(before)
    expect(outcomeOf(optimizeApp(script).text)).toEqual(before)
  })
})
