/**
 * Arithmetic modulo 2^32 on TCP sequence numbers held as int32 (RFC 9293 §3.4); the build puts it
 * in place of each call.
 */

/** True when `a` comes before `b`, as long as they lie less than 2^31 apart. */
export function sequenceLessThan(a: number, b: number): boolean {
  return ((a - b) | 0) < 0
}

export function sequenceLessOrEqual(a: number, b: number): boolean {
  return ((a - b) | 0) <= 0
}

/** `a - b` as int32: positive when `a` is the later one. */
export function sequenceDifference(a: number, b: number): number {
  return (a - b) | 0
}

export function sequenceAdd(a: number, count: number): number {
  return (a + count) | 0
}
