/** Arithmetic modulo 2^32 on TCP sequence numbers held as int32 (RFC 9293 §3.4). */

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

export function sequenceMax(a: number, b: number): number {
  return ((a - b) | 0) < 0 ? b : a
}

export function sequenceMin(a: number, b: number): number {
  return ((a - b) | 0) < 0 ? a : b
}

/** True when `value` lies in [start, start + size); `size` is 0..2^31 - 1. */
export function sequenceInWindow(value: number, start: number, size: number): boolean {
  const distance = (value - start) | 0
  return distance >= 0 && distance < size
}

/** The unsigned value, for people and for logs only: it is a float above 2^31. */
export function formatSequence(value: number): string {
  return String(value >>> 0)
}
