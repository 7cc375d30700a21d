/** One debugging session from build to goodbye: what is opened here is closed here, in the opposite order. */
import { join } from 'node:path'
import { AcceleratorError, LaunchError, launch, Peer, type Vm } from 'qemu-runner'
import { buildImage } from '../guest/build-image.ts'
import { environmentArguments } from '../guest/environment-file.ts'
import { guestWords } from '../guest/guest-words.ts'
import { createNetwork, type RunNetwork } from '../guest/network.ts'
import type { RunOptions } from '../guest/options.ts'
import { RunError } from '../guest/run-error.ts'
import { reserveDoor } from '../guest/serve.ts'
import { capturePort, setCaptureClock } from '../guest/stack-capture.ts'
import { gdbArguments, runGdb } from './gdb-command.ts'

const HTTP_PORT = 80

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
 * Resolves with gdb's exit status. With `waitAt`, the path of a socket, no gdb is started: the guest waits there for
 * one, and this resolves with 0 when it has gone.
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
    accel: options.accelerator,
    network: [network.backEnd()],
    ...(capture === undefined ? {} : { serialPorts: [capture] }),
    entropyDevice: true,
    extraArguments: environmentArguments(options.environmentFile),
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
  const port = await openDoor(options, network, vm, cleanups)
  if (port !== undefined) console.log(`http://127.0.0.1:${port}/ leads to the guest once it runs`)
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

/** The port on 127.0.0.1 that leads to the guest's port 80; undefined when the guest was told to have no address. */
async function openDoor(
  options: RunOptions,
  network: RunNetwork,
  vm: Vm,
  cleanups: Cleanup[],
): Promise<number | undefined> {
  if (network.topology === undefined) return vm.forwardedPort(HTTP_PORT)
  const { ip, ip6 } = { ...network.guestAppend, ...options.guest }
  const host = [ip, ip6].find((cidr) => cidr?.includes('/'))?.split('/')[0]
  if (host === undefined) return undefined
  const { server, port } = await reserveDoor(options.port)
  cleanups.push(() => server.close())
  const peer = await Peer.start(network.topology.near)
  cleanups.push(() => peer.close())
  await peer.forward(server, { host, port: HTTP_PORT })
  return port
}
