/**
 * The cycle of make dev: build, boot, wait for a change; network, port and peer outlive every
 * guest.
 */
import { basename, dirname, join, resolve } from 'node:path'
import { AcceleratorError, type AcceleratorProof, Peer } from 'qemu-runner'
import { chooseRemembered } from './accelerator-memory.ts'
import { appFileArguments } from './app-files.ts'
import { type BootedGuest, bootGuest } from './boot-guest.ts'
import {
  appContainer,
  type BuiltImage,
  buildImage,
  IMAGE,
  KVM_MEMORY,
  ROOT,
} from './build-image.ts'
import { readBuildInputs } from './build-inputs.ts'
import { codeFrame } from './code-frame.ts'
import { Doors, placeOf } from './doors.ts'
import { environmentArguments } from './environment-file.ts'
import { guestFailure } from './guest-failure.ts'
import { guestWords } from './guest-words.ts'
import { HOST_CLOCK_ARGUMENTS } from './host-clock.ts'
import { createNetwork, type RunNetwork } from './network.ts'
import type { RunOptions } from './options.ts'
import { HTTP_PORT } from './ready-event.ts'
import { RunError } from './run-error.ts'
import { reserveDoor } from './serve.ts'
import { awaitServedPort, explainNoPort } from './served-port.ts'
import { SourceWatch } from './source-watch.ts'

const KVM_DEADLINE_MS = 10_000
const SOURCE_FOLDERS = ['kernel', 'drivers', 'net', 'boot'].map((folder) => join(ROOT, folder))

/**
 * Ends at Ctrl-C, and then leaves nothing. Throws RunError when there can be no network or no port.
 */
export async function developGuest(options: RunOptions): Promise<void> {
  const door = await reserveDoor(options.port)
  const network = await createNetwork(options)
  const peer = await Peer.start(network.topology?.near)
  const doors = new Doors({ network, peer, first: door })
  const watch = new SourceWatch()
  try {
    await new Development(options, network, doors, watch).run()
  } finally {
    await watch.close()
    doors.close()
    await peer.close()
    await network.close()
  }
}

class Development {
  private readonly options: RunOptions
  private readonly network: RunNetwork
  private readonly doors: Doors
  private readonly watch: SourceWatch
  private isInterrupted = false

  constructor(options: RunOptions, network: RunNetwork, doors: Doors, watch: SourceWatch) {
    this.options = options
    this.network = network
    this.doors = doors
    this.watch = watch
  }

  async run(): Promise<void> {
    const interrupted = new Promise<'interrupted'>((done) => {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
        process.on(signal, () => {
          this.isInterrupted = true
          done('interrupted')
        })
      }
    })
    for (;;) {
      const guest = await this.start()
      if (this.isInterrupted) {
        await guest?.vm.close()
        return
      }
      const changes = this.watch.next()
      const events: Promise<'interrupted' | 'ended' | string[]>[] = [interrupted, changes]
      if (guest !== undefined) events.push(guest.vm.exited.then(() => 'ended' as const))
      let event = await Promise.race(events)
      if (event === 'ended') {
        if (guest !== undefined) tell(guestFailure(guest.vm, 'The guest ended'))
        event = await Promise.race([interrupted, changes])
      }
      await guest?.vm.close()
      if (typeof event === 'string') return
      const names = event.slice(0, 5).map((path) => basename(path))
      console.log(`\nChanged: ${names.join(', ')}${event.length > 5 ? ', …' : ''}`)
    }
  }

  /** What is built decides what is watched; after a mistake that is everything that may mend it. */
  private async build(): Promise<BuiltImage> {
    const { app, environmentFile, files } = this.options
    const read = [environmentFile ?? [], files.map(({ path }) => path)].flat()
    const startedAtMs = Date.now()
    try {
      const image = await buildImage(app)
      const container = app === undefined ? undefined : appContainer(app)
      await this.watch.followInputs(readBuildInputs(dirname(IMAGE), container, read))
      return image
    } catch (error) {
      const folders = app === undefined ? [] : [dirname(resolve(app))]
      const seen = [...SOURCE_FOLDERS, ...folders]
      await this.watch.followFolders(seen, [join(ROOT, 'build')], startedAtMs)
      throw error
    }
  }

  /**
   * Undefined, after a line that says why, when there is nothing to run: the next change may mend
   * it.
   */
  private async start(): Promise<BootedGuest | undefined> {
    const startedAt = performance.now()
    const { options, network } = this
    const proof: AcceleratorProof = {
      guest: { kernel: IMAGE, append: { ip: 'off', ip6: 'off', 'exit-after': 'ready' } },
      deadlineMs: KVM_DEADLINE_MS,
    }
    try {
      const image = await this.build()
      const choice = await chooseRemembered(options.accelerator, proof, { path: KVM_MEMORY })
      const guest = await bootGuest({
        kernel: image.kernel,
        ...(image.initrd === undefined ? {} : { initrd: image.initrd }),
        machine: options.machine,
        accel: choice.accelerator,
        accelProof: proof,
        network: network.backEnd(),
        extraArguments: [
          ...HOST_CLOCK_ARGUMENTS,
          ...environmentArguments(options.environmentFile),
          ...appFileArguments(options.files),
        ],
        append: guestWords(network.guestAppend, options.guest),
        onConsoleLine: (line) => console.log(`guest  ${line}`),
      })
      const address = await this.lead(guest).catch(async (error: unknown) => {
        await guest.vm.close()
        throw error
      })
      const elapsed = ((performance.now() - startedAt) / 1000).toFixed(2)
      console.log(`Ready  ${address}  (built and booted in ${elapsed} s; Ctrl-C ends it)`)
      return guest
    } catch (error) {
      if (error instanceof AcceleratorError)
        throw new RunError(error.message, 'use ACCEL=auto or ACCEL=tcg')
      if (!(error instanceof RunError)) throw error
      // Ctrl-C reaches the compiler too: what it did not finish is no mistake.
      if (this.isInterrupted) return undefined
      tell(error)
      return undefined
    }
  }

  /** Leads the doors to the guest; what to print about the first. */
  private async lead(guest: BootedGuest): Promise<string> {
    const { vm, ready } = guest
    const port = await awaitServedPort(guest)
    if (port === undefined) return explainNoPort(guest, this.network)
    const found = await this.doors.lead(vm, ready, port)
    if (found === undefined) return 'the guest has no address'
    const tell = (place: string, other: number) =>
      console.log(`       ${place}  (port ${other} of the guest)`)
    await this.doors.leadToOthers(vm, ready, tell)
    const where = placeOf(found, port)
    return port === HTTP_PORT ? where : `${where} (port ${port} of the guest)`
  }
}

/**
 * The problem in one line and, when it is in the app, the lines of source around it; the next
 * change starts another.
 */
function tell(error: RunError): void {
  console.error(`dev: ${error.line}`)
  const frame = error.place === undefined ? undefined : codeFrame(error.place)
  if (frame !== undefined) console.error(`\n${frame}\n`)
}
