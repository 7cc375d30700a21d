/**
 * What the log says of a connection whose handler has failed: a line for the peer's doing, a stack
 * for the app's.
 */
import type { FailureReport } from '../net/api/serve-connection.ts'
import { FailureLines } from './failure-lines.ts'
import type { Platform } from './hal/platform.ts'
import type { Logger } from './logger.ts'
import { describeError } from './panic.ts'

export function reportConnectionFailures(
  log: Logger,
  { mapStackTrace, monotonicNs }: Pick<Platform, 'mapStackTrace' | 'monotonicNs'>,
): FailureReport {
  const lines = new FailureLines(log, monotonicNs, 'connections')
  return (connection, error) => {
    const { hostname, port } = connection.remoteAddress
    if (error === connection.error) {
      // Peers come and go as they like: nothing that anybody has to look into.
      log.debug(`connection from ${hostname} port ${port} ended: ${connection.error?.message}`)
      return
    }
    if (!lines.takeLine()) return
    const { message, stack } = describeError(error, mapStackTrace)
    log.error(`connection from ${hostname} port ${port} failed: ${message}\n${stack}`)
  }
}
