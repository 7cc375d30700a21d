/**
 * The end of a run that failed: the mapped TypeScript stack on the console, a `panic` event, a
 * failing exit code.
 */
import type { Events } from './events.ts'
import { ExitCode, type Platform } from './hal/platform.ts'

/**
 * An error's first line and its frames with TypeScript positions, each frame indented, no final
 * newline.
 */
export interface ErrorReport {
  message: string
  stack: string
}

/** Never throws, whatever was thrown: values that are no errors and hostile getters included. */
export function describeError(
  thrown: unknown,
  mapStackTrace: (stack: string) => string,
): ErrorReport {
  try {
    if (!(thrown instanceof Error))
      return { message: `thrown value: ${describe(thrown)}`, stack: '' }
    const message = `${thrown.name}: ${thrown.message}`
    const lines = stackOf(thrown, mapStackTrace)
    let cause = thrown.cause
    for (let depth = 0; cause instanceof Error && depth < 4; depth++) {
      lines.push(`caused by ${cause.name}: ${cause.message}`, ...stackOf(cause, mapStackTrace))
      cause = cause.cause
    }
    return { message, stack: lines.join('\n') }
  } catch {
    return { message: 'an error that cannot be described', stack: '' }
  }
}

function stackOf(error: Error, mapStackTrace: (stack: string) => string): string[] {
  const raw = String(error.stack ?? '')
  let mapped: string
  try {
    mapped = mapStackTrace(raw)
  } catch {
    mapped = raw
  }
  return mapped
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => `    ${line}`)
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'object' && value !== null) return JSON.stringify(value) ?? 'an object'
  return String(value)
}

/** Reports `thrown` as the reason of the failure `kind` and ends the guest with ExitCode.Panic. */
export function panic(
  platform: Pick<Platform, 'writeConsole' | 'flushConsole' | 'mapStackTrace' | 'exit'>,
  events: Events,
  kind: 'uncaught error' | 'unhandled rejection',
  thrown: unknown,
): never {
  const report = describeError(thrown, platform.mapStackTrace)
  const stack = report.stack === '' ? '' : `${report.stack}\n`
  platform.flushConsole()
  platform.writeConsole(`\npanic: ${kind}: ${report.message}\n${stack}`)
  events.emit('panic', {
    code: ExitCode.Panic,
    message: `${kind}: ${report.message}`,
    stack: report.stack,
  })
  return platform.exit(ExitCode.Panic)
}
