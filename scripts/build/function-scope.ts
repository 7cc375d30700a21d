/**
 * Gives local variables the scope of their function where nobody can tell the difference: `let`
 * becomes `var`, in place and in the same number of characters, so that every position stays what
 * the source map says.
 *
 * QuickJS pays for a `let` at each turn of its block (set_loc_uninitialized) and at each access
 * (get_loc_check, three bytes, never fused into inc_loc or add_loc), although the compiler of
 * TypeScript has long refused what those check.
 */
import type { Reference, Scope, Variable } from 'eslint-scope'
import type { Node, VariableDeclaration, VariableDeclarator } from 'estree'
import { type Edit, FUNCTIONS, type ParsedScript, type Positioned } from './parsed-script.ts'

const LOOPS = /^(For|ForIn|ForOf|While|DoWhile)Statement$/
const ITERATIONS = /^For(In|Of)Statement$/

/** What makes a `var` of every `let` and `const` that may be one. */
export function functionScopeEdits({ manager, parents }: ParsedScript): Edit[] {
  const stays = new Set<VariableDeclaration>()
  const declarations = new Set<Positioned<VariableDeclaration>>()
  const outerNames = new Map<Scope, Set<string>>()
  const namesakes = countNames(manager.scopes)
  for (const scope of manager.scopes) {
    for (const variable of scope.variables) {
      const definition = variable.defs[0]
      if (definition?.type !== 'Variable' || definition.parent?.kind === 'var') continue
      const declaration = definition.parent as unknown as Positioned<VariableDeclaration>
      declarations.add(declaration)
      const declarator = definition.node as unknown as Positioned<VariableDeclarator>
      const isAlone = namesakes.get(scope.variableScope)?.get(variable.name) === 1
      const isWhole =
        isAlwaysSet(declarator, declaration, isAlone, parents) &&
        isUsedBehind(variable, declarator, declaration, parents) &&
        isNameFree(variable, scope, outerNames)
      if (!isWhole) stays.add(declaration)
    }
  }
  return [...declarations]
    .filter((declaration) => !stays.has(declaration))
    .map(({ start, kind }) => ({ start, end: start + kind.length, text: 'var' }))
}

/** How many variables of a function, in whatever block, have a name. */
function countNames(scopes: readonly Scope[]): Map<Scope, Map<string, number>> {
  const counts = new Map<Scope, Map<string, number>>()
  for (const { variableScope, variables } of scopes) {
    const names = counts.get(variableScope) ?? new Map<string, number>()
    counts.set(variableScope, names)
    for (const { name } of variables) names.set(name, (names.get(name) ?? 0) + 1)
  }
  return counts
}

/**
 * A `let` without a value becomes undefined when its block begins; a `var` keeps what it, or a
 * namesake, had.
 */
function isAlwaysSet(
  declarator: VariableDeclarator,
  declaration: VariableDeclaration,
  isAlone: boolean,
  parents: Map<Node, Node>,
): boolean {
  if (declarator.init !== null && declarator.init !== undefined) return true
  const owner = parents.get(declaration)
  if (owner !== undefined && ITERATIONS.test(owner.type)) return true
  if (!isAlone) return false
  // Its own `for` counts too, which is one more than need be.
  for (let node = owner; node !== undefined; node = parents.get(node)) {
    if (FUNCTIONS.test(node.type)) return true
    if (LOOPS.test(node.type)) return false
  }
  return false
}

/**
 * Within one function, and outside of a `switch` whose cases share a scope, what stands behind a
 * declaration in its scope also runs behind it. A closure could run before, or see one variable
 * where each turn of a loop had its own.
 */
function isUsedBehind(
  variable: Variable,
  declarator: Positioned<VariableDeclarator>,
  declaration: VariableDeclaration,
  parents: Map<Node, Node>,
): boolean {
  const owner = parents.get(declaration)
  if (owner === undefined || owner.type === 'SwitchCase') return false
  // In the head of for-of and for-in, the expression on the right belongs to no turn yet.
  const begin = ITERATIONS.test(owner.type)
    ? (owner as unknown as { right: Positioned<Node> }).right.end
    : declarator.end
  const home = variable.scope.variableScope
  return variable.references.every(
    (reference) =>
      reference.from.variableScope === home &&
      (isFirstWrite(reference) || startOf(reference) >= begin),
  )
}

function isFirstWrite(reference: Reference): boolean {
  return reference.init === true && reference.isWriteOnly()
}

function startOf(reference: Reference): number {
  return (reference.identifier as unknown as Positioned<Node>).start
}

/**
 * Whether the name means nothing else in the whole function, but for other blocks that do not
 * enclose this one.
 */
function isNameFree(
  variable: Variable,
  scope: Scope,
  outerNames: Map<Scope, Set<string>>,
): boolean {
  const { name } = variable
  const home = scope.variableScope
  if (home.type !== 'function' || name === 'arguments' || variable.defs.length !== 1) return false
  for (let outer: Scope | null = scope; outer !== null; outer = outer.upper) {
    if (outer.dynamic && outer.type !== 'global') return false
    if (outer !== scope && outer.set.has(name)) return false
    if (outer === home) break
  }
  let names = outerNames.get(home)
  if (names === undefined) {
    names = new Set(home.through.map(({ identifier }) => (identifier as { name: string }).name))
    outerNames.set(home, names)
  }
  return !names.has(name)
}
