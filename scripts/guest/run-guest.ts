/** One run from build to goodbye: what is opened here is closed here, in the opposite order. */
import { join } from 'node:path'
import {
  AcceleratorError,
  type AcceleratorProof,
  Peer,
  PeerError,
  type SerialPort,
} from 'qemu-runner'

import { Progress } from '../terminal/progress.ts'
import { chooseRemembered } from './accelerator-memory.ts'
import { appFileArguments } from './app-files.ts'
import { type BootedGuest, bootGuest, WATCHDOG_ARGUMENTS } from './boot-guest.ts'
import { type BuiltImage, buildImage, KVM_MEMORY } from './build-image.ts'
import { type Door, Doors, placeOf } from './doors.ts'
import { environmentArguments } from './environment-file.ts'
import { guestWords } from './guest-words.ts'
import { HOST_CLOCK_ARGUMENTS } from './host-clock.ts'
import { keepServing } from './keep-serving.ts'
import { createNetwork, type RunNetwork } from './network.ts'
import type { RunOptions } from './options.ts'
import { formatComparison } from './proof-table.ts'
import { type Movement, moveBothWays } from './prove-offload.ts'
import { HTTP_PORT, listensOn } from './ready-event.ts'
import { formatReport } from './report.ts'
import { RunError } from './run-error.ts'
import { interruption, reserveDoor, stayUntilInterrupted, switchOff } from './serve.ts'
import { awaitServedPort, explainNoPort } from './served-port.ts'
import { capturePort, setCaptureClock } from './stack-capture.ts'

const PROOF_BYTES = 64 << 20
/** Without offload the same takes an order of magnitude longer: fewer bytes say as much. */
const PLAIN_BYTES = 8 << 20
const HEADER_BYTES = 64
const KVM_DEADLINE_MS = 10_000

type Cleanup = () => Promise<unknown> | unknown

interface RunContext {
  readonly options: RunOptions
  readonly image: BuiltImage
  readonly proof: AcceleratorProof
  readonly folder: string
  /** The port that a person has asked for. */
  readonly door: Door
  /** Where the guest's stack records, if it shall. */
  readonly capture: SerialPort | undefined
  readonly cleanups: Cleanup[]
}

/** Calls `onServing` when it is about to serve: from then on Ctrl-C is the way to end it. */
export async function runGuest(
  options: RunOptions,
  folder: string,
  onServing: () => void,
): Promise<void> {
  const capture = capturePort(options.pcap)
  // Taken before the work: a port that is in use shows at once, not after a minute.
  const door = await reserveDoor(options.port)
  const cleanups: Cleanup[] = [() => door.server.close()]
  try {
    const image = await buildImage(options.app)
    const proof: AcceleratorProof = {
      guest: { kernel: image.kernel, append: { ip: 'off', ip6: 'off', 'exit-after': 'ready' } },
      deadlineMs: KVM_DEADLINE_MS,
    }
    const context: RunContext = { options, image, proof, folder, door, capture, cleanups }
    await runWith(context, onServing)
  } catch (error) {
    if (!(error instanceof PeerError)) throw error
    throw new RunError(
      error.message,
      'run again with PCAP=out.pcapng LOG=debug and see where it stops',
    )
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup()
  }
}

async function runWith(asked: RunContext, onServing: () => void): Promise<void> {
  const { cleanups } = asked
  const accelerator = await chooseRemembered(asked.options.accelerator, asked.proof, {
    path: KVM_MEMORY,
  }).catch((error) => {
    if (!(error instanceof AcceleratorError)) throw error
    throw new RunError(error.message, 'use ACCEL=auto or ACCEL=tcg')
  })
  const options = { ...asked.options, accelerator: accelerator.accelerator }
  const context = { ...asked, options }
  const network = await createNetwork(options)
  cleanups.push(() => network.close())
  const dumpPath = network.kind === 'user' ? join(context.folder, 'dump.pcap') : undefined
  const { capture } = context
  const guest = await boot(context, network, { dumpPath, capture })
  cleanups.push(() => guest.vm.close())
  console.log(formatReport(guest, network, accelerator, options.machine, process.stdout.columns))
  if (capture !== undefined) {
    await setCaptureClock(guest.vm, capture.path)
    // A QEMU that is killed may be in the middle of a write.
    cleanups.push(() => guest.vm.stop('quit'))
    console.log(`Records what the guest's stack sees and decides into ${options.pcap}\n`)
  }

  const peer = await Peer.start(network.topology?.near)
  cleanups.push(() => peer.close())
  if (options.app === undefined && listensOn(guest.ready, HTTP_PORT)) {
    await proveOffload(context, { guest, network, peer, dumpPath })
  }
  const doors = new Doors({ network, peer, first: context.door })
  cleanups.push(() => doors.close())
  const served = await awaitServedPort(guest)
  if (served === undefined) console.log(explainNoPort(guest, network))
  else await openDoors(guest, doors, served)
  if (!process.stdout.isTTY && !options.restarts) {
    console.log('Ends here: there is no terminal for Ctrl-C (RESTART=always stays all the same).')
    return
  }
  // Without a handler in between Ctrl-C would end this process at once.
  const interrupted = interruption()
  onServing()
  console.log('Ctrl-C ends it.')
  if (options.restarts) {
    await keepServing(guest, () => bootAnother(context, network, doors), interrupted, console.log)
    return
  }
  await stayUntilInterrupted(guest.vm, interrupted)
  console.log('')
  await switchOff(guest.vm)
}

/** In the place of one that has ended, behind the same doors. */
async function bootAnother(
  context: RunContext,
  network: RunNetwork,
  doors: Doors,
): Promise<BootedGuest> {
  const guest = await boot(context, network, {})
  const { vm, ready } = guest
  const served = await awaitServedPort(guest).catch(async (error: unknown) => {
    await vm.close()
    throw error
  })
  if (served !== undefined) await doors.lead(vm, ready, served)
  await doors.leadToOthers(vm, ready, tellDoor)
  console.log(`Started again, ready after ${Math.round(guest.bootMs)} ms`)
  return guest
}

function tellDoor(place: string, guestPort: number): void {
  console.log(`       ${place}  (port ${guestPort} of the guest)`)
}

async function openDoors(guest: BootedGuest, doors: Doors, served: number): Promise<void> {
  const { vm, ready } = guest
  const port = await doors.lead(vm, ready, served)
  if (port === undefined) {
    throw new RunError('Cannot reach the guest: it has no address', 'leave ip= and ip6= out')
  }
  console.log(`Ready  ${placeOf(port, served)}  (port ${served} of the guest)`)
  await doors.leadToOthers(vm, ready, tellDoor)
}

function boot(
  context: RunContext,
  network: RunNetwork,
  outputs: { dumpPath?: string | undefined; capture?: SerialPort | undefined; offload?: 'none' },
): Promise<BootedGuest> {
  const { options, image } = context
  const { dumpPath, capture, offload } = outputs
  const dump = dumpPath === undefined ? undefined : { path: dumpPath, maxBytes: HEADER_BYTES }
  return bootGuest({
    kernel: image.kernel,
    ...(image.initrd === undefined ? {} : { initrd: image.initrd }),
    machine: options.machine,
    accel: options.accelerator,
    accelProof: context.proof,
    network: network.backEnd(dump),
    ...(capture === undefined ? {} : { serialPorts: [capture] }),
    extraArguments: [
      ...WATCHDOG_ARGUMENTS,
      ...HOST_CLOCK_ARGUMENTS,
      ...environmentArguments(options.environmentFile),
      ...appFileArguments(options.files),
    ],
    append: guestWords(network.guestAppend, {
      ...options.guest,
      ...(offload === undefined ? {} : { offload }),
    }),
    onConsoleLine: (line) => {
      if (options.guest.log !== undefined) console.log(`guest  ${line}`)
    },
  })
}

async function proveOffload(
  context: RunContext,
  main: { guest: BootedGuest; network: RunNetwork; peer: Peer; dumpPath: string | undefined },
): Promise<void> {
  const { folder, options } = context
  const isPlain = main.network.kind === 'user' || options.guest.offload === 'none'
  const progress = new Progress('Proving the offload')
  const onStep = (step: string) => progress.update(`Proving the offload: ${step}`)
  try {
    const bytes = isPlain ? PLAIN_BYTES : PROOF_BYTES
    const offered = await moveBothWays({ ...main, folder, onStep }, bytes)
    const plain = isPlain
      ? []
      : await moveWithoutOffload(context, (step) => onStep(`${step}, offload=none`))
    progress.end()
    console.log(formatComparison(offered, plain))
  } finally {
    progress.end()
  }
}

/**
 * A second guest of the same image, with its own TAP in its own namespace, that takes no offload.
 */
async function moveWithoutOffload(
  context: RunContext,
  onStep: (step: string) => void,
): Promise<Movement[]> {
  const network = await createNetwork({ ...context.options, network: 'tap' })
  try {
    const guest = await boot(context, network, { offload: 'none' })
    try {
      const peer = await Peer.start(network.topology?.near)
      try {
        const site = { guest, network, peer, folder: context.folder, dumpPath: undefined, onStep }
        return await moveBothWays(site, PLAIN_BYTES)
      } finally {
        await peer.close()
      }
    } finally {
      await guest.vm.close()
    }
  } finally {
    await network.close()
  }
}
