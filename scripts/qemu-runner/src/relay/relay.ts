/**
 * A wire between two TAPs that loses, delays, doubles, reorders and queues single packets by seed:
 * a process of its own.
 */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { LineSplitter } from '../line-splitter.ts'
import type { NetworkNamespace } from '../netns/network-namespace.ts'
import { relayProgram } from './relay-program.ts'
import { type RelayOptions, relayCommand } from './relay-settings.ts'

/** Since the last `set`. */
export interface RelayCounters {
  readonly seen: number
  /** Frames that the impairments count: their numbers decide their fates. */
  readonly eligible: number
  readonly lost: number
  readonly duplicated: number
  readonly held: number
  /** At the tail of the full queue of a link of limited rate. */
  readonly queueDropped: number
  /** Beyond what the relay can hold: the figures of such a run are its own, not the path's. */
  readonly overflowed: number
  /** Larger than `maximumPacketBytes`. */
  readonly tooLarge: number
  /** By the TAP that should have taken it. */
  readonly refused: number
  readonly delivered: number
  readonly deliveredBytes: number
  /** On their way just now. */
  readonly pending: number
  /** How long after their time frames were delivered: what a busy machine adds to the path. */
  readonly lateUs: { readonly median: number; readonly p99: number }
}

export type RelayReport = Readonly<Record<'from-guest' | 'to-guest', RelayCounters>>

const ANSWER_TIMEOUT_MS = 10_000

export class Relay {
  private readonly child: ChildProcess
  private readonly waiting: ((line: string) => void)[] = []
  private stderr = ''

  private constructor(child: ChildProcess) {
    this.child = child
    const lines = new LineSplitter()
    child.stdout?.on('data', (chunk: Buffer) => {
      for (const line of lines.push(chunk)) this.waiting.shift()?.(line)
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString('utf8')
    })
    child.stdin?.on('error', () => undefined)
    child.on('error', () => undefined)
  }

  /**
   * Makes two TAPs in the namespace, the first for the guest's side, which are there until the
   * relay ends.
   */
  static async start(
    namespace: NetworkNamespace,
    taps: readonly [guestSide: string, farSide: string],
  ): Promise<Relay> {
    const child = namespace.spawn([await relayProgram(), ...taps], {
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const relay = new Relay(child)
    try {
      await relay.answer('Cannot start the relay')
    } catch (error) {
      await relay.close()
      throw error
    }
    return relay
  }

  /** From now on; counters and frame numbers begin at zero. What is on its way keeps its time. */
  async set(options: RelayOptions): Promise<void> {
    const answer = await this.ask(relayCommand(options))
    if (answer !== 'ok') throw new Error(`Cannot set the relay: it says "${answer}"`)
  }

  async counters(): Promise<RelayReport> {
    const [fromGuest, toGuest] = JSON.parse(await this.ask('counters')) as [
      RelayCounters,
      RelayCounters,
    ]
    return { 'from-guest': fromGuest, 'to-guest': toGuest }
  }

  async close(): Promise<void> {
    if (this.isOver) return
    const exited = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await exited
  }

  private get isOver(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  private ask(command: string): Promise<string> {
    const answer = this.answer(`Cannot ask the relay for "${command.split(' ')[0]}"`)
    this.child.stdin?.write(`${command}\n`)
    return answer
  }

  private answer(what: string): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.isOver) {
        reject(new Error(`${what}: ${this.stderr.trim() || 'it has ended'}`))
        return
      }
      const settle = (act: () => void): void => {
        clearTimeout(timer)
        this.child.off('close', gone)
        act()
      }
      const fail = (why: string): void =>
        settle(() => reject(new Error(`${what}: ${this.stderr.trim() || why}`)))
      const gone = (): void => fail('it has ended')
      const timer = setTimeout(() => {
        // A later answer must not be taken for that of another question.
        this.child.kill('SIGKILL')
        fail(`no answer in ${ANSWER_TIMEOUT_MS} ms`)
      }, ANSWER_TIMEOUT_MS)
      this.child.once('close', gone)
      this.waiting.push((line) => settle(() => resolve(line)))
    })
  }
}
