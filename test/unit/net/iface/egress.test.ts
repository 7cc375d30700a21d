/**
 * Flows: what their packets look like, whom they go to, and what happens while that is not known.
 */
import { describe, expect, it } from 'vitest'
import type { Flow } from '../../../../net/iface/protocol-handler.ts'
import { ChecksumWork } from '../../../../net/phy/offload.ts'
import type { PacketBuffer } from '../../../../net/storage/buffer.ts'
import { hashAddress } from '../../../../net/wire/ip-address.ts'
import { ALL_IN_SOFTWARE, FakeDevice } from '../../../support/fake-device.ts'
import {
  advertisement,
  arpQuestion,
  arpReply,
  harness,
  open,
  restartHarness,
  send,
  setUpHarness,
} from '../../../support/flow-lab.ts'
import {
  be32,
  checksumOf,
  concat,
  ethernet,
  icmpv6,
  ip,
  ipv6,
  mac,
} from '../../../support/frames.ts'
import * as lab from '../../../support/interface-harness.ts'
import {
  address,
  BROADCAST_MAC,
  OUR_IPV4,
  OUR_IPV6,
  OUR_MAC,
  PEER_IPV4,
  PEER_IPV6,
  PEER_MAC,
} from '../../../support/interface-harness.ts'
import { createPacketBuffer } from '../../../support/memory.ts'
import { completeTcp, seedOf } from '../../../support/reference-segmenter.ts'

setUpHarness()

/** TCP has no flows to groups. */
const UDP = 17

describe('a flow of UDP', () => {
  it('is told from others by where it goes, so that not all are put into one transmit queue', () => {
    const hashes = [PEER_IPV4, '10.0.0.77', PEER_IPV6].map((peer) => {
      const destination = address(peer)
      const flow = harness.host.egress.openFlow(destination, null, UDP)!
      expect(flow.addressHash).toBe(hashAddress(destination))
      expect(flow.record.flowHash).toBe(flow.addressHash)
      return flow.addressHash
    })
    expect(new Set(hashes).size).toBe(hashes.length)
  })
})

describe('a packet', () => {
  it('has right lengths, identification and checksums over IPv4', () => {
    const flow = open(PEER_IPV4)
    send(flow)
    harness.deliver(arpReply(PEER_MAC, PEER_IPV4))
    const identifications: number[] = []
    for (const payload of [[], [1], [1, 2, 3], [0xff, 0xfe, 0xfd, 0xfc]]) {
      expect(send(flow, payload)).toBe(true)
      const [frame] = harness.device.takeSent()
      const bytes = frame!.bytes
      const view = new DataView(bytes.buffer)
      expect([...bytes.subarray(0, 14)]).toEqual(ethernet(PEER_MAC, OUR_MAC, 0x800))
      expect(view.getUint16(16)).toBe(40 + payload.length)
      expect(view.getUint16(20)).toBe(0x4000)
      expect(checksumOf(bytes.subarray(14, 34))).toBe(0)
      expect([...bytes.subarray(26, 34)]).toEqual([...ip(OUR_IPV4), ...ip(PEER_IPV4)])
      expect([...bytes.subarray(54)]).toEqual(payload)
      expect(bytes).toEqual(completeTcp(bytes))
      expect(frame!.meta.checksumStart).toBe(0)
      identifications.push(view.getUint16(18))
    }
    const first = identifications[0]!
    expect(identifications).toEqual([0, 1, 2, 3].map((step) => (first + step) & 0xffff))
  })

  it.each([
    ['before', false],
    ['after', true],
  ])(
    'goes without DF once fragments are allowed, %s a first segment, and else unchanged (RFC 1191 §3)',
    (_, isLater) => {
      const flow = open(PEER_IPV4)
      send(flow)
      harness.deliver(arpReply(PEER_MAC, PEER_IPV4))
      const payload = new Array<number>(512).fill(7)
      if (isLater) send(flow, payload)
      harness.device.takeSent()
      expect([flow.allowFragments(), flow.allowFragments()]).toEqual([true, false])
      for (const sent of [payload, payload, [1, 2, 3]]) expect(send(flow, sent)).toBe(true)
      const identifications = harness.device.takeSent().map(({ bytes }) => {
        const view = new DataView(bytes.buffer)
        expect(view.getUint16(20)).toBe(0)
        expect(checksumOf(bytes.subarray(14, 34))).toBe(0)
        expect([...bytes.subarray(26, 34)]).toEqual([...ip(OUR_IPV4), ...ip(PEER_IPV4)])
        return view.getUint16(18)
      })
      // RFC 6864 §4.3: with these, fragments are put together.
      const first = identifications[0]!
      expect(identifications).toEqual([0, 1, 2].map((step) => (first + step) & 0xffff))
      expect(open(PEER_IPV6).allowFragments()).toBe(false)
    },
  )

  it.each([PEER_IPV4, PEER_IPV6])(
    'to %s has the hop limit and code point that it is given, in any order, and keeps the ECN bits (RFC 2474 §3)',
    (peer) => {
      const flow = open(peer)
      send(flow)
      const isIpv4 = peer === PEER_IPV4
      if (isIpv4) harness.deliver(arpReply(PEER_MAC, PEER_IPV4))
      else harness.deliver(advertisement(PEER_IPV6, PEER_MAC, 0x60000000))
      send(flow)
      harness.device.takeSent()
      flow.setHopLimit(1)
      flow.setDifferentiatedServices(63)
      flow.setDifferentiatedServices(46)
      flow.setHopLimit(255)
      expect(send(flow, [9])).toBe(true)
      const [frame] = harness.device.takeSent()
      const view = new DataView(frame!.bytes.buffer)
      if (isIpv4) {
        expect([view.getUint8(15), view.getUint8(22)]).toEqual([46 << 2, 255])
        expect(checksumOf(frame!.bytes.subarray(14, 34))).toBe(0)
      } else {
        expect([(view.getUint16(14) >> 4) & 0xff, view.getUint8(21)]).toEqual([46 << 2, 255])
        expect(view.getUint16(14) >> 12).toBe(6)
      }
      for (const wrong of [-1, 64, 1.5]) {
        expect(() => flow.setDifferentiatedServices(wrong)).toThrow(/must be 0 to 63/)
      }
      for (const wrong of [0, 256]) {
        expect(() => flow.setHopLimit(wrong)).toThrow(/must be 1 to 255/)
      }
    },
  )

  it('is right over IPv6 too', () => {
    const flow = open(PEER_IPV6)
    send(flow)
    harness.deliver(advertisement(PEER_IPV6, PEER_MAC, 0x60000000))
    expect(send(flow, [5, 6, 7])).toBe(true)
    const bytes = harness.device.takeSent()[0]!.bytes
    expect([...bytes.subarray(0, 14)]).toEqual(ethernet(PEER_MAC, OUR_MAC, 0x86dd))
    expect(new DataView(bytes.buffer).getUint16(18)).toBe(23)
    expect([...bytes.subarray(22, 54)]).toEqual([...ip(OUR_IPV6), ...ip(PEER_IPV6)])
    expect(bytes).toEqual(completeTcp(bytes))
  })

  it.each([
    ['IPv4', PEER_IPV4],
    ['IPv6', PEER_IPV6],
  ])(
    'carries the ECN bits that its sender asks for, and none again, over %s (RFC 3168 §5)',
    (_, peer) => {
      const flow = open(peer)
      send(flow)
      harness.deliver(
        peer === PEER_IPV4
          ? arpReply(PEER_MAC, PEER_IPV4)
          : advertisement(PEER_IPV6, PEER_MAC, 0x60000000),
      )
      for (const codepoint of [0, 2, 2, 3, 0]) {
        flow.setCongestionCodepoint(codepoint)
        expect(send(flow)).toBe(true)
        const { bytes } = harness.device.takeSent()[0]!
        const word = new DataView(bytes.buffer).getUint16(14)
        expect(word).toBe(peer === PEER_IPV4 ? 0x4500 | codepoint : 0x6000 | (codepoint << 4))
        if (peer === PEER_IPV4) expect(checksumOf(bytes.subarray(14, 34))).toBe(0)
        expect(bytes).toEqual(completeTcp(bytes))
      }
    },
  )

  it('is seeded and marked for a device that computes and segments', () => {
    const device = new FakeDevice({
      checksum: { ...ALL_IN_SOFTWARE, tcp: ChecksumWork.None, udp: ChecksumWork.None },
      segmentation: { tcpv4: 65_535 },
    })
    restartHarness(device)
    const flow = open(PEER_IPV4)
    expect(harness.host.egress.superSegmentLimit(flow, 32)).toBe(65_535 - 34 - 32)
    send(flow)
    harness.deliver(arpReply(PEER_MAC, PEER_IPV4))
    expect(send(flow, new Array<number>(60_000).fill(3), 1448)).toBe(true)
    const [frame] = device.takeSent()
    expect(frame!.meta).toEqual({
      segmentationOffloadSize: 1448,
      ipVersion: 4,
      checksumStart: 34,
      checksumOffset: 16,
      congestionWindowReduced: false,
    })
    const view = new DataView(frame!.bytes.buffer)
    expect(view.getUint16(34 + 16)).toBe(seedOf(frame!.bytes))
    expect(view.getUint16(16)).toBe(60_040)
    const before = view.getUint16(18)
    send(flow)
    // 42 segments were made of it: the next packet's identification leaves them room.
    const after = new DataView(device.takeSent()[0]!.bytes.buffer).getUint16(18)
    expect((after - before) & 0xffff).toBeGreaterThanOrEqual(42)
    const other = open(PEER_IPV6)
    // The other family is segmented in software.
    expect(harness.host.egress.superSegmentLimit(other, 20)).toBe(65_535 - 54 - 20)
  })

  it('is not begun while the device is full, and poll does not spin', () => {
    const flow = open(PEER_IPV4)
    send(flow)
    harness.deliver(arpReply(PEER_MAC, PEER_IPV4))
    harness.device.room = 0
    harness.tcp.onDispatch = (_egress, _nowMs) => !send(flow)
    expect(harness.host.poll(harness.nowMs)).toBe(false)
    harness.device.room = 1
    expect(harness.host.poll(harness.nowMs)).toBe(false)
    expect(harness.device.takeSent()).toHaveLength(1)
  })

  it('is polled for again while its sender has more', () => {
    let left = 3
    harness.tcp.onDispatch = () => --left > 0
    expect(harness.host.poll(harness.nowMs)).toBe(true)
    harness.poll()
    expect(left).toBe(0)
  })
})

describe('a run of segments', () => {
  const HEADER = [0, 80, 0, 9, ...be32(0xffff_ff00), ...be32(8), 0x50, 0x10, 7, 7, 0, 0, 0, 0]

  function deviceThatSegments(): FakeDevice {
    return new FakeDevice({
      checksum: { ...ALL_IN_SOFTWARE, tcp: ChecksumWork.Receive },
      segmentation: { tcpv4: 65_535, tcpv6: 65_535 },
    })
  }

  /** A flow whose neighbor is known, with a TCP header in place; one packet was sent on it. */
  function openRun(destination: string): Flow {
    const isIpv4 = destination === PEER_IPV4
    const flow = open(destination)
    send(flow)
    harness.deliver(
      isIpv4 ? arpReply(PEER_MAC, PEER_IPV4) : advertisement(PEER_IPV6, PEER_MAC, 0x60000000),
    )
    send(flow)
    HEADER.forEach((octet, index) => {
      if (index !== 16 && index !== 17) flow.record.header[flow.headerLength + index] = octet
    })
    harness.device.takeSent()
    return flow
  }

  function ringOf(length: number): PacketBuffer {
    const ring = createPacketBuffer(length)
    for (let index = 0; index < length; index++) ring.bytes[index] = (index * 7) & 0xff
    return ring
  }

  /** As TCP does: prepared once, then for each frame the number and the place of the payload. */
  function sendRun(flow: Flow, segmentSize: number, ring: PacketBuffer, length: number): number {
    const owner = { framesInFlight: 0 }
    const { egress } = harness.host
    const { record } = flow
    record.owner = owner
    record.payload0 = ring
    record.payload1 = ring
    record.payload1Offset = 0
    if (!egress.prepare(flow, 20, length, segmentSize, harness.nowMs)) return 0
    let sent = 0
    for (; sent < 3; sent++) {
      const offset = (ring.lengthBytes - length - 100 + sent * length) % ring.lengthBytes
      record.view.setInt32(flow.headerLength + 4, 0xffff_ff00 + sent * length)
      record.payload0Offset = offset
      record.payload0Length = Math.min(length, ring.lengthBytes - offset)
      record.payload1Length = length - record.payload0Length
      if (!egress.submit(flow)) break
    }
    expect(owner.framesInFlight).toBe(sent)
    return sent
  }

  it.each([PEER_IPV4, PEER_IPV6])(
    'to %s follows the ring over its end, numbers and sums as if each were sent alone',
    (destination) => {
      restartHarness(deviceThatSegments())
      const flow = openRun(destination)
      const start = flow.headerLength
      const ring = ringOf(8192)
      expect(sendRun(flow, 1000, ring, 3000)).toBe(3)
      const frames = harness.device.takeSent()
      frames.forEach(({ bytes, meta }, index) => {
        const view = new DataView(bytes.buffer)
        expect(view.getInt32(start + 4)).toBe((0xffff_ff00 + index * 3000) | 0)
        for (const [at, octet] of HEADER.entries()) {
          if ((at < 4 || at >= 8) && at !== 16 && at !== 17) expect(bytes[start + at]).toBe(octet)
        }
        const wanted = Array.from(
          { length: 3000 },
          (_, octet) => ring.bytes[(8192 - 3100 + index * 3000 + octet) % 8192]!,
        )
        expect([...bytes.subarray(start + 20)]).toEqual(wanted)
        expect(view.getUint16(start + 16)).toBe(seedOf(bytes))
        expect(meta).toEqual({
          segmentationOffloadSize: 1000,
          ipVersion: flow.ipVersion,
          checksumStart: start,
          checksumOffset: 16,
          congestionWindowReduced: false,
        })
        if (flow.ipVersion === 6) {
          expect(view.getUint16(18)).toBe(3020)
          return
        }
        expect(view.getUint16(16)).toBe(3040)
        expect(checksumOf(bytes.subarray(14, 34))).toBe(0)
        // The device gives the three packets of a frame consecutive identifications.
        const first = new DataView(frames[0]!.bytes.buffer).getUint16(18)
        expect(view.getUint16(18)).toBe((first + 3 * index) & 0xffff)
      })
    },
  )

  it('is summed in software for a device that computes nothing', () => {
    const flow = openRun(PEER_IPV4)
    expect(sendRun(flow, 0, ringOf(4096), 700)).toBe(3)
    for (const { bytes, meta } of harness.device.takeSent()) {
      expect(bytes).toEqual(completeTcp(bytes))
      expect(checksumOf(bytes.subarray(14, 34))).toBe(0)
      expect(meta.checksumStart).toBe(0)
    }
  })

  it('ends where the device is full, and says how far it came', () => {
    restartHarness(deviceThatSegments())
    const flow = openRun(PEER_IPV4)
    harness.device.room = 2
    expect(sendRun(flow, 1000, ringOf(8192), 3000)).toBe(2)
    expect(harness.device.takeSent()).toHaveLength(2)
  })

  it('is not begun while the neighbor is unknown', () => {
    const flow = open(PEER_IPV4)
    expect(sendRun(flow, 0, ringOf(4096), 700)).toBe(0)
    expect(flow.isResolving).toBe(true)
  })
})

describe('a flow', () => {
  it('goes to the gateway when the destination is not on the link', () => {
    const flow = open('93.184.216.34')
    expect(send(flow)).toBe(false)
    harness.poll()
    expect(harness.device.takeSent()[0]!.bytes).toEqual(arpQuestion(lab.GATEWAY_IPV4))
    harness.deliver(arpReply(lab.GATEWAY_MAC, lab.GATEWAY_IPV4))
    expect(send(flow)).toBe(true)
    expect([...harness.device.takeSent()[0]!.bytes.subarray(0, 6)]).toEqual(mac(lab.GATEWAY_MAC))
  })

  it.each([
    [PEER_IPV6, OUR_IPV6],
    ['2a00::1', OUR_IPV6],
    ['fe80::9', lab.OUR_LINK_LOCAL],
    ['ff02::fb', lab.OUR_LINK_LOCAL],
    [PEER_IPV4, OUR_IPV4],
    ['8.8.8.8', OUR_IPV4],
    ['255.255.255.255', OUR_IPV4],
    ['224.0.0.251', OUR_IPV4],
  ])('to %s has source %s (RFC 6724)', (destination, source) => {
    expect(open(destination, null, UDP).source).toEqual(address(source))
  })

  it.each([
    ...[OUR_IPV4, OUR_IPV6],
    // RFC 1122 §3.2.1.3 (g): "Addresses of this form MUST NOT appear outside a host."
    ...['127.0.0.1', '127.255.255.254', '::1'],
  ])('to ourselves, %s, takes what is sent and gives the device nothing', (text) => {
    const flow = open(text, null, UDP)
    expect(flow.source).toEqual(address(text))
    expect(send(flow)).toBe(true)
    harness.advance(100)
    expect(harness.device.takeSent()).toEqual([])
  })

  it('leaves to nobody from a loopback address', () => {
    const { egress } = harness.host
    expect(egress.openFlow(address(PEER_IPV4), address('127.0.0.1'), UDP)).toBeNull()
    expect(egress.openFlow(address(PEER_IPV6), address('::1'), UDP)).toBeNull()
  })

  it.each(['0.0.0.0', '::', '::ffff:10.0.0.9'])('is not opened to %s', (text) => {
    for (const protocol of [6, 17]) {
      expect(harness.host.egress.openFlow(address(text), null, protocol)).toBeNull()
    }
  })

  it.each([
    ['224.0.0.251', '01:00:5e:00:00:fb'],
    ['239.255.1.2', '01:00:5e:7f:01:02'],
    ['10.0.0.255', BROADCAST_MAC],
    ['255.255.255.255', BROADCAST_MAC],
    ['ff02::1:2', '33:33:00:01:00:02'],
  ])('to group %s goes to %s at once', (destination, hardware) => {
    expect(send(open(destination, null, UDP))).toBe(true)
    expect([...harness.device.takeSent()[0]!.bytes.subarray(0, 6)]).toEqual(mac(hardware))
  })

  it.each(['224.0.0.251', '10.0.0.255', '255.255.255.255', 'ff02::1:2'])(
    'of TCP is not opened to group %s (RFC 9293 MUST-46)',
    (destination) => {
      expect(harness.host.egress.openFlow(address(destination), null, 6)).toBeNull()
    },
  )

  it('asks once a second, five times, then reports its destination unreachable', () => {
    const flow = open(PEER_IPV4)
    const times: number[] = []
    const start = harness.nowMs
    for (let step = 0; step < 150; step++) {
      expect(send(flow)).toBe(false)
      harness.advance(100)
      for (const { bytes } of harness.device.takeSent()) {
        expect(bytes).toEqual(arpQuestion(PEER_IPV4))
        times.push(harness.nowMs - start)
      }
      const failed = harness.host.egress.isUnreachable(flow, harness.nowMs)
      expect(failed).toBe(harness.nowMs - start >= 5100)
    }
    // RFC 1122 §2.3.2.1; as long as somebody wants to send there it is asked, ever more seldom (RFC
    // 7048 §3).
    expect(times).toEqual([100, 1100, 2100, 3100, 4100, 6100, 8100, 12_100])
    harness.deliver(arpReply(PEER_MAC, PEER_IPV4))
    expect(harness.host.egress.isUnreachable(flow, harness.nowMs)).toBe(false)
    expect(send(flow)).toBe(true)
  })

  it('lets senders know in the same poll that its neighbor does not answer', () => {
    const flow = open(PEER_IPV4)
    const seen: boolean[] = []
    send(flow)
    harness.poll()
    harness.tcp.onDispatch = (egress, nowMs) => {
      seen.push(egress.isUnreachable(flow, nowMs))
      return false
    }
    while (harness.host.nextDeadlineMs(harness.nowMs) !== Number.POSITIVE_INFINITY) {
      harness.advance(harness.host.nextDeadlineMs(harness.nowMs) - harness.nowMs)
    }
    expect(seen.at(-1)).toBe(true)
    // In the poll that gives it up, and in that which finds that nobody wants it any more.
    expect(seen.filter(Boolean)).toHaveLength(2)
  })

  it.each([
    [PEER_IPV4, [1064, 552, 552]],
    [PEER_IPV6, [1280, 1280, 1280]],
  ])(
    'to %s tries less where what is large vanishes, down to a floor, and asks for a probe of more later (RFC 4821)',
    (peer, steps) => {
      const flow = open(peer)
      const { egress } = harness.host
      const found = steps.map(() => [egress.noteBlackHole(flow, harness.nowMs), flow.pathMtu])
      expect(found).toEqual(steps.map((mtu, index) => [mtu !== (steps[index - 1] ?? 1500), mtu]))
      // Others to the same destination are not concerned: it may be an outage.
      expect(open(peer).pathMtu).toBe(1500)
      send(flow)
      expect(flow.pathMtu).toBe(steps[2])
      expect(flow.searchMtu).toBe(0)
      harness.advance(60_000)
      send(flow)
      expect([flow.pathMtu, flow.searchMtu]).toEqual([steps[2], 1500])
      egress.noteMtuProbe(flow, flow.searchMtu, true, harness.nowMs)
      expect([flow.pathMtu, flow.searchMtu]).toEqual([1500, 0])
    },
  )

  it('searches by halves between what has arrived and what was lost, and from above again much later (RFC 4821 §7.3)', () => {
    const flow = open(PEER_IPV6)
    const { egress } = harness.host
    egress.noteBlackHole(flow, harness.nowMs)
    harness.advance(31_000)
    send(flow)
    const tried: [number, number][] = []
    while (flow.searchMtu !== 0) {
      const { searchMtu } = flow
      egress.noteMtuProbe(flow, searchMtu, searchMtu <= 1440, harness.nowMs)
      tried.push([searchMtu, flow.pathMtu])
    }
    expect(tried).toEqual([
      [1500, 1280],
      [1500, 1280],
      [1500, 1280],
      [1390, 1390],
    ])
    // What nobody has asked for tells nothing.
    egress.noteMtuProbe(flow, flow.searchMtu, true, harness.nowMs)
    expect(flow.pathMtu).toBe(1390)
    harness.advance(50_000)
    send(flow)
    expect(flow.searchMtu).toBe(0)
    harness.advance(11_000)
    send(flow)
    expect([flow.pathMtu, flow.searchMtu]).toEqual([1390, 1500])
    // It swallows more than before: the search is over until later.
    egress.noteBlackHole(flow, harness.nowMs)
    expect([flow.pathMtu, flow.searchMtu]).toEqual([1280, 0])
  })

  it('books a probe on the size it had, when a router says meanwhile that less is to be tried', () => {
    const flow = open(PEER_IPV6)
    const { egress } = harness.host
    const { link, neighbors } = harness.iface
    egress.noteBlackHole(flow, harness.nowMs)
    harness.advance(31_000)
    send(flow)
    expect(flow.searchMtu).toBe(1500)
    link.setMtu6(1400)
    neighbors.invalidatePaths()
    send(flow)
    expect(flow.searchMtu).toBe(1400)
    // That 1,500 octets were lost says nothing of 1,400; that 1,300 have arrived does not either.
    egress.noteMtuProbe(flow, 1500, false, harness.nowMs)
    egress.noteMtuProbe(flow, 1300, true, harness.nowMs)
    expect([flow.pathMtu, flow.searchMtu]).toEqual([1280, 1400])
    egress.noteMtuProbe(flow, 1500, true, harness.nowMs)
    expect([flow.pathMtu, flow.searchMtu]).toEqual([1400, 0])
  })

  it('tries a size again that was lost twice, and forgets that once it has arrived (RFC 8899 §5.1.2, MAX_PROBES)', () => {
    const flow = open(PEER_IPV6)
    const { egress } = harness.host
    for (let hole = 0; hole < 2; hole++) {
      egress.noteBlackHole(flow, harness.nowMs)
      harness.advance(hole === 0 ? 31_000 : 61_000)
      send(flow)
      egress.noteMtuProbe(flow, 1500, false, harness.nowMs)
      egress.noteMtuProbe(flow, 1500, false, harness.nowMs)
      expect([flow.pathMtu, flow.searchMtu]).toEqual([1280, 1500])
      egress.noteMtuProbe(flow, 1500, true, harness.nowMs)
      expect([flow.pathMtu, flow.searchMtu]).toEqual([1500, 0])
    }
  })

  it('is dispatched in the poll that resolves its neighbor', () => {
    const flow = open(PEER_IPV6)
    harness.tcp.onDispatch = () => {
      send(flow)
      return false
    }
    harness.poll()
    const [question] = harness.device.takeSent()
    const body = concat(be32(0), ip(PEER_IPV6), [1, 1], mac(OUR_MAC))
    const [source, destination] = [OUR_IPV6, 'ff02::1:ff00:9']
    expect(question!.bytes).toEqual(
      concat(
        ethernet('33:33:ff:00:00:09', OUR_MAC, 0x86dd),
        ipv6(
          { source, destination, nextHeader: 58, hopLimit: 255 },
          icmpv6(source, destination, 135, 0, body),
        ),
      ),
    )
    const sent = harness.deliver(advertisement(PEER_IPV6, PEER_MAC, 0x60000000))
    expect(sent).toHaveLength(1)
  })

  it('moves to another route when the routes change', () => {
    const flow = open(PEER_IPV4)
    send(flow)
    harness.deliver(arpReply(PEER_MAC, PEER_IPV4))
    expect(send(flow)).toBe(true)
    const prefix = { address: address(PEER_IPV4), prefixLength: 32 }
    harness.iface.addRoute(prefix, address('10.0.0.77'))
    expect(send(flow)).toBe(false)
    harness.deliver(arpReply('52:54:00:00:00:77', '10.0.0.77'))
    harness.device.takeSent()
    expect(send(flow)).toBe(true)
    const destination = harness.device.takeSent()[0]!.bytes.subarray(0, 6)
    expect([...destination]).toEqual(mac('52:54:00:00:00:77'))
    harness.iface.removeRoute(prefix, address('10.0.0.77'))
    expect(send(flow)).toBe(true)
    expect([...harness.device.takeSent()[0]!.bytes.subarray(0, 6)]).toEqual(mac(PEER_MAC))
  })
})
