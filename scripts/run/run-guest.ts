/** One run from build to goodbye: what is opened here is closed here, in the opposite order. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import {
  AcceleratorError,
  type AcceleratorProof,
  Capture,
  chooseAccelerator,
  Peer,
  requireExecutable,
} from 'qemu-runner'
import { type BootedGuest, bootGuest } from './boot-guest.ts'
import { type BuiltImage, buildImage } from './build-image.ts'
import { createNetwork, type RunNetwork } from './network.ts'
import type { RunOptions } from './options.ts'
import { formatComparison } from './proof-table.ts'
import { type Movement, moveBothWays } from './prove-offload.ts'
import { formatReport } from './report.ts'
import { RunError } from './run-error.ts'
import { openDoor, stayUntilInterrupted } from './serve.ts'

const PROOF_BYTES = 64 << 20
/** Without offload the same takes an order of magnitude longer: fewer bytes say as much. */
const COMPARISON_BYTES = 8 << 20
const HEADER_BYTES = 64
const KVM_DEADLINE_MS = 10_000

type Cleanup = () => Promise<unknown> | unknown

interface RunContext {
  readonly options: RunOptions
  readonly image: BuiltImage
  readonly proof: AcceleratorProof
  readonly folder: string
  readonly cleanups: Cleanup[]
}

/** Calls `onServing` when it is about to serve: from then on Ctrl-C is the way to end it. */
export async function runGuest(
  options: RunOptions,
  folder: string,
  onServing: () => void,
): Promise<void> {
  const image = await buildImage(options.app)
  const proof: AcceleratorProof = {
    guest: { kernel: image.kernel, append: { ip: 'off', ip6: 'off', 'exit-after': 'ready' } },
    deadlineMs: KVM_DEADLINE_MS,
  }
  const context: RunContext = { options, image, proof, folder, cleanups: [] }
  try {
    await runWith(context, onServing)
  } finally {
    for (const cleanup of context.cleanups.reverse()) await cleanup()
  }
}

async function runWith(context: RunContext, onServing: () => void): Promise<void> {
  const { options, cleanups } = context
  const accelerator = await chooseAccelerator(options.accelerator, context.proof).catch((error) => {
    if (!(error instanceof AcceleratorError)) throw error
    throw new RunError(error.message, 'use ACCEL=auto or ACCEL=tcg')
  })
  const network = await createNetwork(options)
  cleanups.push(() => network.close())
  if (options.pcap !== undefined && network.topology !== undefined) {
    const format = options.pcap.endsWith('.pcap') ? 'pcap' : 'pcapng'
    const capture = await Capture.start(network.topology.tap, options.pcap, {
      format,
      mayLose: true,
    })
    cleanups.push(() => capture.stop())
  }
  const dumpPath = network.kind === 'user' ? join(context.folder, 'dump.pcap') : undefined
  const guest = await boot(context, network, {}, dumpPath)
  cleanups.push(() => guest.vm.close())
  if (dumpPath !== undefined && options.pcap !== undefined) {
    const target = options.pcap
    cleanups.push(() => convertDump(dumpPath, target))
  }
  console.log(formatReport(guest, network, accelerator, options.machine))

  const peer = await Peer.start(network.topology?.near)
  cleanups.push(() => peer.close())
  if (options.app === undefined) await proveOffload(context, { guest, network, peer, dumpPath })

  const terminal = process.stdout.isTTY
  const port = await door(context, guest, network, peer)
  console.log(`Ready  http://127.0.0.1:${port}/  (the guest’s port 80)`)
  if (!terminal) return
  console.log('Ctrl-C ends it.')
  onServing()
  await stayUntilInterrupted(guest.vm)
  console.log('')
}

/** The port on 127.0.0.1 that leads to the guest's port 80. */
async function door(
  context: RunContext,
  guest: BootedGuest,
  network: RunNetwork,
  peer: Peer,
): Promise<number> {
  if (network.kind === 'user') return guest.vm.forwardedPort(80)
  const { server, port } = await openDoor(peer, context.options.port)
  context.cleanups.push(() => server.close())
  return port
}

function boot(
  context: RunContext,
  network: RunNetwork,
  extra: Readonly<Record<string, string>>,
  dumpPath: string | undefined,
): Promise<BootedGuest> {
  const { options, image } = context
  const maxBytes = options.pcap === undefined ? HEADER_BYTES : 262144
  return bootGuest({
    kernel: image.kernel,
    ...(image.initrd === undefined ? {} : { initrd: image.initrd }),
    machine: options.machine,
    accel: options.accelerator,
    accelProof: context.proof,
    network: network.backEnd(dumpPath === undefined ? undefined : { path: dumpPath, maxBytes }),
    append: { ...network.guestAppend, ...options.guest, ...extra },
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
  const offered = await moveBothWays({ ...main, folder }, PROOF_BYTES)
  let plain: Movement[] = []
  if (main.network.kind === 'tap' && options.guest.offload !== 'none') {
    plain = await moveWithoutOffload(context)
  }
  console.log(formatComparison(offered, plain))
}

/** A second guest of the same image, with its own TAP in its own namespace, that takes no offload. */
async function moveWithoutOffload(context: RunContext): Promise<Movement[]> {
  const network = await createNetwork({ ...context.options, network: 'tap' })
  try {
    const guest = await boot(context, network, { offload: 'none' }, undefined)
    try {
      const peer = await Peer.start(network.topology?.near)
      try {
        const site = { guest, network, peer, folder: context.folder, dumpPath: undefined }
        return await moveBothWays(site, COMPARISON_BYTES)
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

/** QEMU's own dump is a pcap file; the name that was asked for decides what it becomes. */
function convertDump(from: string, to: string): void {
  const format = to.endsWith('.pcap') ? 'pcap' : 'pcapng'
  execFileSync(requireExecutable('editcap'), ['-F', format, from, to], { stdio: 'ignore' })
}
