/**
 * The least pace of a peer that sends content or takes a response: what it moves puts its deadline
 * off, and no further than a whole limit from now.
 */

/**
 * Less is nobody's link: it is a peer that holds a place, and the memory of what has come, for as
 * long as it likes.
 */
export const LEAST_BYTES_A_SECOND = 240
const MS_PER_BYTE = 1000 / LEAST_BYTES_A_SECOND

/** The deadline after `bytes` more. */
export function putOff(deadlineMs: number, bytes: number, nowMs: number, limitMs: number): number {
  return Math.min(deadlineMs + bytes * MS_PER_BYTE, nowMs + limitMs)
}

/** For waits with pauses between them, in which the peer is not what is waited for. */
export class Pace {
  private readonly limitMs: number
  private leftMs: number
  private sinceMs = 0
  /** The sequence number that the peer's bytes had reached. */
  private sequence: number

  constructor(limitMs: number, sequence: number) {
    this.limitMs = limitMs
    this.leftMs = limitMs
    this.sequence = sequence
  }

  /** A wait begins: its deadline, `sequence` being what the bytes have reached since the last. */
  begin(sequence: number, nowMs: number): number {
    const bytes = (sequence - this.sequence) >>> 0
    this.leftMs = putOff(this.leftMs, bytes, 0, this.limitMs)
    this.sequence = sequence
    this.sinceMs = nowMs
    return nowMs + this.leftMs
  }

  /** It is over, or its deadline has passed. */
  end(nowMs: number): void {
    this.leftMs -= nowMs - this.sinceMs
  }
}
