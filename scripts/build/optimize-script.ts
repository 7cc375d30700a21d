/** What the bundle loses on its way to QuickJS: constants that are looked up, and checks of `let`. */
import { functionScopeEdits } from './function-scope.ts'
import { constantEdits } from './inline-constants.ts'
import { applyEdits, parseScript } from './parsed-script.ts'

/** The same program, each character that is left where it was. */
export function optimizeScript(script: string): string {
  const parsed = parseScript(script)
  return applyEdits(script, [...constantEdits(parsed), ...functionScopeEdits(parsed)])
}
