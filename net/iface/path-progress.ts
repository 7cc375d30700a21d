/**
 * Whether a connection gets on over its path, which proves that the neighbor hears us (RFC 4861
 * §7.3.1).
 */
import type { FlowPath } from './flow-path.ts'

/** While a neighbor is being verified, flows look at its state this often. */
export const RECHECK_MS = 1_000

/**
 * True when the connection has got on since it was looked at a moment ago; longer ago says nothing
 * of now.
 */
export function hasAdvanced(path: FlowPath, nowMs: number): boolean {
  const { sendUnacknowledged, receiveNext } = path.progress!
  const sum = (sendUnacknowledged + receiveNext) | 0
  const isRecent = nowMs - path.progressSeenMs <= 2 * RECHECK_MS
  const advanced = isRecent && sum !== path.progressSeen
  path.progressSeen = sum
  path.progressSeenMs = nowMs
  return advanced
}
