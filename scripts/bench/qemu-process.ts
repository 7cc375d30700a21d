/** What the host's kernel knows of a QEMU process: its memory and its processor time. */
import { readFileSync } from 'node:fs'
import type { Vm } from 'qemu-runner'

export function residentMiB(vm: Vm): number {
  const status = readFileSync(`/proc/${vm.pid}/status`, 'utf8')
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(status)
  if (match === null) throw new Error(`Cannot read the memory of QEMU: ${status.slice(0, 80)}`)
  return Number(match[1]) / 1024
}

/** The kernel counts in ticks of 10 ms (USER_HZ is 100 on every Linux). */
const MS_PER_TICK = 10

/**
 * User and system time of QEMU so far: fields 14 and 15 of its stat file, counted after the name.
 */
export function processorMs(vm: Vm): number {
  const stat = readFileSync(`/proc/${vm.pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK
}
