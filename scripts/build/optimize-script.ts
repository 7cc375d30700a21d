/**
 * What the bundle loses on its way to QuickJS: constants that are looked up, calls, checks of `let`
 * and objects that are taken apart.
 */
import { functionScopeEdits } from './function-scope.ts'
import { inlineCalls } from './inline-calls.ts'
import { constantEdits } from './inline-constants.ts'
import { InlinedCalls } from './inlined-calls.ts'
import type { MemberTypes } from './member-types.ts'
import { MovedScript } from './moved-script.ts'
import { applyEdits, parseScript } from './parsed-script.ts'
import { patternMoves } from './plain-patterns.ts'

/**
 * Functions that call functions: most of what there is to inline. Each round takes as long as
 * parsing the app.
 */
const APP_ROUNDS = 2

export function optimizeApp(script: string): MovedScript {
  return optimizeScript(script, undefined, undefined, APP_ROUNDS)
}

/** The same program; each character of it knows where it was. */
export function optimizeScript(
  script: string,
  types: MemberTypes = new Map(),
  hot: ReadonlySet<number> = new Set(),
  rounds?: number,
): MovedScript {
  // Constants first: an expression of literals is shorter, and more calls of it are worth it; then
  // what became constant.
  const literal = applyEdits(script, constantEdits(parseScript(script)))
  const inlined = inlineCalls(MovedScript.of(literal, new InlinedCalls()), types, hot, rounds)
  const parsed = parseScript(inlined.text)
  return inlined
    .withText(applyEdits(inlined.text, [...constantEdits(parsed), ...functionScopeEdits(parsed)]))
    .apply(patternMoves(parsed))
}
