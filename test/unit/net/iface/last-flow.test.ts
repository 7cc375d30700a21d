/**
 * Prediction must be invisible: with it, each frame fares exactly as it would as the first of an
 * interface.
 */

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { MAX_COALESCED_DATAGRAMS } from '../../../../net/iface/transport-delivery.ts'
import { concat, ethernet, ipv4, ipv6, tcp, udp } from '../../../support/frames.ts'
import * as lab from '../../../support/interface-harness.ts'
import { InterfaceHarness, RecordingHandler } from '../../../support/interface-harness.ts'

const { OUR_IPV4, PEER_IPV4, OUR_IPV6, PEER_IPV6, OUR_MAC, PEER_MAC } = lab

/** A TCP segment (protocol 6) or UDP datagram (17) in a frame to us. */
function plain(family: 4 | 6, payload: number[], protocol: 6 | 17 = 6): Uint8Array {
  const [source, destination] = family === 4 ? [PEER_IPV4, OUR_IPV4] : [PEER_IPV6, OUR_IPV6]
  const message =
    protocol === 6
      ? tcp(source, destination, 16, payload)
      : udp(source, destination, 4000, 7, payload)
  if (family === 4) {
    const fields = { source, destination, protocol, flagsAndOffset: 0x4000 }
    return concat(ethernet(OUR_MAC, PEER_MAC, 0x800), ipv4(fields, message))
  }
  const fields = { source, destination, nextHeader: protocol }
  return concat(ethernet(OUR_MAC, PEER_MAC, 0x86dd), ipv6(fields, message))
}

/** A harness that hears UDP too. */
class TransportHarness extends InterfaceHarness {
  readonly udp = new RecordingHandler(17)

  constructor() {
    super()
    this.host.register(this.udp)
  }
}

const change = fc.tuple(fc.nat({ max: 80 }), fc.nat({ max: 255 }))
const frame = fc.record({
  family: fc.constantFrom(4 as const, 6 as const),
  protocol: fc.constantFrom(6 as const, 17 as const),
  payload: fc.array(fc.nat({ max: 255 }), { maxLength: 9 }),
  changes: fc.array(change, { maxLength: 2 }),
  cut: fc.nat({ max: 3 }),
  checksumVerified: fc.boolean(),
})

/** What became of one frame: the change of the counters and what the handler saw. */
function fate(harness: TransportHarness, bytes: Uint8Array, checksumVerified: boolean): unknown {
  const before = harness.snapshot()
  harness.tcp.packets.length = 0
  harness.udp.packets.length = 0
  const sent = harness.deliver(bytes, { checksumVerified })
  const seen = [...harness.tcp.packets, ...harness.udp.packets].map(
    ({ frame: _frame, ...packet }) => {
      // Fields that only the interface's own protocols use are not kept up for predicted packets.
      return { ...packet, hopLimit: 0, nextHeaderPointer: 0 }
    },
  )
  return {
    counters: harness.changes(before),
    seen,
    sent: sent.map(({ bytes: { length } }) => length),
  }
}

it('treats every frame as if it were the first', () => {
  const warm = new TransportHarness()
  fc.assert(
    fc.property(fc.array(frame, { minLength: 1, maxLength: 4 }), (frames) => {
      for (const { family, protocol, payload, changes, cut, checksumVerified } of frames) {
        const bytes = plain(family, payload, protocol)
        for (const [offset, value] of changes) if (offset < bytes.length) bytes[offset] = value
        const input = bytes.subarray(0, bytes.length - cut)
        // A frame to be predicted comes first, so that the next one meets an armed prediction.
        fate(warm, plain(family, [1], protocol), true)
        const cold = new TransportHarness()
        expect(fate(warm, input, checksumVerified)).toEqual(fate(cold, input, checksumVerified))
      }
    }),
    { numRuns: 150 },
  )
})

it.each([4, 6] as const)(
  'takes the length of an IPv%i packet from its header up to what that can say, and from there on from the frame',
  (family) => {
    const headers = family === 4 ? 34 : 54
    const longest = plain(family, Array<number>(0xffff - 20 - (family === 4 ? 20 : 0)).fill(7))
    const meta = { checksumVerified: true, segmentSize: 1448 }
    const harness = new InterfaceHarness()
    for (const excess of [0, 0, 1, 1, 70_000]) {
      harness.deliver(concat(longest, new Uint8Array(excess)), meta)
      const { transportLength } = harness.tcp.packets.at(-1)!
      expect(transportLength).toBe(longest.length - headers + excess)
      // The next one is the first of its flow, or predicted.
      if (excess === 0) harness.deliver(plain(family, [1], 17))
    }
    harness.deliver(concat(longest.subarray(0, 60_000), new Uint8Array(20)), meta)
    expect(harness.tcp.packets).toHaveLength(5)
  },
)

it.each([
  ['a first fragment', 0x2000, 'fragmentMalformed'],
  ['a later fragment', 0x4001, 'fragmentsReceived'],
  ['the reserved flag', 0x8000, 'ipv4Malformed'],
] as const)('does not take %s of the same conversation', (_name, flagsAndOffset, reason) => {
  const harness = new InterfaceHarness()
  harness.deliver(plain(4, [1]))
  const segment = tcp(PEER_IPV4, OUR_IPV4, 16, [1])
  const fields = { source: PEER_IPV4, destination: OUR_IPV4, protocol: 6, flagsAndOffset }
  harness.deliver(concat(ethernet(OUR_MAC, PEER_MAC, 0x800), ipv4(fields, segment)))
  expect(harness.tcp.packets).toHaveLength(1)
  expect(harness.iface.counters[reason]).toBe(1)
})

it('keeps what the handler has found as long as the addresses stay', () => {
  const harness = new InterfaceHarness()
  const found = [4, 4, 6, 6, 4, 6].map((family, index) => {
    harness.tcp.found = { index }
    harness.deliver(plain(family as 4 | 6, [1]))
    return harness.tcp.packets.at(-1)!.connection
  })
  expect(found).toEqual([null, { index: 0 }, null, { index: 2 }, null, null])
})

it.each([
  [4, 6],
  [6, 6],
  [4, 17],
  [6, 17],
] as const)(
  'really predicts: IPv%i frames of a conversation of protocol %i pay for one look at all',
  (family, protocol) => {
    const harness = new TransportHarness()
    const heard = protocol === 6 ? harness.tcp : harness.udp
    harness.deliver(plain(family, [1], protocol))
    const { isLocalIpv4, isLocal } = harness.iface.addresses
    const { isLocalIpv4: isOfHost } = harness.host.addresses
    let looks = 0
    harness.iface.addresses.isLocalIpv4 = function (...words) {
      looks++
      return isLocalIpv4.apply(this, words)
    }
    harness.host.addresses.isLocalIpv4 = function (...words) {
      looks++
      return isOfHost.apply(this, words)
    }
    harness.iface.addresses.isLocal = function (address) {
      if (address.version === 6) looks++
      return isLocal.call(this, address)
    }
    harness.deliver(plain(family, [2], protocol))
    expect(heard.packets).toHaveLength(2)
    expect(looks).toBe(0)
    harness.deliver(plain(family === 4 ? 6 : 4, [2], protocol))
    expect(looks).toBe(2)
  },
)

it.each([4, 6] as const)(
  'takes IPv%i UDP after TCP between the same hosts for what it is',
  (family) => {
    const harness = new TransportHarness()
    for (const protocol of [6, 17, 17, 6, 6, 17] as const) {
      harness.deliver(plain(family, [protocol], protocol))
    }
    expect(harness.tcp.packets).toHaveLength(3)
    expect(harness.udp.packets).toHaveLength(3)
  },
)

it.each([4, 6] as const)('takes IPv%i UDP of as many datagrams as hosts join', (family) => {
  const harness = new TransportHarness()
  const most = new Array<number>(MAX_COALESCED_DATAGRAMS).fill(1)
  harness.deliver(plain(family, [1], 17))
  harness.deliver(plain(family, most, 17), { segmentSize: 1 })
  harness.deliver(plain(family, [...most, 1], 17), { segmentSize: 1 })
  expect(harness.udp.packets).toHaveLength(2)
  expect(harness.iface.counters.frameBadSegmentation).toBe(1)
})

it('tells the addresses of one conversation from those of another, in every word', () => {
  const harness = new InterfaceHarness()
  const others = ['10.0.0.4', '2001:db8::3', '2001:db8:0:0:1::2', '2001:db8:1::2', '2001:db9::2']
  for (const text of others) {
    const prefixLength = text.includes(':') ? 64 : 24
    harness.iface.addAddress({ address: lab.address(text), prefixLength }, harness.nowMs)
  }
  for (const other of others) {
    const family = other.includes(':') ? 6 : 4
    const ours = family === 4 ? OUR_IPV4 : OUR_IPV6
    const peer = family === 4 ? PEER_IPV4 : PEER_IPV6
    const peers = family === 4 ? ['10.0.0.8'] : ['2001:db8::8', '2001:db8:0:0:1::9', '2001:dba::9']
    const pairs = [...peers.map((source) => [source, ours] as const), [peer, other] as const]
    for (const [source, destination] of pairs) {
      harness.deliver(plain(family, [1]))
      harness.tcp.packets.length = 0
      const segment = tcp(source, destination, 16)
      const packet =
        family === 4
          ? ipv4({ source, destination, protocol: 6, flagsAndOffset: 0x4000 }, segment)
          : ipv6({ source, destination, nextHeader: 6 }, segment)
      harness.deliver(lab.fromPeer(family === 4 ? 0x800 : 0x86dd, packet))
      const [seen] = harness.tcp.packets
      const [from, to] = [lab.address(source), lab.address(destination)]
      expect(seen).toMatchObject({ source: from, destination: to })
    }
  }
})

it('forgets when an address goes away', () => {
  const harness = new InterfaceHarness()
  harness.deliver(plain(4, [1]))
  harness.deliver(plain(4, [2]))
  expect(harness.tcp.packets).toHaveLength(2)
  const entry = harness.iface.addresses.find(lab.address(OUR_IPV4))!
  harness.iface.removeAddress(entry, harness.nowMs)
  harness.deliver(plain(4, [3]))
  expect(harness.tcp.packets).toHaveLength(2)
  expect(harness.iface.counters.ipv4NotForUs).toBe(1)
})
