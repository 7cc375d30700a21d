/**
 * What all header codecs promise: parse(emit(x)) = x, short input refused, any bytes survived, one
 * line of text.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as arp from '../../../../net/wire/arp.ts'
import * as ethernet from '../../../../net/wire/ethernet.ts'
import * as icmpv4 from '../../../../net/wire/icmpv4.ts'
import { formatIcmpv6 } from '../../../../net/wire/icmpv6.ts'
import * as ipv4 from '../../../../net/wire/ipv4.ts'
import * as ipv6 from '../../../../net/wire/ipv6.ts'
import * as ndp from '../../../../net/wire/ndp.ts'
import { int32, uint8, uint16 } from '../../../support/arbitraries.ts'

interface Codec<T> {
  name: string
  value: fc.Arbitrary<T>
  create: () => T
  length: number
  emit: (view: DataView, offset: number, value: T) => void
  parse: (view: DataView, offset: number, length: number, out: T) => boolean
  format: (value: T) => string
}

const ipv6Address = fc.record({
  version: fc.constant(6 as const),
  word0: int32,
  word1: int32,
  word2: int32,
  word3: int32,
})

function codec<T>(description: Codec<T>): Codec<unknown> {
  return description as unknown as Codec<unknown>
}

const CODECS: Codec<unknown>[] = [
  codec<ethernet.EthernetHeader>({
    name: 'Ethernet',
    value: fc.record({
      destinationHigh: uint16,
      destinationLow: int32,
      sourceHigh: uint16,
      sourceLow: int32,
      etherType: uint16,
    }),
    create: ethernet.createEthernetHeader,
    length: 14,
    emit: ethernet.emitEthernet,
    parse: ethernet.parseEthernet,
    format: ethernet.formatEthernet,
  }),
  codec<arp.ArpPacket>({
    name: 'ARP',
    value: fc.record({
      operation: uint16,
      senderHigh: uint16,
      senderLow: int32,
      senderAddress: int32,
      targetHigh: uint16,
      targetLow: int32,
      targetAddress: int32,
    }),
    create: arp.createArpPacket,
    length: 28,
    emit: arp.emitArp,
    parse: arp.parseArp,
    format: arp.formatArp,
  }),
  codec<ipv4.Ipv4Header>({
    name: 'IPv4',
    value: fc.record({
      headerLength: fc.constant(20),
      trafficClass: uint8,
      totalLength: fc.integer({ min: 20, max: 40 }),
      identification: uint16,
      flagsAndOffset: uint16,
      timeToLive: uint8,
      protocol: uint8,
      source: int32,
      destination: int32,
    }),
    create: ipv4.createIpv4Header,
    length: 40,
    emit: ipv4.emitIpv4,
    parse: ipv4.parseIpv4,
    format: ipv4.formatIpv4,
  }),
  codec<ipv6.Ipv6Header>({
    name: 'IPv6',
    value: fc.record({
      trafficClass: uint8,
      flowLabel: fc.integer({ min: 0, max: 0xfffff }),
      payloadLength: fc.integer({ min: 0, max: 20 }),
      nextHeader: uint8,
      hopLimit: uint8,
      source: ipv6Address,
      destination: ipv6Address,
    }),
    create: () => ipv6.createIpv6Header(),
    length: 60,
    emit: ipv6.emitIpv6,
    parse: ipv6.parseIpv6,
    format: ipv6.formatIpv6,
  }),
  codec<icmpv4.IcmpHeader>({
    name: 'ICMP',
    value: fc.record({ type: uint8, code: uint8, rest: int32 }),
    create: icmpv4.createIcmpHeader,
    length: 8,
    emit: icmpv4.emitIcmp,
    parse: icmpv4.parseIcmp,
    format: (header) => `${icmpv4.formatIcmpv4(header)}; ${formatIcmpv6(header)}`,
  }),
  codec<ndp.NeighborMessage>({
    name: 'neighbor discovery',
    value: fc
      .record({
        type: fc.constantFrom(135, 136),
        flags: int32,
        target: ipv6Address.map((address) => ({ ...address, word0: address.word0 & 0x3fffffff })),
        hasLinkLayerAddress: fc.boolean(),
        linkLayerHigh: uint16,
        linkLayerLow: int32,
      })
      .map((message) =>
        message.hasLinkLayerAddress ? message : { ...message, linkLayerHigh: 0, linkLayerLow: 0 },
      ),
    create: ndp.createNeighborMessage,
    length: 32,
    emit: ndp.emitNeighborMessage,
    parse: (view, offset, length, out) => {
      // A message without option is shorter; the zeros after it would be an option of length 0.
      const hasOption = length >= 32 && view.getUint8(offset + 25) === 1
      const actual = hasOption ? length : Math.min(length, 24)
      return (
        ndp.isValidNdp(view, offset, actual, 255) &&
        // Other messages of neighbor discovery may be shorter, and have parsers of their own.
        [135, 136].includes(view.getUint8(offset)) &&
        ndp.parseNeighborMessage(view, offset, actual, out)
      )
    },
    format: ndp.formatNeighborMessage,
  }),
]

describe.each(CODECS)('$name', ({ value, create, length, emit, parse, format }) => {
  it('parses what it emitted, at any offset, and writes nowhere else', () => {
    fc.assert(
      fc.property(value, fc.nat({ max: 7 }), (header, offset) => {
        const bytes = new Uint8Array(offset + length + 4)
        bytes.fill(0xa5, 0, offset)
        bytes.fill(0xa5, offset + length)
        const view = new DataView(bytes.buffer)
        emit(view, offset, header)
        const parsed = create()
        expect(parse(view, offset, length, parsed)).toBe(true)
        expect(parsed).toEqual(header)
        expect(bytes.subarray(0, offset).every((byte) => byte === 0xa5)).toBe(true)
        expect(bytes.subarray(offset + length).every((byte) => byte === 0xa5)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  it('returns true or false and never reads outside, whatever the bytes and however few', () => {
    fc.assert(
      fc.property(value, fc.uint8Array({ maxLength: 70 }), fc.nat(70), (header, junk, cut) => {
        const bytes = new Uint8Array(length)
        emit(new DataView(bytes.buffer), 0, header)
        for (const input of [junk, bytes.slice(0, cut)]) {
          const view = new DataView(input.buffer, input.byteOffset, input.length)
          const out = create()
          if (typeof parse(view, 0, input.length, out) !== 'boolean') return false
          if (!/^[ -~]+$/.test(format(out))) return false
        }
        return true
      }),
      { numRuns: 3000 },
    )
  })

  it('refuses fewer bytes than its fixed part', () => {
    const fixed = Math.min(
      length,
      ({ 40: 20, 60: 40, 32: 24 } as Record<number, number>)[length] ?? length,
    )
    const view = new DataView(new ArrayBuffer(length))
    emit(view, 0, create())
    for (let cut = 0; cut < fixed; cut++) expect(parse(view, 0, cut, create())).toBe(false)
  })
})

describe('text', () => {
  it('says what a person wants to know', () => {
    const header = ipv4.createIpv4Header()
    Object.assign(header, { source: 0x0a000002, destination: -1, protocol: 6, totalLength: 60 })
    expect(ipv4.formatIpv4(header)).toBe('IPv4 10.0.0.2 > 255.255.255.255 proto=6 ttl=64 len=60')
    header.flagsAndOffset = 0x2001
    expect(ipv4.formatIpv4(header)).toMatch(/ fragment=8\+$/)
    const question = arp.createArpPacket()
    Object.assign(question, { operation: 1, senderAddress: 1, targetAddress: 2 })
    expect(arp.formatArp(question)).toBe('ARP who has 0.0.0.2 tell 0.0.0.1')
    expect(icmpv4.formatIcmpv4({ type: 8, code: 0, rest: 0x00070002 })).toBe(
      'ICMP echo request id=7 seq=2',
    )
    expect(formatIcmpv6({ type: 2, code: 0, rest: -1 })).toBe(
      'ICMPv6 packet too big mtu=4294967295',
    )
    const advertisement = ndp.createNeighborMessage()
    Object.assign(advertisement, { type: 136, flags: 0x60000000 })
    advertisement.target.word3 = 1
    expect(ndp.formatNeighborMessage(advertisement)).toBe('NDP ::1 is flags=[SO]')
  })
})
