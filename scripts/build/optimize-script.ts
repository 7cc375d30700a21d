/** What the bundle loses on its way to QuickJS: constants that are looked up, small calls, and checks of `let`. */
import { functionScopeEdits } from './function-scope.ts'
import { constantEdits } from './inline-constants.ts'
import { inlineFunctions } from './inline-functions.ts'
import { applyEdits, parseScript } from './parsed-script.ts'

/** The same program, each character that is left where it was. */
export function optimizeScript(script: string): string {
  // Constants first: an expression of literals is shorter, and more calls of it fit; then what became constant.
  const literal = applyEdits(script, constantEdits(parseScript(script)))
  const inlined = inlineFunctions(literal)
  const parsed = parseScript(inlined)
  return applyEdits(inlined, [...constantEdits(parsed), ...functionScopeEdits(parsed)])
}
