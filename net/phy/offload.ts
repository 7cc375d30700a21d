/**
 * What stack and device promise each other about checksums and segmentation, per device and per
 * packet.
 */

/** Which half of a checksum's work the STACK does, as in smoltcp's `Checksum`. */
export const ChecksumWork = {
  /** Verify received and compute sent checksums: the device does nothing. */
  Both: 3,
  /** Verify received ones only: the device computes those sent. */
  Receive: 1,
  /**
   * Compute those sent only: the device verifies what it delivers (packet by packet, see
   * ReceiveMeta).
   */
  Transmit: 2,
  /** Neither. */
  None: 0,
} as const
export type ChecksumWork = (typeof ChecksumWork)[keyof typeof ChecksumWork]

export interface ChecksumCapabilities {
  readonly ipv4: ChecksumWork
  readonly tcp: ChecksumWork
  readonly udp: ChecksumWork
  readonly icmpv4: ChecksumWork
  readonly icmpv6: ChecksumWork
}

/**
 * Largest frame the device segments, in bytes of the whole frame, Ethernet header included, frame
 * check sequence excluded; undefined = does not segment that protocol and family. At most 65535, so
 * the IP length field is always real. Requires transmit checksum offload for the protocol.
 */
export interface SegmentationCapabilities {
  readonly tcpv4?: number
  readonly tcpv6?: number
  /** Each piece becomes a datagram with a UDP header of its own. */
  readonly udpv4?: number
  readonly udpv6?: number
  /** False = must not be asked to segment a frame that carries CWR (virtio without HOST_ECN). */
  readonly congestionWindowReduced?: boolean
}

/**
 * What the stack asks of the device for outgoing frames. One object serves all frames that ask for
 * the same.
 */
export interface PacketMeta {
  /**
   * Payload bytes per segment or datagram, headers excluded; 0 = the frame is one packet. Set only
   * when the payload is larger, never with SYN, RST or URG. `checksumOffset` says whether the frame
   * is of TCP or UDP.
   */
  readonly segmentationOffloadSize: number
  /** 4 or 6 when segmentationOffloadSize is set: which of the SegmentationCapabilities is used. */
  readonly ipVersion: number
  /**
   * Offset of the transport header from the start of the frame, 0 = the frame's checksums are
   * complete. When set, the stack has stored the un-complemented pseudo-header sum, full L4 length
   * included, at checksumStart + checksumOffset.
   */
  readonly checksumStart: number
  /** 16 for TCP, 6 for UDP. */
  readonly checksumOffset: number
  /** The TCP header carries CWR: needs HOST_ECN to be segmented by a device. */
  readonly congestionWindowReduced: boolean
}

/** The frame leaves as it is. */
export const NO_OFFLOAD: PacketMeta = {
  segmentationOffloadSize: 0,
  ipVersion: 0,
  checksumStart: 0,
  checksumOffset: 0,
  congestionWindowReduced: false,
}

/** What the device says of one received frame. */
export interface ReceiveMeta {
  /**
   * The transport checksum needs no check: virtio NEEDS_CSUM (data vouched for by the host, field
   * incomplete) or DATA_VALID. False = verify it.
   */
  checksumVerified: boolean
  /** The checksum field holds only the pseudo-header sum (NEEDS_CSUM). */
  checksumPartial: boolean
  /** Payload bytes per original segment when the host coalesced several, else 0. */
  segmentSize: number
}
