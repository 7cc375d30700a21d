/** `let` becomes `var` where no program can tell the difference, and nowhere else. */
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { functionScopeEdits } from './function-scope.ts'
import { applyEdits, parseScript } from './parsed-script.ts'

function useFunctionScope(script: string): string {
  return applyEdits(script, functionScopeEdits(parseScript(script)))
}

/** What the body of a function becomes. */
function inFunction(body: string): string {
  const head = 'function f(p, xs) { '
  const result = useFunctionScope(`${head}${body} }`)
  expect(result).toHaveLength(head.length + body.length + 2)
  return result.slice(head.length, -2)
}

describe('functionScopeEdits', () => {
  it.each([
    ['let a = p; return a', 'var a = p; return a'],
    ['const a = p; return a', 'var   a = p; return a'],
    ['for (let i = 0; i < p; i++) g(i)', 'for (var i = 0; i < p; i++) g(i)'],
    ['for (let x of xs) g(x)', 'for (var x of xs) g(x)'],
    ['for (const { a, b } of xs) g(a, b)', 'for (var   { a, b } of xs) g(a, b)'],
    ['let a; if (p) a = 1; return a', 'var a; if (p) a = 1; return a'],
    ['for (let i of xs) {} for (let i of xs) {}', 'for (var i of xs) {} for (var i of xs) {}'],
    ['try { let a = p } catch (e) { let b = e }', 'try { var a = p } catch (e) { var b = e }'],
  ])('turns %s into %s', (before, after) => {
    expect(inFunction(before)).toBe(after)
  })

  it.each([
    ['a closure sees it', 'for (let i of xs) g(() => i)'],
    ['a closure that stands before it sees it', 'g(() => a); let a = p'],
    ['a method of a class sees it', 'let a = p; return class { m() { return a } }'],
    ['it is used before it is declared', 'for (;;) { if (p) g(a); let a = 1 }'],
    ['its own value uses it', 'let a = a'],
    ['the list that it runs over uses its name', 'for (let p of p) g(p)'],
    ['each turn of a loop makes it undefined', 'while (p) { let a; if (p) a = 1; g(a) }'],
    ['a namesake may have left a value', '{ let a; g(a) } { let a; g(a) }'],
    [
      'cases of a switch may jump over it',
      'switch (p) { case 1: let a = 1; break; case 2: a = 2 }',
    ],
    ['it hides a parameter', '{ let p = 1; g(p) }'],
    ['it hides a caught error', 'try {} catch (e) { { let e = 1; g(e) } }'],
    ['its name is one of the module elsewhere', '{ let g = 1; p(g) } g()'],
    ['its name is one of the module in a closure', '{ let g = 1; p(g) } return () => g'],
    ['eval may see it', 'let a = p; eval(xs)'],
  ])('leaves it alone where %s', (_why, body) => {
    expect(inFunction(body)).toBe(body)
  })

  it('turns the outer one of two that hide each other, and only that', () => {
    const body = 'let a = p; { let a = 1; g(a) } return a'
    expect(inFunction(body)).toBe('var a = p; { let a = 1; g(a) } return a')
  })

  it('leaves a declaration whole when one of its variables has to stay', () => {
    expect(inFunction('let a = p, b = 1; return () => b')).toBe('let a = p, b = 1; return () => b')
  })

  it('leaves the variables of the module alone', () => {
    const module = 'let a = 1; for (let i = 0; i < a; i++) g(i)'
    expect(useFunctionScope(module)).toBe(module)
  })

  it('keeps what programs do', () => {
    const script = `
      function f(n, log) {
        let total = 0
        for (let i = 0; i < n; i++) {
          let twice = i * 2
          if (twice % 3 === 0) continue
          let late
          if (i & 1) late = i
          log.push(late, () => twice)
          total += twice
        }
        for (const i of [7, 8]) { const [a, b = a] = [i]; total += b }
        try { throw total } catch (e) { let total = e + 1; log.push(total) }
        return total
      }
      const log = []
      ;[f(9, log), log.map((it) => (typeof it === 'function' ? it() : it))]`
    const after = useFunctionScope(script)
    expect(after).not.toBe(script)
    expect(JSON.stringify(runInNewContext(after))).toBe(JSON.stringify(runInNewContext(script)))
  })
})
