/**
 * Segments joined in software: what comes out says the same as what went in, in the same order, and
 * only what may be joined is.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CoalescingDevice } from '../../../../net/phy/coalescing-device.ts'
import { BeginningRules } from '../../../../net/phy/frame-rules.ts'
import { ReceiveCoalescer } from '../../../../net/phy/receive-coalescer.ts'
import { createReceivedFrame } from '../../../../net/phy/received-frame.ts'
import { internetSum } from '../../../fakes/fake-bulk.ts'
import { buildTcpFrame } from '../../../fakes/fake-frames.ts'
import { findChecksumFault, pseudoHeaderSum } from '../../../fakes/fake-segmentation.ts'
import { FakeDevice } from '../../../support/fake-device.ts'
import { FarSightedDevice } from '../../../support/far-sighted-device.ts'
import { testBulk } from '../../../support/memory.ts'
import { segment } from '../../../support/reference-segmenter.ts'

interface Given {
  readonly bytes: Uint8Array
  readonly segmentSize: number
  readonly checksumVerified: boolean
}

class Lab {
  readonly device = new FakeDevice()
  readonly coalescer = new ReceiveCoalescer(this.device, testBulk)
  private readonly frame = createReceivedFrame()

  /** All frames that come of these. */
  give(
    frames: readonly Uint8Array[],
    checksumVerified = false,
    fragmentLengths: number[] = [],
  ): Given[] {
    for (const bytes of frames) this.device.inject(bytes, { checksumVerified }, fragmentLengths)
    const given: Given[] = []
    const { frame, coalescer } = this
    while (coalescer.receive(frame)) {
      const bytes = new Uint8Array(frame.length)
      let at = 0
      for (const { buffer, offset, length } of frame.fragments.slice(0, frame.fragmentCount)) {
        bytes.set(buffer.bytes.subarray(offset, offset + length), at)
        at += length
      }
      const { segmentSize, checksumVerified: isVerified } = frame.meta
      given.push({ bytes, segmentSize, checksumVerified: isVerified })
      coalescer.release(frame)
    }
    return given
  }
}

/** What a host would have had to send for this frame to come: its segments. */
function segmentsOf({ bytes, segmentSize }: Given): Uint8Array[] {
  return segmentSize === 0 ? [bytes] : segment(bytes, segmentSize)
}

interface Shape {
  ipVersion: 4 | 6
  sequence: number
  length: number
  optionsLength: number
  identification: number
  flags: number
}

function segmentOf(shape: Partial<Shape>): Uint8Array {
  const { length = 1000, ...rest } = shape
  return buildTcpFrame({ payloadLength: length, ...rest }).bytes
}

/** `count` segments in a row. */
function row(count: number, shape: Partial<Shape> = {}, size = 1000): Uint8Array[] {
  const { sequence = 1000, identification = 7 } = shape
  return Array.from({ length: count }, (_, i) =>
    segmentOf({
      ...shape,
      length: size,
      sequence: (sequence + i * size) >>> 0,
      identification: (identification + i) & 0xffff,
    }),
  )
}

const FLAGS = { fin: 0x11, psh: 0x18, ack: 0x10 }

describe.each([4, 6] as const)('over IPv%i', (ipVersion) => {
  it.each([true, false])('segments in a row become one frame (vouched for: %s)', (isVerified) => {
    const lab = new Lab()
    const frames = row(10, { ipVersion, optionsLength: 12, sequence: 0xfffff000 })
    const given = lab.give(frames, isVerified)
    expect(given).toHaveLength(1)
    expect(given[0]).toMatchObject({ segmentSize: 1000, checksumVerified: true })
    expect(segmentsOf(given[0]!).map((it) => Buffer.from(it))).toEqual(
      frames.map((it) => Buffer.from(it)),
    )
    expect(lab.coalescer.statistics).toEqual({ coalescedFrames: 1, coalescedSegments: 10 })
  })

  it('a run ends with PSH, which is kept, or a shorter one, and at 65,535 bytes', () => {
    const lab = new Lab()
    const start = { ipVersion, sequence: 1 }
    const pushed = [
      ...row(2, start),
      segmentOf({ ...start, sequence: 2001, flags: FLAGS.psh }),
      ...row(2, { ...start, sequence: 3001 }),
    ]
    expect(lab.give(pushed).map(({ bytes }) => bytes.length)).toEqual(
      [3000, 2000].map((length) => segmentOf({ ...start, length }).length),
    )
    const short = [...row(2, start), segmentOf({ ...start, sequence: 2001, length: 1 })]
    const [joined, ...none] = lab.give([...short, segmentOf({ ...start, sequence: 2002 })])
    expect(segmentsOf(joined!)).toHaveLength(3)
    expect(none).toHaveLength(1)
    const many = lab.give(row(100, start))
    expect(many).toHaveLength(2)
    for (const { bytes } of many) expect(bytes.length).toBeLessThanOrEqual(65_535)
    expect(many.flatMap(segmentsOf)).toHaveLength(100)
  })

  const first = { ipVersion, sequence: 1 }
  const changes: [string, (frame: Uint8Array, transport: number) => void][] = [
    ['a gap', (frame, at) => frame.set([0, 0, 9, 9], at + 4)],
    ['another port', (frame, at) => frame.set([9], at + 1)],
    ['another acknowledgment', (frame, at) => frame.set([9], at + 11)],
    ['another window', (frame, at) => frame.set([9], at + 15)],
    ['CWR', (frame, at) => frame.set([0x90], at + 13)],
    ['ECE', (frame, at) => frame.set([0x50], at + 13)],
    ['FIN', (frame, at) => frame.set([FLAGS.fin], at + 13)],
    ['URG', (frame, at) => frame.set([0x30], at + 13)],
    ['other options', (frame, at) => frame.set([8], at + 21)],
    ['a mark of congestion', (frame) => frame.set([ipVersion === 4 ? 3 : 0x30], 15)],
    ['another hop limit', (frame) => frame.set([9], ipVersion === 4 ? 22 : 21)],
    ['another station', (frame) => frame.set([9], 11)],
  ]
  it.each(changes)('%s ends a run: both come as they are', (_name, change) => {
    const lab = new Lab()
    const [one, two] = row(2, { ...first, optionsLength: 12 })
    change(two!, ipVersion === 4 ? 34 : 54)
    completeAnew(two!, ipVersion)
    const given = lab.give([one!, two!])
    expect(given.map(({ bytes }) => Buffer.from(bytes))).toEqual(
      [one, two].map((it) => Buffer.from(it!)),
    )
    expect(given.map(({ segmentSize }) => segmentSize)).toEqual([0, 0])
  })

  it.each([0, 1])(
    'a wrong checksum, of the first or the next, is left for the stack to find',
    (which) => {
      const lab = new Lab()
      const frames = row(2, first)
      frames[which]![frames[which]!.length - 1]! ^= 1
      const given = lab.give(frames)
      expect(given).toHaveLength(2)
      expect(
        given.every(({ checksumVerified, segmentSize }) => !checksumVerified && segmentSize === 0),
      ).toBe(true)
      expect(given.map(({ bytes }) => findChecksumFault(bytes) === null)).toEqual([
        which !== 0,
        which !== 1,
      ])
    },
  )

  it('small ones, and what is no TCP, pass where the device has put them', () => {
    const lab = new Lab()
    const frames = [...row(3, first, 100), ...row(2, first).map(asUdp)]
    expect(lab.give(frames).map(({ bytes }) => Buffer.from(bytes))).toEqual(
      frames.map((it) => Buffer.from(it)),
    )
    expect(lab.coalescer.statistics.coalescedFrames).toBe(0)
  })

  it('joins none while it is switched off', () => {
    const lab = new Lab()
    lab.coalescer.isEnabled = false
    expect(lab.give(row(5, first))).toHaveLength(5)
    lab.coalescer.isEnabled = true
    expect(lab.give(row(5, first))).toHaveLength(1)
  })

  function asUdp(frame: Uint8Array): Uint8Array {
    frame[ipVersion === 4 ? 23 : 20] = 17
    return frame
  }
})

/** Both checksums of a frame that was changed. */
function completeAnew(frame: Uint8Array, ipVersion: 4 | 6): void {
  const start = ipVersion === 4 ? 34 : 54
  const view = new DataView(frame.buffer)
  if (ipVersion === 4) {
    view.setUint16(24, 0)
    view.setUint16(24, ~internetSum(frame, 14, 20) & 0xffff)
  }
  const length = frame.length - start
  view.setUint16(start + 16, 0)
  const sum = internetSum(frame, start, length, pseudoHeaderSum(frame, 6, length))
  view.setUint16(start + 16, ~sum & 0xffff)
}

it('IPv4 fragments and options, frames with padding and wrong IP checksums come as they are', () => {
  const lab = new Lab()
  const edits: ((frame: Uint8Array, view: DataView) => void)[] = [
    (_, view) => view.setUint16(20, 0x2000),
    (frame) => frame.set([0x46], 14),
    (_, view) => view.setUint16(16, view.getUint16(16) - 4),
    (_, view) => view.setUint16(24, view.getUint16(24) ^ 1),
  ]
  for (const edit of edits) {
    const frames = row(3)
    for (const frame of frames) edit(frame, new DataView(frame.buffer))
    const given = lab.give(frames, true)
    expect(given.map(({ bytes }) => Buffer.from(bytes))).toEqual(
      frames.map((it) => Buffer.from(it)),
    )
  }
})

it.each([0, 1])(
  'a wrong checksum of an IPv4 header stays wrong, be it of the first or the next',
  (which) => {
    const lab = new Lab()
    const frames = row(2)
    frames[which]![25]! ^= 1
    const given = lab.give(frames, true)
    expect(given.map(({ bytes }) => Buffer.from(bytes))).toEqual(
      frames.map((it) => Buffer.from(it)),
    )
  },
)

it('a frame that is longer than any, of a device that lies, is cut, which the stack sees', () => {
  const lab = new Lab()
  const given = lab.give([...row(1), new Uint8Array(70_000)])
  expect(given.map(({ bytes }) => bytes.length)).toEqual([1054, 65_664])
})

it('any mixture of two connections comes out as it went in, whatever is joined', () => {
  const step = fc.record({
    ipVersion: fc.constantFrom(4 as const, 6 as const),
    connection: fc.nat({ max: 1 }),
    length: fc.constantFrom(0, 1, 511, 512, 1000, 1000, 1000, 1400),
    flags: fc.constantFrom(FLAGS.ack, FLAGS.ack, FLAGS.ack, FLAGS.psh, FLAGS.fin, 0x50),
    isDamaged: fc.nat({ max: 20 }).map((chance) => chance === 0),
    isSkipped: fc.nat({ max: 10 }).map((chance) => chance === 0),
    runLength: fc.integer({ min: 1, max: 5 }),
  })
  let joined = 0
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), fc.boolean(), (steps, isVerified) => {
      const lab = new Lab()
      const sequences: Record<string, number> = {}
      const frames: Uint8Array[] = []
      for (const value of steps) {
        const { ipVersion, connection, length, flags } = value
        const key = `${ipVersion} ${connection}`
        for (let i = 0; i < value.runLength; i++) {
          const sequence = sequences[key] ?? 0xffffe000
          const frame = segmentOf({ ipVersion, sequence, length, flags })
          if (connection === 1) frame[(ipVersion === 4 ? 34 : 54) + 1] = 77
          completeAnew(frame, ipVersion)
          if (value.isDamaged && !isVerified && i === 1) frame[frame.length - 1]! ^= 0x40
          sequences[key] = (sequence + length + (value.isSkipped ? 1 : 0)) >>> 0
          frames.push(frame)
        }
      }
      const given = lab.give(frames, isVerified)
      joined += lab.coalescer.statistics.coalescedFrames
      const texts = (list: Uint8Array[]) => list.map(withoutIdentification)
      expect(texts(given.flatMap(segmentsOf))).toEqual(texts(frames))
      for (const it of given) {
        if (it.segmentSize > 0)
          expect(internetSum(it.bytes, 14, 20) === 0xffff || it.bytes[12] !== 8).toBe(true)
      }
    }),
    { numRuns: 500 },
  )
  expect(joined).toBeGreaterThan(100)
})

/**
 * A run keeps the identification of its first, from which a device counts up: here they are all
 * alike.
 */
function withoutIdentification(frame: Uint8Array): string {
  const copy = Buffer.from(frame)
  if (copy[12] === 8) {
    copy.fill(0, 18, 20)
    copy.fill(0, 24, 26)
  }
  return copy.toString('hex')
}

describe('a device that may join segments itself', () => {
  const BOTH = { coalescing: { tcpv4: true, tcpv6: true } }

  function lengths(device: CoalescingDevice): number[] {
    const frame = createReceivedFrame()
    const all: number[] = []
    while (device.rx.receive(frame)) {
      all.push(frame.length)
      device.rx.release(frame)
    }
    return all
  }

  it('has software join both families unless it joins both', () => {
    for (const capabilities of [{}, { coalescing: { tcpv4: true, tcpv6: false } }]) {
      const inner = new FakeDevice(capabilities)
      const device = new CoalescingDevice(inner, testBulk)
      expect(device.isJoining).toBe(true)
      for (const bytes of row(3)) inner.inject(bytes, { checksumVerified: true })
      expect(lengths(device)).toHaveLength(1)
    }
    const inner = new FakeDevice(BOTH)
    const device = new CoalescingDevice(inner, testBulk)
    expect(device.rx).toBe(inner.rx)
    expect(device.isJoining).toBeNull()
    expect(device.statistics).toBeNull()
  })

  it('has software step in when it ends, from then on and until it begins again', () => {
    const inner = new FakeDevice(BOTH)
    const device = new CoalescingDevice(inner, testBulk)
    const give = (): number[] => {
      for (const bytes of row(3)) inner.inject(bytes, { checksumVerified: true })
      return lengths(device)
    }
    const apart = give()
    expect(apart).toHaveLength(3)
    device.followDevice(false)
    expect(give()).toHaveLength(1)
    expect(device.statistics).toEqual({ coalescedFrames: 1, coalescedSegments: 3 })
    device.switchJoining(false)
    expect(give()).toEqual(apart)
    device.switchJoining(true)
    device.followDevice(true)
    expect(give()).toEqual(apart)
    device.followDevice(false)
    expect(give()).toHaveLength(1)
  })
})

describe('looking ahead', () => {
  const UDP = new BeginningRules([[{ offset: 23, value: 17 }]])

  function datagram(): Uint8Array {
    const bytes = segmentOf({ length: 20 })
    bytes[23] = 17
    return bytes
  }

  it('tells of what the device has next, once the frame is given on that ended a run', () => {
    const device = new FarSightedDevice()
    const coalescer = new ReceiveCoalescer(device, testBulk)
    const frame = createReceivedFrame()
    const receive = () => {
      const isReceived = coalescer.receive(frame)
      if (isReceived) coalescer.release(frame)
      return isReceived ? frame.length : 0
    }
    const [first, second] = row(2)
    for (const bytes of [first!, second!, datagram(), datagram(), datagram()]) {
      device.inject(bytes, { checksumVerified: true })
    }
    expect(receive()).toBe(first!.length + 1000)
    // The first datagram comes before what the device has.
    expect(coalescer.lookahead!.upcoming(UDP)).toBe(0)
    expect(receive()).toBe(datagram().length)
    expect(coalescer.lookahead!.upcoming(UDP)).toBe(2)
    coalescer.lookahead!.skip(2)
    expect(receive()).toBe(0)
  })

  it('is for devices that can', () => {
    expect(new ReceiveCoalescer(new FakeDevice(), testBulk).lookahead).toBeUndefined()
  })
})
