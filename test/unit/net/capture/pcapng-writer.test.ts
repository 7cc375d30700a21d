/**
 * The capture above the stack's device: blocks that an independent reader takes, whole frames,
 * right checksums, counted losses.
 */
import { decodeFrame } from 'qemu-runner'
import { describe, expect, it } from 'vitest'
import type { FrameCommentator } from '../../../../net/capture/frame-commentator.ts'
import { openPcapng } from '../../../../net/capture/pcapng-writer.ts'
import type { NetDevice } from '../../../../net/phy/net-device.ts'
import { createReceivedFrame } from '../../../../net/phy/received-frame.ts'
import { FakeDevice } from '../../../support/fake-device.ts'
import { concat, ethernet, ipv4, ipv6, pseudoHeader, tcp, udp } from '../../../support/frames.ts'
import { testBulk } from '../../../support/memory.ts'
import { MemoryChannel } from '../../../support/memory-channel.ts'
import {
  numberOf,
  optionOf,
  type PcapngPacket,
  readPcapng,
  textOf,
} from '../../../support/pcapng-reader.ts'
import { recordOf } from '../../../support/transmit-records.ts'

const OURS = '52:54:00:12:34:56'
const PEER = '52:54:00:00:00:09'
const BROADCAST = 'ff:ff:ff:ff:ff:ff'
const encoder = new TextEncoder()

function encode(text: string, target: Uint8Array, offset: number): number {
  return encoder.encodeInto(text, target.subarray(offset)).written
}

/** Comments by what the test says next. */
class SaidComments implements FrameCommentator {
  transmit = ''
  receive = ''
  settled = 0
  commentTransmit(): string {
    return this.transmit
  }
  beginReceive(): void {}
  commentReceive(): string {
    return this.receive
  }
  settleReceive(): void {
    this.settled++
  }
}

function setUp(channel = new MemoryChannel()) {
  const inner = new FakeDevice()
  const clock = { ns: 2 ** 40 + 5 }
  const [writer] = openPcapng({
    devices: [{ device: inner, description: 'for a test' }],
    bulk: testBulk,
    channel,
    encode,
    nowNs: () => clock.ns++,
    os: 'Eremite 1',
  })
  const said = new SaidComments()
  writer!.commentator = said
  return { inner, channel, clock, writer: writer!, said }
}

function packetsOf({ channel, writer }: ReturnType<typeof setUp>): PcapngPacket[] {
  writer.flush()
  return readPcapng(channel.file())[0]!.packets
}

function segmentFrame(payload: ArrayLike<number>, family: 4 | 6 = 4): Uint8Array {
  if (family === 6) {
    const [source, destination] = ['fd00::9', 'fd00::2']
    const message = tcp(source, destination, 0x10, payload)
    return concat(
      ethernet(PEER, OURS, 0x86dd),
      ipv6({ source, destination, nextHeader: 6 }, message),
    )
  }
  const [source, destination] = ['10.0.0.9', '10.0.0.2']
  const message = tcp(source, destination, 0x10, payload)
  return concat(ethernet(PEER, OURS, 0x800), ipv4({ source, destination, protocol: 6 }, message))
}

/** Sends a frame with all but its first `headerLength` bytes in two payload ranges. */
function send(
  device: NetDevice,
  bytes: Uint8Array,
  headerLength: number,
  meta: { checksumStart?: number; checksumOffset?: number; segmentationOffloadSize?: number } = {},
): void {
  const rest = bytes.length - headerLength
  device.tx.submit(recordOf(bytes, { headerLength, splitAt: (rest >> 1) | 1, meta }))
}

function receiveOne(device: NetDevice, during: () => void = () => {}): boolean {
  const frame = createReceivedFrame()
  if (!device.rx.receive(frame)) return false
  during()
  device.rx.release(frame)
  return true
}

/** The frame with only the pseudo-header sum in its checksum field, as offloading leaves it. */
function seeded(frame: Uint8Array, family: 4 | 6 = 4): Uint8Array {
  const copy = Uint8Array.from(frame)
  const start = family === 4 ? 34 : 54
  const addresses = family === 4 ? ['10.0.0.9', '10.0.0.2'] : ['fd00::9', 'fd00::2']
  const pseudo = pseudoHeader(addresses[0]!, addresses[1]!, 6, frame.length - start)
  let sum = 0
  for (let at = 0; at < pseudo.length; at += 2) sum += (pseudo[at]! << 8) | pseudo[at + 1]!
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  copy[start + 16] = sum >> 8
  copy[start + 17] = sum & 0xff
  return copy
}

function checksumOf(bytes: Uint8Array): string | undefined {
  const buffer = Buffer.from(bytes)
  return decodeFrame({ timeMs: 0, length: buffer.length, bytes: buffer }).tcp?.checksum
}

describe('PcapngWriter', () => {
  it('begins with a section and an interface that say what this is', () => {
    const { channel } = setUp()
    const [section] = readPcapng(channel.file())
    expect(section).toMatchObject({ linkType: 1, snapLength: 262_144, packets: [] })
    expect(textOf(section!.options, 3)).toBe('Eremite 1')
    expect(textOf(section!.options, 1)).toMatch(/before segmentation and after coalescing/)
    const { interfaceOptions } = section!
    expect(textOf(interfaceOptions, 2)).toBe('stack')
    expect(textOf(interfaceOptions, 3)).toBe('for a test')
    expect([...optionOf(interfaceOptions, 6)!]).toEqual([0x52, 0x54, 0, 0x12, 0x34, 0x56])
    expect(numberOf(interfaceOptions, 14)).toBe(0)
  })

  it('records frames both ways, whole, with direction, reception type and time', () => {
    const lab = setUp()
    const small = segmentFrame([1, 2, 3])
    const large = segmentFrame(new Uint8Array(65_000).fill(7))
    send(lab.writer, small, small.length)
    lab.inner.inject(large, { segmentSize: 1448 }, [2048, 30_000])
    lab.inner.inject(concat(ethernet(BROADCAST, PEER, 0x806), [1]))
    lab.inner.inject(concat(ethernet('33:33:00:00:00:01', PEER, 0x86dd), [1]))
    lab.inner.inject(concat(ethernet(OURS, PEER, 0x86dd), [1]))
    while (receiveOne(lab.writer));
    const packets = packetsOf(lab)
    expect(packets.map(({ bytes }) => bytes.length)).toEqual([57, large.length, 15, 15, 15])
    expect(Buffer.compare(packets[0]!.bytes, small)).toBe(0)
    expect(Buffer.compare(packets[1]!.bytes, large)).toBe(0)
    expect(packets.map(({ direction }) => direction)).toEqual(['out', 'in', 'in', 'in', 'in'])
    expect(packets.slice(1).map(({ reception }) => reception)).toEqual([
      'promiscuous',
      'broadcast',
      'multicast',
      'unicast',
    ])
    const times = packets.map(({ timeNs }) => timeNs)
    expect(times[0]).toBeGreaterThan(2n ** 40n)
    expect([...times].sort((a, b) => (a < b ? -1 : 1))).toEqual(times)
    expect(lab.inner.takeSent()).toHaveLength(1)
  })

  it.each([0, 1, 2, 3, 4, 5])('pads frames and comments of any length (%i over)', (extra) => {
    const lab = setUp()
    lab.said.transmit = 'x'.repeat(10 + extra)
    const frame = segmentFrame(new Uint8Array(20 + extra))
    send(lab.writer, frame, frame.length)
    expect(packetsOf(lab)[0]).toMatchObject({ comment: 'x'.repeat(10 + extra) })
  })

  it.each([4, 6] as const)(
    'completes the checksum that the device was to complete (IPv%i)',
    (family) => {
      const lab = setUp()
      const headerLength = family === 4 ? 54 : 74
      for (const length of [1, 2, 1447, 40_001]) {
        const frame = segmentFrame(
          Uint8Array.from({ length }, (_, index) => index * 7),
          family,
        )
        const meta = {
          checksumStart: headerLength - 20,
          checksumOffset: 16,
          segmentationOffloadSize: 1448,
        }
        send(lab.writer, seeded(frame, family), headerLength, meta)
        const [packet] = packetsOf(lab).slice(-1)
        expect(checksumOf(packet!.bytes)).toBe('good')
        expect(Buffer.compare(packet!.bytes, frame)).toBe(0)
      }
      // What the device gets is as it was.
      for (const { bytes } of lab.inner.takeSent()) expect(checksumOf(bytes)).toBe('seed')
    },
  )

  it('sends a computed zero of UDP as all ones (RFC 768), in the copy too', () => {
    const lab = setUp()
    const [source, destination] = ['10.0.0.2', '10.0.0.9']
    for (let value = 0; value < 0x10000; value += 1) {
      const message = udp(source, destination, 1, 2, [value >> 8, value & 0xff])
      if (message[6] !== 0 || message[7] !== 0) continue
      const frame = concat(
        ethernet(PEER, OURS, 0x800),
        ipv4({ source, destination, protocol: 17 }, message),
      )
      const sum = pseudoSum(pseudoHeader(source, destination, 17, message.length))
      frame.set([sum >> 8, sum & 0xff], 40)
      send(lab.writer, frame, frame.length, { checksumStart: 34, checksumOffset: 6 })
      expect([...packetsOf(lab)[0]!.bytes.subarray(40, 42)]).toEqual([0xff, 0xff])
      return
    }
    throw new Error('no payload with checksum 0')
  })

  it.each([4, 6] as const)(
    'completes what the host had left out of a received frame (IPv%i)',
    (family) => {
      const lab = setUp()
      const frame = segmentFrame(
        Uint8Array.from({ length: 30_001 }, (_, index) => index),
        family,
      )
      const meta = { checksumPartial: true, checksumVerified: true, segmentSize: 1448 }
      lab.inner.inject(seeded(frame, family), meta, [2048, 20_000])
      receiveOne(lab.writer)
      expect(Buffer.compare(packetsOf(lab)[0]!.bytes, frame)).toBe(0)
    },
  )

  it('leaves bad checksums bad, and lengths that lie alone', () => {
    const lab = setUp()
    const bad = segmentFrame([1, 2, 3])
    bad[50]! ^= 1
    lab.inner.inject(bad)
    const lying = seeded(segmentFrame([1, 2, 3]))
    lying[16] = 0xff
    const frames = [lying, lying.subarray(0, 40), lying.subarray(0, 13), Uint8Array.of(1)]
    for (const frame of frames) lab.inner.inject(frame, { checksumPartial: true })
    while (receiveOne(lab.writer));
    const recorded = packetsOf(lab).map(({ bytes }) => [...bytes])
    expect(recorded).toEqual([bad, ...frames].map((frame) => [...frame]))
  })

  it('puts what the stack sends in answer after what it answers', () => {
    const lab = setUp()
    lab.said.receive = 'dropped'
    lab.inner.inject(segmentFrame([1]))
    const answer = segmentFrame([2])
    receiveOne(lab.writer, () => send(lab.writer, answer, answer.length))
    send(lab.writer, answer, answer.length)
    expect(packetsOf(lab).map(({ direction, comment }) => [direction, comment])).toEqual([
      ['in', 'dropped'],
      ['out', 'answers the packet before it'],
      ['out', ''],
    ])
    // What was counted after the answer is told of no other frame.
    expect(lab.said.settled).toBe(1)
  })

  it('counts what finds no room, and says so with the next frame and at the end', () => {
    const lab = setUp()
    const frame = segmentFrame(new Uint8Array(1000))
    send(lab.writer, frame, frame.length)
    lab.channel.room = 500
    for (let count = 0; count < 3; count++) send(lab.writer, frame, frame.length)
    lab.inner.inject(frame)
    receiveOne(lab.writer)
    lab.channel.room = Number.POSITIVE_INFINITY
    send(lab.writer, frame, frame.length)
    send(lab.writer, frame, frame.length)
    expect(packetsOf(lab).map(({ dropCount }) => dropCount)).toEqual([0, 4, 0])
    expect(lab.inner.takeSent()).toHaveLength(6)
    lab.writer.close('over')
    const { statistics } = readPcapng(lab.channel.file())[0]!
    expect(textOf(statistics!, 1)).toBe('over')
    expect([numberOf(statistics!, 4), numberOf(statistics!, 5)]).toEqual([7, 4])
  })

  it('ends with the frame that the run ended in', () => {
    const lab = setUp()
    const frame = segmentFrame([9])
    lab.inner.inject(frame)
    expect(lab.writer.receive(createReceivedFrame())).toBe(true)
    lab.writer.close('the guest panicked')
    const [packet] = readPcapng(lab.channel.file())[0]!.packets
    expect([...packet!.bytes]).toEqual([...frame])
    expect(packet!.comment).toBe('not decided: the guest panicked')
  })

  it('cuts comments that are too long, and writes any text as UTF-8', () => {
    const lab = setUp()
    lab.said.transmit = '¬€'.repeat(1000)
    send(lab.writer, segmentFrame([1]), 55)
    const [{ comment }] = packetsOf(lab) as [PcapngPacket]
    expect('¬€'.repeat(1000).startsWith(comment)).toBe(true)
    expect(comment.length).toBeGreaterThan(400)
  })

  it('hands over with each flush of the stack, not before', () => {
    const { channel, inner, writer } = setUp()
    const flushes = channel.flushes
    send(writer, segmentFrame([1]), 55)
    expect(channel.flushes).toBe(flushes)
    writer.flush()
    expect(channel.flushes).toBe(flushes + 1)
    expect(inner.flushes).toBe(1)
  })

  it('looks at each start of a turn whether somebody listens', () => {
    const { channel, writer } = setUp()
    const flushes = channel.flushes
    writer.reclaim()
    expect(channel.flushes).toBe(flushes + 1)
  })

  it('records nothing while nobody listens, and begins anew for who does', () => {
    const channel = new MemoryChannel()
    channel.isOpen = false
    channel.openings = 0
    const lab = setUp(channel)
    const frame = segmentFrame([1])
    send(lab.writer, frame, frame.length)
    lab.writer.flush()
    expect(channel.file()).toHaveLength(0)
    for (let opening = 0; opening < 2; opening++) {
      channel.reopen()
      send(lab.writer, frame, frame.length)
      expect(packetsOf(lab)).toHaveLength(1)
      channel.isOpen = false
      lab.inner.inject(frame)
      expect(receiveOne(lab.writer)).toBe(true)
    }
    expect(lab.inner.takeSent()).toHaveLength(3)
  })
})

function pseudoSum(bytes: readonly number[]): number {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return sum
}
