/**
 * Reads fields one by one where a declaration takes an object apart: `var { a, b } = x` becomes
 * `var a = x.a, b = x.b`. QuickJS looks for a default of the whole pattern that none has, and
 * converts what is taken apart to an object: eight instructions for each such declaration, 10 % of
 * those that an echo executes.
 */
import type { Expression, Identifier, Node, ObjectPattern, VariableDeclarator } from 'estree'
import type { Move, Part } from './moved-script.ts'
import { FUNCTIONS, type ParsedScript, type Positioned, visitChildren } from './parsed-script.ts'

/** A field and the variable that it is read into. */
interface Field {
  readonly key: Positioned<Identifier>
  readonly variable: Positioned<Identifier>
}

/** In order, for MovedScript.apply: of a script whose text stands where that of `parsed` does. */
export function patternMoves(parsed: ParsedScript): Move[] {
  const moves: Move[] = []
  visitChildren(parsed.program, function visit(node) {
    // From the inside out: nothing within a declarator that is moved is moved by itself.
    const move = node.type === 'VariableDeclarator' ? moveOf(node, parsed) : null
    if (move === null) visitChildren(node, visit)
    else moves.push(move)
  })
  return moves
}

function moveOf(declarator: VariableDeclarator, parsed: ParsedScript): Move | null {
  const { id, init } = declarator
  if (id.type !== 'ObjectPattern' || init === null || init === undefined) return null
  const fields = fieldsOf(id)
  if (fields === null || fields.length === 0) return null
  if (fields.length === 1 ? !isPlain(init) : !isRepeatable(init, fields, parsed)) return null
  const object = init as Positioned<Expression>
  const name = init.type === 'Identifier' ? init.name : 'this'
  const parts = fields.flatMap(({ key, variable }, index): Part[] => [
    { text: index === 0 ? '' : ', ', at: key.start },
    { from: variable.start, to: variable.end },
    { text: ' = ', at: key.start },
    index === 0 ? { from: object.start, to: object.end } : { text: name, at: key.start },
    { text: '.', at: key.start },
    { from: key.start, to: key.end },
  ])
  const { start, end } = declarator as Positioned<VariableDeclarator>
  return { start, end, parts }
}

/** Null for a pattern with defaults, a rest, names that are computed, or patterns inside. */
function fieldsOf({ properties }: ObjectPattern): Field[] | null {
  const fields: Field[] = []
  for (const property of properties) {
    if (property.type !== 'Property' || property.computed) return null
    const { key, value } = property
    if (key.type !== 'Identifier' || value.type !== 'Identifier') return null
    fields.push({
      key: key as Positioned<Identifier>,
      variable: value as Positioned<Identifier>,
    })
  }
  return fields
}

/** A dot may stand behind it, and belongs to all of it. */
function isPlain(init: Expression): boolean {
  if (init.type === 'MemberExpression') return !init.optional && isPlain(init.object as Expression)
  return init.type === 'Identifier' || init.type === 'ThisExpression'
}

/** Naming it again gives the same object, whatever reading a field has done meanwhile. */
function isRepeatable(init: Expression, fields: readonly Field[], parsed: ParsedScript): boolean {
  if (init.type === 'ThisExpression') return true
  if (init.type !== 'Identifier') return false
  if (fields.some(({ variable }) => variable.name === init.name)) return false
  const variable = parsed.variables.get(init)
  if (variable === undefined) return false
  const home = functionAround(init, parsed)
  const owner = variable.scope.variableScope.block as unknown as Node
  // What a getter calls may be this function once more: of what it writes, only its own variables
  // are another call's.
  const isOwn = home === undefined || owner === home
  return variable.references.every(
    (reference) =>
      !reference.isWrite() ||
      (isOwn && functionAround(reference.identifier as unknown as Node, parsed) === home),
  )
}

function functionAround(node: Node, { parents }: ParsedScript): Node | undefined {
  let outer = parents.get(node)
  while (outer !== undefined && !FUNCTIONS.test(outer.type)) outer = parents.get(outer)
  return outer
}
