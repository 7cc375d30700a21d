/**
 * Keeps the date by NTP servers: asks them in rounds, believes what most agree on, and learns how
 * fast the own timer is (RFC 4330).
 */
import type { Logger } from '../logger.ts'
import { agreedTime } from './agreed-time.ts'
import { type AskParts, askServer, type ServerAnswer } from './ask-server.ts'
import { correctionLine, STEP_US } from './correction-line.ts'
import { MachineJumps } from './machine-jumps.ts'
import { createTimeStatistics } from './time-statistics.ts'

const NS_PER_SECOND = 1e9
const NS_PER_US = 1000
const US_PER_SECOND = 1e6

export const MAX_TIME_SERVERS = 4
/** Lines of the log that are not repeated. */
const MAX_TOLD_LINES = 2 * MAX_TIME_SERVERS
/** RFC 4330 §10: "MUST NOT under any conditions use a poll interval less than 15 seconds". */
const SHORTEST_INTERVAL_S = 16
/** RFC 5905 §7.2: MINPOLL and, for one that is content, MAXPOLL of its clients. */
const USUAL_INTERVAL_S = 64
const LONGEST_INTERVAL_S = 1024
/**
 * Rounds come up to a tenth later, so that guests that were started together do not ask together.
 */
const JITTER = 0.1
/**
 * Within that the servers are asked less and less; beyond the other they are asked as often as
 * usual again.
 */
const CONTENT_US = 10_000
const WORRY_US = 50_000
/** RFC 5905 §A.1.1: PANICT, which a later answer may not be off by. */
const PANIC_US = 1_000 * US_PER_SECOND
/**
 * RFC 5905 §A.5.5 has a program exit beyond PANICT, so that somebody looks. Nobody looks at a
 * guest, and to end it would hand whoever forges answers the switch; a guest that was stopped, or
 * put back to a snapshot, would have the wrong date for ever. So it is believed all the same when
 * so many rounds in a row say it: a forger has to hold the path for minutes, and is in the log.
 */
const DOUBTED_ROUNDS = 8
/** The last three questions, of `reach`: nobody counts on a server that has answered none. */
const LATELY = 0b111
/** What two rounds say is the same when it differs by no more. */
const SAME_US = US_PER_SECOND
/** Over less time the way of the answers counts more than the timer's fault. */
const SHORTEST_BASELINE_NS = 30 * NS_PER_SECOND
/** No timer is off by more: the machine was stopped, or the server's date has jumped. */
const MAX_FREQUENCY_PPB = 5_000_000
/**
 * A measurement that is further from what is known counts when the next one says the same: a guest
 * that was stopped for a moment, or its server's date, has jumped by what a bad timer gains.
 */
const NEAR_PPB = 100_000
/** How much a later measurement of the frequency weighs against those before. */
const FREQUENCY_GAIN = 0.25

export interface TimeClientOptions extends Omit<AskParts, 'statistics'> {
  /** Host names and addresses, as they are now. */
  readonly servers: () => readonly string[]
  readonly realtimeUs: () => number
  readonly correct: (offsetUs: number, frequencyPpb: number) => void
  /** Of a clock of the machine, for when no server answers any more; null: it does not say. */
  readonly machineSeconds: () => number | null
  /** 0 up to 1. */
  readonly drawFraction: () => number
  readonly log: Logger
}

interface ServerState {
  /** The server has said that it will not be asked (DENY, RSTR). */
  isDenied: boolean
  notBeforeNs: number
  /** Since its last RATE at least that. */
  intervalS: number
  answer: ServerAnswer | null
  /**
   * What was believed of it: the frequency is measured from there, and not from another server's,
   * which may be milliseconds apart.
   */
  baseline: { dateAtZeroUs: number; atNs: number } | null
  /** The last eight questions, the latest in the lowest bit: set when answered (RFC 5905 §9.2). */
  reach: number
}

export class TimeClient {
  readonly statistics = createTimeStatistics()
  private readonly options: TimeClientOptions
  private readonly parts: AskParts
  private readonly jumps: MachineJumps
  private readonly states = new Map<string, ServerState>()
  private intervalS = SHORTEST_INTERVAL_S
  /** What was believed last, and when: null before the first time. */
  private believed: { dateAtZeroUs: number; atNs: number; server: string } | null = null
  /** What is too far from that to be believed, and in how many rounds it was said. */
  private doubted: { dateAtZeroUs: number; rounds: number } | null = null
  private frequencyPpb = 0
  private hasMeasured = false
  /** A measurement that is not believed yet. */
  private doubtedPpb: number | null = null
  private lastOffsetUs: number | null = null
  private readonly told = new Set<string>()

  constructor(options: TimeClientOptions) {
    this.options = options
    this.parts = { ...options, statistics: this.statistics }
    this.jumps = new MachineJumps(options.machineSeconds)
  }

  /** True once servers have corrected the date. */
  get hasBelieved(): boolean {
    return this.believed !== null
  }

  /** Asks now, and from then on for ever. */
  start(): void {
    void this.round()
  }

  /** Plain data for status pages. */
  report(): Record<string, unknown> {
    const { believed, options } = this
    const servers = [...this.states].map(([server, { answer, reach, isDenied }]) => ({
      ...{ server, reach, isDenied },
      stratum: answer?.stratum ?? null,
      delayUs: answer?.delayUs ?? null,
      errorUs: answer?.errorUs ?? null,
    }))
    return {
      servers,
      server: believed?.server ?? null,
      offsetUs: this.lastOffsetUs,
      ageSeconds: believed === null ? null : (options.nowNs() - believed.atNs) / NS_PER_SECOND,
      intervalSeconds: this.intervalS,
      frequencyPpb: Math.round(this.frequencyPpb),
      statistics: { ...this.statistics, rejected: { ...this.statistics.rejected } },
    }
  }

  private async round(): Promise<void> {
    const { nowNs, timers, drawFraction } = this.options
    const due = this.dueServers()
    const answers = await Promise.all(due.map((server) => this.ask(server)))
    const isSilent = answers.every((answer) => answer === null)
    const told = answers.filter((answer) => answer !== null && answer !== 'kiss')
    // Nobody is silent where those there are want to be left alone.
    if (due.length > 0) this.judge(told, isSilent)
    if (this.isUnreachable) this.followJump()
    const waitS = this.intervalS * (1 + JITTER * drawFraction())
    timers.add(nowNs() + waitS * NS_PER_SECOND, () => void this.round())
  }

  /** Those that may be asked now; servers that are named no more are forgotten. */
  private dueServers(): string[] {
    const names = [...new Set(this.options.servers())].slice(0, MAX_TIME_SERVERS)
    for (const known of this.states.keys()) {
      if (!names.includes(known)) this.states.delete(known)
    }
    const now = this.options.nowNs()
    return names.filter((name) => {
      const state = this.states.get(name)
      if (state !== undefined) return !state.isDenied && state.notBeforeNs <= now
      const fresh = { isDenied: false, notBeforeNs: 0, intervalS: 0, reach: 0 }
      this.states.set(name, { ...fresh, answer: null, baseline: null })
      return true
    })
  }

  private async ask(server: string): Promise<ServerAnswer | 'kiss' | null> {
    const state = this.states.get(server)!
    const answer = await askServer(server, this.parts)
    const isAnswer = answer !== null && !('kiss' in answer)
    state.reach = ((state.reach << 1) & 0xff) | (isAnswer ? 1 : 0)
    if (answer === null) return null
    if (isAnswer) {
      state.answer = answer
      return answer
    }
    this.obey(server, state, answer.kiss)
    return 'kiss'
  }

  /**
   * RFC 5905 §7.4: DENY and RSTR mean never again, RATE means less often; of others the packet is
   * only dropped.
   */
  private obey(server: string, state: ServerState, code: string): void {
    this.warnOnce(`NTP server ${server} says ${code}`)
    if (code === 'DENY' || code === 'RSTR') state.isDenied = true
    if (code !== 'RATE') return
    const intervalS = Math.max(state.intervalS, this.intervalS, USUAL_INTERVAL_S) * 2
    state.intervalS = Math.min(intervalS, LONGEST_INTERVAL_S)
    state.notBeforeNs = this.options.nowNs() + state.intervalS * NS_PER_SECOND
  }

  private judge(answers: readonly ServerAnswer[], isSilent: boolean): void {
    // None is named yet: a lease may bring some.
    if (this.states.size === 0) return
    const { rejected } = this.statistics
    const best = answers.length === 0 ? null : agreedTime(answers)
    if (best === null) {
      if (answers.length > 0) {
        rejected.disagreement++
        this.warnOnce(`NTP servers disagree: the date is left as it is`)
      } else if (isSilent) {
        this.warnOnce(`no NTP server has answered: ${[...this.states.keys()].join(', ')}`)
      }
      this.intervalS = Math.min(this.intervalS * 2, LONGEST_INTERVAL_S)
      return
    }
    if (this.isDoubtful(best)) {
      rejected.implausible++
      this.warnOnce(`NTP server ${best.server} is far from what it has said before: not believed`)
      this.intervalS = USUAL_INTERVAL_S
      return
    }
    // Time has jumped: nothing from before says how fast the timer is.
    if (this.doubted !== null && this.isFar(best)) {
      for (const state of this.states.values()) state.baseline = null
    }
    this.doubted = null
    this.believe(best)
  }

  private isFar({ dateAtZeroUs }: ServerAnswer): boolean {
    const { believed } = this
    return believed !== null && Math.abs(dateAtZeroUs - believed.dateAtZeroUs) > PANIC_US
  }

  private isDoubtful(best: ServerAnswer): boolean {
    const { doubted } = this
    if (!this.isFar(best)) return false
    const { dateAtZeroUs } = best
    const isSaidAgain = doubted !== null && Math.abs(dateAtZeroUs - doubted.dateAtZeroUs) <= SAME_US
    const rounds = isSaidAgain ? doubted.rounds + 1 : 1
    this.doubted = { dateAtZeroUs, rounds }
    return rounds < DOUBTED_ROUNDS
  }

  private believe(best: ServerAnswer): void {
    const { nowNs, realtimeUs, correct } = this.options
    const now = nowNs()
    this.measureFrequency(best, now)
    const offsetUs = Math.round(best.dateAtZeroUs + now / NS_PER_US - realtimeUs())
    const isStep = offsetUs > STEP_US
    correct(offsetUs, Math.round(this.frequencyPpb))
    this.statistics[isStep ? 'steps' : 'slews']++
    this.tell(best, offsetUs, isStep)
    this.believed = { dateAtZeroUs: best.dateAtZeroUs, atNs: now, server: best.server }
    this.jumps.note(best.dateAtZeroUs + now / NS_PER_US)
    this.lastOffsetUs = offsetUs
    this.adaptInterval(Math.abs(offsetUs))
  }

  /** No server that may be asked has answered lately. */
  private get isUnreachable(): boolean {
    if (this.believed === null) return false
    for (const { isDenied, reach } of this.states.values()) {
      if (!isDenied && (reach & LATELY) !== 0) return false
    }
    return true
  }

  /** The servers' date goes on as the machine's does, where that has gone on without the guest. */
  private followJump(): void {
    const { realtimeUs, correct, log } = this.options
    const offsetUs = this.jumps.look(realtimeUs())
    if (offsetUs === 0) return
    correct(offsetUs, Math.round(this.frequencyPpb))
    this.statistics.steps++
    log.warn(correctionLine(offsetUs, "the machine's clock, as no NTP server answers"))
    // What they say next is far from neither, and tells nothing of the timer.
    this.believed!.dateAtZeroUs += offsetUs
    for (const state of this.states.values()) state.baseline = null
  }

  private measureFrequency({ server, dateAtZeroUs }: ServerAnswer, nowNs: number): void {
    const state = this.states.get(server)!
    const { baseline } = state
    if (baseline !== null && nowNs - baseline.atNs < SHORTEST_BASELINE_NS) return
    state.baseline = { dateAtZeroUs, atNs: nowNs }
    if (baseline === null) return
    const gainedNs = (dateAtZeroUs - baseline.dateAtZeroUs) * NS_PER_US
    const measured = (gainedNs / (nowNs - baseline.atNs)) * NS_PER_SECOND
    if (Math.abs(measured) > MAX_FREQUENCY_PPB) return
    const isNear = Math.abs(measured - this.frequencyPpb) <= NEAR_PPB
    if (!isNear && !this.isMeasuredAgain(measured)) {
      this.doubtedPpb = measured
      // What others measure from before would have the same jump in it.
      for (const each of this.states.values()) if (each !== state) each.baseline = null
      return
    }
    this.doubtedPpb = null
    // One that is far and true is not to be approached in steps.
    const gain = this.hasMeasured && isNear ? FREQUENCY_GAIN : 1
    this.frequencyPpb += (measured - this.frequencyPpb) * gain
    this.hasMeasured = true
  }

  private isMeasuredAgain(ppb: number): boolean {
    return this.doubtedPpb !== null && Math.abs(ppb - this.doubtedPpb) <= NEAR_PPB
  }

  private adaptInterval(errorUs: number): void {
    if (errorUs > WORRY_US) {
      this.intervalS = USUAL_INTERVAL_S
    } else if (this.intervalS < USUAL_INTERVAL_S) {
      this.intervalS = USUAL_INTERVAL_S
    } else if (errorUs < CONTENT_US) {
      this.intervalS = Math.min(this.intervalS * 2, LONGEST_INTERVAL_S)
    }
  }

  private tell(best: ServerAnswer, offsetUs: number, isStep: boolean): void {
    const { log } = this.options
    const line = correctionLine(offsetUs, `NTP server ${best.server}`)
    if (this.believed === null || isStep) log.info(line)
    else log.debug(line)
  }

  /** A server that lies does it for as long as it runs. Of many lines the oldest is forgotten. */
  private warnOnce(line: string): void {
    if (this.told.has(line)) return
    const [oldest] = this.told
    if (oldest !== undefined && this.told.size >= MAX_TOLD_LINES) this.told.delete(oldest)
    this.told.add(line)
    this.options.log.warn(line)
  }
}
