/** Which runs of a scoreboard are late enough to be taken for lost (RFC 8985 §6.2 step 5, §6.3). */
import { sequenceLessThan } from '../../../wire/sequence.ts'
import { microsecondsBetween } from './clock.ts'
import type { ResentQueue } from './resent-queue.ts'
import { RunState, type Scoreboard } from './scoreboard.ts'

/**
 * So many runs that wait are looked at for when the last of them will be late: a full window whose
 * every other segment is missing has thousands, with each ACK.
 */
const LOOKED_AT = 32

/**
 * What was sent before the run of [latestTimeUs, latestEnd), and `waitUs` ago or earlier, is lost.
 * Returns in how many microseconds all that may be lost will be; 0 = none. Only what was sent since
 * the last late run is looked at, however many lie before it, and of what waits some.
 */
export function markLate(
  board: Scoreboard,
  latestTimeUs: number,
  latestEnd: number,
  waitUs: number,
  nowUs: number,
): number {
  let nextUs = 0
  let waiting = 0
  let firstWaiting = -1
  let index = board.findFrom(board.lateFrom)
  for (; index < board.runCount; index++) {
    if (board.runState(index) !== 0) continue
    const time = board.runTimeUs(index)
    const after = microsecondsBetween(time, latestTimeUs)
    if (after < 0 || (after === 0 && sequenceLessThan(latestEnd, board.runEnd(index)))) break
    const leftUs = waitUs - microsecondsBetween(time, nowUs)
    if (leftUs <= 0) {
      board.setState(index, RunState.Lost)
      continue
    }
    if (firstWaiting < 0) firstWaiting = index
    nextUs = leftUs
    if (++waiting < LOOKED_AT) continue
    // They lie in the order of their times: none waits longer than the latest would.
    nextUs = Math.max(waitUs - microsecondsBetween(latestTimeUs, nowUs), leftUs)
    break
  }
  board.lateFrom = board.runStart(firstWaiting < 0 ? index : firstWaiting)
  const againUs = markResentLate(board, latestTimeUs, waitUs, nowUs)
  return Math.max(againUs, nextUs)
}

/**
 * The same of what was sent more than once. As that lies in the order of its times, all waits
 * behind the first that does. Of equal times RFC 8985 §6.2 has the sequence numbers decide, which
 * say nothing of a repetition and what was sent in its turn: the former has low ones, and follows
 * within the grain of a clock that counts milliseconds. Where a round trip is one or two of these,
 * every third repetition was taken for lost as soon as its turn's successor arrived, and sent once
 * more. Among repetitions their queue decides.
 */
function markResentLate(
  board: Scoreboard,
  latestTimeUs: number,
  waitUs: number,
  nowUs: number,
): number {
  const { resent } = board
  while (resent.entryCount > 0) {
    const start = resent.start(0)
    const end = endBefore(resent, 0, latestTimeUs)
    const isWhole = end === resent.end(0)
    if (start === end && !isWhole) return 0
    const time = resent.timeUs(0)
    const first = nextResent(board, board.findFrom(start), end, time)
    if (first >= 0) {
      if (waitUs > microsecondsBetween(time, nowUs)) {
        return lastWaitUs(board, latestTimeUs, waitUs, nowUs)
      }
      loseResent(board, first, end, time)
    }
    if (!isWhole) return 0
    resent.shift()
  }
  return 0
}

/** How long the last of what waits does; what has arrived of it is marked, and not sought again. */
function lastWaitUs(
  board: Scoreboard,
  latestTimeUs: number,
  waitUs: number,
  nowUs: number,
): number {
  const { resent } = board
  for (let entry = resent.entryCount - 1; entry >= 0; entry--) {
    const start = resent.start(entry)
    const end = endBefore(resent, entry, latestTimeUs)
    if (start === end) continue
    const time = resent.timeUs(entry)
    if (nextResent(board, board.findFrom(start), end, time) >= 0) {
      return Math.max(waitUs - microsecondsBetween(time, nowUs), 0)
    }
    if (end === resent.end(entry)) resent.empty(entry)
  }
  return 0
}

/**
 * How far an entry was sent before what was sent at `latestTimeUs`, or, at this very time, before a
 * repetition that has arrived: up to its end, or its start.
 */
function endBefore(resent: ResentQueue, entry: number, latestTimeUs: number): number {
  const beforeUs = microsecondsBetween(resent.timeUs(entry), latestTimeUs)
  if (beforeUs > 0 || (beforeUs === 0 && entry < resent.arrivedBefore)) return resent.end(entry)
  const isPart = beforeUs === 0 && entry === resent.arrivedBefore && resent.hasArrived
  return isPart ? resent.arrivedEnd : resent.start(entry)
}

function loseResent(board: Scoreboard, first: number, end: number, timeUs: number): void {
  for (let run = first; run >= 0; run = nextResent(board, run + 1, end, timeUs)) {
    board.setState(run, RunState.Resent | RunState.Lost)
  }
}

/**
 * The first run from `index` on that begins before `end`, was sent again at `timeUs` and is neither
 * SACKed nor lost; -1 = none.
 */
function nextResent(board: Scoreboard, index: number, end: number, timeUs: number): number {
  for (let run = index; run < board.runCount; run++) {
    if (!sequenceLessThan(board.runStart(run), end)) return -1
    if (board.runState(run) === RunState.Resent && board.runTimeUs(run) === timeUs) return run
  }
  return -1
}

/** After a timeout the first run is lost, and all that was sent `waitUs` ago or earlier. */
export function markLateAfterTimeout(board: Scoreboard, waitUs: number, nowUs: number): void {
  for (let index = 0; index < board.runCount; index++) {
    const state = board.runState(index)
    if ((state & (RunState.Sacked | RunState.Lost)) !== 0) continue
    if (index > 0 && microsecondsBetween(board.runTimeUs(index), nowUs) < waitUs) continue
    board.setState(index, state | RunState.Lost)
  }
}
