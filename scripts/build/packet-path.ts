/**
 * The functions that small requests and transfers run, as counted: what is inlined for its speed
 * whatever its size. A function that is not there costs time; one that is there and gone costs
 * nothing.
 */
import { readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping'
import type { Node } from 'estree'
import { LineTable } from './line-table.ts'
import {
  FUNCTIONS,
  type ParsedScript,
  type Positioned,
  parseScript,
  visitChildren,
} from './parsed-script.ts'

export const PACKET_PATH = join(import.meta.dirname, 'packet-path.json')

export interface PacketPathOptions {
  readonly bundle: string
  readonly sourceMap: string
  /** The file of the bundle. */
  readonly path: string
  readonly root: string
}

/** Offsets in the bundle where those functions begin. */
export function packetPath(options: PacketPathOptions): Set<number> {
  const names = JSON.parse(readFileSync(PACKET_PATH, 'utf8')) as string[]
  return new Set(nodesOf(options, names).nodes.map((node) => (node as Positioned<Node>).start))
}

/** Of the functions with these names: of a method where its name begins, as bytecode has it. */
export function functionPlaces(options: PacketPathOptions, names: readonly string[]): Set<number> {
  const { nodes, parents } = nodesOf(options, names)
  return new Set(
    nodes.map((node) => {
      const parent = parents.get(node)
      const whole = parent?.type === 'MethodDefinition' ? parent : node
      return (whole as Positioned<Node>).start
    }),
  )
}

function nodesOf(
  options: PacketPathOptions,
  listed: readonly string[],
): { nodes: Node[]; parents: ParsedScript['parents'] } {
  const names = new Set(listed)
  const map = new TraceMap(options.sourceMap)
  const table = new LineTable(options.bundle)
  const parsed = parseScript(options.bundle)
  const nodes: Node[] = []
  visitChildren(parsed.program, function visit(node: Node) {
    if (FUNCTIONS.test(node.type)) {
      const { line, column } = table.positionOf((node as Positioned<Node>).start)
      const { source } = originalPositionFor(map, { line: line + 1, column })
      const name = functionName(node, parsed)
      if (source !== null && name !== undefined) {
        const file = relative(options.root, resolve(dirname(options.path), source))
        if (names.has(`${name} ${file}`)) nodes.push(node)
      }
    }
    visitChildren(node, visit)
  })
  return { nodes, parents: parsed.parents }
}

/** As the engine calls it. */
function functionName(node: Node, { parents, script }: ParsedScript): string | undefined {
  if (node.type === 'FunctionDeclaration') return node.id.name.replace(/(?<=[a-z])\d+$/, '')
  const parent = parents.get(node)
  if (parent?.type !== 'MethodDefinition') return undefined
  const { start, end } = parent.key as Positioned<Node>
  const name = script.slice(start, end)
  return parent.kind === 'get' ? `get ${name}` : name
}
