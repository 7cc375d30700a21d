/**
 * A connection attempt in SYN-RECEIVED: what must be remembered between SYN and ACK, and nothing
 * else (RFC 4987 §3.3's SYN cache).
 */
import type { PacketOrigin } from '../../../iface/protocol-handler.ts'
import { type AddressRecord, createAddressRecord } from '../../../wire/ip-address.ts'
import type { ConnectionEnds } from '../transmission-control-block.ts'
import type { TcpListenSocket } from './listen-socket.ts'

/** No round-trip time was measured. */
export const UNMEASURED = -1

/** Why the SYN-ACK at hand is sent. */
export const SynAckReason = { First: 0, Timeout: 1, Repeated: 2 } as const
export type SynAckReason = (typeof SynAckReason)[keyof typeof SynAckReason]

/** Written by the SYN queue and by the passive opener only; used again for another attempt. */
export class SynRecord implements PacketOrigin, ConnectionEnds {
  /** Null while it lies in the pool. */
  listener: TcpListenSocket | null = null
  readonly source: AddressRecord = createAddressRecord()
  readonly destination: AddressRecord = createAddressRecord()
  interfaceIndex = 0
  arrivalIndex = 0
  linkSourceHigh = 0
  linkSourceLow = 0
  // The same two addresses as a connection has them.
  readonly localAddress: AddressRecord = this.destination
  readonly remoteAddress: AddressRecord = this.source
  localPort = 0
  remotePort = 0
  /** Both, as they lie in received headers. */
  ports = 0
  hash = 0
  /** ISS and IRS of RFC 9293 §3.3.1. */
  sendSequence = 0
  receiveSequence = 0
  /** See syn-options.ts. */
  options = 0
  timestampOffset = 0
  timestampRecent = 0
  /** The window we offered with the SYN-ACK. */
  window = 0
  /** The peer's window field: of its SYN, which is not scaled, and of the latest segment taken. */
  synWindow = 0
  peerWindow = 0
  /** When the SYN-ACK was first sent, and how long its ACK took when it was sent once. */
  sentMs = 0
  roundTripMs = UNMEASURED
  reason: SynAckReason = SynAckReason.First
  /** SYN-ACKs sent by the timer since the peer was last heard. */
  retries = 0
  isRetransmitted = false
  /** The peer has sent its SYN again: which SYN-ACK an ACK answers is not to be told (Karn). */
  isRepeated = false
  /** The SYN-ACK has not left yet. */
  isUnsent = false
  /** The peer has acknowledged our SYN; the connection lacks room. */
  isAcknowledged = false
  /** Earliest next challenge ACK or repeated SYN-ACK. */
  challengeAllowedMs = 0

  // Of the queue: the bucket's chain, the timer's list, and the list of those that wait for room.
  nextInBucket: SynRecord | null = null
  interval = 0
  deadlineMs = 0
  earlier: SynRecord | null = null
  later: SynRecord | null = null
}
