/**
 * The guest's processor and the twin's have one of the machine's to themselves; the path, QEMU's
 * other threads and the far end have the others.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { requireExecutable, type Vm } from 'qemu-runner'

export interface ProcessorPlan {
  readonly guest: number
  readonly others: readonly number[]
}

/**
 * A relay that wakes on the guest's processor, which is what a scheduler likes, takes a fifth of it
 * away. Undefined: there is but one, which all share.
 */
export function planProcessors(allowed: readonly number[]): ProcessorPlan | undefined {
  const [guest, ...others] = allowed
  return guest === undefined || others.length === 0 ? undefined : { guest, others }
}

/** Of this process, as the kernel lists them: `0-2,5`. */
export function allowedProcessors(
  status = readFileSync('/proc/self/status', 'utf8'),
): readonly number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? ''
  return list.split(',').flatMap((range) => {
    const [first = Number.NaN, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
}

/** Moves this process, and with it whatever it starts from now on. */
export function moveThisProcess(processors: readonly number[]): void {
  place(process.pid, processors)
}

/** Moves the thread that runs the guest, once it is there. */
export async function moveGuest(vm: Vm, plan: ProcessorPlan): Promise<void> {
  for (const { 'thread-id': thread } of await vm.qmp.execute('query-cpus-fast')) {
    place(thread, [plan.guest])
  }
}

/** All threads of a process, or a single thread of another. */
function place(id: number, processors: readonly number[]): void {
  const scope = id === process.pid ? '-apc' : '-pc'
  execFileSync(requireExecutable('taskset'), [scope, processors.join(','), String(id)])
}
