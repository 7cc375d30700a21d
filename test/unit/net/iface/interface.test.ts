/** The interface end to end over a fake device: who is answered, and how. */
import { beforeEach, describe, expect, it } from 'vitest'
import { AddressState } from '../../../../net/iface/address-table.ts'
import { NeighborState } from '../../../../net/iface/neighbor-entry.ts'
import { FakeDevice } from '../../../support/fake-device.ts'
import {
  arp,
  be16,
  be32,
  checksumOf,
  concat,
  ethernet,
  icmpv4,
  icmpv6,
  ip,
  ipv4,
  ipv6,
  mac,
  pseudoHeader,
  tcp,
  udp,
} from '../../../support/frames.ts'
import * as lab from '../../../support/interface-harness.ts'
import { InterfaceHarness } from '../../../support/interface-harness.ts'

let harness: InterfaceHarness
beforeEach(() => {
  harness = new InterfaceHarness()
})

const { OUR_MAC, PEER_MAC, OUR_IPV4, PEER_IPV4, OUR_IPV6, PEER_IPV6, BROADCAST_MAC } = lab
const data = Uint8Array.from({ length: 57 }, (_, index) => index * 7)

function echoRequest(length = 57): Uint8Array {
  const message = icmpv4(8, 0, 0x00070001, data.subarray(0, length))
  return lab.fromPeer(
    0x800,
    ipv4({ source: PEER_IPV4, destination: OUR_IPV4, protocol: 1 }, message),
  )
}

function packetOf(frame: Uint8Array): Uint8Array {
  return frame.subarray(14)
}

describe('ARP', () => {
  it('answers a request for its address and remembers who asked', () => {
    const request = arp(1, PEER_MAC, PEER_IPV4, '00:00:00:00:00:00', OUR_IPV4)
    const sent = harness.deliver(concat(ethernet(BROADCAST_MAC, PEER_MAC, 0x806), request))
    expect(sent.map((frame) => frame.bytes)).toEqual([
      concat(ethernet(PEER_MAC, OUR_MAC, 0x806), arp(2, OUR_MAC, OUR_IPV4, PEER_MAC, PEER_IPV4)),
    ])
    const entry = harness.iface.neighbors.lookup(lab.address(PEER_IPV4))
    expect(entry?.state).toBe(NeighborState.Stale)
  })

  it('answers a probe without remembering anything (RFC 5227 §2.1.1)', () => {
    const probe = arp(1, PEER_MAC, '0.0.0.0', '00:00:00:00:00:00', OUR_IPV4)
    const sent = harness.deliver(concat(ethernet(BROADCAST_MAC, PEER_MAC, 0x806), probe))
    expect(sent).toHaveLength(1)
    expect(harness.iface.neighbors.entries).toHaveLength(0)
  })

  it('defends its address once in ten seconds (RFC 5227 §2.4)', () => {
    const claim = concat(
      ethernet(BROADCAST_MAC, PEER_MAC, 0x806),
      arp(1, PEER_MAC, OUR_IPV4, '00:00:00:00:00:00', OUR_IPV4),
    )
    const defense = concat(
      ethernet(BROADCAST_MAC, OUR_MAC, 0x806),
      arp(1, OUR_MAC, OUR_IPV4, '00:00:00:00:00:00', OUR_IPV4),
    )
    expect(harness.deliver(claim).map((frame) => frame.bytes)).toEqual([defense])
    expect(harness.deliver(claim)).toEqual([])
    harness.advance(10_000)
    expect(harness.deliver(claim)).toHaveLength(1)
    expect(harness.iface.counters.addressConflicts).toBe(3)
    expect(harness.iface.neighbors.entries).toHaveLength(0)
  })

  it('announces an address that it is given', () => {
    const fresh = new InterfaceHarness()
    fresh.iface.addAddress({ address: lab.address('10.9.9.9'), prefixLength: 24 }, fresh.nowMs)
    fresh.poll()
    expect(fresh.device.takeSent().map((frame) => frame.bytes)).toEqual([
      concat(
        ethernet(BROADCAST_MAC, OUR_MAC, 0x806),
        arp(1, OUR_MAC, '10.9.9.9', '00:00:00:00:00:00', '10.9.9.9'),
      ),
    ])
  })
})

describe('echo', () => {
  it.each([0, 1, 56, 57])('returns the same %i bytes of data over IPv4', (length) => {
    const [reply, ...rest] = harness.deliver(echoRequest(length))
    expect(rest).toEqual([])
    const packet = packetOf(reply!.bytes)
    expect([...reply!.bytes.subarray(0, 14)]).toEqual(ethernet(PEER_MAC, OUR_MAC, 0x800))
    expect(checksumOf(packet.subarray(0, 20))).toBe(0)
    expect([...packet.subarray(12, 20)]).toEqual([...ip(OUR_IPV4), ...ip(PEER_IPV4)])
    expect([...packet.subarray(2, 4)]).toEqual(be16(28 + length))
    expect(packet.subarray(20)).toEqual(icmpv4(0, 0, 0x00070001, data.subarray(0, length)))
  })

  it('returns as much as one packet holds', () => {
    const full = new Uint8Array(1472).fill(3)
    const message = icmpv4(8, 0, 5, full)
    const request = ipv4({ source: PEER_IPV4, destination: OUR_IPV4, protocol: 1 }, message)
    const [reply] = harness.deliver(lab.fromPeer(0x800, request))
    expect(reply!.bytes.subarray(34)).toEqual(icmpv4(0, 0, 5, full))
  })

  it('takes link padding for no part of the packet and sends none of it back', () => {
    const padded = concat(echoRequest(1), new Uint8Array(17).fill(0xee))
    const [reply] = harness.deliver(padded)
    expect(reply!.bytes).toHaveLength(14 + 20 + 8 + 1)
  })

  it('ignores unknown IPv4 options (RFC 1122 MUST-50)', () => {
    const fields = { source: PEER_IPV4, destination: OUR_IPV4, protocol: 1 }
    const packet = ipv4({ ...fields, options: [30, 4, 1, 2] }, icmpv4(8, 0, 1))
    expect(harness.deliver(lab.fromPeer(0x800, packet))).toHaveLength(1)
  })

  it.each([0, 1])('answers a request whose TTL is %i', (timeToLive) => {
    const fields = { source: PEER_IPV4, destination: OUR_IPV4, protocol: 1, timeToLive }
    const packet = ipv4(fields, icmpv4(8, 0, 1))
    expect(harness.deliver(lab.fromPeer(0x800, packet))).toHaveLength(1)
  })

  it('returns the data over IPv6, from link-local and global addresses', () => {
    for (const [source, destination] of [
      [PEER_IPV6, OUR_IPV6],
      ['fe80::9', lab.OUR_LINK_LOCAL],
    ] as const) {
      const body = concat(be32(0x00070001), data)
      const message = icmpv6(source, destination, 128, 0, body)
      const packet = ipv6({ source, destination, nextHeader: 58 }, message)
      const [reply] = harness.deliver(lab.fromPeer(0x86dd, packet))
      expect(packetOf(reply!.bytes)).toEqual(
        ipv6(
          { source: destination, destination: source, nextHeader: 58 },
          icmpv6(destination, source, 129, 0, body),
        ),
      )
    }
  })

  it('answers a ping to all nodes from a unicast address (RFC 4443 §4.2)', () => {
    const message = icmpv6('fe80::9', 'ff02::1', 128, 0, be32(1))
    const packet = ipv6({ source: 'fe80::9', destination: 'ff02::1', nextHeader: 58 }, message)
    const frame = concat(ethernet('33:33:00:00:00:01', PEER_MAC, 0x86dd), packet)
    const [reply] = harness.deliver(frame)
    expect([...packetOf(reply!.bytes).subarray(8, 24)]).toEqual(ip(lab.OUR_LINK_LOCAL))
  })

  it('processes an atomic fragment as a whole packet (RFC 6946)', () => {
    const message = icmpv6(PEER_IPV6, OUR_IPV6, 128, 0, be32(1))
    const chain = concat([58, 0, 0, 0], be32(99), message)
    const packet = ipv6({ source: PEER_IPV6, destination: OUR_IPV6, nextHeader: 44 }, chain)
    expect(harness.deliver(lab.fromPeer(0x86dd, packet))).toHaveLength(1)
  })

  it('walks hop-by-hop, routing and destination options it may skip', () => {
    const message = icmpv6(PEER_IPV6, OUR_IPV6, 128, 0, be32(1))
    const chain = concat(
      [43, 0, 5, 2, 0, 0, 1, 0],
      [60, 0, 0, 0, 0, 0, 0, 0],
      [58, 0, 0x1e, 1, 0, 1, 1, 0],
      message,
    )
    const packet = ipv6({ source: PEER_IPV6, destination: OUR_IPV6, nextHeader: 0 }, chain)
    expect(harness.deliver(lab.fromPeer(0x86dd, packet))).toHaveLength(1)
  })
})

describe('neighbor discovery', () => {
  const solicited = 'ff02::1:ff00:2'
  function solicitation(source: string, destination: string, options: number[]): Uint8Array {
    const body = concat(be32(0), ip(OUR_IPV6), options)
    const message = icmpv6(source, destination, 135, 0, body)
    return ipv6({ source, destination, nextHeader: 58, hopLimit: 255 }, message)
  }

  it('answers a solicitation with its hardware address and learns the asker (RFC 4861 §7.2.3)', () => {
    const packet = solicitation(PEER_IPV6, solicited, [1, 1, ...mac(PEER_MAC)])
    const frame = concat(ethernet('33:33:ff:00:00:02', PEER_MAC, 0x86dd), packet)
    const [reply] = harness.deliver(frame)
    const body = concat(be32(0x60000000), ip(OUR_IPV6), [2, 1], mac(OUR_MAC))
    expect(reply!.bytes).toEqual(
      concat(
        ethernet(PEER_MAC, OUR_MAC, 0x86dd),
        ipv6(
          { source: OUR_IPV6, destination: PEER_IPV6, nextHeader: 58, hopLimit: 255 },
          icmpv6(OUR_IPV6, PEER_IPV6, 136, 0, body),
        ),
      ),
    )
    const entry = harness.iface.neighbors.lookup(lab.address(PEER_IPV6))
    expect(entry?.state).toBe(NeighborState.Stale)
  })

  it('answers a duplicate detection probe for its address to all nodes, not solicited', () => {
    const [reply] = harness.deliver(
      concat(ethernet('33:33:ff:00:00:02', PEER_MAC, 0x86dd), solicitation('::', solicited, [])),
    )
    expect([...reply!.bytes.subarray(0, 6)]).toEqual(mac('33:33:00:00:00:01'))
    expect([...reply!.bytes.subarray(38, 54)]).toEqual(ip('ff02::1'))
    expect([...reply!.bytes.subarray(58, 62)]).toEqual(be32(0x20000000))
  })

  it('probes a new address and keeps it when nobody answers (RFC 4862 §5.4)', () => {
    const cidr = { address: lab.address('2001:db8::77'), prefixLength: 64 }
    const entry = harness.iface.addAddress(cidr, harness.nowMs, 'static', false)
    harness.advance(1_000)
    // Switches let the probe through once they know of its group (RFC 4862 §5.4.2).
    const [report, probe] = harness.device.takeSent()
    expect([...packetOf(report!.bytes).subarray(24, 40)]).toEqual(ip('ff02::16'))
    const source = '::'
    const destination = 'ff02::1:ff00:77'
    const body = concat(be32(0), ip('2001:db8::77'))
    expect(packetOf(probe!.bytes)).toEqual(
      ipv6(
        { source, destination, nextHeader: 58, hopLimit: 255 },
        icmpv6(source, destination, 135, 0, body),
      ),
    )
    expect(entry.state).toBe(AddressState.Tentative)
    harness.advance(1_000)
    expect(entry.state).toBe(AddressState.Preferred)
    harness.advance(1_000)
    expect(harness.host.nextDeadlineMs(harness.nowMs)).toBe(Number.POSITIVE_INFINITY)
  })

  it('does not take silence for an answer before its probe could leave', () => {
    harness.device.link.isUp = false
    const cidr = { address: lab.address('2001:db8::77'), prefixLength: 64 }
    const entry = harness.iface.addAddress(cidr, harness.nowMs, 'static', false)
    harness.advance(10_000)
    expect(entry.state).toBe(AddressState.Tentative)
    harness.device.link.isUp = true
    harness.advance(1_000)
    const types = harness.device.takeSent().map(({ bytes }) => bytes[bytes[20] === 0 ? 62 : 54])
    expect(types).toEqual([143, 135])
    harness.advance(1_000)
    expect(entry.state).toBe(AddressState.Preferred)
  })

  it.each([
    'an advertisement from that address, as Linux defends it',
    'an advertisement from another of its owner',
    'a probe',
  ])('gives the new address up on %s for it', (kind) => {
    const text = '2001:db8::77'
    const cidr = { address: lab.address(text), prefixLength: 64 }
    const entry = harness.iface.addAddress(cidr, harness.nowMs)
    expect(harness.iface.addresses.isLocal(cidr.address)).toBe(true)
    const [source, destination] = kind === 'a probe' ? ['::', 'ff02::1:ff00:77'] : [text, 'ff02::1']
    const flags = kind === 'a probe' ? 0 : 0x20000000
    const type = kind === 'a probe' ? 135 : 136
    const option = kind === 'a probe' ? [] : [2, 1, ...mac(PEER_MAC)]
    const from = kind.endsWith('owner') ? 'fe80::9' : source
    const message = icmpv6(from, destination, type, 0, concat(be32(flags), ip(text), option))
    const packet = ipv6({ source: from, destination, nextHeader: 58, hopLimit: 255 }, message)
    const group = kind === 'a probe' ? '33:33:ff:00:00:77' : '33:33:00:00:00:01'
    harness.deliver(concat(ethernet(group, PEER_MAC, 0x86dd), packet))
    expect(entry.state).toBe(AddressState.Duplicate)
    expect(harness.iface.addresses.isLocal(cidr.address)).toBe(false)
    // Nor does it listen to the address's group any more.
    const before = harness.snapshot()
    const late = ipv6({ source: 'fe80::9', destination: 'ff02::1:ff00:77', nextHeader: 58 }, [])
    harness.deliver(concat(ethernet('33:33:ff:00:00:77', PEER_MAC, 0x86dd), late))
    expect(harness.changes(before)).toEqual({ ipv6NotForUs: 1 })
  })
})

describe('delivery', () => {
  it('hands TCP to its handler with lengths and addresses', () => {
    const segment = tcp(PEER_IPV4, OUR_IPV4, 2, data)
    const fields = { source: PEER_IPV4, destination: OUR_IPV4, protocol: 6, trafficClass: 3 }
    harness.deliver(concat(lab.fromPeer(0x800, ipv4(fields, segment)), [0, 0, 0]))
    expect(harness.tcp.packets).toHaveLength(1)
    expect(harness.tcp.packets[0]).toMatchObject({
      ipVersion: 4,
      protocol: 6,
      ecn: 3,
      toGroup: false,
      transportLength: segment.length,
      transportOffset: 12 + 34,
    })
  })

  it('verifies a checksum over fragments split at odd offsets, unless the device has', () => {
    const payload = new Uint8Array(5001).map((_, index) => index)
    const segment = tcp(PEER_IPV6, OUR_IPV6, 16, payload)
    const packet = ipv6({ source: PEER_IPV6, destination: OUR_IPV6, nextHeader: 6 }, segment)
    const frame = lab.fromPeer(0x86dd, packet)
    harness.deliver(frame, { segmentSize: 1440 }, [2049, 1001, 3])
    expect(harness.tcp.packets).toHaveLength(1)
    frame[4000]! ^= 1
    harness.deliver(frame, { segmentSize: 1440 }, [2049, 1001, 3])
    expect(harness.iface.counters.transportBadChecksum).toBe(1)
    harness.deliver(frame, { segmentSize: 1440, checksumVerified: true }, [2049, 1001, 3])
    expect(harness.tcp.packets).toHaveLength(2)
  })

  it('answers for a UDP port that nobody has, quoting the packet (RFC 1122 §3.2.2.1)', () => {
    const handler = new lab.RecordingHandler(17)
    handler.wants = false
    harness.host.register(handler)
    const message = udp(PEER_IPV4, OUR_IPV4, 5, 6, [1, 2, 3])
    const packet = ipv4({ source: PEER_IPV4, destination: OUR_IPV4, protocol: 17 }, message)
    const [reply] = harness.deliver(lab.fromPeer(0x800, packet))
    expect(packetOf(reply!.bytes).subarray(20)).toEqual(icmpv4(3, 3, 0, packet))
    const message6 = udp(PEER_IPV6, OUR_IPV6, 5, 6, [1, 2, 3])
    const packet6 = ipv6({ source: PEER_IPV6, destination: OUR_IPV6, nextHeader: 17 }, message6)
    const [reply6] = harness.deliver(lab.fromPeer(0x86dd, packet6))
    expect(packetOf(reply6!.bytes).subarray(40)).toEqual(
      icmpv6(OUR_IPV6, PEER_IPV6, 1, 4, concat(be32(0), packet6)),
    )
  })

  it('says which protocol it does not know, in both families', () => {
    const packet = ipv4({ source: PEER_IPV4, destination: OUR_IPV4, protocol: 99 }, [1, 2, 3, 4])
    const [reply] = harness.deliver(lab.fromPeer(0x800, packet))
    expect(packetOf(reply!.bytes).subarray(20)).toEqual(icmpv4(3, 2, 0, packet))
    const packet6 = ipv6({ source: PEER_IPV6, destination: OUR_IPV6, nextHeader: 99 }, [1, 2])
    const [reply6] = harness.deliver(lab.fromPeer(0x86dd, packet6))
    expect(packetOf(reply6!.bytes).subarray(40)).toEqual(
      icmpv6(OUR_IPV6, PEER_IPV6, 4, 1, concat(be32(6), packet6)),
    )
  })

  it('quotes no more than the link carries', () => {
    for (const maxTransmissionUnit of [68, 69, 300, 575]) {
      const small = new InterfaceHarness(new FakeDevice({ maxTransmissionUnit }))
      const payload = new Uint8Array(maxTransmissionUnit - 20 - 8)
      const message = udp(PEER_IPV4, OUR_IPV4, 1, 2, payload)
      const fields = { source: PEER_IPV4, destination: OUR_IPV4, protocol: 17 }
      const [answer] = small.deliver(lab.fromPeer(0x800, ipv4(fields, message)))
      expect(answer!.bytes).toHaveLength(14 + maxTransmissionUnit)
    }
  })

  it('quotes no more than 576 and 1280 byte packets allow', () => {
    const long = new Uint8Array(1400)
    const packet = ipv4({ source: PEER_IPV4, destination: OUR_IPV4, protocol: 99 }, long)
    expect(harness.deliver(lab.fromPeer(0x800, packet))[0]!.bytes).toHaveLength(14 + 576)
    const packet6 = ipv6({ source: PEER_IPV6, destination: OUR_IPV6, nextHeader: 99 }, long)
    expect(harness.deliver(lab.fromPeer(0x86dd, packet6))[0]!.bytes).toHaveLength(14 + 1280)
  })

  it('limits the rate of errors (RFC 4443 §2.4 (f))', () => {
    const packet = ipv4({ source: PEER_IPV4, destination: OUR_IPV4, protocol: 99 }, [])
    const frame = lab.fromPeer(0x800, packet)
    for (let count = 0; count < 1000; count++) harness.device.inject(frame)
    harness.poll()
    const burst = harness.device.takeSent().length
    expect(burst).toBeGreaterThanOrEqual(40)
    expect(burst).toBeLessThanOrEqual(50)
    expect(harness.iface.counters.icmpErrorsSuppressed).toBe(1000 - burst)
    harness.advance(1_000)
    expect(harness.deliver(frame)).toHaveLength(1)
  })
})

it('uses pseudo-headers as RFC 8200 §8.1 draws them (the test builder, by hand)', () => {
  expect(pseudoHeader('::1', '::2', 58, 8).slice(-8)).toEqual([0, 0, 0, 8, 0, 0, 0, 58])
})
