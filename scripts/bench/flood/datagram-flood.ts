/**
 * Many small UDP datagrams a second to one port: a small program on the host's side of the TAP
 * (datagram-flood.c).
 */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { GUEST_ADDRESS4, type NetworkNamespace } from 'qemu-runner'
import { runTool } from '../../build/run-tool.ts'

export interface DatagramFloodOptions {
  readonly port: number
  readonly perSecond: number
  readonly seconds: number
  /**
   * Source ports that take turns, so that no two datagrams in a row are of one flow; at most 64.
   */
  readonly sources: number
}

/** Of the program, beyond what the flood itself takes. */
const SLACK_MS = 20_000

/** Compiles the program into `folder`; its path. */
export async function buildDatagramFlooder(folder: string): Promise<string> {
  const program = join(folder, 'datagram-flood')
  const source = join(import.meta.dirname, 'datagram-flood.c')
  const flags = ['-O2', '-Wall', '-Wextra', '-Werror']
  await runTool('compile the flooder of datagrams', 'gcc', [...flags, '-o', program, source])
  return program
}

export class DatagramFlood {
  /** Resolves with the number of datagrams sent once it is over. */
  readonly over: Promise<number>
  private readonly child: ChildProcess
  private readonly beganAtMs = performance.now()

  /** Floods the guest with the program that `buildDatagramFlooder` has made. */
  constructor(
    program: string,
    namespace: NetworkNamespace,
    { port, perSecond, seconds, sources }: DatagramFloodOptions,
  ) {
    const words = [GUEST_ADDRESS4, port, perSecond, seconds, sources].map(String)
    const stdio = ['ignore', 'pipe', 'inherit'] as const
    this.child = namespace.spawn([program, ...words], { stdio: [...stdio] })
    this.over = this.finish(seconds * 1000 + SLACK_MS)
    // Whoever waits for it is told.
    this.over.catch(() => undefined)
  }

  get isOver(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  /** Ends it before its time; how many it has sent, and in how many seconds. */
  async end(): Promise<{ sent: number; seconds: number }> {
    const seconds = (performance.now() - this.beganAtMs) / 1000
    this.child.kill('SIGTERM')
    return { sent: await this.over, seconds }
  }

  private async finish(timeoutMs: number): Promise<number> {
    const { child } = this
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    try {
      const [stdout, [status]] = await Promise.all([text(child.stdout!), once(child, 'close')])
      if (status === 0) return Number(stdout)
      throw new Error(`Cannot flood with datagrams: the program ended with ${status}`)
    } finally {
      clearTimeout(timer)
    }
  }
}
