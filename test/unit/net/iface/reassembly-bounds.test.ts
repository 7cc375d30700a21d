/**
 * What reassembly takes at most, of time and memory and for one sender; and what only one of the
 * families has (RFC 1122 §3.3.2, RFC 8200 §4.5).
 */
import { describe, expect, it } from 'vitest'
import { EarliestDeadline } from '../../../../net/iface/earliest-deadline.ts'
import { MAX_REASSEMBLY_PAGES, PAGE_BYTES } from '../../../../net/iface/fragments/page-pool.ts'
import {
  MAX_REASSEMBLIES,
  MAX_REASSEMBLIES_A_SOURCE,
  REASSEMBLY_TIMEOUT_MS,
  ReassemblyTable,
} from '../../../../net/iface/fragments/reassembly-table.ts'
import { createReceivedPacket } from '../../../../net/iface/received-packet.ts'
import { fragment, fragmentsOf } from '../../../support/fragments.ts'
import { be32, concat, icmpv6, udp } from '../../../support/frames.ts'
import { OUR_IPV6, PEER_IPV6 } from '../../../support/interface-harness.ts'
import {
  expectNothingLeft,
  expectTwinsArrive,
  lab,
  payloadOf,
  reassemblyTable,
  setUpReassembly,
  socket,
  UDP,
} from '../../../support/reassembly-lab.ts'
import { message, OURS, readAll } from '../../../support/udp-lab.ts'

setUpReassembly()

describe.each([4, 6] as const)('over IPv%i', (version) => {
  const fields = { version, protocol: UDP }
  const piece = (offset: number, isLast: boolean, part: ArrayLike<number>, identification = 77) =>
    fragment({ ...fields, offset, isLast, identification }, part)

  it('what does not become whole is given up after 60 s, with Time Exceeded about its first fragment', () => {
    const frames = fragmentsOf(fields, message(version, payloadOf(3000)), 1024)
    lab.deliver(frames[0]!)
    lab.advance(30_000)
    lab.deliver(frames[1]!)
    expect(lab.host.nextDeadlineMs(lab.nowMs)).toBe(lab.nowMs + 30_000)
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
    expect(reassemblyTable().active).toHaveLength(MAX_REASSEMBLIES)
    expect(reassemblyTable().pool.used).toBeLessThanOrEqual(MAX_REASSEMBLIES)
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
    expect(reassemblyTable().active).toHaveLength(MAX_REASSEMBLIES_A_SOURCE + 1)
    for (const frame of rest) lab.deliver(frame)
    expect(readAll(socket)).toEqual([[...payloadOf(2000)]])
    // The memory: 16 pages each.
    for (let index = 0; index < 100; index++) {
      for (let page = 0; page < 16; page++) {
        lab.device.inject(piece(page * 4096, false, payloadOf(1024), 20_000 + index))
      }
      lab.poll()
    }
    expect(reassemblyTable().pool.used).toBeLessThanOrEqual(MAX_REASSEMBLY_PAGES / 2)
    expectTwinsArrive(version)
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
    expect(reassemblyTable().active).toHaveLength(2)
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

  it('ignores neighbor discovery in fragments (RFC 6980 §5)', () => {
    const body = concat(be32(0x60000000), new Uint8Array(16), [2, 1, 1, 2, 3, 4, 5, 6])
    const advertisement = icmpv6(PEER_IPV6, OUR_IPV6, 136, 0, body)
    for (const frame of fragmentsOf({ version: 6, protocol: 58 }, advertisement, 16)) {
      expect(lab.deliver(frame)).toEqual([])
    }
    expect(lab.iface.counters.ndpInvalid).toBe(1)
  })
})

describe('memory for fragments', () => {
  it('is what the table was given, and half of it one sender’s', () => {
    const pages = 3 * MAX_REASSEMBLY_PAGES
    const table = new ReassemblyTable(
      lab.iface.counters,
      new EarliestDeadline(),
      pages * PAGE_BYTES,
    )
    const assembly = table.open(createReceivedPacket(), UDP, 1, 0)
    expect(table.pool.room).toBe(pages)
    expect(table.makeRoom(assembly, pages / 2)).toBe(true)
    expect(table.makeRoom(assembly, pages / 2 + 1)).toBe(false)
  })
})
