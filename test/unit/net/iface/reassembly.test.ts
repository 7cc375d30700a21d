/**
 * Datagrams in fragments: put together in any order, dropped when they lie (RFC 791 §3.2, RFC 8200
 * §4.5, RFC 5722).
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { REASSEMBLY_TIMEOUT_MS } from '../../../../net/iface/fragments/reassembly-table.ts'
import { FakeDevice } from '../../../support/fake-device.ts'
import { fragment, fragmentsOf } from '../../../support/fragments.ts'
import { concat, tcp, udp } from '../../../support/frames.ts'
import { OUR_IPV4, OUR_IPV6, PEER_IPV4, PEER_IPV6 } from '../../../support/interface-harness.ts'
import {
  expectNothingLeft,
  expectTwinsArrive,
  lab,
  payloadOf,
  reassemblyTable,
  restart,
  setUpReassembly,
  socket,
  UDP,
} from '../../../support/reassembly-lab.ts'
import { message, OURS, PEERS, readAll, type Version } from '../../../support/udp-lab.ts'

setUpReassembly()

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
      for (const [index, frame] of frames.entries()) {
        lab.device.inject(frame)
        // As they would come: a queue that is never empty is a flood.
        if (index % 32 === 0) lab.poll()
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
            if (socket.receivedCount() > 0) break
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
        if (reassemblyTable().active.length > 0) lab.advance(REASSEMBLY_TIMEOUT_MS)
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
          expect(reassemblyTable().active.length).toBe(model.isKnown ? 1 : 0)
        }
        lab.advance(REASSEMBLY_TIMEOUT_MS)
        lab.device.takeSent()
        readAll(socket)
        expectNothingLeft()
      }),
      { numRuns: 300 },
    )
  })

  it('a last fragment is not what the next packet of its flow looks like', () => {
    const frames = fragmentsOf(fields, message(version, payloadOf(1000)), 504)
    for (const frame of [...frames, frames.at(-1)!]) lab.deliver(frame)
    expect(readAll(socket)).toHaveLength(1)
    expect(lab.iface.counters.fragmentsReceived).toBe(frames.length + 1)
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
    restart(new FakeDevice({ maxTransmissionUnit: 9000 }))
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
    expect(reassemblyTable().pool.used).toBe(0)
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
