/**
 * KVM that does not work here is tried once since this machine was started, not at every run:
 * finding out takes as long as one is willing to wait for a guest that never answers.
 */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import {
  type AcceleratorChoice,
  type AcceleratorProof,
  type AcceleratorRequest,
  chooseAccelerator,
} from 'qemu-runner'
import { Progress } from '../terminal/progress.ts'

interface Refusal {
  /** What the verdict depends on; another machine, boot or device is asked anew. */
  readonly machine: string
  readonly why: string
}

export interface AcceleratorMemory {
  /** File that holds the verdict. */
  readonly path: string
  /** For tests. */
  readonly choose?: typeof chooseAccelerator
  readonly machine?: () => string
}

/** As chooseAccelerator; `auto` remembers a refusal, `kvm` always asks anew. */
export async function chooseRemembered(
  request: AcceleratorRequest,
  proof: AcceleratorProof,
  memory: AcceleratorMemory,
): Promise<AcceleratorChoice> {
  const machine = (memory.machine ?? thisMachine)()
  if (request === 'auto') {
    const refusal = read(memory.path)
    if (refusal?.machine === machine) {
      return { accelerator: 'tcg', why: `${refusal.why}; ACCEL=kvm tries again` }
    }
  }
  const progress = new Progress('Proving KVM with a 64-bit guest')
  const choose = memory.choose ?? chooseAccelerator
  const choice = await choose(request, proof).finally(() => progress.end())
  if (request === 'auto' && choice.accelerator === 'tcg') {
    writeFileSync(memory.path, JSON.stringify({ machine, why: choice.why }))
  }
  return choice
}

function read(path: string): Refusal | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Refusal
  } catch {
    return undefined
  }
}

/** The boot of this machine, the device as it is, and who asks. */
function thisMachine(): string {
  const device = statSync('/dev/kvm', { throwIfNoEntry: false })
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  const rights = device === undefined ? 'none' : `${device.mode}:${device.uid}:${device.gid}`
  return `${boot} ${rights} ${process.getuid?.()} ${process.getgroups?.().join(',')}`
}
