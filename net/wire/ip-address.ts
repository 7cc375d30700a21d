/** IPv4 and IPv6 addresses as four int32 words: compared without loops or strings, text only at the API edge. */

/**
 * An immutable address. IPv4 lies in `word3`, the other words are 0. Words are int32 (may be negative), in
 * network order: word0 holds the first four octets of an IPv6 address.
 */
export interface IpAddress {
  readonly version: 4 | 6
  readonly word0: number
  readonly word1: number
  readonly word2: number
  readonly word3: number
}
