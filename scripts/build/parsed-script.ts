/**
 * A bundle as a syntax tree with resolved names, and edits that leave every position of it where it
 * was.
 */
import { parse } from 'acorn'
import { analyze, type ScopeManager, type Variable } from 'eslint-scope'
import type { Node } from 'estree'

export type Positioned<T> = T & { readonly start: number; readonly end: number }

export interface ParsedScript {
  readonly script: string
  readonly program: Node
  readonly manager: ScopeManager
  readonly parents: Map<Node, Node>
  /** What each name that is declared or used means; absent are globals. */
  readonly variables: Map<Node, Variable>
}

/** Replaces [start, end) by `text`, which is at most as long; spaces make up the rest. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

export const ECMA_VERSION = 2023

export function parseProgram(script: string): Node {
  const options = { ecmaVersion: ECMA_VERSION, sourceType: 'module', ranges: true } as const
  return parse(script, options) as unknown as Node
}

export function parseScript(script: string): ParsedScript {
  const program = parseProgram(script)
  const manager = analyze(program as Parameters<typeof analyze>[0], {
    ecmaVersion: ECMA_VERSION,
    sourceType: 'module',
  })
  const parents = new Map<Node, Node>()
  visitChildren(program, function remember(child, parent) {
    parents.set(child, parent)
    visitChildren(child, remember)
  })
  const variables = new Map<Node, Variable>()
  for (const { references, variables: declared } of manager.scopes) {
    for (const variable of declared) {
      for (const name of variable.identifiers) variables.set(name as unknown as Node, variable)
    }
    for (const { identifier, resolved } of references) {
      if (resolved !== null) variables.set(identifier as unknown as Node, resolved)
    }
  }
  return { script, program, manager, parents, variables }
}

export const FUNCTIONS = /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/

export function visitChildren(node: Node, visit: (child: Node, parent: Node) => void): void {
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof (child as Node | null)?.type === 'string') visit(child as Node, node)
    }
  }
}

export function applyEdits(script: string, edits: readonly Edit[]): string {
  let result = ''
  let at = 0
  for (const { start, end, text } of [...edits].sort((a, b) => a.start - b.start)) {
    if (start < at || text.length > end - start) {
      throw new RangeError(`Cannot put "${text}" in place of ${start} to ${end}`)
    }
    result += script.slice(at, start) + text.padEnd(end - start)
    at = end
  }
  return result + script.slice(at)
}
