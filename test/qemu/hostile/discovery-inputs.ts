/**
 * Rows 55 to 57 and 63 to 67 of the corpus: neighbor discovery but what router advertisements
 * configure.
 */
import { be32, concat, icmpv6, ip, mac, tcp } from '../../support/frames.ts'
import {
  type Answer,
  discovery,
  GUEST_MAC,
  GUEST6,
  type HostileInput,
  inputs,
  isIpv4Of,
  isIpv6Of,
  NOBODY,
  SOLICITED,
  SOLICITED_MAC,
  six,
  syn4,
  TESTER_MAC,
  TESTER6,
  times,
} from './hostile-input.ts'

const target = concat(be32(0), ip(GUEST6))
const withOption = (...octets: number[]) => concat(target, octets)
/** Where a SYN is answered to where its frame came from, nobody has to be asked. */
const SYN_ACKS: Answer = {
  name: 'a SYN-ACK',
  matches: (frame) => isIpv4Of(6, frame) || isIpv6Of(6, frame),
  isOptional: true,
  atMost: 200,
}

const zeros = (count: number) => new Array<number>(count).fill(0)

/** From the guest's neighbor, which may be a router. */
const router = (type: number, source: string, body: ArrayLike<number>, hopLimit = 255) =>
  discovery({ type, source, destination: GUEST6, link: GUEST_MAC, hopLimit, body })

export const DISCOVERY_INPUTS: HostileInput[] = inputs('solicitation', [
  [55, 'an option of length 0', () => discovery({ body: withOption(1, 0, 0, 0, 0, 0, 0, 0) })],
  [55, 'an option past the end', () => discovery({ body: withOption(1, 2, 0, 0, 0, 0, 0, 0) })],
  [55, 'half an option', () => discovery({ body: withOption(1) })],
  [56, 'a hop limit of 254', () => discovery({ hopLimit: 254 })],
  [56, 'code 1', () => discovery({ code: 1 })],
  [
    56,
    'a solicitation cut at each of its octets',
    () => times(20, (length) => discovery({ body: target.subarray(0, length) })),
  ],
  [57, 'a router advertisement from a global address', () => router(134, TESTER6, zeros(12))],
  [57, 'a router advertisement from beyond the link', () => router(134, 'fe80::9', zeros(12), 64)],
  [57, 'a router advertisement of 15 octets', () => router(134, 'fe80::9', zeros(11))],
  [63, 'a target that is a group', () => discovery({ body: concat(be32(0), ip('ff02::1')) })],
  [63, 'nobody with a link-layer address', () => discovery({ source: '::' })],
  [
    63,
    'nobody, not to the solicited-node group',
    () => discovery({ source: '::', destination: GUEST6, link: GUEST_MAC, body: target }),
  ],
  [
    63,
    'a link-layer address that is a group',
    () => discovery({ body: withOption(1, 1, ...mac(SOLICITED_MAC)) }),
  ],
  [
    63,
    'a link-layer address of zeros',
    () => discovery({ body: withOption(1, 1, ...mac(NOBODY)) }),
  ],
  [
    64,
    'a solicited advertisement to a group',
    () =>
      discovery({
        type: 136,
        destination: 'ff02::1',
        link: '33:33:00:00:00:01',
        body: concat(be32(0x40000000), ip(TESTER6)),
      }),
  ],
  [
    64,
    'an advertisement for a group',
    () => discovery({ type: 136, body: concat(be32(0), ip('ff02::1')) }),
  ],
  [65, 'a redirect from a global address', () => router(137, TESTER6, zeros(36))],
  [
    65,
    'a redirect of a neighbor that is no router',
    () => router(137, 'fe80::9', concat(zeros(4), ip('fe80::9'), ip('2001:db8::1'))),
  ],
  [
    66,
    'a solicitation in a fragment (RFC 6980)',
    () => {
      const message = icmpv6(TESTER6, SOLICITED, 135, 0, target)
      const fields = { destination: SOLICITED, hopLimit: 255, nextHeader: 44 }
      return six(fields, concat([58, 0, 0, 0, 0, 0, 0, 1], message), SOLICITED_MAC)
    },
  ],
  // Each is answered, and for that its hardware address is asked for: the cache is bounded, and who
  // is there is still reached.
  [
    67,
    'SYNs of 100 neighbors that do not answer, twice',
    () => times(200, (index) => syn4({ source: `10.0.0.${10 + (index % 100)}` })),
    { isUncounted: true, answer: SYN_ACKS },
  ],
  [
    67,
    'SYNs of 100 IPv6 neighbors that do not answer',
    () =>
      times(100, (index) => {
        const source = `fd00::1:${(index + 1).toString(16)}`
        return six({ source, nextHeader: 6 }, tcp(source, GUEST6, 2))
      }),
    { isUncounted: true, answer: SYN_ACKS },
  ],
  [
    63,
    'a solicitation whose source is on another link',
    () => concat(discovery({ source: '2001:db8::9', body: withOption(1, 1, ...mac(TESTER_MAC)) })),
    {
      isUncounted: true,
      answer: { name: 'an advertisement', matches: () => true, isOptional: true },
    },
  ],
])
