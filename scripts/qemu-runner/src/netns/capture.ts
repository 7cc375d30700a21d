/** Packet captures inside a namespace: whole frames, nothing lost without saying so. */
import type { ChildProcess } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { requireExecutable } from '../executables.ts'
import type { CapturePoint } from './topology.ts'

export interface CaptureOptions {
  /** Bytes kept of each frame. Default 262144: super-segments whole. */
  snapLength?: number
  format?: 'pcap' | 'pcapng'
  /** A capture filter, e.g. `tcp`. */
  filter?: string
  /** Do not complain about frames the kernel could not hand over. */
  mayLose?: boolean
}

/** The reader gets blocks of frames when they are full or after this long. */
const BLOCK_TIMEOUT_MS = 250
const BUFFER_MIB = 64
const START_TIMEOUT_MS = 10_000
/** Writing out what is buffered, on a busy machine. */
const STOP_TIMEOUT_MS = 10_000

export class Capture {
  readonly path: string
  private readonly child: ChildProcess
  private readonly ended: Promise<void>
  private readonly mayLose: boolean
  private stderr = ''

  private constructor(child: ChildProcess, path: string, mayLose: boolean) {
    this.child = child
    this.path = path
    this.mayLose = mayLose
    child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString('utf8')
    })
    this.ended = new Promise((resolve) => {
      child.once('close', () => resolve())
      child.once('error', (error) => {
        this.stderr += error.message
        resolve()
      })
    })
  }

  /** Resolves when frames are being recorded. */
  static async start(
    point: CapturePoint,
    path: string,
    options: CaptureOptions = {},
  ): Promise<Capture> {
    const child = point.namespace.spawn(
      [
        requireExecutable('dumpcap'),
        ...['-q', options.format === 'pcapng' ? '-n' : '-P'],
        ...['-i', point.interfaceName, '-s', String(options.snapLength ?? 262144)],
        ...['-B', String(BUFFER_MIB), '-w', path],
        ...(options.filter === undefined ? [] : ['-f', options.filter]),
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    const capture = new Capture(child, path, options.mayLose ?? false)
    const deadline = performance.now() + START_TIMEOUT_MS
    while (!capture.stderr.includes('File: ')) {
      if (child.exitCode !== null || performance.now() > deadline) {
        await capture.close()
        throw new Error(
          `Cannot capture on ${point.interfaceName} of ${point.namespace.label}: ${capture.stderr.trim() || 'no answer'}`,
        )
      }
      await delay(5)
    }
    return capture
  }

  /** The capturing program's process. */
  get pid(): number {
    return this.child.pid!
  }

  /** Writes what is still on its way, ends the capture; throws when frames were lost. */
  async stop(): Promise<void> {
    await delay(BLOCK_TIMEOUT_MS + 100)
    this.child.kill('SIGINT')
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await this.ended
    clearTimeout(timer)
    const lost = this.stderr.match(/received\/dropped on interface '[^']*': (\d+)\/(\d+)/)
    if (lost === null) {
      throw new Error(`Cannot trust capture ${this.path}: no summary: ${this.stderr.trim()}`)
    }
    if (lost[2] !== '0' && !this.mayLose) {
      throw new Error(`Cannot trust capture ${this.path}: ${lost[2]} of its frames were lost`)
    }
  }

  /** Ends the capture without a verdict; what was recorded so far is in the file. */
  async close(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
