/**
 * Part of the send queue that lies not in the send buffer but in memory of the socket's user, which
 * is sent from there.
 */

import type { PacketBuffer } from '../../../storage/buffer.ts'
import type { RingBuffer } from '../../../storage/ring-buffer.ts'
import {
  sequenceAdd,
  sequenceDifference,
  sequenceLessOrEqual,
  sequenceLessThan,
} from '../../../wire/sequence.ts'
import type { TcpConfiguration } from '../configuration.ts'

/**
 * A loan begins with so many bytes at least: the frame at its beginning is put together from two
 * places.
 */
const LEAST_LOAN_BYTES = 32_768

/**
 * The queued bytes from sequence number `start` up to `end` lie in `buffer`, a ring whose end is
 * followed by its start, from `offset` on. They count as bytes of the send buffer like all others,
 * whose places they leave unused.
 */
export interface SendLoan {
  buffer: PacketBuffer
  offset: number
  start: number
  end: number
}

/** What is looked at of a socket. */
export interface Borrower {
  readonly sendBuffer: RingBuffer
  readonly segmentSize: number
  readonly frameLimit: number
  readonly configuration: Pick<TcpConfiguration, 'sendBufferBytes'>
  /** What of the send queue is lent; the last loan stays until the next one, or until a copy. */
  loan: SendLoan | null
  /** What may be queued, and what may be beside what is. */
  sendLimit: number
  sendSpace: number
}

/** Where in the loan's buffer the byte with this sequence number lies. */
export function placeInLoan(loan: SendLoan, sequence: number): number {
  return (loan.offset + sequenceDifference(sequence, loan.start)) % loan.buffer.lengthBytes
}

/** All bytes from `start` up to `end` are lent. */
export function isLent(loan: SendLoan, start: number, end: number): boolean {
  return sequenceLessOrEqual(loan.start, start) && sequenceLessOrEqual(end, loan.end)
}

/**
 * Makes `length` bytes from `offset` of `buffer` the next of the send queue. False, and nothing
 * done, when they would be a second loan or are too few to begin one: one loan at a time keeps the
 * way of every frame short.
 */
export function lend(
  socket: Borrower,
  buffer: PacketBuffer,
  offset: number,
  length: number,
): boolean {
  const { start, end } = socket.sendBuffer
  const loan = socket.loan
  if (loan === null || sequenceLessOrEqual(loan.end, start)) {
    if (length < LEAST_LOAN_BYTES || length < socket.frameLimit >> 1) return false
    socket.loan = { buffer, offset, start: end, end: sequenceAdd(end, length) }
    return true
  }
  if (loan.buffer !== buffer || loan.end !== end || placeInLoan(loan, end) !== offset) return false
  // What is no longer needed leaves the loan, so that its numbers never span half of their range.
  if (sequenceLessThan(loan.start, start)) {
    loan.offset = placeInLoan(loan, start)
    loan.start = start
  }
  loan.end = sequenceAdd(end, length)
  return true
}

/**
 * Nothing is lent any more: what is queued from now on has the limit of what is copied, or of what
 * is queued already where that is more.
 */
export function endLoan(socket: Borrower): void {
  const { loan, sendBuffer, sendLimit } = socket
  if (loan === null || sequenceLessThan(sendBuffer.start, loan.end)) return
  socket.loan = null
  const excess = Math.min(sendLimit - socket.configuration.sendBufferBytes, socket.sendSpace)
  if (excess <= 0) return
  socket.sendLimit = sendLimit - excess
  socket.sendSpace -= excess
}

/**
 * Where the loan's ring is of whole frames and the next would be of two ranges of it each, which
 * cost more: bytes up to the ring's end, with which this is over. 0 = nothing of that kind, or they
 * would cut a segment.
 */
function partFrame(
  { frameLimit, segmentSize }: Borrower,
  loan: SendLoan,
  sequence: number,
): number {
  const { lengthBytes } = loan.buffer
  if (lengthBytes % frameLimit !== 0) return 0
  const toRingEnd = lengthBytes - placeInLoan(loan, sequence)
  return toRingEnd % frameLimit !== 0 && toRingEnd % segmentSize === 0 ? toRingEnd : 0
}

/**
 * How many of `count` frames of `length` bytes from `sequence` on lie in the same memory as the
 * first of them.
 */
export function framesInOnePlace(
  socket: Borrower,
  loan: SendLoan,
  sequence: number,
  length: number,
  count: number,
): number {
  const toStart = sequenceDifference(loan.start, sequence)
  let distance = toStart > 0 ? toStart : sequenceDifference(loan.end, sequence)
  if (toStart <= 0) {
    const part = partFrame(socket, loan, sequence)
    if (part !== 0 && part < distance) distance = part
  }
  if (distance <= 0 || distance >= length * count) return count
  return Math.max(1, (distance / length) | 0)
}

/**
 * `length`, or less when a frame from `sequence` on would be made of more than two ranges of
 * memory: then it ends where the loan begins or ends. Or where those that follow are of one each
 * (see partFrame).
 */
export function lengthInTwoRanges(socket: Borrower, sequence: number, length: number): number {
  const loan = socket.loan!
  if (isLent(loan, sequence, sequenceAdd(sequence, length))) {
    const part = partFrame(socket, loan, sequence)
    return part === 0 || part >= length ? length : part
  }
  const { capacity } = socket.sendBuffer
  const toStart = sequenceDifference(loan.start, sequence)
  const toEnd = sequenceDifference(loan.end, sequence)
  const boundary = toStart > 0 ? toStart : toEnd
  if (boundary <= 0 || boundary >= length) return length
  const isLentFirst = toStart <= 0
  // A loan that begins and ends within the frame makes three ranges.
  if (!isLentFirst && toEnd < length) return boundary
  const inLoan = loan.buffer.lengthBytes - (isLentFirst ? placeInLoan(loan, sequence) : loan.offset)
  const inRing = capacity - ((isLentFirst ? loan.end : sequence) & (capacity - 1))
  const first = isLentFirst ? inLoan : inRing
  const second = isLentFirst ? inRing : inLoan
  return boundary <= first && length - boundary <= second ? length : boundary
}
