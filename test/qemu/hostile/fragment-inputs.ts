/**
 * Rows 27 to 37, 46 to 51 and 100 of the corpus: fragments of both families (RFC 791, RFC 8200
 * §4.5, RFC 5722, RFC 6946).
 */
import { be16, be32, concat, icmpv4, icmpv6, tcp, udp } from '../../support/frames.ts'
import {
  type Answer,
  chain,
  ECHOED6,
  four,
  fragmentHeader,
  GUEST4,
  GUEST6,
  type HostileInput,
  icmp6Answer,
  inputs,
  isIpv4Of,
  isIpv6Of,
  padding,
  TESTER4,
  TESTER6,
  times,
} from './hostile-input.ts'

const MORE = 0x2000
/** 1,500 octets of an echo: two fragments' worth. */
const LONG = 1_496

const long4 = icmpv4(8, 0, 0x00780001, new Uint8Array(LONG))
const long6 = icmpv6(TESTER6, GUEST6, 128, 0, concat(be32(0x00780001), new Uint8Array(LONG)))

/** A piece of an IPv4 datagram, from octet `from` to before `to`. */
function piece4(
  id: number,
  datagram: Uint8Array,
  from: number,
  to: number,
  more = to < datagram.length,
): Uint8Array {
  const fields = { identification: id, flagsAndOffset: (more ? MORE : 0) | (from >> 3) }
  return four(fields, datagram.subarray(from, to))
}

function piece6(
  id: number,
  datagram: Uint8Array,
  from: number,
  to: number,
  more = to < datagram.length,
  next = 58,
): Uint8Array {
  return chain(44, fragmentHeader(next, from, more, id), datagram.subarray(from, to))
}

/** Whole in the end: echoed, itself in fragments or in one piece. */
const whole4: Answer = { name: 'an echo', matches: (frame) => isIpv4Of(1, frame), atMost: 3 }
const whole6: Answer = {
  name: 'an echo',
  matches: (frame) => isIpv6Of(44, frame) || ECHOED6.matches(frame),
  atMost: 3,
}

const segment = (): Uint8Array => tcp(TESTER4, GUEST4, 2, new Uint8Array(24))
const conflicting = (datagram: Uint8Array): Uint8Array =>
  datagram.map((octet, index) => (index < 8 ? octet : octet ^ 0xff))

export const FRAGMENT_INPUTS: HostileInput[] = [
  ...inputs('ping4', [
    [
      27,
      'a first fragment of 8 octets that splits the TCP header',
      () =>
        four({ protocol: 6, identification: 1, flagsAndOffset: MORE }, segment().subarray(0, 8)),
      { isUncounted: true },
    ],
    [
      28,
      'an exact duplicate',
      () => [piece4(2, long4, 0, 752), piece4(2, long4, 0, 752), piece4(2, long4, 752, 1504)],
      { answer: whole4, isUncounted: true },
    ],
    [
      28,
      'the last one first',
      () => [piece4(3, long4, 752, 1504), piece4(3, long4, 0, 752)],
      { answer: whole4, isUncounted: true },
    ],
    [
      29,
      'teardrop: the second one inside of the first',
      () => [piece4(4, long4, 0, 752), piece4(4, long4, 24, 48, false)],
    ],
    [
      29,
      'an overlap with other octets',
      () => [piece4(5, long4, 0, 752), piece4(5, conflicting(long4), 744, 1504)],
    ],
    [
      30,
      'an offset of 65,528 and data beyond 65,535',
      () => four({ identification: 6, flagsAndOffset: 0x1fff }, new Uint8Array(100)),
    ],
    [
      31,
      'a last fragment of nothing',
      () => [piece4(7, long4, 0, 752), four({ identification: 7, flagsAndOffset: 752 >> 3 }, [])],
    ],
    [
      32,
      'a first fragment of 9 octets',
      () => four({ identification: 8, flagsAndOffset: MORE }, long4.subarray(0, 9)),
    ],
    [
      33,
      'two different ends',
      () => [piece4(9, long4, 752, 1504), piece4(9, long4, 752, 1000, false)],
    ],
    [
      34,
      '20,000 first fragments',
      () => times(20_000, (index) => piece4(index & 0xffff, long4, 0, 64)),
    ],
    [
      35,
      '64 KiB in pieces of 8 octets, the last one first (CVE-2018-5391)',
      () => {
        const datagram = icmpv4(8, 0, 0x00790001, new Uint8Array(65_480))
        const count = datagram.length >> 3
        return times(count, (index) => {
          const at = (count - 1 - index) * 8
          return piece4(10, datagram, at, at + 8)
        })
      },
      { answer: { ...whole4, isOptional: true, atMost: 50 }, isUncounted: true },
    ],
    [
      36,
      'fragments of different protocols',
      () => [
        piece4(11, long4, 0, 752),
        four({ protocol: 17, identification: 11, flagsAndOffset: 752 >> 3 }, long4.subarray(752)),
      ],
      { isUncounted: true },
    ],
    [
      37,
      'a header length that differs (CVE-2020-17438)',
      () => [
        piece4(12, long4, 0, 752),
        four(
          { identification: 12, flagsAndOffset: 752 >> 3, options: [1, 1, 1, 0] },
          long4.subarray(752),
        ),
      ],
      { answer: { ...whole4, isOptional: true }, isUncounted: true },
    ],
    [26, 'DF with an offset', () => four({ flagsAndOffset: 0x4001 }), { isUncounted: true }],
    [
      100,
      'TCP in fragments over each other',
      () => [
        four({ protocol: 6, identification: 13, flagsAndOffset: MORE }, segment().subarray(0, 24)),
        four({ protocol: 6, identification: 13, flagsAndOffset: 2 }, segment().subarray(16)),
      ],
    ],
  ]),
  ...inputs('ping6', [
    [
      46,
      'a fragment whose length is no multiple of 8',
      () => piece6(1, long6, 0, 761, true),
      { answer: icmp6Answer(4, 0, 4) },
    ],
    [
      47,
      'a fragment beyond 65,535',
      () => chain(44, fragmentHeader(58, 65_528, false, 2), new Uint8Array(100).fill(0x80)),
      { answer: icmp6Answer(4, 0, 42) },
    ],
    [
      48,
      'any overlap, even of equal octets (RFC 5722)',
      () => [piece6(3, long6, 0, 752), piece6(3, long6, 744, 1504)],
    ],
    [
      48,
      'two first fragments',
      () => [piece6(4, long6, 0, 752), piece6(4, long6, 0, 744), piece6(4, long6, 752, 1504)],
    ],
    [
      49,
      'an atomic fragment while others of its number wait (RFC 6946)',
      () => [
        piece6(5, long6, 0, 752),
        chain(
          44,
          fragmentHeader(58, 0, false, 5),
          icmpv6(TESTER6, GUEST6, 128, 0, be32(0x00780002)),
        ),
      ],
      { answer: ECHOED6, isUncounted: true },
    ],
    [
      50,
      'a first fragment without the upper header',
      () => chain(44, fragmentHeader(60, 0, true, 6), padding(58)),
      { answer: icmp6Answer(4, 3) },
    ],
    [
      51,
      'fragments in each other',
      () =>
        chain(
          44,
          fragmentHeader(44, 0, false, 7),
          fragmentHeader(58, 0, false, 8),
          long6.subarray(0, 752),
        ),
    ],
    [
      27,
      'a whole datagram in two pieces',
      () => [piece6(9, long6, 752, 1504), piece6(9, long6, 0, 752)],
      { answer: whole6, isUncounted: true },
    ],
  ]),
  ...inputs('udp4', [
    [
      78,
      'a datagram of 2,000 octets in pieces, whose length lies',
      () => {
        const message = udp(TESTER4, GUEST4, 4000, 7, new Uint8Array(1_992))
        message.set(be16(2_100), 4)
        return [
          four(
            { protocol: 17, identification: 20, flagsAndOffset: MORE },
            message.subarray(0, 1_000),
          ),
          four({ protocol: 17, identification: 20, flagsAndOffset: 125 }, message.subarray(1_000)),
        ]
      },
    ],
  ]),
]
