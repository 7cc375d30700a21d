/**
 * The part of a source map that tells which inlined calls each position of a bundle stands in:
 * `x_inlined`, a field of our own beside those of the standard, which the position tables and the
 * debugger read.
 */
import { LineTable } from './line-table.ts'
import type { MovedScript } from './moved-script.ts'

/** Lines and columns are counted from 0, as in a source map. */
export interface MappedCall {
  readonly name: string
  /** Where it is called: index of the source, line and column. */
  readonly at: readonly [number, number, number]
  /** Number of the inlined call around it, 0 for none; numbers are indices from 1 on. */
  readonly outer: number
  /** Its variables are called `name$suffix`. */
  readonly suffix: number
  readonly parameters: readonly string[]
  /**
   * Parameters, or `this`, without a variable of their own, to a name or a literal of what is
   * around it.
   */
  readonly aliases: Readonly<Record<string, string>>
}

export interface InlinedMap {
  readonly calls: readonly MappedCall[]
  /**
   * Line, column and number of a call: what stands from there on to the next is a part of it; 0 is
   * none.
   */
  readonly spans: readonly (readonly [number, number, number])[]
}

type Find = (origin: number) => readonly [number, number, number] | undefined

/** `find` tells source, line and column of an offset in the bundle. */
export function inlinedMap(moved: MovedScript, find: Find): InlinedMap {
  const table = new LineTable(moved.text)
  const numbers = new Map<number, number>([[0, 0]])
  const calls: MappedCall[] = []
  const numberOf = (call: number): number => {
    const known = numbers.get(call)
    if (known !== undefined) return known
    const { origin, outer, aliases, ...rest } = moved.calls.get(call)
    const outerNumber = numberOf(outer)
    const at = find(origin) ?? [0, 0, 0]
    calls.push({ ...rest, at, outer: outerNumber, aliases: Object.fromEntries(aliases) })
    numbers.set(call, calls.length)
    return calls.length
  }
  const spans: [number, number, number][] = []
  let last = 0
  for (const { at, call } of moved.runs) {
    const number = numberOf(call)
    if (number === last) continue
    const { line, column } = table.positionOf(at)
    spans.push([line, column, number])
    last = number
  }
  return { calls, spans }
}
