/**
 * Text that a pass has moved leads back to the TypeScript it was written in, and to the calls that
 * it stands in.
 */
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping'
import { transformSync } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { inlineCalls } from './inline-calls.ts'
import { InlinedCalls } from './inlined-calls.ts'
import type { InlinedMap } from './inlined-map.ts'
import { LineTable } from './line-table.ts'
import { moveMap } from './moved-map.ts'
import { MovedScript } from './moved-script.ts'

const SOURCE = `interface Ring { readonly start: number; readonly list: number[] }
function wrap(ring: Ring, at: number): number {
  if (at < 0) {
    throw new RangeError('too small')
  }
  return at - ring.start
}
function pick(ring: Ring, at: number): number {
  const index = wrap(ring, at)
  return ring.list[index]!
}
export function run(ring: Ring): number {
  console.log('before')
  const found = pick(ring, 7)
  return found + 1
}
`

const { code, map } = transformSync(SOURCE, {
  ...{ loader: 'ts', sourcemap: true, sourcefile: 'ring.ts' },
})
const moved = inlineCalls(MovedScript.of(code, new InlinedCalls()), new Map())
const movedMap = moveMap(code, map, moved)
const trace = new TraceMap(movedMap)

function lineOf(text: string): number {
  expect(moved.text.split(text)).toHaveLength(2)
  const { line, column } = new LineTable(moved.text).positionOf(moved.text.indexOf(text))
  return originalPositionFor(trace, { line: line + 1, column }).line!
}

describe('moveMap', () => {
  it('has one function left of three, with every statement where it was written', () => {
    expect(moved.text.match(/function/g)).toHaveLength(1)
    const written = SOURCE.split('\n')
    for (const text of ["new RangeError('too small')", '.list[', 'ring.start', "log('before')"]) {
      const inBundle = text.replaceAll("'", '"')
      const expected = written.findIndex((line) => line.includes(text)) + 1
      expect(lineOf(inBundle), text).toBe(expected)
    }
  })

  it('gives columns as well, of what follows moved text on its line', () => {
    const { line, column } = new LineTable(moved.text).positionOf(moved.text.indexOf('found + 1'))
    expect(originalPositionFor(trace, { line: line + 1, column })).toMatchObject({
      ...{ line: 15, column: 9, source: 'ring.ts' },
    })
  })

  it('tells the calls around inlined text, the innermost last, and where they were made', () => {
    const { calls, spans } = (JSON.parse(movedMap) as { x_inlined: InlinedMap }).x_inlined
    const { line, column } = new LineTable(moved.text).positionOf(moved.text.indexOf('throw'))
    const span = spans.findLast(([at, from]) => at < line || (at === line && from <= column))!
    const inner = calls[span[2] - 1]!
    expect(inner).toMatchObject({ name: 'wrap', at: [0, 8, 16], parameters: ['ring', 'at'] })
    expect(inner.aliases).toEqual({ ring: 'ring', at: '7' })
    expect(calls[inner.outer - 1]).toMatchObject({ name: 'pick', at: [0, 13, 16], outer: 0 })
    // Numbers grow inwards: who follows them outwards comes to an end.
    calls.forEach(({ outer }, index) => {
      expect(outer).toBeLessThanOrEqual(index)
    })
  })
})
