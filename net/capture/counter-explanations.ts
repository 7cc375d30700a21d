/**
 * What it means for the packet being processed when a counter moves. Only counters that move
 * nowhere else than while a received packet is processed: those that senders and timers move as
 * well say nothing about a packet. They are functions, so that only a guest that captures pays for
 * them.
 */
import type { InterfaceCounters } from '../iface/interface-counters.ts'
import type { TcpDropCounters, TcpStatistics } from '../socket/tcp/statistics.ts'
import type { UdpDropCounters, UdpStatistics } from '../socket/udp/statistics.ts'

type Texts<T> = Readonly<Partial<Record<keyof T & string, string>>>

export const interfaceTexts = (): Texts<InterfaceCounters> => ({
  frameTruncated: 'dropped: too short for its headers',
  frameTooLong: 'dropped: longer than the MTU allows',
  frameNotForUs: "dropped: another station's hardware address",
  frameBadSource: 'dropped: source is a group address or our own',
  frameUnknownType: 'dropped: neither ARP, IPv4 nor IPv6',
  frameOtherVlan: 'dropped: of a VLAN that we are not on',
  framePriorityTagged: 'came with a priority tag, which was taken off',
  frameBadSegmentation: 'dropped: coalesced by the device although it is not TCP',
  arpMalformed: 'dropped: malformed ARP packet',
  arpBadSender: 'dropped: ARP sender that cannot be',
  arpIgnored: 'ignored: ARP for another target, or a reply that nobody waits for',
  ipv4Malformed: 'dropped: malformed IPv4 header',
  ipv4BadChecksum: 'dropped: IPv4 header checksum is wrong',
  ipv4BadOptions: 'dropped: malformed IPv4 options',
  ipv4SourceRoute: 'dropped: IPv4 source route',
  ipv4BadSource: 'dropped: IPv4 source that cannot be',
  ipv4NotForUs: 'dropped: none of our IPv4 addresses',
  ipv4OtherInterface: 'dropped: the IPv4 address of another interface (weak-host=on takes it)',
  ipv4InGroupFrame: 'dropped: to our IPv4 address, in a frame to a group of stations',
  ipv6Malformed: 'dropped: malformed IPv6 header',
  ipv6BadSource: 'dropped: IPv6 source that cannot be',
  ipv6NotForUs: 'dropped: none of our IPv6 addresses',
  ipv6OtherInterface: 'dropped: the IPv6 address of another interface (weak-host=on takes it)',
  ipv6InGroupFrame: 'dropped: to our IPv6 address, in a frame to a group of stations',
  ipv6ChainTooLong: 'dropped: too many IPv6 extension headers, or too long ones',
  ipv6TooManyOptions: 'dropped: too many IPv6 options, or too much padding in a row',
  ipv6Discarded: 'dropped: no next header, or an option that asks for it',
  ipv6ParameterProblem: 'dropped: parameter problem in an IPv6 header',
  fragmentMalformed: 'dropped: fragment whose length or end cannot be',
  fragmentDuplicate: 'dropped: fragment that was there already',
  fragmentUnwanted: 'dropped: fragment of a datagram that was given up',
  datagramsReassembled: 'the last fragment of a datagram, which is whole now',
  reassemblyConflict: 'does not fit the other fragments: their datagram is dropped',
  reassemblyEvicted: 'fragment for which an older datagram had to make room',
  transportBadChecksum: 'dropped: transport checksum is wrong',
  transportMalformed: 'dropped: UDP length that cannot be',
  transportUnknown: 'dropped: no such transport protocol here',
  icmpMalformed: 'dropped: malformed ICMP message',
  icmpBadChecksum: 'dropped: ICMP checksum is wrong',
  icmpIgnored: 'ignored: ICMP type that this host does not act upon',
  icmpErrorUnrelated: 'dropped: ICMP error about no packet of ours',
  icmpErrorsDelivered: 'ICMP error told to the transport',
  icmpErrorsSuppressed: 'no ICMP error in answer: too many lately, or none is due',
  pathMtuLowered: 'a path carries less than was known',
  ndpInvalid: 'dropped: neighbor discovery message breaks the rules',
  ndpIgnored: 'ignored: neighbor discovery for another target',
  routerAdvertisements: 'router advertisement taken',
  routerOptionsRefused: 'refused: router options beyond a limit, or values that cannot be',
  routerOptionsEvicted:
    'forgotten for it: what a silent router or one with more than its share told',
  neighborClaims: "claims a neighbor's address: both are asked where it is",
  neighborRemapRefused: 'refused: another hardware address for a neighbor that is alive',
  membershipInvalid: 'dropped: MLD or IGMP message breaks the rules',
  addressConflicts: 'somebody else uses our address',
})

export const tcpTexts = (): Texts<TcpStatistics> => ({
  resetsReceived: 'reset accepted: the connection is over',
  challengeAcksSent: 'answered with a challenge ACK',
  synCookiesSent: 'answered with a SYN cookie: too many connections are half open',
  synCookiesAccepted: 'a connection made of a SYN cookie',
})

export const tcpDropTexts = (): Texts<TcpDropCounters> => ({
  malformed: 'dropped: malformed TCP header',
  groupAddress: 'dropped: TCP to a group address',
  noSocket: 'dropped: no connection and no listener wants it',
  outOfWindow: 'dropped: outside of the receive window',
  unacceptableAck: 'dropped: acknowledges what cannot be acknowledged',
  protectAgainstWrappedSequence: 'dropped: timestamp is older than one before (PAWS)',
  missingTimestamp: 'dropped: no timestamp, though the peer agreed to send them',
  noAckFlag: 'dropped: no ACK flag',
  synCookieInvalid: 'dropped: not the ACK of a SYN cookie, while cookies are out',
  backlogFull: "the listener's queue is full: the connection has to wait",
  noBuffer: 'dropped, or cut: no memory for it',
  outOfOrderPruned: 'dropped: out of order while memory is scarce',
  tooManyConnections: 'dropped: too many connections',
  tooManyRanges: 'dropped: too many out-of-order ranges',
  badSackBlock: 'ignored: a SACK block of what cannot have arrived out of order',
  resetLimit: 'no reset in answer: too many lately',
  challengeLimit: 'no challenge ACK: one was sent lately',
})

export const udpTexts = (): Texts<UdpStatistics> => ({
  errorsUnrelated: 'which concerns no peer of ours',
})

export const udpDropTexts = (): Texts<UdpDropCounters> => ({
  noSocket: 'dropped: no socket for this port',
  portZero: 'dropped: port 0',
  malformed: 'dropped: malformed UDP header',
  notJoined: 'dropped: no socket of this port wants the group from this source',
  receiveQueueFull: "dropped: the socket's queue is full",
})
