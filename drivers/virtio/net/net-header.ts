/** struct virtio_net_hdr, in front of every frame in both directions (virtio 1.4 §5.1.6). */

/**
 * With VERSION_1 always 12 bytes, num_buffers included, whether or not MRG_RXBUF was negotiated.
 */
export const NET_HEADER_BYTES = 12

export const NetHeaderFlag = { NeedsChecksum: 1, DataValid: 2 } as const

export const GsoType = { None: 0, TcpV4: 1, Udp: 3, TcpV6: 4, UdpL4: 5, Ecn: 0x80 } as const

/**
 * Read and written as three little-endian words: 0 = flags | gso_type << 8 | hdr_len << 16, 1 =
 * gso_size | csum_start << 16, 2 = csum_offset | num_buffers << 16.
 */
export const NET_HEADER_WORDS = 3
