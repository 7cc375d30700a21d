/** Rows 38 to 45 and 52 to 54 of the corpus: IPv6 but fragments. */
import { be16, concat, icmpv6 } from '../../support/frames.ts'
import {
  chain,
  datagram6,
  ECHOED6,
  echo6,
  GUEST6,
  type HostileInput,
  type InputRow,
  icmp6Answer,
  inputs,
  padding,
  six,
} from './hostile-input.ts'

/**
 * Action bits of the option type, RFC 8200 §4.2: skip, discard, and both that call for a Parameter
 * Problem.
 */
const option = (type: number) => [58, 0, type, 4, 0, 0, 0, 0]

const ALL_NODES = 'ff02::1'
const ALL_NODES_MAC = '33:33:00:00:00:01'

const toGroup = (nextHeader: number, ...parts: ArrayLike<number>[]) =>
  six({ nextHeader, destination: ALL_NODES }, concat(...parts), ALL_NODES_MAC)

const echoFrom = (source: string) => six({ source }, icmpv6(source, GUEST6, 128, 0, [0, 0, 0, 1]))

export const IPV6_INPUTS: HostileInput[] = [
  ...inputs('ping6', [
    [38, 'version 4', () => six({ version: 4 })],
    [38, 'a payload length beyond the frame', () => six({ payloadLength: 500 })],
    [38, 'a payload length of 65,535', () => six({ payloadLength: 65_535 })],
    [38, 'a payload length of 0', () => six({ payloadLength: 0 })],
    [
      38,
      'a payload length that ends in the chain',
      () => six({ nextHeader: 60, payloadLength: 7 }, concat(padding(58), echo6)),
    ],
    [
      39,
      'hop-by-hop options that are not first',
      () => chain(60, padding(0), padding(58), echo6),
      { answer: icmp6Answer(4, 1, 40) },
    ],
    [
      39,
      'hop-by-hop options twice',
      () => chain(0, padding(0), padding(58), echo6),
      { answer: icmp6Answer(4, 1, 40) },
    ],
    [
      40,
      'a chain of 100 headers',
      () =>
        chain(
          60,
          ...Array.from({ length: 100 }, (_, index) => padding(index === 99 ? 58 : 60)),
          echo6,
        ),
    ],
    [
      40,
      '33 options in a header',
      () => chain(60, [58, 8, ...Array.from({ length: 35 }, () => [0x1e, 0]).flat()], echo6),
    ],
    [
      41,
      'an extension header of 255 units past the end',
      () => chain(60, [58, 255, 1, 4, 0, 0, 0, 0], echo6),
    ],
    [
      41,
      'an extension header longer than the packet (CVE-2020-17442)',
      () => chain(0, [58, 2, 1, 4, 0, 0, 0, 0], [0, 0]),
    ],
    [
      42,
      'an option past its header (CVE-2020-17445)',
      () => chain(60, [58, 0, 1, 5, 0, 0, 0, 0], echo6),
    ],
    [42, 'an option whose length is not there', () => chain(60, [58, 0, 1, 3, 0, 0, 0, 1], echo6)],
    [
      43,
      'an unknown option that may be skipped',
      () => chain(60, option(0x1e), echo6),
      { answer: ECHOED6, isUncounted: true },
    ],
    [43, 'an unknown option that discards', () => chain(60, option(0x5e), echo6)],
    [
      43,
      'an unknown option that is a problem',
      () => chain(60, option(0x9e), echo6),
      { answer: icmp6Answer(4, 2, 42) },
    ],
    [
      43,
      'an unknown option that is a problem for one host',
      () => chain(60, option(0xde), echo6),
      { answer: icmp6Answer(4, 2, 42) },
    ],
    [43, 'an unknown option that discards, to a group', () => toGroup(60, option(0x5e), echo6)],
    [
      43,
      'an unknown option that is a problem, to a group',
      () => toGroup(60, option(0x9e), echo6),
      { answer: icmp6Answer(4, 2, 42) },
    ],
    [
      43,
      'an unknown option that is a problem for one host, to a group',
      () => toGroup(60, option(0xde), echo6),
    ],
    [
      44,
      'a routing header of type 0 with a segment left (CVE-2020-11897)',
      () => chain(43, [58, 2, 0, 1], new Uint8Array(20), echo6),
      { answer: icmp6Answer(4, 0, 42) },
    ],
    [45, 'data behind "no next header"', () => chain(59, echo6)],
    ...[ALL_NODES, '::1', '::ffff:10.0.0.9', GUEST6, '::'].map(
      (source): InputRow => [52, `a ping from ${source}`, () => echoFrom(source)],
    ),
    [
      53,
      'a jumbo payload',
      () => chain(0, [58, 0, 0xc2, 4, 0, 1, 0, 0], echo6),
      { answer: icmp6Answer(4, 2, 42) },
    ],
    [
      23,
      'an unknown next header',
      () => six({ nextHeader: 253 }, new Uint8Array(8)),
      { answer: icmp6Answer(4, 1, 6) },
    ],
  ]),
  ...inputs('udp6', [
    [
      54,
      'UDP without a checksum',
      () => datagram6((message) => concat(message.subarray(0, 6), be16(0), message.subarray(8))),
    ],
  ]),
]
