/**
 * What the log says of a datagram whose handler has failed: a line for what the network did, a
 * stack for the app's mistake.
 */
import type { DatagramFailureReport } from '../net/api/serve-datagrams.ts'
import { FailureLines } from './failure-lines.ts'
import type { Platform } from './hal/platform.ts'
import type { Logger } from './logger.ts'
import { describeError } from './panic.ts'

export function reportDatagramFailures(
  log: Logger,
  { mapStackTrace, monotonicNs }: Pick<Platform, 'mapStackTrace' | 'monotonicNs'>,
): DatagramFailureReport {
  const lines = new FailureLines(log, monotonicNs, 'datagrams')
  return ({ hostname, port }, error, netError) => {
    if (!lines.takeLine()) return
    if (netError !== null) {
      // Anybody may send from an address that no answer reaches.
      log.warn(`datagram from ${hostname} port ${port}: ${netError.message}`)
      return
    }
    const { message, stack } = describeError(error, mapStackTrace)
    log.error(`datagram from ${hostname} port ${port} failed: ${message}\n${stack}`)
  }
}
