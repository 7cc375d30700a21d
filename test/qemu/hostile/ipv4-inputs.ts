/** Rows 14 to 26 of the corpus: IPv4 but fragments. */
import { ipv4 } from '../../support/frames.ts'
import {
  ECHOED4,
  echo4,
  four,
  GUEST4,
  type HostileInput,
  type InputRow,
  icmp4Answer,
  inputs,
  syn4,
  TESTER4,
} from './hostile-input.ts'

const options = (...octets: number[]) => {
  while (octets.length % 4 !== 0) octets.push(0)
  return () => four({ options: octets })
}

const BAD_SOURCES = [
  '0.0.0.0',
  '127.0.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '10.0.0.255',
  '240.0.0.1',
  GUEST4,
]

function nested(depth: number): Uint8Array {
  let packet = ipv4({ source: TESTER4, destination: GUEST4, protocol: 1 }, echo4)
  for (let level = 1; level < depth; level++) {
    packet = ipv4({ source: TESTER4, destination: GUEST4, protocol: 4 }, packet)
  }
  return packet
}

export const IPV4_INPUTS: HostileInput[] = inputs('ping4', [
  ...[0, 5, 6].map((version): InputRow => [14, `version ${version}`, () => four({ version })]),
  ...[0, 1, 2, 3, 4].map(
    (headerWords): InputRow => [
      15,
      `a header of ${headerWords} words`,
      () => four({ headerWords }),
    ],
  ),
  [16, 'a header of 15 words in a packet of 31 octets', () => four({ headerWords: 15 })],
  [17, 'a total length below the header (CVE-2021-31401)', () => four({ totalLength: 19 })],
  [18, 'a total length beyond the frame', () => four({ totalLength: 1000 })],
  [18, 'a total length of 0', () => four({ totalLength: 0 })],
  [19, 'a bad header checksum', () => four({ checksum: 0x1234 })],
  ...[0, 1].map(
    (timeToLive): InputRow => [
      20,
      `a time to live of ${timeToLive}`,
      () => four({ timeToLive }),
      { answer: ECHOED4, isUncounted: true },
    ],
  ),
  ...BAD_SOURCES.map((source): InputRow => [21, `a ping from ${source}`, () => four({ source })]),
  ...BAD_SOURCES.map((source): InputRow => [21, `a SYN from ${source}`, () => syn4({ source })]),
  [22, 'a packet to another host', () => four({ destination: '10.0.0.3' })],
  [22, 'a packet to a network beyond', () => four({ destination: '192.0.2.1' })],
  [
    23,
    'an unknown protocol',
    () => four({ protocol: 253 }, [1, 2, 3, 4, 5, 6, 7, 8]),
    { answer: icmp4Answer(3, 2) },
  ],
  [24, 'an option of length 0', options(7, 0, 4, 0)],
  [24, 'an option of length 1', options(68, 1, 4, 0)],
  [24, 'an option of 39 octets in 4', options(30, 39, 0, 0)],
  [24, 'a record route whose pointer is 3', options(7, 7, 3, 0, 0, 0, 0)],
  [
    24,
    'a timestamp whose overflow is 15',
    options(68, 8, 9, 0xf0, 0, 0, 0, 0),
    { answer: { ...ECHOED4, isOptional: true }, isUncounted: true },
  ],
  [24, 'a loose source route (CVE-2021-31344)', options(131, 7, 4, 10, 0, 0, 7)],
  [24, 'a strict source route', options(137, 7, 4, 10, 0, 0, 7)],
  [24, 'two source routes (CVE-2019-12256)', options(131, 3, 4, 131, 3, 4, 0, 0)],
  [
    25,
    'eight packets in each other (CVE-2020-11896)',
    () => four({ protocol: 4 }, nested(7)),
    { answer: icmp4Answer(3, 2) },
  ],
  [26, 'the reserved flag', () => four({ flagsAndOffset: 0x8000 })],
])
