/** Rows 77 to 82 of the corpus: UDP over both families. */
import { be16, concat, udp } from '../../support/frames.ts'
import {
  type Answer,
  datagram4,
  datagram6,
  four,
  GUEST4,
  GUEST6,
  type HostileInput,
  type InputRow,
  icmp4Answer,
  inputs,
  isIpv4Of,
  isIpv6Of,
  six,
  TESTER4,
  TESTER6,
  times,
} from './hostile-input.ts'

const CLOSED_PORT = 9_999
const FLOOD = 10_000
/** RFC 4443 §2.4 (f): the guest's own limit of errors is far below this. */
const MOST_ERRORS = 1_000

const withLength = (length: number) => (message: Uint8Array) =>
  concat(message.subarray(0, 4), be16(length), message.subarray(6))
const spoiled = (message: Uint8Array) => {
  const copy = Uint8Array.from(message)
  copy[6]! ^= 0x10
  return copy
}

const echoed4: Answer = { name: 'an echo', matches: (frame) => isIpv4Of(17, frame) }
const echoed6: Answer = { name: 'an echo', matches: (frame) => isIpv6Of(17, frame) }

function rows(datagram: typeof datagram4, port0: () => Uint8Array): InputRow[] {
  return [
    [77, 'seven octets', () => datagram((message) => message.subarray(0, 7))],
    [77, 'a length of 0', () => datagram(withLength(0))],
    [77, 'a length of 7', () => datagram(withLength(7))],
    [78, 'a length beyond the packet (CVE-2021-31345)', () => datagram(withLength(500))],
    [80, 'a bad checksum', () => datagram(spoiled)],
    [81, 'a datagram to port 0', port0],
  ]
}

/** Longer than it says: behind its own length is nothing of it. */
const padded = (message: Uint8Array): Uint8Array => concat(message, [9, 9, 9, 9])

export const UDP_INPUTS: HostileInput[] = [
  ...inputs('udp4', [
    ...rows(datagram4, () => four({ protocol: 17 }, udp(TESTER4, GUEST4, 4000, 0, [1]))),
    [
      79,
      'a length below the packet’s',
      () => datagram4(padded),
      {
        isUncounted: true,
        answer: {
          ...echoed4,
          matches: (frame) => isIpv4Of(17, frame) && frame.readUInt16BE(38) === 12,
        },
      },
    ],
    [
      80,
      'a datagram without a checksum',
      () => datagram4((message) => concat(message.subarray(0, 6), be16(0), message.subarray(8))),
      {
        isUncounted: true,
        answer: echoed4,
      },
    ],
    [
      81,
      'a datagram from port 0, which nothing can be sent to',
      () => four({ protocol: 17 }, udp(TESTER4, GUEST4, 0, 7, [1])),
      { isUncounted: true },
    ],
    [
      82,
      '10,000 to a closed port',
      () =>
        times(FLOOD, () => four({ protocol: 17 }, udp(TESTER4, GUEST4, 4000, CLOSED_PORT, [1]))),
      {
        answer: { ...icmp4Answer(3, 3), atMost: MOST_ERRORS },
      },
    ],
    [
      82,
      'an echo to the guest from its own echo port',
      () => four({ protocol: 17, source: GUEST4 }, udp(GUEST4, GUEST4, 7, 7, [1])),
    ],
    [
      82,
      'an echo from another echo port',
      () => four({ protocol: 17 }, udp(TESTER4, GUEST4, 7, 7, [1])),
      { isUncounted: true },
    ],
  ]),
  ...inputs('udp6', [
    ...rows(datagram6, () => six({ nextHeader: 17 }, udp(TESTER6, GUEST6, 4000, 0, [1]))),
    [
      79,
      'a length below the packet’s',
      () => datagram6(padded),
      {
        isUncounted: true,
        answer: {
          ...echoed6,
          matches: (frame) => isIpv6Of(17, frame) && frame.readUInt16BE(58) === 12,
        },
      },
    ],
  ]),
]
