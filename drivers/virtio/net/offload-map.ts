/** PacketMeta to virtio_net_hdr and back to ReceiveMeta (virtio 1.4 §5.1.6.2, §5.1.6.4): all of CSUM and TSO in one file. */
import type { PacketMeta, ReceiveMeta } from '../../../net/phy/offload.ts'
import { GsoType, NetHeaderFlag } from './net-header.ts'

/** What of it was negotiated. */
export interface NegotiatedOffloads {
  readonly transmitChecksum: boolean
  readonly segmentTcpV4: boolean
  readonly segmentTcpV6: boolean
  readonly segmentEcn: boolean
  readonly receiveChecksum: boolean
  readonly coalesceTcpV4: boolean
  readonly coalesceTcpV6: boolean
  readonly coalesceEcn: boolean
}

const TCP_DATA_OFFSET = 12
const NEEDS_CHECKSUM: number = NetHeaderFlag.NeedsChecksum
const SEGMENT_TCP_V4: number = NetHeaderFlag.NeedsChecksum | (GsoType.TcpV4 << 8)
const SEGMENT_TCP_V6: number = NetHeaderFlag.NeedsChecksum | (GsoType.TcpV6 << 8)

/** What is looked at of an outgoing frame: its Ethernet header starts at `headerOffset` of `header.bytes`. */
export interface FrameToDescribe {
  readonly meta: PacketMeta
  readonly header: { readonly bytes: Uint8Array }
  readonly headerOffset: number
  readonly netHeader: Uint32Array
}

/** Writes the three header words. Throws when the frame asks for what the capabilities never promised. */
export function writeTransmitHeader(frame: FrameToDescribe, offloads: NegotiatedOffloads): void {
  const { meta, netHeader } = frame
  const start = meta.checksumStart
  const size = meta.segmentationOffloadSize
  if (size !== 0) {
    // Exact, as GUEST_HDRLEN asks: everything that is repeated in each segment.
    const dataOffset = frame.header.bytes[frame.headerOffset + start + TCP_DATA_OFFSET]! >> 4
    netHeader[0] = segmentationWord(meta, offloads) | ((start + (dataOffset << 2)) << 16)
    netHeader[1] = size | (start << 16)
  } else if (start !== 0) {
    if (!offloads.transmitChecksum) throw refusedOffload('checksum', 'CSUM was not negotiated')
    netHeader[0] = NEEDS_CHECKSUM
    netHeader[1] = start << 16
  } else {
    // §5.1.6.2.1: without NEEDS_CSUM flags are 0 and the frame is fully checksummed.
    netHeader[0] = 0
    netHeader[1] = 0
    netHeader[2] = 0
    return
  }
  // num_buffers must be 0 on transmit.
  netHeader[2] = meta.checksumOffset
}

/** flags and gso_type. */
function segmentationWord(meta: PacketMeta, offloads: NegotiatedOffloads): number {
  if (meta.checksumStart === 0) throw refusedOffload('segment', 'checksumStart is 0')
  let word = SEGMENT_TCP_V4
  if (meta.ipVersion === 4) {
    if (!offloads.segmentTcpV4) throw refusedOffload('segment', 'HOST_TSO4 was not negotiated')
  } else {
    if (!offloads.segmentTcpV6) throw refusedOffload('segment', 'HOST_TSO6 was not negotiated')
    word = SEGMENT_TCP_V6
  }
  if (meta.congestionWindowReduced) {
    // "If VIRTIO_NET_F_HOST_ECN is not negotiated … SHOULD NOT": the caller was told by the capabilities.
    if (!offloads.segmentEcn) throw refusedOffload('segment', 'HOST_ECN was not negotiated')
    word |= GsoType.Ecn << 8
  }
  return word
}

function refusedOffload(action: string, reason: string): Error {
  return new Error(`Cannot ${action} a frame: ${reason}`)
}

/**
 * Judges the header of a received frame and fills `meta`; the empty string, or why the frame is dropped. hdr_len is "only
 * a hint" and not looked at; flags without a meaning here are ignored.
 */
export function readReceiveHeader(
  word0: number,
  word1: number,
  word2: number,
  frameLength: number,
  offloads: NegotiatedOffloads,
  meta: ReceiveMeta,
): '' | 'checksumRange' | 'segmentationType' | 'segmentSize' {
  const type = (word0 >>> 8) & 0xff
  let segmentSize = 0
  if (type !== GsoType.None) {
    const coalesced =
      (type & 0x7f) === GsoType.TcpV4
        ? offloads.coalesceTcpV4
        : (type & 0x7f) === GsoType.TcpV6 && offloads.coalesceTcpV6
    if (!coalesced || ((type & GsoType.Ecn) !== 0 && !offloads.coalesceEcn)) {
      return 'segmentationType'
    }
    segmentSize = word1 & 0xffff
    if (segmentSize === 0) return 'segmentSize'
  }
  let verified = false
  let partial = false
  if (offloads.receiveChecksum) {
    if ((word0 & NetHeaderFlag.NeedsChecksum) !== 0) {
      const start = word1 >>> 16
      // The field must lie inside the frame; it is completed only when the frame is forwarded or captured.
      if (start < 14 || start + (word2 & 0xffff) + 2 > frameLength) return 'checksumRange'
      verified = true
      partial = true
    } else if ((word0 & NetHeaderFlag.DataValid) !== 0) {
      verified = true
    }
  }
  meta.segmentSize = segmentSize
  meta.checksumVerified = verified
  meta.checksumPartial = partial
  return ''
}
