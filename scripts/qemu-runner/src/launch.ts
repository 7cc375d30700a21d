/** The front door: decides the accelerator, then starts QEMU. */
import { acceleratorOf } from './accelerator.ts'
import { checkOptions } from './check-options.ts'
import type { VmOptions } from './options.ts'
import { type LaunchHooks, startVm } from './start-vm.ts'
import type { Vm } from './vm.ts'

/**
 * Resolves when QEMU runs and its monitor answers; the guest may have booted by then. Throws
 * LaunchError, MissingToolError or AcceleratorError.
 */
export async function launch(options: VmOptions, hooks: LaunchHooks = {}): Promise<Vm> {
  // Before the proof of KVM, which takes seconds where it fails.
  checkOptions(options)
  const accelerator = await acceleratorOf(options, 'tcg')
  return startVm(options, accelerator, hooks)
}
