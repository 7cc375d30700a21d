/** PacketMeta to virtio_net_hdr and back, field by field (virtio 1.4 §5.1.6.2.1, §5.1.6.4.2). */
import { describe, expect, it } from 'vitest'
import {
  type NegotiatedOffloads,
  readReceiveHeader,
  transmitWordsFor,
  writeTransmitHeader,
} from '../../../../../drivers/virtio/net/offload-map.ts'
import type { PacketMeta, ReceiveMeta } from '../../../../../net/phy/offload.ts'
import { parseNetHeader } from '../../../../fakes/fake-segmentation.ts'

const ALL: NegotiatedOffloads = {
  transmitChecksum: true,
  segmentTcpV4: true,
  segmentTcpV6: true,
  segmentEcn: true,
  segmentUdp: true,
  receiveChecksum: true,
  coalesceTcpV4: true,
  coalesceTcpV6: true,
  coalesceEcn: true,
  coalesceUdpV4: true,
  coalesceUdpV6: true,
}
const PLAIN: PacketMeta = {
  segmentationOffloadSize: 0,
  ipVersion: 0,
  checksumStart: 0,
  checksumOffset: 0,
  congestionWindowReduced: false,
}
const TSO4: PacketMeta = {
  ...PLAIN,
  segmentationOffloadSize: 1448,
  ipVersion: 4,
  checksumStart: 34,
  checksumOffset: 16,
}

/**
 * The virtio_net_hdr of a frame with this meta and `headerLength` bytes of headers, over old bytes.
 */
function headerFor(meta: PacketMeta, offloads = ALL, headerLength = 66) {
  const bytes = new Uint8Array(12).fill(0xff)
  const netHeader = new Uint32Array(bytes.buffer)
  const words = transmitWordsFor(offloads)
  const isSegmented = writeTransmitHeader(meta, headerLength, netHeader, words)
  expect(isSegmented).toBe(meta.segmentationOffloadSize !== 0)
  return parseNetHeader(bytes)
}

describe('writeTransmitHeader', () => {
  it('asks for nothing when the frame is complete, old bytes overwritten', () => {
    expect(headerFor(PLAIN)).toEqual({
      flags: 0,
      gsoType: 0,
      headerLength: 0,
      gsoSize: 0,
      checksumStart: 0,
      checksumOffset: 0,
      bufferCount: 0,
    })
  })

  it('asks for a checksum of UDP', () => {
    const header = headerFor({ ...PLAIN, checksumStart: 54, checksumOffset: 6 })
    expect(header).toMatchObject({ flags: 1, gsoType: 0, gsoSize: 0 })
    expect(header).toMatchObject({ checksumStart: 54, checksumOffset: 6, bufferCount: 0 })
  })

  it('asks for segmentation of TCP over IPv4 with the exact header length', () => {
    expect(headerFor(TSO4)).toEqual({
      flags: 1,
      gsoType: 1,
      headerLength: 66,
      gsoSize: 1448,
      checksumStart: 34,
      checksumOffset: 16,
      bufferCount: 0,
    })
  })

  it('asks for segmentation of TCP over IPv6', () => {
    const header = headerFor({ ...TSO4, ipVersion: 6, checksumStart: 54 }, ALL, 74)
    expect(header).toMatchObject({ gsoType: 4, headerLength: 74, checksumStart: 54 })
  })

  it.each([
    [4, 34],
    [6, 54],
  ])(
    'asks for datagrams over IPv%i with one type and the exact header length',
    (ipVersion, start) => {
      const meta = { ...TSO4, ipVersion, checksumStart: start, checksumOffset: 6 }
      expect(headerFor(meta, ALL, start + 8)).toEqual({
        flags: 1,
        gsoType: 5,
        headerLength: start + 8,
        gsoSize: 1448,
        checksumStart: start,
        checksumOffset: 6,
        bufferCount: 0,
      })
    },
  )

  it('sets the ECN bit for a frame with CWR', () => {
    expect(headerFor({ ...TSO4, congestionWindowReduced: true }).gsoType).toBe(0x81)
  })

  it.each([
    ['segmentation of IPv4', TSO4, { segmentTcpV4: false }, 'HOST_TSO4 was not negotiated'],
    ['segmentation of IPv6', { ...TSO4, ipVersion: 6 }, { segmentTcpV6: false }, 'HOST_TSO6'],
    ['datagrams', { ...TSO4, checksumOffset: 6 }, { segmentUdp: false }, 'HOST_USO'],
    ['a checksum', { ...PLAIN, checksumStart: 34 }, { transmitChecksum: false }, 'CSUM'],
    ['CWR', { ...TSO4, congestionWindowReduced: true }, { segmentEcn: false }, 'HOST_ECN'],
    ['segmentation without a checksum', { ...TSO4, checksumStart: 0 }, {}, 'checksumStart is 0'],
  ])('refuses %s that was never promised', (_name, meta, missing, message) => {
    expect(() => headerFor(meta, { ...ALL, ...missing })).toThrow(message)
  })
})

function judge(
  fields: {
    flags?: number
    type?: number
    headerLength?: number
    size?: number
    start?: number
    offset?: number
  },
  offloads = ALL,
  frameLength = 1000,
): [string, ReceiveMeta] {
  const meta: ReceiveMeta = { checksumVerified: true, checksumPartial: true, segmentSize: 77 }
  const word0 = (fields.flags ?? 0) | ((fields.type ?? 0) << 8) | ((fields.headerLength ?? 0) << 16)
  const word1 = (fields.size ?? 0) | ((fields.start ?? 0) << 16)
  const word2 = (fields.offset ?? 0) | (1 << 16)
  const reason = readReceiveHeader(word0 >>> 0, word1 >>> 0, word2, frameLength, offloads, meta)
  return [reason, meta]
}

const VERIFIED = { checksumVerified: true, checksumPartial: false, segmentSize: 0 }
const PARTIAL = { checksumVerified: true, checksumPartial: true, segmentSize: 0 }
const UNVERIFIED = { checksumVerified: false, checksumPartial: false, segmentSize: 0 }

describe('readReceiveHeader', () => {
  it('trusts NEEDS_CSUM and DATA_VALID, and nothing else', () => {
    expect(judge({ flags: 1, start: 34, offset: 16 })).toEqual(['', PARTIAL])
    expect(judge({ flags: 2 })).toEqual(['', VERIFIED])
    expect(judge({})).toEqual(['', UNVERIFIED])
  })

  it('trusts no flag without GUEST_CSUM (spec issue 185: devices set them all the same)', () => {
    const offloads = { ...ALL, receiveChecksum: false, coalesceTcpV4: false, coalesceTcpV6: false }
    expect(judge({ flags: 3, start: 34, offset: 16 }, offloads)).toEqual(['', UNVERIFIED])
  })

  it('ignores unknown flags and whatever hdr_len says (V7)', () => {
    expect(judge({ flags: 0xfc, headerLength: 0xffff })).toEqual(['', UNVERIFIED])
    expect(judge({ flags: 0x82 })).toEqual(['', VERIFIED])
  })

  it.each([
    ['past the end', 990, 16],
    ['at the very end', 983, 16],
    ['inside the Ethernet header', 13, 0],
    ['far outside', 0xffff, 0xffff],
  ])('drops a frame whose checksum field lies %s (V7)', (_name, start, offset) => {
    expect(judge({ flags: 1, start, offset })[0]).toBe('checksumRange')
  })

  it('takes a checksum field that ends with the frame', () => {
    expect(judge({ flags: 1, start: 982, offset: 16 })[0]).toBe('')
  })

  it('reports the segment size of coalesced frames', () => {
    for (const type of [1, 4, 0x81, 0x84, 5]) {
      const [reason, meta] = judge({ flags: 1, type, size: 1460, start: 34, offset: 16 })
      expect([reason, meta.segmentSize]).toEqual(['', 1460])
    }
  })

  it.each([
    ['TCPV4', 1, { coalesceTcpV4: false }],
    ['TCPV6', 4, { coalesceTcpV6: false }],
    ['the ECN bit', 0x81, { coalesceEcn: false }],
    ['UDP', 3, {}],
    ['UDP_L4', 5, { coalesceUdpV4: false, coalesceUdpV6: false }],
    ['UDP_L4 with the ECN bit', 0x85, {}],
    ['an unknown type', 2, {}],
    ['ECN alone', 0x80, {}],
  ])('drops %s when it was not negotiated (V7)', (_name, type, missing) => {
    const fields = { flags: 1, type, size: 1460, start: 34, offset: 16 }
    expect(judge(fields, { ...ALL, ...missing })[0]).toBe('segmentationType')
  })

  it('drops a coalesced frame with gso_size 0 (V7)', () => {
    expect(judge({ flags: 1, type: 1, size: 0, start: 34, offset: 16 })[0]).toBe('segmentSize')
  })
})
