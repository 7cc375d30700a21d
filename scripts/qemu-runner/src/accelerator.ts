/**
 * Chooses KVM or TCG by evidence: a 64-bit guest must report back from KVM before it is trusted.
 */
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeExit } from './exit-info.ts'
import { LaunchError } from './launch-error.ts'
import type {
  AcceleratorChoice,
  AcceleratorProof,
  AcceleratorRequest,
  VmOptions,
} from './options.ts'
import { buildProbeImage } from './probe-image.ts'
import { startVm } from './start-vm.ts'

/** KVM was demanded and cannot be had. */
export class AcceleratorError extends Error {
  override readonly name = 'AcceleratorError'
}

const DEFAULT_DEADLINE_MS = 5_000
const proofs = new Map<string, Promise<AcceleratorChoice>>()

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

/** What a guest of these options runs under; `fallback` when they do not say. */
export function acceleratorOf(
  options: VmOptions,
  fallback: AcceleratorRequest,
): Promise<AcceleratorChoice> {
  const { architecture = 'x86_64', accel = fallback, accelProof } = options
  if (architecture === 'x86_64') return chooseAccelerator(accel, accelProof)
  return Promise.resolve({ accelerator: 'tcg', why: `the guest is of ${architecture}` })
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
  const deadlineMs = proof.deadlineMs ?? DEFAULT_DEADLINE_MS
  const failure = await bootProof(proof, deadlineMs)
  return failure === undefined
    ? { accelerator: 'kvm', why: 'a 64-bit guest reported back from KVM' }
    : {
        accelerator: 'tcg',
        why: `${device} opens, but a 64-bit guest under KVM failed: ${failure}`,
      }
}

/** Undefined when the guest came back; else what went wrong. */
async function bootProof(proof: AcceleratorProof, deadlineMs: number): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'qemu-runner-'))
  try {
    let guest = proof.guest
    if (guest === undefined) {
      const kernel = join(folder, 'probe.elf')
      writeFileSync(kernel, buildProbeImage())
      guest = { kernel }
    }
    const choice: AcceleratorChoice = { accelerator: 'kvm', why: 'proof' }
    const vm = await startVm({ ...guest, timeoutMs: deadlineMs }, choice)
    const exit = await vm.exited
    if (exit.kind === 'clean') return undefined
    if (exit.kind === 'timeout') return `no sign of life within ${deadlineMs} ms`
    const kvmLine = vm.stderr.split('\n').find((line) => /kvm/i.test(line))
    return kvmLine ?? describeExit(exit)
  } catch (error) {
    if (!(error instanceof LaunchError)) throw error
    const [line] = error.message.split('\n')
    return line?.replace('Cannot launch the guest: ', '') ?? error.message
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
