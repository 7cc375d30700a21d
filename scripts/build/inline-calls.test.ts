/**
 * Functions become their bodies in place of their calls, where no program can tell, and nowhere
 * else.
 */
import { describe, expect, it } from 'vitest'
import { optimizeScript } from './optimize-script.ts'
import { inlined } from './types-by-name.ts'

const LESS = 'function sequenceLessThan(a, b) { return ((a - b) | 0) < 0; }'
const MAX = 'function sequenceMax(a, b) { return ((a - b) | 0) < 0 ? b : a; }'
const FIELD = 'function flagsField(words) { return words[3]; }'
const WRITE = 'function writeSequence(words, value) { words[1] = value; }'
const METHOD = 'function readShort(view, at) { return view.getUint16(at); }'
const CLIP = 'function clip(a, b) { if (a > b) return b; return a; }'
const NEXT =
  'var count = 0; function bump() { count++; } function nextCount(step) { return count + step; }'

/** What becomes of a statement inside of a function, behind some declarations of a module. */
function behind(declarations: string, statement: string): string {
  const head = 'function caller(x, y, o, view) { '
  const { text } = inlined(`${declarations}\n${head}${statement} }`)
  const body = text.slice(text.indexOf(head) + head.length, text.lastIndexOf('}'))
  return body.replace(/\s+/g, ' ').trim()
}

describe('the expression of a function', () => {
  it.each([
    [LESS, 'return sequenceLessThan(x, y)', 'return ((x - y) | 0) < 0'],
    [LESS, 'return !sequenceLessThan(x, y)', 'return !(((x - y) | 0) < 0)'],
    [LESS, 'g(sequenceLessThan(o.a, o.b + 1))', 'g(((o.a - (o.b + 1)) | 0) < 0)'],
    [LESS, 'g(sequenceLessThan(g(), x++))', 'g(((g() - (x++)) | 0) < 0)'],
    [LESS, 'if (sequenceLessThan(x, -1)) g()', 'if (((x - (-1)) | 0) < 0) g()'],
    [MAX, 'y = sequenceMax(x, y)', 'y = ((x - y) | 0) < 0 ? y : x'],
    [FIELD, 'return flagsField(x) & 1', 'return x[3] & 1'],
    [FIELD, 'return flagsField(o.words).z', 'return o.words[3].z'],
    [WRITE, 'writeSequence(x, y + 1);', 'x[1] = (y + 1);'],
    [METHOD, 'return readShort(view, x)', 'return view.getUint16(x)'],
    [`${LESS}${MAX}`, 'return sequenceLessThan(sequenceMax(x, y), 7)', null],
  ])('after %s turn %s into the expression %s', (declarations, before, after) => {
    const result = behind(declarations, before)
    if (after === null) expect(result).not.toContain('sequenceMax')
    else expect(result).toBe(after)
  })
})

describe('a body of statements', () => {
  it.each([
    ['return clip(x, y)', '{ if (x > y) return y; return x; }'],
    ['g(clip(x, o.y))', 'g(clip(x, o.y))'],
    [
      'const z = clip(x, o.y)',
      'let z; { let b$1 = o.y; end$1: { if (x > b$1) { z = (b$1); break end$1; } { z = (x); } } }',
    ],
    [
      'if (clip(x, 5)) h()',
      'var $result$1; { end$1: { if (x > 5) { $result$1 = (5); break end$1; } { $result$1 = (x); } } } if ($result$1) h()',
    ],
    [
      'if (o) x = 2; else clip(x, y);',
      'if (o) x = 2; else { end$1: { if (x > y) { break end$1; } { } } }',
    ],
  ])('turn %s into the statements %s', (before, after) => {
    expect(behind(CLIP, before)).toBe(after)
  })

  it('leaves nothing of what is called once, and private methods neither', () => {
    const script = `class Queue {
      take(at) { if (at > 3) return this.ownFirst(at); return this.list[at]; }
      ownFirst(at) { const { list } = this; return list[at - this.start]; } }
      function largest(a) { let most = 0; for (const it of a) if (it > most) most = it; return most; }
      export function run(queue, a) { const most = largest(a); return queue.take(most); }`
    const { text } = inlined(script)
    expect(text).not.toMatch(/ownFirst|largest/)
    // Others may call what is not private.
    expect(text).toContain('take(at)')
    expect(text).toContain('const { list: list$1 } = this; return list$1[at - this.start];')
  })
})

describe('what a program could tell', () => {
  it.each([
    [
      'another class of that kind has a method of its own',
      'class B extends A { m(a) { return 1 } }',
    ],
    ['something else might pass for one', 'const other = { size: 1, m(a) { return 1 } }'],
    ['the method is replaced', 'A.prototype.m = g'],
  ])('leave a method alone where %s', (_why, declaration) => {
    const script = `class A { constructor() { this.size = 1 } m(a) { return a + this.size } } ${declaration}
      function run(o) { return o.m(2) }`
    expect(inlined(script).text).toContain('o.m(2)')
    expect(inlined(script.replace(declaration, '')).text).toContain('return 2 + o.size')
  })

  it.each([
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
    ['something is evaluated before', CLIP, 'return o.x + clip(x, y)'],
    ['the call may be left out', CLIP, 'return x && clip(x, y)'],
    ['the call is repeated', CLIP, 'while (clip(x, y)) g()'],
    ['it is a generator', 'function* spin(a) { return a }', 'return spin(x)'],
    ['it is async', 'async function later(a) { return a }', 'return later(x)'],
    ['it calls itself', 'function again(a) { return again(a) }', 'return again(x)'],
    ['it is set again', `${FIELD} flagsField = g;`, 'return flagsField(x)'],
    ['it has a default', 'function none(a = 1) { return a }', 'return none(x)'],
    ['it builds a closure', 'function build(a) { return () => a }', 'return build(x)'],
    ['it counts its arguments', 'function count(a) { return arguments.length }', 'return count(x)'],
    ['it catches', 'function safe(a) { try { return a() } catch { return 0 } }', 'return safe(x)'],
    ['it is on the way to an error', CLIP, 'throw clip(x, y)'],
  ])('leave a call alone where %s', (_why, declarations, statement) => {
    expect(behind(declarations, statement)).toBe(statement)
  })

  it('sees a constant as the literal that it will be', () => {
    const script = `var SHIFT_OF_FLAGS = 16; function flags(w) { return w >>> SHIFT_OF_FLAGS }
      export function caller(word) { return flags(word) }`
    const { text } = optimizeScript(script)
    expect(text.replace(/ +/g, ' ')).toContain('return word >>> 16 }')
  })
})
