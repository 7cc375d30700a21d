/**
 * Malformed and hostile frames: each is counted by its reason, answered by nothing, changes nothing, and does not
 * keep its valid twin from being answered. RFC sections and CVEs are those of the bug class each input stands for.
 */
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import type { InterfaceCounters } from '../../../../net/iface/interface-counters.ts'
import {
  arp,
  be16,
  be32,
  concat,
  ethernet,
  type Ipv4Fields,
  type Ipv6Fields,
  icmpv4,
  icmpv6,
  ip,
  ipv4,
  ipv6,
  mac,
  tcp,
  udp,
} from '../../../support/frames.ts'
import * as lab from '../../../support/interface-harness.ts'
import { InterfaceHarness } from '../../../support/interface-harness.ts'

const { OUR_MAC, PEER_MAC, OUR_IPV4, PEER_IPV4, OUR_IPV6, PEER_IPV6, BROADCAST_MAC } = lab
const NOBODY = '00:00:00:00:00:00'
const SOLICITED = 'ff02::1:ff00:2'
const SOLICITED_MAC = '33:33:ff:00:00:02'
type Reason = keyof InterfaceCounters

let harness: InterfaceHarness
beforeEach(() => {
  harness = new InterfaceHarness()
})

const echo = icmpv4(8, 0, 1, [1, 2, 3])

function four(fields: Partial<Ipv4Fields>, payload: ArrayLike<number> = echo): Uint8Array {
  const base = { source: PEER_IPV4, destination: OUR_IPV4, protocol: 1 }
  return lab.fromPeer(0x800, ipv4({ ...base, ...fields }, payload))
}

function six(fields: Partial<Ipv6Fields>, payload: ArrayLike<number>, link = OUR_MAC): Uint8Array {
  const base = { source: PEER_IPV6, destination: OUR_IPV6, nextHeader: 58 }
  return concat(ethernet(link, PEER_MAC, 0x86dd), ipv6({ ...base, ...fields }, payload))
}

function echo6(source = PEER_IPV6, destination = OUR_IPV6): Uint8Array {
  return icmpv6(source, destination, 128, 0, be32(1))
}

function question(hardware = PEER_MAC, sender = PEER_IPV4, target = OUR_IPV4): Uint8Array {
  return concat(ethernet(BROADCAST_MAC, PEER_MAC, 0x806), arp(1, hardware, sender, NOBODY, target))
}

interface Solicitation {
  source?: string
  destination?: string
  target?: string
  options?: number[]
  hopLimit?: number
  code?: number
  type?: number
  flags?: number
}

function solicitation(fields: Solicitation = {}): Uint8Array {
  const { source = PEER_IPV6, destination = SOLICITED, target = OUR_IPV6 } = fields
  const { hopLimit = 255, options = [1, 1, ...mac(PEER_MAC)], code = 0 } = fields
  const body = concat(be32(fields.flags ?? 0), ip(target), options)
  const message = icmpv6(source, destination, fields.type ?? 135, code, body)
  return six({ source, destination, hopLimit }, message, SOLICITED_MAC)
}

const VALID = {
  arp: () => question(),
  ipv4: () => four({}),
  ipv6: () => six({}, echo6()),
  ndp: () => solicitation(),
}

function expectTwinAnswered(kind: keyof typeof VALID): void {
  expect(harness.deliver(VALID[kind]())).toHaveLength(1)
}

/** Delivers a frame that must change one counter and nothing else. */
function expectDropped(frame: Uint8Array, reason: Reason): void {
  const before = harness.snapshot()
  const neighbors = harness.iface.neighbors.entries.length
  expect(harness.deliver(frame)).toEqual([])
  expect(harness.changes(before)).toEqual({ [reason]: 1 })
  expect(harness.iface.neighbors.entries).toHaveLength(neighbors)
  expect(harness.tcp.packets).toEqual([])
  expect(harness.tcp.errors).toEqual([])
}

function corpus(kind: keyof typeof VALID, cases: [string, () => Uint8Array, Reason][]): void {
  it.each(cases)('drops %s', (_name, build, reason) => {
    expectDropped(build(), reason)
    expectTwinAnswered(kind)
  })
}

/** Every proper prefix of the frame, which must end in one of the reasons. */
function expectPrefixesDropped(frame: Uint8Array, length: number, reasons: Reason[]): void {
  for (let cut = 0; cut < length; cut++) {
    const before = harness.snapshot()
    expect(harness.deliver(frame.subarray(0, cut))).toEqual([])
    const [reason, ...others] = Object.keys(harness.changes(before))
    expect(others).toEqual([])
    expect(reasons).toContain(reason)
  }
  expect(harness.iface.neighbors.entries).toHaveLength(0)
}

describe('Ethernet', () => {
  corpus('ipv4', [
    ['an LLC frame', () => lab.fromPeer(0x05dc, new Uint8Array(60)), 'frameUnknownType'],
    ['a VLAN tag', () => lab.fromPeer(0x8100, VALID.ipv4().subarray(12)), 'frameUnknownType'],
    ['RARP (CVE-2019-12262)', () => lab.fromPeer(0x8035, new Uint8Array(46)), 'frameUnknownType'],
    ['a frame above the MTU', () => concat(VALID.ipv4(), new Uint8Array(1500)), 'frameTooLong'],
    [
      'unicast to another station',
      () => concat(mac('52:54:00:12:34:57'), VALID.ipv4().subarray(6)),
      'frameNotForUs',
    ],
    [
      'a multicast source',
      () => concat(mac(OUR_MAC), mac('01:00:5e:00:00:01'), VALID.ipv4().subarray(12)),
      'frameBadSource',
    ],
    [
      'our own address as source',
      () => concat(mac(OUR_MAC), mac(OUR_MAC), VALID.ipv4().subarray(12)),
      'frameBadSource',
    ],
  ])

  it('drops frames of 0 to 13 bytes (smoltcp #866)', () => {
    expectPrefixesDropped(VALID.ipv4(), 14, ['frameTruncated'])
    expectTwinAnswered('ipv4')
  })

  it('drops a coalesced frame that is not TCP', () => {
    const before = harness.snapshot()
    const frame = four({}, icmpv4(8, 0, 1, new Uint8Array(3000)))
    expect(harness.deliver(frame, { segmentSize: 1460 })).toEqual([])
    expect(harness.changes(before)).toEqual({ frameBadSegmentation: 1 })
    expectTwinAnswered('ipv4')
  })
})

describe('ARP', () => {
  const patched = (offset: number, value: number) => () => {
    const frame = question()
    frame[14 + offset] = value
    return frame
  }
  corpus('arp', [
    ['another hardware type', patched(1, 6), 'arpMalformed'],
    ['another protocol type', patched(2, 0x86), 'arpMalformed'],
    ['another hardware length', patched(4, 8), 'arpMalformed'],
    ['another protocol length', patched(5, 16), 'arpMalformed'],
    ['an unknown operation', patched(7, 9), 'arpIgnored'],
    ['a zero sender hardware address', () => question(NOBODY), 'arpBadSender'],
    ['a broadcast sender hardware address', () => question(BROADCAST_MAC), 'arpBadSender'],
    ['a multicast sender hardware address', () => question('01:00:5e:00:00:01'), 'arpBadSender'],
    ['a loopback sender', () => question(PEER_MAC, '127.0.0.1'), 'arpBadSender'],
    ['a multicast sender', () => question(PEER_MAC, '224.0.0.1'), 'arpBadSender'],
    ['a broadcast sender', () => question(PEER_MAC, '10.0.0.255'), 'arpBadSender'],
    ['a question for somebody else', () => question(PEER_MAC, PEER_IPV4, '10.0.0.3'), 'arpIgnored'],
    [
      'a reply nobody asked for',
      () => lab.fromPeer(0x806, arp(2, PEER_MAC, PEER_IPV4, OUR_MAC, OUR_IPV4)),
      'arpIgnored',
    ],
  ])

  it('drops a packet cut anywhere', () => {
    expectPrefixesDropped(question(), 42, ['frameTruncated', 'arpMalformed'])
    expectTwinAnswered('arp')
  })
})

describe('IPv4', () => {
  const words = (count: number) => () => four({ headerWords: count, checksum: 0 })
  const option = (...options: number[]) => {
    const padded = [...options, ...new Array<number>((4 - (options.length % 4)) % 4).fill(0)]
    return () => four({ options: padded })
  }
  corpus('ipv4', [
    ['version 0', () => four({ version: 0 }), 'ipv4Malformed'],
    ['version 5', () => four({ version: 5 }), 'ipv4Malformed'],
    ['version 6', () => four({ version: 6 }), 'ipv4Malformed'],
    ...[0, 1, 2, 3, 4].map((count): [string, () => Uint8Array, Reason] => [
      `a header of ${count} words (smoltcp 0.13.1)`,
      words(count),
      'ipv4Malformed',
    ]),
    ['a header longer than the packet', words(15), 'ipv4Malformed'],
    [
      'a total length below the header (CVE-2021-31401)',
      () => four({ totalLength: 19 }),
      'ipv4Malformed',
    ],
    ['a total length of 0', () => four({ totalLength: 0 }), 'ipv4Malformed'],
    ['a total length beyond the frame', () => four({ totalLength: 32 }), 'ipv4Malformed'],
    ['the reserved flag', () => four({ flagsAndOffset: 0x8000 }), 'ipv4Malformed'],
    ['a bad header checksum', () => four({ checksum: 0x1234 }), 'ipv4BadChecksum'],
    ['a zero header checksum', () => four({ checksum: 0 }), 'ipv4BadChecksum'],
    ...[
      ...['0.0.0.0', '0.1.2.3', '127.0.0.1', '224.0.0.1', '239.9.9.9', '240.0.0.1'],
      ...['255.255.255.255', '10.0.0.255', OUR_IPV4],
    ].map((source): [string, () => Uint8Array, Reason] => [
      `source ${source}`,
      () => four({ source }),
      'ipv4BadSource',
    ]),
    ['a packet to another host', () => four({ destination: '10.0.0.3' }), 'ipv4NotForUs'],
    ['a packet to a group not joined', () => four({ destination: '224.0.0.251' }), 'ipv4NotForUs'],
    ['a packet to 127.0.0.1', () => four({ destination: '127.0.0.1' }), 'ipv4NotForUs'],
    ['an option of length 0', option(7, 0), 'ipv4BadOptions'],
    ['an option of length 1', option(68, 1), 'ipv4BadOptions'],
    ['an option longer than the header', option(30, 39), 'ipv4BadOptions'],
    ['an option without a length', option(1, 1, 1, 7), 'ipv4BadOptions'],
    ['a record route pointer of 3', option(7, 7, 3, 0, 0, 0, 0), 'ipv4BadOptions'],
    ['a timestamp pointer of 4', option(68, 8, 4, 0xf0, 0, 0, 0, 0), 'ipv4BadOptions'],
    ['a loose source route', option(131, 7, 4, 10, 0, 0, 7), 'ipv4SourceRoute'],
    ['a strict source route', option(137, 7, 4, 10, 0, 0, 7), 'ipv4SourceRoute'],
    ['two source routes (CVE-2019-12256)', option(131, 3, 4, 131, 3, 4, 0, 0), 'ipv4SourceRoute'],
    ['a first fragment', () => four({ flagsAndOffset: 0x2000 }), 'ipv4Fragment'],
    ['a later fragment', () => four({ flagsAndOffset: 0x0001 }), 'ipv4Fragment'],
    ['a fragment at 65528', () => four({ flagsAndOffset: 0x1fff }), 'ipv4Fragment'],
    ['DF with an offset', () => four({ flagsAndOffset: 0x4001 }), 'ipv4Fragment'],
  ])

  it('drops a packet cut anywhere', () => {
    expectPrefixesDropped(VALID.ipv4(), VALID.ipv4().length, ['frameTruncated', 'ipv4Malformed'])
    expectTwinAnswered('ipv4')
  })

  it('survives record route and timestamp options that are full, and answers', () => {
    expect(harness.deliver(option(7, 7, 8, 1, 2, 3, 4)())).toHaveLength(1)
    expect(harness.deliver(option(68, 4, 5, 0xf0)())).toHaveLength(1)
  })

  it('never unpacks IP in IP (CVE-2020-11896)', () => {
    let packet = ipv4({ source: PEER_IPV4, destination: OUR_IPV4, protocol: 1 }, echo)
    for (let depth = 0; depth < 8; depth++) {
      packet = ipv4({ source: PEER_IPV4, destination: OUR_IPV4, protocol: 4 }, packet)
    }
    const [reply] = harness.deliver(lab.fromPeer(0x800, packet))
    // Protocol unreachable, and nothing else.
    expect([...reply!.bytes.subarray(34, 36)]).toEqual([3, 2])
    expect(harness.iface.counters.echoReplies).toBe(0)
  })

  it('never answers with an error what went to a group, or what is an error', () => {
    const group = four({ protocol: 99, destination: '10.0.0.255' })
    expectDropped(concat(mac(BROADCAST_MAC), group.subarray(6)), 'transportUnknown')
    expectDropped(
      concat(mac(BROADCAST_MAC), four({ protocol: 99 }).subarray(6)),
      'transportUnknown',
    )
  })
})

describe('IPv6', () => {
  const chain = (nextHeader: number, ...parts: ArrayLike<number>[]) =>
    six({ nextHeader }, concat(...parts))
  const padding = (next: number) => [next, 0, 1, 4, 0, 0, 0, 0]
  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => padding(index === count - 1 ? 58 : 60))
  const manyOptions = (count: number) => {
    const bytes = Array.from({ length: count }, () => [0x1e, 0]).flat()
    while ((bytes.length + 2) % 8 !== 0) bytes.push(0)
    return [58, (bytes.length + 2) / 8 - 1, ...bytes]
  }
  corpus('ipv6', [
    ['version 4', () => six({ version: 4 }, echo6()), 'ipv6Malformed'],
    [
      'a payload length beyond the frame',
      () => six({ payloadLength: 9 }, echo6()),
      'ipv6Malformed',
    ],
    ['a payload length of 65535', () => six({ payloadLength: 65535 }, echo6()), 'ipv6Malformed'],
    ['a payload length of 0', () => six({ payloadLength: 0 }, echo6()), 'icmpMalformed'],
    [
      'a payload length inside the chain',
      () => six({ nextHeader: 60, payloadLength: 7 }, concat(padding(58), echo6())),
      'ipv6Malformed',
    ],
    ['a chain of 100 headers', () => chain(60, ...many(100), echo6()), 'ipv6ChainTooLong'],
    ['a chain of nine headers', () => chain(60, ...many(9), echo6()), 'ipv6ChainTooLong'],
    ['33 options', () => chain(60, manyOptions(33), echo6()), 'ipv6ChainTooLong'],
    [
      'an extension length past the end',
      () => chain(60, [58, 255, 1, 4, 0, 0, 0, 0], echo6()),
      'ipv6Malformed',
    ],
    [
      'an option past its header (CVE-2020-17445)',
      () => chain(60, [58, 0, 1, 5, 0, 0, 0, 0], echo6()),
      'ipv6Malformed',
    ],
    [
      'an option without a length',
      () => chain(60, [58, 0, 1, 3, 0, 0, 0, 1], echo6()),
      'ipv6Malformed',
    ],
    [
      'an option to be dropped (action 01)',
      () => chain(60, [58, 0, 0x5e, 4, 0, 0, 0, 0], echo6()),
      'ipv6Discarded',
    ],
    ['data after "no next header"', () => chain(59, echo6()), 'ipv6Discarded'],
    [
      'two fragment headers',
      () => chain(44, [44, 0, 0, 0, 0, 0, 0, 1], [58, 0, 0, 0, 0, 0, 0, 1], echo6()),
      'ipv6Malformed',
    ],
    ['a first fragment', () => chain(44, [58, 0, 0, 1, 0, 0, 0, 1], echo6()), 'ipv6Fragment'],
    ['a last fragment', () => chain(44, [58, 0, 0, 8, 0, 0, 0, 1], echo6()), 'ipv6Fragment'],
    ...['ff02::1', '::1', '::ffff:10.0.0.9', OUR_IPV6, '::'].map(
      (source): [string, () => Uint8Array, Reason] => [
        `source ${source}`,
        () => six({ source }, echo6(source)),
        'ipv6BadSource',
      ],
    ),
    [
      'a packet to another host',
      () => six({ destination: '2001:db8::3' }, echo6()),
      'ipv6NotForUs',
    ],
    [
      'a packet to a group not joined',
      () => six({ destination: 'ff02::2' }, echo6()),
      'ipv6NotForUs',
    ],
    [
      "another's solicited-node group",
      () => six({ destination: 'ff02::1:ff00:3' }, echo6()),
      'ipv6NotForUs',
    ],
    [
      'TCP from nobody (smoltcp panic)',
      () => six({ source: '::', nextHeader: 6 }, tcp('::', OUR_IPV6, 2)),
      'ipv6BadSource',
    ],
  ])

  it('drops a packet cut anywhere', () => {
    const frame = chain(60, padding(58), echo6())
    expectPrefixesDropped(frame, frame.length, ['frameTruncated', 'ipv6Malformed'])
    expectTwinAnswered('ipv6')
  })

  it('answers eight headers and 32 options, as many as it walks', () => {
    expect(harness.deliver(chain(60, ...many(8), echo6()))).toHaveLength(1)
    expect(harness.deliver(chain(60, manyOptions(32), echo6()))).toHaveLength(1)
  })

  const group = (nextHeader: number, ...parts: ArrayLike<number>[]) =>
    six({ nextHeader, destination: 'ff02::1' }, concat(...parts), '33:33:00:00:00:01')
  const message = echo6()

  // RFC 8200 §4, RFC 4443 §3.4: type 4, this code, this offset from the start of the IPv6 header.
  it.each([
    [
      'routing header type 0 (RFC 5095)',
      chain(43, [58, 2, 0, 1], new Uint8Array(20), message),
      0,
      42,
    ],
    ['any routing header with segments left', chain(43, [58, 0, 4, 1, 0, 0, 0, 0], message), 0, 42],
    ['hop-by-hop options not first', chain(60, padding(0), padding(58), message), 1, 40],
    ['hop-by-hop options twice', chain(0, padding(0), padding(58), message), 1, 40],
    ['an option with action 10', chain(60, [58, 0, 0x9e, 4, 0, 0, 0, 0], message), 2, 42],
    ['an option with action 11', chain(60, [58, 0, 0xde, 4, 0, 0, 0, 0], message), 2, 42],
    ['a jumbo payload', chain(0, [58, 0, 0xc2, 4, 0, 1, 0, 0], message), 2, 42],
    [
      'an option with action 10 to a group',
      group(60, [58, 0, 0x9e, 4, 0, 0, 0, 0], message),
      2,
      42,
    ],
    [
      'a fragment whose length is no multiple of 8',
      chain(44, [58, 0, 0, 1, 0, 0, 0, 1], [1]),
      0,
      4,
    ],
    ['a fragment beyond 65535', chain(44, [58, 0, 0xff, 0xf8, 0, 0, 0, 1], message), 0, 42],
  ])('answers %s with a Parameter Problem', (_name, frame, code, pointer) => {
    const before = harness.snapshot()
    const [reply, ...rest] = harness.deliver(frame)
    expect(rest).toEqual([])
    const icmp = reply!.bytes.subarray(54)
    expect([...icmp.subarray(0, 2)]).toEqual([4, code])
    expect([...icmp.subarray(4, 8)]).toEqual(be32(pointer))
    expect(icmp.subarray(8)).toEqual(frame.subarray(14))
    expect(harness.changes(before)).toEqual({
      ipv6ParameterProblem: 1,
      icmpErrorsSent: 1,
      framesSent: 1,
    })
    expectTwinAnswered('ipv6')
  })

  it('is silent about an option with action 11, or a bad routing header, sent to a group', () => {
    expectDropped(group(60, [58, 0, 0xde, 4, 0, 0, 0, 0], message), 'ipv6ParameterProblem')
    expectDropped(group(43, [58, 0, 4, 1, 0, 0, 0, 0], message), 'ipv6ParameterProblem')
  })
})

describe('neighbour discovery', () => {
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

  it('does not remember a neighbour that is not on the link', () => {
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
    for (const destination of ['10.0.0.255', '255.255.255.255', '224.0.0.1', OUR_IPV4]) {
      const frame = concat(mac(BROADCAST_MAC), four({ destination }).subarray(6))
      expectDropped(frame, 'icmpIgnored')
    }
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
    harness.iface.register(handler)
    expectDropped(frame, reason)
    expect(handler.packets).toEqual([])
    harness.deliver(udpFrame((message) => message))
    expect(handler.packets).toHaveLength(1)
  })

  it('takes UDP without a checksum over IPv4 but not over IPv6, and cuts it to its own length', () => {
    const handler = new lab.RecordingHandler(17)
    harness.iface.register(handler)
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
