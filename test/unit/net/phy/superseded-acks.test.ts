/**
 * ACKs that have come together: the last of a connection says what those before it do, and only
 * such as say nothing else are left out.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { buildTcpFrame } from '../../../fakes/fake-frames.ts'
import { completeAnew, type Given, JoinerLab } from '../../../support/joiner-lab.ts'

interface Ack {
  readonly ipVersion: 4 | 6
  readonly acknowledged: number
  readonly hasTimestamps: boolean
  readonly port?: number
  readonly length?: number
  /** What else is written to it, before its checksums are. */
  readonly change?: (frame: Uint8Array, transport: number) => void
}

let identification = 1

function ackOf({ ipVersion, acknowledged, hasTimestamps, port, length = 0, change }: Ack) {
  const optionsLength = hasTimestamps ? 12 : 0
  identification = (identification + 1) & 0xffff
  const { bytes, transportOffset: at } = buildTcpFrame({
    ...{ ipVersion, optionsLength, identification },
    payloadLength: length,
  })
  const view = new DataView(bytes.buffer)
  view.setUint32(at + 8, acknowledged)
  view.setUint16(at + 14, 100 + (acknowledged & 0xff))
  if (port !== undefined) view.setUint16(at, port)
  if (hasTimestamps) {
    bytes.set([1, 1, 8, 10], at + 20)
    view.setUint32(at + 24, acknowledged ^ 5)
  }
  change?.(bytes, at)
  completeAnew(bytes, ipVersion)
  return bytes
}

const acknowledgedIn = ({ bytes }: Given) =>
  new DataView(bytes.buffer, bytes.byteOffset).getUint32((bytes[12] === 8 ? 34 : 54) + 8)

describe.each([
  [4, true],
  [4, false],
  [6, true],
  [6, false],
] as const)('over IPv%i, with timestamps: %s', (ipVersion, hasTimestamps) => {
  const ack = (acknowledged: number, rest: Partial<Ack> = {}) =>
    ackOf({ ipVersion, hasTimestamps, acknowledged, ...rest })

  it.each([true, false])('the last is given as it came (vouched for: %s)', (isVerified) => {
    const lab = new JoinerLab()
    const frames = [0xffff_ff00, 0xffff_fff0, 16, 17, 0x7fff_0000].map((it) => ack(it))
    const before = lab.open.net.statistics.receivedFrames
    const given = lab.give(frames, isVerified)
    expect(given.map(({ bytes }) => Buffer.from(bytes))).toEqual([Buffer.from(frames[4]!)])
    expect(given[0]!.segmentSize).toBe(0)
    expect(lab.joiner.statistics.supersededAcks).toBe(4)
    expect(lab.open.net.statistics.receivedFrames).toBe(before + 5)
  })

  const second: [string, Uint8Array][] = [
    ['as much', ack(500)],
    ['less', ack(499)],
    ['half of all numbers more', ack(0x8000_0000 + 500)],
    ['of another connection', ack(600, { port: 9 })],
    ['with text', ack(600, { length: 1 })],
    ['behind other text', ack(600, { change: (frame, at) => frame.set([7], at + 7) })],
    ['with PSH', ack(600, { change: (frame, at) => frame.set([0x18], at + 13) })],
    ['with FIN', ack(600, { change: (frame, at) => frame.set([0x11], at + 13) })],
    ['with RST', ack(600, { change: (frame, at) => frame.set([0x14], at + 13) })],
    ['with ECE', ack(600, { change: (frame, at) => frame.set([0x50], at + 13) })],
    ['with an urgent pointer', ack(600, { change: (frame, at) => frame.set([1], at + 18) })],
    ['with the reserved bits', ack(600, { change: (frame, at) => (frame[at + 12]! |= 1) })],
    ['with a longer header', ack(600, { hasTimestamps: !hasTimestamps })],
    [
      'marked on its way',
      ack(600, { change: (frame) => frame.set([ipVersion === 4 ? 3 : 0x30], 15) }),
    ],
  ]
  it.each(second)('one %s supersedes none, and none it', (_name, frame) => {
    for (const frames of [
      [ack(500), frame],
      [frame, ack(500)],
    ]) {
      const lab = new JoinerLab()
      if (frames[1] !== frame && acknowledgedIn({ bytes: frame } as Given) === 499) continue
      if (frames[1] !== frame && acknowledgedIn({ bytes: frame } as Given) > 0x7fff_ffff) continue
      const given = lab.give(frames)
      expect(given.map(({ bytes }) => Buffer.from(bytes))).toEqual(
        frames.map((it) => Buffer.from(it)),
      )
      expect(lab.joiner.statistics.supersededAcks).toBe(0)
    }
  })

  it.each([0, 1])('a wrong checksum of the first or the next leaves both to the stack', (which) => {
    const frames = [ack(500), ack(600)]
    frames[which]![frames[which]!.length - 1]! ^= 1
    expect(new JoinerLab().give(frames)).toHaveLength(2)
  })

  it('ACKs with reports of what has arrived are all given', () => {
    const sack = (frame: Uint8Array, at: number) => frame.set([1, 1, 5, 10], at + 20)
    const frames = [500, 600, 700].map((it) => ack(it, { hasTimestamps: true, change: sack }))
    expect(new JoinerLab().give(frames)).toHaveLength(3)
  })

  it('all are given while joining is switched off', () => {
    const lab = new JoinerLab()
    lab.open.net.rx.joiner = null
    expect(lab.give([ack(500), ack(600)])).toHaveLength(2)
  })
})

it('of any mixture each connection has its order, and its last word', () => {
  const step = fc.record({
    ipVersion: fc.constantFrom(4 as const, 6 as const),
    port: fc.constantFrom(1000, 1001),
    growth: fc.constantFrom(0, 1, 1448, 65_160),
    length: fc.constantFrom(0, 0, 0, 0, 600),
    count: fc.integer({ min: 1, max: 5 }),
  })
  let superseded = 0
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), fc.boolean(), (steps, hasTimestamps) => {
      const lab = new JoinerLab()
      const numbers = new Map<string, number>()
      const frames: Uint8Array[] = []
      for (const { ipVersion, port, growth, length, count } of steps) {
        for (let i = 0; i < count; i++) {
          const key = `${ipVersion} ${port}`
          const acknowledged = ((numbers.get(key) ?? 0xffff_0000) + growth) >>> 0
          numbers.set(key, acknowledged)
          frames.push(ackOf({ ipVersion, port, length, acknowledged, hasTimestamps }))
        }
      }
      const given = lab.give(frames).map(({ bytes }) => Buffer.from(bytes).toString('hex'))
      const sent = frames.map((it) => Buffer.from(it).toString('hex'))
      // What is given is part of what came, in its order; what is left out is right before another.
      let at = 0
      for (const frame of given) {
        while (sent[at] !== frame) {
          expect(at).toBeLessThan(sent.length)
          at++
          superseded++
        }
        at++
      }
      expect(at).toBe(sent.length)
    }),
    { numRuns: 80 },
  )
  expect(superseded).toBeGreaterThan(40)
})
