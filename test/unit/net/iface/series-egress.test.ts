/**
 * Segments in a row that a flow hands to its device at once: on the wire they are what they would
 * be one by one, whatever the device has room for (virtio 1.4 §5.1.6.2).
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DmaBuffer } from '../../../../drivers/dma-buffer.ts'
import type { TransmitRecord } from '../../../../net/phy/transmit-record.ts'
import { writeTcpSequence } from '../../../../net/wire/tcp.ts'
import { payloadOctet } from '../../../fakes/fake-frames.ts'
import { findChecksumFault } from '../../../fakes/fake-segmentation.ts'
import { useRingFormat } from '../../../fakes/open-devices.ts'
import { address } from '../../../support/interface-harness.ts'
import { OffloadWorld, USO_FEATURES } from '../../../support/offload-world.ts'
import { PEERS } from '../../../support/udp-lab.ts'

const TCP = 6
/** As in a guest of 64 MiB; the fake's memory is above 4 GiB elsewhere. */
const LOW = { hal: { arenaPhysicalAddress: 0x100_0000 } }
const WITHOUT_TSO = USO_FEATURES.filter((it) => !/^HOST_(TSO|ECN|USO)/.test(it))

/** Whether the device takes series; what is on the wire must not depend on it. */
function worldsOf(): [string, OffloadWorld, boolean][] {
  const worlds: [string, OffloadWorld, boolean][] = [
    ['one by one', new OffloadWorld(USO_FEATURES, LOW), false],
    ['a series', new OffloadWorld(USO_FEATURES, LOW), true],
    ['a series above 4 GiB', new OffloadWorld(USO_FEATURES), true],
    ['a series, ring of 8', new OffloadWorld(USO_FEATURES, { transmitQueueSize: 8, ...LOW }), true],
    [
      'a series, without ECN',
      new OffloadWorld(USO_FEATURES.filter((it) => it !== 'HOST_ECN')),
      true,
    ],
    ['cut in software', new OffloadWorld(WITHOUT_TSO, LOW), true],
  ]
  useRingFormat('packed')
  worlds.push(['packed, a series', new OffloadWorld(USO_FEATURES, LOW), true])
  worlds.push(['packed, a series above 4 GiB', new OffloadWorld(USO_FEATURES), true])
  useRingFormat('split')
  return worlds
}

const shape = fc.record({
  ipVersion: fc.constantFrom(4 as const, 6 as const),
  length: fc.oneof(fc.integer({ min: 600, max: 9000 }), fc.constantFrom(1400, 2800, 14_000)),
  segmentSize: fc.constantFrom(0, 536, 1400),
  count: fc.integer({ min: 2, max: 9 }),
  sequence: fc.oneof(fc.nat({ max: 0xffff_ffff }), fc.constantFrom(0xffff_ff00, 0x7fff_ff00)),
  /** Where in the ring that it fills the text begins: the end is followed by the start. */
  place: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true })),
})
type Shape = typeof shape extends fc.Arbitrary<infer T> ? T : never

function placeInRing(record: TransmitRecord, memory: DmaBuffer, at: number, length: number): void {
  const { lengthBytes, physicalAddress, bytes } = memory
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const offset = at % lengthBytes
  const inFirst = Math.min(length, lengthBytes - offset)
  record.payload0 = { bytes, view, physicalAddress, lengthBytes }
  record.payload0Offset = offset
  record.payload0Length = inFirst
  record.payload1 = record.payload0
  record.payload1Offset = 0
  record.payload1Length = length - inFirst
}

function send(world: OffloadWorld, value: Shape, isAtOnce: boolean): Uint8Array[] {
  const { egress } = world.host
  const { ipVersion, length, count, sequence } = value
  // What is not cut fits into a packet.
  const size = value.segmentSize === 0 ? Math.min(length, 1400) : length
  const segmentSize = value.segmentSize >= size ? 0 : value.segmentSize
  const flow = egress.openFlow(address(PEERS[ipVersion]), null, TCP)!
  const { record, headerLength } = flow
  const memory = world.open.hal.allocateDma(count * size, 8)
  const begin = Math.floor(value.place * (memory.lengthBytes - 1))
  for (let i = 0; i < memory.lengthBytes; i++) {
    memory.bytes[(begin + i) % memory.lengthBytes] = payloadOctet(i)
  }
  const owner = { framesInFlight: 0 }
  record.header[headerLength + 12] = 0x50
  record.header[headerLength + 13] = 0x10
  const wire: Uint8Array[] = []
  for (let sent = 0; sent < count; ) {
    expect(egress.prepare(flow, 20, size, segmentSize, world.nowMs)).toBe(true)
    record.owner = owner
    writeTcpSequence(record.view, headerLength, (sequence + sent * size) | 0)
    const left = count - sent
    let taken = -1
    if (isAtOnce) {
      placeInRing(record, memory, begin + sent * size, left * size)
      taken = egress.submitSeries(flow, size, left)
    }
    if (taken < 0) {
      placeInRing(record, memory, begin + sent * size, size)
      taken = Number(egress.submit(flow))
    }
    expect(taken).toBeLessThanOrEqual(left)
    sent += taken
    if (taken === left || taken === 0) {
      wire.push(...world.takeWire())
      world.offload.tx.reclaim()
    }
  }
  world.offload.tx.flush()
  wire.push(...world.takeWire())
  world.offload.tx.reclaim()
  expect(owner.framesInFlight).toBe(0)
  return wire
}

/** Paths draw where their identifications begin: what counts is how they go on. */
function withoutFirstIdentification(frames: readonly Uint8Array[]): Uint8Array[] {
  const first = new DataView(frames[0]!.buffer, frames[0]!.byteOffset).getUint16(18)
  return frames.map((frame) => {
    const copy = frame.slice()
    const view = new DataView(copy.buffer)
    if (copy[12] !== 8) return copy
    view.setUint16(18, view.getUint16(18) - first)
    view.setUint16(24, 0)
    return copy
  })
}

describe('segments in a row', () => {
  it('are the same at once and one by one', () => {
    const worlds = worldsOf()
    fc.assert(
      fc.property(shape, (value) => {
        const [expected, ...others] = worlds.map(([name, world, isAtOnce]) => {
          const frames = send(world, value, isAtOnce)
          for (const frame of frames) expect(findChecksumFault(frame), name).toBeNull()
          return withoutFirstIdentification(frames)
        })
        for (const [index, frames] of others.entries()) {
          const name = worlds[index + 1]![0]
          expect(frames.length, name).toBe(expected!.length)
          for (const [i, frame] of frames.entries()) {
            expect(Buffer.compare(frame, expected![i]!), `${name}, frame ${i}`).toBe(0)
          }
        }
      }),
      { numRuns: 60 },
    )
    const [single, atOnce] = worlds.map(([, { open }]) => open.net.statistics)
    expect(atOnce!.transmittedFrames).toBe(single!.transmittedFrames)
    expect(atOnce!.transmittedSuperSegmentSizes).toEqual(single!.transmittedSuperSegmentSizes)
  })
})
