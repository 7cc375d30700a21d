/** What the SNTP client has asked and heard, and why what it heard did not count. */

export interface TimeStatistics {
  requests: number
  answers: number
  /** No usable answer came in time. */
  unanswered: number
  /** The date was corrected at once, bit by bit. */
  steps: number
  slews: number
  rejected: {
    /** Fewer than 48 bytes. */
    tooShort: number
    /** Does not repeat what the request said: not an answer to it. */
    notOurs: number
    /** Another mode than a server's. */
    notAServer: number
    version: number
    /** The server says that it does not know the time. */
    unsynchronized: number
    stratum: number
    /** The server is farther from true time than RFC 5905 allows. */
    rootDistance: number
    /**
     * No date, or an answer that left before the question came, or took longer than the way there
     * and back.
     */
    noTime: number
    /** The server asks not to be asked, or to be asked less (RFC 5905 §7.4). */
    kiss: number
    /** No more than half of the servers agree. */
    disagreement: number
    /** Far from what servers have said before (PANICT of RFC 5905 §A.1.1). */
    implausible: number
  }
}

export function createTimeStatistics(): TimeStatistics {
  return {
    ...{ requests: 0, answers: 0, unanswered: 0, steps: 0, slews: 0 },
    rejected: {
      ...{ tooShort: 0, notOurs: 0, notAServer: 0, version: 0, unsynchronized: 0, stratum: 0 },
      ...{ rootDistance: 0, noTime: 0, kiss: 0, disagreement: 0, implausible: 0 },
    },
  }
}
