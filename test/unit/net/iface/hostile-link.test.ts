/** Ethernet and ARP frames that must not matter. */
import { describe, expect, it } from 'vitest'
import { arp, be16, concat, icmpv4, mac } from '../../../support/frames.ts'
import {
  corpus,
  expectPrefixesDropped,
  expectTwinAnswered,
  four,
  harness,
  NOBODY,
  question,
  setUpHarness,
  VALID,
} from '../../../support/hostile-corpus.ts'
import * as lab from '../../../support/interface-harness.ts'
import {
  BROADCAST_MAC,
  OUR_IPV4,
  OUR_MAC,
  PEER_IPV4,
  PEER_MAC,
} from '../../../support/interface-harness.ts'

setUpHarness()

/** The frame with a VLAN tag between addresses and type. */
function tagged(frame: Uint8Array, vlan: number, type = 0x8100): Uint8Array {
  return concat(frame.subarray(0, 12), be16(type), be16(vlan), frame.subarray(12))
}

describe('Ethernet', () => {
  corpus('ipv4', [
    ['an LLC frame', () => lab.fromPeer(0x05dc, new Uint8Array(60)), 'frameUnknownType'],
    ['VLAN 1', () => tagged(VALID.ipv4(), 1), 'frameOtherVlan'],
    ['VLAN 4095, which is reserved', () => tagged(VALID.ipv4(), 0xfff), 'frameOtherVlan'],
    ['VLAN 1 within VLAN 0', () => tagged(tagged(VALID.ipv4(), 1), 0), 'frameUnknownType'],
    ['VLAN 0 twice', () => tagged(tagged(VALID.ipv4(), 0), 0), 'frameUnknownType'],
    ['a service tag', () => tagged(VALID.ipv4(), 0, 0x88a8), 'frameUnknownType'],
    ['half a tag', () => lab.fromPeer(0x8100, [0, 0]), 'frameTruncated'],
    [
      'a tagged frame above the MTU',
      () => tagged(concat(VALID.ipv4(), new Uint8Array(1501 - VALID.ipv4().length + 14)), 0),
      'frameTooLong',
    ],
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

  it('drops a priority-tagged frame cut anywhere in its headers', () => {
    const frame = tagged(VALID.ipv4(), 0)
    for (let cut = 0; cut < 18; cut++) {
      const before = harness.snapshot()
      expect(harness.deliver(frame.subarray(0, cut))).toEqual([])
      expect(harness.changes(before)).toEqual({ frameTruncated: 1 })
    }
    expect(harness.deliver(frame)).toHaveLength(1)
  })

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
