/** Counted instructions as text: a line for each case, and the layers that execute them. */
import type { InstructionFigure } from './count-instructions.ts'

const NUMBER_WIDTH = 11
const SHOWN_LAYERS = 6

export function formatCounts(figures: readonly InstructionFigure[]): string {
  return figures.map(formatCount).join('\n')
}

function formatCount({ name, unit, instructions, layers }: InstructionFigure): string {
  const amount = instructions.toLocaleString('en').padStart(NUMBER_WIDTH)
  const shares = Object.entries(layers)
    .slice(0, SHOWN_LAYERS)
    .map(([layer, executed]) => `${layer} ${Math.round((100 * executed) / instructions)} %`)
  return `${amount}  a ${unit.padEnd(10)}  ${name}: ${shares.join(', ')}`
}
