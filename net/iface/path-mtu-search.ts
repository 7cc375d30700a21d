/**
 * Searches upwards for what a path carries that has swallowed large packets (RFC 4821 §7.3): first
 * all, then halves of what is left.
 */
import type { FlowPath } from './flow-path.ts'
import { PATH_MTU_LIFETIME_MS } from './path-mtu-cache.ts'

/** Less than so much more is not worth a probe. */
const LEAST_STEP = 64

const NONE = Number.POSITIVE_INFINITY

/**
 * Says what is to be tried, when a black hole has been believed in for long enough; `mtu` is what
 * the link or a router allows.
 */
export function planSearch(path: FlowPath, mtu: number, nowMs: number): void {
  if (path.searchMtu > mtu) path.searchMtu = 0
  if (path.searchMtu !== 0 || nowMs < path.blackHoleUntilMs) return
  if (path.blackHoleMtu >= mtu) path.blackHoleMtu = NONE
  else path.searchMtu = mtu
}

/**
 * What has become of a packet of `probedMtu`; another size follows at once until the step is small,
 * and all is tried again much later. What is to be tried may have changed since it was sent: then
 * it counts as far as it answers that, too.
 */
export function noteMtuProbe(
  path: FlowPath,
  probedMtu: number,
  hasArrived: boolean,
  nowMs: number,
): void {
  const { searchMtu } = path
  if (searchMtu === 0) return
  if (hasArrived ? probedMtu < searchMtu : probedMtu > searchMtu) return
  path.searchMtu = 0
  if (hasArrived) path.blackHoleMtu = searchMtu
  else path.lostMtu = searchMtu
  const { lostMtu, blackHoleMtu } = path
  // All has arrived that was to be tried: there is no black hole.
  if (lostMtu === NONE) return
  const step = (lostMtu - blackHoleMtu) >> 1
  if (step >= LEAST_STEP) {
    path.searchMtu = blackHoleMtu + step
    return
  }
  path.lostMtu = NONE
  path.blackHoleUntilMs = nowMs + path.blackHoleLifetimeMs
  path.blackHoleLifetimeMs = Math.min(2 * path.blackHoleLifetimeMs, PATH_MTU_LIFETIME_MS)
}
