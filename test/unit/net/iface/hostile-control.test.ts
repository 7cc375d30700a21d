/**
 * Neighbor discovery, ICMP and ICMPv6 messages that must not matter (RFC 4861, RFC 1122 §3.2.2, RFC
 * 4443).
 */
import { describe, expect, it } from 'vitest'
import { be32, concat, icmpv4, icmpv6, ip, ipv4, mac, tcp } from '../../../support/frames.ts'
import {
  corpus,
  echo,
  echo6,
  expectDropped,
  expectTwinAnswered,
  four,
  harness,
  NOBODY,
  SOLICITED,
  SOLICITED_MAC,
  setUpHarness,
  six,
  solicitation,
} from '../../../support/hostile-corpus.ts'
import {
  BROADCAST_MAC,
  OUR_IPV4,
  OUR_IPV6,
  PEER_IPV4,
  PEER_IPV6,
  PEER_MAC,
} from '../../../support/interface-harness.ts'

setUpHarness()

describe('neighbor discovery', () => {
  const cut = (length: number) => {
    const body = concat(be32(0), ip(OUR_IPV6)).subarray(0, length - 4)
    const message = icmpv6(PEER_IPV6, SOLICITED, 135, 0, body)
    return six({ destination: SOLICITED, hopLimit: 255 }, message, SOLICITED_MAC)
  }
  const atomic = () => {
    const body = concat(be32(0), ip(OUR_IPV6))
    const message = icmpv6(PEER_IPV6, SOLICITED, 135, 0, body)
    const fields = { destination: SOLICITED, hopLimit: 255, nextHeader: 44 }
    return six(fields, concat([58, 0, 0, 0, 0, 0, 0, 1], message), SOLICITED_MAC)
  }
  const router = (type: number, source: string, body: number[], hopLimit = 255) => {
    const message = icmpv6(source, OUR_IPV6, type, 0, body)
    return six({ source, hopLimit }, message)
  }
  const zeros = (count: number) => new Array<number>(count).fill(0)
  it('answers who asks for the address itself in a frame to its group', () => {
    const message = icmpv6(PEER_IPV6, OUR_IPV6, 135, 0, concat(be32(0), ip(OUR_IPV6)))
    const asked = harness.deliver(six({ hopLimit: 255 }, message, SOLICITED_MAC))
    expect(asked).toHaveLength(1)
  })

  corpus('ndp', [
    ['hop limit 254', () => solicitation({ hopLimit: 254 }), 'ndpInvalid'],
    ['code 1', () => solicitation({ code: 1 }), 'ndpInvalid'],
    [
      'an option of length 0 (NuttX)',
      () => solicitation({ options: [1, 0, 0, 0, 0, 0, 0, 0] }),
      'ndpInvalid',
    ],
    [
      'an option past the end',
      () => solicitation({ options: [1, 2, 0, 0, 0, 0, 0, 0] }),
      'ndpInvalid',
    ],
    ['half an option', () => solicitation({ options: [1] }), 'ndpInvalid'],
    ['a multicast target', () => solicitation({ target: 'ff02::1' }), 'ndpInvalid'],
    [
      'a multicast link-layer address',
      () => solicitation({ options: [1, 1, ...mac(SOLICITED_MAC)] }),
      'ndpInvalid',
    ],
    [
      'a zero link-layer address',
      () => solicitation({ options: [1, 1, ...mac(NOBODY)] }),
      'ndpInvalid',
    ],
    ['no source but a link-layer address', () => solicitation({ source: '::' }), 'ndpInvalid'],
    [
      'no source, and not to the solicited-node group',
      () => solicitation({ source: '::', destination: OUR_IPV6, options: [] }),
      'ndpInvalid',
    ],
    ['a question for somebody else', () => solicitation({ target: '2001:db8::3' }), 'ndpIgnored'],
    ['a solicitation of 23 bytes', () => cut(23), 'ndpInvalid'],
    ['a solicitation of 8 bytes', () => cut(8), 'ndpInvalid'],
    ['a solicitation in an atomic fragment (RFC 6980)', atomic, 'ndpInvalid'],
    [
      'an advertisement nobody asked for',
      () => solicitation({ type: 136, target: PEER_IPV6, options: [2, 1, ...mac(PEER_MAC)] }),
      'ndpIgnored',
    ],
    [
      'a solicited advertisement to a group',
      () => solicitation({ type: 136, target: PEER_IPV6, flags: 0x40000000 }),
      'ndpInvalid',
    ],
    [
      'an advertisement for a group',
      () => solicitation({ type: 136, target: 'ff02::1' }),
      'ndpInvalid',
    ],
    [
      'a router advertisement of a global source',
      () => router(134, PEER_IPV6, zeros(12)),
      'ndpInvalid',
    ],
    ['a router advertisement of 15 bytes', () => router(134, 'fe80::1', zeros(11)), 'ndpInvalid'],
    [
      'a router advertisement from beyond the link',
      () => router(134, 'fe80::1', zeros(12), 64),
      'ndpInvalid',
    ],
    ['a redirect of a global source', () => router(137, PEER_IPV6, zeros(36)), 'ndpInvalid'],
    ['a redirect of 39 bytes', () => router(137, 'fe80::1', zeros(35)), 'ndpInvalid'],
    ['a redirect, valid as it is', () => router(137, 'fe80::1', zeros(36)), 'ndpIgnored'],
  ])

  it('does not remember a neighbor that is not on the link', () => {
    const frame = solicitation({ source: '2a00::1' })
    expect(harness.deliver(frame)).toHaveLength(1)
    expect(harness.iface.neighbors.entries).toHaveLength(0)
  })
})

describe('ICMP', () => {
  const quote = ipv4(
    { source: OUR_IPV4, destination: PEER_IPV4, protocol: 6 },
    tcp(OUR_IPV4, PEER_IPV4, 16),
  )
  const bad = (message: Uint8Array) => {
    const copy = Uint8Array.from(message)
    copy[2]! ^= 1
    return copy
  }
  corpus('ipv4', [
    ['seven bytes', () => four({}, [8, 0, 0xf7, 0xff, 0, 0, 0]), 'icmpMalformed'],
    ['nothing at all', () => four({}, []), 'icmpMalformed'],
    ['a bad checksum', () => four({}, bad(echo)), 'icmpBadChecksum'],
    ['echo with a code', () => four({}, icmpv4(8, 1, 1)), 'icmpIgnored'],
    ['source quench (RFC 6633)', () => four({}, icmpv4(4, 0, 0, quote)), 'icmpIgnored'],
    ['a redirect', () => four({}, icmpv4(5, 1, 0x0a000007, quote)), 'icmpIgnored'],
    ['a timestamp request', () => four({}, icmpv4(13, 0, 0, new Uint8Array(12))), 'icmpIgnored'],
    [
      'an address mask reply (CVE-2020-11911)',
      () => four({}, icmpv4(18, 0, 0, [255, 0, 0, 0])),
      'icmpIgnored',
    ],
    [
      'a router advertisement for IPv4',
      () => four({}, icmpv4(9, 0, 0, new Uint8Array(8))),
      'icmpIgnored',
    ],
    ['an unknown type', () => four({}, icmpv4(200, 0, 0)), 'icmpIgnored'],
    ['an unknown code of unreachable', () => four({}, icmpv4(3, 77, 0, quote)), 'icmpIgnored'],
    ['a path MTU above the link', () => four({}, icmpv4(3, 4, 65535, quote)), 'icmpIgnored'],
    [
      'an error about ICMP nobody sent',
      () =>
        four(
          {},
          icmpv4(
            3,
            1,
            0,
            ipv4({ source: OUR_IPV4, destination: PEER_IPV4, protocol: 1 }, icmpv4(3, 1, 0, quote)),
          ),
        ),
      'icmpErrorUnrelated',
    ],
    [
      'an error about a later fragment',
      () =>
        four(
          {},
          icmpv4(
            3,
            1,
            0,
            ipv4(
              { source: OUR_IPV4, destination: PEER_IPV4, protocol: 6, flagsAndOffset: 1 },
              new Uint8Array(20),
            ),
          ),
        ),
      'icmpErrorUnrelated',
    ],
  ])

  it('answers no ping to broadcast or multicast (smurf), nor one in a broadcast frame', () => {
    const sentTo = (destination: string) =>
      concat(mac(BROADCAST_MAC), four({ destination }).subarray(6))
    for (const destination of ['10.0.0.255', '255.255.255.255', '224.0.0.1']) {
      expectDropped(sentTo(destination), 'icmpIgnored')
    }
    expectDropped(sentTo(OUR_IPV4), 'ipv4InGroupFrame')
    expectTwinAnswered('ipv4')
  })

  const six4 = (type: number, code: number, body: ArrayLike<number>) =>
    six({}, icmpv6(PEER_IPV6, OUR_IPV6, type, code, body))
  corpus('ipv6', [
    ['ICMPv6 of three bytes', () => six({}, [128, 0, 0]), 'icmpMalformed'],
    ['ICMPv6 with a bad checksum', () => six({}, bad(echo6())), 'icmpBadChecksum'],
    [
      'ICMPv6 checksummed without its pseudo-header',
      () => six({}, icmpv4(128, 0, 1)),
      'icmpBadChecksum',
    ],
    ['ICMPv6 echo with a code', () => six4(128, 1, be32(1)), 'icmpIgnored'],
    ['an unknown informational type', () => six4(200, 0, be32(1)), 'icmpIgnored'],
    ['an unknown error type', () => six4(100, 0, be32(1)), 'icmpIgnored'],
    ['an error with no quote', () => six4(1, 4, be32(0)), 'icmpErrorUnrelated'],
    ['Packet Too Big of 1279', () => six4(2, 0, be32(1279)), 'icmpIgnored'],
  ])
})
