/** One-expression functions become their expressions in place, where no program can tell, and nowhere else. */
import { runInNewContext } from 'node:vm'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inlineFunctions } from './inline-functions.ts'
import { optimizeScript } from './optimize-script.ts'

const LESS = 'function sequenceLessThan(a, b) { return ((a - b) | 0) < 0; }'
const MAX = 'function sequenceMax(a, b) { return ((a - b) | 0) < 0 ? b : a; }'
const FIELD = 'function flagsField(words) { return words[3]; }'
const WRITE = 'function writeSequence(words, value) { words[1] = value; }'
const METHOD = 'function readShort(view, at) { return view.getUint16(at); }'
const NEXT =
  'var count = 0; function bump() { count++; } function nextCount(step) { return count + step; }'

/** What becomes of a statement inside of a function, behind some declarations of a module. */
function behind(declarations: string, statement: string): string {
  const head = `${declarations}\nfunction caller(x, y, o, view) { `
  const script = `${head}${statement} }`
  const result = inlineFunctions(script)
  expect(result).toHaveLength(script.length)
  return result.slice(head.length, -2).replace(/ +/g, ' ')
}

describe('inlineFunctions', () => {
  it.each([
    [LESS, 'return sequenceLessThan(x, y)', 'return ((x-y)|0)<0 '],
    [LESS, 'return !sequenceLessThan(x, y)', 'return !(((x-y)|0)<0) '],
    [LESS, 'g(sequenceLessThan(o.a, o.b + 1))', 'g(((o.a-(o.b + 1))|0)<0 )'],
    [LESS, 'g(sequenceLessThan(g(), x++))', 'g(((g()-(x++))|0)<0 )'],
    [LESS, 'if (sequenceLessThan(x, -1)) g()', 'if (((x-(-1))|0)<0 ) g()'],
    [MAX, 'y = sequenceMax(x, y)', 'y = ((x-y)|0)<0?y:x '],
    [FIELD, 'return flagsField(x) & 1', 'return x[3] & 1'],
    [FIELD, 'return flagsField(o.words).z', 'return o.words[3] .z'],
    [WRITE, 'writeSequence(x, y + 1);', 'x[1]=(y + 1) ;'],
    [METHOD, 'return readShort(view, x)', 'return view.getUint16(x) '],
    [`${LESS}${MAX}`, 'return sequenceLessThan(sequenceMax(x, y), 7)', null],
  ])('after %s turn %s into %s', (declarations, before, after) => {
    const result = behind(declarations, before)
    if (after === null) expect(result).not.toContain('sequenceMax')
    else expect(result).toBe(after)
  })

  it.each([
    ['an argument with an effect would be evaluated twice', MAX, 'return sequenceMax(g(), y)'],
    ['an argument would be evaluated after the effect', METHOD, 'return readShort(view, g())'],
    ['an argument would be left out', 'function first(a, b) { return a }', 'return first(x, g())'],
    ['arguments would change places', 'function less(a, b) { return b > a }', 'g(less(g(), h()))'],
    ['what it reads may be changed by an argument', NEXT, 'return nextCount(x++)'],
    ['an argument might not be evaluated', 'function or(a, b) { return a || b }', 'g(or(x, g()))'],
    ['arguments are missing', LESS, 'return sequenceLessThan(x)'],
    ['arguments are spread', LESS, 'return sequenceLessThan(...x)'],
    ['the call is optional', LESS, 'return sequenceLessThan?.(x, y)'],
    [
      'its name means something else there',
      LESS,
      'const sequenceLessThan = g; sequenceLessThan(x, y)',
    ],
    ['a name of its expression means something else there', NEXT, 'const count = 1; nextCount(x)'],
    ['the result is called', 'function method(a) { return a.m }', 'return method(o)(x)'],
    ['the result is deleted', 'function member(a) { return a.m }', 'return delete member(o)'],
    ['the parameter is called', 'function callIt(a) { return a() }', 'return callIt(o.m)'],
    ['the parameter is set', 'function set(a, b) { return a = b }', 'return set(x, y)'],
    ['the result of a statement is used', WRITE, 'return writeSequence(x, y)'],
    ['the expression is longer than the call', 'function f(a) { return a + "long text" }', 'f(x)'],
    ['it is a generator', 'function* spin(a) { return a }', 'return spin(x)'],
    ['it is async', 'async function later(a) { return a }', 'return later(x)'],
    ['it calls itself', 'function again(a) { return again(a) }', 'return again(x)'],
    ['it is set again', `${FIELD} flagsField = g;`, 'return flagsField(x)'],
    ['it uses this', 'function self(a) { return this + a }', 'return self(x)'],
    ['it has a default', 'function none(a = 1) { return a }', 'return none(x)'],
    ['it builds a closure', 'function build(a) { return () => a }', 'return build(x)'],
    ['the call spans lines', LESS, 'return sequenceLessThan(\nx, y)'],
  ])('leave a call alone where %s', (_why, declarations, statement) => {
    expect(behind(declarations, statement)).toBe(statement)
  })

  it('keep what a program does, its effects in their order, and every line and column', () => {
    const functions = [
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
    ]
    const names = functions.map((text) => /function (\w+)/.exec(text)![1]!)
    const leaf = fc.constantFrom('x', 'y', '3', '-1', 'x++', 'note(y)', 'list[1]', 'count++', 'z')
    const { expression } = fc.letrec<{ expression: string }>((tie) => ({
      expression: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        leaf,
        fc
          .tuple(fc.constantFrom(...names), tie('expression'), tie('expression'))
          .map(([name, a, b]) => `${name}(${a}, ${b})`),
      ),
    }))
    let replaced = 0
    fc.assert(
      fc.property(fc.array(expression, { minLength: 1, maxLength: 4 }), (expressions) => {
        const script = `
          var log = [], list = [5, 6, 7, 8], count = 0;
          function note(value) { log.push(value); count += 2; return value }
          ${functions.join('\n')}
          function run(x, y) {
            let z = 4; z += 1;
            ${expressions.map((it) => `log.push(${it}, x, z, count);`).join('\n')}
            return new Error('here').stack.match(/:\\d+:\\d+/)[0];
          }
          JSON.stringify([run(1, 2), log, list, count])`
        const after = inlineFunctions(script)
        if (after !== script) replaced++
        expect(after).toHaveLength(script.length)
        expect(runInNewContext(after)).toBe(runInNewContext(script))
      }),
      { numRuns: 2_000 },
    )
    expect(replaced).toBeGreaterThan(500)
  })

  it('sees a constant as the literal that it will be', () => {
    const script = `var SHIFT_OF_FLAGS = 16; function flags(w) { return w >>> SHIFT_OF_FLAGS }
      function caller(word) { return flags(word) }`
    expect(optimizeScript(script).replace(/ +/g, ' ')).toContain('return word>>>16 }')
  })
})
