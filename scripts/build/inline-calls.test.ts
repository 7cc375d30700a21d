/** Functions become their bodies in place of their calls, where no program can tell, and nowhere else; a trace shows what was. */
import { runInNewContext } from 'node:vm'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inlineCalls } from './inline-calls.ts'
import { InlinedCalls } from './inlined-calls.ts'
import { LineTable } from './line-table.ts'
import type { MemberTypes } from './member-types.ts'
import { MovedScript } from './moved-script.ts'
import { optimizeScript } from './optimize-script.ts'
import { type Positioned, parseProgram, visitChildren } from './parsed-script.ts'

const LESS = 'function sequenceLessThan(a, b) { return ((a - b) | 0) < 0; }'
const MAX = 'function sequenceMax(a, b) { return ((a - b) | 0) < 0 ? b : a; }'
const FIELD = 'function flagsField(words) { return words[3]; }'
const WRITE = 'function writeSequence(words, value) { words[1] = value; }'
const METHOD = 'function readShort(view, at) { return view.getUint16(at); }'
const CLIP = 'function clip(a, b) { if (a > b) return b; return a; }'
const NEXT =
  'var count = 0; function bump() { count++; } function nextCount(step) { return count + step; }'

/** As TypeScript would say it of a program in which each object is of the first class that has the member. */
function typesByName(script: string): MemberTypes {
  const types = new Map<number, { key: string; isPrivate: boolean }>()
  const defined = new Set<string>()
  visitChildren(parseProgram(script), function visit(node) {
    if (node.type === 'MemberExpression' || node.type === 'MethodDefinition') {
      const name = node.type === 'MemberExpression' ? node.property : node.key
      if (!node.computed && name.type === 'Identifier') {
        const isPrivate = name.name.startsWith('own')
        const isFirst = node.type === 'MemberExpression' || !defined.has(name.name)
        if (node.type === 'MethodDefinition') defined.add(name.name)
        const key = isFirst ? name.name : `another ${name.name}`
        types.set((name as Positioned<typeof name>).start, { key, isPrivate })
      }
    }
    visitChildren(node, visit)
  })
  return types
}

function inlined(script: string): MovedScript {
  return inlineCalls(MovedScript.of(script, new InlinedCalls()), typesByName(script))
}

/** What becomes of a statement inside of a function, behind some declarations of a module. */
function behind(declarations: string, statement: string): string {
  const head = 'function caller(x, y, o, view) { '
  const { text } = inlined(`${declarations}\n${head}${statement} }`)
  const body = text.slice(text.indexOf(head) + head.length, text.lastIndexOf('}'))
  return body.replace(/\s+/g, ' ').trim()
}

describe('inlineCalls', () => {
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

/** Functions of all shapes that a generated program calls: with loops, returns in the middle, variables, and calls of each other. */
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
