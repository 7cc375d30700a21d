/**
 * Software offload against a naive segmenter: what reaches the device must be byte for byte the
 * same.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DeviceCapabilities } from '../../../../net/phy/net-device.ts'
import { ChecksumWork } from '../../../../net/phy/offload.ts'
import { withSoftwareOffload } from '../../../../net/phy/software-offload.ts'
import type { PayloadOwner } from '../../../../net/storage/buffer.ts'
import { ALL_IN_SOFTWARE, FakeDevice } from '../../../support/fake-device.ts'
import { be16, be32, concat, ethernet, ipv4, ipv6 } from '../../../support/frames.ts'
import { testBulk } from '../../../support/memory.ts'
import { completeTcp, seedOf, segment } from '../../../support/reference-segmenter.ts'
import { recordOf } from '../../../support/transmit-records.ts'

const HARDWARE_CHECKSUM = {
  ...ALL_IN_SOFTWARE,
  tcp: ChecksumWork.Receive,
  udp: ChecksumWork.Receive,
}

interface Shape {
  family: 4 | 6
  payloadLength: number
  /** Where the payload is split over two ranges; at an end = one range. */
  split: number
  segmentSize: number
  flags: number
  sequence: number
  identification: number
  optionWords: number
}

/** The headers as egress completes them: lengths, IPv4 checksum, TCP seed. */
function headersOf(shape: Shape): Uint8Array {
  const options = Array.from({ length: shape.optionWords * 4 }, () => 1)
  const tcp = concat(
    be16(5201),
    be16(40000),
    be32(shape.sequence),
    be32(77),
    [(5 + shape.optionWords) << 4, shape.flags],
    be16(500),
    [0, 0, 0, 0],
    options,
  )
  const payload = new Uint8Array(shape.payloadLength)
  const packet =
    shape.family === 4
      ? ipv4(
          {
            source: '10.0.0.2',
            destination: '10.0.0.9',
            protocol: 6,
            identification: shape.identification,
            flagsAndOffset: 0x4000,
          },
          concat(tcp, payload),
        )
      : ipv6(
          { source: '2001:db8::2', destination: '2001:db8::9', nextHeader: 6 },
          concat(tcp, payload),
        )
  const type = shape.family === 4 ? 0x800 : 0x86dd
  const frame = concat(ethernet('52:54:00:00:00:09', '52:54:00:12:34:56', type), packet)
  const transport = shape.family === 4 ? 34 : 54
  new DataView(frame.buffer).setUint16(transport + 16, seedOf(frame))
  return frame.subarray(0, frame.length - shape.payloadLength)
}

class Sender {
  readonly device: FakeDevice
  readonly offload: ReturnType<typeof withSoftwareOffload>
  readonly owner: PayloadOwner = { framesInFlight: 0 }

  constructor(capabilities: Partial<DeviceCapabilities>) {
    this.device = new FakeDevice(capabilities)
    this.offload = withSoftwareOffload(this.device, testBulk)
  }

  /**
   * Sends one frame as egress does; false when it is not taken. Returns the whole of it otherwise.
   */
  send(shape: Shape): Uint8Array | false {
    const headers = headersOf(shape)
    const payload = Uint8Array.from(
      { length: shape.payloadLength },
      (_, index) => (index * 31) >> 3,
    )
    const whole = concat(headers, payload)
    const isSuper = shape.payloadLength > shape.segmentSize
    const record = recordOf(whole, {
      headerLength: headers.length,
      // A first range of nothing does not exist.
      splitAt: shape.split === 0 ? payload.length : shape.split,
      owner: this.owner,
      meta: {
        checksumStart: shape.family === 4 ? 34 : 54,
        checksumOffset: 16,
        segmentationOffloadSize: isSuper ? shape.segmentSize : 0,
        ipVersion: isSuper ? shape.family : 0,
        congestionWindowReduced: isSuper && (shape.flags & 0x80) !== 0,
      },
    })
    const isTaken = this.offload.tx.submit(record)
    // The sender's header is not the device's to change.
    expect(Buffer.compare(record.header, headers)).toBe(0)
    return isTaken && whole
  }

  sentBytes(): Uint8Array[] {
    return this.device.takeSent().map((frame) => frame.bytes)
  }
}

const shape: fc.Arbitrary<Shape> = fc.record({
  family: fc.constantFrom(4 as const, 6 as const),
  payloadLength: fc.integer({ min: 1, max: 5000 }),
  split: fc.nat({ max: 5000 }),
  segmentSize: fc.oneof(fc.integer({ min: 48, max: 1448 }), fc.constantFrom(536, 1220, 1440)),
  flags: fc.integer({ min: 0, max: 255 }).map((flags) => flags & ~0x26),
  sequence: fc.oneof(fc.integer(), fc.constantFrom(0xffffff00 | 0, 0x7fffff00)),
  identification: fc.oneof(fc.nat({ max: 0xffff }), fc.constantFrom(0xfffe, 0xffff, 0)),
  optionWords: fc.constantFrom(0, 3, 10),
})

function expectSameBytes(actual: Uint8Array[], expected: Uint8Array[]): void {
  expect(actual.map((bytes) => bytes.length)).toEqual(expected.map((bytes) => bytes.length))
  actual.forEach((bytes, index) => {
    expect(Buffer.compare(bytes, expected[index]!)).toBe(0)
  })
}

describe('a device that neither checksums nor segments', () => {
  it('gets complete frames, cut as the naive segmenter cuts them', () => {
    fc.assert(
      fc.property(shape, (value) => {
        const sender = new Sender({})
        const whole = sender.send(value) as Uint8Array
        const isSuper = value.payloadLength > value.segmentSize
        const expected = isSuper ? segment(whole, value.segmentSize) : [completeTcp(whole)]
        const sent = sender.device.takeSent()
        for (const frame of sent) {
          expect(frame.meta).toMatchObject({ checksumStart: 0, segmentationOffloadSize: 0 })
        }
        expectSameBytes(
          sent.map((frame) => frame.bytes),
          expected,
        )
        expect(sender.owner.framesInFlight).toBe(expected.length)
        sender.device.complete()
        expect(sender.owner.framesInFlight).toBe(0)
      }),
      { numRuns: 1000 },
    )
  })

  it.each([
    [4, 1448, 1],
    [4, 1449, 2],
    [4, 2895, 2],
    [4, 2896, 2],
    [4, 2897, 3],
    [6, 2855, 2],
    [6, 2856, 2],
    [6, 2857, 3],
  ] as const)(
    'IPv%i: %i bytes with timestamps become %i frames within the MTU',
    (family, payloadLength, count) => {
      const sender = new Sender({})
      const segmentSize = family === 4 ? 1448 : 1428
      const base = {
        split: 1001,
        flags: 0x19,
        sequence: -5,
        identification: 0xffff,
        optionWords: 3,
      }
      const whole = sender.send({ ...base, family, payloadLength, segmentSize }) as Uint8Array
      const sent = sender.sentBytes()
      expect(sent).toHaveLength(count)
      for (const frame of sent) expect(frame.length).toBeLessThanOrEqual(1514)
      expectSameBytes(sent, count === 1 ? [completeTcp(whole)] : segment(whole, segmentSize))
    },
  )

  it('gets right IPv4 checksums where the sum passes 0xffff and the identification 65535', () => {
    const base = {
      family: 4 as const,
      payloadLength: 480,
      segmentSize: 48,
      split: 480,
      flags: 0x10,
    }
    const fixed = { sequence: 1, optionWords: 0 }
    const probe = new Sender({}).send({ ...base, ...fixed, identification: 0 }) as Uint8Array
    // The identification at which the header of a full segment sums to 0xffff.
    const checksum = new DataView(segment(probe, 48)[0]!.buffer).getUint16(24)
    for (const start of [checksum - 4, checksum - 3, 0xfffc]) {
      const sender = new Sender({})
      const identification = start & 0xffff
      const whole = sender.send({ ...base, ...fixed, identification }) as Uint8Array
      expectSameBytes(sender.sentBytes(), segment(whole, 48))
    }
  })

  it('gets FIN and PSH on the last segment only, CWR on the first only', () => {
    const sender = new Sender({})
    const base = { family: 4 as const, split: 0, sequence: 1, identification: 1, optionWords: 0 }
    sender.send({ ...base, payloadLength: 2500, segmentSize: 1000, flags: 0x10 | 0x80 | 0x40 | 9 })
    expect(sender.sentBytes().map((frame) => frame[47])).toEqual([0xd0, 0x50, 0x59])
  })

  it('gets UDP checksums too, and never a zero one (RFC 768)', () => {
    const sender = new Sender({})
    for (const word of [0x1234, 0]) {
      const bytes = new Uint8Array(44)
      bytes[13] = 1
      // A seed of 0xffff is zero in ones' complement: with zero data the computed checksum is zero.
      new DataView(bytes.buffer).setUint16(40, 0xffff)
      new DataView(bytes.buffer).setUint16(42, word)
      const meta = { checksumStart: 34, checksumOffset: 6 }
      sender.offload.tx.submit(recordOf(bytes, { meta }))
      const sent = new DataView(sender.sentBytes()[0]!.buffer)
      expect(sent.getUint16(40)).toBe(word === 0 ? 0xffff : 0xffff - word)
    }
  })

  it('loses nothing and keeps order when its queue is small', () => {
    fc.assert(
      fc.property(
        fc.array(shape, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom('reclaim', 'flush', 'acquire'),
        (shapes, room, finisher) => {
          const sender = new Sender({})
          sender.device.room = room
          const expected: Uint8Array[] = []
          const sent: Uint8Array[] = []
          for (const value of shapes) {
            let whole = sender.send(value)
            for (let round = 0; whole === false; round++) {
              expect(round).toBeLessThan(1000)
              expect(sender.owner.framesInFlight).toBeGreaterThanOrEqual(
                expected.length > 0 ? 1 : 0,
              )
              sent.push(...sender.sentBytes())
              sender.device.complete()
              if (finisher === 'reclaim') sender.offload.tx.reclaim()
              if (finisher === 'flush') sender.offload.tx.flush()
              whole = sender.send(value)
            }
            const isSuper = value.payloadLength > value.segmentSize
            expected.push(...(isSuper ? segment(whole, value.segmentSize) : [completeTcp(whole)]))
          }
          for (let round = 0; sent.length < expected.length; round++) {
            expect(round).toBeLessThan(1000)
            // As long as segments wait for room, the payload is not free for reuse.
            if (sent.length + sender.device.sent.length < expected.length) {
              expect(sender.owner.framesInFlight).toBeGreaterThan(0)
            }
            sent.push(...sender.sentBytes())
            sender.device.complete()
            sender.offload.tx.reclaim()
          }
          expectSameBytes(sent, expected)
          sender.device.complete()
          expect(sender.owner.framesInFlight).toBe(0)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('cuts the largest super-segment of each family without copying payload', () => {
    for (const family of [4, 6] as const) {
      const sender = new Sender({})
      const { segmentation } = sender.offload.capabilities
      const limit = (family === 4 ? segmentation.tcpv4 : segmentation.tcpv6)!
      expect(limit).toBe(65535)
      const payloadLength = limit - (family === 4 ? 54 : 74)
      const base = { split: 32_767, flags: 0x10, sequence: 0, identification: 9, optionWords: 0 }
      const copied: number[] = []
      const copy = testBulk.copy
      testBulk.copy = (...call) => {
        copied.push(call[4])
        copy(...call)
      }
      const value = { ...base, family, payloadLength, segmentSize: family === 4 ? 1460 : 1440 }
      const whole = sender.send(value) as Uint8Array
      testBulk.copy = copy
      expectSameBytes(sender.sentBytes(), segment(whole, value.segmentSize))
      expect(Math.max(...copied)).toBeLessThanOrEqual(74)
    }
  })
})

describe('a device that checksums but does not segment', () => {
  it('gets each segment seeded with its own length', () => {
    fc.assert(
      fc.property(shape, (value) => {
        const sender = new Sender({ checksum: HARDWARE_CHECKSUM })
        const whole = sender.send(value) as Uint8Array
        const isSuper = value.payloadLength > value.segmentSize
        const expected = isSuper ? segment(whole, value.segmentSize) : [completeTcp(whole)]
        const sent = sender.device.takeSent()
        const transport = value.family === 4 ? 34 : 54
        for (const frame of sent) {
          expect(frame.meta).toMatchObject({ checksumStart: transport, checksumOffset: 16 })
          expect(frame.meta.segmentationOffloadSize).toBe(0)
          const view = new DataView(frame.bytes.buffer)
          expect(view.getUint16(transport + 16) % 0xffff).toBe(seedOf(frame.bytes) % 0xffff)
        }
        expectSameBytes(
          sent.map((frame) => completeTcp(frame.bytes)),
          expected,
        )
      }),
      { numRuns: 500 },
    )
  })
})

describe('a device that segments', () => {
  const base = { split: 100, sequence: 1, identification: 1, optionWords: 0, segmentSize: 1000 }
  const able = { checksum: HARDWARE_CHECKSUM, segmentation: { tcpv4: 60_000 } }

  it('gets super-segments of its family whole, those of the other cut', () => {
    const sender = new Sender(able)
    expect(sender.offload.capabilities.segmentation).toMatchObject({ tcpv4: 60_000, tcpv6: 65_535 })
    const whole = sender.send({
      ...base,
      family: 4,
      payloadLength: 3000,
      flags: 0x10,
    }) as Uint8Array
    const [frame, ...rest] = sender.device.takeSent()
    expect(rest).toEqual([])
    expect(frame!.bytes).toEqual(whole)
    expect(frame!.meta).toMatchObject({ segmentationOffloadSize: 1000, ipVersion: 4 })
    sender.send({ ...base, family: 6, payloadLength: 3000, flags: 0x10 })
    expect(sender.device.takeSent()).toHaveLength(3)
  })

  it('gets a frame with CWR cut when it cannot keep CWR to the first segment', () => {
    const segmentation = { tcpv4: 65535, tcpv6: 65535, congestionWindowReduced: false }
    const sender = new Sender({ checksum: HARDWARE_CHECKSUM, segmentation })
    sender.send({ ...base, family: 4, payloadLength: 3000, flags: 0x90 })
    expect(sender.device.takeSent().map((frame) => frame.bytes[47])).toEqual([0x90, 0x10, 0x10])
    sender.send({ ...base, family: 4, payloadLength: 3000, flags: 0x10 })
    expect(sender.device.takeSent()).toHaveLength(1)
  })

  it('is not believed when it cannot checksum (virtio: HOST_TSO4 requires CSUM)', () => {
    const sender = new Sender({ segmentation: { tcpv4: 65535, tcpv6: 65535 } })
    sender.send({ ...base, family: 4, payloadLength: 3000, flags: 0x10 })
    expect(sender.device.takeSent()).toHaveLength(3)
  })
})

it('is the device itself when nothing is missing', () => {
  const segmentation = { tcpv4: 65535, tcpv6: 65535, congestionWindowReduced: true }
  const device = new FakeDevice({ checksum: HARDWARE_CHECKSUM, segmentation })
  expect(withSoftwareOffload(device, testBulk)).toBe(device)
})

it('leaves receive checksums as the device does them', () => {
  const device = new FakeDevice({})
  expect(withSoftwareOffload(device, testBulk).capabilities.checksum).toMatchObject({
    ipv4: ChecksumWork.Both,
    tcp: ChecksumWork.Receive,
    udp: ChecksumWork.Receive,
    icmpv6: ChecksumWork.Both,
  })
})
