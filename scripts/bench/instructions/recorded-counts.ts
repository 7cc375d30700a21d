/** The instruction counts of docs/instructions.json, and how counts of now compare with them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../../guest/build-image.ts'
import type { InstructionFigure } from './count-instructions.ts'

export const RECORD_PATH = join(ROOT, 'docs/instructions.json')

/** How much worse a figure may be than the recorded one. */
const TOLERANCE = 0.03

/**
 * Cases that execute the same in each run, within a percent. Transfers do not: how many bytes a
 * frame has is the host's doing; and of a flood the host drops some.
 */
export const HELD_CASES: readonly string[] = [
  'TCP echo',
  'HTTP, kept connection',
  'HTTP, a new connection each',
]

export interface RecordedCount {
  readonly name: string
  readonly unit: string
  readonly instructions: number
  readonly layers: Readonly<Record<string, number>>
}

export function readRecord(): RecordedCount[] {
  return JSON.parse(readFileSync(RECORD_PATH, 'utf8')) as RecordedCount[]
}

/** The file's text; functions are left out, since they are another list in each commit. */
export function formatRecord(figures: readonly InstructionFigure[]): string {
  const counts: RecordedCount[] = figures.map(({ name, unit, instructions, layers }) => {
    return { name, unit, instructions, layers }
  })
  return `${JSON.stringify(counts, null, 2)}\n`
}

/** A line for each held case that costs more than it may; empty = all is well. */
export function findRegressions(
  figures: readonly Pick<InstructionFigure, 'name' | 'instructions'>[],
  record: readonly Pick<RecordedCount, 'name' | 'instructions'>[],
): string[] {
  const lines: string[] = []
  for (const { name, instructions } of figures) {
    if (!HELD_CASES.includes(name)) continue
    const recorded = record.find((one) => one.name === name)
    if (recorded === undefined) {
      lines.push(`${name}: not recorded in docs/instructions.json`)
      continue
    }
    const more = instructions / recorded.instructions - 1
    if (more <= TOLERANCE) continue
    const percent = (100 * more).toFixed(1)
    lines.push(`${name}: ${instructions} instructions, ${percent} % above ${recorded.instructions}`)
  }
  return lines
}
