/**
 * Receiving: buffers of every layout, merged frames, marks, reposting, interrupts (virtio 1.4
 * §5.1.6.3, §5.1.6.4).
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BeginningRules } from '../../../../../net/phy/frame-rules.ts'
import { buildTcpFrame } from '../../../../fakes/fake-frames.ts'
import type { FakeMachineOptions } from '../../../../fakes/fake-machine.ts'
import { DEFAULT_NET_FEATURES } from '../../../../fakes/fake-virtio-net.ts'
import {
  bytesOf,
  createReceivedFrame,
  DEVICE_KINDS,
  type OpenNet,
  openNet,
  useDeviceKind,
  useRingFormat,
} from '../../../../fakes/open-devices.ts'

describe.each(DEVICE_KINDS)('with a %s:', (kind) => {
  beforeEach(() => useDeviceKind(kind))
  afterEach(() => useRingFormat('split'))

  function without(...names: string[]) {
    return DEFAULT_NET_FEATURES.filter((it) => !names.includes(it))
  }

  /** Marks of a coalesced TCP frame, as a TAP sends them. */
  const COALESCED = {
    partialChecksum: { start: 34, offset: 16 },
    gsoType: 1,
    gsoSize: 1460,
    headerLength: 54,
  }

  function receiveOne({ net }: OpenNet) {
    const frame = createReceivedFrame()
    if (!net.rx.receive(frame)) return null
    const result = {
      bytes: bytesOf(frame),
      fragments: frame.fragmentCount,
      meta: { ...frame.meta },
    }
    net.rx.release(frame)
    return result
  }

  /** Buffers that have been handed on and wait to be shown to the device with others. */
  function waiting(open: OpenNet, buffers: number): number {
    return buffers - open.device.receiveQueue.availableCount()
  }

  describe.each<[string, FakeMachineOptions, number, number, number]>([
    ['mergeable, coalescing', {}, 128, 32, 65472],
    ['mergeable, rx_queue_size=1024', { receiveQueueSize: 1024 }, 128, 32, 65472],
    ['coalescing without MRG_RXBUF', { features: without('MRG_RXBUF') }, 128, 31, 65664],
    [
      'mergeable without coalescing',
      { features: without('GUEST_TSO4', 'GUEST_TSO6', 'GUEST_ECN') },
      256,
      256,
      1536,
    ],
    [
      'neither',
      {
        features: without('MRG_RXBUF', 'GUEST_TSO4', 'GUEST_TSO6', 'GUEST_ECN'),
        receiveQueueSize: 1024,
      },
      1024,
      1024,
      1536,
    ],
  ])('a device that is %s', (_name, options, buffers, first, bufferBytes) => {
    it('gets its first buffers, large enough and within the memory set aside', () => {
      const { net, device, hal } = openNet(options)
      expect(net.describe()).toMatchObject({
        receiveBuffers: buffers,
        receiveBufferBytes: bufferBytes,
      })
      expect(device.receiveQueue.availableCount()).toBe(first)
      expect(device.receiveQueue.notifications).toBe(1)
      expect(hal.arenaBytesUsed).toBeLessThan(9.5 * 1024 * 1024)
    })

    it('delivers frames of every size it may, again and again', () => {
      const open = openNet(options)
      const coalesces = open.device.hasFeature(7)
      const sizes = [0, 1, 1000, 1460, ...(coalesces ? [1461, 30_000, 65_406, 65_407, 65_481] : [])]
      for (let round = 0; round < 60; round++) {
        const payloadLength = sizes[round % sizes.length]!
        const { bytes } = buildTcpFrame({ payloadLength, sequence: round, checksum: 'seeded' })
        const meta = payloadLength > 1460 ? COALESCED : {}
        expect(open.device.deliver(bytes, meta)).toBe(true)
        const received = receiveOne(open)!
        expect(Buffer.compare(received.bytes, bytes)).toBe(0)
        expect(received.meta.segmentSize).toBe(payloadLength > 1460 ? 1460 : 0)
      }
      expect(open.net.statistics.receivedFrames).toBe(60)
      expect(receiveOne(open)).toBeNull()
    })

    it('never starves: all buffers are back after any number of frames, but for a batch', () => {
      const open = openNet(options)
      const { bytes } = buildTcpFrame({ payloadLength: 100 })
      for (let i = 0; i < 3 * buffers + 7; i++) {
        open.device.deliver(bytes)
        if (i % 11 === 0) while (receiveOne(open) !== null);
      }
      while (receiveOne(open) !== null);
      expect(waiting(open, first)).toBeLessThan(16)
      expect(open.device.droppedDeliveries).toBe(0)
    })

    it('has room for a burst twice as large before one frame of the first is handled', () => {
      const open = openNet(options)
      const { bytes } = buildTcpFrame({ payloadLength: 100 })
      const half = Math.ceil(first / 2)
      for (let i = 0; i < half; i++) open.device.deliver(bytes)
      // Open while the next burst comes to a device that holds nothing back, as vhost-user's do.
      const frame = createReceivedFrame()
      expect(open.net.rx.receive(frame)).toBe(true)
      const room = Math.min(buffers, 2 * first) - half
      for (let i = 0; i < room; i++) open.device.deliver(bytes)
      expect(open.device.droppedDeliveries).toBe(0)
    })

    it('gets more once half of them come at once, and three quarters beyond 4 MiB, until it has all', () => {
      const open = openNet(options)
      const { bytes } = buildTcpFrame({ payloadLength: 100 })
      for (let shown = first; shown < buffers; shown = Math.min(buffers, 2 * shown)) {
        const isEager = 2 * shown * bufferBytes <= 4 * 1024 * 1024
        const enough = isEager ? Math.ceil(shown / 2) : shown - Math.floor(shown / 4)
        for (let round = 0; round < 20; round++) {
          for (let i = 0; i < enough - 1; i++) open.device.deliver(bytes)
          while (receiveOne(open) !== null);
        }
        expect(waiting(open, shown)).toBeLessThan(16)
        for (let i = 0; i < enough; i++) open.device.deliver(bytes)
        while (receiveOne(open) !== null);
      }
      expect(waiting(open, buffers)).toBeLessThan(16)
      for (let i = 0; i < 3 * buffers; i++) {
        open.device.deliver(bytes)
        expect(receiveOne(open)).not.toBeNull()
      }
      expect(waiting(open, buffers)).toBeLessThan(16)
      expect(open.device.droppedDeliveries).toBe(0)
    })
  })

  describe('merged buffers', () => {
    it('hold one frame in place: header in the first only, all but the last full', () => {
      const open = openNet()
      const { bytes } = buildTcpFrame({ payloadLength: 65_481 })
      open.device.deliver(bytes, COALESCED)
      const frame = createReceivedFrame()
      expect(open.net.rx.receive(frame)).toBe(true)
      expect(frame.fragmentCount).toBe(2)
      expect(frame.fragments.map((it) => [it.offset, it.length])).toEqual([
        [12, 65_460],
        [65_472, 65_535 - 65_460],
      ])
      expect(Buffer.compare(bytesOf(frame), bytes)).toBe(0)
      open.net.rx.release(frame)
      expect(open.net.statistics).toMatchObject({ receivedFragments: 2, receivedSuperSegments: 1 })
      expect(open.net.statistics.largestReceivedFrame).toBe(65_535)
      expect(open.net.statistics.receivedSuperSegmentSizes).toEqual([0, 0, 0, 0, 0, 0, 0, 1, 0])
    })

    it('hold a frame beyond the MTU too, which is the stack to drop: the host may have a larger one', () => {
      // A back end without vnet header offers MRG_RXBUF and no coalescing, so that buffers hold one
      // packet each.
      const open = openNet({ features: without('GUEST_TSO4', 'GUEST_TSO6', 'GUEST_ECN') })
      const { bytes } = buildTcpFrame({ payloadLength: 8_946 })
      for (let round = 0; round < 5; round++) {
        expect(open.device.deliver(bytes)).toBe(true)
        expect(Buffer.compare(receiveOne(open)!.bytes, bytes)).toBe(0)
      }
      expect(open.net.statistics.deviceViolations).toEqual({})
      expect(open.net.statistics.deviceResets).toBe(0)
      expect(receiveOne(open)).toBeNull()
      expect(waiting(open, 86)).toBeLessThan(16)
    })

    it.each([
      [0x0800, 65_549],
      [0x86dd, 65_589],
      [0x8100, 65_553],
    ])('of a frame of type %i beyond %i octets were coalesced by nobody', (type, longest) => {
      const open = openNet()
      for (const excess of [0, 1, 69_632 - longest]) {
        const bytes = new Uint8Array(longest + excess)
        new DataView(bytes.buffer).setUint32(12, type * 0x10000)
        if (type === 0x8100) bytes.set([0x08, 0x00], 16)
        expect(open.device.deliver(bytes, COALESCED)).toBe(true)
        const { meta, bytes: received } = receiveOne(open)!
        expect(received.length).toBe(bytes.length)
        expect(meta.segmentSize).toBe(excess === 0 ? 1460 : 0)
      }
      expect(open.net.statistics.deviceViolations).toEqual({})
      expect(open.net.statistics.receivedSuperSegmentSizes).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1])
    })

    it('hold the longest frame of a link that has no MTU, however small they are', () => {
      const open = openNet({ features: without('GUEST_TSO4', 'GUEST_TSO6', 'GUEST_ECN') })
      for (const length of [65_594, 66_049, 69_632]) {
        expect(open.device.deliver(new Uint8Array(length))).toBe(true)
        expect(receiveOne(open)!.bytes.length).toBe(length)
      }
      expect(open.net.statistics.deviceViolations).toEqual({})
    })

    it('reuse the records of the caller', () => {
      const open = openNet()
      const frame = createReceivedFrame()
      const { bytes } = buildTcpFrame({ payloadLength: 65_481 })
      open.device.deliver(bytes, COALESCED)
      open.net.rx.receive(frame)
      const records = [...frame.fragments]
      open.net.rx.release(frame)
      open.device.deliver(bytes, COALESCED)
      open.net.rx.receive(frame)
      expect(frame.fragments).toHaveLength(2)
      expect(frame.fragments[0]).toBe(records[0])
      expect(frame.fragments[1]).toBe(records[1])
    })

    it('that are not all there yet are waited for, asleep', () => {
      const open = openNet()
      const { net, device } = open
      const { bytes } = buildTcpFrame({ payloadLength: 65_481 })
      const queue = device.receiveQueue
      const [first, second] = [queue.take()!, queue.take()!]
      first.parts[0]!.bytes.fill(0, 0, 10)
      first.parts[0]!.bytes.set([2, 0], 10)
      first.parts[0]!.bytes.set(bytes.subarray(0, 65_460), 12)
      second.parts[0]!.bytes.set(bytes.subarray(65_460))
      queue.giveBack(first, 65_472)
      queue.publish()
      expect(receiveOne(open)).toBeNull()
      expect(net.armInterrupts()).toBe(true)
      queue.giveBack(second, bytes.length - 65_460)
      expect(queue.publish()).toBe(true)
      net.disarmInterrupts()
      expect(Buffer.compare(receiveOne(open)!.bytes, bytes)).toBe(0)
      expect(net.statistics.deviceViolations).toEqual({})
    })
  })

  describe('looking ahead', () => {
    const udp = new BeginningRules([[{ offset: 23, value: 17 }]])

    function frames(count: number, protocol: number) {
      return Array.from({ length: count }, () => {
        const { bytes } = buildTcpFrame({ payloadLength: 10 })
        bytes[23] = protocol
        return bytes
      })
    }

    it('tells how many frames in a row are meant, and skips them without a look at the rest', () => {
      const open = openNet()
      const { net, device } = open
      expect(net.rx.upcoming(udp)).toBe(0)
      const sent = [...frames(5, 17), ...frames(1, 6), ...frames(2, 17)]
      for (const bytes of sent) device.deliver(bytes)
      expect(net.rx.upcoming(udp)).toBe(5)
      net.rx.skip(3)
      expect(net.rx.upcoming(udp)).toBe(2)
      expect(receiveOne(open)!.bytes[23]).toBe(17)
      net.rx.skip(1)
      expect(net.rx.upcoming(udp)).toBe(0)
      expect(receiveOne(open)!.bytes[23]).toBe(6)
      expect(net.rx.upcoming(udp)).toBe(2)
      expect(() => net.rx.skip(3)).toThrow(/not at hand/)
      expect(net.statistics.receivedFrames).toBe(6)
    })

    it('gives skipped buffers back, for any number of frames', () => {
      const open = openNet()
      const { net, device } = open
      const [bytes] = frames(1, 17)
      const buffers = device.receiveQueue.availableCount()
      for (let count = 0; count < 3 * buffers; count++) {
        expect(device.deliver(bytes!)).toBe(true)
        if (count % 11 === 0) net.rx.skip(net.rx.upcoming(udp))
      }
      net.rx.skip(net.rx.upcoming(udp))
      expect(receiveOne(open)).toBeNull()
      // Up to a batch waits for more.
      expect(device.receiveQueue.availableCount()).toBeGreaterThan(buffers - 16)
      expect(net.statistics.deviceViolations).toEqual({})
    })

    it('never means a frame that lies in more than one buffer', () => {
      const open = openNet()
      const { bytes } = buildTcpFrame({ payloadLength: 65_481 })
      open.device.deliver(bytes, COALESCED)
      const tcp = new BeginningRules([[{ offset: 23, value: 6 }]])
      expect(open.net.rx.upcoming(tcp)).toBe(0)
      expect(receiveOne(open)!.fragments).toBe(2)
    })
  })

  describe('marks of a frame', () => {
    it('are reported one frame at a time (pitfall 37: trust is per packet)', () => {
      const open = openNet()
      const { bytes } = buildTcpFrame({ payloadLength: 10, checksum: 'seeded' })
      open.device.deliver(bytes, { partialChecksum: { start: 34, offset: 16 } })
      open.device.deliver(bytes)
      open.device.deliver(bytes, { checksumValid: true })
      const seen = [receiveOne(open), receiveOne(open), receiveOne(open)].map((it) => it!.meta)
      expect(seen).toEqual([
        { checksumVerified: true, checksumPartial: true, segmentSize: 0 },
        { checksumVerified: false, checksumPartial: false, segmentSize: 0 },
        { checksumVerified: true, checksumPartial: false, segmentSize: 0 },
      ])
    })

    it('of a frame with a VLAN tag count the tag: checksum four octets on, segments as ever', () => {
      const open = openNet()
      open.device.strict = false
      const { bytes } = buildTcpFrame({ payloadLength: 10_000, checksum: 'seeded' })
      const tag = Uint8Array.of(0x81, 0, 0xa0, 0)
      const tagged = Uint8Array.of(...bytes.subarray(0, 12), ...tag, ...bytes.subarray(12))
      const partialChecksum = { start: 38, offset: 16 }
      open.device.deliver(tagged, { ...COALESCED, partialChecksum, headerLength: 58 })
      const received = receiveOne(open)!
      expect(Buffer.compare(received.bytes, tagged)).toBe(0)
      expect(received.meta).toEqual({
        checksumVerified: true,
        checksumPartial: true,
        segmentSize: 1460,
      })
    })

    it('that cannot be are dropped and counted, and the next frame is received', () => {
      const open = openNet()
      const { bytes } = buildTcpFrame({ payloadLength: 10 })
      open.device.strict = false
      open.device.deliver(bytes, { partialChecksum: { start: 60, offset: 16 } })
      open.device.deliver(bytes, { gsoType: 3, gsoSize: 100 })
      open.device.deliver(bytes, {
        gsoType: 1,
        gsoSize: 0,
        partialChecksum: { start: 34, offset: 16 },
      })
      open.device.deliver(bytes.subarray(0, 13))
      open.device.deliver(bytes)
      expect(Buffer.compare(receiveOne(open)!.bytes, bytes)).toBe(0)
      expect(open.net.statistics.drops).toEqual({
        checksumRange: 1,
        segmentationType: 1,
        segmentSize: 1,
        runt: 1,
      })
      expect(open.net.statistics.deviceResets).toBe(0)
    })

    it('that were fine for a longer frame are judged anew for a shorter one', () => {
      const open = openNet()
      open.device.strict = false
      const partial = { partialChecksum: { start: 34, offset: 16 } }
      const { bytes } = buildTcpFrame({ payloadLength: 10 })
      for (const length of [64, 52, 51, 64, 14, 13, 64]) {
        open.device.deliver(bytes.subarray(0, length), partial)
      }
      const lengths = []
      for (let it = receiveOne(open); it !== null; it = receiveOne(open))
        lengths.push(it.bytes.length)
      expect(lengths).toEqual([64, 52, 64, 64])
      expect(open.net.statistics.drops).toMatchObject({ checksumRange: 2, runt: 1 })
    })

    it('of a merged frame are judged the same way', () => {
      const open = openNet()
      open.device.strict = false
      const { bytes } = buildTcpFrame({ payloadLength: 65_481 })
      open.device.deliver(bytes, { gsoType: 3, gsoSize: 100 })
      open.device.deliver(bytes, COALESCED)
      expect(Buffer.compare(receiveOne(open)!.bytes, bytes)).toBe(0)
      expect(open.net.statistics.drops.segmentationType).toBe(1)
      expect(receiveOne(open)).toBeNull()
      expect(waiting(open, 32)).toBeLessThan(16)
    })
  })

  it('gives buffers back sixteen at a time, also when it goes to sleep in between', () => {
    const open = openNet()
    const { bytes } = buildTcpFrame({ payloadLength: 100 })
    const seen: number[] = []
    for (let frame = 0; frame < 32; frame++) {
      expect(open.device.deliver(bytes)).toBe(true)
      expect(receiveOne(open)).not.toBeNull()
      expect(receiveOne(open)).toBeNull()
      expect(open.net.armInterrupts()).toBe(true)
      open.net.disarmInterrupts()
      seen.push(waiting(open, 32))
    }
    const batch = Array.from({ length: 16 }, (_, index) => (index + 1) % 16)
    expect(seen).toEqual([...batch, ...batch])
  })

  it('leaves the device as many buffers as the largest frame takes, whatever waits', () => {
    // Buffers of one packet each: a coalesced frame would take 43 of 64.
    const features = without('GUEST_TSO4', 'GUEST_TSO6', 'GUEST_ECN')
    const open = openNet({ features, receiveQueueSize: 64 })
    const { bytes } = buildTcpFrame({ payloadLength: 100 })
    let least = 64
    for (let frame = 0; frame < 100; frame++) {
      expect(open.device.deliver(bytes)).toBe(true)
      expect(receiveOne(open)).not.toBeNull()
      expect(receiveOne(open)).toBeNull()
      least = Math.min(least, open.device.receiveQueue.availableCount())
    }
    expect(least).toBeGreaterThanOrEqual(43)
    expect(least).toBeLessThan(64)
  })

  describe('num_buffers without MRG_RXBUF', () => {
    it('is not looked at: QEMU leaves there what the guest had (pitfall 16)', () => {
      const open = openNet({ features: without('MRG_RXBUF') })
      const { bytes } = buildTcpFrame({ payloadLength: 10 })
      open.device.deliver(bytes, { bufferCount: 0xffff })
      open.device.deliver(bytes, { bufferCount: 0 })
      open.device.deliver(bytes)
      for (let i = 0; i < 3; i++) expect(Buffer.compare(receiveOne(open)!.bytes, bytes)).toBe(0)
    })
  })

  describe.each([
    ['EVENT_IDX', {}],
    ['flags only', { features: without('EVENT_IDX') }],
  ])('interrupts with %s', (_name, options) => {
    it('come once armed, and only then', () => {
      const open = openNet(options)
      const { net, device, interrupts } = open
      const { bytes } = buildTcpFrame()
      device.deliver(bytes)
      expect(interrupts.dispatch()).toBe(0)
      expect(net.armInterrupts()).toBe(false)
      net.disarmInterrupts()
      while (receiveOne(open) !== null);
      expect(net.armInterrupts()).toBe(true)
      device.deliver(bytes)
      expect(interrupts.dispatch()).toBe(1)
      net.disarmInterrupts()
      device.deliver(bytes)
      expect(interrupts.dispatch()).toBe(0)
      // A line does not say which queue it is for: each of the three is asked.
      expect(net.statistics.interrupts).toBe(kind.endsWith('mmio') ? 3 : 1)
      expect(net.statistics.missedInterrupts).toBe(0)
    })
  })

  describe('reposting', () => {
    it('shows buffers in batches, and notifies only a device that waits for them', () => {
      const open = openNet()
      const { bytes } = buildTcpFrame()
      const before = open.hal.barriers
      for (let round = 0; round < 8; round++) {
        for (let i = 0; i < 8; i++) open.device.deliver(bytes)
        while (receiveOne(open) !== null);
      }
      expect(open.hal.barriers - before).toBe(4)
      expect(open.net.statistics.receiveNotifications).toBe(1)
      // A device that ran dry asks to be told.
      while (open.device.deliver(bytes));
      while (receiveOne(open) !== null);
      expect(open.net.statistics.receiveNotifications).toBe(2)
    })

    it('is once per frame, and one frame is open at a time', () => {
      const open = openNet()
      const frame = createReceivedFrame()
      open.device.deliver(buildTcpFrame().bytes)
      expect(open.net.rx.receive(frame)).toBe(true)
      expect(() => open.net.rx.receive(frame)).toThrow('Cannot receive a frame')
      open.net.rx.release(frame)
      expect(() => open.net.rx.release(frame)).toThrow('Cannot release a received frame')
    })
  })
})
