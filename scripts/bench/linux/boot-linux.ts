/**
 * Boots the Linux guest like the image: same QEMU, machine, processor, TAP and device; only more
 * memory.
 */
import {
  describeExit,
  GuestWaitError,
  LaunchError,
  launch,
  type TapNetwork,
  type Vm,
} from 'qemu-runner'
import { FIRMWARE, Q35_PROPERTIES } from '../../guest/boot-guest.ts'
import { RunError } from '../../guest/run-error.ts'
import type { LinuxImage } from './build-linux-guest.ts'

/**
 * Kernel and initramfs need more than Eremite's 64, and Linux sizes its TCP buffers by the memory
 * it has: with 128 it would stop at 400 KiB a socket.
 */
export const LINUX_MEMORY_MIB = 256
const READY_TIMEOUT_MS = 180_000
const READY_LINE = /linux-guest: ready, Linux (\S+)/

/**
 * Linux at its best under TCG. `clearcpuid`: QEMU announces fast string moves, which its translator
 * does octet by octet; without them Linux copies by eights, twice as fast for all that iperf3 does.
 * `mitigations`: none against processors that leak, since Eremite has none either. `tsc`: no
 * watchdog over a clock that is right. `panic`: an end instead of a wait when init fails.
 */
export function linuxCommandLine(
  addresses: Readonly<Record<string, string>>,
): Record<string, string | boolean> {
  return {
    console: 'ttyS0',
    quiet: true,
    mitigations: 'off',
    clearcpuid: 'erms,fsrm',
    tsc: 'reliable',
    panic: '-1',
    ...addresses,
  }
}

/** Resolves when the guest says that it serves. Throws RunError with its last words. */
export async function bootLinux(
  image: LinuxImage,
  network: TapNetwork,
  addresses: Readonly<Record<string, string>>,
): Promise<Vm> {
  const vm = await launchLinux(image, network, addresses)
  try {
    await vm.console.expect(READY_LINE, { timeoutMs: READY_TIMEOUT_MS, from: 'start' })
    return vm
  } catch (error) {
    const end =
      vm.exit === undefined
        ? `not ready within ${READY_TIMEOUT_MS / 1000} s`
        : describeExit(vm.exit)
    const words = vm.console.tail(6).trim().split('\n').join(' | ')
    await vm.close()
    if (!(error instanceof GuestWaitError)) throw error
    throw new RunError(
      `Cannot boot the Linux guest: ${end}; it said: ${words || 'nothing'}`,
      'delete the cached packages (linux-guest in the cache directory) and run again',
    )
  }
}

async function launchLinux(
  image: LinuxImage,
  network: TapNetwork,
  addresses: Readonly<Record<string, string>>,
): Promise<Vm> {
  try {
    return await launch({
      kernel: image.kernel,
      initrd: image.initrd,
      machine: 'q35',
      machineProperties: Q35_PROPERTIES,
      bios: FIRMWARE,
      accel: 'tcg',
      memoryMiB: LINUX_MEMORY_MIB,
      network: [network],
      entropyDevice: true,
      append: linuxCommandLine(addresses),
    })
  } catch (error) {
    if (!(error instanceof LaunchError)) throw error
    throw new RunError(error.message.split('\n')[0]!, 'see QEMU’s words above')
  }
}
