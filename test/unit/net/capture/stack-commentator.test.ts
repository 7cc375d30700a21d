/**
 * What a capture says of single packets: every kind of repetition and probe, every reason for a
 * drop, nothing of plain traffic.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { Stack } from '../../../../net/api/stack.ts'
import type { CapturedSegment } from '../../../../net/capture/captured-segment.ts'
import { TransmitComments } from '../../../../net/capture/transmit-comment.ts'
import { ChecksumWork } from '../../../../net/phy/offload.ts'
import type { TcpSocket } from '../../../../net/socket/tcp/tcp-socket.ts'
import { FakeDevice } from '../../../support/fake-device.ts'
import {
  arp,
  tcp as bareTcp,
  be16,
  be32,
  concat,
  ethernet,
  type Ipv4Fields,
  icmpv4,
  ipv4,
  ipv6,
  pseudoHeader,
  udp,
  withChecksum,
} from '../../../support/frames.ts'
import { createPacketBuffer, testBulk } from '../../../support/memory.ts'
import { createRandomSource } from '../../../support/random.ts'
import { StackCapture } from '../../../support/stack-capture.ts'

const OUR_MAC = '52:54:00:12:34:56'
const PEER_MAC = '52:54:00:00:00:09'
const OURS = '10.0.0.2'
const PEER = '10.0.0.9'
const MSS = 1460
const FIN = 1
const SYN = 2
const RST = 4
const ACK = 16
const PORT = 80

interface Segment {
  flags: number
  sequence?: number
  acknowledgment?: number
  window?: number
  payload?: ArrayLike<number>
  options?: readonly number[]
}

/**
 * A stack whose peer is the test, and the capture of it. Sequence numbers of either side count from
 * its SYN.
 */
class Lab {
  nowMs = 1_000_000
  readonly device = new FakeDevice({
    checksum: {
      ipv4: ChecksumWork.Both,
      tcp: ChecksumWork.None,
      udp: ChecksumWork.None,
      icmpv4: ChecksumWork.Both,
      icmpv6: ChecksumWork.Both,
    },
    segmentation: { tcpv4: 65_535, tcpv6: 65_535 },
  })
  readonly capture = new StackCapture(this.device, () => this.nowMs)
  readonly stack: Stack
  readonly accepted: TcpSocket[] = []
  ourIsn = 0
  peerPort = 4000

  constructor() {
    this.stack = new Stack({
      devices: [this.capture.device],
      allocator: { allocate: createPacketBuffer },
      bulk: testBulk,
      random: createRandomSource(5),
    })
    this.capture.comment(this.stack)
    this.stack.addAddress(`${OURS}/24`, this.nowMs)
    this.stack.addAddress('fd00::2/64', this.nowMs)
    this.stack.listenSocket({
      port: PORT,
      handler: {
        onConnection: (listener) => {
          const socket = listener.accept()!
          socket.handler = { onClose() {} }
          this.accepted.push(socket)
        },
      },
    })
    for (let step = 0; step < 5; step++) this.advance(1000)
    this.deliver(
      concat(ethernet(OUR_MAC, PEER_MAC, 0x806), arp(1, PEER_MAC, PEER, '00:00:00:00:00:00', OURS)),
    )
    this.capture.take()
  }

  poll(): void {
    for (let turns = 0; this.stack.poll(this.nowMs); turns++) {
      if (turns > 1000) throw new Error('poll never ends')
    }
    this.device.complete()
  }

  advance(ms: number): void {
    this.nowMs += ms
    this.poll()
  }

  /** Lets time pass until something is sent; returns the comments. */
  untilSent(limitMs = 200_000): string[] {
    this.capture.take()
    for (let waited = 0; waited < limitMs; waited += 10) {
      this.advance(10)
      const packets = this.capture.take()
      if (packets.length > 0) return packets.map(({ comment }) => comment)
    }
    throw new Error('nothing is sent')
  }

  /** Delivers a frame; returns the comments of what is recorded then, the frame's first. */
  deliver(frame: Uint8Array, meta: Parameters<FakeDevice['inject']>[1] = {}): string[] {
    this.capture.take()
    this.device.inject(frame, meta)
    this.poll()
    return this.capture.take().map(({ comment }) => comment)
  }

  frame(segment: Segment): Uint8Array {
    const { options = [], payload = [] } = segment
    const words = 5 + options.length / 4
    const message = concat(
      be16(this.peerPort),
      be16(PORT),
      be32(1000 + (segment.sequence ?? 1)),
      be32((segment.flags & ACK) === 0 ? 0 : this.ourIsn + (segment.acknowledgment ?? 1)),
      [words << 4, segment.flags],
      be16(segment.window ?? 60_000),
      [0, 0, 0, 0],
      options,
      payload,
    )
    return four(
      { protocol: 6 },
      withChecksum(message, 16, pseudoHeader(PEER, OURS, 6, message.length)),
    )
  }

  send(segment: Segment): string[] {
    return this.deliver(this.frame(segment))
  }

  sendSyn(more: readonly number[] = []): string[] {
    const options = [2, 4, MSS >> 8, MSS & 0xff, ...more]
    const comments = this.send({ flags: SYN, sequence: 0, options })
    const { bytes } = this.device.takeSent().at(-1)!
    this.ourIsn = new DataView(bytes.buffer).getUint32(38)
    return comments
  }

  connect(window = 60_000): TcpSocket {
    this.sendSyn()
    this.send({ flags: ACK, window })
    return this.accepted.at(-1)!
  }
}

function four(fields: Partial<Ipv4Fields>, payload: ArrayLike<number>): Uint8Array {
  const base = { source: PEER, destination: OURS, protocol: 17 }
  return concat(ethernet(OUR_MAC, PEER_MAC, 0x800), ipv4({ ...base, ...fields }, payload))
}

let lab: Lab
beforeEach(() => {
  lab = new Lab()
})

/** Sends `count` segments' worth; returns the comments. */
function write(socket: TcpSocket, length: number): string[] {
  lab.capture.take()
  socket.send(new Uint8Array(length), 0, length)
  lab.poll()
  return lab.capture.take().map(({ comment }) => comment)
}

describe('of what TCP sends', () => {
  it('plain handshakes, ACKs and resets: nothing but that they answer', () => {
    expect(lab.sendSyn()).toEqual(['', 'answers the packet before it'])
    expect(lab.send({ flags: ACK })).toEqual([''])
    expect(lab.send({ flags: ACK, payload: [1, 2, 3] })).toEqual([''])
    expect(lab.untilSent()).toEqual([''])
    lab.accepted[0]!.abort()
    expect(lab.untilSent()).toEqual([''])
  })

  it('data: the congestion window, and what a super-segment is made of', () => {
    const socket = lab.connect()
    expect(write(socket, 100)).toEqual(['cwnd 14600, 0 in flight'])
    expect(write(socket, 5 * MSS + 1)).toEqual([
      '5 segments of 1460 octets; cwnd 14600, 100 in flight',
    ])
  })

  it('retransmissions by the timer, numbered, and what follows them', () => {
    const socket = lab.connect()
    write(socket, 3 * MSS)
    expect(lab.untilSent()).toEqual(['retransmission, time-out #1; cwnd 1460, 4380 in flight'])
    expect(lab.untilSent()).toEqual(['retransmission, time-out #2; cwnd 1460, 4380 in flight'])
    const [, next] = lab.send({ flags: ACK, acknowledgment: 1 + MSS })
    expect(next).toMatch(/^retransmission, going on after a time-out; cwnd/)
    expect(lab.send({ flags: ACK, acknowledgment: 1 + 3 * MSS })).toEqual([''])
    expect(write(socket, 10)).toEqual([expect.stringMatching(/^cwnd \d+, 0 in flight$/)])
  })

  it('a repetition that new data rides on: how much of it is old', () => {
    const socket = lab.connect()
    write(socket, 1000)
    // Nagle holds this back until there is an answer, or something to send again.
    socket.send(new Uint8Array(100), 0, 100)
    expect(lab.untilSent()).toEqual([
      'retransmission, time-out #1 (1000 of 1100 octets, the rest is new); cwnd 1460, 1000 in flight',
    ])
  })

  it('a probe of a small window, with all that fits, and the next (RFC 9293 §3.8.6.2.1)', () => {
    const socket = lab.connect(1000)
    write(socket, 3000)
    expect(lab.untilSent()).toEqual(['probe of a small window #1; cwnd 14600, 0 in flight'])
    expect(lab.untilSent()).toEqual(['probe of a small window #2; cwnd 14600, 1000 in flight'])
  })

  it('fast retransmits, and those that partial ACKs ask for (RFC 6582)', () => {
    const socket = lab.connect()
    write(socket, 8 * MSS)
    const duplicates: string[][] = []
    for (let count = 0; count < 3; count++) duplicates.push(lab.send({ flags: ACK }))
    expect(duplicates[0]![0]).toBe('duplicate ACK #1')
    expect(duplicates[2]).toEqual([
      'duplicate ACK #3: a fast retransmit follows',
      expect.stringMatching(/^fast retransmit after 3 duplicate ACKs; cwnd/),
    ])
    const partial = lab.send({ flags: ACK, acknowledgment: 1 + 2 * MSS })
    expect(partial[1]).toMatch(/^fast retransmit of the next hole, which a partial ACK showed/)
  })

  it('a SYN-ACK again: by the timer, or since the peer asks', () => {
    lab.sendSyn()
    expect(lab.untilSent()).toEqual(['retransmission, time-out #1'])
    expect(lab.untilSent()).toEqual(['retransmission, time-out #2'])
    const again = 'answers the packet before it; sent again: the peer repeated its SYN'
    expect(lab.sendSyn()).toEqual(['', again])
  })

  it('a SYN of our own again, and the answer to a simultaneous one (RFC 9293 §3.5)', () => {
    lab.capture.take()
    const socket = lab.stack.connectSocket({
      address: { version: 4, word0: 0, word1: 0, word2: 0, word3: 0x0a000009 },
      port: 4000,
      handler: { onClose() {} },
    })
    lab.poll()
    expect(lab.capture.take().map(({ comment }) => comment)).toEqual([''])
    expect(lab.untilSent()).toEqual(['retransmission, time-out #1'])
    const message = concat(
      be16(4000),
      be16(socket.localPort),
      be32(9),
      be32(0),
      [0x50, SYN],
      be16(9000),
      be32(0),
    )
    const syn = four({ protocol: 6 }, withChecksum(message, 16, pseudoHeader(PEER, OURS, 6, 20)))
    expect(lab.deliver(syn)).toEqual(['', 'sent again, now with an ACK: simultaneous open'])
  })

  it('a SYN of our own again behind the reset of a stale ACK (RFC 9293 §3.5.1)', () => {
    const socket = lab.stack.connectSocket({
      address: { version: 4, word0: 0, word1: 0, word2: 0, word3: 0x0a000009 },
      port: 4000,
      handler: { onClose() {} },
    })
    lab.poll()
    const ports = concat(be16(4000), be16(socket.localPort))
    const message = concat(ports, be32(9), be32(7), [0x50, ACK], be16(9000), be32(0))
    const stale = four({ protocol: 6 }, withChecksum(message, 16, pseudoHeader(PEER, OURS, 6, 20)))
    expect(lab.deliver(stale)).toEqual([
      'dropped: acknowledges what cannot be acknowledged [tcp.drops.unacceptableAck]',
      'answers the packet before it',
      'sent again, behind a reset: the peer answered for an old connection',
    ])
  })

  it('ACKs of what is out of order: each answers a packet', () => {
    lab.connect()
    expect(lab.send({ flags: ACK, sequence: 11, payload: [1] })).toEqual([
      'out of order: 10 octets are missing before it',
      'answers the packet before it',
    ])
  })

  it('probes of a closed window, numbered, and what goes out when it opens (RFC 9293 §3.8.6.1)', () => {
    const socket = lab.connect()
    lab.send({ flags: ACK, window: 0 })
    expect(write(socket, 3000)).toEqual([])
    expect(lab.untilSent()).toEqual(['zero-window probe #1; cwnd 14600, 0 in flight'])
    expect(lab.send({ flags: ACK, window: 0 })).toEqual([''])
    expect(lab.untilSent()).toEqual(['zero-window probe #2; cwnd 14600, 1 in flight'])
    const comments = lab.send({ flags: ACK, window: 60_000 })
    expect(comments[1]).toMatch(
      /^begins with the octet of the probe \(1 of 1460 octets, the rest is new\); cwnd/,
    )
  })

  it('a probe of a window too small for a segment', () => {
    const socket = lab.connect()
    lab.send({ flags: ACK, window: 10 })
    write(socket, 3000)
    expect(lab.untilSent()[0]).toMatch(/^probe of a small window #1; cwnd/)
  })

  it('what was in flight when the window closed, sent again when it opens', () => {
    const socket = lab.connect()
    write(socket, 2 * MSS)
    lab.send({ flags: ACK, window: 0, payload: [1] })
    expect(lab.untilSent().at(-1)).toMatch(/^zero-window probe #1|^$/)
    let comments = lab.untilSent()
    while (!/probe/.test(comments.join())) comments = lab.untilSent()
    const opened = lab.send({ flags: ACK, window: 60_000, sequence: 2 })
    expect(opened[1]).toMatch(/^retransmission, the window is open again; cwnd/)
  })

  it('keep-alives, numbered (RFC 9293 §3.8.4)', () => {
    const socket = lab.connect()
    socket.setKeepAlive(1000)
    expect(lab.untilSent()).toEqual(['keep-alive #1'])
    expect(lab.untilSent()).toEqual(['keep-alive #2'])
  })

  it('a FIN again', () => {
    const socket = lab.connect()
    socket.closeWrite()
    lab.poll()
    expect(lab.untilSent()).toEqual(['retransmission, time-out #1'])
  })
})

it('a time-out two gigabytes ago is not the reason for what is sent again now', () => {
  const comments = new TransmitComments()
  const statistics = { fastRetransmits: 0, retransmitTimeouts: 1 }
  const congestion = { windowBytes: 1 }
  const socket = { sendUnacknowledged: 100, sendMax: 200, timeouts: 1, statistics, congestion }
  const describeAt = (sequence: number) =>
    comments.describe(
      socket as unknown as TcpSocket,
      { sequence, flags: ACK, payloadLength: 10 } as CapturedSegment,
    )
  expect(describeAt(100)).toMatch(/^retransmission, time-out #1/)
  Object.assign(socket, { timeouts: 0, sendUnacknowledged: 200 })
  expect(describeAt(200)).toMatch(/^cwnd/)
  // As far on as makes it lie before the old mark again, modulo 2^32.
  const far = (200 + 0x8000_0010) | 0
  Object.assign(socket, { sendUnacknowledged: far, sendMax: (far + 50) | 0 })
  expect(describeAt(far)).toMatch(/^retransmission, the window is open again/)
})

describe('of what is received', () => {
  it('data in order: nothing; coalesced: what it was made of', () => {
    lab.connect()
    const payload = new Uint8Array(5000)
    const frame = lab.frame({ flags: ACK, payload })
    const [comment] = lab.deliver(frame, { segmentSize: MSS, checksumVerified: true })
    expect(comment).toBe('4 segments of 1460 octets, coalesced by the host')
  })

  it('data that is early, late or the peer’s keep-alive', () => {
    lab.connect()
    const early = lab.send({ flags: ACK, sequence: 11, payload: [1, 2] })
    expect(early[0]).toBe('out of order: 10 octets are missing before it')
    expect(lab.send({ flags: ACK, payload: new Uint8Array(10) })[0]).toBe('')
    const again = lab.send({ flags: ACK, sequence: 1, payload: new Uint8Array(12) })
    expect(again[0]).toBe('dropped: all of it was received before [tcp.drops.outOfWindow]')
    const keepAlive = lab.send({ flags: ACK, sequence: 12 })
    expect(keepAlive[0]).toBe('keep-alive of the peer, which is answered [tcp.drops.outOfWindow]')
    const beyond = lab.send({ flags: ACK, sequence: 10_000_000, payload: [1] })
    expect(beyond[0]).toBe('dropped: outside of the receive window [tcp.drops.outOfWindow]')
  })

  it('resets, challenges, and what cannot be acknowledged', () => {
    lab.connect()
    const [forged] = lab.send({ flags: RST, sequence: 500 })
    expect(forged).toBe('answered with a challenge ACK [tcp.challengeAcksSent]')
    const [limited] = lab.send({ flags: RST, sequence: 500 })
    expect(limited).toBe('no challenge ACK: one was sent lately [tcp.drops.challengeLimit]')
    const [unsent] = lab.send({ flags: ACK, acknowledgment: 5000 })
    expect(unsent).toContain('[tcp.drops.unacceptableAck]')
    const [reset] = lab.send({ flags: RST, sequence: 1 })
    expect(reset).toBe('reset accepted: the connection is over [tcp.resetsReceived]')
    const [stranger, answer] = lab.send({ flags: ACK })
    expect(stranger).toBe('dropped: no connection and no listener wants it [tcp.drops.noSocket]')
    expect(answer).toBe('answers the packet before it')
  })

  it('a timestamp that is missing is not one that is old (RFC 7323 §3.2, §5.3)', () => {
    const stamps = (value: number) => [1, 1, 8, 10, 0, 0, 0, value, 0, 0, 0, 0]
    lab.sendSyn(stamps(5))
    lab.send({ flags: ACK, options: stamps(5) })
    const [missing] = lab.send({ flags: ACK, payload: [1] })
    expect(missing).toMatch(/^dropped: no timestamp, .* \[tcp\.drops\.missingTimestamp\]$/)
    const [old] = lab.send({ flags: ACK, payload: [1], options: stamps(4) })
    expect(old).toMatch(/^dropped: timestamp is older .*protectAgainstWrappedSequence\]$/)
    const [keepAlive] = lab.send({ flags: ACK, sequence: 0 })
    expect(keepAlive).toMatch(/^keep-alive of the peer, which is answered/)
  })

  it('malformed TCP options are ignored, a malformed header is not', () => {
    lab.connect()
    const options = lab.send({ flags: ACK, payload: [1], options: [5, 1, 0, 0] })
    expect(options[0]).toBe('malformed TCP options, which are ignored [tcp.drops.malformed]')
    const short = concat(be16(4000), be16(PORT), be32(1001), be32(0), [0x40, ACK], be16(9), be32(0))
    const frame = four({ protocol: 6 }, withChecksum(short, 16, pseudoHeader(PEER, OURS, 6, 20)))
    expect(lab.deliver(frame)[0]).toBe('dropped: malformed TCP header [tcp.drops.malformed]')
  })

  const good = udp(PEER, OURS, 1, 2, [3])
  const six = (fields: Partial<Parameters<typeof ipv6>[0]>, payload: ArrayLike<number>) =>
    concat(
      ethernet(OUR_MAC, PEER_MAC, 0x86dd),
      ipv6({ source: 'fd00::9', destination: 'fd00::2', nextHeader: 17, ...fields }, payload),
    )
  it.each<[string, () => Uint8Array, string]>([
    ['cut short', () => Uint8Array.of(1, 2, 3), 'interface.frameTruncated'],
    ['above the MTU', () => four({}, new Uint8Array(1600)), 'interface.frameTooLong'],
    [
      'for another station',
      () => concat(ethernet(PEER_MAC, PEER_MAC, 0x800), good),
      'interface.frameNotForUs',
    ],
    [
      'from a group',
      () => concat(ethernet(OUR_MAC, '01:00:00:00:00:01', 0x800), good),
      'interface.frameBadSource',
    ],
    [
      'of an unknown type',
      () => concat(ethernet(OUR_MAC, PEER_MAC, 0x1234), good),
      'interface.frameUnknownType',
    ],
    [
      'ARP cut short',
      () => concat(ethernet(OUR_MAC, PEER_MAC, 0x806), [0, 1]),
      'interface.arpMalformed',
    ],
    ['IPv4 of version 5', () => four({ version: 5 }, good), 'interface.ipv4Malformed'],
    ['IPv4 with a bad checksum', () => four({ checksum: 1 }, good), 'interface.ipv4BadChecksum'],
    ['IPv4 from loopback', () => four({ source: '127.0.0.1' }, good), 'interface.ipv4BadSource'],
    ['IPv4 to another', () => four({ destination: '10.0.0.77' }, good), 'interface.ipv4NotForUs'],
    [
      'an IPv4 fragment that cannot be',
      () => four({ flagsAndOffset: 0x2000 }, good),
      'interface.fragmentMalformed',
    ],
    ['IPv6 to another', () => six({ destination: 'fd00::77' }, good), 'interface.ipv6NotForUs'],
    ['IPv6 from a group', () => six({ source: 'ff02::1' }, good), 'interface.ipv6BadSource'],
    ['IPv6 cut short', () => six({}, good).subarray(0, 30), 'interface.ipv6Malformed'],
    [
      'UDP with a bad checksum',
      () => four({}, concat(good.subarray(0, 8), [9])),
      'interface.transportBadChecksum',
    ],
    ['UDP cut short', () => four({}, good.subarray(0, 5)), 'interface.transportMalformed'],
    ['UDP to nobody', () => four({}, good), 'udp.drops.noSocket'],
    ['UDP to port 0', () => four({}, udp(PEER, OURS, 1, 0)), 'udp.drops.portZero'],
    [
      'an unknown transport',
      () => four({ protocol: 200 }, [1, 2, 3, 4]),
      'interface.transportUnknown',
    ],
    [
      'ICMP with a bad checksum',
      () => four({ protocol: 1 }, [8, 0, 1, 1, 0, 0, 0, 0]),
      'interface.icmpBadChecksum',
    ],
    ['ICMP of an old type', () => four({ protocol: 1 }, icmpv4(13, 0, 0)), 'interface.icmpIgnored'],
    [
      'an ICMP error about nothing',
      () => four({ protocol: 1 }, icmpv4(3, 3, 0, new Uint8Array(28))),
      'interface.icmpErrorUnrelated',
    ],
    [
      'TCP with a bad checksum',
      () => four({ protocol: 6 }, bareTcp(PEER, '10.0.0.3', ACK)),
      'interface.transportBadChecksum',
    ],
    [
      'TCP with no flag at all',
      () => four({ protocol: 6 }, bareTcp(PEER, OURS, 0)),
      'tcp.drops.malformed',
    ],
    [
      'TCP with FIN only',
      () => four({ protocol: 6 }, bareTcp(PEER, OURS, FIN)),
      'tcp.drops.malformed',
    ],
  ])('%s: the reason by which it is counted, and no other', (_name, build, path) => {
    const [comment] = lab.deliver(build())
    expect(comment).toMatch(/^(dropped|ignored): /)
    expect(comment!.match(/\[[^\]]*\]/g)).toEqual([`[${path}]`])
    // The next packet is none the worse for it.
    const echo = four({ protocol: 1 }, icmpv4(8, 0, 1, [1]))
    expect(lab.deliver(echo)).toEqual(['', 'answers the packet before it'])
  })

  it('a coalesced frame of neither TCP nor UDP is a lie of the device', () => {
    const echo = four({ protocol: 1 }, icmpv4(8, 0, 1, [1]))
    const [comment] = lab.deliver(echo, { segmentSize: 100 })
    expect(comment).toContain('[interface.frameBadSegmentation]')
  })

  it('nothing of what happened before somebody listened', () => {
    const { channel } = lab.capture
    channel.isOpen = false
    for (let count = 0; count < 3; count++) lab.deliver(four({ checksum: 1 }, good))
    channel.reopen()
    lab.device.inject(four({ protocol: 1 }, icmpv4(8, 0, 1, [1])))
    lab.poll()
    expect(lab.capture.packets().map(({ comment }) => comment)).toEqual([
      '',
      'answers the packet before it',
    ])
  })

  it('answers follow what they answer', () => {
    const [dropped, answer] = lab.deliver(four({}, good))
    expect(dropped).toBe('dropped: no socket for this port [udp.drops.noSocket]')
    expect(answer).toBe('answers the packet before it')
  })

  it('an echo request that finds the device full could not be answered', () => {
    lab.device.room = 0
    const [comment] = lab.deliver(four({ protocol: 1 }, icmpv4(8, 0, 1, [1])))
    expect(comment).toContain('could not be answered')
  })

  it('a segment that there is no memory for', () => {
    lab.sendSyn()
    lab.send({ flags: ACK })
    const { pool } = lab.stack.tcp.memory
    for (let length = 1 << 22; length >= 4096; length >>= 1) while (pool.acquire(length) !== null);
    const [last] = lab.send({ flags: ACK, payload: [1, 2, 3] })
    expect(last).toBe('dropped, or cut: no memory for it [tcp.drops.noBuffer]')
  })

  it('UDP that its socket has no room for', () => {
    lab.stack.openUdpSocket({ port: 2, handler: null })
    let last = ''
    for (let count = 0; count < 2000 && last === ''; count++) last = lab.deliver(four({}, good))[0]!
    expect(last).toBe("dropped: the socket's queue is full [udp.drops.receiveQueueFull]")
  })
})
