/**
 * One iperf3 test from the client's parameters to its goodbye: which message is due, and how long
 * it may take.
 */

import type { TcpSocket, TcpSocketHandler } from '../../../../net/socket/tcp/tcp-socket.ts'
import type { PacketBuffer } from '../../../../net/storage/buffer.ts'
import type { AppSystem, AppTimer } from '../system.ts'
import { ControlChannel } from './control-channel.ts'
import { type Iperf3Parameters, MAX_PARAMETERS_BYTES, readParameters } from './parameters.ts'
import { ProcessorMeter } from './processor-meter.ts'
import { COOKIE_BYTES, Iperf3Error, Iperf3State } from './protocol.ts'
import { describeResults, MAX_RESULTS_BYTES, readResults } from './results.ts'
import { Iperf3Stream } from './stream.ts'
import { TestClock } from './test-clock.ts'

/** How long the client may take for each step. */
export const PARAMETERS_TIMEOUT_MS = 10_000
export const STREAMS_TIMEOUT_MS = 30_000
export const RESULTS_TIMEOUT_MS = 30_000
export const GOODBYE_TIMEOUT_MS = 10_000
/** Beyond the duration that the client gave, as iperf3 itself allows. */
export const OVERTIME_MS = 40_000
/** A running test in which no byte moves for so long has lost its client. */
export const SILENCE_TIMEOUT_MS = 120_000

/**
 * Bytes that the client has written may still be on their way when it says that the test has ended.
 * They are waited for, as long as some come, so that both sides report the same count.
 */
const ARRIVAL_POLL_MS = 5
const ARRIVAL_STALL_MS = 1_500
/**
 * The two sides begin to count at slightly different times after -O, so that their counts never
 * meet exactly.
 */
const ARRIVAL_STALL_AFTER_OMIT_MS = 200
const ARRIVAL_LIMIT_MS = 5_000

type Phase = 'parameters' | 'streams' | 'running' | 'results' | 'arrival' | 'goodbye' | 'over'

/** What a session asks of the server it belongs to. */
export interface SessionHost {
  /**
   * What streams send from, made at the first test that sends; null when there is no memory for it.
   */
  filler(): PacketBuffer | null
  /** The session is over; with `isRefused` its control connection has last words to deliver. */
  onSessionEnd(session: Iperf3Session, isRefused: boolean): void
}

interface WaitingStream {
  readonly socket: TcpSocket
  readonly order: number
}

/**
 * A stream that waits for the others has nothing to do: the control connection tells when its
 * client is gone.
 */
const WAITING_HANDLER: TcpSocketHandler = { onClose() {} }

export class Iperf3Session implements TcpSocketHandler {
  readonly control: TcpSocket
  private readonly system: AppSystem
  private readonly host: SessionHost
  private readonly channel: ControlChannel
  private readonly cookie: Uint8Array
  private readonly clock: TestClock
  private readonly meter: ProcessorMeter
  private phase: Phase = 'parameters'
  private deadlineMs: number
  private parameters: Iperf3Parameters | null = null
  private waiting: WaitingStream[] = []
  private streams: readonly Iperf3Stream[] = []
  private timer: AppTimer | null = null
  private expectedBytes: ReadonlyMap<number, number> = new Map()

  constructor(control: TcpSocket, system: AppSystem, cookie: Uint8Array, host: SessionHost) {
    this.control = control
    this.system = system
    this.cookie = cookie
    this.host = host
    this.channel = new ControlChannel(control, system)
    this.clock = new TestClock()
    this.meter = new ProcessorMeter(system)
    this.deadlineMs = system.nowMs() + PARAMETERS_TIMEOUT_MS
  }

  /** Asks for the parameters. */
  start(): void {
    this.control.handler = this
    this.control.setNoDelay(true)
    this.channel.sendState(Iperf3State.ParamExchange)
    this.onReadable()
  }

  /** True for a connection that begins with this test's cookie while streams are wanted. */
  wantsStream(cookie: Uint8Array): boolean {
    if (this.phase !== 'streams') return false
    for (let index = 0; index < COOKIE_BYTES; index++) {
      if (cookie[index] !== this.cookie[index]) return false
    }
    return true
  }

  /** `order`: when its connection was accepted, which is the order of the client's streams. */
  addStream(socket: TcpSocket, order: number): void {
    socket.handler = WAITING_HANDLER
    this.waiting.push({ socket, order })
    const { receivers, senders } = this.parameters!
    if (this.waiting.length === receivers + senders) this.run()
  }

  /** Called now and then: ends what takes too long. */
  check(nowMs: number): void {
    if (this.phase === 'running') {
      this.clock.note(this.movedBytes(), nowMs)
      if (nowMs - this.clock.lastMoveMs >= SILENCE_TIMEOUT_MS) this.fail(Iperf3Error.NoData)
    }
    if (nowMs < this.deadlineMs) return
    if (this.phase === 'parameters') this.fail(Iperf3Error.ReceiveParameters)
    else if (this.phase === 'streams') this.fail(Iperf3Error.AcceptStream)
    else if (this.phase === 'results') this.fail(Iperf3Error.ReceiveResults)
    else if (this.phase === 'goodbye') this.finish(false)
    else if (this.phase === 'running') {
      this.channel.sendState(Iperf3State.ServerTerminate)
      this.finish(true)
    }
  }

  onReadable(): void {
    while (this.advance()) {
      // Goes on until the next message is not here yet.
    }
  }

  onPeerFinished(): void {
    this.onReadable()
    if (this.phase !== 'over') this.finish(false)
  }

  onClose(): void {
    if (this.phase !== 'over') this.finish(false)
  }

  /** Takes one message from the client; false when there is none to take. */
  private advance(): boolean {
    switch (this.phase) {
      case 'parameters': {
        const json = this.channel.readJson(MAX_PARAMETERS_BYTES)
        if (json === null) return false
        this.beginStreams(json)
        return true
      }
      case 'results': {
        const json = this.channel.readJson(MAX_RESULTS_BYTES)
        if (json === null) return false
        this.awaitArrival(json)
        return true
      }
      case 'streams':
      case 'running':
      case 'goodbye': {
        const state = this.channel.readState()
        if (state === null) return false
        this.takeState(state)
        return true
      }
      default:
        return false
    }
  }

  private takeState(state: number): void {
    if (state === Iperf3State.ClientTerminate || state === Iperf3State.IperfDone) {
      this.finish(false)
    } else if (state === Iperf3State.TestEnd && this.phase === 'running') {
      this.endTest()
    } else {
      this.fail(Iperf3Error.UnknownMessage)
    }
  }

  private beginStreams(json: { value: unknown } | 'malformed'): void {
    const window = this.control.configuration.sendBufferBytes
    const parameters =
      json === 'malformed' ? Iperf3Error.ReceiveParameters : readParameters(json.value, window)
    if (typeof parameters === 'number') {
      this.fail(parameters)
      return
    }
    if (parameters.senders > 0 && this.host.filler() === null) {
      this.fail(Iperf3Error.BufferSize)
      return
    }
    this.parameters = parameters
    this.enter('streams', STREAMS_TIMEOUT_MS)
    this.channel.sendState(Iperf3State.CreateStreams)
  }

  private run(): void {
    const { receivers, senders, noDelay, bitsPerSecond, durationS, omitS } = this.parameters!
    const filler = senders > 0 ? this.host.filler() : null
    this.waiting.sort((a, b) => a.order - b.order)
    this.streams = this.waiting.map(({ socket }, index) => {
      // iperf3 gives its streams the numbers 1, 3, 4, 5 and so on.
      const id = index === 0 ? 1 : index + 2
      const isSender = index >= receivers
      return new Iperf3Stream(socket, this.system, { id, isSender, noDelay, bitsPerSecond, filler })
    })
    this.waiting = []
    const limitMs = durationS === 0 ? Number.POSITIVE_INFINITY : (durationS + omitS) * 1000
    this.enter('running', limitMs + OVERTIME_MS)
    this.channel.sendState(Iperf3State.TestStart)
    this.channel.sendState(Iperf3State.TestRunning)
    this.clock.start(this.system.nowMs())
    this.meter.start()
    if (omitS > 0) this.timer = this.system.after(omitS * 1000, () => this.omit())
    for (const stream of this.streams) stream.start()
  }

  private omit(): void {
    this.timer = null
    for (const stream of this.streams) stream.omit()
    this.clock.start(this.system.nowMs())
  }

  private endTest(): void {
    this.cancelTimer()
    this.clock.stop(this.movedBytes(), this.system.nowMs())
    this.meter.stop()
    for (const stream of this.streams) stream.stopSending()
    this.enter('results', RESULTS_TIMEOUT_MS)
    this.channel.sendState(Iperf3State.ExchangeResults)
  }

  private awaitArrival(json: { value: unknown } | 'malformed'): void {
    const expected = json === 'malformed' ? null : readResults(json.value)
    if (expected === null) {
      this.fail(Iperf3Error.ReceiveResults)
      return
    }
    this.expectedBytes = expected
    this.enter('arrival', Number.POSITIVE_INFINITY)
    this.pollArrival(this.system.nowMs())
  }

  private pollArrival(sinceMs: number): void {
    const nowMs = this.system.nowMs()
    this.clock.note(this.movedBytes(), nowMs)
    const omitted = this.parameters!.omitS > 0
    const stallMs = omitted ? ARRIVAL_STALL_AFTER_OMIT_MS : ARRIVAL_STALL_MS
    const lastMs = Math.max(sinceMs, this.clock.lastMoveMs)
    const hasTime = nowMs - lastMs < stallMs && nowMs - sinceMs < ARRIVAL_LIMIT_MS
    if (hasTime && this.isDataOnItsWay()) {
      this.timer = this.system.after(ARRIVAL_POLL_MS, () => this.pollArrival(sinceMs))
      return
    }
    this.timer = null
    this.sendResults()
  }

  private isDataOnItsWay(): boolean {
    for (const stream of this.streams) {
      if (stream.isSender || stream.isOver) continue
      if (stream.transferredBytes() < (this.expectedBytes.get(stream.id) ?? 0)) return true
    }
    return false
  }

  private sendResults(): void {
    this.channel.sendJson(
      describeResults({
        streams: this.streams,
        elapsedS: this.clock.elapsedMs() / 1000,
        processorUse: this.meter.percent,
        wantsServerOutput: this.parameters!.wantsServerOutput,
      }),
    )
    this.enter('goodbye', GOODBYE_TIMEOUT_MS)
    this.channel.sendState(Iperf3State.DisplayResults)
    this.onReadable()
  }

  /** Bytes that have arrived so far, and those that were sent while the test ran. */
  private movedBytes(): number {
    let total = 0
    for (const stream of this.streams) {
      if (!stream.isSender || this.phase === 'running') total += stream.transferredBytes()
    }
    return total
  }

  private fail(code: number): void {
    this.channel.sendServerError(code)
    this.finish(true)
  }

  private finish(isRefused: boolean): void {
    this.phase = 'over'
    this.cancelTimer()
    for (const { socket } of this.waiting) socket.abort()
    for (const stream of this.streams) stream.end()
    this.waiting = []
    this.host.onSessionEnd(this, isRefused)
  }

  private enter(phase: Phase, limitMs: number): void {
    this.phase = phase
    this.deadlineMs = this.system.nowMs() + limitMs
  }

  private cancelTimer(): void {
    this.timer?.cancel()
    this.timer = null
  }
}
