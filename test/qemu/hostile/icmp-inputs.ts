/** Rows 68 to 76 of the corpus: ICMP and ICMPv6. */
import { be16, be32, concat, icmpv4, ipv4, ipv6, tcp } from '../../support/frames.ts'
import {
  chain,
  EVERYBODY,
  echo4,
  echo6,
  four,
  GUEST4,
  GUEST6,
  type HostileInput,
  type InputRow,
  icmp4,
  icmp6,
  inputs,
  padding,
  six,
  TESTER4,
  TESTER6,
} from './hostile-input.ts'

/** What the guest seems to have sent: a segment of a connection that is not there. */
const quote4 = ipv4({ source: GUEST4, destination: TESTER4, protocol: 6 }, tcp(GUEST4, TESTER4, 16))
const quote6 = ipv6(
  { source: GUEST6, destination: TESTER6, nextHeader: 6 },
  tcp(GUEST6, TESTER6, 16),
)

function spoiled(message: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(message)
  copy[2]! ^= 1
  return copy
}

const nextHop = (mtu: number): InputRow => [
  72,
  `a path MTU of ${mtu} for nobody’s connection (CVE-2020-11910)`,
  () => icmp4(3, 4, mtu, quote4),
  { isUncounted: true },
]

export const ICMP_INPUTS: HostileInput[] = [
  ...inputs('ping4', [
    [
      68,
      'an echo cut at each of its first eight octets',
      () => [0, 1, 2, 3, 4, 5, 6, 7].map((length) => four({}, echo4.subarray(0, length))),
    ],
    [68, 'an echo with a bad checksum', () => four({}, spoiled(echo4))],
    [69, 'an echo to the network', () => four({ destination: '10.0.0.255' }, echo4, EVERYBODY)],
    [69, 'an echo to everybody', () => four({ destination: '255.255.255.255' }, echo4, EVERYBODY)],
    [
      69,
      'an echo to all hosts',
      () => four({ destination: '224.0.0.1' }, echo4, '01:00:5e:00:00:01'),
    ],
    [69, 'an echo to the guest in a frame to everybody', () => four({}, echo4, EVERYBODY)],
    [
      70,
      'an error that quotes a header of 15 words',
      () => icmp4(3, 1, 0, concat([0x4f], quote4.subarray(1))),
    ],
    [70, 'an error that quotes seven octets', () => icmp4(3, 1, 0, quote4.subarray(0, 27))],
    [70, 'an error that quotes nothing', () => icmp4(3, 1, 0)],
    [70, 'an error about nobody’s connection', () => icmp4(3, 1, 0, quote4), { isUncounted: true }],
    [
      71,
      'a hard error about nobody’s connection (RFC 5927)',
      () => icmp4(3, 3, 0, quote4),
      { isUncounted: true },
    ],
    ...[0, 1, 67, 68, 65_535].map(nextHop),
    [
      74,
      'an error about an error',
      () =>
        icmp4(
          3,
          1,
          0,
          ipv4({ source: GUEST4, destination: TESTER4, protocol: 1 }, icmpv4(3, 1, 0, quote4)),
        ),
    ],
    ...(
      [
        ['itself', 0x0a000002],
        ['a group', 0xe0000001],
        ['a loop', 0x7f000001],
      ] as const
    ).map(
      ([name, gateway]): InputRow => [
        74,
        `a redirect to ${name}`,
        () => icmp4(5, 1, gateway, quote4),
      ],
    ),
    [75, 'an address mask reply (CVE-2020-11911)', () => icmp4(18, 0, 0, [255, 0, 0, 0])],
    [75, 'a timestamp request', () => icmp4(13, 0, 0, new Uint8Array(12))],
    [75, 'a router advertisement', () => icmp4(9, 0, 0x01020708, new Uint8Array(8))],
    [76, 'a source quench', () => icmp4(4, 0, 0, quote4)],
    [76, 'an unknown type', () => icmp4(200, 0, 0)],
  ]),
  ...inputs('ping6', [
    [
      68,
      'an ICMPv6 echo cut at each of its first eight octets (CVE-2020-17443)',
      () => [0, 1, 2, 3, 4, 5, 6, 7].map((length) => six({}, echo6.subarray(0, length))),
    ],
    [68, 'an ICMPv6 echo with a bad checksum', () => six({}, spoiled(echo6))],
    [68, 'an ICMPv6 echo checksummed without its pseudo-header', () => six({}, icmpv4(128, 0, 1))],
    [73, 'Packet Too Big of 1,279', () => icmp6(2, 0, concat(be32(1279), quote6))],
    [73, 'Packet Too Big of 0', () => icmp6(2, 0, concat(be32(0), quote6))],
    [
      74,
      'an ICMPv6 error about an error with a bad option',
      () => chain(60, [58, 0, 0x9e, 4, 0, 0, 0, 0], icmpError()),
    ],
    [
      74,
      'a redirect with a bad option in front',
      () => chain(60, [60, 0, 0x9e, 4, 0, 0, 0, 0], padding(58), icmpError()),
    ],
    [76, 'an unknown informational type', () => icmp6(200, 0, be32(1))],
    [76, 'an unknown error type', () => icmp6(100, 0, concat(be32(0), be16(0)))],
  ]),
]

function icmpError(): Uint8Array {
  return icmp6(1, 4, concat(be32(0), quote6)).subarray(54)
}
