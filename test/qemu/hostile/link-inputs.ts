/** Rows 1 to 13 of the corpus: Ethernet and ARP. */
import { arp, be16, concat, ethernet, mac } from '../../support/frames.ts'
import {
  ECHOED4,
  EVERYBODY,
  four,
  GUEST_MAC,
  GUEST4,
  type HostileInput,
  inputs,
  NOBODY,
  question,
  reply,
  TESTER_MAC,
  TESTER4,
  times,
} from './hostile-input.ts'

const GROUP_MAC = '01:00:5e:00:00:01'

/** An ARP question whose first eight octets say something else. */
function arpWith(change: (body: Uint8Array) => void): Uint8Array {
  const frame = question()
  change(frame.subarray(14))
  return frame
}

/**
 * The device's filter, which the guest sets by its control queue (virtio §5.1.6.5.1, §5.1.6.5.3),
 * lets it not through.
 */
const BELOW = { isUncounted: true } as const

const from = (source: string): Uint8Array =>
  concat(mac(GUEST_MAC), mac(source), four({}).subarray(12))

export const LINK_INPUTS: HostileInput[] = [
  ...inputs('ping4', [
    [1, 'a frame of 1 octet', () => new Uint8Array(1), BELOW],
    [1, 'a frame of 13 octets', () => four({}).slice(0, 13), { uncountedSinceQemu: 10 }],
    [1, 'a frame of 14 octets', () => four({}).slice(0, 14)],
    [
      2,
      'LLC with a length of 0x05dc',
      () => concat(ethernet(GUEST_MAC, TESTER_MAC, 0x05dc), new Uint8Array(46)),
    ],
    [
      2,
      'a frame of VLAN 5',
      () => concat(mac(GUEST_MAC), mac(TESTER_MAC), be16(0x8100), be16(5), four({}).subarray(12)),
      BELOW,
    ],
    [
      2,
      'two tags',
      () =>
        concat(
          mac(GUEST_MAC),
          mac(TESTER_MAC),
          be16(0x8100),
          be16(0),
          be16(0x8100),
          be16(0),
          four({}).subarray(12),
        ),
    ],
    [
      3,
      'a frame of 3,000 octets, which nobody has coalesced',
      () => four({}, new Uint8Array(2966)),
    ],
    [
      4,
      'a frame to another station',
      () => concat(mac('02:00:00:00:00:77'), four({}).subarray(6)),
      BELOW,
    ],
    [5, 'a frame from a group', () => from(GROUP_MAC)],
    [5, 'a frame from the guest itself', () => from(GUEST_MAC)],
    [
      6,
      'padding behind a short packet',
      () => concat(four({}), new Array<number>(20).fill(0xa5)),
      {
        isUncounted: true,
        // Whatever stood behind the packet is no part of the answer.
        answer: {
          ...ECHOED4,
          matches: (frame) => ECHOED4.matches(frame) && !frame.includes(Buffer.from('a5a5', 'hex')),
        },
      },
    ],
  ]),
  ...inputs('arp', [
    [7, 'hardware of another type', () => arpWith((body) => body.set([0, 6]))],
    [7, 'another protocol', () => arpWith((body) => body.set([0x86, 0xdd], 2))],
    [7, 'hardware addresses of 8 octets', () => arpWith((body) => body.set([8], 4))],
    [7, 'protocol addresses of 16 octets', () => arpWith((body) => body.set([16], 5))],
    [7, 'operation 0', () => arpWith((body) => body.set([0, 0], 6))],
    [
      8,
      'a question cut at each of its octets',
      () => times(28, (length) => question().slice(0, 14 + length)),
    ],
    [9, 'a sender without hardware address', () => question(TESTER4, NOBODY)],
    [9, 'a sender whose hardware is everybody', () => question(TESTER4, EVERYBODY)],
    [9, 'a sender whose hardware is a group', () => question(TESTER4, GROUP_MAC)],
    [
      10,
      'a sender with the guest’s own address',
      () => question(GUEST4, TESTER_MAC),
      {
        isUncounted: true,
        answer: {
          name: 'one defense of the address',
          matches: (frame) => frame.readUInt16BE(12) === 0x0806,
          isOptional: true,
        },
      },
    ],
    [
      11,
      '10,000 answers that nobody has asked for',
      () =>
        times(10_000, (index) => reply(`10.0.${64 + (index >> 8)}.${index & 0xff}`, TESTER_MAC)),
    ],
    [
      12,
      'a RARP answer (CVE-2019-12262)',
      () => {
        const frame = reply(TESTER4, TESTER_MAC, 4)
        frame.set([0x80, 0x35], 12)
        return frame
      },
    ],
    [12, 'a RARP operation in ARP', () => reply(TESTER4, TESTER_MAC, 4)],
    [
      13,
      'a probe of nobody',
      () => question('0.0.0.0'),
      {
        isUncounted: true,
        answer: {
          name: 'an answer to the probe',
          matches: (frame) => frame.readUInt16BE(12) === 0x0806,
        },
      },
    ],
    [
      13,
      'an answer from everybody’s address',
      () =>
        concat(
          ethernet(GUEST_MAC, TESTER_MAC, 0x0806),
          arp(2, TESTER_MAC, '255.255.255.255', GUEST_MAC, GUEST4),
        ),
    ],
  ]),
]
