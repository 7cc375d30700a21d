/**
 * Datagrams longer than their path: sent in fragments that any receiver puts together (RFC 791
 * §3.2, RFC 8200 §4.5, RFC 7739).
 */

import { beforeEach, describe, expect, it } from 'vitest'
import { FragmentIdentifiers } from '../../../../net/iface/fragments/fragment-identifiers.ts'
import { ChecksumWork } from '../../../../net/phy/offload.ts'
import { DatagramSend } from '../../../../net/socket/datagram/datagram-send.ts'
import type { UdpSocket } from '../../../../net/socket/udp/udp-socket.ts'
import { fakeBulk } from '../../../fakes/fake-bulk.ts'
import { ALL_IN_SOFTWARE, FakeDevice, type SentFrame } from '../../../support/fake-device.ts'
import { fragmentsOf } from '../../../support/fragments.ts'
import {
  be32,
  checksumOf,
  concat,
  icmpv4,
  icmpv6,
  ipv6,
  pseudoHeader,
} from '../../../support/frames.ts'
import { six } from '../../../support/hostile-corpus.ts'
import { address, OUR_IPV6, PEER_IPV6 } from '../../../support/interface-harness.ts'
import { createRandomSource } from '../../../support/random.ts'
import { message, OURS, PEERS, UdpLab, type Version } from '../../../support/udp-lab.ts'

let lab: UdpLab
let socket: UdpSocket
function restart(device?: FakeDevice): void {
  lab = new UdpLab(device)
  socket = lab.udp.open({ port: 7 })
}
beforeEach(() => restart())

const payloadOf = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) & 0xff)

interface Piece {
  offset: number
  isLast: boolean
  identification: number
  nextHeader: number
  part: Uint8Array
}

/** What a frame says of itself as a fragment, headers checked. */
function pieceOf(version: Version, { bytes, meta }: SentFrame): Piece {
  expect(meta.checksumStart).toBe(0)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (version === 4) {
    expect(checksumOf(bytes.subarray(14, 34))).toBe(0)
    expect(view.getUint16(16)).toBe(bytes.length - 14)
    const field = view.getUint16(20)
    expect(field & 0xc000).toBe(0)
    return {
      offset: (field & 0x1fff) * 8,
      isLast: (field & 0x2000) === 0,
      identification: view.getUint16(18),
      nextHeader: bytes[23]!,
      part: bytes.subarray(34),
    }
  }
  expect(view.getUint16(18)).toBe(bytes.length - 54)
  expect([bytes[20], bytes[55]]).toEqual([44, 0])
  const field = view.getUint16(56)
  return {
    offset: field & 0xfff8,
    isLast: (field & 1) === 0,
    identification: view.getInt32(58),
    nextHeader: bytes[54]!,
    part: bytes.subarray(62),
  }
}

/** Puts frames together as the plainest receiver would: in order, without holes. */
function join(version: Version, frames: readonly SentFrame[], mtu = 1500) {
  const pieces = frames.map((frame) => pieceOf(version, frame))
  let expected = 0
  for (const [index, { offset, isLast, part }] of pieces.entries()) {
    expect(offset).toBe(expected)
    expect(isLast).toBe(index === pieces.length - 1)
    expect(frames[index]!.bytes.length).toBeLessThanOrEqual(14 + mtu)
    expected += part.length
  }
  expect(new Set(pieces.map(({ identification }) => identification)).size).toBe(1)
  expect(new Set(pieces.map(({ nextHeader }) => nextHeader)).size).toBe(1)
  const { identification, nextHeader } = pieces[0]!
  return { identification, nextHeader, datagram: concat(...pieces.map(({ part }) => part)) }
}

function expectUdp(version: Version, datagram: Uint8Array, payload: Uint8Array): void {
  expect(datagram.subarray(8)).toEqual(payload)
  const pseudo = pseudoHeader(OURS[version], PEERS[version], 17, datagram.length)
  expect(checksumOf(concat(pseudo, datagram))).toBe(0)
}

describe.each([4, 6] as const)('over IPv%i', (version) => {
  const peer = address(PEERS[version])
  const longest = version === 4 ? 65_507 : 65_527

  it.each([
    ['whose device computes checksums', ChecksumWork.None],
    ['whose device computes none', ChecksumWork.Both],
  ])('a UDP datagram goes in fragments, checksum complete, from a guest %s', (_name, udp) => {
    restart(new FakeDevice({ checksum: { ...ALL_IN_SOFTWARE, udp } }))
    for (const length of [1473, 2960, 4000, longest]) {
      const payload = payloadOf(length)
      expect(socket.send(peer, 5000, payload, 0, length)).toBe(DatagramSend.Queued)
      const { datagram, nextHeader } = join(version, lab.takeSent())
      expect(nextHeader).toBe(17)
      expectUdp(version, datagram, payload)
    }
    expect(lab.iface.counters.datagramsFragmented).toBe(4)
    expect(lab.udp.statistics).toMatchObject({ datagramsSent: 4 })
  })

  it('an answer is as long as what came: 4 kB and the longest, each way in fragments', () => {
    for (const length of [4000, longest]) {
      const payload = payloadOf(length)
      const fields = { version, protocol: 17, identification: length & 0xffff }
      for (const frame of fragmentsOf(fields, message(version, payload), 1448).reverse()) {
        lab.device.inject(frame)
      }
      lab.poll()
      const received = socket.peek()!
      expect(socket.reply(received.bytes, received.offset, received.length)).toBe(true)
      socket.consume()
      expectUdp(version, join(version, lab.takeSent()).datagram, payload)
    }
  })

  it.each([1600, 4000, 65_515])(
    'an echo request of %i octets is answered with the same data',
    (length) => {
      const data = payloadOf(length - 8)
      const request =
        version === 4
          ? icmpv4(8, 0, 0x12345678, data)
          : icmpv6(PEER_IPV6, OUR_IPV6, 128, 0, concat(be32(0x12345678), data))
      const protocol = version === 4 ? 1 : 58
      const frames = fragmentsOf({ version, protocol }, request, 1448)
      for (const frame of frames) lab.device.inject(frame)
      lab.poll()
      const { datagram, nextHeader } = join(version, lab.device.takeSent())
      expect(nextHeader).toBe(protocol)
      expect([datagram[0], datagram[1]]).toEqual([version === 4 ? 0 : 129, 0])
      expect(datagram.subarray(4)).toEqual(request.subarray(4))
      const pseudo = version === 4 ? [] : pseudoHeader(OUR_IPV6, PEER_IPV6, 58, datagram.length)
      expect(checksumOf(concat(pseudo, datagram))).toBe(0)
      expect(lab.iface.counters.echoReplies).toBe(1)
    },
  )

  it('a bad checksum in a fragmented echo request is seen', () => {
    const request =
      version === 4
        ? icmpv4(8, 0, 1, payloadOf(6000))
        : icmpv6(PEER_IPV6, OUR_IPV6, 128, 0, concat(be32(1), payloadOf(6000)))
    request[5000]! ^= 4
    const protocol = version === 4 ? 1 : 58
    for (const frame of fragmentsOf({ version, protocol }, request, 1448)) {
      expect(lab.deliver(frame, { checksumVerified: true })).toEqual([])
    }
    expect(lab.iface.counters.icmpBadChecksum).toBe(1)
  })

  it('a device that is full gets the rest later, and no half of another datagram meanwhile', () => {
    const [first, second] = [payloadOf(4000), payloadOf(5000).reverse()]
    lab.device.room = 2
    socket.send(peer, 5000, first, 0, first.length)
    socket.send(peer, 5000, second, 0, second.length)
    const sent = lab.takeSent()
    expect(sent).toHaveLength(2)
    lab.device.room = 1
    sent.push(...lab.takeSent())
    lab.device.room = 100
    const rest = lab.takeSent()
    expectUdp(version, join(version, [...sent, ...rest.slice(0, 0)]).datagram, first)
    expectUdp(version, join(version, rest).datagram, second)
    expect(lab.udp.statistics.datagramsSent).toBe(2)
  })

  it('a device that takes nothing takes nothing: the datagram stays with its socket', () => {
    lab.device.room = 0
    socket.send(peer, 5000, payloadOf(4000), 0, 4000)
    expect(lab.takeSent()).toEqual([])
    expect(lab.iface.counters.datagramsFragmented).toBe(0)
    lab.device.room = 100
    expectUdp(version, join(version, lab.takeSent()).datagram, payloadOf(4000))
  })

  it('the rest of a datagram is given up when the device takes no more for a second', () => {
    lab.device.room = 1
    socket.send(peer, 5000, payloadOf(4000), 0, 4000)
    expect(lab.takeSent()).toHaveLength(1)
    expect(lab.host.nextDeadlineMs(lab.nowMs)).toBe(lab.nowMs + 1000)
    lab.advance(1000)
    lab.device.room = 100
    expect(lab.takeSent()).toEqual([])
    expect(lab.iface.counters.fragmentationAbandoned).toBe(1)
    socket.send(peer, 5000, payloadOf(3000), 0, 3000)
    expectUdp(version, join(version, lab.takeSent()).datagram, payloadOf(3000))
  })

  it('a link that carries less has smaller fragments', () => {
    const mtu = version === 4 ? 576 : 1280
    restart(new FakeDevice({ maxTransmissionUnit: mtu }))
    socket.send(peer, 5000, payloadOf(4000), 0, 4000)
    expectUdp(version, join(version, lab.takeSent(), mtu).datagram, payloadOf(4000))
  })

  it('identifications cannot be guessed from those to another destination, and do not repeat (RFC 7739 §5.3)', () => {
    const identifiers = new FragmentIdentifiers(createRandomSource(3), fakeBulk)
    const source = address(OURS[version])
    const other = address(version === 4 ? '10.0.0.10' : '2001:db8::10')
    const mine = Array.from({ length: 1000 }, () => identifiers.next(source, peer))
    const theirs = Array.from({ length: 1000 }, () => identifiers.next(source, other))
    const mask = version === 4 ? 0xffff : -1
    expect(new Set(mine.map((value) => value & mask)).size).toBe(1000)
    const distances = mine.map((value, index) => Math.abs((value & mask) - (theirs[index]! & mask)))
    expect(Math.min(...distances)).toBeGreaterThan(2000)
    const reboot = new FragmentIdentifiers(createRandomSource(4), fakeBulk)
    expect(Math.abs((reboot.next(source, peer) & mask) - (mine[0]! & mask))).toBeGreaterThan(100)
  })
})

describe('Packet Too Big about fragments of ours (RFC 8201)', () => {
  function tooBig(mtu: number, quoted: Uint8Array): Uint8Array {
    const source = 'fe80::1'
    const quote = quoted.subarray(14, 14 + 1000)
    return six({ source }, icmpv6(source, OUR_IPV6, 2, 0, concat(be32(mtu), quote)))
  }

  it('quotes the first of a UDP datagram: smaller ones follow, to every port of that host', () => {
    const peer = address(PEER_IPV6)
    socket.send(peer, 5000, payloadOf(4000), 0, 4000)
    const [first, second] = lab.takeSent()
    // A later one has no ports to say whose it is.
    lab.deliver(tooBig(1300, second!.bytes))
    expect(lab.iface.counters.icmpErrorUnrelated).toBe(1)
    lab.deliver(tooBig(1300, first!.bytes))
    const other = lab.udp.open({ port: 9 })
    other.send(peer, 6000, payloadOf(4000), 0, 4000)
    join(6, lab.takeSent(), 1300)
  })

  it('quotes an echo reply: the next one goes in smaller packets, and who invents one changes nothing', () => {
    const ping = (word: number): SentFrame[] => {
      const body = concat(be32(word), payloadOf(1400))
      return lab.deliver(six({}, icmpv6(PEER_IPV6, OUR_IPV6, 128, 0, body)))
    }
    const [whole, ...more] = ping(0x10001)
    expect(more).toEqual([])
    const invented = icmpv6(OUR_IPV6, PEER_IPV6, 129, 0, concat(be32(0x10002), payloadOf(1400)))
    const packet = ipv6({ source: OUR_IPV6, destination: PEER_IPV6, nextHeader: 58 }, invented)
    lab.deliver(tooBig(1300, concat(new Uint8Array(14), packet)))
    expect(lab.iface.counters.icmpErrorUnrelated).toBe(1)
    expect(ping(0x10003)).toHaveLength(1)
    lab.deliver(tooBig(1300, whole!.bytes))
    const { datagram } = join(6, ping(0x10004), 1300)
    expect(datagram).toHaveLength(1408)
  })
})
