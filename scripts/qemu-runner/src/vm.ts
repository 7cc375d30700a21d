/** A running guest: its console, events, QMP and end. Made by `launch`. */
import type { ChildProcess } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { networkDeviceId } from './command-line.ts'
import { writeCore } from './core-dump.ts'
import { classifyExit, describeExit, type ExitInfo } from './exit-info.ts'
import { GuestConsole } from './guest-console.ts'
import { GuestEvents } from './guest-events.ts'
import { migrate } from './migration.ts'
import type { AcceleratorChoice, NetworkOptions } from './options.ts'
import { PendingWaits, type WaitOptions } from './pending-waits.ts'
import { QmpClient } from './qmp/client.ts'
import { quoteCommand } from './quote.ts'
import { runSnapshotJob } from './snapshots.ts'
import type { Disk } from './storage-options.ts'
import {
  type VirtioDeviceView,
  type VirtioQueueView,
  viewVirtioDevice,
  viewVirtioQueue,
} from './virtio-view.ts'

export interface VmParts {
  readonly child: ChildProcess
  readonly command: readonly string[]
  readonly networks: readonly NetworkOptions[]
  readonly disks: readonly Disk[]
  readonly accelerator: AcceleratorChoice
  readonly qmp: Duplex
  readonly console: Duplex
  readonly events: Duplex
  readonly gdb: Duplex | undefined
  readonly startedAtMs: number
  readonly timeoutMs: number | undefined
  readonly onConsoleLine: ((line: string) => void) | undefined
  readonly monitorTimeoutMs: number | undefined
}

const MAX_STDERR = 64 * 1024

export class Vm {
  readonly console: GuestConsole
  readonly events: GuestEvents
  readonly qmp: QmpClient
  /** How the run ended; never rejects. All output has been taken by then. */
  readonly exited: Promise<ExitInfo>
  readonly accelerator: AcceleratorChoice
  /** QEMU with all its arguments. */
  readonly command: readonly string[]
  /** The network devices it was given, in their order. */
  readonly networks: readonly NetworkOptions[]
  /** performance.now() just before QEMU was started. */
  readonly startedAtMs: number
  /** gdb's remote protocol, when it was asked for without a socket path. */
  readonly gdb: Duplex | undefined
  private readonly child: ChildProcess
  private readonly waits: PendingWaits
  private readonly disks: readonly Disk[]
  private stopRequested = false
  private timedOutAfterMs: number | undefined
  private shutdownReason: string | undefined
  private stderrText = ''
  private ended: ExitInfo | undefined

  constructor(parts: VmParts) {
    this.child = parts.child
    this.command = parts.command
    this.networks = parts.networks
    this.disks = parts.disks
    this.accelerator = parts.accelerator
    this.startedAtMs = parts.startedAtMs
    this.gdb = parts.gdb
    const waits = new PendingWaits(() => this.tail())
    this.waits = waits
    // An error on these streams is the process going away, which `exited` reports.
    for (const stream of [parts.console, parts.events, parts.gdb]) {
      stream?.on('error', () => undefined)
    }
    this.console = new GuestConsole(parts.console, waits, parts.onConsoleLine)
    this.events = new GuestEvents(parts.events, waits)
    this.qmp = new QmpClient(parts.qmp, { waits, greetingTimeoutMs: parts.monitorTimeoutMs })
    this.qmp.on('SHUTDOWN', ({ reason }) => {
      this.shutdownReason = reason
    })
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.stderrText = (this.stderrText + chunk.toString('utf8')).slice(-MAX_STDERR)
    })
    const timer =
      parts.timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            this.timedOutAfterMs = parts.timeoutMs
            this.child.kill('SIGKILL')
          }, parts.timeoutMs)
    this.exited = new Promise((resolve) => {
      this.child.on('error', (error) => {
        this.stderrText += `${error.message}\n`
      })
      // `close`, not `exit`: the last console lines have been read by then.
      this.child.on('close', (status, signal) => {
        clearTimeout(timer)
        const exit = classifyExit({
          status,
          signal,
          stderr: this.stderrText,
          shutdownReason: this.shutdownReason,
          stopRequested: this.stopRequested,
          timedOutAfterMs: this.timedOutAfterMs,
          tail: this.console.tail(),
        })
        this.ended = exit
        waits.end('exit', `the guest has ended: ${describeExit(exit)}`)
        resolve(exit)
      })
    })
  }

  get pid(): number | undefined {
    return this.child.pid
  }

  /** QEMU's own messages so far. */
  get stderr(): string {
    return this.stderrText
  }

  /** The exit info once there is one. */
  get exit(): ExitInfo | undefined {
    return this.ended
  }

  /** The command line for a shell. */
  get commandLine(): string {
    return quoteCommand(this.command)
  }

  /** What somebody waits for now: the reason of a time-out elsewhere. */
  get pendingWaits(): string[] {
    return this.waits.names
  }

  /** The last console lines and events, for messages. */
  tail(lines = 20): string {
    const events = this.events.received
      .slice(-5)
      .map(({ value }) => `event ${JSON.stringify(value).slice(0, 600)}`)
    const text = this.console.tail(lines)
    return [...(text === '' ? [] : [text]), ...events].join('\n')
  }

  /**
   * The outcome of somebody else's work that needs the guest, such as a peer's download: rejects
   * with GuestWaitError at the deadline, and at once when the guest panics or ends, which the other
   * side of a connection may never learn.
   */
  async whileRunning<T>(what: string, work: Promise<T>, options: WaitOptions = {}): Promise<T> {
    const outcome = await this.waits.wait<() => T>(what, options, (answer) => {
      work.then(
        (value) => answer(() => value),
        (error: unknown) =>
          answer(() => {
            throw error
          }),
      )
      return () => undefined
    })
    return outcome()
  }

  /** What QEMU knows of network device `index`. */
  virtioNet(index = 0): Promise<VirtioDeviceView> {
    return viewVirtioDevice(this.qmp, networkDeviceId(index))
  }

  /** Ring positions of a queue of network device `index`: 0 receives, 1 transmits. */
  async virtioNetQueue(queue: number, index = 0): Promise<VirtioQueueView> {
    const { path } = await this.virtioNet(index)
    return viewVirtioQueue(this.qmp, path, queue)
  }

  /**
   * Writes memory and registers to `path` as a gzip-compressed ELF core; only while QEMU still
   * runs.
   */
  dumpCore(path: string): Promise<void> {
    return writeCore(this.qmp, path)
  }

  /** Saves memory and disks in the guest's qcow2 disks; throws Error when they cannot hold it. */
  saveSnapshot(tag: string, timeoutMs?: number): Promise<void> {
    return runSnapshotJob(this.qmp, this.disks, 'snapshot-save', tag, timeoutMs)
  }

  /** The guest goes on from where it was when that was saved. */
  loadSnapshot(tag: string, timeoutMs?: number): Promise<void> {
    return runSnapshotJob(this.qmp, this.disks, 'snapshot-load', tag, timeoutMs)
  }

  deleteSnapshot(tag: string, timeoutMs?: number): Promise<void> {
    return runSnapshotJob(this.qmp, this.disks, 'snapshot-delete', tag, timeoutMs)
  }

  /**
   * Moves the running guest to another QEMU, launched with `incoming`; resolves once it runs there.
   * This one keeps its devices, and runs nothing any more. Throws Error with QEMU's words.
   */
  migrateTo(destination: Vm, timeoutMs?: number): Promise<void> {
    return migrate(this.qmp, destination.qmp, timeoutMs)
  }

  /** The host port that user-mode networking forwards to `guestPort`. */
  async forwardedPort(guestPort: number, protocol: 'tcp' | 'udp' = 'tcp'): Promise<number> {
    return (await this.findForward(guestPort, protocol)).hostPort
  }

  /**
   * Leads the host port of a forward to another port of the guest; connections already made stay.
   */
  async moveForward(from: number, to: number, protocol: 'tcp' | 'udp' = 'tcp'): Promise<void> {
    const { hostAddress, hostPort, guestAddress } = await this.findForward(from, protocol)
    const host = `${protocol}:${hostAddress}:${hostPort}`
    await this.qmp.humanMonitor(`hostfwd_remove ${host}`)
    await this.qmp.humanMonitor(`hostfwd_add ${host}-${guestAddress}:${to}`)
    await this.findForward(to, protocol)
  }

  /**
   * More host ports, which the kernel picks, that lead to a TCP port of the guest; the guest's
   * address is that of its forwards.
   */
  async addForwards(guestPort: number, count: number): Promise<number[]> {
    const before = new Set(await this.forwardsTo(guestPort))
    const table = await this.qmp.humanMonitor('info usernet')
    const guestAddress = /TCP\[HOST_FORWARD\]\s+\d+\s+\S+\s+\d+\s+(\S+)/.exec(table)?.[1]
    if (guestAddress === undefined) {
      throw new Error(
        `Cannot add a forward to guest port ${guestPort}: there is none yet\n${table}`,
      )
    }
    for (let index = 0; index < count; index++) {
      await this.qmp.humanMonitor(`hostfwd_add tcp:127.0.0.1:0-${guestAddress}:${guestPort}`)
    }
    return (await this.forwardsTo(guestPort)).filter((port) => !before.has(port))
  }

  private async forwardsTo(guestPort: number): Promise<number[]> {
    const table = await this.qmp.humanMonitor('info usernet')
    const row = /TCP\[HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)\s/g
    return [...table.matchAll(row)]
      .filter((match) => Number(match[2]) === guestPort)
      .map((match) => Number(match[1]))
  }

  /** Throws with QEMU's table when there is no such forward. */
  private async findForward(
    guestPort: number,
    protocol: 'tcp' | 'udp',
  ): Promise<{ hostAddress: string; hostPort: number; guestAddress: string }> {
    const table = await this.qmp.humanMonitor('info usernet')
    const row = new RegExp(
      `${protocol.toUpperCase()}\\[HOST_FORWARD\\]\\s+\\d+\\s+(\\S+)\\s+(\\d+)\\s+(\\S+)\\s+${guestPort}\\s`,
    )
    const [, hostAddress, hostPort, guestAddress] = table.match(row) ?? []
    if (hostAddress === undefined || hostPort === undefined || guestAddress === undefined) {
      throw new Error(`Cannot find a forward to guest port ${guestPort}/${protocol}:\n${table}`)
    }
    return { hostAddress, hostPort: Number(hostPort), guestAddress }
  }

  /**
   * Ends QEMU and waits until it has gone. `quit` lets QEMU close its files; falls back to a kill.
   */
  async stop(how: 'quit' | 'kill' = 'quit'): Promise<ExitInfo> {
    if (this.ended === undefined) {
      this.stopRequested = true
      if (how === 'kill') this.child.kill('SIGKILL')
      else {
        const grace = setTimeout(() => this.child.kill('SIGKILL'), 2_000)
        void this.exited.then(() => clearTimeout(grace))
        await this.qmp.execute('quit').catch(() => this.child.kill('SIGKILL'))
      }
    }
    return this.exited
  }

  /** Ends the guest if it still runs. */
  async close(): Promise<void> {
    await this.stop('kill')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
