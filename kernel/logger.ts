/**
 * The human log: levels, a component name per logger, and no work at all for a level that is off.
 */

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug', 'trace'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Where finished lines go and which clock stamps them. */
export interface LogSink {
  write(text: string): void
  nowNs(): number
  /** `json`: an object a line; text when absent. */
  readonly format?: 'text' | 'json'
  /** Whoever else is told. */
  readonly take?: (level: LogLevel, component: string, message: string) => void
}

/**
 * Callers that must build a message ask first: `if (log.debugEnabled) log.debug(...)`. The fields
 * are plain data, so asking costs one property read.
 */
export class Logger {
  readonly infoEnabled: boolean
  readonly debugEnabled: boolean
  readonly traceEnabled: boolean
  private readonly component: string
  private readonly level: number
  private readonly sink: LogSink

  constructor(component: string, level: LogLevel, sink: LogSink) {
    this.component = component
    this.level = LOG_LEVELS.indexOf(level)
    this.sink = sink
    this.infoEnabled = this.level >= 2
    this.debugEnabled = this.level >= 3
    this.traceEnabled = this.level >= 4
  }

  /** A logger of the same level and sink for another component. */
  named(component: string): Logger {
    return new Logger(component, LOG_LEVELS[this.level]!, this.sink)
  }

  error(message: string): void {
    this.write('error', message)
  }

  warn(message: string): void {
    if (this.level >= 1) this.write('warn', message)
  }

  info(message: string): void {
    if (this.infoEnabled) this.write('info', message)
  }

  debug(message: string): void {
    if (this.debugEnabled) this.write('debug', message)
  }

  trace(message: string): void {
    if (this.traceEnabled) this.write('trace', message)
  }

  private write(level: LogLevel, message: string): void {
    const { sink, component } = this
    if (sink.take !== undefined) sink.take(level, component, message)
    if (sink.format === 'json') {
      const time = new Date().toISOString()
      sink.write(`${JSON.stringify({ time, level, component, message })}\n`)
      return
    }
    const stamp = formatTimestamp(sink.nowNs())
    sink.write(`[${stamp}] ${component}: ${PREFIXES[level]}${message}\n`)
  }
}

const PREFIXES: Readonly<Record<LogLevel, string>> = {
  error: 'error: ',
  warn: 'warning: ',
  info: '',
  debug: '',
  trace: '',
}

/** Seconds with nanoseconds, aligned: `  0.023456789`. */
export function formatTimestamp(nowNs: number): string {
  const seconds = Math.floor(nowNs / 1e9)
  const nanoseconds = nowNs - seconds * 1e9
  return `${String(seconds).padStart(3)}.${String(nanoseconds).padStart(9, '0')}`
}
