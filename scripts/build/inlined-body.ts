/**
 * The body of a function as it stands in place of a call: variables renamed, parameters bound,
 * returns become jumps.
 */
import type { Scope } from 'eslint-scope'
import type { BlockStatement, Expression, Identifier, Node, ReturnStatement } from 'estree'
import type { Callee } from './callees.ts'
import type { InlinedCalls } from './inlined-calls.ts'
import type { Move, MovedScript, Part } from './moved-script.ts'
import { type ParsedScript, type Positioned, visitChildren } from './parsed-script.ts'

/**
 * What is put for a name of the function: an argument that is evaluated there keeps where it was
 * written; a name or a literal is as if the function had it.
 */
export type Naming = { readonly alias: string } | { readonly parts: readonly Part[] }

export interface BodyPlan {
  readonly parsed: ParsedScript
  readonly moved: MovedScript
  readonly callee: Callee
  readonly scope: Scope
  readonly parameters: readonly string[]
  /** For `this` and parameters that need no variable. */
  readonly substitutes: ReadonlyMap<string, Naming>
  /** Offset of the call. */
  readonly at: number
  /** A number for the variables of one more inlined call. */
  readonly nextSuffix: () => number
}

export class InlinedBody {
  readonly number: number
  readonly suffix: number
  private readonly plan: BodyPlan
  private readonly calls: InlinedCalls
  /** Inlined calls within the function to their copies here. */
  private readonly copies = new Map<number, number>()
  /** Suffixes of variables in the function to those here. */
  private readonly suffixes = new Map<string, number>()

  constructor(plan: BodyPlan) {
    this.plan = plan
    this.calls = plan.moved.calls
    this.suffix = plan.nextSuffix()
    const aliases = new Map<string, string>()
    for (const [name, naming] of plan.substitutes) {
      if ('alias' in naming) aliases.set(name, naming.alias)
    }
    this.number = this.calls.add({
      name: plan.callee.name,
      origin: plan.moved.originOf(plan.at),
      outer: plan.moved.callAt(plan.at),
      suffix: this.suffix,
      parameters: plan.parameters,
      aliases,
    })
    this.copies.set(0, this.number)
  }

  /** How a variable of the function is called here. */
  rename(name: string): string {
    const [, base, suffix] = /^(.+)\$(\d+)$/.exec(name) ?? []
    if (base === undefined) return `${name}$${this.suffix}`
    let renamed = this.suffixes.get(suffix!)
    if (renamed === undefined) {
      renamed = this.plan.nextSuffix()
      this.suffixes.set(suffix!, renamed)
    }
    return `${base}$${renamed}`
  }

  /** A node of the function, with moves within it. */
  partsOf({ start, end }: Positioned<Node>, moves: readonly Move[]): Part[] {
    const parts: Part[] = []
    let at = start
    const copy = (from: number, to: number) => {
      if (to > from) parts.push({ from, to, inCall: this.inCall })
    }
    for (const move of [...moves].sort((a, b) => a.start - b.start)) {
      if (move.start < at) throw new RangeError(`Moves overlap at ${move.start}`)
      copy(at, move.start)
      parts.push(...move.parts)
      at = move.end
    }
    copy(at, end)
    return parts
  }

  /** Names of the function within a node become what they are called here. */
  namingMoves(node: Node): Move[] {
    const { parsed, callee, substitutes } = this.plan
    const moves: Move[] = []
    const put = (name: Node, text: string, isShorthand: boolean, parent: Node) => {
      const { start, end } = name as Positioned<Node>
      const naming = substitutes.get(text) ?? { alias: this.rename(text) }
      const prefix = isShorthand ? [this.made(`${text}: `, start)] : []
      const parts =
        'parts' in naming ? naming.parts : [this.made(textOf(naming.alias, parent), start)]
      moves.push({ start, end, parts: [...prefix, ...parts] })
    }
    const visit = (child: Node, parent: Node): void => {
      if (child.type === 'ThisExpression') {
        const naming = substitutes.get('this')
        if (naming === undefined || !('alias' in naming) || naming.alias !== 'this')
          put(child, 'this', false, parent)
      } else if (child.type === 'Identifier' && this.isOwn(child, parent)) {
        put(child, child.name, parent.type === 'Property' && parent.shorthand, parent)
      }
      if (child.type === 'Property' && child.shorthand) visit(child.value, child)
      else visitChildren(child, visit)
    }
    const parent = parsed.parents.get(node)
    visit(node, parent ?? callee.node)
    return moves
  }

  made(text: string, at: number): Part {
    return { text, at, call: this.inCall(this.plan.moved.callAt(at)) }
  }

  /** Whether a name is a variable, a parameter or a label of the function. */
  private isOwn(name: Identifier, parent: Node): boolean {
    if (/^(Labeled|Break|Continue)Statement$/.test(parent.type)) return true
    const { parsed, scope } = this.plan
    let at: Scope | null = parsed.variables.get(name)?.scope ?? null
    while (at !== null && at !== scope) at = at.upper
    return at !== null
  }

  private readonly inCall = (call: number): number => {
    const known = this.copies.get(call)
    if (known !== undefined) return known
    const { outer, suffix, aliases, ...rest } = this.calls.get(call)
    // What surrounds it comes first, so that numbers grow inwards.
    const newOuter = this.inCall(outer)
    const renamed = new Map<string, string>()
    for (const [name, alias] of aliases) {
      const here = this.aliasHere(alias)
      if (here !== undefined) renamed.set(name, here)
    }
    const newSuffix = Number(this.rename(`x$${suffix}`).slice(2))
    const copy = this.calls.add({ ...rest, outer: newOuter, suffix: newSuffix, aliases: renamed })
    this.copies.set(call, copy)
    return copy
  }

  /** What an alias of the function's own inlined calls is called here. */
  private aliasHere(alias: string): string | undefined {
    if (!/^[\w$]*[a-zA-Z_$][\w$]*$/.test(alias) || /^(true|false|null)$/.test(alias)) return alias
    const substitute = this.plan.substitutes.get(alias)
    if (substitute !== undefined) return 'alias' in substitute ? substitute.alias : undefined
    if (alias === 'this') return this.rename('this')
    const isOwn = [...variableNames(this.plan.scope)].includes(alias)
    return isOwn ? this.rename(alias) : alias
  }
}

/** A number may need parentheses where a name needs none. */
function textOf(alias: string, parent: Node): string {
  if (alias.startsWith('-')) return `(${alias})`
  return /^\d/.test(alias) && parent.type === 'MemberExpression' ? `(${alias})` : alias
}

/** All names that a function declares, whatever block they belong to. */
export function variableNames(scope: Scope): Set<string> {
  const names = new Set(scope.variables.map(({ name }) => name))
  for (const child of scope.childScopes) for (const name of variableNames(child)) names.add(name)
  return names
}

export interface Returns {
  /** Where a result goes; null when nobody wants it, `return` when the caller returns it. */
  readonly target: string | null
  readonly label: string
  /** The end of the block may be reached, where the result is set to undefined. */
  readonly isSetBehind: boolean
}

/** What `return` becomes, and whether any of it jumps to the label. */
export function returnMoves(
  body: InlinedBody,
  block: Positioned<BlockStatement>,
  parents: Map<Node, Node>,
  { target, label, isSetBehind }: Returns,
): { moves: Move[]; jumps: boolean } {
  const moves: Move[] = []
  let jumps = false
  const visit = (node: Node): void => {
    if (node.type !== 'ReturnStatement') {
      visitChildren(node, visit)
      return
    }
    const statement = node as Positioned<ReturnStatement>
    const argument = statement.argument as Positioned<Expression> | null | undefined
    const isLast = !isSetBehind && isTail(statement, block, parents)
    if (!isLast) jumps = true
    const { start, end } = statement
    const jump = isLast ? '' : ` break ${label};`
    const isPure = argument === null || argument === undefined || isWithoutEffect(argument)
    if (target === null && isPure) {
      moves.push({ start, end, parts: [body.made(`{${jump} }`, start)] })
      return
    }
    const assignment = target === null ? '' : `${target} = `
    if (argument === null || argument === undefined) {
      moves.push({ start, end, parts: [body.made(`{ ${assignment}void 0;${jump} }`, start)] })
      return
    }
    moves.push({ start, end: argument.start, parts: [body.made(`{ ${assignment}(`, start)] })
    moves.push({ start: argument.end, end, parts: [body.made(`);${jump} }`, start)] })
  }
  visitChildren(block, visit)
  return { moves, jumps }
}

function isWithoutEffect(node: Expression): boolean {
  return node.type === 'Literal' || node.type === 'Identifier' || node.type === 'ThisExpression'
}

/** Whether nothing of the block comes behind a statement. */
function isTail(statement: Node, block: Node, parents: Map<Node, Node>): boolean {
  let node = statement
  for (let outer = parents.get(node); outer !== undefined; outer = parents.get(node)) {
    if (outer.type === 'BlockStatement') {
      if (outer.body.at(-1) !== node) return false
      if (outer === block) return true
    } else if (outer.type !== 'IfStatement' && outer.type !== 'LabeledStatement') return false
    node = outer
  }
  return false
}

/** Whether the end of a block may be reached. */
export function mayEnd(block: Node): boolean {
  if (block.type === 'BlockStatement') return block.body.every(mayEnd)
  if (block.type === 'ReturnStatement' || block.type === 'ThrowStatement') return false
  if (block.type === 'IfStatement' && block.alternate) {
    return mayEnd(block.consequent) || mayEnd(block.alternate)
  }
  return true
}
