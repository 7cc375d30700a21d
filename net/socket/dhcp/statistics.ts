/** What DHCP clients have said and heard, and why what they heard did not count. */

export interface DhcpStatistics {
  sent: number
  offers: number
  acknowledgments: number
  refusals: number
  /** Addresses that somebody turned out to have. */
  declines: number
  expiries: number
  drops: {
    /** No reply, an option beyond its field, or of a length that it cannot have. */
    malformed: number
    /** Another transaction, hardware address or client identifier. */
    notForUs: number
    /** Of another server than the one that was asked. */
    otherServer: number
    /** Nothing of the kind is waited for. */
    unexpected: number
    /** Gives an address, mask or time that cannot be used. */
    unusable: number
  }
}

export function createDhcpStatistics(): DhcpStatistics {
  return {
    sent: 0,
    offers: 0,
    acknowledgments: 0,
    refusals: 0,
    declines: 0,
    expiries: 0,
    drops: { malformed: 0, notForUs: 0, otherServer: 0, unexpected: 0, unusable: 0 },
  }
}
