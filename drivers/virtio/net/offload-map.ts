/**
 * PacketMeta to virtio_net_hdr and back to ReceiveMeta (virtio 1.4 §5.1.6.2, §5.1.6.4): all of
 * CSUM, TSO and USO in one file.
 */
import type { PacketMeta, ReceiveMeta } from '../../../net/phy/offload.ts'
import { GsoType, NetHeaderFlag } from './net-header.ts'

/** What of it was negotiated. */
export interface NegotiatedOffloads {
  readonly transmitChecksum: boolean
  readonly segmentTcpV4: boolean
  readonly segmentTcpV6: boolean
  readonly segmentEcn: boolean
  /** Of both families: HOST_USO is one bit. */
  readonly segmentUdp: boolean
  readonly receiveChecksum: boolean
  readonly coalesceTcpV4: boolean
  readonly coalesceTcpV6: boolean
  readonly coalesceEcn: boolean
  readonly coalesceUdpV4: boolean
  readonly coalesceUdpV6: boolean
}

/**
 * The low half of word 0, flags and gso_type, for each thing a frame may ask for; 0 = not
 * negotiated.
 */
export interface TransmitWords {
  readonly checksum: number
  readonly segmentV4: number
  readonly segmentV6: number
  readonly segmentUdp: number
  readonly ecn: number
}

/** Of `csum_offset`: where the checksum lies in a UDP header, and in no other. */
const UDP_CHECKSUM_OFFSET = 6

export function transmitWordsFor(offloads: NegotiatedOffloads): TransmitWords {
  const checksum = NetHeaderFlag.NeedsChecksum
  return {
    checksum: offloads.transmitChecksum ? checksum : 0,
    segmentV4: offloads.segmentTcpV4 ? checksum | (GsoType.TcpV4 << 8) : 0,
    segmentV6: offloads.segmentTcpV6 ? checksum | (GsoType.TcpV6 << 8) : 0,
    segmentUdp: offloads.segmentUdp ? checksum | (GsoType.UdpL4 << 8) : 0,
    ecn: offloads.segmentEcn ? GsoType.Ecn << 8 : 0,
  }
}

/**
 * Writes the three words of `netHeader`; true when the frame, of `headerLength` bytes of headers,
 * is to be segmented. Throws when `meta` asks for what the capabilities never promised.
 */
export function writeTransmitHeader(
  meta: PacketMeta,
  headerLength: number,
  netHeader: Uint32Array,
  words: TransmitWords,
): boolean {
  const start = meta.checksumStart
  const size = meta.segmentationOffloadSize
  if (size !== 0) {
    let word = meta.ipVersion === 4 ? words.segmentV4 : words.segmentV6
    if (meta.checksumOffset === UDP_CHECKSUM_OFFSET) word = words.segmentUdp
    if (word === 0 || start === 0) throw refusedSegmentation(meta)
    if (meta.congestionWindowReduced) {
      // "If VIRTIO_NET_F_HOST_ECN is not negotiated … SHOULD NOT": the caller was told by the
      // capabilities.
      if (words.ecn === 0) throw refusedOffload('segment', 'HOST_ECN was not negotiated')
      word |= words.ecn
    }
    // "the driver MUST set hdr_len to a value equal to the length of the headers, including the
    // transport header" (GUEST_HDRLEN).
    netHeader[0] = word | (headerLength << 16)
    netHeader[1] = size | (start << 16)
    // num_buffers must be 0 on transmit.
    netHeader[2] = meta.checksumOffset
    return true
  }
  if (start !== 0) {
    if (words.checksum === 0) throw refusedOffload('checksum', 'CSUM was not negotiated')
    netHeader[0] = words.checksum
    netHeader[1] = start << 16
    netHeader[2] = meta.checksumOffset
    return false
  }
  // §5.1.6.2.1: without NEEDS_CSUM flags are 0 and the frame is fully checksummed.
  netHeader[0] = 0
  netHeader[1] = 0
  netHeader[2] = 0
  return false
}

function refusedSegmentation(meta: PacketMeta): Error {
  if (meta.checksumStart === 0) return refusedOffload('segment', 'checksumStart is 0')
  const ofTcp = meta.ipVersion === 4 ? 'HOST_TSO4' : 'HOST_TSO6'
  const feature = meta.checksumOffset === UDP_CHECKSUM_OFFSET ? 'HOST_USO' : ofTcp
  return refusedOffload('segment', `${feature} was not negotiated`)
}

function refusedOffload(action: string, reason: string): Error {
  return new Error(`Cannot ${action} a frame: ${reason}`)
}

/**
 * Judges the header of a received frame and fills `meta`; the empty string, or why the frame is
 * dropped. hdr_len is "only a hint" and not looked at; flags without a meaning here are ignored.
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
    if (!isCoalesced(type, offloads)) return 'segmentationType'
    segmentSize = word1 & 0xffff
    if (segmentSize === 0) return 'segmentSize'
  }
  let verified = false
  let partial = false
  if (offloads.receiveChecksum) {
    if ((word0 & NetHeaderFlag.NeedsChecksum) !== 0) {
      const start = word1 >>> 16
      // The field must lie inside the frame; it is completed only when the frame is forwarded or
      // captured.
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

/** True of a gso_type that the device may use. That of UDP has no family, and no bit for ECN. */
function isCoalesced(type: number, offloads: NegotiatedOffloads): boolean {
  if (type === GsoType.UdpL4) return offloads.coalesceUdpV4 || offloads.coalesceUdpV6
  if ((type & GsoType.Ecn) !== 0 && !offloads.coalesceEcn) return false
  const base = type & ~GsoType.Ecn
  return base === GsoType.TcpV4
    ? offloads.coalesceTcpV4
    : base === GsoType.TcpV6 && offloads.coalesceTcpV6
}
