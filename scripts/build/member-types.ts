/**
 * Asks TypeScript which declaration each member of a bundle means: of `x.m`, and of each method of
 * a class. Two names with one answer are one member, and a program that type-checks has no other.
 */
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping'
import type { Node } from 'estree'
import type { Symbol as TypeScriptSymbol } from 'typescript/unstable/async'
import { LineTable } from './line-table.ts'
import { type Positioned, parseProgram, visitChildren } from './parsed-script.ts'

export interface MemberTypesOptions {
  readonly bundle: string
  readonly sourceMap: string
  /** The file of the bundle: names in the source map are relative to its folder. */
  readonly path: string
  /** Where tsconfig.json lies. */
  readonly root: string
}

export interface Member {
  /** What is the same for all uses of one declaration. */
  readonly key: string
  /** Whether it is declared `private`. */
  readonly isPrivate: boolean
  /** The type of its object is made of the class that declares it, and other objects are of it. */
  readonly isMade: boolean
}

/** By the offset of the member's name in the bundle. */
export type MemberTypes = ReadonlyMap<number, Member>

/**
 * TypeScript's CheckFlags of a member that it has made: for a union or an intersection, or for a
 * mapped type, as `Pick<Class, 'method'>`, for which any object with such a method passes.
 */
const SYNTHETIC = (1 << 1) | (1 << 2)
const MAPPED = 1 << 18

interface Place {
  readonly offset: number
  /** Offset in the TypeScript file. */
  readonly at: number
}

export async function memberTypes(options: MemberTypesOptions): Promise<MemberTypes> {
  const places = findPlaces(options)
  // Not `unstable/sync`, which kills its server: that may then complain of a canceled context.
  const { API } = await import('typescript/unstable/async')
  const api = new API({ cwd: options.root })
  try {
    const configuration = join(options.root, 'tsconfig.json')
    const snapshot = await api.updateSnapshot({ openProjects: [configuration] })
    const [project] = snapshot.getProjects()
    const types = new Map<number, Member>()
    const files = new Set(await project?.program.getSourceFileNames())
    for (const [file, { text, found }] of places) {
      if (project === undefined || !files.has(file)) continue
      const symbols = await project.checker.getSymbolAtPosition(
        file,
        found.map(({ at }) => at),
      )
      symbols.forEach((symbol, index) => {
        const { offset } = found[index]!
        if (symbol === undefined || symbol.declarations.length === 0) return
        const key = keyOf(symbol)
        const isPrivate = isPrivateAt(text, found[index]!.at)
        const isMade = (symbol.checkFlags & (MAPPED | SYNTHETIC)) !== 0
        types.set(offset, { key, isPrivate, isMade })
      })
    }
    return types
  } finally {
    await api.close()
  }
}

function keyOf({ declarations }: TypeScriptSymbol): string {
  return declarations.map(({ path, index }) => `${path}:${index}`).join()
}

/** Of a declaration: whether its name has `private` before it. */
function isPrivateAt(text: string, at: number): boolean {
  return /\bprivate\s+(?:readonly\s+)?(?:get\s+)?$/.test(text.slice(Math.max(0, at - 40), at))
}

function findPlaces(
  options: MemberTypesOptions,
): Map<string, { readonly text: string; readonly found: Place[] }> {
  const map = new TraceMap(options.sourceMap)
  const table = new LineTable(options.bundle)
  const files = new Map<string, { text: string; lines: LineTable; found: Place[] }>()
  const add = (name: Positioned<{ name: string }>) => {
    const { line, column } = table.positionOf(name.start)
    const original = originalPositionFor(map, { line: line + 1, column })
    if (original.source === null) return
    const path = resolve(dirname(options.path), original.source)
    let file = files.get(path)
    if (file === undefined) {
      const text = readFileSync(path, 'utf8')
      file = { text, lines: new LineTable(text), found: [] }
      files.set(path, file)
    }
    const at = file.lines.offsetOf(original.line - 1, original.column)
    if (file.text.startsWith(name.name, at)) file.found.push({ offset: name.start, at })
  }
  visitChildren(parseProgram(options.bundle), function visit(node: Node) {
    if (node.type === 'MemberExpression' || node.type === 'MethodDefinition') {
      const name = node.type === 'MemberExpression' ? node.property : node.key
      if (!node.computed && name.type === 'Identifier') add(name as Positioned<typeof name>)
    }
    visitChildren(node, visit)
  })
  return files
}
