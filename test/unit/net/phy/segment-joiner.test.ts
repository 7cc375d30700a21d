/**
 * Segments joined in software: what comes out says the same as what went in, in the same order, and
 * only what may be joined is.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { buildTcpFrame } from '../../../fakes/fake-frames.ts'
import { findChecksumFault } from '../../../fakes/fake-segmentation.ts'
import { internetSum } from '../../../fakes/internet-sum.ts'
import { completeAnew, type Given, JoinerLab as Lab } from '../../../support/joiner-lab.ts'
import { segment } from '../../../support/reference-segmenter.ts'

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
    expect(lab.joiner.statistics).toMatchObject({ coalescedFrames: 1, coalescedSegments: 10 })
  })

  it('frames that the device has coalesced are joined like segments', () => {
    const lab = new Lab()
    const frames = [3000, 5000, 1000, 2500].map((length, index) =>
      segmentOf({ ipVersion, length, sequence: [1, 3001, 8001, 9001][index]!, optionsLength: 12 }),
    )
    const given = lab.give(frames, true, 1000)
    expect(given).toHaveLength(1)
    expect(given[0]).toMatchObject({ segmentSize: 1000, checksumVerified: true })
    expect(given[0]!.bytes.length).toBe(11_500 + frames[0]!.length - 3000)
    expect(segmentsOf(given[0]!)).toHaveLength(12)
  })

  it('PSH is that of the last, wherever else it is', () => {
    const lab = new Lab()
    const flags = [FLAGS.psh, FLAGS.ack, FLAGS.psh]
    for (const last of [FLAGS.ack, FLAGS.psh]) {
      const frames = [...flags, last].map((it, index) =>
        segmentOf({ ipVersion, sequence: 1 + 1000 * index, flags: it }),
      )
      const given = lab.give(frames)
      expect(given).toHaveLength(1)
      expect(given[0]!.bytes[(ipVersion === 4 ? 34 : 54) + 13]).toBe(last)
    }
  })

  it('a run ends with a shorter one, and where a frame has no place for more parts', () => {
    const lab = new Lab()
    const start = { ipVersion, sequence: 1 }
    const short = [...row(2, start), segmentOf({ ...start, sequence: 2001, length: 1 })]
    const [joined, ...none] = lab.give([...short, segmentOf({ ...start, sequence: 2002 })])
    expect(segmentsOf(joined!)).toHaveLength(3)
    expect(none).toHaveLength(1)
    const many = lab.give(row(100, start))
    expect(many).toHaveLength(2)
    for (const { bytes } of many) expect(bytes.length).toBeLessThanOrEqual(65_535)
    expect(many.flatMap(segmentsOf)).toHaveLength(100)
  })

  it('super-segments in a row become frames of sixteen, beyond what IP can say', () => {
    const lab = new Lab()
    const frames = row(20, { ipVersion, optionsLength: 12, sequence: 0xfff0_0000 }, 65_000)
    frames[15]![(ipVersion === 4 ? 34 : 54) + 13] = FLAGS.psh
    const before = { ...lab.open.net.statistics }
    const given = lab.give(frames, true, 1000)
    const header = frames[0]!.length - 65_000
    expect(given.map(({ bytes }) => bytes.length - header)).toEqual([1_040_000, 260_000])
    expect(given[0]!.bytes[(ipVersion === 4 ? 34 : 54) + 13]).toBe(FLAGS.psh)
    const segments = (list: Uint8Array[]) => list.map(withoutIdentification)
    expect(segments(given.flatMap(segmentsOf))).toEqual(
      segments(frames.flatMap((it) => segment(it, 1000))),
    )
    for (const { bytes } of given) {
      if (ipVersion === 4) expect(internetSum(bytes, 14, 20)).toBe(0xffff)
    }
    const { statistics } = lab.open.net
    expect(statistics.receivedFrames - before.receivedFrames).toBe(20)
    expect(statistics.receivedBytes - before.receivedBytes).toBe(20 * frames[0]!.length)
    expect(statistics.receivedSuperSegments - before.receivedSuperSegments).toBe(20)
    expect(statistics.receivedSuperSegmentSizes[65_000 >> 13]).toBe(20)
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
    expect(lab.joiner.statistics.coalescedFrames).toBe(0)
  })

  it('joins none while it is switched off', () => {
    const lab = new Lab()
    lab.open.net.rx.joiner = null
    expect(lab.give(row(5, first))).toHaveLength(5)
    lab.open.net.rx.joiner = lab.joiner
    expect(lab.give(row(5, first))).toHaveLength(1)
  })

  function asUdp(frame: Uint8Array): Uint8Array {
    frame[ipVersion === 4 ? 23 : 20] = 17
    return frame
  }
})

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

it('any mixture of two connections comes out as it went in, whatever is joined', () => {
  const step = fc.record({
    ipVersion: fc.constantFrom(4 as const, 6 as const),
    connection: fc.nat({ max: 1 }),
    length: fc.constantFrom(0, 1, 511, 512, 1000, 1000, 1000, 1400),
    flags: fc.constantFrom(FLAGS.ack, FLAGS.ack, FLAGS.ack, FLAGS.fin, 0x50),
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
      joined += lab.joiner.statistics.coalescedFrames
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

it('any super-segments of two connections come out as they went in, whatever is joined', () => {
  const step = fc.record({
    ipVersion: fc.constantFrom(4 as const, 4 as const, 6 as const),
    connection: fc.nat({ max: 6 }).map((it) => (it === 0 ? 1 : 0)),
    length: fc.constantFrom(1000, 21_000, 47_500, 60_000, 65_000, 65_000),
    flags: fc.constantFrom(FLAGS.ack, FLAGS.ack, FLAGS.ack, 0x50),
    isSkipped: fc.nat({ max: 10 }).map((chance) => chance === 0),
    runLength: fc.integer({ min: 1, max: 6 }),
  })
  let [longest, joined] = [0, 0]
  fc.assert(
    fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
      const lab = new Lab()
      const sequences: Record<string, number> = {}
      const frames: Uint8Array[] = []
      for (const { ipVersion, connection, length, flags, isSkipped, runLength } of steps) {
        const key = `${ipVersion} ${connection}`
        for (let i = 0; i < runLength; i++) {
          const sequence = sequences[key] ?? 0xffff_0000
          const frame = segmentOf({ ipVersion, sequence, length, flags })
          if (connection === 1) frame[(ipVersion === 4 ? 34 : 54) + 1] = 77
          if (ipVersion === 4) completeHeader(frame)
          sequences[key] = (sequence + length + (isSkipped ? 1 : 0)) >>> 0
          frames.push(frame)
        }
      }
      const given = lab.give(frames, true, 1000)
      joined += lab.joiner.statistics.coalescedFrames
      for (const { bytes } of given) longest = Math.max(longest, bytes.length)
      const texts = (list: Uint8Array[]) => list.map(withoutIdentification)
      expect(texts(given.flatMap(segmentsOf))).toEqual(
        texts(frames.flatMap((it) => segment(it, 1000))),
      )
    }),
    { numRuns: 40 },
  )
  expect(joined).toBeGreaterThan(20)
  expect(longest).toBeGreaterThan(200_000)
})

function completeHeader(frame: Uint8Array): void {
  const view = new DataView(frame.buffer)
  view.setUint16(24, 0)
  view.setUint16(24, ~internetSum(frame, 14, 20) & 0xffff)
}

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
