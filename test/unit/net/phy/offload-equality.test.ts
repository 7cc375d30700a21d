/**
 * What is on the wire is the same octets whether the device cuts and sums or this host does (virtio
 * 1.4 §5.1.6.2, RFC 9293, RFC 768).
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DatagramSend } from '../../../../net/socket/datagram/datagram-send.ts'
import { seriesLength } from '../../../../net/socket/udp/datagram-series.ts'
import type { UdpSocket } from '../../../../net/socket/udp/udp-socket.ts'
import { buildTcpFrame } from '../../../fakes/fake-frames.ts'
import { findChecksumFault } from '../../../fakes/fake-segmentation.ts'
import type { NetFeatureName } from '../../../fakes/fake-virtio-net.ts'
import { internetSum } from '../../../fakes/internet-sum.ts'
import { useRingFormat } from '../../../fakes/open-devices.ts'
import { address } from '../../../support/interface-harness.ts'
import { OffloadWorld, USO_FEATURES } from '../../../support/offload-world.ts'
import { recordOf } from '../../../support/transmit-records.ts'
import { PEERS } from '../../../support/udp-lab.ts'

function without(...names: NetFeatureName[]) {
  return USO_FEATURES.filter((name) => !names.includes(name))
}

const SEGMENTATION = ['HOST_TSO4', 'HOST_TSO6', 'HOST_ECN', 'HOST_USO'] as const
/** The device does all; all but what it must be told of CWR; checksums only; nothing. */
const DEVICES = {
  all: USO_FEATURES,
  'all but ECN': without('HOST_ECN'),
  'checksums only': without(...SEGMENTATION),
  'checksums only, direct descriptors': without('INDIRECT_DESC', ...SEGMENTATION),
  nothing: without('CSUM', ...SEGMENTATION),
} as const
/** As in a guest of 64 MiB; the fake's memory is above 4 GiB elsewhere. */
const LOW = { hal: { arenaPhysicalAddress: 0x100_0000 } }
/** Rings that take a few frames of a super-segment, or one at a time. */
const SMALL_RINGS = [64, 8] as const

function expectSame(sent: Record<string, Uint8Array[]>): void {
  const [first, ...others] = Object.entries(sent)
  for (const [name, frames] of others) {
    const lengths = (of: Uint8Array[]) => of.map(({ length }) => length)
    expect(lengths(frames), `${name} beside ${first![0]}`).toEqual(lengths(first![1]))
    for (const [i, frame] of frames.entries()) {
      const [actual, expected] = [withOneZero(frame), withOneZero(first![1][i]!)]
      expect(Buffer.compare(actual, expected), `frame ${i}: ${name}`).toBe(0)
    }
  }
  for (const frame of first![1]) expect(findChecksumFault(frame)).toBeNull()
}

/**
 * Ones' complement has two zeros (RFC 1071 §1): Linux completes a checksum of TCP with either, one
 * of UDP with all ones.
 */
function withOneZero(frame: Uint8Array): Uint8Array {
  const isTcp = frame[12] === 8 ? frame[23] === 6 : frame[20] === 6
  const field = (frame[12] === 8 ? 34 : 54) + 16
  if (!isTcp || frame[field] !== 0xff || frame[field + 1] !== 0xff) return frame
  const copy = frame.slice()
  copy.fill(0, field, field + 2)
  return copy
}

describe('a TCP segment of many', () => {
  const shape = fc.record({
    ipVersion: fc.constantFrom(4 as const, 6 as const),
    payloadLength: fc.integer({ min: 2, max: 9000 }),
    segmentSize: fc.oneof(fc.integer({ min: 64, max: 1400 }), fc.constantFrom(536, 1220, 1400)),
    splitAt: fc.integer({ min: 1, max: 9000 }),
    optionsLength: fc.constantFrom(0, 12, 40),
    sequence: fc.oneof(fc.nat({ max: 0xffffffff }), fc.constantFrom(0xffffff00, 0x7fffff00)),
    identification: fc.oneof(fc.nat({ max: 0xffff }), fc.constantFrom(0xfffe, 0xffff, 0)),
    flags: fc.nat({ max: 255 }).map((flags) => (flags & ~0x26) | 0x10),
    codepoint: fc.nat({ max: 3 }),
  })
  type Shape = typeof shape extends fc.Arbitrary<infer T> ? T : never

  function submit(world: OffloadWorld, value: Shape): Uint8Array[] {
    const { bytes, headerLength, transportOffset } = buildTcpFrame({ ...value, checksum: 'seeded' })
    setCodepoint(bytes, value.codepoint)
    const isSuper = value.payloadLength > value.segmentSize
    const memory = world.open.hal.allocateDma(value.payloadLength + 6, 8)
    let used = 0
    const allocate = (length: number) => {
      const start = used
      used += length
      const part = memory.bytes.subarray(start, used)
      const view = new DataView(part.buffer, part.byteOffset, part.byteLength)
      const physicalAddress = memory.physicalAddress + start
      return { bytes: part, view, physicalAddress, lengthBytes: length }
    }
    const record = recordOf(bytes, {
      ...{ headerLength, allocate, splitAt: value.splitAt },
      meta: {
        checksumStart: transportOffset,
        checksumOffset: 16,
        segmentationOffloadSize: isSuper ? value.segmentSize : 0,
        ipVersion: isSuper ? value.ipVersion : 0,
        congestionWindowReduced: isSuper && (value.flags & 0x80) !== 0,
      },
    })
    expect(world.offload.tx.submit(record)).toBe(true)
    world.offload.tx.flush()
    const wire = world.takeWire()
    world.offload.tx.reclaim()
    expect(record.owner!.framesInFlight).toBe(0)
    return wire
  }

  /** As sockets mark their packets (RFC 3168 §5), the IPv4 checksum with it. */
  function setCodepoint(bytes: Uint8Array, codepoint: number): void {
    if (bytes[12] === 0x86) {
      bytes[15]! |= codepoint << 4
      return
    }
    const view = new DataView(bytes.buffer)
    bytes[15]! |= codepoint
    view.setUint16(24, 0)
    view.setUint16(24, ~internetSum(bytes, 14, 20) & 0xffff)
  }

  it('has the same ECN bits, identifications, flags of its first and last, and checksums', () => {
    const worlds = Object.entries(DEVICES).flatMap(([name, features]) => {
      const small = SMALL_RINGS.map((transmitQueueSize) => {
        const world = new OffloadWorld(features, { transmitQueueSize, ...LOW })
        return [`${name}, ring of ${transmitQueueSize}`, world] as const
      })
      const low = new OffloadWorld(features, LOW)
      const high = new OffloadWorld(features)
      return [[name, low] as const, [`${name}, above 4 GiB`, high] as const, ...small]
    })
    useRingFormat('packed')
    worlds.push(['packed, checksums only', new OffloadWorld(DEVICES['checksums only'])])
    worlds.push(['packed, nothing', new OffloadWorld(DEVICES.nothing)])
    useRingFormat('split')
    fc.assert(
      fc.property(shape, (value) => {
        expectSame(Object.fromEntries(worlds.map(([name, it]) => [name, submit(it, value)])))
      }),
      { numRuns: 300 },
    )
    const isWhole = ([name]: (typeof worlds)[number]) => name.startsWith('all')
    for (const [name, { superFrames }] of worlds.filter(isWhole)) {
      expect(superFrames, name).toBeGreaterThan(70)
    }
    const others = worlds.filter((one) => !isWhole(one))
    expect(others.map(([, { superFrames }]) => superFrames)).toEqual(others.map(() => 0))
  })
})

describe('datagrams of one size', () => {
  const shape = fc
    .record({
      version: fc.constantFrom(4 as const, 6 as const),
      length: fc.integer({ min: 1, max: 40_000 }),
      segmentLength: fc.oneof(fc.integer({ min: 1, max: 1452 }), fc.constantFrom(1200, 1452, 3000)),
      port: fc.integer({ min: 1, max: 65535 }),
      trafficClass: fc.nat({ max: 255 }),
      hopLimit: fc.integer({ min: 1, max: 255 }),
      fragmentation: fc.constantFrom('here' as const, 'anywhere' as const),
      seed: fc.nat({ max: 255 }),
    })
    .map((value) => ({ ...value, length: seriesLength(value.length, value.segmentLength) }))
  type Shape = typeof shape extends fc.Arbitrary<infer T> ? T : never

  function openSocket(world: OffloadWorld): { world: OffloadWorld; socket: UdpSocket } {
    return { world, socket: world.udp.open({ port: 4000 }) }
  }

  function payloadOf({ length, seed }: Shape): Uint8Array {
    return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8) + seed) & 0xff)
  }

  it('are the same packets as when each is sent by itself, whoever cuts and sums', () => {
    const sides = Object.entries(DEVICES).map(([name, features]) => {
      return [name, openSocket(new OffloadWorld(features))] as const
    })
    const single = openSocket(new OffloadWorld(USO_FEATURES))
    const switchedOff = openSocket(new OffloadWorld(USO_FEATURES))
    fc.assert(
      fc.property(shape, (value) => {
        const { version, length, segmentLength, port } = value
        const { trafficClass, hopLimit, fragmentation } = value
        const settings = { trafficClass, hopLimit, fragmentation }
        const bytes = payloadOf(value)
        const peer = { address: address(PEERS[version]), port }
        const send = ({ world, socket }: typeof single, segmentationOffload: boolean) => {
          socket.configure({ ...settings, segmentationOffload })
          const result = socket.sendSegmented(peer, bytes, 0, length, segmentLength)
          expect(result).toBe(DatagramSend.Queued)
          return world.takeWire()
        }
        const sent = Object.fromEntries(sides.map(([name, side]) => [name, send(side, true)]))
        single.socket.configure(settings)
        for (let offset = 0; offset < length; offset += segmentLength) {
          const part = Math.min(segmentLength, length - offset)
          single.socket.send(peer.address, port, bytes, offset, part)
        }
        const singly = single.world.takeWire()
        expectSame({ singly, ...sent, 'switched off': send(switchedOff, false) })
      }),
      { numRuns: 300 },
    )
    const counts = Object.fromEntries(sides.map(([name, { world }]) => [name, world.superFrames]))
    expect(counts).toMatchObject({ 'checksums only': 0, nothing: 0 })
    expect(counts.all).toBeGreaterThan(70)
    expect(switchedOff.world.superFrames).toBe(0)
    expect(single.world.superFrames).toBe(0)
  })
})
