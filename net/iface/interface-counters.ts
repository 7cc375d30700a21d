/**
 * What the interface has done and why it dropped what it dropped, by reason: one flat record of
 * numbers.
 */

export interface InterfaceCounters {
  // --- Traffic ---
  framesReceived: number
  bytesReceived: number
  /** Frames committed to the device, control traffic included; a super-segment counts once. */
  framesSent: number
  /** Packets handed to a transport protocol. */
  packetsDelivered: number

  // --- Frames dropped ---
  /**
   * UDP and pings beyond their share of a turn, while more comes than the guest can take in; not in
   * bytesReceived.
   */
  datagramsShed: number
  /** Shorter than an Ethernet header, or a first fragment that does not hold the headers. */
  frameTruncated: number
  /** Above the MTU although the device did not coalesce it. */
  frameTooLong: number
  /** Unicast to another station: the device is promiscuous. */
  frameNotForUs: number
  /** From a group address or from our own. */
  frameBadSource: number
  /** Neither ARP, IPv4 nor IPv6. */
  frameUnknownType: number
  /** Tagged with the identifier of a VLAN: no interface of ours is on one. */
  frameOtherVlan: number
  /** Tagged with a priority only: received, without the tag. */
  framePriorityTagged: number
  /** Coalesced by the device although it is not TCP. */
  frameBadSegmentation: number

  // --- ARP ---
  arpMalformed: number
  /** Sender's hardware address is a group's or zero, or its protocol address no host's. */
  arpBadSender: number
  /** For another target, or a reply that nobody waits for. */
  arpIgnored: number

  // --- IPv4 ---
  /** Version, header length, total length or reserved flag is wrong. */
  ipv4Malformed: number
  ipv4BadChecksum: number
  ipv4BadOptions: number
  ipv4SourceRoute: number
  /** Source is no other host's unicast address (0/8, 127/8, 224/4, 240/4, broadcast, our own). */
  ipv4BadSource: number
  ipv4NotForUs: number
  /** To an address of another interface of this host (RFC 1122 §3.3.4.2, strong ES model). */
  ipv4OtherInterface: number
  /** To our address, in a frame to a group of stations (RFC 1122 §3.3.6). */
  ipv4InGroupFrame: number

  // --- IPv6 ---
  ipv6Malformed: number
  /**
   * Source is multicast, loopback, IPv4-mapped, our own, or unspecified outside neighbor discovery.
   */
  ipv6BadSource: number
  ipv6NotForUs: number
  ipv6OtherInterface: number
  /** The same, but for ICMPv6, which some send so. */
  ipv6InGroupFrame: number
  /** More than eight extension headers. */
  ipv6ChainTooLong: number
  /** More than eight options, or more than seven octets of padding in a row. */
  ipv6TooManyOptions: number
  /** "No next header", or an option that asks for silent discard. */
  ipv6Discarded: number
  /** A header or option that calls for a Parameter Problem, sent or not. */
  ipv6ParameterProblem: number

  // --- Fragments of both families ---
  /** Atomic ones of IPv6 are whole packets, and not counted. */
  fragmentsReceived: number
  /** No octets, a length that cannot be, or an end beyond that of the longest datagram. */
  fragmentMalformed: number
  fragmentDuplicate: number
  /** Of a datagram that was given up. */
  fragmentUnwanted: number
  datagramsReassembled: number
  /**
   * Datagrams given up whose fragments overlap, or do not agree about the end or about congestion.
   */
  reassemblyConflict: number
  /** Datagrams that did not become whole in time. */
  reassemblyTimeout: number
  /** Datagrams given up to make room for others: the oldest of the sender that had most. */
  reassemblyEvicted: number
  /** Sent in fragments. */
  datagramsFragmented: number
  /** Of those, never sent to the end: the device took no more for too long. */
  fragmentationAbandoned: number

  // --- Transport ---
  transportBadChecksum: number
  /** UDP length field impossible. */
  transportMalformed: number
  /** No handler for the protocol. */
  transportUnknown: number
  /** No socket wanted the packet. */
  transportRefused: number

  // --- ICMP and ICMPv6 ---
  icmpMalformed: number
  icmpBadChecksum: number
  /** Types or codes that this host does not act upon, redirects and source quench among them. */
  icmpIgnored: number
  /** Errors that quote no packet which this host can have sent. */
  icmpErrorUnrelated: number
  icmpErrorsDelivered: number
  /** Echo requests answered. */
  echoReplies: number
  icmpErrorsSent: number
  /** Errors not sent since the limit was reached. */
  icmpErrorsSuppressed: number

  // --- Path MTU ---
  /** Destinations whose path carries less than was known. */
  pathMtuLowered: number
  /** Destinations forgotten for room for others. */
  pathMtuEvicted: number

  // --- Neighbors and addresses ---
  /** Fails the validity rules of RFC 4861 §6.1, §7.1, §8.1. */
  ndpInvalid: number
  /** Valid, but for another target or of a kind not acted upon. */
  ndpIgnored: number
  /**
   * Router Advertisements taken; what of them was refused: options beyond a limit, or values that
   * cannot be; and what was taken before and has made room for another router's.
   */
  routerAdvertisements: number
  routerOptionsRefused: number
  routerOptionsEvicted: number
  routerSolicitationsSent: number
  neighborSolicitationsSent: number
  neighborAdvertisementsSent: number
  /** Another station claimed a neighbor's address: both are asked. */
  neighborClaims: number
  /** The neighbor was still where it was. */
  neighborRemapRefused: number
  /** The neighbor was no longer where it was, and is followed. */
  neighborMoves: number
  /** Entries that made room for others. */
  neighborEvicted: number
  neighborCacheFull: number
  neighborUnreachable: number
  /** MLD or IGMP messages that break the rules of RFC 3810 §6.2 or RFC 3376 §4 and §7.1. */
  membershipInvalid: number
  membershipQueriesReceived: number
  membershipReportsSent: number
  /** Somebody else uses one of our addresses. */
  addressConflicts: number
  /** Control packets (ICMP, ARP, ND) not sent: device full, no route or neighbor unknown. */
  controlNotSent: number
}

export function createInterfaceCounters(): InterfaceCounters {
  return {
    framesReceived: 0,
    bytesReceived: 0,
    framesSent: 0,
    packetsDelivered: 0,
    datagramsShed: 0,
    frameTruncated: 0,
    frameTooLong: 0,
    frameNotForUs: 0,
    frameBadSource: 0,
    frameUnknownType: 0,
    frameOtherVlan: 0,
    framePriorityTagged: 0,
    frameBadSegmentation: 0,
    arpMalformed: 0,
    arpBadSender: 0,
    arpIgnored: 0,
    ipv4Malformed: 0,
    ipv4BadChecksum: 0,
    ipv4BadOptions: 0,
    ipv4SourceRoute: 0,
    ipv4BadSource: 0,
    ...{ ipv4NotForUs: 0, ipv4OtherInterface: 0, ipv4InGroupFrame: 0 },
    ipv6Malformed: 0,
    ipv6BadSource: 0,
    ...{ ipv6NotForUs: 0, ipv6OtherInterface: 0, ipv6InGroupFrame: 0 },
    ipv6ChainTooLong: 0,
    ipv6TooManyOptions: 0,
    ipv6Discarded: 0,
    ipv6ParameterProblem: 0,
    fragmentsReceived: 0,
    fragmentMalformed: 0,
    fragmentDuplicate: 0,
    fragmentUnwanted: 0,
    datagramsReassembled: 0,
    reassemblyConflict: 0,
    reassemblyTimeout: 0,
    reassemblyEvicted: 0,
    datagramsFragmented: 0,
    fragmentationAbandoned: 0,
    transportBadChecksum: 0,
    transportMalformed: 0,
    transportUnknown: 0,
    transportRefused: 0,
    icmpMalformed: 0,
    icmpBadChecksum: 0,
    icmpIgnored: 0,
    icmpErrorUnrelated: 0,
    icmpErrorsDelivered: 0,
    echoReplies: 0,
    icmpErrorsSent: 0,
    icmpErrorsSuppressed: 0,
    pathMtuLowered: 0,
    pathMtuEvicted: 0,
    ndpInvalid: 0,
    ndpIgnored: 0,
    routerAdvertisements: 0,
    ...{ routerOptionsRefused: 0, routerOptionsEvicted: 0 },
    routerSolicitationsSent: 0,
    neighborSolicitationsSent: 0,
    neighborAdvertisementsSent: 0,
    neighborClaims: 0,
    neighborRemapRefused: 0,
    neighborMoves: 0,
    neighborEvicted: 0,
    neighborCacheFull: 0,
    neighborUnreachable: 0,
    membershipInvalid: 0,
    membershipQueriesReceived: 0,
    membershipReportsSent: 0,
    addressConflicts: 0,
    controlNotSent: 0,
  }
}
