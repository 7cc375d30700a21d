/** Datagrams in fragments: put together in any order, given up when they lie, and bounded (RFC 791 §3.2, RFC 8200 §4.5, RFC 5722). */
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { MAX_REASSEMBLY_PAGES } from '../../../../net/iface/fragments/page-pool.ts'
import {
  MAX_REASSEMBLIES,
  MAX_REASSEMBLIES_A_SOURCE,
  REASSEMBLY_TIMEOUT_MS,
} from '../../../../net/iface/fragments/reassembly-table.ts'
import type { UdpSocket } from '../../../../net/socket/udp/udp-socket.ts'
import { FakeDevice } from '../../../support/fake-device.ts'
import { fragment, fragmentsOf } from '../../../support/fragments.ts'
import { be32, concat, icmpv6, tcp, udp } from '../../../support/frames.ts'
import { OUR_IPV4, OUR_IPV6, PEER_IPV4, PEER_IPV6 } from '../../../support/interface-harness.ts'
import {
  datagram,
  message,
  OURS,
  PEERS,
  readAll,
  UdpLab,
  type Version,
} from '../../../support/udp-lab.ts'

const UDP = 17
const SENTINEL = [1, 2, 3]
let lab: UdpLab
let socket: UdpSocket
beforeEach(() => {
  lab = new UdpLab()
  socket = lab.udp.open({ port: 7 })
})

const payloadOf = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) & 0xff)

/** The table that is not there for others to see. */
function tableOf(of: UdpLab) {
  const { reassembler } = of.iface as unknown as {
    reassembler: {
      table: { active: { share: { pages: number } }[]; pool: { used: number } }
    }
  }
  return reassembler.table
}

function expectNothingLeft(): void {
  expect(tableOf(lab).active).toHaveLength(0)
  expect(tableOf(lab).pool.used).toBe(0)
}

/** A datagram that has nothing to do with what went before arrives, and so does one in fragments. */
function expectTwinsArrive(version: Version): void {
  lab.deliver(datagram(version, SENTINEL))
  const whole = message(version, payloadOf(3000))
  for (const frame of fragmentsOf({ version, protocol: UDP, identification: 9999 }, whole, 1000)) {
    lab.deliver(frame)
  }
  expect(readAll(socket)).toEqual([SENTINEL, [...payloadOf(3000)]])
}

describe.each([4, 6] as const)('over IPv%i', (version) => {
  const fields = { version, protocol: UDP }
  const piece = (offset: number, isLast: boolean, part: ArrayLike<number>, identification = 77) =>
    fragment({ ...fields, offset, isLast, identification }, part)

  it.each(['in order', 'in reverse', 'the even ones first'])('4 kB arrive whole, %s', (order) => {
    const payload = payloadOf(4000)
    const frames = fragmentsOf(fields, message(version, payload), 1448)
    if (order === 'in reverse') frames.reverse()
    if (order === 'the even ones first') frames.sort((a, b) => (a.length % 5) - (b.length % 5))
    for (const frame of frames) expect(lab.deliver(frame)).toEqual([])
    expect(readAll(socket)).toEqual([[...payload]])
    expect(lab.iface.counters).toMatchObject({ fragmentsReceived: 3, datagramsReassembled: 1 })
    expectNothingLeft()
  })

  it('the longest datagram arrives in 8-octet pieces in reverse, in time that grows with its length (FragmentSmack)', () => {
    const payload = payloadOf(version === 4 ? 65_507 : 65_527)
    const whole = message(version, payload)
    const measure = (length: number): number => {
      const frames = fragmentsOf(
        { ...fields, identification: length },
        message(version, payload.subarray(0, length)),
        8,
      ).reverse()
      const startMs = performance.now()
      for (const frame of frames) {
        lab.device.inject(frame)
        if (frame.length % 64 === 0) lab.poll()
      }
      lab.poll()
      return performance.now() - startMs
    }
    measure(4_000)
    const shortMs = Math.min(measure(8_000), measure(7_992))
    const longMs = measure(payload.length)
    expect(whole.length).toBe(payload.length + 8)
    const received = readAll(socket)
    expect(received.at(-1)).toEqual([...payload])
    expect(received).toHaveLength(4)
    // Eight times as many pieces; quadratic work would take 64 times as long.
    expect(longMs).toBeLessThan(30 * shortMs + 50)
    expectNothingLeft()
  })

  it('any order of any pieces gives the same datagram, with pieces repeated and others between', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6000 }),
        fc.array(fc.integer({ min: 1, max: 180 }), { minLength: 1, maxLength: 12 }),
        fc.array(fc.nat(), { minLength: 30, maxLength: 30 }),
        fc.nat(),
        (length, blocks, ranks, identification) => {
          const payload = payloadOf(length)
          const whole = message(version, payload)
          const frames: [number, Uint8Array][] = []
          for (let offset = 0, index = 0; offset < whole.length; index++) {
            const size = blocks[index % blocks.length]! * 8
            const isLast = offset + size >= whole.length
            const part = whole.subarray(offset, offset + size)
            const id = identification & 0xffff
            const frame = piece(offset, isLast, part, id)
            frames.push([ranks[index % 30]!, frame])
            if (ranks[index % 30]! % 3 === 0) frames.push([ranks[(index + 7) % 30]!, frame])
            offset += size
          }
          frames.sort(([a], [b]) => a - b)
          for (const [, frame] of frames) {
            lab.deliver(frame)
            if (readyCount(socket) > 0) break
          }
          expect(readAll(socket)).toEqual([[...payload]])
          expectNothingLeft()
        },
      ),
      { numRuns: 60 },
    )
  })

  it('random pieces of one datagram do what a simple model says: overlap drops it, a repetition does not', () => {
    const block = fc.record({
      from: fc.nat({ max: 40 }),
      count: fc.integer({ min: 1, max: 12 }),
      cut: fc.nat({ max: 7 }),
      isLast: fc.boolean(),
      spoil: fc.boolean(),
    })
    let identification = 0
    fc.assert(
      fc.property(fc.array(block, { minLength: 1, maxLength: 14 }), (blocks) => {
        identification++
        // What a failed run leaves must not spoil the search for a smaller one.
        if (tableOf(lab).active.length > 0) lab.advance(REASSEMBLY_TIMEOUT_MS)
        const whole = message(version, payloadOf(500))
        const model = new Model(version)
        for (const { from, count, cut, isLast, spoil } of blocks) {
          const offset = from * 8
          const end = Math.min(offset + count * 8 - (isLast ? cut : 0), whole.length)
          if (end <= offset || (!isLast && (end - offset) % 8 !== 0)) continue
          // Only what ends with the datagram is the last, now and then.
          const last = isLast && (end === whole.length || spoil)
          if (!last && (end - offset) % 8 !== 0) continue
          // The first and last is no fragment.
          if (last && offset === 0) continue
          const part = whole.subarray(offset, end)
          // RFC 8200 §4.5 has the first of IPv6 hold the upper layer's header.
          if (version === 6 && offset === 0 && part.length < 8) continue
          const before = lab.iface.counters.datagramsReassembled
          lab.deliver(piece(offset, last, part, identification))
          const isWhole = lab.iface.counters.datagramsReassembled > before
          expect(isWhole).toBe(model.add(offset, end, last))
          expect(tableOf(lab).active.length).toBe(model.isKnown ? 1 : 0)
        }
        lab.advance(REASSEMBLY_TIMEOUT_MS)
        lab.device.takeSent()
        readAll(socket)
        expectNothingLeft()
      }),
      { numRuns: 300 },
    )
  })

  it('several datagrams at once, from several peers, are kept apart by their addresses and identification', () => {
    const other = version === 4 ? '10.0.0.10' : '2001:db8::10'
    const plan = [
      { source: PEERS[version], identification: 1, text: 'one' },
      { source: PEERS[version], identification: 2, text: 'two' },
      { source: other, identification: 1, text: 'three' },
    ]
    const frames = plan.map(({ source, identification, text }) => {
      const payload = concat(payloadOf(1000), Buffer.from(text))
      const whole = udp(source, OURS[version], 5000, 7, payload)
      return fragmentsOf({ ...fields, source, identification }, whole, 504)
    })
    for (let index = 0; index < 3; index++) for (const list of frames) lab.deliver(list[index]!)
    const tails = readAll(socket).map((bytes) => Buffer.from(bytes.slice(1000)).toString())
    expect(tails).toEqual(['one', 'two', 'three'])
  })

  it('the checksum is that of the datagram, whatever the device says of its fragments', () => {
    const spoiled = message(version, payloadOf(2000))
    spoiled[1500]! ^= 1
    for (const frame of fragmentsOf(fields, spoiled, 1024)) {
      lab.deliver(frame, { checksumVerified: true })
    }
    expect(lab.iface.counters).toMatchObject({ datagramsReassembled: 1, transportBadChecksum: 1 })
    expect(readAll(socket)).toEqual([])
    expectTwinsArrive(version)
  })

  it('a fragment that the device coalesced is a lie', () => {
    const [first] = fragmentsOf(fields, message(version, payloadOf(2000)), 1024)
    lab.deliver(first!, { segmentSize: 512 })
    expect(lab.iface.counters).toMatchObject({ frameBadSegmentation: 1, fragmentsReceived: 0 })
    expectTwinsArrive(version)
  })

  it('a fragment that lies in several buffers arrives as it is', () => {
    const payload = payloadOf(9000)
    lab = new UdpLab(new FakeDevice({ maxTransmissionUnit: 9000 }))
    socket = lab.udp.open({ port: 7 })
    for (const frame of fragmentsOf(fields, message(version, payload), 5000)) {
      lab.deliver(frame, {}, [2048, 701, 1300])
    }
    expect(readAll(socket)).toEqual([[...payload]])
  })

  it.each<[string, () => Uint8Array[]]>([
    [
      'a second that lies inside the first (teardrop)',
      () => [piece(0, false, payloadOf(48)), piece(24, true, payloadOf(8))],
    ],
    [
      'the same range with other octets',
      () => [piece(0, false, payloadOf(48)), piece(0, false, payloadOf(48).reverse())],
    ],
    [
      'an overlap of 8 octets with the same content',
      () => [piece(0, false, payloadOf(48)), piece(40, false, payloadOf(48).subarray(40))],
    ],
    ['two ends', () => [piece(48, true, payloadOf(8)), piece(64, true, payloadOf(8))]],
    [
      'octets behind the end',
      () => [piece(48, true, payloadOf(8)), piece(64, false, payloadOf(8))],
    ],
    [
      'an end before what is there',
      () => [piece(64, false, payloadOf(8)), piece(8, true, payloadOf(8))],
    ],
    [
      'more to come at the end',
      () => [piece(48, true, payloadOf(8)), piece(48, false, payloadOf(8))],
    ],
  ])('is dropped whole and silently with %s (RFC 5722 §3)', (_name, build) => {
    for (const frame of build()) expect(lab.deliver(frame)).toEqual([])
    expect(lab.iface.counters.reassemblyConflict).toBe(1)
    expect(tableOf(lab).pool.used).toBe(0)
    lab.advance(REASSEMBLY_TIMEOUT_MS)
    expect(lab.device.takeSent()).toEqual([])
    expectTwinsArrive(version)
  })

  it('after an overlap nothing comes of what is still to arrive', () => {
    const frames = fragmentsOf(fields, message(version, payloadOf(2000)), 512)
    lab.deliver(frames[0]!)
    lab.deliver(piece(8, false, payloadOf(16)))
    for (const frame of frames.slice(1)) lab.deliver(frame)
    expect(readAll(socket)).toEqual([])
    expect(lab.iface.counters.datagramsReassembled).toBe(0)
    expectTwinsArrive(version)
  })

  it('congestion that one fragment met is met by the datagram (RFC 3168 §5.3)', () => {
    const ecns: number[] = []
    lab = new UdpLab()
    const process = lab.udp.process.bind(lab.udp)
    lab.udp.process = (packet, nowMs) => {
      ecns.push(packet.ecn)
      return process(packet, nowMs)
    }
    const send = (codepoints: number[], identification: number): void => {
      const whole = message(version, payloadOf(30))
      codepoints.forEach((ecn, index) => {
        const offset = index * 16
        const part = whole.subarray(offset, offset + 16)
        const isLast = offset + 16 >= whole.length
        lab.deliver(fragment({ ...fields, identification, offset, isLast, ecn }, part))
      })
    }
    send([2, 3, 2], 1)
    send([2, 2, 2], 2)
    send([0, 0, 0], 3)
    // "this MUST NOT occur if any of the other fragments … carries the Not-ECT codepoint".
    send([0, 3, 0], 4)
    expect(ecns).toEqual([3, 2, 0])
    expect(lab.iface.counters.reassemblyConflict).toBe(1)
  })

  it('what does not become whole is given up after 60 s, with Time Exceeded about its first fragment', () => {
    const frames = fragmentsOf(fields, message(version, payloadOf(3000)), 1024)
    lab.deliver(frames[0]!)
    lab.advance(30_000)
    lab.deliver(frames[1]!)
    expect(lab.iface.nextDeadlineMs(lab.nowMs)).toBe(lab.nowMs + 30_000)
    lab.advance(29_999)
    expect(lab.device.takeSent()).toEqual([])
    lab.advance(1)
    const [error, ...more] = lab.device.takeSent()
    expect(more).toEqual([])
    const at = version === 4 ? 34 : 54
    expect([...error!.bytes.subarray(at, at + 2)]).toEqual(version === 4 ? [11, 1] : [3, 1])
    const quote = error!.bytes.subarray(at + 8)
    expect(quote).toEqual(frames[0]!.subarray(14, 14 + quote.length))
    expect(quote.length).toBe(version === 4 ? 548 : 1072)
    expect(lab.iface.counters).toMatchObject({ reassemblyTimeout: 1, icmpErrorsSent: 1 })
    expectNothingLeft()
    expectTwinsArrive(version)
  })

  it('without its first fragment it is given up without a word (RFC 1122 §3.3.2)', () => {
    const frames = fragmentsOf(fields, message(version, payloadOf(3000)), 1024)
    lab.deliver(frames[1]!)
    lab.advance(REASSEMBLY_TIMEOUT_MS)
    expect(lab.device.takeSent()).toEqual([])
    expect(lab.iface.counters.reassemblyTimeout).toBe(1)
    expectNothingLeft()
  })

  it('20,000 first fragments take bounded memory, and datagrams that become whole pass between them', () => {
    for (let index = 0; index < 20_000; index++) {
      const source =
        version === 4
          ? `10.${index & 0xff}.${index >> 8}.9`
          : `2001:db8::${(index + 256).toString(16)}`
      lab.device.inject(
        fragment(
          { ...fields, source, offset: 0, isLast: false, identification: index },
          payloadOf(8),
        ),
      )
      if (index % 50 === 0) lab.poll()
      if (index % 5000 === 0) {
        for (const frame of fragmentsOf(
          { ...fields, identification: 70_000 },
          message(version, payloadOf(3000)),
          1000,
        )) {
          lab.device.inject(frame)
        }
      }
    }
    lab.poll()
    expect(tableOf(lab).active).toHaveLength(MAX_REASSEMBLIES)
    expect(tableOf(lab).pool.used).toBeLessThanOrEqual(MAX_REASSEMBLIES)
    expect(readAll(socket)).toHaveLength(4)
    expect(lab.iface.counters).toMatchObject({
      reassemblyEvicted: 20_000 - MAX_REASSEMBLIES,
      datagramsReassembled: 4,
    })
    lab.device.takeSent()
    expectTwinsArrive(version)
  })

  it('one sender takes half at most, in number and in memory, and pays for the rest itself', () => {
    const other = version === 4 ? '10.0.0.10' : '2001:db8::10'
    const whole = udp(other, OURS[version], 5000, 7, payloadOf(2000))
    const [first, ...rest] = fragmentsOf({ ...fields, source: other }, whole, 1000)
    lab.deliver(first!)
    for (let index = 0; index < 1000; index++) {
      // The last fragment of a long datagram, and its first: two pages each.
      lab.device.inject(piece(0, false, payloadOf(8), index))
      lab.device.inject(piece(40_000, false, payloadOf(1400), index))
      if (index % 20 === 0) lab.poll()
    }
    lab.poll()
    expect(tableOf(lab).active).toHaveLength(MAX_REASSEMBLIES_A_SOURCE + 1)
    for (const frame of rest) lab.deliver(frame)
    expect(readAll(socket)).toEqual([[...payloadOf(2000)]])
    // The memory: 16 pages each.
    for (let index = 0; index < 100; index++) {
      for (let page = 0; page < 16; page++) {
        lab.device.inject(piece(page * 4096, false, payloadOf(1024), 20_000 + index))
      }
      lab.poll()
    }
    expect(tableOf(lab).pool.used).toBeLessThanOrEqual(MAX_REASSEMBLY_PAGES / 2)
    expectTwinsArrive(version)
  })

  it('TCP in fragments reaches its protocol, its header whole (corpus 27)', () => {
    const source = version === 4 ? PEER_IPV4 : PEER_IPV6
    const segment = tcp(source, version === 4 ? OUR_IPV4 : OUR_IPV6, 16, payloadOf(100))
    const size = version === 4 ? 8 : 24
    const frames = fragmentsOf({ version, protocol: 6 }, segment, size)
    for (const frame of frames.slice(0, -1)) lab.deliver(frame)
    expect(lab.tcp.packets).toEqual([])
    const seen: number[] = []
    lab.tcp.process = (packet) => {
      const { bytes } = packet.frame.fragments[0]!.buffer
      const { transportOffset, transportLength } = packet
      seen.push(...bytes.subarray(transportOffset, transportOffset + transportLength))
      return true
    }
    lab.deliver(frames.at(-1)!)
    expect(seen).toEqual([...segment])
  })
})

describe('IPv4', () => {
  it('a header that is longer in one fragment than in others puts nothing out of place (CVE-2020-17438)', () => {
    const payload = payloadOf(1000)
    const frames = fragmentsOf({ version: 4, protocol: UDP }, message(4, payload), 504)
    const whole = message(4, payload)
    const second = { version: 4, protocol: UDP, offset: 504, isLast: true } as const
    frames[1] = fragment({ ...second, options: [1, 1, 1, 0] }, whole.subarray(504))
    for (const frame of frames) lab.deliver(frame)
    expect(readAll(socket)).toEqual([[...payload]])
  })

  it('fragments of another protocol belong to another datagram (corpus 36)', () => {
    const frames = fragmentsOf({ version: 4, protocol: UDP }, message(4, payloadOf(1000)), 504)
    lab.deliver(frames[0]!)
    const whole = message(4, payloadOf(1000))
    lab.deliver(
      fragment({ version: 4, protocol: 6, offset: 504, isLast: true }, whole.subarray(504)),
    )
    expect(readAll(socket)).toEqual([])
    expect(tableOf(lab).active).toHaveLength(2)
  })

  it('is dropped when only the length of the first header makes it longer than 65,535', () => {
    const whole = message(4, payloadOf(65_500))
    for (let offset = 0; offset < whole.length; offset += 1400) {
      const isLast = offset + 1400 >= whole.length
      const options = offset === 0 ? new Array<number>(40).fill(1) : []
      const part = whole.subarray(offset, offset + 1400)
      lab.deliver(fragment({ version: 4, protocol: UDP, offset, isLast, options }, part))
    }
    expect(readAll(socket)).toEqual([])
    expect(lab.iface.counters.fragmentMalformed).toBe(1)
    expectNothingLeft()
  })
})

describe('IPv6', () => {
  const fields = { version: 6, protocol: UDP } as const

  it('processes an atomic fragment by itself while others of its identification wait (RFC 6946)', () => {
    const frames = fragmentsOf(fields, message(6, payloadOf(1000)), 504)
    lab.deliver(frames[0]!)
    lab.deliver(fragment({ ...fields, offset: 0, isLast: true }, message(6, [9])))
    lab.deliver(frames[1]!)
    expect(readAll(socket)).toEqual([[9], [...payloadOf(1000)]])
  })

  it('believes no device about the checksum of an atomic fragment', () => {
    const spoiled = message(6, [9, 9])
    spoiled[9]! ^= 1
    lab.deliver(fragment({ ...fields, offset: 0, isLast: true }, spoiled), {
      checksumVerified: true,
    })
    expect(readAll(socket)).toEqual([])
    expect(lab.iface.counters.transportBadChecksum).toBe(1)
  })

  it.each([
    ['eight octets of TCP', 6, 8],
    ['an options header and no more', 60, 8],
    ['options longer than the fragment', 60, 16],
  ])(
    'answers a first fragment of %s with Parameter Problem code 3 (RFC 7112 §5)',
    (_name, protocol, length) => {
      const part =
        protocol === 60 ? [UDP, length / 8 - 1, ...new Array<number>(6).fill(0)] : payloadOf(8)
      const frame = fragment({ version: 6, protocol, offset: 0, isLast: false }, part)
      const [error] = lab.deliver(frame)
      expect([...error!.bytes.subarray(54, 56)]).toEqual([4, 3])
      expect([...error!.bytes.subarray(58, 62)]).toEqual(be32(0))
      expect(error!.bytes.subarray(62)).toEqual(frame.subarray(14))
      expect(lab.iface.counters).toMatchObject({ ipv6ParameterProblem: 1, fragmentsReceived: 0 })
      expectTwinsArrive(6)
    },
  )

  it('walks the headers of what was fragmented, and answers there what calls for it', () => {
    const options = [UDP, 0, 1, 4, 0, 0, 0, 0]
    const whole = concat(options, message(6, payloadOf(1000)))
    for (const frame of fragmentsOf({ version: 6, protocol: 60 }, whole, 504)) lab.deliver(frame)
    expect(readAll(socket)).toEqual([[...payloadOf(1000)]])
    const bad = concat([UDP, 0, 0x9e, 4, 0, 0, 0, 0], message(6, payloadOf(1000)))
    const sent = fragmentsOf({ version: 6, protocol: 60 }, bad, 504).flatMap((frame) =>
      lab.deliver(frame),
    )
    expect(sent).toHaveLength(1)
    expect([...sent[0]!.bytes.subarray(54, 56)]).toEqual([4, 2])
    expect([...sent[0]!.bytes.subarray(58, 62)]).toEqual(be32(42))
  })

  it('drops a fragment header within what was fragmented (corpus 51)', () => {
    const inner = concat([UDP, 0, 0, 0, 0, 0, 0, 1], message(6, payloadOf(1000)))
    for (const frame of fragmentsOf({ version: 6, protocol: 44 }, inner, 504)) lab.deliver(frame)
    expect(readAll(socket)).toEqual([])
    expect(lab.iface.counters.ipv6Malformed).toBe(1)
    expectNothingLeft()
    expectTwinsArrive(6)
  })

  it('the next header is that of the first fragment, whatever the others say', () => {
    const frames = fragmentsOf(fields, message(6, payloadOf(1000)), 504)
    frames[1]![54] = 99
    for (const frame of frames.reverse()) lab.deliver(frame)
    expect(readAll(socket)).toEqual([[...payloadOf(1000)]])
  })

  it('ignores neighbour discovery in fragments (RFC 6980 §5)', () => {
    const body = concat(be32(0x60000000), new Uint8Array(16), [2, 1, 1, 2, 3, 4, 5, 6])
    const advertisement = icmpv6(PEER_IPV6, OUR_IPV6, 136, 0, body)
    for (const frame of fragmentsOf({ version: 6, protocol: 58 }, advertisement, 16)) {
      expect(lab.deliver(frame)).toEqual([])
    }
    expect(lab.iface.counters.ndpInvalid).toBe(1)
  })
})

function readyCount(of: UdpSocket): number {
  return of.receivedCount()
}

/** What reassembly is, said with lists: RFC 815 without the holes. */
class Model {
  private pieces: [number, number][] = []
  private end = -1
  private isAbandoned = false
  private readonly version: Version

  constructor(version: Version) {
    this.version = version
  }

  get isKnown(): boolean {
    return this.pieces.length > 0 || this.isAbandoned
  }

  /** True when the datagram is whole. */
  add(from: number, to: number, isLast: boolean): boolean {
    if (this.isAbandoned) return false
    const { pieces } = this
    const endsWrong = isLast
      ? this.end >= 0
        ? this.end !== to
        : pieces.some(([, other]) => other > to)
      : this.end >= 0 && to >= this.end
    const isSame = pieces.some(([a, b]) => a === from && b === to)
    const overlaps = pieces.some(([a, b]) => a < to && from < b)
    if (endsWrong || (overlaps && !isSame)) {
      this.forget()
      this.isAbandoned = this.version === 6
      return false
    }
    if (isSame) return false
    pieces.push([from, to])
    if (isLast) this.end = to
    const total = pieces.reduce((sum, [a, b]) => sum + b - a, 0)
    if (this.end < 0 || total !== this.end) return false
    this.forget()
    return true
  }

  private forget(): void {
    this.pieces = []
    this.end = -1
  }
}
