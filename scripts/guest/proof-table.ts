/** The proof of the offload as a table: what moved, in how many frames, how fast, and the ratio. */
import type { Movement } from './prove-offload.ts'
import { formatBytes, formatTable, gigabitsPerSecond } from './text-table.ts'

/**
 * `plain` are the same movements by a guest without offload; empty when there is none to compare
 * with.
 */
export function formatComparison(
  movements: readonly Movement[],
  plain: readonly Movement[],
): string {
  const header = ['', 'bytes', 'frames', 'largest frame', 'Gbit/s', 'ratio']
  const rows: string[][] = []
  for (const movement of movements) {
    const other = plain.find(
      ({ direction, family }) => direction === movement.direction && family === movement.family,
    )
    const ratio = other === undefined ? '' : (rate(movement) / rate(other)).toFixed(1)
    rows.push([...row(movement, ''), ratio])
    if (other !== undefined) rows.push([...row(other, ', offload=none'), '1.0'])
  }
  return [
    formatTable(header, rows),
    'Frames are those between guest and device that carry the data, counted outside the guest.',
    '',
  ].join('\n')
}

function row(movement: Movement, note: string): string[] {
  return [
    `${movement.direction}, ${movement.family}${note}`,
    formatBytes(movement.bytes),
    String(movement.frames),
    String(movement.largestFrame),
    rate(movement).toFixed(3),
  ]
}

function rate({ bytes, elapsedMs }: Movement): number {
  return gigabitsPerSecond(bytes, elapsedMs)
}
