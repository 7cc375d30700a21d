/**
 * Whether a datagram is a server's answer to us: all that is judged before its meaning (RFC 2131
 * §4.4, RFC 6842).
 */
import {
  Dhcpv4Option,
  type Dhcpv4Reply,
  isDhcpv4Transaction,
  parseDhcpv4,
} from '../../wire/dhcpv4.ts'
import type { IpAddress } from '../../wire/ip-address.ts'
import { hasPossibleLengths, readServer } from './dhcpv4-lease.ts'
import type { DhcpStatistics } from './statistics.ts'

export interface Expected {
  readonly transactionId: number
  readonly hardwareHigh: number
  readonly hardwareLow: number
  readonly clientIdentifier: Uint8Array
  /**
   * RFC 2132 §9.10: servers keep to the size that the client says. Datagrams may come in fragments,
   * and one of 64 KiB could hold twenty thousand pieces of an option, to be put together.
   */
  readonly mostBytes: number
}

export interface ValidatedReply {
  readonly reply: Dhcpv4Reply
  readonly type: number
  readonly server: IpAddress
}

/** Null, and counted, when it is not. */
export function validateReply(
  bytes: Uint8Array,
  expected: Expected,
  drops: DhcpStatistics['drops'],
): ValidatedReply | null {
  // First what costs least: a flood is not parsed.
  if (!isDhcpv4Transaction(bytes, expected.transactionId)) {
    drops.notForUs++
    return null
  }
  const reply = bytes.length > expected.mostBytes ? null : parseDhcpv4(bytes)
  if (reply === null || !hasPossibleLengths(reply.options)) {
    drops.malformed++
    return null
  }
  const echoed = reply.options.get(Dhcpv4Option.ClientIdentifier)
  // RFC 6842 §3: "the client MUST silently discard the message" when it bears another's identifier.
  const isOurs =
    reply.hardwareHigh === expected.hardwareHigh &&
    reply.hardwareLow === expected.hardwareLow &&
    (echoed === undefined || isSame(echoed, expected.clientIdentifier))
  if (!isOurs) {
    drops.notForUs++
    return null
  }
  const type = reply.options.get(Dhcpv4Option.MessageType)
  const server = readServer(reply.options)
  // RFC 2131 table 3: servers MUST name themselves in all they say.
  if (type === undefined || server === null) {
    drops.malformed++
    return null
  }
  return { reply, type: type[0]!, server }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, index) => octet === b[index])
}
