/** QEMU's machine protocol over a duplex stream: newline-delimited JSON, answers matched by id. */
import type { Duplex } from 'node:stream'
import { LineSplitter } from '../line-splitter.ts'
import type { QmpCommands, QmpEvents } from './commands.ts'

/** QEMU refused a command. */
export class QmpError extends Error {
  override readonly name = 'QmpError'
  readonly errorClass: string

  constructor(command: string, errorClass: string, description: string) {
    super(`Cannot execute QMP ${command}: ${description}`)
    this.errorClass = errorClass
  }
}

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
}

type Arguments<C extends keyof QmpCommands> =
  QmpCommands[C]['arguments'] extends Record<string, never>
    ? []
    : [argumentsOfCommand: QmpCommands[C]['arguments']]

export class QmpClient {
  /** Settles when QEMU has greeted and accepted the capabilities; rejects when the stream ends first. */
  readonly ready: Promise<void>
  private readonly stream: Duplex
  private readonly splitter = new LineSplitter()
  private readonly pending = new Map<number, PendingCommand>()
  private readonly listeners = new Set<(event: string, data: unknown) => void>()
  private nextId = 1
  private closed: Error | undefined

  constructor(stream: Duplex) {
    this.stream = stream
    // QEMU's end closes with unread bytes when it is killed: that is a reset, and no news.
    stream.on('error', () => this.close())
    stream.on('close', () => this.close())
    stream.on('end', () => this.close())
    stream.on('data', (chunk: Buffer) => {
      for (const line of this.splitter.push(chunk)) if (line !== '') this.take(line)
    })
    this.ready = this.execute('qmp_capabilities', {}).then(() => undefined)
    this.ready.catch(() => undefined)
  }

  execute<C extends keyof QmpCommands>(
    command: C,
    ...[argumentsOfCommand]: Arguments<C>
  ): Promise<QmpCommands[C]['returns']> {
    return this.executeAny(command, argumentsOfCommand) as Promise<QmpCommands[C]['returns']>
  }

  /** Any command, without types. */
  executeAny(command: string, argumentsOfCommand?: unknown): Promise<unknown> {
    if (this.closed !== undefined) return Promise.reject(this.closed)
    const id = this.nextId++
    return new Promise((resolve, reject) => {
      this.pending.set(id, { command, resolve, reject })
      const message = { execute: command, id, arguments: argumentsOfCommand ?? {} }
      this.stream.write(`${JSON.stringify(message)}\n`)
    })
  }

  /** One line of the human monitor. */
  humanMonitor(line: string): Promise<string> {
    return this.execute('human-monitor-command', { 'command-line': line })
  }

  /** Calls `listener` for each event of that name; returns what ends that. */
  on<E extends keyof QmpEvents>(name: E, listener: (data: QmpEvents[E]) => void): () => void {
    const entry = (event: string, data: unknown): void => {
      if (event === name) listener(data as QmpEvents[E])
    }
    this.listeners.add(entry)
    return () => this.listeners.delete(entry)
  }

  private take(line: string): void {
    const message = JSON.parse(line) as QmpMessage
    if (message.event !== undefined) {
      for (const listener of [...this.listeners]) listener(message.event, message.data ?? {})
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

  private close(): void {
    this.closed ??= new Error('Cannot execute a QMP command: QEMU has gone')
    for (const pending of this.pending.values()) {
      // `quit` is answered by the end of the process, often before its reply.
      if (pending.command === 'quit') pending.resolve({})
      else pending.reject(this.closed)
    }
    this.pending.clear()
  }
}
