/** For tests: programs without types, inlined as if TypeScript had told what their members are. */
import { inlineCalls } from './inline-calls.ts'
import { InlinedCalls } from './inlined-calls.ts'
import type { Member, MemberTypes } from './member-types.ts'
import { MovedScript } from './moved-script.ts'
import { type Positioned, parseProgram, visitChildren } from './parsed-script.ts'

/**
 * As TypeScript would say it of a program in which each object is of the first class that has the
 * member.
 */
function typesByName(script: string): MemberTypes {
  const types = new Map<number, Member>()
  const defined = new Set<string>()
  visitChildren(parseProgram(script), function visit(node) {
    if (node.type === 'MemberExpression' || node.type === 'MethodDefinition') {
      const name = node.type === 'MemberExpression' ? node.property : node.key
      if (!node.computed && name.type === 'Identifier') {
        const isPrivate = name.name.startsWith('own')
        const isFirst = node.type === 'MemberExpression' || !defined.has(name.name)
        if (node.type === 'MethodDefinition') defined.add(name.name)
        const key = isFirst ? name.name : `another ${name.name}`
        types.set((name as Positioned<typeof name>).start, { key, isPrivate, isMade: false })
      }
    }
    visitChildren(node, visit)
  })
  return types
}

export function inlined(script: string): MovedScript {
  return inlineCalls(MovedScript.of(script, new InlinedCalls()), typesByName(script))
}
