/** Whether an expression may be put in a place, and whether it needs parentheses there. */
import type { Expression, Node, SimpleCallExpression } from 'estree'

/** What needs no parentheses wherever it is put. */
export const PRIMARY = /^(Identifier|Literal|MemberExpression|CallExpression|ThisExpression)$/

/** Whether a function's expression may be in place of its call. */
export function mayStand(call: SimpleCallExpression, parent: Node, isStatement: boolean): boolean {
  if (isStatement) return parent.type === 'ExpressionStatement'
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

export function needsParentheses(
  body: Expression,
  call: SimpleCallExpression,
  parent: Node,
): boolean {
  // A name may be a parameter, for which a number is put.
  if (PRIMARY.test(body.type)) {
    return parent.type === 'MemberExpression' && /^(Literal|Identifier)$/.test(body.type)
  }
  if (parent.type === 'ExpressionStatement') return false
  if (body.type === 'SequenceExpression') return true
  switch (parent.type) {
    case 'CallExpression':
    case 'NewExpression':
    case 'ReturnStatement':
    case 'IfStatement':
    case 'WhileStatement':
    case 'DoWhileStatement':
    case 'SwitchStatement':
    case 'ArrayExpression':
      return false
    // In the head of a `for`, `in` would end the declaration.
    case 'VariableDeclarator':
      return body.type === 'BinaryExpression' && body.operator === 'in'
    case 'AssignmentExpression':
      return parent.right !== call
    default:
      return true
  }
}
