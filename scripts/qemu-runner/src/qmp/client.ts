/**
 * QEMU's machine protocol over a duplex stream: newline-delimited JSON, answers matched by id, a
 * deadline on each.
 */
import type { Duplex } from 'node:stream'
import { LineSplitter } from '../line-splitter.ts'
import { PendingWaits, type WaitOptions } from '../pending-waits.ts'
import type { QmpCommands, QmpEvents } from './schema.generated.ts'

/** QEMU refused a command. */
export class QmpError extends Error {
  override readonly name = 'QmpError'
  readonly errorClass: string

  constructor(command: string, errorClass: string, description: string) {
    super(`Cannot execute QMP ${command}: ${description}`)
    this.errorClass = errorClass
  }
}

/** QEMU did not answer a command in time; it may still carry it out. */
export class QmpTimeoutError extends Error {
  override readonly name = 'QmpTimeoutError'

  constructor(command: string, timeoutMs: number) {
    super(
      `Cannot execute QMP ${command}: no answer within ${timeoutMs} ms; QEMU is stopped, stuck or starved of processor time`,
    )
  }
}

/** What came is no QMP: the program is no QEMU, or not this descriptor's owner. */
export class QmpProtocolError extends Error {
  override readonly name = 'QmpProtocolError'
}

export interface QmpClientOptions {
  /**
   * Where a guest's end and panic are known; without it only the stream's end ends a wait at once.
   */
  readonly waits?: PendingWaits
  /** How long QEMU may take to greet; default 30,000 ms. */
  readonly greetingTimeoutMs?: number | undefined
}

export interface QmpExecuteOptions {
  /** Milliseconds; the default is 10,000. */
  timeoutMs?: number
}

export interface QmpEventOptions<E extends keyof QmpEvents> extends WaitOptions {
  /** Takes only events whose data passes. */
  where?: (data: QmpEvents[E]) => boolean
  /** `now`: from the call on (the default). `start`: also one that came before. */
  from?: 'now' | 'start'
}

export interface ReceivedQmpEvent {
  readonly name: string
  readonly data: unknown
  /** QEMU's clock, milliseconds since 1970. */
  readonly timeMs: number
}

/** What follows a command's name: its arguments, left out where all are optional, then options. */
export type QmpParameters<C extends keyof QmpCommands> =
  Record<never, never> extends QmpCommands[C]['arguments']
    ? [argumentsOfCommand?: QmpCommands[C]['arguments'], options?: QmpExecuteOptions]
    : [argumentsOfCommand: QmpCommands[C]['arguments'], options?: QmpExecuteOptions]

interface PendingCommand {
  readonly command: string
  resolve(value: unknown): void
  reject(error: Error): void
}

interface QmpMessage {
  readonly QMP?: unknown
  readonly id?: number
  readonly return?: unknown
  readonly error?: { readonly class: string; readonly desc: string }
  readonly event?: string
  readonly data?: unknown
  readonly timestamp?: { readonly seconds: number; readonly microseconds: number }
}

const DEFAULT_TIMEOUT_MS = 10_000
/** QEMU on a busy machine, firmware and all. */
const GREETING_TIMEOUT_MS = 30_000
/** A guest that changes its receive filter all day must not fill this process's memory. */
const MAX_EVENTS_KEPT = 10_000
const LONGEST_LINE_SHOWN = 200

export class QmpClient {
  /**
   * Settles when QEMU has greeted and accepted the capabilities; rejects when the stream ends
   * first, or in time.
   */
  readonly ready: Promise<void>
  /** Every event so far, the last 10,000. */
  readonly received: ReceivedQmpEvent[] = []
  private readonly stream: Duplex
  private readonly waits: PendingWaits
  /** Whether nobody else ends the waits. */
  private readonly isAlone: boolean
  private readonly splitter = new LineSplitter()
  private readonly pending = new Map<number, PendingCommand>()
  private readonly listeners = new Set<(event: ReceivedQmpEvent) => void>()
  private nextId = 1
  private closed: Error | undefined

  constructor(stream: Duplex, settings: QmpClientOptions = {}) {
    this.stream = stream
    this.waits = settings.waits ?? new PendingWaits(() => '')
    this.isAlone = settings.waits === undefined
    // QEMU's end closes with unread bytes when it is killed: that is a reset, and no news.
    stream.on('error', () => this.close())
    stream.on('close', () => this.close())
    stream.on('end', () => this.close())
    stream.on('data', (chunk: Buffer) => {
      for (const line of this.splitter.push(chunk)) if (line !== '') this.take(line)
    })
    const options = { timeoutMs: settings.greetingTimeoutMs ?? GREETING_TIMEOUT_MS }
    this.ready = this.execute('qmp_capabilities', {}, options).then(() => undefined)
    this.ready.catch(() => undefined)
  }

  /**
   * Rejects with QmpError when QEMU refuses, QmpTimeoutError when it does not answer, at once when
   * it has gone.
   */
  execute<C extends keyof QmpCommands>(
    command: C,
    ...[argumentsOfCommand, options]: QmpParameters<C>
  ): Promise<QmpCommands[C]['returns']> {
    const answer = this.executeAny(command, argumentsOfCommand, options)
    return answer as Promise<QmpCommands[C]['returns']>
  }

  /** Any command, without types: for one that the QEMU of the generated types does not have. */
  executeAny(
    command: string,
    argumentsOfCommand?: unknown,
    options: QmpExecuteOptions = {},
  ): Promise<unknown> {
    if (this.closed !== undefined) return Promise.reject(this.closed)
    const id = this.nextId++
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.pending.delete(id)
        reject(new QmpTimeoutError(command, timeoutMs))
      }, timeoutMs)
      const settled =
        <T>(act: (value: T) => void) =>
        (value: T): void => {
          clearTimeout(timer)
          act(value)
        }
      this.pending.set(id, { command, resolve: settled(resolve), reject: settled(reject) })
      const message = { execute: command, id, arguments: argumentsOfCommand ?? {} }
      this.stream.write(`${JSON.stringify(message)}\n`)
    })
  }

  /** One line of the human monitor. */
  humanMonitor(line: string, options: QmpExecuteOptions = {}): Promise<string> {
    return this.execute('human-monitor-command', { 'command-line': line }, options)
  }

  /** Calls `listener` for each event of that name; returns what ends that. */
  on<E extends keyof QmpEvents>(name: E, listener: (data: QmpEvents[E]) => void): () => void {
    const entry = (event: ReceivedQmpEvent): void => {
      if (event.name === name) listener(event.data as QmpEvents[E])
    }
    this.listeners.add(entry)
    return () => this.listeners.delete(entry)
  }

  /**
   * The data of the next event of that name; rejects with GuestWaitError at the deadline, on panic
   * and on exit.
   */
  once<E extends keyof QmpEvents>(
    name: E,
    options: QmpEventOptions<E> = {},
  ): Promise<QmpEvents[E]> {
    const { where } = options
    const what = `QMP event ${name}${where === undefined ? '' : ' with the data asked for'}`
    return this.waits.wait<QmpEvents[E]>(what, options, (answer) => {
      const listener = (data: QmpEvents[E]): void => {
        if (where === undefined || where(data)) answer(data)
      }
      if (options.from === 'start') {
        for (const event of this.received) {
          if (event.name === name) listener(event.data as QmpEvents[E])
        }
      }
      return this.on(name, listener)
    })
  }

  private take(line: string): void {
    const message = parseMessage(line)
    if (message === undefined) {
      const shown = JSON.stringify(line.slice(0, LONGEST_LINE_SHOWN))
      this.close(
        new QmpProtocolError(`Cannot understand QMP: ${shown} is no message of QEMU's monitor`),
      )
      return
    }
    if (message.event !== undefined) {
      const { seconds = 0, microseconds = 0 } = message.timestamp ?? {}
      const event: ReceivedQmpEvent = {
        name: message.event,
        data: message.data ?? {},
        timeMs: seconds * 1000 + microseconds / 1000,
      }
      this.received.push(event)
      if (this.received.length > MAX_EVENTS_KEPT) this.received.shift()
      for (const listener of [...this.listeners]) listener(event)
      return
    }
    const pending = message.id === undefined ? undefined : this.pending.get(message.id)
    if (pending === undefined || message.id === undefined) return
    this.pending.delete(message.id)
    if (message.error !== undefined) {
      pending.reject(new QmpError(pending.command, message.error.class, message.error.desc))
    } else {
      pending.resolve(message.return)
    }
  }

  private close(why = new Error('Cannot execute a QMP command: QEMU has gone')): void {
    this.closed ??= why
    for (const pending of this.pending.values()) {
      // `quit` is answered by the end of the process, often before its reply.
      if (pending.command === 'quit') pending.resolve({})
      else pending.reject(this.closed)
    }
    this.pending.clear()
    // With others to tell, the guest's end is told once all of its output has been read.
    if (this.isAlone) this.waits.end('exit', this.closed.message)
  }
}

function parseMessage(line: string): QmpMessage | undefined {
  try {
    const message: unknown = JSON.parse(line)
    return typeof message === 'object' && message !== null ? message : undefined
  } catch {
    return undefined
  }
}
