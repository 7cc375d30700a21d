/**
 * ICMP and ICMPv6 errors received: which transport hears of them, and as what (RFC 1122 §3.2.2, RFC
 * 8201).
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { be32, concat, icmpv4, icmpv6, ipv4, ipv6, tcp } from '../../../support/frames.ts'
import * as lab from '../../../support/interface-harness.ts'
import { InterfaceHarness } from '../../../support/interface-harness.ts'

const { OUR_IPV4, PEER_IPV4, OUR_IPV6, PEER_IPV6 } = lab
let harness: InterfaceHarness
beforeEach(() => {
  harness = new InterfaceHarness()
})

describe('ICMP errors received', () => {
  function quoteOf(source: string, destination: string): Uint8Array {
    return ipv4(
      { source, destination, protocol: 6, totalLength: 1500 },
      tcp(source, destination, 16),
    )
  }
  function error(type: number, code: number, rest: number, quote: Uint8Array): Uint8Array {
    const message = icmpv4(type, code, rest, quote)
    const fields = { source: '10.0.0.1', destination: OUR_IPV4, protocol: 1 }
    return lab.fromPeer(0x800, ipv4(fields, message))
  }

  it.each([
    [3, 0, 0, 'soft', 0],
    [3, 1, 0, 'soft', 0],
    [3, 5, 0, 'soft', 0],
    [11, 0, 0, 'soft', 0],
    [12, 0, 0, 'soft', 0],
    [3, 2, 0, 'hard', 0],
    [3, 3, 0, 'hard', 0],
    [3, 13, 0, 'hard', 0],
    [3, 4, 1400, 'mtu', 1400],
    [3, 4, 552, 'mtu', 552],
    [3, 4, 551, 'mtu', 552],
    [3, 4, 67, 'mtu', 552],
    [3, 4, 0, 'mtu', 552],
    [3, 4, 68, 'mtu', 552],
  ])('type %i code %i rest %i is %s with MTU %i', (type, code, rest, kind, mtu) => {
    expect(harness.deliver(error(type, code, rest, quoteOf(OUR_IPV4, PEER_IPV4)))).toEqual([])
    expect(harness.tcp.errors).toEqual([
      {
        ipVersion: 4,
        kind,
        mtu,
        isBelowFloor: code === 4 && rest < 552,
        isProven: false,
        interfaceIndex: 0,
        arrivalIndex: 0,
        source: lab.address(OUR_IPV4),
        destination: lab.address(PEER_IPV4),
        sourcePort: 4000,
        destinationPort: 80,
        sequenceNumber: 1,
      },
    ])
  })

  it('ignores an error about a packet of another address than the one it came to', () => {
    harness.iface.addAddress({ address: lab.address('10.0.0.77'), prefixLength: 24 }, harness.nowMs)
    harness.advance(0)
    harness.device.takeSent()
    expect(harness.deliver(error(3, 4, 1400, quoteOf('10.0.0.77', PEER_IPV4)))).toEqual([])
    expect(harness.tcp.errors).toEqual([])
    expect(harness.iface.counters.icmpErrorUnrelated).toBe(1)
    expect(harness.deliver(error(3, 4, 1400, quoteOf(OUR_IPV4, PEER_IPV4)))).toEqual([])
    expect(harness.tcp.errors).toHaveLength(1)
  })

  it('believes Packet Too Big from 1280 up to below the link MTU (RFC 8201 §4)', () => {
    const quote = ipv6(
      { source: OUR_IPV6, destination: PEER_IPV6, nextHeader: 6, payloadLength: 1460 },
      tcp(OUR_IPV6, PEER_IPV6, 16),
    )
    for (const mtu of [0, 1279, 1280, 1499, 1500, 65535, 0xffffffff]) {
      const message = icmpv6('fe80::1', OUR_IPV6, 2, 0, concat(be32(mtu), quote))
      const packet = ipv6({ source: 'fe80::1', destination: OUR_IPV6, nextHeader: 58 }, message)
      harness.deliver(lab.fromPeer(0x86dd, packet))
    }
    expect(harness.tcp.errors.map(({ kind, mtu }) => [kind, mtu])).toEqual([
      ['mtu', 1280],
      ['mtu', 1499],
    ])
    expect(harness.iface.counters.icmpIgnored).toBe(5)
  })

  it.each([
    ['a packet of somebody else', quoteOf('10.0.0.77', PEER_IPV4)],
    ['seven bytes of transport', quoteOf(OUR_IPV4, PEER_IPV4).subarray(0, 27)],
    ['a header length beyond the quote', concat([0x4f], quoteOf(OUR_IPV4, PEER_IPV4).subarray(1))],
    ['a header length of 4', concat([0x41], quoteOf(OUR_IPV4, PEER_IPV4).subarray(1))],
    ['another version', concat([0x65], quoteOf(OUR_IPV4, PEER_IPV4).subarray(1))],
    ['nothing', new Uint8Array(0)],
  ])('ignores an error that quotes %s', (_, quote) => {
    expect(harness.deliver(error(3, 3, 0, quote))).toEqual([])
    expect(harness.tcp.errors).toEqual([])
    expect(harness.iface.counters.icmpErrorUnrelated).toBe(1)
  })
})
