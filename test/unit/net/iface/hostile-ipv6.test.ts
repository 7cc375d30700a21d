/** IPv6 packets that must not matter, or call for a Parameter Problem (RFC 8200, RFC 4443). */
import { describe, expect, it } from 'vitest'
import { be32, concat, icmpv6, tcp } from '../../../support/frames.ts'
import {
  corpus,
  echo6,
  expectDropped,
  expectPrefixesDropped,
  expectTwinAnswered,
  harness,
  type Reason,
  setUpHarness,
  six,
} from '../../../support/hostile-corpus.ts'
import { OUR_IPV6, PEER_IPV6 } from '../../../support/interface-harness.ts'

setUpHarness()

describe('IPv6', () => {
  const chain = (nextHeader: number, ...parts: ArrayLike<number>[]) =>
    six({ nextHeader }, concat(...parts))
  const padding = (next: number) => [next, 0, 1, 4, 0, 0, 0, 0]
  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => padding(index === count - 1 ? 58 : 60))
  /** A header of options that name `next`, padded to a multiple of 8. */
  const options = (next: number, ...parts: number[][]) => {
    const bytes = parts.flat()
    while ((bytes.length + 2) % 8 !== 0) bytes.push(0)
    return [next, (bytes.length + 2) / 8 - 1, ...bytes]
  }
  const manyOptions = (count: number, next = 58) =>
    options(next, ...Array.from({ length: count }, () => [0x1e, 0]))
  const pad1 = (count: number) => new Array<number>(count).fill(0)
  const padN = (length: number) => [1, length - 2, ...pad1(length - 2)]
  const UNKNOWN = [0x1e, 0]
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
    // RFC 8504 §5.3: eight options; RFC 4942 §2.1.9.5: no more padding than alignment takes.
    ['nine destination options', () => chain(60, manyOptions(9), echo6()), 'ipv6TooManyOptions'],
    ['nine hop-by-hop options', () => chain(0, manyOptions(9), echo6()), 'ipv6TooManyOptions'],
    [
      'nine destination options in two headers',
      () => chain(60, manyOptions(5, 60), manyOptions(4), echo6()),
      'ipv6TooManyOptions',
    ],
    [
      '1,406 Pad1 in one header',
      () => chain(60, options(58, pad1(1406)), echo6()),
      'ipv6TooManyOptions',
    ],
    [
      'eight Pad1 among hop-by-hop options',
      () => chain(0, options(58, pad1(8), UNKNOWN), echo6()),
      'ipv6TooManyOptions',
    ],
    [
      'a PadN of eight octets',
      () => chain(60, options(58, padN(8), UNKNOWN), echo6()),
      'ipv6TooManyOptions',
    ],
    [
      'a PadN of 257 octets, the longest',
      () => chain(0, options(58, padN(257), UNKNOWN), echo6()),
      'ipv6TooManyOptions',
    ],
    [
      'eight octets of PadN and Pad1 in a row',
      () => chain(60, options(58, UNKNOWN, padN(3), pad1(2), padN(3), UNKNOWN), echo6()),
      'ipv6TooManyOptions',
    ],
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
    [
      'a last fragment without octets',
      () => chain(44, [58, 0, 0, 8, 0, 0, 0, 1]),
      'fragmentMalformed',
    ],
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

  it('answers eight headers, eight options of each kind, and seven octets of padding between them', () => {
    const padded = options(58, ...Array.from({ length: 8 }, () => [...padN(7), ...UNKNOWN]))
    for (const accepted of [
      chain(60, ...many(8), echo6()),
      chain(60, manyOptions(8), echo6()),
      chain(0, manyOptions(8, 60), manyOptions(8), echo6()),
      chain(60, padded, echo6()),
      chain(0, options(58, pad1(7), UNKNOWN, pad1(5), padN(2), UNKNOWN), echo6()),
    ]) {
      expect(harness.deliver(accepted)).toHaveLength(1)
    }
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
      chain(44, [58, 0, 0, 1, 0, 0, 0, 1], [128]),
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

  it('sends no error about an ICMPv6 error or redirect, wherever in the chain that lies (RFC 4443 §2.4)', () => {
    const bad = [60, 0, 0x9e, 4, 0, 0, 0, 0]
    for (const type of [1, 4, 100, 137]) {
      const error = icmpv6(PEER_IPV6, OUR_IPV6, type, 0, new Uint8Array(60))
      expectDropped(chain(60, bad, padding(58), error), 'ipv6ParameterProblem')
    }
    expectDropped(chain(60, bad, [58, 200, 1, 4, 0, 0, 0, 0], message), 'ipv6ParameterProblem')
    expect(harness.deliver(chain(60, bad, padding(58), message))).toHaveLength(1)
  })

  it('sends no error to nobody (RFC 4443 §2.4 (e.6))', () => {
    const bad = concat([58, 0, 0x9e, 4, 0, 0, 0, 0], message)
    expectDropped(six({ source: '::', nextHeader: 60 }, bad), 'ipv6ParameterProblem')
    expectTwinAnswered('ipv6')
  })

  it('is silent about an option with action 11, or a bad routing header, sent to a group', () => {
    expectDropped(group(60, [58, 0, 0xde, 4, 0, 0, 0, 0], message), 'ipv6ParameterProblem')
    expectDropped(group(43, [58, 0, 4, 1, 0, 0, 0, 0], message), 'ipv6ParameterProblem')
  })
})
