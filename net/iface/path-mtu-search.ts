/**
 * Finds what a path carries that has swallowed large packets (RFC 4821 §7.3): what gets through
 * nearly everywhere, then upwards: first all, then halves of what is left.
 */
import { IPV6_MINIMUM_MTU } from '../wire/ipv6.ts'
import type { FlowPath } from './flow-path.ts'
import { MINIMUM_IPV4_PATH_MTU, PATH_MTU_LIFETIME_MS } from './path-mtu-cache.ts'

/**
 * RFC 4821 §7.7: packets of this size get through nearly everywhere; in IPv4 that is an MSS of
 * 1024, as Linux takes.
 */
const BLACK_HOLE_IPV4_MTU = 1064

/** Less than so much more is not worth a probe. */
const LEAST_STEP = 64

/**
 * RFC 8899 §5.1.2: so many probes of a size that are lost in a row make it too large. A full queue
 * swallows one of them as well as a path does.
 */
const MAX_PROBES = 3

const NONE = Number.POSITIVE_INFINITY

/** Large packets seem to vanish: see Egress.noteBlackHole. */
export function noteBlackHole(path: FlowPath, nowMs: number): boolean {
  const isIpv4 = path.ipVersion === 4
  const usual = isIpv4 ? BLACK_HOLE_IPV4_MTU : IPV6_MINIMUM_MTU
  const least = isIpv4 ? MINIMUM_IPV4_PATH_MTU : IPV6_MINIMUM_MTU
  const mtu = path.pathMtu > usual ? usual : Math.max(least, path.pathMtu >> 1)
  if (mtu >= path.pathMtu) return false
  path.isAltered = true
  path.blackHoleMtu = mtu
  path.blackHoleUntilMs = nowMs + path.blackHoleLifetimeMs
  path.blackHoleLifetimeMs = Math.min(2 * path.blackHoleLifetimeMs, PATH_MTU_LIFETIME_MS)
  path.pathMtu = mtu
  path.provenMtu = 0
  path.searchMtu = 0
  path.lostProbes = 0
  path.lostMtu = NONE
  return true
}

/**
 * Says what is to be tried, when a black hole has been believed in for long enough; `mtu` is what
 * the link or a router allows.
 */
export function planSearch(path: FlowPath, mtu: number, nowMs: number): void {
  if (path.searchMtu > mtu) path.searchMtu = 0
  if (path.searchMtu !== 0 || nowMs < path.blackHoleUntilMs) return
  path.lostProbes = 0
  if (path.blackHoleMtu >= mtu) path.blackHoleMtu = NONE
  else path.searchMtu = mtu
}

/**
 * What has become of a packet of `probedMtu`: the same size follows after a loss or two, then
 * another until the step is small, and all is tried again much later. What is to be tried may have
 * changed since it was sent: then it counts as far as it answers that, too.
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
  if (!hasArrived && ++path.lostProbes < MAX_PROBES) return
  path.searchMtu = 0
  path.lostProbes = 0
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
