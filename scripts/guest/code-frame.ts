/**
 * The lines of source around a place in a stack trace, the spot marked: what a person looks for
 * next.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { ROOT } from './build-image.ts'

const LINES_BEFORE = 2
const LINES_AFTER = 1

/** `place` is FILE:LINE:COLUMN, relative to the project; undefined when there is no such line. */
export function codeFrame(place: string): string | undefined {
  const match = /^(.+):(\d+):(\d+)$/.exec(place)
  if (match === null) return undefined
  const line = Number(match[2])
  let source: string[]
  try {
    source = readFileSync(resolve(ROOT, match[1]!), 'utf8').split('\n')
  } catch {
    return undefined
  }
  if (line > source.length) return undefined
  const first = Math.max(1, line - LINES_BEFORE)
  const last = Math.min(source.length, line + LINES_AFTER)
  const width = String(last).length
  const rows: string[] = []
  for (let number = first; number <= last; number++) {
    const mark = number === line ? '>' : ' '
    rows.push(`${mark} ${String(number).padStart(width)} | ${source[number - 1]}`.trimEnd())
    if (number === line) {
      const before = source[number - 1]!.slice(0, Number(match[3]) - 1).replace(/[^\t]/g, ' ')
      rows.push(`  ${' '.repeat(width)} | ${before}^`)
    }
  }
  return rows.join('\n')
}
