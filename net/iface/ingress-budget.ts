/**
 * How many frames one poll takes in: few enough for all else to have its turn, as many as answer
 * what is sent.
 */

/** So that a flood does not starve sending, timers and the application. */
export const INGRESS_BATCH = 64
/**
 * More than that, at most. Hundreds of connections send more than a batch in a turn, and each frame
 * brings an ACK: with a fixed number of frames in a poll the host's queue would overflow, and half
 * of all ACKs be lost.
 */
export const MAX_ANSWER_BATCH = 128

export class IngressBudget {
  private seen = 0

  /**
   * So many have been taken: the new limit of this poll, the same when it is over. `framesSent`
   * counts all that ever were.
   */
  extend(limit: number, framesSent: number): number {
    if (limit > INGRESS_BATCH) return limit
    const sent = framesSent - this.seen
    this.seen = framesSent
    return limit + Math.min(sent, MAX_ANSWER_BATCH)
  }
}
