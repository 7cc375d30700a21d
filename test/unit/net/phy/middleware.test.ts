/** Devices that watch or disturb the traffic of another: tracer, fault injector. */
import { describe, expect, it } from 'vitest'
import { FaultInjector, type FaultRates } from '../../../../net/phy/fault-injector.ts'
import type { ReceiveHalf } from '../../../../net/phy/net-device.ts'
import { createReceivedFrame } from '../../../../net/phy/received-frame.ts'
import { traced } from '../../../../net/phy/tracer.ts'
import { FakeDevice } from '../../../support/fake-device.ts'
import { arp, concat, ethernet, icmpv6, ip, ipv4, ipv6, tcp } from '../../../support/frames.ts'
import { createPacketBuffer, testBulk } from '../../../support/memory.ts'
import { createRandomSource } from '../../../support/random.ts'
import { recordOf } from '../../../support/transmit-records.ts'

const OURS = '52:54:00:12:34:56'
const PEER = '52:54:00:00:00:09'
const segment = tcp('10.0.0.9', '10.0.0.2', 0x12, [1, 2, 3])
const tcpFrame = concat(
  ethernet(OURS, PEER, 0x800),
  ipv4({ source: '10.0.0.9', destination: '10.0.0.2', protocol: 6 }, segment),
)

/** All frames that the device delivers now, as plain bytes. */
function receiveAll(rx: ReceiveHalf): Uint8Array[] {
  const frame = createReceivedFrame()
  const result: Uint8Array[] = []
  while (rx.receive(frame)) {
    const parts = frame.fragments
      .slice(0, frame.fragmentCount)
      .map(({ buffer, offset, length }) => buffer.bytes.slice(offset, offset + length))
    result.push(concat(...parts))
    expect(frame.length).toBe(result.at(-1)!.length)
    rx.release(frame)
  }
  return result
}

describe('traced', () => {
  it('writes one line a frame, with every layer it knows', () => {
    const inner = new FakeDevice()
    const lines: string[] = []
    const device = traced(inner, (line) => lines.push(line))
    const headerLength = tcpFrame.length - 3
    expect(device.tx.submit(recordOf(tcpFrame, { headerLength, splitAt: 2 }))).toBe(true)
    inner.inject(concat(ethernet(OURS, PEER, 0x806), arp(1, PEER, '10.0.0.9', PEER, '10.0.0.2')))
    const [source, destination] = ['fe80::9', 'fe80::2']
    const message = icmpv6(source, destination, 135, 0, concat([0, 0, 0, 0], ip(destination)))
    const packet = ipv6({ source, destination, nextHeader: 58, hopLimit: 255 }, message)
    inner.inject(concat(ethernet(OURS, PEER, 0x86dd), packet), { segmentSize: 9 })
    inner.inject(concat(ethernet(OURS, PEER, 0x86dd), packet.subarray(0, 20)))
    inner.inject(Uint8Array.of(1, 2))
    expect(receiveAll(device.rx)).toHaveLength(4)
    expect(inner.takeSent()[0]!.bytes).toEqual(tcpFrame)
    const link = `Ethernet ${PEER} > ${OURS} type=0x`
    expect(lines).toEqual([
      `tx ${link}0800 | IPv4 10.0.0.9 > 10.0.0.2 proto=6 ttl=64 len=43 | TCP 4000 > 80 [SYN,ACK] seq=1 ack=0 win=1024 len=3`,
      `rx ${link}0806 | ARP who has 10.0.0.2 tell 10.0.0.9`,
      `rx ${link}86dd | IPv6 fe80::9 > fe80::2 next=58 hops=255 len=24 | NDP who has fe80::2 coalesced of 9`,
      `rx ${link}86dd | malformed or unknown, 34 bytes`,
      'rx truncated frame of 2',
    ])
  })

  it('survives a frame cut anywhere', () => {
    const inner = new FakeDevice()
    const lines: string[] = []
    for (let cut = 0; cut <= tcpFrame.length; cut++) inner.inject(tcpFrame.subarray(0, cut))
    receiveAll(traced(inner, (line) => lines.push(line)).rx)
    expect(lines).toHaveLength(tcpFrame.length + 1)
  })
})

describe('FaultInjector', () => {
  const none: FaultRates = { drop: 0, duplicate: 0, reorder: 0, corrupt: 0 }
  const frames = Array.from({ length: 200 }, (_, index) => Uint8Array.of(index, 1, 2, 3, 4, 5))

  function run(rates: Partial<FaultRates>, seed = 1) {
    const inner = new FakeDevice()
    const allocator = { allocate: createPacketBuffer }
    const { nextInt32 } = createRandomSource(seed)
    const device = new FaultInjector(inner, { ...none, ...rates }, nextInt32, allocator, testBulk)
    for (const frame of frames) inner.inject(frame)
    const received = receiveAll(device)
    return { received, counters: device.counters, order: received.map((bytes) => bytes[0]!) }
  }

  it('changes nothing without rates', () => {
    expect(run({}).received).toEqual(frames)
  })

  it('drops about as many as asked, and none comes later', () => {
    const { received, counters } = run({ drop: 0.25 })
    expect(received).toHaveLength(200 - counters.dropped)
    expect(counters.dropped).toBeGreaterThan(25)
    expect(counters.dropped).toBeLessThan(75)
    expect(run({ drop: 1 }).received).toEqual([])
  })

  it('repeats frames right after themselves', () => {
    const { order, counters } = run({ duplicate: 0.2 })
    expect(counters.duplicated).toBeGreaterThan(10)
    expect(order).toHaveLength(200 + counters.duplicated)
    expect([...order].sort((a, b) => a - b)).toEqual(order)
  })

  it('lets a few frames overtake another, and loses none', () => {
    const { order, counters } = run({ reorder: 0.2 })
    expect(counters.reordered).toBeGreaterThan(10)
    expect([...order].sort((a, b) => a - b)).toEqual(frames.map((frame) => frame[0]))
    expect(order).not.toEqual(frames.map((frame) => frame[0]))
    order.forEach((value, index) => {
      expect(Math.abs(value - index)).toBeLessThanOrEqual(8)
    })
  })

  it('flips one bit of a frame', () => {
    const { received, counters } = run({ corrupt: 0.2 })
    let differing = 0
    received.forEach((bytes, index) => {
      const flipped = bytes.reduce((sum, byte, at) => {
        const difference = byte ^ frames[index]![at]!
        return sum + difference.toString(2).replaceAll('0', '').length
      }, 0)
      expect(flipped).toBeLessThanOrEqual(1)
      differing += flipped
    })
    expect(differing).toBe(counters.corrupted)
    expect(differing).toBeGreaterThan(10)
  })

  it('does the same again with the same seed, and else with another', () => {
    const rates = { drop: 0.1, duplicate: 0.1, reorder: 0.1, corrupt: 0.1 }
    expect(run(rates, 5)).toEqual(run(rates, 5))
    expect(run(rates, 5)).not.toEqual(run(rates, 6))
  })
})
