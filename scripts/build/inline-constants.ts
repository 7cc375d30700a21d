/**
 * Puts the value of a constant where its name is used, and of an expression of constants its
 * result, padded with spaces, so that every position stays what the source map says. A name costs
 * QuickJS a look-up behind two pointers, a member of an object such as `TcpState.Established` a
 * search by hash; esbuild inlines the former only together with rewritings (`a && b()` for `if`,
 * `!0` for `true`) that cost an engine more than they save, and the latter never.
 */
import type { Variable } from 'eslint-scope'
import type {
  Expression,
  Identifier,
  MemberExpression,
  Node,
  ObjectExpression,
  SimpleCallExpression,
} from 'estree'
import { type Edit, type ParsedScript, type Positioned, visitChildren } from './parsed-script.ts'

type Value = number | boolean

/** Of the global `Number`, which nobody can change. */
const INFINITIES: Readonly<Record<string, number>> = {
  __proto__: null as never,
  POSITIVE_INFINITY: Number.POSITIVE_INFINITY,
  NEGATIVE_INFINITY: Number.NEGATIVE_INFINITY,
}

type Binary = (a: number, b: number) => Value

const BINARY: Readonly<Record<string, Binary>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '**': (a, b) => a ** b,
  '<<': (a, b) => a << b,
  '>>': (a, b) => a >> b,
  '>>>': (a, b) => a >>> b,
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
}

export function constantEdits(parsed: ParsedScript): Edit[] {
  const constants = new Constants(parsed)
  const edits: Edit[] = []
  const visit = (node: Node, parent: Node): void => {
    const text = constants.isUse(node) ? literalOf(constants.valueOf(node)) : undefined
    const { start, end } = node as Positioned<Node>
    if (text !== undefined && text.length <= end - start && mayStand(text, node, parent, parsed)) {
      edits.push({ start, end, text })
    } else {
      visitChildren(node, visit)
    }
  }
  visitChildren(parsed.program, visit)
  return edits
}

/**
 * Which names of the module stand for one number or boolean for ever, and what expressions of them
 * are worth.
 */
class Constants {
  private readonly parents: Map<Node, Node>
  /** Every name that is declared somewhere: what is not in it is a global. */
  private readonly resolved: ReadonlyMap<Node, Variable>
  private readonly variables = new Map<Node, Variable>()
  private readonly declared = new Map<Node, Variable>()
  private readonly known = new Map<Variable, Value | Map<string, Value> | undefined>()

  constructor({ manager, parents, variables }: ParsedScript) {
    this.parents = parents
    this.resolved = variables
    const module = manager.scopes.find(({ type }) => type === 'module')
    for (const variable of module?.variables ?? []) {
      for (const { node } of variable.defs) this.declared.set(node as unknown as Node, variable)
      for (const { identifier, init } of variable.references) {
        if (init !== true) this.variables.set(identifier as unknown as Node, variable)
      }
    }
  }

  /** An expression that is worth looking at; a literal is already what it will be. */
  isUse(node: Node): boolean {
    if (node.type === 'Identifier') return this.variables.has(node)
    return (
      node.type === 'MemberExpression' ||
      node.type === 'BinaryExpression' ||
      (node.type === 'UnaryExpression' && node.argument.type !== 'Literal')
    )
  }

  valueOf(node: Node): Value | undefined {
    switch (node.type) {
      case 'Literal':
        return typeof node.value === 'number' || typeof node.value === 'boolean'
          ? node.value
          : undefined
      case 'Identifier': {
        const value = this.contentOf(node)
        return value instanceof Map ? undefined : value
      }
      case 'MemberExpression':
        return this.memberOf(node)
      case 'UnaryExpression': {
        const value = this.valueOf(node.argument)
        if (typeof value !== 'number') return undefined
        return node.operator === '-' ? -value : node.operator === '~' ? ~value : undefined
      }
      case 'BinaryExpression': {
        const a = this.valueOf(node.left)
        const b = typeof a === 'number' ? this.valueOf(node.right) : undefined
        if (typeof a !== 'number' || typeof b !== 'number') return undefined
        return BINARY[node.operator]?.(a, b)
      }
      default:
        return undefined
    }
  }

  private memberOf(node: MemberExpression): Value | undefined {
    if (node.computed || node.optional || node.object.type !== 'Identifier') return undefined
    const { name } = node.property as Identifier
    if (node.object.name === 'Number' && !this.resolved.has(node.object)) return INFINITIES[name]
    const members = this.contentOf(node.object)
    return members instanceof Map ? members.get(name) : undefined
  }

  private contentOf(identifier: Identifier): Value | Map<string, Value> | undefined {
    const variable = this.variables.get(identifier)
    if (variable === undefined) return undefined
    if (!this.known.has(variable)) {
      // While it is worked out, a constant that needs itself has no value.
      this.known.set(variable, undefined)
      this.known.set(variable, this.workOut(variable))
    }
    return this.known.get(variable)
  }

  private workOut(variable: Variable): Value | Map<string, Value> | undefined {
    if (!this.isConstant(variable)) return undefined
    const { init } = variable.defs[0]!.node as unknown as { init: Expression | null }
    if (init === null) return undefined
    if (init.type === 'ObjectExpression') return this.membersOf(variable, init)
    return init.type === 'Identifier' ? this.contentOf(init) : this.valueOf(init)
  }

  /** Declared once, under its own name, and set nowhere else. */
  private isConstant(variable: Variable): boolean {
    const [definition, second] = variable.defs
    if (definition?.type !== 'Variable' || second !== undefined) return false
    const { id } = definition.node as unknown as { id: Node }
    if (id.type !== 'Identifier') return false
    if (variable.references.some((it) => it.isWrite() && it.init !== true)) return false
    return this.isOfModule(definition.parent as unknown as Node)
  }

  /** A declaration in a block or a loop may be skipped or run twice. */
  private isOfModule(declaration: Node): boolean {
    const parent = this.parents.get(declaration)
    return parent?.type === 'Program' || parent?.type === 'ExportNamedDeclaration'
  }

  /** The members of an object that nothing but reads of named members ever sees. */
  private membersOf(variable: Variable, object: ObjectExpression): Map<string, Value> | undefined {
    const members = new Map<string, Value>()
    for (const property of object.properties) {
      if (property.type !== 'Property' || property.computed || property.kind !== 'init') return
      const { key } = property
      const name = key.type === 'Identifier' ? key.name : undefined
      if (name === undefined || name === '__proto__') return
      const value = property.method || property.shorthand ? undefined : this.valueOf(property.value)
      if (value === undefined) return
      members.set(name, value)
    }
    return this.isOnlyRead(variable) ? members : undefined
  }

  private isOnlyRead(variable: Variable): boolean {
    return variable.references.every(({ identifier, init }) => {
      if (init === true) return true
      const node = identifier as unknown as Node
      const parent = this.parents.get(node)
      switch (parent?.type) {
        case 'CallExpression':
          return this.isListing(parent)
        case 'MemberExpression':
          return parent.object === node && !this.isTarget(parent)
        case 'VariableDeclarator': {
          const alias = this.declared.get(parent)
          return alias !== undefined && this.isConstant(alias) && this.isOnlyRead(alias)
        }
        default:
          return false
      }
    })
  }

  /** Object.keys(X) and its like see the members, and cannot change them. */
  private isListing({ callee }: SimpleCallExpression): boolean {
    if (callee.type !== 'MemberExpression' || callee.computed) return false
    if (callee.object.type !== 'Identifier' || callee.object.name !== 'Object') return false
    const isGlobal = !this.variables.has(callee.object)
    return isGlobal && /^(keys|values|entries)$/.test((callee.property as Identifier).name)
  }

  private isTarget(member: MemberExpression): boolean {
    const parent = this.parents.get(member)
    switch (parent?.type) {
      case 'AssignmentExpression':
        return parent.left === member
      case 'UpdateExpression':
      case 'ArrayPattern':
      case 'AssignmentPattern':
      case 'RestElement':
        return true
      case 'ForInStatement':
      case 'ForOfStatement':
        return parent.left === member
      case 'UnaryExpression':
        return parent.operator === 'delete'
      case 'Property':
        return this.parents.get(parent)?.type === 'ObjectPattern'
      case 'CallExpression':
        return parent.callee === member
      default:
        return false
    }
  }
}

function literalOf(value: Value | undefined): string | undefined {
  if (typeof value === 'boolean') return String(value)
  if (value === undefined || Number.isNaN(value) || Object.is(value, -0)) return undefined
  return String(value).replace('Infinity', '1e999')
}

/**
 * Whether a literal is possible there: not as a name, not where its first or last character would
 * join a neighbor.
 */
function mayStand(text: string, node: Node, parent: Node, { script }: ParsedScript): boolean {
  const { start, end } = node as Positioned<Node>
  if (/[\r\n]/.test(script.slice(start, end))) return false
  switch (parent.type) {
    case 'ExportSpecifier':
      return false
    case 'Property':
      return !parent.shorthand
    case 'MemberExpression':
      return parent.object !== node
    case 'BinaryExpression':
      return parent.operator !== '**' || !text.startsWith('-')
    case 'AssignmentExpression':
      return parent.left !== node
    case 'UnaryExpression':
    case 'UpdateExpression':
      return (
        !text.startsWith('-') && parent.type === 'UnaryExpression' && parent.operator !== 'typeof'
      )
    default:
      return true
  }
}
