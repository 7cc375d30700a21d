/**
 * Whether an argument may be evaluated where a parameter stands instead of where the call does.
 * Operators are taken to have no effect of their own (no `valueOf` that writes).
 */
import type { Scope } from 'eslint-scope'
import type { Expression, Node } from 'estree'
import { variableOf } from './callees.ts'
import { visitChildren } from './parsed-script.ts'

/** What an expression does, in the order in which it does it. */
export type Step = { readonly parameter: string; readonly isConditional: boolean } | 'effect'

/**
 * How an argument may move: nothing changes a fixed one; a local one changes only in what its own
 * function evaluates.
 */
export type Mobility = 'fixed' | 'local' | 'bound'

interface Walk {
  readonly steps: Step[]
  readonly parameters: ReadonlySet<string>
  /** Names of the module that are set once. */
  readonly isConstant: (name: Node) => boolean
  readonly isConditional: boolean
}

/** The steps of an expression in order; null when it holds something that does not travel. */
export function stepsOf(
  expression: Expression,
  parameters: ReadonlySet<string>,
  isConstant: (name: Node) => boolean,
): readonly Step[] | null {
  const walk = { steps: [], parameters, isConstant, isConditional: false }
  return followSteps(expression, walk) ? walk.steps : null
}

function followSteps(node: Node, walk: Walk): boolean {
  const follow = (child: Node) => followSteps(child, walk)
  const followMaybe = (child: Node) => followSteps(child, { ...walk, isConditional: true })
  const withEffect = (isSimple: boolean) => {
    walk.steps.push('effect')
    return isSimple
  }
  switch (node.type) {
    case 'Literal':
      return !('regex' in node)
    case 'ThisExpression':
      walk.steps.push({ parameter: 'this', isConditional: walk.isConditional })
      return true
    case 'Identifier': {
      if (walk.parameters.has(node.name)) {
        walk.steps.push({ parameter: node.name, isConditional: walk.isConditional })
        return true
      }
      if (walk.isConstant(node)) return true
      // An argument that is evaluated later could change it.
      return withEffect(node.name !== 'arguments')
    }
    case 'BinaryExpression':
      return node.left.type !== 'PrivateIdentifier' && follow(node.left) && follow(node.right)
    case 'UnaryExpression':
      return node.operator !== 'delete' && follow(node.argument)
    case 'LogicalExpression':
      return follow(node.left) && followMaybe(node.right)
    case 'ConditionalExpression':
      return follow(node.test) && followMaybe(node.consequent) && followMaybe(node.alternate)
    case 'SequenceExpression':
      return node.expressions.every(follow)
    case 'MemberExpression': {
      if (node.optional || node.property.type === 'PrivateIdentifier') return false
      if (node.object.type === 'Super' || node.object.type === 'Literal') return false
      return withEffect(follow(node.object) && (!node.computed || follow(node.property)))
    }
    case 'CallExpression': {
      // A parameter that is called would take what its argument is a member of as `this`.
      if (node.optional || node.callee.type === 'Super') return false
      if (node.callee.type === 'Identifier' && walk.parameters.has(node.callee.name)) return false
      return withEffect(follow(node.callee) && node.arguments.every(follow))
    }
    case 'AssignmentExpression': {
      const { left, operator, right } = node
      if (left.type !== 'MemberExpression' || left.object.type === 'Super') return false
      if (left.property.type === 'PrivateIdentifier' || !follow(left.object)) return false
      if (left.computed && !follow(left.property)) return false
      if (operator !== '=') walk.steps.push('effect')
      return withEffect(/^(&&|\|\||\?\?)=$/.test(operator) ? followMaybe(right) : follow(right))
    }
    default:
      return false
  }
}

/**
 * Whether arguments, by parameter in the order of their evaluation, may be evaluated where the
 * steps want them.
 */
export function keepsOrder(
  mobilities: ReadonlyMap<string, Mobility>,
  steps: readonly Step[],
): boolean {
  const all = [...mobilities]
  // The expression assigns to members only, and no closure of what it calls knows a local variable.
  if (all.every(([, mobility]) => mobility !== 'bound')) return true
  // Otherwise all that can change are used once, in order, ahead of any effect.
  const waiting = all.filter(([, mobility]) => mobility !== 'fixed').map(([name]) => name)
  let isAfterEffect = false
  for (const step of steps) {
    if (step === 'effect') {
      isAfterEffect = true
      continue
    }
    const mobility = mobilities.get(step.parameter)
    if (mobility === undefined) return false
    if (mobility === 'fixed') continue
    if (step.parameter !== waiting.shift() || isAfterEffect || step.isConditional) return false
  }
  return waiting.length === 0
}

export function mobilityOf(argument: Node, scope: Scope): Mobility {
  if (argument.type === 'ThisExpression') return 'fixed'
  if (argument.type === 'Literal') return 'regex' in argument ? 'bound' : 'fixed'
  if (argument.type === 'UnaryExpression' && argument.operator === '-') {
    return argument.argument.type === 'Literal' ? 'fixed' : 'bound'
  }
  if (argument.type !== 'Identifier') return 'bound'
  const variable = variableOf(argument.name, scope)
  if (variable === null) return argument.name === 'undefined' ? 'fixed' : 'bound'
  const writes = variable.references.filter((it) => it.isWrite() && it.init !== true)
  if (writes.length === 0 && variable.defs.length === 1) return 'fixed'
  const home = variable.scope.variableScope
  const isLocal = home.type === 'function' && scope.variableScope === home
  return isLocal && variable.references.every((it) => it.from.variableScope === home)
    ? 'local'
    : 'bound'
}

/** Whether an expression may set a variable of its function. */
export function changesLocals(node: Node): boolean {
  if (node.type === 'AssignmentExpression' || node.type === 'UpdateExpression') return true
  let changes = false
  visitChildren(node, (child) => {
    changes ||= changesLocals(child)
  })
  return changes
}
