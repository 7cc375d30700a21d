/**
 * Starts QEMU with a decided accelerator: inherited descriptors for QMP, console, events, gdb and
 * LANs; no temporary sockets, no ports.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { buildCommandLine } from './command-line.ts'
import { findExecutable, MissingToolError } from './executables.ts'
import { describeExit } from './exit-info.ts'
import { guarded } from './guarded-command.ts'
import type { Lan } from './lan/lan.ts'
import { LaunchError } from './launch-error.ts'
import type { AcceleratorChoice, TapNetwork, VmOptions } from './options.ts'
import { QmpProtocolError, QmpTimeoutError } from './qmp/client.ts'
import { Vm } from './vm.ts'

export interface LaunchHooks {
  /** Called for every finished console line. */
  onConsoleLine?: (line: string) => void
  /** Called before the monitor answers. */
  onSpawn?: (vm: Vm) => void
  /** How long QEMU's monitor may take to greet. Default 30,000 ms. */
  monitorTimeoutMs?: number
}

const FIRST_DESCRIPTOR = 3

/** Resolves when QEMU runs and its monitor answers; the guest may have booted by then. */
export async function startVm(
  options: VmOptions,
  accelerator: AcceleratorChoice,
  hooks: LaunchHooks = {},
): Promise<Vm> {
  const standard = `qemu-system-${options.architecture ?? 'x86_64'}`
  const binaryName = process.env.QEMU_RUNNER_BINARY ?? options.binary ?? standard
  const binary = findExecutable(binaryName)
  if (binary === undefined) throw new MissingToolError(binaryName)

  let next = FIRST_DESCRIPTOR
  const lans = new Map<number, number>()
  const lanOf = new Map<number, Lan>()
  const descriptors = { qmp: next++, console: next++, events: next++, lans }
  const wantsGdbDescriptor = options.gdb !== undefined && options.gdb.socketPath === undefined
  const gdb = wantsGdbDescriptor ? { gdb: next++ } : {}
  for (const [index, network] of (options.network ?? []).entries()) {
    if (network.kind !== 'lan') continue
    lanOf.set(next, network.lan)
    lans.set(index, next++)
  }
  const qemu = [
    binary,
    ...buildCommandLine(options, accelerator.accelerator, { ...descriptors, ...gdb }),
  ]
  const command = enterNamespace(options, guarded(qemu))
  const [program, ...words] = command
  const startedAtMs = performance.now()
  const child = spawn(program!, words, {
    // Its own session: Ctrl-C on a terminal is for this process to answer.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', ...Array<'pipe'>(next - FIRST_DESCRIPTOR).fill('pipe')],
  })
  // Told by its end; without a listener it would end this process.
  child.on('error', () => undefined)
  const vm = new Vm({
    child,
    command: qemu,
    networks: options.network ?? [],
    disks: options.disks ?? [],
    accelerator,
    qmp: duplex(child, descriptors.qmp),
    console: duplex(child, descriptors.console),
    events: duplex(child, descriptors.events),
    gdb: gdb.gdb === undefined ? undefined : duplex(child, gdb.gdb),
    startedAtMs,
    timeoutMs: options.timeoutMs,
    onConsoleLine: hooks.onConsoleLine,
    monitorTimeoutMs: hooks.monitorTimeoutMs,
  })
  hooks.onSpawn?.(vm)
  for (const [descriptor, lan] of lanOf) lan.attach(duplex(child, descriptor))
  try {
    await vm.qmp.ready
  } catch (error) {
    // A monitor that does not answer, or answers nonsense, is no guest that can be driven: it may
    // run for ever.
    if (error instanceof QmpProtocolError || error instanceof QmpTimeoutError) {
      await vm.close()
      throw new LaunchError(`Cannot launch the guest: ${error.message}\n  ${vm.commandLine}`)
    }
    const exit = await vm.exited
    // A guest that is done before the monitor answers is no failure to launch.
    if (exit.kind !== 'qemu-failure' && exit.kind !== 'signal') return vm
    throw new LaunchError(`Cannot launch the guest: ${describeExit(exit)}\n  ${vm.commandLine}`)
  }
  return vm
}

/** A TAP lives in its namespace, so QEMU must be started there. */
function enterNamespace(options: VmOptions, command: string[]): string[] {
  const taps = (options.network ?? []).filter((network): network is TapNetwork => {
    return network.kind === 'tap'
  })
  const namespace = taps[0]?.namespace
  if (namespace === undefined) return command
  if (taps.some((tap) => tap.namespace !== namespace)) {
    throw new LaunchError(
      'Cannot launch the guest: its TAPs are in different network namespaces; put them in one',
    )
  }
  return namespace.enter(command)
}

function duplex(child: ChildProcess, descriptor: number): Duplex {
  // Node makes none when it has no descriptors left for the pipes.
  const stream = child.stdio?.[descriptor]
  if (stream === null || stream === undefined) {
    throw new LaunchError(
      `Cannot launch the guest: there is no pipe for descriptor ${descriptor}; too many files are open, see ulimit -n`,
    )
  }
  return stream as Duplex
}
