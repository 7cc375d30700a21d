/** Declarations that take an object apart read its fields, where no program can tell. */
import { runInNewContext } from 'node:vm'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InlinedCalls } from './inlined-calls.ts'
import { MovedScript } from './moved-script.ts'
import { parseScript } from './parsed-script.ts'
import { patternMoves } from './plain-patterns.ts'

function moved(script: string): MovedScript {
  return MovedScript.of(script, new InlinedCalls()).apply(patternMoves(parseScript(script)))
}

/** What the body of a function becomes. */
function inFunction(body: string): string {
  const head = 'function f(p, q) { '
  return moved(`${head}${body} }`).text.slice(head.length, -2)
}

describe('patternMoves', () => {
  it.each([
    ['const { a } = p; return a', 'const a = p.a; return a'],
    ['let { a, b: c } = this, d = 1', 'let a = this.a, c = this.b, d = 1'],
    ['var { a, b, c } = p', 'var a = p.a, b = p.b, c = p.c'],
    ['var { p } = p', 'var p = p.p'],
    ['const { c } = p.a[q].b', 'const c = p.a[q].b.c'],
    ['for (let { a, b } = q; a < b; a++) g(a)', 'for (let a = q.a, b = q.b; a < b; a++) g(a)'],
    ['q = p; const { a, b } = q', 'q = p; const a = q.a, b = q.b'],
    [
      'const { a } = p; const h = () => { const { b } = a }',
      'const a = p.a; const h = () => { const b = a.b }',
    ],
  ])('turns %s into %s', (before, after) => {
    expect(inFunction(before)).toBe(after)
  })

  it.each([
    ['a field has a default', 'const { a = 1 } = p'],
    ['it takes the rest', 'const { a, ...b } = p'],
    ['a name is computed', 'const { [q]: a } = p'],
    ['a pattern stands within', 'const { a: { b } } = p'],
    ['it takes nothing', 'const {} = p'],
    ['it is a list', 'const [a] = p'],
    ['the object is one that is made', 'const { a, b } = { ...p }'],
    ['the object would be looked up for each field', 'const { a, b } = p.q'],
    ['the object may be missing', 'const { a } = p?.q'],
    ['the object is waited for', 'return async () => { const { a } = await p }'],
    ['a field has the name of the object', 'var { p, a } = p'],
    ['the object is one of nobody here', 'const { a, b } = globalThis'],
    ['a closure may put another object there', 'const g = () => { p = q }; const { a, b } = p'],
    ['another call may', 'let r; const g = () => { r = q; const { a, b } = r }'],
    ['it is the head of a loop over a list', 'for (const { a } of p) g(a)'],
  ])('leaves a declaration alone where %s', (_why, body) => {
    expect(inFunction(body)).toBe(body)
  })

  it('knows of each character where it was', () => {
    const script = 'function f(p) {\n  const {\n    one,\n    two: second,\n  } = p\n}'
    const result = moved(script)
    for (const [text, origin] of [
      ['one =', 'one'],
      ['p.one', 'p\n}'],
      ['.two', 'two'],
      ['two', 'two'],
      ['second =', 'second'],
    ] as const) {
      expect(result.originOf(result.text.indexOf(text))).toBe(script.indexOf(origin))
    }
  })

  it('keeps what programs do', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'x', 'y')
    const field = fc.tuple(name, name).map(([key, variable]) => `${key}: ${variable}`)
    const object = fc.constantFrom('x', 'y', 'this', 'x.b', 'make()', 'list[0]', 'x.none')
    const statement = fc
      .tuple(fc.uniqueArray(field, { selector: (it) => it.slice(-1), maxLength: 3 }), object)
      .map(([fields, from]) => `{ let { ${fields.join(', ')} } = ${from}; note(${'a, b'}); }`)
    fc.assert(
      fc.property(fc.array(statement, { maxLength: 5 }), (statements) => {
        const script = `
          var log = [], a = 'a', b = 'b', list = [{ a: 1, b: { a: 2, c: 3 } }], reads = 0;
          function make() { return { get a() { return ++reads }, b: list[0], x: 5 } }
          function note(...values) { log.push(values) }
          function run(x, y) { ${statements.join('\n')} return [x, y] }
          var error = 'none'; try { log.push(run.call(make(), make(), list[0])) } catch (it) { error = it.name }
          JSON.stringify([log, reads, error])`
        expect(runInNewContext(moved(script).text)).toBe(runInNewContext(script))
      }),
    )
  })
})
