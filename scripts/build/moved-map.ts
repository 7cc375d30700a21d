/** The source map of a bundle for the text that passes have made of it. */
import { decodedMappings, encodedMappings, TraceMap } from '@jridgewell/trace-mapping'
import { inlinedMap } from './inlined-map.ts'
import { LineTable } from './line-table.ts'
import type { MovedScript } from './moved-script.ts'

type Segment = [number, number, number, number]

/** What of a segment without a name is left; one without a source says nothing. */
function withSource(segments: readonly (readonly number[])[]): Segment[] {
  return segments.filter((it) => it.length >= 4).map((it) => it.slice(0, 4) as Segment)
}

/** The map of `moved`, from that of the bundle that it was made from. */
export function moveMap(bundle: string, sourceMap: string, moved: MovedScript): string {
  const map = JSON.parse(sourceMap) as { names: string[]; mappings: string }
  const old = decodedMappings(new TraceMap(sourceMap)).map(withSource)
  const table = new LineTable(bundle)
  const lines: Segment[][] = [[]]
  let column = 0
  const push = (at: number, [, source, line, character]: Segment) => {
    const last = lines.at(-1)!
    // Of two segments for one column the later one counts.
    if (last.at(-1)?.[0] === at) last.pop()
    const before = last.at(-1)
    if (before?.[1] === source && before[2] === line && before[3] === character) return
    last.push([at, source, line, character])
  }
  moved.runs.forEach(({ at, origin, isMade }, index) => {
    const end = moved.runs[index + 1]?.at ?? moved.text.length
    let { line, column: from } = table.positionOf(origin)
    const first = lastBefore(old[line] ?? [], from)
    if (first !== undefined) push(column, first)
    const texts = moved.text.slice(at, end).split('\n')
    texts.forEach((text, index) => {
      if (index > 0) {
        lines.push([])
        column = 0
        from = 0
        line++
      }
      const shift = column - from
      for (const segment of isMade ? [] : segmentsIn(old[line] ?? [], from, from + text.length)) {
        push(segment[0] + shift, segment)
      }
      column += text.length
    })
  })
  const mappings = encodedMappings(new TraceMap({ ...map, version: 3, mappings: lines } as never))
  const find = (origin: number) => {
    const { line, column } = table.positionOf(origin)
    const [, ...found] = lastBefore(old[line] ?? [], column) ?? []
    return found.length === 3 ? (found as [number, number, number]) : undefined
  }
  return JSON.stringify({ ...map, names: [], mappings, x_inlined: inlinedMap(moved, find) })
}

function lastBefore(segments: readonly Segment[], column: number): Segment | undefined {
  const index = firstFrom(segments, column + 1) - 1
  return segments[index]
}

function segmentsIn(segments: readonly Segment[], from: number, to: number): Segment[] {
  return segments.slice(firstFrom(segments, from), firstFrom(segments, to))
}

/** Index of the first segment that begins at a column or behind it. */
function firstFrom(segments: readonly Segment[], column: number): number {
  let low = 0
  let high = segments.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (segments[middle]![0] < column) low = middle + 1
    else high = middle
  }
  return low
}
