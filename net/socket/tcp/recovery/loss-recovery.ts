/**
 * What one connection knows while it repairs losses by selective acknowledgments; made when data is
 * first in flight for a while.
 */
import { Scoreboard } from './scoreboard.ts'

/** Read only outside of net/socket/tcp. */
export class LossRecovery {
  readonly board = new Scoreboard()
  /** Something is SACKed, lost, being repaired or probed: every ACK is looked at closely. */
  isActive = false

  // RACK (RFC 8985 §5.2). Times in wrapping microseconds.
  /** Of what was sent last among all that was delivered. */
  latestTimeUs = 0
  latestEnd = 0
  hasLatest = false
  /** How long it took from there to its report. */
  roundTripUs = 0
  /**
   * A D-SACK says that the reordering window is too small: so many quarters of the least round
   * trip.
   */
  windowQuarters = 1
  /** Recoveries after which the window becomes one quarter again. */
  windowPersists = 0
  /** D-SACKs count once a round trip: up to this number. */
  duplicateRoundEnd = 0
  isDuplicateRound = false

  // PRR (RFC 6937).
  deliveredBytes = 0
  sentBytes = 0
  /** What `sentBytes` may come to, by the slow start of the ACKs so far. */
  allowedBytes = 0
  flightAtStart = 0

  // Tail loss probe (RFC 8985 §7.2).
  hasProbe = false
  /** SND.NXT when the probe was sent, which is what it probes up to. */
  probeEnd = 0
  isProbeResent = false
  /** The first segment has gone again for want of ACKs, and SND.UNA has not moved since. */
  hasRepeatedFirst = false

  // A larger segment that tries the path (RFC 4821 §7).
  isMtuProbeDue = false
  hasMtuProbe = false
  /** Lost, and not sent again yet. */
  isMtuProbeLost = false
  mtuProbeStart = 0
  mtuProbeEnd = 0
  /** What the path is to carry, if it arrives. */
  probedMtu = 0

  // Whether the reduction was wrong (RFC 4015, RFC 3708).
  mayUndo = false
  /**
   * Only D-SACKs of these numbers, which may have been sent again, count; and only until SND.UNA is
   * well beyond.
   */
  undoStart = 0
  undoEnd = 0
  hasResent = false
  /** Timestamp of the first segment sent again. */
  resentTimestamp = 0
  /** Bytes sent again for which no D-SACK has come. */
  undoBytes = 0

  /**
   * Nothing is in flight, and nothing is known of the path that would have to be learned again:
   * that it reorders.
   */
  isDispensable(): boolean {
    return (
      !this.isActive && !this.hasMtuProbe && this.windowQuarters === 1 && !this.board.hasReordering
    )
  }
}
