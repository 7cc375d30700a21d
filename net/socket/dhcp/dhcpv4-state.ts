/**
 * The states of a DHCPv4 client, in the order in which a lease comes and goes, and what becomes of
 * leases (RFC 2131 §4.4).
 */

export const Dhcpv4State = {
  Init: 0,
  Selecting: 1,
  Requesting: 2,
  /** Ours if nobody on the link has it (RFC 2131 §4.4.1: "SHOULD perform a check"). */
  Probing: 3,
  Bound: 4,
  Renewing: 5,
  Rebinding: 6,
  /** The link was away: used on, while servers are asked whether it is right here (§3.2, §3.7). */
  Rebooting: 7,
  /** The end: nothing follows. */
  Released: 8,
} as const
export type Dhcpv4State = (typeof Dhcpv4State)[keyof typeof Dhcpv4State]

/** What became of a lease, or of one that was offered. */
export type Dhcpv4EventKind =
  | 'bound'
  | 'renewed'
  | 'rebinding'
  | 'expired'
  /** The server says no (DHCPNAK). */
  | 'refused'
  /** Somebody on the link has the address. */
  | 'declined'
