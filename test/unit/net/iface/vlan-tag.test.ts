/**
 * Frames with a priority tag are received as if they had none (IEEE 802.1Q §9.6: the null VLAN
 * identifier).
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatFrame } from '../../../../net/wire/frame-text.ts'
import { be16, concat, icmpv4, icmpv6, ipv4, ipv6, tcp } from '../../../support/frames.ts'
import {
  echo6,
  four,
  harness,
  question,
  setUpHarness,
  six,
  solicitation,
} from '../../../support/hostile-corpus.ts'
import * as lab from '../../../support/interface-harness.ts'
import {
  InterfaceHarness,
  OUR_IPV4,
  OUR_IPV6,
  PEER_IPV4,
  PEER_IPV6,
} from '../../../support/interface-harness.ts'

setUpHarness()

/** Priority 5, no VLAN. */
const PRIORITY_TAG = [0x81, 0x00, 0xa0, 0x00]

function tagged(frame: Uint8Array, control = 0xa000): Uint8Array {
  return concat(frame.subarray(0, 12), [0x81, 0], be16(control), frame.subarray(12))
}

function segment(family: 4 | 6, payload: ArrayLike<number>): Uint8Array {
  const [source, destination] = family === 4 ? [PEER_IPV4, OUR_IPV4] : [PEER_IPV6, OUR_IPV6]
  const message = tcp(source, destination, 16, payload)
  return family === 4
    ? lab.fromPeer(0x800, ipv4({ source, destination, protocol: 6 }, message))
    : lab.fromPeer(0x86dd, ipv6({ source, destination, nextHeader: 6 }, message))
}

it.each([
  ['ARP', question()],
  ['IPv4', four({})],
  ['IPv6', six({}, echo6())],
  ['neighbor discovery', solicitation()],
])('answers %s in such a frame with an untagged one', (_name, frame) => {
  const before = harness.snapshot()
  const [answer] = harness.deliver(tagged(frame))
  expect(answer!.bytes).toEqual(new InterfaceHarness().deliver(frame)[0]!.bytes)
  expect(harness.changes(before)).toMatchObject({ framePriorityTagged: 1, framesSent: 1 })
})

it('ignores priority and drop eligibility', () => {
  for (const control of [0, 0x1000, 0x2000, 0xf000]) {
    expect(harness.deliver(tagged(four({}), control))).toHaveLength(1)
  }
})

it('takes a tagged packet as large as the MTU', () => {
  for (const family of [4, 6] as const) {
    const full = family === 4 ? 1500 - 20 - 8 : 1500 - 40 - 8
    const data = new Uint8Array(full).fill(7)
    const frame =
      family === 4
        ? four({}, icmpv4(8, 0, 1, data))
        : six({}, icmpv6(PEER_IPV6, OUR_IPV6, 128, 0, concat([0, 0, 0, 1], data)))
    expect(frame).toHaveLength(1514)
    expect(harness.deliver(tagged(frame))[0]!.bytes).toHaveLength(1514)
  }
})

describe.each([4, 6] as const)('IPv%i TCP', (family) => {
  it('verifies the checksum of a tagged segment over odd fragments, coalesced ones too', () => {
    const payload = new Uint8Array(5001).map((_, index) => index)
    const frame = tagged(segment(family, payload))
    harness.deliver(frame, { segmentSize: 1440 }, [2049, 1001, 3])
    expect(harness.tcp.packets).toHaveLength(1)
    frame[4000]! ^= 1
    harness.deliver(frame, { segmentSize: 1440 }, [2049, 1001, 3])
    expect(harness.iface.counters.transportBadChecksum).toBe(1)
    harness.deliver(frame, { segmentSize: 1440, checksumVerified: true }, [2049, 1001, 3])
    expect(harness.tcp.packets).toHaveLength(2)
  })

  it('fares as its untagged twin in any mixture of both, predicted or not', () => {
    const step = fc.record({ tag: fc.boolean(), payload: fc.array(fc.nat({ max: 255 })) })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 6 }), (steps) => {
        const mixed = new InterfaceHarness()
        const plain = new InterfaceHarness()
        for (const { tag, payload } of steps) {
          const frame = segment(family, payload)
          mixed.deliver(tag ? tagged(frame) : frame)
          plain.deliver(frame)
          const seen = mixed.tcp.packets.at(-1)!
          const start = seen.frame.fragments[0]!.buffer.bytes.subarray(seen.transportOffset)
          expect(start.subarray(0, seen.transportLength)).toEqual(
            frame.subarray(family === 4 ? 34 : 54),
          )
        }
        expect(mixed.tcp.packets).toHaveLength(steps.length)
        const { framePriorityTagged, bytesReceived, ...rest } = mixed.iface.counters
        expect(framePriorityTagged).toBe(steps.filter(({ tag }) => tag).length)
        expect(plain.iface.counters).toMatchObject(rest)
        expect(bytesReceived).toBe(plain.iface.counters.bytesReceived + 4 * framePriorityTagged)
      }),
      { numRuns: 100 },
    )
  })
})

it('is named in the trace', () => {
  const frame = tagged(four({}))
  const text = formatFrame(new DataView(frame.buffer), 0, frame.length, frame.length)
  expect(text).toMatch(
    / \| VLAN 0 priority=5 \| IPv4 10\.0\.0\.9 > 10\.0\.0\.2 .* \| ICMP echo request/,
  )
  const cut = frame.slice(0, 16)
  expect(formatFrame(new DataView(cut.buffer), 0, 16, 16)).toMatch(/malformed or unknown/)
  expect([...frame.subarray(12, 16)]).toEqual(PRIORITY_TAG)
})
