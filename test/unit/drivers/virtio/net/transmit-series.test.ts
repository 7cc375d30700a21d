/**
 * Frames of a series that the driver writes at once: their order among others, their room, their
 * owners (virtio 1.4 §5.1.6.2).
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SeriesOwners } from '../../../../../drivers/virtio/net/series-owners.ts'
import { NO_OFFLOAD } from '../../../../../net/phy/offload.ts'
import type { TransmitRecord } from '../../../../../net/phy/transmit-record.ts'
import { buildTcpFrame, payloadOctet } from '../../../../fakes/fake-frames.ts'
import type { FakeMachineOptions } from '../../../../fakes/fake-machine.ts'
import { DEFAULT_NET_FEATURES } from '../../../../fakes/fake-virtio-net.ts'
import type { Chain } from '../../../../fakes/fake-virtqueue.ts'
import {
  createReceivedFrame,
  DEVICE_KINDS,
  type OpenNet,
  openNet,
  useDeviceKind,
  useRingFormat,
} from '../../../../fakes/open-devices.ts'
import { SeededRandom } from '../../../../support/seeded-random.ts'
import { recordOf } from '../../../../support/transmit-records.ts'

const SIZE = 1000
/** IPv4 and TCP without options. */
const LAYOUT = Uint16Array.of(38, 18, 14, 20, 24, 34, 50, 1)
/** The same where the device has the sum over the text to make. */
const UNSUMMED = Uint16Array.of(38, 18, 14, 20, 24, 0, 0, 1)
/** Where a guest of 64 MiB has its memory. */
const LOW = { arenaPhysicalAddress: 0x100_0000 }
const SEQUENCE = 0xffff_fc00

describe.each(DEVICE_KINDS)('a series on a %s', (kind) => {
  beforeEach(() => useDeviceKind(kind))
  afterEach(() => useRingFormat('split'))

  interface Bench {
    readonly open: OpenNet
    readonly owner: { framesInFlight: number }
    readonly wire: Uint8Array[]
    readonly tx: Required<Pick<OpenNet['net']['tx'], 'submitSeries'>> & OpenNet['net']['tx']
  }

  function bench(options: FakeMachineOptions = {}): Bench {
    const open = openNet({ hal: LOW, ...options })
    const wire: Uint8Array[] = []
    open.device.onFrame = (frame) => wire.push(frame)
    return { open, wire, owner: { framesInFlight: 0 }, tx: open.net.tx as Bench['tx'] }
  }

  function seriesRecord({ open, owner }: Bench, count: number): TransmitRecord {
    const { bytes, headerLength } = buildTcpFrame({ ...shapeOf(0), checksum: 'seeded' })
    const payload = Uint8Array.from({ length: count * SIZE }, (_, i) => payloadOctet(i))
    const whole = Uint8Array.from([...bytes.subarray(0, headerLength), ...payload])
    const allocate = (length: number) => open.hal.allocateDma(length, 8)
    return recordOf(whole, { headerLength, owner, allocate, meta: NO_OFFLOAD })
  }

  function shapeOf(index: number) {
    const sequence = (SEQUENCE + index * SIZE) >>> 0
    return { payloadLength: SIZE, sequence, identification: (0xfffe + index) & 0xffff }
  }

  /** As frames by themselves would be. */
  function expectedFrames(count: number): Uint8Array[] {
    return Array.from({ length: count }, (_, index) => {
      const { bytes, headerLength } = buildTcpFrame({ ...shapeOf(index), checksum: 'seeded' })
      for (let i = 0; i < SIZE; i++) bytes[headerLength + i] = payloadOctet(index * SIZE + i)
      const single = openNet()
      const sent: Uint8Array[] = []
      single.device.onFrame = (frame) => sent.push(frame)
      const meta = { ...NO_OFFLOAD, checksumStart: 34, checksumOffset: 16 }
      single.net.tx.submit(recordOf(bytes, { meta }))
      single.net.tx.flush()
      return sent[0]!
    })
  }

  const series = (count: number) => ({ layout: LAYOUT, size: SIZE, count })
  const small = () => recordOf(buildTcpFrame({ payloadLength: 5 }).bytes)

  it.each(['INDIRECT_DESC', 'nothing'])(
    'leaves as its frames would by themselves, without %s',
    (name) => {
      const features = DEFAULT_NET_FEATURES.filter((it) => it !== name)
      const it = bench({ features })
      expect(it.tx.submitSeries(seriesRecord(it, 5), series(5))).toBe(5)
      it.tx.flush()
      expect(it.wire).toEqual(expectedFrames(5))
      it.tx.reclaim()
      expect(it.owner.framesInFlight).toBe(0)
    },
  )

  it.each([
    ['that its frames do not fill', 2 * SIZE + 300],
    ['of whole frames', 3 * SIZE],
    ['of one frame', SIZE],
  ])('goes through a ring of memory again and again, one %s', (_name, ringBytes) => {
    const it = bench()
    const { bytes, headerLength } = buildTcpFrame({ ...shapeOf(0), checksum: 'seeded' })
    const ring = it.open.hal.allocateDma(ringBytes, 8)
    for (let at = 0; at < ring.lengthBytes; at++) ring.bytes[at] = payloadOctet(at)
    // Whole frames, one of two ranges, whole ones: from the ring's end on, and from within it.
    for (const [place, count] of [
      [0, 9],
      [ringBytes - SIZE, 12],
      [1300, 20],
      [2299, 7],
      [SIZE + 300, 3],
      [2 * SIZE, 5],
    ] as const) {
      const start = place % ringBytes
      const record = recordOf(bytes.subarray(0, headerLength))
      record.meta = { ...NO_OFFLOAD, checksumStart: 34, checksumOffset: 16 }
      record.headerLength = headerLength
      record.copiedLength = 0
      record.owner = it.owner
      record.payload0 = ring
      record.payload0Offset = start
      record.payload0Length = ring.lengthBytes - start
      record.payload1 = ring
      record.payload1Length = count * SIZE - record.payload0Length
      expect(it.tx.submitSeries(record, { ...series(count), layout: UNSUMMED })).toBe(count)
      it.tx.flush()
      it.tx.reclaim()
      const texts = it.wire.splice(0).map((frame) => Buffer.from(frame.subarray(headerLength)))
      const stream = Uint8Array.from({ length: count * SIZE }, (_, at) =>
        payloadOctet((start + at) % ring.lengthBytes),
      )
      expect(Buffer.concat(texts).equals(stream)).toBe(true)
    }
    expect(it.owner.framesInFlight).toBe(0)
  })

  it('goes between what was submitted before and after it, with one notification', () => {
    const it = bench()
    const before = it.open.net.statistics.transmitNotifications
    it.tx.submit(small())
    it.tx.submitSeries(seriesRecord(it, 3), series(3))
    it.tx.submit(small())
    it.tx.flush()
    const lengths = it.wire.map(({ length }) => length)
    expect(lengths).toEqual([59, 54 + SIZE, 54 + SIZE, 54 + SIZE, 59])
    expect(it.open.net.statistics.transmitNotifications).toBe(before + 1)
    expect(it.open.net.statistics.transmittedFrames).toBe(5)
  })

  it('of super-segments is shown once it is eight, so that the device begins meanwhile', () => {
    const it = bench()
    const send = (count: number) => {
      const record = seriesRecord(it, count)
      const sums = { ...NO_OFFLOAD, checksumStart: 34, checksumOffset: 16 }
      record.meta = { ...sums, ipVersion: 4, segmentationOffloadSize: SIZE / 2 }
      it.tx.submitSeries(record, series(count))
    }
    // The device cuts each in two.
    send(7)
    expect(it.wire).toHaveLength(0)
    send(2)
    expect(it.wire).toHaveLength(18)
    send(2)
    expect(it.wire).toHaveLength(18)
    it.tx.flush()
    expect(it.wire).toHaveLength(22)
  })

  it('of super-segments gives a device that has nothing to do the first eight at once', () => {
    const it = bench()
    it.open.device.autoProcess = false
    const record = seriesRecord(it, 20)
    const sums = { ...NO_OFFLOAD, checksumStart: 34, checksumOffset: 16 }
    record.meta = { ...sums, ipVersion: 4, segmentationOffloadSize: SIZE / 2 }
    const { statistics } = it.open.net
    const before = statistics.transmitNotifications
    expect(it.tx.submitSeries(record, series(20))).toBe(8)
    expect(statistics.transmitNotifications).toBe(before + 1)
    // The others go together while it is at work, and once it is done it begins with eight again.
    expect(it.tx.submitSeries(record, series(20))).toBe(20)
    it.open.device.processTransmit()
    expect(it.tx.submitSeries(record, series(20))).toBe(8)
  })

  it('of single segments is shown once it is more than half of the queue', () => {
    const it = bench({ transmitQueueSize: 64 })
    const { net } = it.open
    const half = net.describe().transmitFrames >> 1
    const before = net.statistics.transmitNotifications
    it.tx.submitSeries(seriesRecord(it, half - 1), series(half - 1))
    expect(it.wire).toHaveLength(0)
    it.tx.submitSeries(seriesRecord(it, 2), series(2))
    expect(it.wire).toHaveLength(half + 1)
    expect(net.statistics.transmitNotifications).toBe(before + 1)
  })

  it('is taken as far as there is room, and not at all where there is none or no link', () => {
    const it = bench({ transmitQueueSize: 4 })
    it.open.device.autoProcess = false
    const { transmitFrames } = it.open.net.describe()
    expect(it.tx.submitSeries(seriesRecord(it, 9), series(9))).toBe(transmitFrames)
    expect(it.tx.submitSeries(seriesRecord(it, 9), series(9))).toBe(0)
    expect(it.owner.framesInFlight).toBe(transmitFrames)
    it.open.device.processTransmit()
    it.tx.reclaim()
    it.open.device.setLink(false)
    it.open.interrupts.dispatch()
    it.open.net.rx.receive(createReceivedFrame())
    expect(it.tx.submitSeries(seriesRecord(it, 1), series(1))).toBe(0)
    expect(it.owner.framesInFlight).toBe(0)
  })

  it('waits for a quarter of a queue that was full, and a frame by itself for one place', () => {
    const it = bench({ transmitQueueSize: 64 })
    const { device, net, interrupts, hal } = it.open
    device.autoProcess = false
    const { transmitFrames } = net.describe()
    const quarter = transmitFrames >> 2
    const record = seriesRecord(it, 64)
    const more = () => it.tx.submitSeries(record, series(64))
    expect(more()).toBe(transmitFrames)
    expect(more()).toBe(0)
    const before = hal.interruptCounters[0]!
    device.processTransmit(3)
    expect(more()).toBe(0)
    expect(it.tx.submit(small())).toBe(true)
    expect(more()).toBe(0)
    expect(hal.interruptCounters[0]).toBe(before)
    // It asks for an interrupt once there is enough, whatever went in between.
    while (hal.interruptCounters[0] === before) expect(device.processTransmit(1)).toBe(1)
    interrupts.dispatch()
    const room = more()
    expect(room).toBeGreaterThanOrEqual(quarter)
    expect(room).toBeLessThan(2 * quarter)
  })

  it('leaves no header behind for a frame that takes one of its slots', () => {
    const it = bench()
    const single = recordOf(buildTcpFrame({ payloadLength: 20, checksum: 'seeded' }).bytes)
    single.meta = { ...NO_OFFLOAD, checksumStart: 34, checksumOffset: 16 }
    const complete = buildTcpFrame({ payloadLength: 20 }).bytes
    const record = seriesRecord(it, 40)
    for (let round = 0; round < 90; round++) {
      it.tx.submit(single)
      it.tx.submitSeries(record, series(40))
      it.tx.flush()
      it.tx.reclaim()
      const [first, ...others] = it.wire.splice(0)
      expect(first, `round ${round}`).toEqual(complete)
      expect(others).toHaveLength(40)
    }
    expect(it.owner.framesInFlight).toBe(0)
  })

  it.each([8, 32, 256])('comes back in any order, with a queue of %i', (transmitQueueSize) => {
    const it = bench({ transmitQueueSize })
    const { device } = it.open
    const random = new SeededRandom(transmitQueueSize)
    const below = (limit: number) => Math.floor(random.nextFraction() * limit)
    device.autoProcess = false
    const record = seriesRecord(it, 12)
    const owners = [it.owner, { framesInFlight: 0 }, { framesInFlight: 0 }]
    const held: Chain[] = []
    const work = (taken: number, given: number) => {
      const queue = device.transmitQueue
      while (taken-- > 0) {
        const chain = queue.take()
        if (chain === null) break
        held.push(chain)
      }
      while (given-- > 0 && held.length > 0) {
        // The device reads it as late as it may.
        const [chain] = held.splice(below(held.length), 1)
        device.transmit(chain!)
        queue.giveBack(chain!, 0)
      }
      queue.publish()
    }
    const wanted: Uint8Array[] = []
    const whole = expectedFrames(12)
    const single = small()
    for (let step = 0; step < 300; step++) {
      const kind = below(6)
      if (kind < 2) {
        const count = 1 + below(12)
        record.owner = owners[below(3)]!
        wanted.push(...whole.slice(0, it.tx.submitSeries(record, series(count))))
      } else if (kind === 2) {
        if (it.tx.submit(single)) wanted.push(buildTcpFrame({ payloadLength: 5 }).bytes)
      } else if (kind === 3) it.tx.flush()
      else if (kind === 4) it.tx.reclaim()
      else work(below(20), below(20))
    }
    it.tx.flush()
    work(transmitQueueSize, transmitQueueSize)
    it.tx.reclaim()
    const inOrder = (frames: Uint8Array[]) =>
      frames.map((it) => Buffer.from(it)).sort(Buffer.compare)
    expect(wanted.length).toBeGreaterThan(60)
    expect(inOrder(it.wire)).toEqual(inOrder(wanted))
    expect(owners.map(({ framesInFlight }) => framesInFlight)).toEqual([0, 0, 0])
  })

  it('gives its owner back what a reset has ended', () => {
    const it = bench()
    it.open.device.autoProcess = false
    it.tx.submitSeries(seriesRecord(it, 7), series(7))
    it.tx.flush()
    expect(it.owner.framesInFlight).toBe(7)
    ;(it.tx as unknown as { takeBackAll(): void }).takeBackAll()
    expect(it.owner.framesInFlight).toBe(0)
  })
})

describe('owners of series', () => {
  it('are each given back what they lent, in any order, and nobody is held on to', () => {
    const owners = new SeriesOwners()
    const [a, b] = [{ framesInFlight: 0 }, { framesInFlight: 0 }]
    const first = owners.lend(a, 3)
    const second = owners.lend(b, 2)
    expect(owners.lend(b, 1)).toBe(second)
    const third = owners.lend(a, 4)
    expect(new Set([first, second, third]).size).toBe(3)
    expect([a.framesInFlight, b.framesInFlight]).toEqual([7, 3])
    owners.giveBack(second, 3)
    owners.giveBack(first, 2)
    owners.giveBack(third, 4)
    expect([a.framesInFlight, b.framesInFlight]).toEqual([1, 0])
    owners.takeBackAll()
    expect(a.framesInFlight).toBe(0)
    expect(JSON.stringify(owners)).not.toContain('framesInFlight')
  })

  it('are refused when as many wait as can be told apart', () => {
    const owners = new SeriesOwners()
    const all = Array.from({ length: 256 }, () => ({ framesInFlight: 0 }))
    const numbers = all.map((owner) => owners.lend(owner, 1))
    expect(numbers.filter((number) => number === 0)).toHaveLength(1)
    expect(numbers.at(-1)).toBe(0)
    expect(all.at(-1)!.framesInFlight).toBe(0)
  })
})
