/**
 * The kernel's only loop: poll until idle, run promise jobs and timers, arm interrupts, look again,
 * sleep.
 */
import type { Platform } from './hal/platform.ts'
import { HaltPoll, type WatchedWord } from './halt-poll.ts'
import type { Interrupts } from './interrupts.ts'
import type { TimerQueue } from './timer-queue.ts'

/** Something with work to find by looking, such as a network stack on its device. */
export interface PollSource {
  /** Does a bounded amount of work; true when there was any. */
  poll(nowNs: number): boolean
  /** When poll must run next without an interrupt; Infinity = never. */
  nextDeadlineNs(nowNs: number): number
  /**
   * Asks for interrupts from now on, then looks once more. False: there is work already, so do not
   * sleep.
   */
  armInterrupts(): boolean
  disarmInterrupts(): void
  /**
   * What changes in memory once there is work, so that it can be waited for awake; null = nothing
   * does.
   */
  watch(): WatchedWord | null
}

/**
 * Work for one turn, so that endless promise jobs or timers of an app leave the packet path its
 * share: one turn polls every source once.
 */
const JOBS_PER_TURN = 256
const TIMERS_PER_TURN = 64
/**
 * After so many turns full of jobs a rejection is reported even though jobs are left: they may
 * never end.
 */
const TURNS_WITHOUT_REJECTIONS = 64

export class EventLoop {
  turns = 0
  sleeps = 0
  /** Waits that ended before the processor had to halt. */
  polls = 0
  sleptNs = 0
  /** Looks at what sources watch before the processor halts. */
  private readonly haltPoll: HaltPoll
  private readonly platform: Platform
  private readonly interrupts: Interrupts
  private readonly timers: TimerQueue
  private readonly onRejection: (reason: unknown) => void
  private readonly sources: PollSource[] = []
  private crowdedTurns = 0
  private idleCallback: (() => void) | null = null

  constructor(
    platform: Platform,
    interrupts: Interrupts,
    timers: TimerQueue,
    onRejection: (reason: unknown) => void,
    haltPoll = new HaltPoll(),
  ) {
    this.platform = platform
    this.interrupts = interrupts
    this.timers = timers
    this.onRejection = onRejection
    this.haltPoll = haltPoll
  }

  add(source: PollSource): void {
    this.sources.push(source)
  }

  /** Calls back once, the first time that there is nothing left to do. */
  whenIdle(callback: () => void): void {
    this.idleCallback = callback
  }

  /** Runs until a source, timer or job throws; never returns otherwise. */
  run(): never {
    for (;;) {
      // Read before anything is looked at. An interrupt after this point changes the total, so the
      // sleep below returns at once; one before it left work that this turn finds. Either way none
      // is lost.
      const seenTotal = this.interrupts.total()
      if (this.turn()) continue
      const callback = this.idleCallback
      if (callback === null) {
        this.sleep(seenTotal)
      } else {
        this.idleCallback = null
        callback()
      }
    }
  }

  /** Gives every source, timers and jobs one bounded turn; true when any of them had work. */
  turn(): boolean {
    this.turns++
    const { platform, sources, timers } = this
    const nowNs = platform.monotonicNs()
    // No work by itself: what a handler notes, the sources and jobs of this turn find.
    if (this.interrupts.haveFired()) this.interrupts.dispatch()
    let worked = false
    // Not `for of`, here and in `sleep`: an iterator allocates, and a packet that comes alone pays
    // for a turn or two.
    for (let index = 0; index < sources.length; index++) {
      if (sources[index]!.poll(nowNs)) worked = true
    }
    if (timers.nextDeadlineNs() <= nowNs && timers.runDue(nowNs, TIMERS_PER_TURN) > 0) worked = true
    const jobs = platform.runPendingJobs(JOBS_PER_TURN)
    if (jobs === 0) {
      if (this.crowdedTurns !== 0) this.crowdedTurns = 0
      return worked
    }
    return this.noteJobs(jobs) || worked
  }

  /** What runPendingJobs says when it is not 0; true when some have run. */
  private noteJobs(result: number): boolean {
    const hasRejections = result < 0
    const jobs = hasRejections ? ~result : result
    // A rejection counts as unhandled only when no job is left that might still handle it.
    if (jobs < JOBS_PER_TURN || ++this.crowdedTurns === TURNS_WITHOUT_REJECTIONS) {
      this.crowdedTurns = 0
      if (hasRejections) this.reportRejections()
    }
    return jobs > 0
  }

  private reportRejections(): void {
    for (;;) {
      const rejection = this.platform.takeUnhandledRejection()
      if (rejection === undefined) return
      this.onRejection(rejection[0])
    }
  }

  private sleep(seenTotal: number): void {
    const { platform, sources, haltPoll } = this
    const count = sources.length
    const startNs = platform.monotonicNs()
    let deadlineNs = this.timers.nextDeadlineNs()
    for (let index = 0; index < count; index++) {
      const sourceDeadlineNs = sources[index]!.nextDeadlineNs(startNs)
      if (sourceDeadlineNs < deadlineNs) deadlineNs = sourceDeadlineNs
    }
    if (deadlineNs <= startNs) return
    if (haltPoll.windowNs > 0) {
      // Apart: what is called within a condition stays a call.
      const isOver = this.pollAwake(seenTotal, startNs, deadlineNs)
      if (isOver) return
    }
    let maySleep = true
    for (let index = 0; index < count; index++) {
      if (!sources[index]!.armInterrupts()) maySleep = false
    }
    if (maySleep) {
      this.sleeps++
      platform.waitForInterrupt(seenTotal, deadlineNs)
      const waitedNs = platform.monotonicNs() - startNs
      this.sleptNs += waitedNs
      haltPoll.noteHalt(waitedNs)
    }
    for (let index = 0; index < count; index++) sources[index]!.disarmInterrupts()
  }

  /** Waits without interrupts for a moment; true when something has come, or the deadline. */
  private pollAwake(seenTotal: number, startNs: number, deadlineNs: number): boolean {
    const { platform, sources, haltPoll } = this
    if (sources.length !== 1) return false
    const word = sources[0]!.watch()
    if (word === null) return false
    const isStuck = haltPoll.isStuckAt(word)
    if (isStuck) return false
    const windowEndNs = startNs + haltPoll.windowNs
    const isDeadlineFirst = deadlineNs <= windowEndNs
    const untilNs = isDeadlineFirst ? deadlineNs : windowEndNs
    const { address, mask, value } = word
    if (!platform.waitForWord(address, mask, value, seenTotal, untilNs)) return isDeadlineFirst
    this.polls++
    this.sleptNs += platform.monotonicNs() - startNs
    haltPoll.noteHit(word)
    return true
  }
}
