/**
 * One debugging session from build to goodbye: what is opened here is closed here, in the opposite
 * order.
 */
import { join } from 'node:path'
import { AcceleratorError, LaunchError, launch, Peer, type Vm } from 'qemu-runner'
import { appFileArguments } from '../guest/app-files.ts'
import { FIRMWARE } from '../guest/boot-guest.ts'
import { buildImage } from '../guest/build-image.ts'
import { Doors, placeOf } from '../guest/doors.ts'
import { environmentArguments } from '../guest/environment-file.ts'
import { guestWords } from '../guest/guest-words.ts'
import { HOST_CLOCK_ARGUMENTS } from '../guest/host-clock.ts'
import { createNetwork, type RunNetwork } from '../guest/network.ts'
import type { RunOptions } from '../guest/options.ts'
import { checkReadyEvent, portToServe } from '../guest/ready-event.ts'
import { RunError } from '../guest/run-error.ts'
import { reserveDoor } from '../guest/serve.ts'
import { capturePort, setCaptureClock } from '../guest/stack-capture.ts'
import { gdbArguments, runGdb } from './gdb-command.ts'

type Cleanup = () => Promise<unknown> | unknown

const HINTS = `
The guest stands before its first instruction. Some commands to begin with:
  continue                        let it run; Ctrl-C stops it again
  js-bt                           the TypeScript stack, wherever it stopped (js-frame N, js-locals, js-print NAME.PATH)
  js-break FILE.ts:LINE           stop at a line of TypeScript (js-tbreak, js-breaks, js-delete)
  break native_copy_bytes if $js_called("emitSegments")
                                  stop in a native function, here only when TCP called it
  virtqueue tx                    what is on the rings (virtqueue lists the queues)
  quit                            ends gdb and the guest
`

/**
 * Resolves with gdb's exit status. With `waitAt`, the path of a socket, no gdb is started: the
 * guest waits there for one, and this resolves with 0 when it has gone.
 */
export async function debugGuest(
  options: RunOptions,
  folder: string,
  waitAt?: string,
): Promise<number> {
  const cleanups: Cleanup[] = []
  try {
    return await debugWith(options, folder, cleanups, waitAt)
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup()
  }
}

async function debugWith(
  options: RunOptions,
  folder: string,
  cleanups: Cleanup[],
  waitAt: string | undefined,
): Promise<number> {
  const capture = capturePort(options.pcap)
  const image = await buildImage(options.app)
  const network = await createNetwork(options)
  cleanups.push(() => network.close())
  const socketPath = waitAt ?? join(folder, 'gdb')
  const vm = await launchPaused({
    kernel: image.kernel,
    ...(image.initrd === undefined ? {} : { initrd: image.initrd }),
    machine: options.machine,
    bios: FIRMWARE,
    accel: options.accelerator,
    network: [network.backEnd()],
    ...(capture === undefined ? {} : { serialPorts: [capture] }),
    entropyDevice: true,
    extraArguments: [
      ...HOST_CLOCK_ARGUMENTS,
      ...environmentArguments(options.environmentFile),
      ...appFileArguments(options.files),
    ],
    append: guestWords(network.guestAppend, options.guest),
    gdb: { socketPath, wait: true },
  })
  cleanups.push(() => vm.close())
  if (capture !== undefined) {
    // The guest is ready when the person at gdb lets it, or never.
    setCaptureClock(vm, capture.path).catch(() => undefined)
    cleanups.push(() => vm.stop('quit'))
  }
  console.log(network.description.join('\n'))
  await openDoors(options, network, vm, cleanups)
  if (waitAt !== undefined) {
    console.log(`The guest waits for gdb at ${waitAt}`)
    await vm.exited
    return 0
  }
  if (process.stdin.isTTY) console.log(HINTS)
  return runGdb(gdbArguments({ socketPath, image: image.kernel }))
}

async function launchPaused(options: Parameters<typeof launch>[0]): Promise<Vm> {
  try {
    return await launch(options, { onConsoleLine: (line) => console.log(`guest  ${line}`) })
  } catch (error) {
    if (error instanceof AcceleratorError) throw new RunError(error.message, 'leave ACCEL= out')
    if (!(error instanceof LaunchError)) throw error
    throw new RunError(error.message.split('\n')[0]!, 'make doctor looks at this machine')
  }
}

/**
 * Doors are opened when the guest says what it listens on: when the person at gdb lets it, or
 * never.
 */
async function openDoors(
  options: RunOptions,
  network: RunNetwork,
  vm: Vm,
  cleanups: Cleanup[],
): Promise<void> {
  const first = await reserveDoor(options.port)
  const peer = await Peer.start(network.topology?.near)
  cleanups.push(() => peer.close())
  const doors = new Doors({ network, peer, first })
  cleanups.push(() => doors.close())
  console.log('Ports of 127.0.0.1 lead to those of the guest once it listens on them')
  const tell = (place: string, port: number) =>
    console.log(`${place} leads to port ${port} of the guest`)
  const stop = vm.events.on(({ value }) => {
    if (value.event !== 'ready') return
    stop()
    const ready = checkReadyEvent(value)
    const open = async () => {
      const served = portToServe(ready)
      const port = served === undefined ? undefined : await doors.lead(vm, ready, served)
      if (served !== undefined && port !== undefined) tell(placeOf(port, served), served)
      await doors.leadToOthers(vm, ready, tell)
    }
    // What fails here fails for a guest that is just ending.
    open().catch((error: unknown) => console.error(`debug: no port leads to it: ${error}`))
  })
}
