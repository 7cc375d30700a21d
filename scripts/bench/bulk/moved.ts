/** What a measurement moved, in how long, and what QEMU spent on it. */
import type { Vm } from 'qemu-runner'
import { RunError } from '../../guest/run-error.ts'
import { processorMs } from '../qemu-process.ts'
import type { BulkFigure } from './bulk-rows.ts'

export type Moved = Pick<BulkFigure, 'moved' | 'elapsedMs'>

export async function metered(
  vm: Vm,
  work: () => Promise<Moved>,
): Promise<Moved & { processorMs: number }> {
  const beforeMs = processorMs(vm)
  const moved = await work()
  return { ...moved, processorMs: processorMs(vm) - beforeMs }
}

/** "MOVED MICROSECONDS …", as the programs beside the limit guest print it. */
export function parseMoved(text: string): Moved {
  const [moved, microseconds] = text.trim().split(' ').map(Number)
  if (!(moved! > 0) || !(microseconds! > 0)) {
    throw new RunError(
      `Cannot count this run: nothing was moved (${text.trim() || 'no word'})`,
      'make test, to see which part is broken',
    )
  }
  return { moved: moved!, elapsedMs: microseconds! / 1000 }
}
