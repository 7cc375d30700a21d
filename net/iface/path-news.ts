/**
 * Tells those who could not send for want of a way when another try is worth it: one record for the
 * host, so that waiting for many neighbors costs one look.
 */

export class PathNews {
  /** Changes when a neighbor that was asked for has answered, or is given up. */
  neighbors = 0
  /** Changes with routes and addresses: there may be a way where there was none. */
  routes = 0
}

/**
 * With no news one tries again so often, so that its neighbor stays wanted: more often than a
 * silent one is asked.
 */
export const RETRY_INTERVAL_MS = 500

/** Another number than before when there is news of either kind. */
export function countNews({ neighbors, routes }: PathNews): number {
  return neighbors + routes
}
