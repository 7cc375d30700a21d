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
