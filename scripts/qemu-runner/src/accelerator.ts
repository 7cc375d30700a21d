/**
 * Chooses KVM or TCG by evidence: a 64-bit guest must report back from KVM before it is trusted.
 */
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describeExit } from './exit-info.ts'
import { LaunchError } from './launch-error.ts'
import type {
  Accelerator,
  AcceleratorChoice,
  AcceleratorProof,
  AcceleratorRequest,
  VmOptions,
} from './options.ts'
import { buildProbeImage } from './probe-image.ts'
import { startVm } from './start-vm.ts'
import type { Vm } from './vm.ts'

/** KVM was demanded and cannot be had. */
export class AcceleratorError extends Error {
  override readonly name = 'AcceleratorError'
}

const DEFAULT_DEADLINE_MS = 5_000
/** What KVM gets beyond TCG's time when that is less: a busy machine is not a slow one. */
const LEAST_PATIENCE_MS = 1_000
const UNPROVED = 'opens, but a 64-bit guest under KVM failed'
const proofs = new Map<string, Promise<AcceleratorChoice>>()
const told = new Set<string>()

/**
 * `auto` and `kvm` prove KVM once a process and guest; `kvm` throws AcceleratorError when that
 * fails.
 */
export async function chooseAccelerator(
  request: AcceleratorRequest,
  proof: AcceleratorProof = {},
): Promise<AcceleratorChoice> {
  if (request === 'tcg') return { accelerator: 'tcg', why: 'asked for' }
  const key = JSON.stringify(proof)
  let running = proofs.get(key)
  if (running === undefined) {
    running = proveKvm(proof)
    proofs.set(key, running)
  }
  const choice = await running
  if (request === 'kvm' && choice.accelerator !== 'kvm') {
    throw new AcceleratorError(`Cannot use KVM: ${choice.why}`)
  }
  return choice
}

/**
 * What a guest of these options runs under; `fallback` when they do not say. KVM that opens and
 * does not work is told of on standard error, once a process.
 */
export async function acceleratorOf(
  options: VmOptions,
  fallback: AcceleratorRequest,
): Promise<AcceleratorChoice> {
  const { architecture = 'x86_64', accel = fallback, accelProof } = options
  if (architecture !== 'x86_64') {
    return { accelerator: 'tcg', why: `the guest is of ${architecture}` }
  }
  const choice = await chooseAccelerator(accel, accelProof)
  if (choice.why.includes(UNPROVED) && !told.has(choice.why)) {
    told.add(choice.why)
    process.stderr.write(`qemu-runner: TCG is used: ${choice.why}\n`)
  }
  return choice
}

async function proveKvm(proof: AcceleratorProof): Promise<AcceleratorChoice> {
  const device = proof.device ?? '/dev/kvm'
  try {
    accessSync(device, constants.R_OK | constants.W_OK)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const why =
      code === 'ENOENT'
        ? `${device} does not exist`
        : `${device} may not be opened by this user (${code}); on Debian: adduser "$USER" kvm`
    return { accelerator: 'tcg', why }
  }
  const failure = await raceProofs(proof, proof.deadlineMs ?? DEFAULT_DEADLINE_MS)
  return failure === undefined
    ? { accelerator: 'kvm', why: 'a 64-bit guest reported back from KVM' }
    : { accelerator: 'tcg', why: `${device} ${UNPROVED}: ${failure}` }
}

/**
 * Undefined when the guest came back from KVM; else what went wrong. The same guest runs under TCG
 * beside it: KVM that is slower than that, as a virtual machine's own may be by orders of
 * magnitude, is of no use, whatever the load.
 */
async function raceProofs(
  proof: AcceleratorProof,
  deadlineMs: number,
): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'qemu-runner-'))
  try {
    let guest = proof.guest
    if (guest === undefined) {
      const kernel = join(folder, 'probe.elf')
      writeFileSync(kernel, buildProbeImage())
      guest = { kernel }
    }
    const [kvm, tcg] = ['kvm', 'tcg'].map(
      (it) => new ProofRun(guest, it as Accelerator, deadlineMs),
    )
    return await judge(kvm!, tcg!, deadlineMs)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function judge(
  kvm: ProofRun,
  tcg: ProofRun,
  deadlineMs: number,
): Promise<string | undefined> {
  try {
    const first = await Promise.race([kvm.ended, tcg.ended.then(() => 'tcg' as const)])
    if (first !== 'tcg') return first.failure
    const { elapsedMs, failure } = await tcg.ended
    // A guest that TCG does not run either says nothing about KVM.
    if (failure !== undefined) return (await kvm.ended).failure
    const patienceMs = Math.max(elapsedMs, LEAST_PATIENCE_MS)
    const second = await Promise.race([
      kvm.ended,
      sleep(patienceMs, 'late' as const, { ref: false }),
    ])
    if (second !== 'late') return second.failure
    const waited = Math.min(Math.round(elapsedMs + patienceMs), deadlineMs)
    return `no sign of life within ${waited} ms, and TCG took ${Math.round(elapsedMs)} ms`
  } finally {
    await Promise.all([kvm.close(), tcg.close()])
  }
}

interface ProofResult {
  readonly elapsedMs: number
  /** Undefined when the guest ended cleanly. */
  readonly failure: string | undefined
}

/** The guest of a proof, once, under one accelerator. */
class ProofRun {
  readonly ended: Promise<ProofResult>
  private readonly deadlineMs: number
  private vm: Vm | undefined

  constructor(guest: NonNullable<AcceleratorProof['guest']>, it: Accelerator, deadlineMs: number) {
    this.deadlineMs = deadlineMs
    const choice: AcceleratorChoice = { accelerator: it, why: 'proof' }
    const beganMs = performance.now()
    const onSpawn = (vm: Vm) => {
      this.vm = vm
    }
    const started = startVm({ ...guest, timeoutMs: deadlineMs }, choice, { onSpawn })
    this.ended = this.run(started).then((failure) => {
      return { elapsedMs: performance.now() - beganMs, failure }
    })
    // Told by whoever waits for it; the other one may be judged first.
    this.ended.catch(() => undefined)
  }

  async close(): Promise<void> {
    await this.vm?.close()
  }

  private async run(started: Promise<Vm>): Promise<string | undefined> {
    try {
      const vm = await started
      const exit = await vm.exited
      if (exit.kind === 'clean') return undefined
      if (exit.kind === 'timeout') return `no sign of life within ${this.deadlineMs} ms`
      const kvmLine = vm.stderr.split('\n').find((line) => /kvm/i.test(line))
      return kvmLine ?? describeExit(exit)
    } catch (error) {
      if (!(error instanceof LaunchError)) throw error
      const [line] = error.message.split('\n')
      return line?.replace('Cannot launch the guest: ', '') ?? error.message
    }
  }
}
