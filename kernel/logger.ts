/** The human log: levels, a component name per logger, and no work at all for a level that is off. */

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug', 'trace'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Where finished lines go and which clock stamps them. */
export interface LogSink {
  write(text: string): void
  nowNs(): number
}

/**
 * Callers that must build a message ask first: `if (log.debugEnabled) log.debug(...)`. The fields are plain
 * data, so asking costs one property read.
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
    this.write('error: ', message)
  }

  warn(message: string): void {
    if (this.level >= 1) this.write('warning: ', message)
  }

  info(message: string): void {
    if (this.infoEnabled) this.write('', message)
  }

  debug(message: string): void {
    if (this.debugEnabled) this.write('', message)
  }

  trace(message: string): void {
    if (this.traceEnabled) this.write('', message)
  }

  private write(prefix: string, message: string): void {
    this.sink.write(
      `[${formatTimestamp(this.sink.nowNs())}] ${this.component}: ${prefix}${message}\n`,
    )
  }
}

/** Seconds with nanoseconds, aligned: `  0.023456789`. */
export function formatTimestamp(nowNs: number): string {
  const seconds = Math.floor(nowNs / 1e9)
  const nanoseconds = nowNs - seconds * 1e9
  return `${String(seconds).padStart(3)}.${String(nanoseconds).padStart(9, '0')}`
}
