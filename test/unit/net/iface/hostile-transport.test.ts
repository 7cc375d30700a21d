/** Transport packets that must not matter, and bytes of any kind. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { be16, concat, ethernet, tcp, udp } from '../../../support/frames.ts'
import {
  expectDropped,
  expectTwinAnswered,
  four,
  harness,
  setUpHarness,
  six,
  VALID,
} from '../../../support/hostile-corpus.ts'
import * as lab from '../../../support/interface-harness.ts'
import {
  OUR_IPV4,
  OUR_IPV6,
  OUR_MAC,
  PEER_IPV4,
  PEER_IPV6,
  PEER_MAC,
} from '../../../support/interface-harness.ts'

setUpHarness()

describe('transport', () => {
  const tcpFrame = (segment: Uint8Array) => four({ protocol: 6 }, segment)
  it('drops TCP whose header, payload or pseudo-header has one bit flipped', () => {
    const segment = tcp(PEER_IPV4, OUR_IPV4, 16, [1, 2, 3, 4, 5])
    for (let index = 0; index < segment.length; index++) {
      const copy = Uint8Array.from(segment)
      copy[index]! ^= 1 << (index % 8)
      expectDropped(tcpFrame(copy), 'transportBadChecksum')
    }
    expectDropped(four({ protocol: 6, source: '10.0.0.8' }, segment), 'transportBadChecksum')
    harness.deliver(tcpFrame(segment))
    expect(harness.tcp.packets).toHaveLength(1)
  })

  const udpFrame = (change: (message: Uint8Array) => Uint8Array) =>
    four({ protocol: 17 }, change(udp(PEER_IPV4, OUR_IPV4, 1, 2, [3, 4])))
  const withLength = (length: number) => (message: Uint8Array) =>
    concat(message.subarray(0, 4), be16(length), message.subarray(6))
  it.each([
    ['of seven bytes', udpFrame((message) => message.subarray(0, 7)), 'transportMalformed'],
    ['with length 7', udpFrame(withLength(7)), 'transportMalformed'],
    ['with length 0', udpFrame(withLength(0)), 'transportMalformed'],
    ['longer than its packet (CVE-2021-31345)', udpFrame(withLength(11)), 'transportMalformed'],
    [
      'with a bad checksum',
      udpFrame((message) => concat(message.subarray(0, 9), [9])),
      'transportBadChecksum',
    ],
  ] as const)('drops UDP %s', (_name, frame, reason) => {
    const handler = new lab.RecordingHandler(17)
    harness.host.register(handler)
    expectDropped(frame, reason)
    expect(handler.packets).toEqual([])
    harness.deliver(udpFrame((message) => message))
    expect(handler.packets).toHaveLength(1)
  })

  it('takes UDP without a checksum over IPv4 but not over IPv6, and cuts it to its own length', () => {
    const handler = new lab.RecordingHandler(17)
    harness.host.register(handler)
    const bare = (message: Uint8Array) =>
      concat(message.subarray(0, 6), [0, 0], message.subarray(8))
    harness.deliver(udpFrame((message) => concat(bare(message), [7, 7, 7])))
    expect(handler.packets.map((packet) => packet.transportLength)).toEqual([10])
    const frame = six({ nextHeader: 17 }, bare(udp(PEER_IPV6, OUR_IPV6, 1, 2, [3])))
    expectDropped(frame, 'transportBadChecksum')
  })
})

it('neither throws nor spins on any bytes at all, and still answers', () => {
  const seeds = [VALID.arp(), VALID.ipv4(), VALID.ipv6(), VALID.ndp()]
  const mutated = fc
    .tuple(
      fc.constantFrom(...seeds),
      fc.array(fc.tuple(fc.nat({ max: 90 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 }),
      fc.nat({ max: 100 }),
    )
    .map(([seed, changes, cut]) => {
      const bytes = Uint8Array.from(seed)
      for (const [offset, value] of changes) {
        if (offset >= 12 && offset < bytes.length) bytes[offset] = value
      }
      return bytes.subarray(0, Math.max(0, bytes.length - (cut > 60 ? cut - 60 : 0)))
    })
  const junk = fc
    .uint8Array({ maxLength: 200 })
    .map((bytes) => concat(ethernet(OUR_MAC, PEER_MAC, 0x86dd), bytes))
  fc.assert(
    fc.property(fc.oneof(mutated, junk, fc.uint8Array({ maxLength: 60 })), (bytes) => {
      harness.deliver(bytes)
    }),
    { numRuns: 10_000 },
  )
  harness.advance(2_000)
  harness.device.takeSent()
  expectTwinAnswered('ipv4')
  expectTwinAnswered('ipv6')
})
