/** The table of positions, read back the way boot/engine/position-map.c reads it. */
import { transformSync } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { encodePositionMap } from './position-map.ts'

interface Position {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** Line and column from 1, as the engine reports them. */
function lookUp(table: Uint8Array, line: number, column: number): Position | undefined {
  const bytes = Buffer.from(table)
  const [lineCount, entryCount, stringCount, callCount, spanCount] = [4, 8, 12, 16, 20].map((at) =>
    bytes.readUInt32LE(at),
  ) as [number, number, number, number, number]
  const entries = 24 + 4 * (lineCount + 1)
  const calls = entries + 8 * entryCount
  const spans = calls + 12 * callCount
  const offsets = spans + 8 * spanCount
  const strings = offsets + 4 * (stringCount + 1)
  if (line > lineCount) return undefined
  let found: number | undefined
  for (let i = bytes.readUInt32LE(20 + 4 * line); i < bytes.readUInt32LE(24 + 4 * line); i++) {
    if (bytes.readUInt16LE(entries + 8 * i) <= column - 1) found = entries + 8 * i
  }
  if (found === undefined) return undefined
  const source = bytes.readUInt16LE(found + 2)
  const position = bytes.readUInt32LE(found + 4)
  const [start, end] = [0, 4].map((more) => bytes.readUInt32LE(offsets + 4 * source + more)) as [
    number,
    number,
  ]
  const file = bytes.toString('utf8', strings + start, strings + end)
  return { file, line: (position >>> 12) + 1, column: (position & 4095) + 1 }
}

function tableOf(text: string, file: string): { code: string; table: Uint8Array } {
  const { code, map } = transformSync(text, { loader: 'ts', sourcemap: true, sourcefile: file })
  const options = { mapDirectory: '/repo/build/x86_64', root: '/repo' }
  return { code, table: encodePositionMap({ sourceMap: map, ...options }) }
}

describe('encodePositionMap', () => {
  it('leads from a call in the bundle to its line and column in TypeScript', () => {
    const text =
      'interface Gone { x: number }\n\nexport function f(a: Gone) {\n  return g(a.x)\n}\n'
    const { code, table } = tableOf(text, '../../net/wire/f.ts')
    const lines = code.split('\n')
    const line = lines.findIndex((l) => l.includes('g(a.x)')) + 1
    const column = lines[line - 1]!.indexOf('g(a.x)') + 1
    expect(lookUp(table, line, column)).toEqual({ file: 'net/wire/f.ts', line: 4, column: 10 })
  })

  it('names sources relative to the repository, and by their full path outside of it', () => {
    expect(lookUp(tableOf('f()', '../../kernel/a.ts').table, 1, 1)?.file).toBe('kernel/a.ts')
    expect(lookUp(tableOf('f()', '/home/me/app.ts').table, 1, 1)?.file).toBe('/home/me/app.ts')
  })

  it('takes the last position at or before a column', () => {
    const { table } = tableOf('aaa();bbb()', '../../k.ts')
    expect(lookUp(table, 1, 2)?.column).toBe(1)
    expect(lookUp(table, 2, 1)?.column).toBe(7)
  })

  it('has nothing for lines behind the end of the bundle', () => {
    const { code, table } = tableOf('f()', '../../k.ts')
    expect(lookUp(table, code.split('\n').length + 5, 1)).toBeUndefined()
  })

  it('writes columns and lines that do not fit as the largest that do', () => {
    const text = `${' '.repeat(5000)}f()`
    const { table } = tableOf(text, '../../k.ts')
    expect(lookUp(table, 1, 1)?.column).toBe(4096)
  })
})
