/**
 * Which functions may stand in place of their calls, and what there is to know of them for that.
 */
import type { Scope } from 'eslint-scope'
import type { BlockStatement, Expression, Node, Statement } from 'estree'
import { type Step, stepsOf } from './argument-movement.ts'
import { type Callee, variableOf } from './callees.ts'
import { type ParsedScript, type Positioned, visitChildren } from './parsed-script.ts'

export interface Inlinable {
  readonly callee: Callee
  readonly scope: Scope
  readonly body: Positioned<BlockStatement>
  readonly parameters: readonly string[]
  /** Parameters that the function sets. */
  readonly written: ReadonlySet<string>
  readonly usesThis: boolean
  /**
   * Some variable of its own begins as undefined only where the function is called, not in each
   * turn of a loop.
   */
  readonly usesVar: boolean
  /** Characters of the body, without space. */
  readonly size: number
  /** The body is this expression, and nothing else, with what it does in order. */
  readonly expression?: {
    readonly value: Positioned<Expression>
    readonly isStatement: boolean
    readonly steps: readonly Step[]
  }
}

/** What would mean something else in another function, or cannot be said there. */
const STUCK =
  /^(Function|Arrow|Class|Try|Yield|Await|Super|MetaProperty|AssignmentPattern|PrivateIdentifier|Debugger|With|RestElement|ImportExpression)/

export function asInlinable(callee: Callee, parsed: ParsedScript): Inlinable | undefined {
  const { node } = callee
  if (node.async || node.generator) return undefined
  const parameters: string[] = []
  for (const parameter of node.params) {
    if (parameter.type !== 'Identifier' || parameters.includes(parameter.name)) return undefined
    parameters.push(parameter.name)
  }
  const scope = parsed.manager.acquire(node as never, true)
  if (scope === null || scope.dynamic) return undefined
  // `var a` beside a parameter `a` is one variable with it.
  if (parameters.some((name) => scope.set.get(name)?.defs.length !== 1)) return undefined
  let isPlain = (scope.set.get('arguments')?.references.length ?? 0) === 0
  let usesThis = false
  const visit = (child: Node): void => {
    if (STUCK.test(child.type) || ('directive' in child && child.directive)) isPlain = false
    if (child.type === 'ThisExpression') usesThis = true
    if (child.type === 'Identifier' && child.name === 'eval') isPlain = false
    if (isPlain) visitChildren(child, visit)
  }
  visitChildren(node.body, visit)
  if (!isPlain) return undefined
  const body = node.body as Positioned<BlockStatement>
  const written = new Set(
    parameters.filter((name) => scope.set.get(name)?.references.some((it) => it.isWrite())),
  )
  const size = parsed.script.slice(body.start, body.end).replace(/\s+/g, '').length
  // Results of calls within it are set before they are read.
  const usesVar = scope.variables.some(
    ({ name, defs }) =>
      !name.startsWith('$result$') &&
      defs.some(({ parent }) => parent?.type === 'VariableDeclaration' && parent.kind === 'var'),
  )
  const inlinable = { callee, scope, body, parameters, written, usesThis, usesVar, size }
  const expression = expressionOf(body, inlinable.parameters, parsed)
  return expression === undefined ? inlinable : { ...inlinable, expression }
}

function expressionOf(
  { body }: BlockStatement,
  parameters: readonly string[],
  parsed: ParsedScript,
): Inlinable['expression'] {
  const [statement] = body as Statement[]
  if (statement === undefined || body.length > 1) return undefined
  const isStatement = statement.type === 'ExpressionStatement'
  if (!isStatement && statement.type !== 'ReturnStatement') return undefined
  const value = isStatement ? statement.expression : statement.argument
  if (!value) return undefined
  const names = new Set(parameters)
  const isConstant = (name: Node) => {
    const variable = parsed.variables.get(name)
    return (
      variable !== undefined &&
      variable.defs.length === 1 &&
      variable.references.every((it) => !it.isWrite() || it.init === true)
    )
  }
  const steps = stepsOf(value, names, isConstant)
  return steps === null ? undefined : { value: value as never, isStatement, steps }
}

/** Whether all names that a function takes from outside mean the same where its call stands. */
export function meansTheSame({ scope }: Inlinable, from: Scope): boolean {
  return scope.through.every(({ identifier, resolved }) => {
    const { name } = identifier as { name: string }
    return variableOf(name, from) === resolved
  })
}
