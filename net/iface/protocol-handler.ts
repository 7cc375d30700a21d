/**
 * What the interface needs of transport protocols and offers to them: owned here, so that sockets
 * depend on iface only.
 */
import type { ReceivedFrame } from '../phy/net-device.ts'
import type { TransmitRecord } from '../phy/transmit-record.ts'
import type { AddressRecord, IpAddress } from '../wire/ip-address.ts'
import type { EarliestDeadline } from './earliest-deadline.ts'
import type { PathNews } from './path-news.ts'

/**
 * Where something came from, and with that where an answer to it goes: a received packet, or what
 * was noted of one.
 */
export interface PacketOrigin {
  /** The peer's address. */
  readonly source: IpAddress
  /** Ours. */
  readonly destination: IpAddress
  /** The interface whose address `destination` is: two may have equal ones, and equal peers. */
  interfaceIndex: number
  /** The interface that it came by, and that answers to it leave by. */
  arrivalIndex: number
  /** The station that brought it: our gateway, the peer itself. */
  linkSourceHigh: number
  linkSourceLow: number
}

/**
 * A validated incoming IP packet, one record reused for every packet. Lengths are checked: the
 * transport header and payload lie inside the frame (trailing padding excluded).
 */
export interface IncomingPacket extends PacketOrigin {
  frame: ReceivedFrame
  ipVersion: 4 | 6
  protocol: number
  /** Both are overwritten by the next packet. */
  readonly source: AddressRecord
  readonly destination: AddressRecord
  /**
   * What the handler found to this flow's last packet and has put here: as long as it stays, so do
   * the addresses. Null for the first packet of a flow.
   */
  connection: object | null
  /** Set by a handler that is to answer before more is taken in. */
  endsTurn: boolean
  /** True when the destination is multicast or broadcast (IP or link level). */
  toGroup: boolean
  /** Two ECN bits of the traffic class. */
  ecn: number
  /** Offset of the IP header in fragment 0's buffer; it is contiguous there. */
  networkOffset: number
  /** Offset of the transport header in fragment 0's buffer; the header is contiguous there. */
  transportOffset: number
  /** Bytes of transport header plus payload. */
  transportLength: number
}

/**
 * What moves only when packets arrive both ways: of a TCP connection, which has these numbers under
 * these names.
 */
export interface ForwardProgress {
  readonly sendUnacknowledged: number
  readonly receiveNext: number
}

/** A resolved path to one peer, with the record that its packets are sent by. */
export interface Flow {
  readonly ipVersion: 4 | 6
  readonly source: IpAddress
  readonly destination: IpAddress
  readonly protocol: number
  /** The interface whose address `source` is. */
  readonly interfaceIndex: number
  /** That on whose link the destination is, or the way to it. */
  readonly zone: number
  /** Bytes of Ethernet plus IP header: 34 or 54. */
  readonly headerLength: number
  /**
   * The transport writes its header into `record.header` from headerLength on, but for the checksum
   * field, and names the payload; all that comes before, the checksum field, headerLength and meta
   * are egress's.
   */
  readonly record: TransmitRecord
  /** What `record.flowHash` is to begin with: of the destination, without ports. */
  readonly addressHash: number
  /**
   * Largest IP packet on this path in bytes: interface MTU or less once path MTU discovery said so.
   */
  pathMtu: number
  /**
   * Packets of this size have arrived by this path, as far as its sender knows; 0 = nothing is
   * known.
   */
  provenMtu: number
  /**
   * A size that is worth a probe now (RFC 4821 §7), until noteMtuProbe tells what has become of it;
   * 0 = none.
   */
  searchMtu: number
  /**
   * Has IPv4 packets go without DF from now on (RFC 1191 §3); false when they do already, or the
   * path is of IPv6.
   */
  allowFragments(): boolean
  /** The two ECN bits of the packets prepared from now on (RFC 3168 §5). */
  setCongestionCodepoint(codepoint: number): void
  /**
   * The segments prepared next carry CWR, which the device must be told of when it is to cut them.
   */
  isWindowReduced: boolean
  /**
   * What packets are sent with from now on: hop limit or time to live, and a DSCP of 0 to 63. Throw
   * RangeError.
   */
  setHopLimit(hopLimit: number): void
  setDifferentiatedServices(codePoint: number): void
  /**
   * Un-complemented, folded pseudo-header sum of addresses and protocol, length not included; add
   * the full transport length (32 bits, folded) to seed a checksum.
   */
  readonly pseudoHeaderSum: number
  /**
   * The interface has its source address no longer: nothing leaves this way any more. Known once
   * `prepare` was refused.
   */
  readonly isSourceLost: boolean
  /**
   * Whose progress proves that the neighbor is there (RFC 4861 §7.3.1); looked at once a second at
   * most.
   */
  progress: ForwardProgress | null
  /**
   * The last `prepare` was refused for want of the neighbor's address, not of room in the device.
   */
  readonly isResolving: boolean
  /** Whose address that is, the same for all flows that wait for it; null = it is nobody's. */
  readonly neighbor: object | null
}

/** A flow that is pointed at one peer after the other. */
export interface ReplyFlow extends Flow {
  /** What its headers say, from the next packet on. */
  readonly fields: FlowFields
  setFields(fields: FlowFields): void
}

/** What a flow's IP headers say beside addresses and lengths. */
export interface FlowFields {
  /** 0 = as routers say, or this host's own. */
  readonly hopLimit: number
  /** DSCP and ECN. */
  readonly trafficClass: number
  /** Of IPv4: routers are asked not to fragment. */
  readonly dontFragment: boolean
}

/**
 * What is left to the device, or to software below, of what can be cut there: what is not, its
 * sender cuts.
 */
export interface SegmentationUse {
  tcpv4: boolean
  tcpv6: boolean
  udp: boolean
}

/** How transports send. Implemented by iface/egress. */
export interface Egress {
  /** Of the host: each of its protocols notes there what it has to do by time, or at once. */
  readonly deadline: EarliestDeadline
  /** Whoever changes it has TCP plan its frames anew. */
  readonly segmentation: SegmentationUse
  /**
   * The path for a new flow; source null = chosen among the addresses of the interface that it
   * leaves by (RFC 6724). Null when there is no route or no usable source address. Without
   * `fields`, those of ordinary packets; without an interface the one that has the source, or the
   * best route. A link-local destination needs one where there are several (RFC 4007 §6).
   */
  openFlow(
    destination: IpAddress,
    source: IpAddress | null,
    protocol: number,
    fields?: FlowFields,
    interfaceIndex?: number,
  ): Flow | null
  /** Nobody sends by the flow any more: it may be the next one between the same ends. */
  closeFlow(flow: Flow): void
  /**
   * A flow for answers to packets that came by one interface, of peers that nothing is kept of:
   * `prepareReply` points it at each of them. Its addresses are unspecified until then.
   */
  openReplyFlow(ipVersion: 4 | 6, protocol: number, arrivalIndex: number): ReplyFlow
  /**
   * As openFlow and prepare in one, for a packet without payload on a reply flow. It goes to the
   * neighbor that the route names or, while that is not resolved, back to the station that `origin`
   * came from: no answer costs a resolution, so that nobody can fill the neighbor cache by asking.
   * False when there is no route.
   */
  prepareReply(
    flow: Flow,
    origin: PacketOrigin,
    transportHeaderLength: number,
    nowMs: number,
  ): boolean
  /**
   * Makes the flow's record one of packets with that many bytes of transport header and payload:
   * link addresses, lengths, the seed of the checksum. `segmentSize` > 0 asks for segmentation.
   * False when the neighbor is not resolved yet; resolution is then under way and `dispatch` is
   * called again once it ends.
   */
  prepare(
    flow: Flow,
    transportHeaderLength: number,
    payloadLength: number,
    segmentSize: number,
    nowMs: number,
  ): boolean
  /**
   * Sends the packet that the flow's record describes, as prepared in this turn; again and again as
   * long as the lengths stay. False when the device is full or the link is down; `dispatch` is
   * called again when that changes.
   */
  submit(flow: Flow): boolean
  /**
   * As submit for `count` TCP segments of `length` octets each, whose text is what the record's
   * ranges have, all that they have; of the first is all else. Returns how many were taken, fewer
   * or none when the device is full; below 0 when it takes them only one by one, which says nothing
   * of room.
   */
  submitSeries(flow: Flow, length: number, count: number): number
  /**
   * As submit, once, for a packet that is longer than the flow's `pathMtu`: it goes in fragments,
   * the payload copied, the checksum computed here. False too while the device has not taken the
   * last such packet.
   */
  submitFragments(flow: Flow, nowMs: number): boolean
  /**
   * Largest transport payload in one frame when `segmentSize` is asked for; 0 = device cannot
   * (software does).
   */
  superSegmentLimit(flow: Flow, transportHeaderLength: number): number
  /** True while neighbor resolution for this path has failed: callers give up (soft error). */
  isUnreachable(flow: Flow, nowMs: number): boolean
  /**
   * True while the link is down by which the flow leaves, one of several: what may be lost is not
   * kept for it, and in nobody's way.
   */
  isCutOff(flow: Flow): boolean
  /**
   * What takes packets, each thing apart: 1 in the plain case, where no flow gets through once one
   * is refused.
   */
  readonly wayCount: number
  /** A flow to the host itself has been opened: some get through while the only device is full. */
  readonly hasInternalFlows: boolean
  /**
   * Which of them the flow has, from 0 on, for good: an interface, or the host itself, which takes
   * packets of its own in the plain case too, and is not counted there.
   */
  wayOf(flow: Flow): number
  /** When packets that were refused for want of a neighbor or a route are worth another try. */
  readonly news: PathNews
  /** False while the link is down behind one of them, which takes nothing then. */
  isWayOpen(way: number): boolean
  /**
   * Negative advice (RFC 1122 §2.3.2.1 (4), §3.3.1.4): what was sent this way again and again is
   * not answered. The neighbor is asked now whether it is still there.
   */
  suspect(flow: Flow, nowMs: number): void
  /**
   * Full-sized packets on this path are lost, and nobody says why (RFC 4821 §7.7): `pathMtu` falls
   * to a size that nearly every path carries, with each call further down to the floor, for half a
   * minute and longer each time. False when it is there already.
   */
  noteBlackHole(flow: Flow, nowMs: number): boolean
  /**
   * A packet of `probedMtu`, which was the flow's `searchMtu` when it was sent, has arrived or was
   * lost. `pathMtu` is then what is proved; what to try next may be known at once.
   */
  noteMtuProbe(flow: Flow, probedMtu: number, hasArrived: boolean, nowMs: number): void
}

/** Error reported by ICMP or ICMPv6 about a packet that a transport sent. */
export interface TransportError {
  ipVersion: 4 | 6
  /**
   * 'hard' = port, protocol or administratively unreachable; 'soft' = everything else; 'mtu' =
   * packet too big.
   */
  kind: 'hard' | 'soft' | 'mtu'
  /** Next-hop MTU in bytes when kind is 'mtu'. */
  mtu: number
  /**
   * The router carries even less than `mtu`, which is the least that is believed: only fragments
   * get through.
   */
  isBelowFloor: boolean
  readonly source: IpAddress
  readonly destination: IpAddress
  /** The interface whose address `source` is. */
  readonly interfaceIndex: number
  /** The interface that the error came by; absent = nobody knows. */
  readonly arrivalIndex?: number
  sourcePort: number
  destinationPort: number
  /** TCP sequence number quoted, int32; of a quoted ICMP message identifier and sequence number. */
  sequenceNumber: number
  /**
   * Set by the transport that finds the quoted packet to be its own, as nobody off the path could
   * know it: then an MTU counts for all who send to that destination.
   */
  isProven: boolean
}

/** The message that an error came with, for those who tell their users more than its kind. */
export interface IcmpReport {
  /** Who sent it: the host itself or a router on the way. */
  readonly reporter: IpAddress
  /** Of ICMP or ICMPv6, as the error's family says. */
  readonly type: number
  readonly code: number
}

/** A transport protocol, registered with the interface by its IP protocol number. */
export interface ProtocolHandler {
  readonly protocol: number
  /**
   * Takes one packet; the frame is valid during the call only. Returns false when no socket wants
   * it, so that the interface may answer with an ICMP error (UDP); TCP answers itself and returns
   * true.
   */
  process(packet: IncomingPacket, nowMs: number): boolean
  /**
   * Sends what is due. Returns true when it may have more to send as soon as the device has room.
   */
  dispatch(egress: Egress, nowMs: number): boolean
  /**
   * When dispatch must run next, in milliseconds; Infinity = only after input. Asked only once
   * something is due: whatever comes earlier than before is noted with `Egress.deadline`.
   */
  nextDeadlineMs(nowMs: number): number
  processError(error: TransportError, nowMs: number, report: IcmpReport): void
  /** The link of one of several interfaces came up or went down: other ways may be better now. */
  noteLinkChange?(): void
}
