/**
 * Puts the body of a function where the function is called, where no program can tell: arguments
 * are evaluated once, in their order, and before anything of the body. A call costs QuickJS as much
 * as ten reads of local variables, so nobody inlines by hand. Every character keeps its position in
 * the sources, and where it stands is noted for traces.
 */
import type { Scope } from 'eslint-scope'
import type { Expression, Node, SimpleCallExpression } from 'estree'
import { changesLocals, keepsOrder, type Mobility, mobilityOf } from './argument-movement.ts'
import { type CallSite, siteOf, stillness } from './call-site.ts'
import { type Callee, Callees } from './callees.ts'
import { mayStand, needsParentheses, PRIMARY } from './expression-place.ts'
import { asInlinable, type Inlinable, meansTheSame } from './inlinable.ts'
import { InlinedBody, mayEnd, type Naming, returnMoves, variableNames } from './inlined-body.ts'
import type { MemberTypes } from './member-types.ts'
import type { Move, MovedScript, Part } from './moved-script.ts'
import {
  FUNCTIONS,
  type ParsedScript,
  type Positioned,
  parseScript,
  visitChildren,
} from './parsed-script.ts'

/** Functions call functions; no chain that a person writes is as deep as this. */
const MAX_ROUNDS = 24
/**
 * Characters without space: of an expression, and of statements, that are worth to stand more than
 * once.
 */
const SMALL_EXPRESSION = 120
const SMALL_BODY = 60
/** Of what is called in one place only. */
const LARGE_BODY = 4000
/** Of what a packet meets, called from what a packet meets. */
const HOT_BODY = 1500
/**
 * The engine has short instructions for 256 variables of a function, and sets all of them at each
 * call.
 */
const MAX_VARIABLES = 160

interface Planned {
  readonly call: Positioned<SimpleCallExpression>
  readonly inlinable: Inlinable
  readonly scope: Scope
  /** Absent where the function's expression can stand for the call. */
  readonly site?: CallSite
}

/** `hot` holds offsets in the bundle of the functions that are worth more than their size. */
export function inlineCalls(
  script: MovedScript,
  types: MemberTypes,
  hot: ReadonlySet<number> = new Set(),
  rounds = MAX_ROUNDS,
): MovedScript {
  let moved = script
  for (let round = 0; round < rounds; round++) {
    const moves = new Round(parseScript(moved.text), moved, types, hot).moves()
    if (moves.length === 0) break
    moved = moved.apply(moves)
  }
  return moved
}

class Round {
  private readonly parsed: ParsedScript
  private readonly moved: MovedScript
  private readonly callees: Callees
  private readonly known = new Map<Callee, Inlinable | undefined>()
  private readonly hot: ReadonlySet<number>
  private readonly suffixes = new Map<Node, number>()
  /** The highest of names outside of all functions, which rollup may have made. */
  private readonly outerSuffix: number

  constructor(
    parsed: ParsedScript,
    moved: MovedScript,
    types: MemberTypes,
    hot: ReadonlySet<number>,
  ) {
    this.hot = hot
    this.parsed = parsed
    this.moved = moved
    this.callees = new Callees(parsed, moved, types)
    // What an inlined body takes from outside is not in the text of its new home yet.
    const outer = parsed.manager.scopes.filter(({ type }) => /^(global|module)$/.test(type))
    const names = outer.flatMap(({ variables, through }) => [
      ...variables.map(({ name }) => name),
      ...through.map(({ identifier }) => (identifier as { name: string }).name),
    ])
    const digits = names.map((name) => /\$(\d+)$/.exec(name)?.[1])
    this.outerSuffix = Math.max(0, ...digits.map((it) => Number(it ?? 0)))
  }

  moves(): Move[] {
    const planned: Planned[] = []
    const visit = (node: Node): void => {
      visitChildren(node, visit)
      const plan = node.type === 'CallExpression' ? this.plan(node as never) : undefined
      if (plan !== undefined) planned.push(plan)
    }
    visitChildren(this.parsed.program, visit)
    const unsettled = new Set<Node>()
    for (const { call } of planned) {
      for (const outer of this.outerNodes(call))
        if (FUNCTIONS.test(outer.type)) unsettled.add(outer)
    }
    const moves: Move[] = []
    // Nothing is moved twice in one round: neither a call with another in it, nor a statement.
    const touched = new Set<Node>()
    for (const plan of planned) {
      if (unsettled.has(plan.inlinable.callee.node)) continue
      const statement = plan.site?.statement ?? this.statementOf(plan.call)
      if (touched.has(plan.call) || touched.has(statement)) continue
      touched.add(plan.call)
      for (const outer of this.outerNodes(plan.call)) touched.add(outer)
      moves.push(...this.movesOf(plan))
      const { callee } = plan.inlinable
      if (callee.uses === 1) {
        moves.push({ start: callee.declaration.start, end: callee.declaration.end, parts: [] })
      }
    }
    return moves
  }

  private *outerNodes(node: Node): Generator<Node> {
    for (
      let at = this.parsed.parents.get(node);
      at !== undefined;
      at = this.parsed.parents.get(at)
    ) {
      yield at
    }
  }

  private statementOf(node: Node): Node {
    for (const outer of this.outerNodes(node)) {
      if (/Statement$|Declaration$/.test(outer.type)) return outer
    }
    return this.parsed.program
  }

  private plan(call: Positioned<SimpleCallExpression>): Planned | undefined {
    const callee = this.callees.of(call)
    if (callee === undefined) return undefined
    const inlinable = this.inlinable(callee)
    if (
      inlinable === undefined ||
      !this.isWorth(call, inlinable) ||
      !this.hasPlace(call, inlinable)
    ) {
      return undefined
    }
    const scope = this.scopeOf(call)
    if (!meansTheSame(inlinable, scope)) return undefined
    if (call.arguments.some((it) => it.type === 'SpreadElement')) return undefined
    const plan = { call, inlinable, scope }
    if (this.isExpressionPlan(plan)) return plan
    const isMethod = (node: Node) => {
      return this.callees.of({ callee: node, optional: false } as never)?.isMethod === true
    }
    const isStill = stillness(call, (node) => this.scopeOf(node), isMethod)
    const site = siteOf(call, this.parsed.parents, isStill)
    if (site === undefined || site.statement.type === 'ThrowStatement') return undefined
    if (site.isInLoop && inlinable.usesVar) return undefined
    const extra = call.arguments.slice(inlinable.parameters.length)
    return extra.every(isStill) ? { ...plan, site } : undefined
  }

  private inlinable(callee: Callee): Inlinable | undefined {
    if (!this.known.has(callee)) this.known.set(callee, asInlinable(callee, this.parsed))
    return this.known.get(callee)
  }

  private isWorth(call: Node, { callee, size, expression }: Inlinable): boolean {
    const isHot = (node: Node) =>
      this.hot.has(this.moved.originOf((node as Positioned<Node>).start))
    if (!isHot(this.outermost(call))) {
      if (callee.uses === 1) return size <= LARGE_BODY
      const isProfiled = this.hot.size > 0
      return size <= (isProfiled || expression === undefined ? SMALL_BODY : SMALL_EXPRESSION)
    }
    if (isHot(callee.node)) return size <= (callee.uses === 1 ? LARGE_BODY : HOT_BODY)
    // What a packet does not meet would only add variables, which each call sets.
    return expression !== undefined && size <= SMALL_EXPRESSION
  }

  /** In a function, other than the called one, that has room for its variables. */
  private hasPlace(call: Node, { callee, scope }: Inlinable): boolean {
    let isFirst = true
    for (const outer of this.outerNodes(call)) {
      if (outer === callee.node || outer.type === 'CatchClause') return false
      if (!isFirst || !FUNCTIONS.test(outer.type)) continue
      isFirst = false
      const home = this.parsed.manager.acquire(outer as never, true)
      if (home === null || home.dynamic) return false
      if (variableNames(home).size + variableNames(scope).size > MAX_VARIABLES) return false
    }
    return !isFirst
  }

  private scopeOf(node: Node): Scope {
    for (const outer of this.outerNodes(node)) {
      const scope = this.parsed.manager.acquire(outer as never, true)
      if (scope !== null) return scope
    }
    return this.parsed.manager.scopes[0]!
  }

  private isExpressionPlan({ call, inlinable, scope }: Planned): boolean {
    const { expression, parameters } = inlinable
    if (expression === undefined || parameters.length !== call.arguments.length) return false
    const parent = this.parsed.parents.get(call)!
    if (!mayStand(call, parent, expression.isStatement)) return false
    return keepsOrder(mobilities(call, inlinable, scope), expression.steps)
  }

  private movesOf(plan: Planned): Move[] {
    return plan.site === undefined
      ? this.expressionMoves(plan)
      : this.statementMoves(plan, plan.site)
  }

  private expressionMoves({ call, inlinable, scope }: Planned): Move[] {
    const { value } = inlinable.expression!
    const substitutes = new Map<string, Naming>()
    for (const [name, argument] of argumentsOf(call, inlinable)) {
      substitutes.set(name, this.naming(argument, scope))
    }
    const body = this.body(call, inlinable, substitutes)
    const parts = body.partsOf(value, body.namingMoves(value))
    const { start, end } = call
    if (needsParentheses(value, call, this.parsed.parents.get(call)!)) {
      return [{ start, end, parts: [{ text: '(', at: start }, ...parts, { text: ')', at: start }] }]
    }
    return [{ start, end, parts }]
  }

  private statementMoves({ call, inlinable, scope }: Planned, site: CallSite): Move[] {
    const { parameters, written, usesThis } = inlinable
    const given = argumentsOf(call, inlinable)
    const all = mobilities(call, inlinable, scope)
    const isChanging = call.arguments.some((it) => changesLocals(it))
    const substitutes = new Map<string, Naming>()
    const bound: [string, Positioned<Expression>][] = []
    for (const [name, argument] of given) {
      const mobility = all.get(name)!
      const isFree = mobility === 'fixed' || (mobility === 'local' && !isChanging)
      if (isFree && !written.has(name)) substitutes.set(name, this.naming(argument, scope))
      else bound.push([name, argument])
    }
    const start = call.start
    const missing = parameters.slice(call.arguments.length)
    for (const name of missing) {
      if (!written.has(name)) {
        substitutes.set(name, { alias: 'undefined' })
      }
    }
    const body = this.body(call, inlinable, substitutes)
    const parts: Part[] = []
    const add = (text: string, at = start) => parts.push({ text, at })
    for (const [name, argument] of bound) {
      if (name !== 'this' || usesThis) add(`let ${body.rename(name)} = `, argument.start)
      const isList = argument.type === 'SequenceExpression'
      if (isList) add('(', argument.start)
      parts.push({ from: argument.start, to: argument.end })
      add(isList ? '); ' : '; ', argument.start)
    }
    for (const name of missing.filter((it) => written.has(it)))
      add(`let ${body.rename(name)} = void 0; `)
    return this.placed({ call, inlinable, scope }, site, body, parts)
  }

  /** The statement of the call, with the body ahead of it or in its place. */
  private placed(plan: Planned, site: CallSite, body: InlinedBody, bindings: Part[]): Move[] {
    const { call, inlinable } = plan
    const { statement, needsBlock } = site
    const { start, end } = statement
    const made = (text: string): Part => ({ text, at: call.start })
    const use = site.use === 'declared' && site.isInLoop ? 'part' : site.use
    const block = inlinable.body
    const inner = { start: block.start + 1, end: block.end - 1 } as Positioned<Node>
    const naming = block.body.flatMap((it) => body.namingMoves(it))
    if (use === 'returned') {
      const parts = body.partsOf(inner, naming)
      const last = mayEnd(block) ? '; return; }' : ' }'
      return [{ start, end, parts: [made('{ '), ...bindings, ...parts, made(last)] }]
    }
    const declared = use === 'declared' ? declaredName(statement) : undefined
    const target = use === 'none' ? null : (declared ?? `$result$${body.suffix}`)
    const label = `end$${body.suffix}`
    const isSetBehind = target !== null && mayEnd(block)
    const returns = returnMoves(body, block, this.parsed.parents, { target, label, isSetBehind })
    const isLeft = (move: Move) => {
      return !returns.moves.some(({ start, end }) => move.start >= start && move.start < end)
    }
    const parts = body.partsOf(inner, [...naming.filter(isLeft), ...returns.moves])
    const head = returns.jumps ? `${label}: { ` : ''
    // A variable of a loop keeps what the turn before has left.
    const last = isSetBehind ? `; ${target} = void 0;` : ''
    const tail = `${last}${returns.jumps ? ' }' : ''} }`
    const whole = [made('{ '), ...bindings, made(head), ...parts, made(tail)]
    if (use === 'none') return [{ start, end, parts: whole }]
    if (declared !== undefined) {
      const kind = this.parsed.script.startsWith('var', start) ? 'var' : 'let'
      return [{ start, end, parts: [made(`${kind} ${declared}; `), ...whole] }]
    }
    const ahead = [made(`${needsBlock ? '{ ' : ''}var ${target}; `), ...whole, made(' ')]
    return [
      { start, end: start, parts: ahead },
      { start: call.start, end: call.end, parts: [made(target!)] },
      ...(needsBlock ? [{ start: end, end, parts: [made(' }')] }] : []),
    ]
  }

  private body(
    call: Positioned<SimpleCallExpression>,
    { callee, scope, parameters }: Inlinable,
    substitutes: ReadonlyMap<string, Naming>,
  ): InlinedBody {
    const { parsed, moved } = this
    const nextSuffix = () => this.nextSuffix(call)
    const what = { parsed, moved, callee, scope, parameters, substitutes }
    // Where the engine says that a call is.
    const at = (call.callee as Positioned<Node>).end
    return new InlinedBody({ ...what, at, nextSuffix })
  }

  private outermost(node: Node): Node {
    let outermost = node
    for (const outer of this.outerNodes(node)) if (FUNCTIONS.test(outer.type)) outermost = outer
    return outermost
  }

  /** Numbers begin anew in each outermost function, so that few names serve many variables. */
  private nextSuffix(call: Node): number {
    const outermost = this.outermost(call)
    const { start, end } = outermost as Positioned<Node>
    let last = this.suffixes.get(outermost)
    if (last === undefined) {
      const used = this.moved.text.slice(start, end).matchAll(/\$(\d+)\b/g)
      const calls = this.moved.callsWithin(start, end)
      const noted = calls.map((call) => this.moved.calls.get(call).suffix)
      const inText = Array.from(used, ([, digits]) => Number(digits))
      last = Math.max(this.outerSuffix, ...noted, ...inText)
    }
    this.suffixes.set(outermost, last + 1)
    return last + 1
  }

  private naming(argument: Positioned<Expression>, scope: Scope): Naming {
    const { start, end } = argument
    const copy = { from: start, to: end }
    if (mobilityOf(argument, scope) !== 'bound')
      return { alias: this.parsed.script.slice(start, end) }
    if (PRIMARY.test(argument.type)) return { parts: [copy] }
    return { parts: [{ text: '(', at: start }, copy, { text: ')', at: start }] }
  }
}

/** `this` and the parameters that the call gives, in the order of evaluation. */
function argumentsOf(
  call: SimpleCallExpression,
  { callee, parameters }: Inlinable,
): [string, Positioned<Expression>][] {
  const given: [string, Positioned<Expression>][] = []
  if (callee.isMethod && call.callee.type === 'MemberExpression') {
    given.push(['this', call.callee.object as Positioned<Expression>])
  }
  parameters.slice(0, call.arguments.length).forEach((name, index) => {
    given.push([name, call.arguments[index] as Positioned<Expression>])
  })
  return given
}

function mobilities(
  call: SimpleCallExpression,
  inlinable: Inlinable,
  scope: Scope,
): Map<string, Mobility> {
  const given = argumentsOf(call, inlinable)
  return new Map(given.map(([name, argument]) => [name, mobilityOf(argument, scope)]))
}

function declaredName(statement: Node): string | undefined {
  if (statement.type !== 'VariableDeclaration') return undefined
  const { id } = statement.declarations[0]!
  return id.type === 'Identifier' ? id.name : undefined
}
