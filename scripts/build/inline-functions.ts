/**
 * Puts the expression of a one-expression function where the function is called, padded with spaces, so that every
 * position stays what the source map says. A call costs QuickJS about as much as ten reads of local variables; with
 * this pass a name for an expression costs nothing, and nobody inlines by hand.
 *
 * A call is replaced only where no program can tell: arguments are evaluated once, in their order, and before
 * anything that could change them. Operators are taken to have no effect of their own (no `valueOf` that writes).
 */
import { tokenizer } from 'acorn'
import type { Scope, Variable } from 'eslint-scope'
import type {
  Expression,
  FunctionDeclaration,
  Identifier,
  Node,
  SimpleCallExpression,
  Super,
} from 'estree'
import {
  applyEdits,
  ECMA_VERSION,
  type Edit,
  type ParsedScript,
  type Positioned,
  parseScript,
  visitChildren,
} from './parsed-script.ts'

/** What a function's expression does, in the order in which it does it. */
type Step = { readonly parameter: number; readonly isConditional: boolean } | 'effect'

interface Inlinable {
  readonly expression: Positioned<Expression>
  readonly parameters: readonly string[]
  /** The expression is a statement: only a call that is one too may be replaced. */
  readonly isStatement: boolean
  readonly steps: readonly Step[]
  /** Names of the module, or globals, that the expression uses. */
  readonly freeNames: ReadonlySet<string>
}

/** How an argument may move: nothing changes a fixed one; a local one changes only in other arguments of the call. */
type Mobility = 'fixed' | 'local' | 'bound'

/** A call whose arguments are calls takes a round more; no nesting that a person writes is as deep as this. */
const MAX_ROUNDS = 16

export function inlineFunctions(script: string): string {
  let current = script
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const edits = callEdits(parseScript(current))
    if (edits.length === 0) break
    current = applyEdits(current, edits)
  }
  return current
}

/** Innermost calls only: those around them see the result in the next round. */
function callEdits(parsed: ParsedScript): Edit[] {
  const functions = findInlinable(parsed)
  const edits: Edit[] = []
  const visit = (node: Node, parent: Node): boolean => {
    let isEdited = false
    visitChildren(node, (child) => {
      if (visit(child, node)) isEdited = true
    })
    if (isEdited || node.type !== 'CallExpression') return isEdited
    const inlinable = functions.get(node.callee)
    const text = inlinable && replacement(node, parent, inlinable.body, inlinable.scope, parsed)
    if (text === undefined) return false
    const { start, end } = node as Positioned<Node>
    edits.push({ start, end, text })
    return true
  }
  if (functions.size > 0) visitChildren(parsed.program, visit)
  return edits
}

/** By the callee of each call: what the function is, and the scope that the call stands in. */
function findInlinable({
  manager,
}: ParsedScript): Map<Expression | Super, { body: Inlinable; scope: Scope }> {
  const found = new Map<Expression | Super, { body: Inlinable; scope: Scope }>()
  const module = manager.scopes.find(({ type }) => type === 'module')
  const constants = new Set<string>()
  for (const { name, defs, references } of module?.variables ?? []) {
    const isSetOnce = references.every((it) => !it.isWrite() || it.init === true)
    if (isSetOnce && defs.length === 1) constants.add(name)
  }
  for (const variable of module?.variables ?? []) {
    const [definition, second] = variable.defs
    if (definition?.type !== 'FunctionName' || second !== undefined) continue
    if (variable.references.some((reference) => reference.isWrite())) continue
    const body = asInlinable(definition.node as unknown as FunctionDeclaration, constants)
    if (body === null) continue
    for (const { identifier, from } of variable.references) {
      found.set(identifier as unknown as Identifier, { body, scope: from })
    }
  }
  return found
}

function asInlinable(
  declaration: FunctionDeclaration,
  constants: ReadonlySet<string>,
): Inlinable | null {
  const { params, body, async, generator } = declaration
  if (async || generator || body.body.length !== 1) return null
  const parameters: string[] = []
  for (const parameter of params) {
    if (parameter.type !== 'Identifier') return null
    parameters.push(parameter.name)
  }
  if (new Set(parameters).size !== parameters.length) return null
  const statement = body.body[0]!
  const isStatement = statement.type === 'ExpressionStatement'
  if (!isStatement && statement.type !== 'ReturnStatement') return null
  const expression = isStatement ? statement.expression : statement.argument
  if (!expression) return null
  const steps: Step[] = []
  const freeNames = new Set<string>()
  const isSimple = followSteps(expression, parameters, {
    ...{ steps, freeNames, constants, isConditional: false },
  })
  if (!isSimple || freeNames.has(declaration.id.name)) return null
  return { ...{ parameters, isStatement, steps, freeNames }, expression: expression as never }
}

interface Walk {
  readonly steps: Step[]
  readonly freeNames: Set<string>
  /** Names of the module that are set once. */
  readonly constants: ReadonlySet<string>
  readonly isConditional: boolean
}

/** Notes the steps of an expression in order; false when it holds something that does not travel. */
function followSteps(node: Node, parameters: readonly string[], walk: Walk): boolean {
  const follow = (child: Node) => followSteps(child, parameters, walk)
  const followMaybe = (child: Node) =>
    followSteps(child, parameters, { ...walk, isConditional: true })
  const withEffect = (isSimple: boolean) => {
    walk.steps.push('effect')
    return isSimple
  }
  switch (node.type) {
    case 'Literal':
      return !('regex' in node)
    case 'Identifier': {
      const parameter = parameters.indexOf(node.name)
      if (parameter >= 0) {
        walk.steps.push({ parameter, isConditional: walk.isConditional })
        return true
      }
      walk.freeNames.add(node.name)
      if (walk.constants.has(node.name)) return true
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
      if (node.object.type === 'Literal' || !follow(node.object)) return false
      return withEffect(!node.computed || follow(node.property))
    }
    case 'CallExpression': {
      // A parameter that is called would take what its argument is a member of as `this`.
      if (node.optional || node.callee.type === 'Super') return false
      if (node.callee.type === 'Identifier' && parameters.includes(node.callee.name)) return false
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

/** The text that does what the call does, or undefined. */
function replacement(
  call: SimpleCallExpression,
  parent: Node,
  body: Inlinable,
  scope: Scope,
  parsed: ParsedScript,
): string | undefined {
  const { start, end } = call as Positioned<Node>
  const { script } = parsed
  if (call.optional || call.arguments.length !== body.parameters.length) return undefined
  if (!mayStand(call, parent, body) || isShadowed(body.freeNames, scope)) return undefined
  if (/[\r\n]/.test(script.slice(start, end))) return undefined
  if (!keepsOrder(call, body, scope)) return undefined
  const texts = call.arguments.map((argument) => {
    const text = script.slice(
      (argument as Positioned<Node>).start,
      (argument as Positioned<Node>).end,
    )
    return PRIMARY.test(argument.type) ? text : `(${text})`
  })
  const text = printTokens(script, body.expression, (name) => {
    const parameter = body.parameters.indexOf(name)
    return parameter < 0 ? name : texts[parameter]!
  })
  const whole = needsParentheses(body.expression, call, parent) ? `(${text})` : text
  return whole.length <= end - start ? whole : undefined
}

/** What needs no parentheses wherever it is put. */
const PRIMARY = /^(Identifier|Literal|MemberExpression|CallExpression|ThisExpression)$/

function mayStand(call: SimpleCallExpression, parent: Node, body: Inlinable): boolean {
  if (body.isStatement) return parent.type === 'ExpressionStatement'
  switch (parent.type) {
    case 'CallExpression':
    case 'NewExpression':
      return parent.callee !== call
    case 'TaggedTemplateExpression':
      return false
    case 'UnaryExpression':
      return parent.operator !== 'delete'
    default:
      return true
  }
}

function needsParentheses(body: Expression, call: SimpleCallExpression, parent: Node): boolean {
  if (PRIMARY.test(body.type)) return parent.type === 'MemberExpression' && body.type === 'Literal'
  if (parent.type === 'ExpressionStatement') return false
  if (body.type === 'SequenceExpression') return true
  switch (parent.type) {
    case 'CallExpression':
    case 'NewExpression':
    case 'VariableDeclarator':
    case 'ReturnStatement':
    case 'IfStatement':
    case 'WhileStatement':
    case 'DoWhileStatement':
    case 'SwitchStatement':
    case 'ArrayExpression':
      return false
    case 'AssignmentExpression':
      return parent.right !== call
    default:
      return true
  }
}

/** Whether a name of the function's expression means something else where the call stands. */
function isShadowed(names: ReadonlySet<string>, from: Scope): boolean {
  for (let scope: Scope | null = from; scope !== null; scope = scope.upper) {
    if (scope.type === 'module' || scope.type === 'global') return false
    for (const name of names) if (scope.set.has(name)) return true
  }
  return false
}

/** Whether the arguments may be evaluated where the parameters stand. */
function keepsOrder(call: SimpleCallExpression, body: Inlinable, scope: Scope): boolean {
  const mobility = call.arguments.map((argument) => mobilityOf(argument, scope))
  // The expression assigns to members only, and no closure of what it calls knows a local variable.
  if (mobility.every((it) => it !== 'bound')) return true
  // Otherwise all that can change are used once, in order, ahead of any effect.
  let next = 0
  let isAfterEffect = false
  for (const step of body.steps) {
    if (step === 'effect') {
      isAfterEffect = true
      continue
    }
    if (mobility[step.parameter] === 'fixed') continue
    while (next < mobility.length && mobility[next] === 'fixed') next++
    if (step.parameter !== next || isAfterEffect || step.isConditional) return false
    next++
  }
  while (next < mobility.length && mobility[next] === 'fixed') next++
  return next === mobility.length
}

function mobilityOf(argument: Node, scope: Scope): Mobility {
  if (argument.type === 'ThisExpression') return 'fixed'
  if (argument.type === 'Literal') return 'regex' in argument ? 'bound' : 'fixed'
  if (argument.type === 'UnaryExpression' && argument.operator === '-') {
    return argument.argument.type === 'Literal' ? 'fixed' : 'bound'
  }
  if (argument.type !== 'Identifier') return 'bound'
  const variable = variableOf(argument.name, scope)
  if (variable === null) return 'bound'
  const writes = variable.references.filter((it) => it.isWrite() && it.init !== true)
  if (writes.length === 0 && variable.defs.length === 1) return 'fixed'
  const home = variable.scope.variableScope
  const isLocal = home.type === 'function' && scope.variableScope === home
  return isLocal && variable.references.every((it) => it.from.variableScope === home)
    ? 'local'
    : 'bound'
}

function variableOf(name: string, from: Scope): Variable | null {
  for (let scope: Scope | null = from; scope !== null; scope = scope.upper) {
    const variable = scope.set.get(name)
    if (variable !== undefined) return variable
  }
  return null
}

/** The source of an inlinable expression without its comments and with no more space than its tokens need. */
function printTokens(
  script: string,
  { start, end }: Positioned<Node>,
  rename: (name: string) => string,
): string {
  const source = script.slice(start, end)
  let text = ''
  let isMember = false
  for (const token of tokenizer(source, { ecmaVersion: ECMA_VERSION, sourceType: 'module' })) {
    const raw = source.slice(token.start, token.end)
    const isName = token.type.label === 'name' && !isMember
    const next = isName ? rename(raw) : raw
    if (wouldJoin(text, next)) text += ' '
    text += next
    isMember = raw === '.'
  }
  return text
}

function wouldJoin(before: string, after: string): boolean {
  const pair = `${before.at(-1) ?? ''}${after[0] ?? ''}`
  return /^([\w$]{2}|\+\+|--|\/\/|\/\*|<!)$/.test(pair)
}
