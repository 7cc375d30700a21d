/**
 * Where a call stands, and whether what it does may be done ahead of the statement that it is a
 * part of.
 */
import type { Scope } from 'eslint-scope'
import type { Node, SimpleCallExpression, Statement } from 'estree'
import { changesLocals, mobilityOf } from './argument-movement.ts'
import type { Positioned } from './parsed-script.ts'

export interface CallSite {
  readonly statement: Positioned<Statement>
  /**
   * What becomes of the result: the statement is nothing but the call, returns it, declares a
   * variable by it, or more.
   */
  readonly use: 'none' | 'returned' | 'declared' | 'part'
  /** The statement has no block of its own: `if (a) f();`. */
  readonly needsBlock: boolean
  readonly isInLoop: boolean
}

type Parents = Map<Node, Node>
/**
 * Whether nothing that a call does can change what an expression is worth, and it does nothing
 * itself.
 */
export type IsStill = (node: Node) => boolean

/** Undefined where something is evaluated before the call, or the call may be left out. */
export function siteOf(
  call: SimpleCallExpression,
  parents: Parents,
  isStill: IsStill,
): CallSite | undefined {
  let node: Node = call
  let parent = parents.get(node)
  for (; parent !== undefined && !isHome(parent); parent = parents.get(parent)) {
    if (!isFirstIn(parent, node, isStill)) return undefined
    node = parent
  }
  if (parent === undefined || !HOMES.test(parent.type)) return undefined
  if (parent.type === 'VariableDeclaration' && parent.declarations[0] !== node) return undefined
  if (parent.type === 'IfStatement' && parent.test !== node) return undefined
  if (parent.type === 'SwitchStatement' && parent.discriminant !== node) return undefined
  const outer = parents.get(parent)
  const isInBlock = outer !== undefined && /^(BlockStatement|Program|SwitchCase)$/.test(outer.type)
  if (!isInBlock && !canHaveBlock(parent, outer)) return undefined
  return {
    statement: parent as Positioned<Statement>,
    use: useOf(call, parent, node),
    needsBlock: !isInBlock,
    isInLoop: isInLoop(parent, parents),
  }
}

const HOMES = /^((Expression|Return|Throw|If|Switch)Statement|VariableDeclaration)$/

function isHome(node: Node): boolean {
  return HOMES.test(node.type) || /Statement$|^Arrow/.test(node.type)
}

function canHaveBlock(statement: Node, outer: Node | undefined): boolean {
  if (statement.type === 'VariableDeclaration') return false
  return outer !== undefined && /^(If|For|ForIn|ForOf|While|DoWhile)Statement$/.test(outer.type)
}

function useOf(call: Node, statement: Node, child: Node): CallSite['use'] {
  if (statement.type === 'ExpressionStatement' && child === call) return 'none'
  if (statement.type === 'ReturnStatement' && child === call) return 'returned'
  if (statement.type !== 'VariableDeclaration' || statement.declarations.length > 1) return 'part'
  const { id, init } = statement.declarations[0]!
  return id.type === 'Identifier' && init === call ? 'declared' : 'part'
}

/** Whether a child is evaluated always, and before anything of its parent that matters. */
function isFirstIn(parent: Node, child: Node, isStill: IsStill): boolean {
  switch (parent.type) {
    case 'BinaryExpression':
      return parent.left === child || isStill(parent.left)
    case 'LogicalExpression':
      return parent.left === child
    case 'ConditionalExpression':
      return parent.test === child
    case 'UnaryExpression':
      return parent.operator !== 'delete' && parent.operator !== 'typeof'
    case 'SequenceExpression':
      return parent.expressions[0] === child
    case 'MemberExpression':
      return parent.object === child ? !parent.optional : isStill(parent.object)
    case 'CallExpression':
    case 'NewExpression': {
      if (parent.type === 'CallExpression' && parent.optional) return false
      const at = parent.arguments.indexOf(child as never)
      return at >= 0 && isStill(parent.callee) && parent.arguments.slice(0, at).every(isStill)
    }
    case 'ArrayExpression': {
      const at = parent.elements.indexOf(child as never)
      return parent.elements.slice(0, at).every((it) => it !== null && isStill(it))
    }
    case 'AssignmentExpression': {
      if (parent.right !== child || /^(&&|\|\||\?\?)=$/.test(parent.operator)) return false
      const { left } = parent
      if (left.type === 'Identifier') return parent.operator === '=' || isStill(left)
      return (
        left.type === 'MemberExpression' &&
        !left.computed &&
        parent.operator === '=' &&
        isStill(left.object)
      )
    }
    case 'VariableDeclarator':
      return parent.init === child && parent.id.type === 'Identifier'
    case 'AwaitExpression':
      return true
    default:
      return false
  }
}

function isInLoop(node: Node, parents: Parents): boolean {
  for (let outer = parents.get(node); outer !== undefined; outer = parents.get(outer)) {
    if (/^(For|ForIn|ForOf|While|DoWhile)Statement$/.test(outer.type)) return true
    if (/Function/.test(outer.type)) return false
  }
  return false
}

/**
 * What stands still while a call is made: literals, `this`, and names that only their own function
 * sets, unless the call's own arguments may do so.
 */
export function stillness(
  call: SimpleCallExpression,
  scopeOf: (node: Node) => Scope,
  isMethod: IsStill,
): IsStill {
  const isChanging = [call.callee, ...call.arguments].some(changesLocals)
  return function isStill(node): boolean {
    if (node.type === 'MemberExpression') return isMethod(node) && isStill(node.object)
    const mobility = mobilityOf(node, scopeOf(node))
    return mobility === 'fixed' || (mobility === 'local' && !isChanging)
  }
}
