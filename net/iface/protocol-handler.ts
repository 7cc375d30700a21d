/** What the interface needs of transport protocols and offers to them: owned here, so that sockets depend on iface only. */
import type { ReceivedFrame, TransmitFrame } from '../phy/net-device.ts'
import type { PacketBuffer, PayloadOwner } from '../storage/buffer.ts'
import type { IpAddress } from '../wire/ip-address.ts'

/**
 * A validated incoming IP packet, one record reused for every packet. Lengths are checked: the transport
 * header and payload lie inside the frame (trailing padding excluded).
 */
export interface IncomingPacket {
  frame: ReceivedFrame
  ipVersion: 4 | 6
  protocol: number
  /** Addresses as int32 words; IPv4 uses word 3 only and the others are 0. */
  source0: number
  source1: number
  source2: number
  source3: number
  destination0: number
  destination1: number
  destination2: number
  destination3: number
  /** Packets with the same number have the same addresses; 0 = nothing is known of others. */
  conversation: number
  /** True when the destination is multicast or broadcast (IP or link level). */
  toGroup: boolean
  /** Two ECN bits of the traffic class. */
  ecn: number
  /** Offset of the transport header in fragment 0's buffer; the header is contiguous there. */
  transportOffset: number
  /** Bytes of transport header plus payload. */
  transportLength: number
}

/** A resolved path to one peer: source, destination, protocol and a template of the headers before transport. */
export interface Flow {
  readonly ipVersion: 4 | 6
  readonly source: IpAddress
  readonly destination: IpAddress
  readonly protocol: number
  /** Bytes of Ethernet plus IP header: 34 or 54. */
  readonly headerLength: number
  /**
   * The headers that sendSegments starts from. From headerLength on lies a TCP header with options, which TCP keeps up to date;
   * what comes before it and the checksum field are the egress path's.
   */
  readonly header: DataView
  /** Largest IP packet on this path in bytes: interface MTU or less once path MTU discovery said so. */
  pathMtu: number
  /** Has IPv4 packets go without DF from now on (RFC 1191 §3); false when they do already, or the path is of IPv6. */
  allowFragments(): boolean
  /**
   * Un-complemented, folded pseudo-header sum of addresses and protocol, length not included; add the
   * full transport length (32 bits, folded) to seed a checksum.
   */
  readonly pseudoHeaderSum: number
  /** The last beginPacket was refused for want of the neighbour's address, not of room in the device. */
  readonly isResolving: boolean
}

/** How transports send. Implemented by iface/egress. */
export interface Egress {
  /**
   * The path for a new conversation; source null = chosen by the interface (RFC 6724). Null when there is no
   * route or no usable source address.
   */
  openFlow(destination: IpAddress, source: IpAddress | null, protocol: number): Flow | null
  /**
   * Opens a frame on this path with Ethernet and IP headers in place (lengths still missing) and
   * headerLength = flow.headerLength. Null when the device is full, the link is down or the neighbour is not
   * resolved yet; in the last case resolution is under way and `dispatch` is called again once it ends.
   */
  beginPacket(flow: Flow, nowMs: number): TransmitFrame | null
  /**
   * Completes lengths, identification and IP header checksum and commits. Total length = flow.headerLength +
   * transport header (in frame.header) + payload ranges. With `checksumOffset` >= 0 the field at that offset in
   * the transport header is finished here, once and the same for all protocols: seeded for a device that
   * computes, else computed over header and payload. `segmentSize` > 0 asks for segmentation.
   */
  commitPacket(
    flow: Flow,
    frame: TransmitFrame,
    transportHeaderLength: number,
    checksumOffset: number,
    segmentSize: number,
    congestionWindowReduced: boolean,
  ): void
  cancelPacket(frame: TransmitFrame): void
  /**
   * Sends `count` TCP segments of `length` payload bytes each, one after another from `offset` of `payload` on, which is a ring:
   * its end is followed by its start. All have the header in flow.header, `headerLength` bytes of it, but for the sequence number,
   * which is `sequence` first and grows from one to the next. `segmentSize` > 0 asks for segmentation. Returns how many were sent: fewer when
   * beginPacket would have returned null.
   */
  sendSegments(
    flow: Flow,
    sequence: number,
    headerLength: number,
    segmentSize: number,
    payload: PacketBuffer | null,
    offset: number,
    length: number,
    count: number,
    owner: PayloadOwner | null,
    nowMs: number,
  ): number
  /** Largest transport payload in one frame when `segmentSize` is asked for; 0 = device cannot (software does). */
  superSegmentLimit(flow: Flow, transportHeaderLength: number): number
  /** True while neighbour resolution for this path has failed: callers give up (soft error). */
  isUnreachable(flow: Flow, nowMs: number): boolean
}

/** Error reported by ICMP or ICMPv6 about a packet that a transport sent. */
export interface TransportError {
  ipVersion: 4 | 6
  /** 'hard' = port, protocol or administratively unreachable; 'soft' = everything else; 'mtu' = packet too big. */
  kind: 'hard' | 'soft' | 'mtu'
  /** Next-hop MTU in bytes when kind is 'mtu'. */
  mtu: number
  /** The router carries even less than `mtu`, which is the least that is believed: only fragments get through. */
  isBelowFloor: boolean
  readonly source: IpAddress
  readonly destination: IpAddress
  sourcePort: number
  destinationPort: number
  /** TCP sequence number quoted, int32. */
  sequenceNumber: number
}

/** A transport protocol, registered with the interface by its IP protocol number. */
export interface ProtocolHandler {
  readonly protocol: number
  /**
   * Takes one packet; the frame is valid during the call only. Returns false when no socket wants it, so
   * that the interface may answer with an ICMP error (UDP); TCP answers itself and returns true.
   */
  process(packet: IncomingPacket, nowMs: number): boolean
  /** Sends what is due. Returns true when it may have more to send as soon as the device has room. */
  dispatch(egress: Egress, nowMs: number): boolean
  /** When dispatch must run next, in milliseconds; Infinity = only after input. */
  nextDeadlineMs(nowMs: number): number
  processError(error: TransportError, nowMs: number): void
}
