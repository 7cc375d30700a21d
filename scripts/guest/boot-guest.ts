/** Boots the image and waits until it is ready; a guest that fails is shown with its last words. */
import { setTimeout as delay } from 'node:timers/promises'
import {
  type AcceleratorProof,
  GuestWaitError,
  LaunchError,
  launch,
  type NetworkOptions,
  type Vm,
  type VmOptions,
} from 'qemu-runner'
import { guestFailure } from './guest-failure.ts'
import { checkReadyEvent, type ReadyEvent } from './ready-event.ts'
import { RunError } from './run-error.ts'

export interface BootedGuest {
  readonly vm: Vm
  readonly ready: ReadyEvent
  /** From starting QEMU to the arrival of `ready`. */
  readonly bootMs: number
}

const READY_TIMEOUT_MS = 30_000
const EXIT_GRACE_MS = 1000

export interface BootRequest
  extends Pick<
    VmOptions,
    'kernel' | 'initrd' | 'machine' | 'accel' | 'memoryMiB' | 'serialPorts' | 'extraArguments'
  > {
  readonly network: NetworkOptions
  readonly append: Readonly<Record<string, string>>
  readonly accelProof?: AcceleratorProof
  readonly onConsoleLine?: (line: string) => void
}

/** A loop that is blocked ends in the guest's own report, with its TypeScript stack. */
export const WATCHDOG_ARGUMENTS = ['-device', 'i6300esb', '-action', 'watchdog=inject-nmi'] as const

/**
 * QEMU's small firmware, which microvm has by default: with SeaBIOS a q35 machine starts a kernel
 * some 80 ms later. The guest itself gives PCI devices their windows.
 */
export const FIRMWARE = 'qboot.rom'

/**
 * No guest of ours has a drive at q35's disk controller, whose buffers for twelve of them are 1.5
 * MiB of the host's memory.
 */
export const Q35_PROPERTIES = { sata: 'off' } as const

export async function bootGuest(request: BootRequest): Promise<BootedGuest> {
  const { network, onConsoleLine, initrd, ...options } = request
  let vm: Vm
  try {
    vm = await launch(
      {
        ...options,
        ...(options.machine === 'microvm' ? {} : { machineProperties: Q35_PROPERTIES }),
        bios: FIRMWARE,
        ...(initrd === undefined ? {} : { initrd }),
        network: [network],
        entropyDevice: true,
      },
      onConsoleLine === undefined ? {} : { onConsoleLine },
    )
  } catch (error) {
    throw launchFailure(error)
  }
  try {
    const { value, receivedAtMs } = await vm.events.once('ready', { timeoutMs: READY_TIMEOUT_MS })
    const ready = checkReadyEvent(value)
    if (ready.network === null) throw withoutNetwork(ready)
    return { vm, ready, bootMs: receivedAtMs - vm.startedAtMs }
  } catch (error) {
    if (error instanceof RunError) await vm.close()
    if (!(error instanceof GuestWaitError)) throw error
    throw await bootFailure(vm)
  }
}

/** A guest that nobody can reach is of no use here, whatever else it does. */
function withoutNetwork({ noNetwork }: ReadyEvent): RunError {
  const why = noNetwork === null ? 'it does not say why' : noNetwork.message
  return new RunError(
    `Cannot use the guest: it has no network: ${why}`,
    'LOG=debug shows which devices it found',
  )
}

/**
 * A panic is told before the guest has gone: it gets a moment to go by itself, so that its exit can
 * be told too.
 */
async function bootFailure(vm: Vm): Promise<RunError> {
  await Promise.race([vm.exited, delay(EXIT_GRACE_MS)])
  await vm.close()
  const isOver = vm.exit !== undefined && vm.exit.kind !== 'stopped'
  const end = isOver ? undefined : `not ready within ${READY_TIMEOUT_MS / 1000} s`
  return guestFailure(vm, 'Cannot boot the guest', end)
}

function launchFailure(error: unknown): unknown {
  if (!(error instanceof LaunchError)) return error
  const portTaken = /Could not set up host forwarding rule '([^']*)'/.exec(error.message)
  if (portTaken !== null) {
    return new RunError(
      `Cannot forward ${portTaken[1]}: the port is in use`,
      'leave PORT= out, and a free one is picked',
    )
  }
  return new RunError(error.message.split('\n')[0]!, 'see QEMU’s words above')
}
