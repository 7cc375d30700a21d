/**
 * Times of loss recovery: microseconds that wrap around, so that they fit an int32; differences of
 * up to half an hour are right.
 */

export function toMicroseconds(ms: number): number {
  return (ms * 1000) | 0
}

/** From `earlier` to `later`; negative when it is the other way round. */
export function microsecondsBetween(earlier: number, later: number): number {
  return (later - earlier) | 0
}
