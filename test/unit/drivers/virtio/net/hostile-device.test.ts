/**
 * Devices that lie (conformance V1 to V17): caught, reset at a limited rate, never lost for good;
 * nothing indexed or copied by their word.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openPciBus } from '../../../../../drivers/pci/pci-bus.ts'
import { VirtioNet } from '../../../../../drivers/virtio/net/virtio-net.ts'
import { VirtioDeviceType } from '../../../../../drivers/virtio/transport.ts'
import type { PacketBuffer } from '../../../../../net/storage/buffer.ts'
import { buildTcpFrame } from '../../../../fakes/fake-frames.ts'
import { createFakeMachine, type FakeMachineOptions } from '../../../../fakes/fake-machine.ts'
import { DEFAULT_NET_FEATURES } from '../../../../fakes/fake-virtio-net.ts'
import type { FakeVirtqueue } from '../../../../fakes/fake-virtqueue.ts'
import {
  bytesOf,
  createReceivedFrame,
  type OpenNet,
  openNet,
  openTransport,
  useRingFormat,
} from '../../../../fakes/open-devices.ts'
import { SeededRandom } from '../../../../support/seeded-random.ts'
import { recordOf } from '../../../../support/transmit-records.ts'
import { RING_FORMATS } from '../../../../support/virtqueue-pair.ts'

describe.each(RING_FORMATS)('with a %s ring:', (format) => {
  beforeEach(() => useRingFormat(format))
  afterEach(() => useRingFormat('split'))

  const { bytes: FRAME } = buildTcpFrame({ payloadLength: 100 })
  /** Long enough to be read by the device where it lies. */
  const { bytes: LONG_FRAME } = buildTcpFrame({ payloadLength: 1000 })

  function without(...names: string[]) {
    return DEFAULT_NET_FEATURES.filter((it) => !names.includes(it))
  }

  function poll({ net }: OpenNet): Uint8Array[] {
    const frame = createReceivedFrame()
    const seen: Uint8Array[] = []
    net.tx.reclaim()
    while (net.rx.receive(frame)) {
      seen.push(bytesOf(frame))
      net.rx.release(frame)
    }
    return seen
  }

  function send(
    { net, hal }: OpenNet,
    owner: { framesInFlight: number } | null = null,
    allocate: (lengthBytes: number) => PacketBuffer = (lengthBytes) =>
      hal.allocateDma(lengthBytes, 8),
  ): boolean {
    const record =
      owner === null ? recordOf(FRAME) : recordOf(LONG_FRAME, { headerLength: 54, owner, allocate })
    if (!net.tx.submit(record)) return false
    net.tx.flush()
    return true
  }

  /** Both directions work. */
  function expectAlive(open: OpenNet): void {
    let sent = 0
    open.device.onFrame = () => sent++
    expect(send(open)).toBe(true)
    expect(sent).toBe(1)
    expect(open.device.deliver(FRAME)).toBe(true)
    expect(poll(open)).toHaveLength(1)
    expect(open.net.failure).toBe('')
  }

  /** Completes RX buffers with these lengths, the first one starting with this virtio_net_hdr. */
  function complete(queue: FakeVirtqueue, lengths: readonly number[], bufferCount = 1): void {
    lengths.forEach((length, index) => {
      const chain = queue.take()!
      if (index === 0) {
        chain.parts[0]!.bytes.fill(0, 0, 12)
        chain.parts[0]!.bytes.set([bufferCount & 0xff, bufferCount >> 8], 10)
      }
      queue.giveBack(chain, length)
    })
    queue.publish()
  }

  function forge(queue: FakeVirtqueue, id: number, length: number): void {
    queue.giveBackAs(id, length)
    queue.publish()
  }

  /** A packed ring has no index that a device writes. */
  const INDEX_LIES: [string, string, (queue: FakeVirtqueue) => void][] = [
    [
      'V5 used.idx far ahead',
      'usedIndex',
      (queue) => {
        queue.usedIndex = (queue.usedIndex + 129) & 0xffff
        queue.publish()
      },
    ],
    [
      'V5 used.idx backwards',
      'usedIndex',
      (queue) => {
        queue.usedIndex = (queue.usedIndex - 1) & 0xffff
        queue.publish()
      },
    ],
  ]

  const RECEIVE_LIES: [string, string, (queue: FakeVirtqueue) => void][] = [
    ['V1 used.id beyond the queue', 'usedIdentifier', (queue) => forge(queue, 256, 100)],
    ['V1 used.id 0xffffffff', 'usedIdentifier', (queue) => forge(queue, 0xffffffff, 100)],
    ['V2 used.id that is not outstanding', 'usedIdentifier', (queue) => forge(queue, 200, 100)],
    [
      'V2 the same id twice in one frame',
      'usedIdentifier',
      (queue) => {
        const chain = queue.take()!
        chain.parts[0]!.bytes.set([2, 0], 10)
        queue.giveBack(chain, 65_472)
        forge(queue, chain.head, 112)
      },
    ],
    ['V3 used.len more than posted', 'usedLength', (queue) => complete(queue, [65_473])],
    ['V3 used.len 0xffffffff', 'usedLength', (queue) => complete(queue, [0xffffffff])],
    ['V4 used.len 0', 'usedLength', (queue) => complete(queue, [0])],
    ['V4 used.len 11', 'usedLength', (queue) => complete(queue, [11])],
    ...(format === 'split' ? INDEX_LIES : []),
    ['V6 num_buffers 0', 'bufferCount', (queue) => complete(queue, [100], 0)],
    ['V6 num_buffers 65535', 'bufferCount', (queue) => complete(queue, [65_472, 100], 65_535)],
    ['V6 num_buffers 4', 'bufferCount', (queue) => complete(queue, [65_472, 65_472, 65_472, 9], 4)],
    ['V6 a first buffer of 20 bytes', 'mergedLength', (queue) => complete(queue, [20, 100], 2)],
    ['V6 a second buffer of 0 bytes', 'usedLength', (queue) => complete(queue, [65_472, 0], 2)],
  ]

  describe('a receive queue with', () => {
    it.each(RECEIVE_LIES)('%s is caught, reset once and goes on', (_name, lie, act) => {
      const open = openNet()
      const { device, net } = open
      device.deliver(FRAME)
      expect(poll(open)).toHaveLength(1)
      act(device.receiveQueue)
      poll(open)
      expect(net.statistics.deviceViolations).toEqual({ [lie]: 1 })
      poll(open)
      expect(net.statistics.deviceResets).toBe(1)
      expect(device.resets).toBe(2)
      expect(device.statusWrites.slice(-5)).toEqual([0, 1, 3, 11, 15])
      expectAlive(open)
    })

    it.each(RECEIVE_LIES)(
      '%s at every turn is stopped, cut off and tried again later',
      (_name, _lie, act) => {
        const open = openNet()
        exhaust(open, () => act(open.device.receiveQueue))
        expect(open.net.statistics.deviceResets).toBe(4)
        expect(open.net.link.isUp).toBe(false)
        expect(open.net.tx.submit(recordOf(FRAME))).toBe(false)
        expect(open.net.armInterrupts()).toBe(true)
        expect(open.device.status & 128).toBe(128)
        expect(open.device.pciFunction.isBusMaster).toBe(false)
        expect(open.reports.at(-1)).toMatch(/stopped .* the next attempt is in 60 s, .*device_del/)
        expect(open.runTimer()).toBe(true)
        expect(open.reports.slice(-2)).toEqual([
          'link is up',
          expect.stringContaining('in use again'),
        ])
        expectAlive(open)
      },
    )
  })

  describe('the buffers that the device has', () => {
    const spoil: [string, (bytes: Uint8Array, view: DataView) => void][] = [
      ['lengths are 0', (_, view) => view.setUint32(8, 0, true)],
      ['addresses lead elsewhere', (bytes) => bytes.set([0xee], 6)],
      ['flags are others', (_, view) => view.setUint8(format === 'split' ? 12 : 14, 0xff)],
    ]

    it.each(spoil)('are looked at: once their %s it is reset, and receives again', (_name, act) => {
      const open = openNet()
      const { device, hal, net } = open
      net.queueCheck.run()
      expect(net.statistics.deviceViolations).toEqual({})
      const { descriptorArea, size } = device.receiveQueue
      for (let index = 0; index < size; index++) {
        const bytes = hal.resolveDma(descriptorArea + 16 * index, 16)
        act(bytes, new DataView(bytes.buffer, bytes.byteOffset, 16))
      }
      // Nothing comes, and nothing else tells of it.
      expect(poll(open)).toEqual([])
      expect(net.statistics.deviceViolations).toEqual({})
      // It may be in the middle of its stores: what stays is a fault.
      expect(net.queueCheck.run()).toBe(100e6)
      expect(net.statistics.deviceViolations).toEqual({})
      net.queueCheck.run()
      expect(net.statistics.deviceViolations).toEqual({ descriptors: 1 })
      poll(open)
      expect(net.statistics.deviceResets).toBe(1)
      expectAlive(open)
    })

    it('are found as they were shown at any time', () => {
      const open = openNet()
      for (let round = 0; round < 400; round++) {
        open.device.deliver(FRAME)
        if (round % 3 === 0) open.net.queueCheck.run()
        if (round % 7 === 0) poll(open)
        open.net.queueCheck.run()
      }
      expect(open.net.statistics.deviceViolations).toEqual({})
    })

    it('that hold frames to send are notified of again, when the device stands still', () => {
      const open = openNet()
      const { device, net } = open
      let sent = -1
      device.onFrame = () => sent++
      // Small ones that were given back long ago wait to be taken.
      send(open)
      device.processTransmit()
      device.autoProcess = false
      expect(sent).toBe(0)
      send(open)
      const before = device.transmitQueue.notifications
      net.queueCheck.run()
      expect(device.transmitQueue.notifications).toBe(before + 1)
      expect(net.statistics.repeatedNotifications).toBe(1)
      device.processTransmit()
      expect(sent).toBe(1)
      // What has been given back is nothing to wait for.
      net.queueCheck.run()
      expect(device.transmitQueue.notifications).toBe(before + 1)
    })

    it('may come back in another order, without IN_ORDER', () => {
      const open = openNet()
      const { device, net } = open
      const queue = device.receiveQueue
      const chains = [queue.take()!, queue.take()!, queue.take()!]
      for (const index of [2, 0]) {
        chains[index]!.parts[0]!.bytes.fill(0, 0, 12)
        chains[index]!.parts[0]!.bytes.set([1, 0], 10)
        queue.giveBack(chains[index]!, 12 + FRAME.length)
        queue.publish()
        poll(open)
        for (let look = 0; look < 3; look++) net.queueCheck.run()
      }
      expect(net.statistics.deviceViolations).toEqual({})
    })

    it('are not taken for spoiled in the middle of the stores that give them back', () => {
      const open = openNet()
      const { device, hal, net } = open
      const { descriptorArea } = device.receiveQueue
      const first = hal.resolveDma(descriptorArea, 16)
      const before = Uint8Array.from(first)
      for (let round = 0; round < 3; round++) {
        first.fill(0xee, 8, 12)
        expect(net.queueCheck.run()).toBe(100e6)
        first.set(before)
        expect(net.queueCheck.run()).toBeGreaterThan(100e6)
      }
      expect(net.statistics.deviceViolations).toEqual({})
    })

    it('are looked at as soon as frames come again after long silence', () => {
      const open = openNet()
      const { device, net } = open
      let late = 0
      net.queueCheck.onLate = () => {
        late++
        net.queueCheck.run()
      }
      for (let count = 0; count < 8; count++) net.queueCheck.run()
      expect(net.armInterrupts()).toBe(true)
      device.deliver(FRAME)
      poll(open)
      expect(net.armInterrupts()).toBe(false)
      expect(late).toBe(1)
      device.deliver(FRAME)
      poll(open)
      expect(net.armInterrupts()).toBe(true)
      expect(late).toBe(1)
    })

    it('are looked at each second, and ever less often while nothing comes or goes', () => {
      const open = openNet()
      const intervals = () => Array.from({ length: 8 }, () => open.net.queueCheck.run() / 1e9)
      expect(intervals()).toEqual([1, 2, 4, 8, 16, 32, 64, 64])
      open.device.deliver(FRAME)
      poll(open)
      expect(intervals().slice(0, 2)).toEqual([1, 2])
      send(open)
      expect(intervals().slice(0, 2)).toEqual([1, 2])
    })
  })

  /** Does the same wrong until the driver has stopped the device. */
  function exhaust(open: OpenNet, act: () => void): void {
    for (let i = 0; i < 10 && open.net.failure === ''; i++) {
      act()
      poll(open)
      poll(open)
    }
    expect(open.net.failure).not.toBe('')
  }

  describe('resets', () => {
    const lie = (open: OpenNet) => {
      forge(open.device.receiveQueue, 999, 0)
      poll(open)
      poll(open)
    }

    it('are limited in rate, not in number: one an hour goes on for ever', () => {
      const open = openNet()
      for (let hour = 1; hour <= 100; hour++) {
        open.hal.nowNs += 3600e9
        lie(open)
        expect(open.net.failure).toBe('')
        expect(open.net.statistics.deviceResets).toBe(hour)
      }
      expectAlive(open)
    })

    it('of a device that never recovers are one a minute, and said once', () => {
      const open = openNet()
      exhaust(open, () => lie(open))
      const before = open.hal.nowNs
      open.device.faults.refusesFeatures = true
      const lines = open.reports.length
      const resets = open.net.statistics.deviceResets
      for (let i = 0; i < 20; i++) expect(open.runTimer()).toBe(true)
      expect(open.hal.nowNs - before).toBeGreaterThan(20 * 59e9)
      expect(open.net.statistics.deviceResets - resets).toBeLessThanOrEqual(20)
      // The reason is another one now, and told; after that nothing is new.
      expect(open.reports.length - lines).toBe(1)
      open.device.faults.refusesFeatures = false
      expect(open.runTimer()).toBe(true)
      expectAlive(open)
    })

    it('give the payload back to its owners, who may use the memory while the device is stopped', () => {
      const open = openNet()
      const owner = { framesInFlight: 0 }
      open.device.autoProcess = false
      for (let i = 0; i < 4; i++) lie(open)
      for (let i = 0; i < 5; i++) send(open, owner)
      expect(owner.framesInFlight).toBe(5)
      lie(open)
      expect(open.net.failure).toBe('usedIdentifier')
      expect(owner.framesInFlight).toBe(0)
    })

    it('that are not to be had leave alone what the stopped device gives back', () => {
      const open = openNet()
      const owner = { framesInFlight: 0 }
      for (let i = 0; i < 4; i++) lie(open)
      for (let i = 0; i < 5; i++) send(open, owner)
      forge(open.device.receiveQueue, 999, 0)
      open.net.rx.receive(createReceivedFrame())
      open.net.rx.receive(createReceivedFrame())
      expect(open.net.failure).toBe('usedIdentifier')
      open.net.tx.reclaim()
      expect(owner.framesInFlight).toBe(0)
      expect(open.runTimer()).toBe(true)
      expectAlive(open)
    })

    it.each<[string, (open: OpenNet) => void, RegExp]>([
      ['MTU', ({ device }) => device.config.set([0x14, 0x05], 10), /its MTU is 1300, not 1400/],
      ['hardware address', ({ device }) => device.config.set([9], 5), /another hardware address/],
    ])('after which the %s is another are not taken for the same device', (_name, act, reason) => {
      const open = openNet({ features: [...DEFAULT_NET_FEATURES, 'MTU'], mtu: 1400 })
      act(open)
      lie(open)
      expect(open.net.failure).toMatch(reason)
    })
  })

  it('whatever happens in whatever order, all payload comes back and frames go on', () => {
    const random = new SeededRandom(3)
    for (let run = 0; run < 60; run++) {
      const options = run % 2 === 0 ? {} : { features: without('INDIRECT_DESC', 'EVENT_IDX') }
      const open = openNet(options)
      const { net, device } = open
      const payload = open.hal.allocateDma(2048, 8)
      const owners = [{ framesInFlight: 0 }, { framesInFlight: 0 }]
      device.autoProcess = false
      // A device that was cut off reaches neither memory nor interrupts.
      const ifConnected = (act: () => unknown) => () => {
        if (device.pciFunction.isBusMaster && (device.status & 0x84) === 4) act()
      }
      const steps = [
        () => send(open, owners[random.nextInt32() & 1], () => payload),
        () => send(open),
        ifConnected(() => device.processTransmit(1 + (random.nextInt32() & 7))),
        () => poll(open),
        ifConnected(() => device.deliver(FRAME)),
        ifConnected(() => device.setLink((random.nextInt32() & 3) !== 0)),
        () => open.interrupts.dispatch(),
        ifConnected(() => forge(device.receiveQueue, 999, 0)),
        ifConnected(() => device.requestReset()),
        () => net.detach(),
        () => net.attach(),
        () => open.runTimer(),
      ]
      // Mostly traffic: the rest comes up one step in eight.
      for (let step = 0; step < 400; step++) {
        const most = (random.nextInt32() & 7) === 0 ? steps.length : 5
        steps[(random.nextInt32() >>> 1) % most]!()
      }
      net.attach()
      for (let turn = 0; turn < 10; turn++) {
        ifConnected(() => device.setLink(true))()
        open.interrupts.dispatch()
        poll(open)
        if (net.failure !== '') open.runTimer()
      }
      net.tx.flush()
      device.processTransmit()
      poll(open)
      expect(owners).toEqual([{ framesInFlight: 0 }, { framesInFlight: 0 }])
      device.autoProcess = true
      expectAlive(open)
    }
  })

  const JUMP: [string, string, (queue: FakeVirtqueue) => void] = [
    'V5 used.idx far ahead',
    'usedIndex',
    (queue) => {
      queue.usedIndex = 300
      queue.publish()
    },
  ]

  describe('a transmit queue with', () => {
    it.each<[string, string, (queue: FakeVirtqueue) => void]>([
      ['V1 used.id beyond the queue', 'usedIdentifier', (queue) => forge(queue, 999, 0)],
      ['V2 used.id that is not outstanding', 'usedIdentifier', (queue) => forge(queue, 200, 0)],
      ...(format === 'split' ? [JUMP] : []),
    ])('%s is caught, and owners get their memory back', (_name, lie, act) => {
      const open = openNet()
      const owner = { framesInFlight: 0 }
      open.device.autoProcess = false
      for (let i = 0; i < 10; i++) send(open, owner)
      expect(owner.framesInFlight).toBe(10)
      act(open.device.transmitQueue)
      poll(open)
      poll(open)
      expect(owner.framesInFlight).toBe(0)
      expect(open.net.statistics.deviceViolations).toEqual({ [lie]: 1 })
      open.device.autoProcess = true
      expectAlive(open)
    })

    it('V8 rewritten descriptors: the driver never reads them back', () => {
      const open = openNet({ features: without('INDIRECT_DESC') })
      for (let i = 0; i < 500; i++) expect(send(open)).toBe(true)
      const { device, hal } = open
      poll(open)
      const chain = device.receiveQueue.take()!
      chain.parts[0]!.bytes.set([1, 0], 10)
      const table = hal.resolveDma(device.receiveQueue.descriptorArea, 16 * 256)
      // Of a packed ring's descriptors the last word tells whose they are: that is another lie.
      const spoiled = format === 'split' ? 16 : 12
      for (let at = 0; at < table.length; at += 16) table.fill(0xee, at, at + spoiled)
      device.receiveQueue.giveBack(chain, 112)
      device.receiveQueue.publish()
      expect(poll(open)).toHaveLength(1)
      expect(open.net.statistics.deviceViolations).toEqual({})
    })
  })

  describe('V9 configuration', () => {
    it.each([
      ['a multicast address', [1, 0, 0, 0, 0, 1]],
      ['no address', [0, 0, 0, 0, 0, 0]],
    ])('with %s is replaced by a local one, and the reason is told', (_name, hardwareAddress) => {
      const { net } = openNet({ hardwareAddress })
      expect(net.hardwareAddress[0]! & 3).toBe(2)
      expect(net.describe().refused.MAC).toContain('multicast')
    })

    it('without MAC gets a local address, even without a hardware generator', () => {
      for (const hasHardwareRandom of [true, false]) {
        const { net } = openNet({ features: without('MAC'), hal: { hasHardwareRandom } })
        expect(net.hardwareAddress[0]! & 3).toBe(2)
      }
    })

    it.each([0, 67])('with an MTU of %i falls back to 1500', (mtu) => {
      const { net } = openNet({ features: [...DEFAULT_NET_FEATURES, 'MTU'], mtu })
      expect(net.capabilities.maxTransmissionUnit).toBe(1500)
      expect(net.describe().refused.MTU).toBe(`${mtu} is not between 68 and 65535`)
    })

    it.each([68, 1280, 9000, 65535])('with an MTU of %i is believed', (mtu) => {
      const { net } = openNet({ features: [...DEFAULT_NET_FEATURES, 'MTU'], mtu })
      expect(net.capabilities.maxTransmissionUnit).toBe(mtu)
    })

    // §2.8: a packed queue's size need not be a power of 2.
    const impossible = format === 'split' ? [0, 3, 32_769, 1] : [0, 32_769, 1]
    it.each(impossible)('with a queue of size %i is refused', (size) => {
      expect(() => openNet({ transmitQueueSize: size })).toThrow('Cannot use virtio device')
      if (size !== 1) expect(() => openNet({ receiveQueueSize: size })).toThrow(`size of ${size}`)
    })

    it('that never settles is refused after bounded reads', () => {
      const faults = { configurationNeverSettles: true }
      expect(() => openNet({ faults })).toThrow('it changes all the time')
    })
  })

  /** The status of a device whose driver could not be opened. */
  function statusAfterFailure(options: FakeMachineOptions): number {
    const machine = createFakeMachine(options)
    const bus = openPciBus(machine.hal, machine.hal.mapRegisters)
    const transport = openTransport(machine, bus, VirtioDeviceType.Network)
    const { hal, interrupts, device } = machine
    expect(() => new VirtioNet({ hal, transport, interrupts })).toThrow('Cannot')
    return device.status
  }

  describe('bring-up', () => {
    it.each<[string, FakeMachineOptions]>([
      ['features are refused', { faults: { refusesFeatures: true } }],
      ['VERSION_1 is missing', { features: without('VERSION_1') }],
      ['the configuration never settles', { faults: { configurationNeverSettles: true } }],
      ['a queue has no size', { transmitQueueSize: 0 }],
    ])('leaves the device FAILED when %s (§3.1.1)', (_name, options) => {
      expect(statusAfterFailure(options) & 128).toBe(128)
    })

    it('V11 fails when FEATURES_OK does not stick', () => {
      expect(() => openNet({ faults: { refusesFeatures: true } })).toThrow(
        'does not accept the features',
      )
    })

    it('V11 fails when VERSION_1 is not offered', () => {
      expect(() => openNet({ features: without('VERSION_1') })).toThrow('does not offer VERSION_1')
    })

    it('V14 fails in bounded time when the reset never ends', () => {
      expect(() => openNet({ faults: { resetNeverEnds: true } })).not.toThrow()
      const open = openNet()
      open.device.faults.resetNeverEnds = true
      forge(open.device.receiveQueue, 999, 0)
      const startNs = open.hal.nowNs
      poll(open)
      poll(open)
      expect(open.net.failure).toContain('Cannot reset virtio device')
      expect(open.hal.nowNs - startNs).toBeLessThan(2_000_000_000)
      expect(open.device.pciFunction.isBusMaster).toBe(false)
    })

    it('gives up when the device changes its features at the reset', () => {
      const open = openNet()
      open.device.offeredFeatures &= ~(1n << 11n)
      open.device.requestReset()
      open.interrupts.dispatch()
      poll(open)
      expect(open.net.failure).toContain('other features')
    })
  })

  describe('V12 DEVICE_NEEDS_RESET', () => {
    it('resets and resumes, payload owners back at 0', () => {
      const open = openNet()
      const owner = { framesInFlight: 0 }
      open.device.autoProcess = false
      for (let i = 0; i < 5; i++) send(open, owner)
      open.device.requestReset()
      expect(open.interrupts.dispatch()).toBe(1)
      expect(open.net.armInterrupts()).toBe(false)
      poll(open)
      expect(owner.framesInFlight).toBe(0)
      expect(open.net.statistics.deviceViolations).toEqual({ needsReset: 1 })
      open.device.autoProcess = true
      expectAlive(open)
    })

    it('works with interrupt lines and with polling too', () => {
      for (const options of [{ vectors: 0 }, { vectors: 0, interruptPin: 0 }]) {
        const open = openNet(options)
        open.device.requestReset()
        open.interrupts.dispatch()
        open.net.armInterrupts()
        poll(open)
        expect(open.net.statistics.deviceResets).toBe(1)
        expectAlive(open)
      }
    })
  })

  describe('V13 interrupts', () => {
    it('that are spurious change nothing', () => {
      const open = openNet()
      for (let vector = 0; vector < 3; vector++) open.hal.raise(vector)
      expect(open.interrupts.dispatch()).toBe(3)
      expect(poll(open)).toEqual([])
      expectAlive(open)
    })

    it('that storm are taken one turn at a time', () => {
      const open = openNet()
      for (let i = 0; i < 10_000; i++) open.hal.raise(1)
      expect(open.interrupts.dispatch()).toBe(1)
      expect(open.interrupts.dispatch()).toBe(0)
    })

    it('that never come make the driver say that it must be polled', () => {
      const open = openNet({ faults: { losesInterrupts: true } })
      expect(open.net.mustPoll).toBe(false)
      for (let i = 0; i < 16; i++) {
        expect(open.net.armInterrupts()).toBe(true)
        open.device.deliver(FRAME)
        open.net.disarmInterrupts()
        expect(poll(open)).toHaveLength(1)
      }
      expect(open.net.mustPoll).toBe(true)
      expect(open.net.statistics.missedInterrupts).toBe(16)
    })

    it('that do come are never counted as missed', () => {
      const open = openNet()
      for (let i = 0; i < 40; i++) {
        open.net.armInterrupts()
        open.device.deliver(FRAME)
        open.net.disarmInterrupts()
        poll(open)
      }
      expect(open.net.statistics.missedInterrupts).toBe(0)
    })
  })

  describe('interrupt modes', () => {
    const cases: [string, FakeMachineOptions, string, number][] = [
      ['a vector a queue', {}, 'msix', 4],
      ['a vector fewer than queues', { vectors: 3 }, 'msix', 3],
      ['two vectors', { vectors: 2 }, 'msix', 2],
      ['one vector', { vectors: 1 }, 'msix', 1],
      ['no MSI-X: the line', { vectors: 0 }, 'intx', 1],
      ['no free vectors', { hal: { vectorCount: 0 } }, 'polled', 0],
      ['one free vector', { hal: { vectorCount: 1 } }, 'msix', 1],
      ['half of four free vectors', { hal: { vectorCount: 4 } }, 'msix', 2],
      ['refused vectors: the line', { faults: { refusesVectors: true } }, 'intx', 1],
      ['refused vectors of queues: the line', { faults: { refusesQueueVectors: true } }, 'intx', 1],
      ['neither', { vectors: 0, interruptPin: 0 }, 'polled', 0],
    ]
    it.each(cases)('%s', (_name, options, mode, registered) => {
      const open = openNet(options)
      expect(open.net.describe().interruptMode).toBe(mode)
      expect(open.net.mustPoll).toBe(mode === 'polled')
      if (mode !== 'polled') expect(open.interrupts.names).toHaveLength(registered)
      expectAlive(open)
      open.net.armInterrupts()
      open.device.deliver(FRAME)
      expect(open.interrupts.dispatch()).toBe(mode === 'polled' ? 0 : 1)
      open.net.disarmInterrupts()
      expect(poll(open)).toHaveLength(1)
      open.device.setLink(false)
      open.interrupts.dispatch()
      open.net.armInterrupts()
      poll(open)
      expect(open.net.link.isUp).toBe(false)
    })
  })

  describe('V15 a device that never sends', () => {
    it('fills the queue, and no more', () => {
      const open = openNet()
      open.device.autoProcess = false
      let count = 0
      while (send(open)) count++
      expect(count).toBe(256)
      expect(poll(open)).toEqual([])
      expect(open.net.failure).toBe('')
    })
  })

  describe('V17 a value that changes between two reads', () => {
    it('is read once: used.len, num_buffers and flags of a frame', () => {
      const open = openNet()
      open.device.deliver(FRAME)
      const frame = createReceivedFrame()
      expect(open.net.rx.receive(frame)).toBe(true)
      const { receiveQueue } = open.device
      // The device rewrites everything while the stack looks at the frame.
      if (format === 'split') open.hal.resolveDma(receiveQueue.deviceArea + 4, 8 * 256).fill(0xff)
      else open.hal.resolveDma(receiveQueue.descriptorArea, 16).fill(0xff)
      const { bytes, physicalAddress } = frame.fragments[0]!.buffer
      expect(physicalAddress).toBeGreaterThan(0)
      bytes.fill(0xff, 0, 12)
      expect(frame.length).toBe(FRAME.length)
      expect(Buffer.compare(bytesOf(frame), FRAME)).toBe(0)
      open.net.rx.release(frame)
      expect(open.device.deliver(FRAME)).toBe(true)
      expect(poll(open)).toHaveLength(1)
    })
  })
})
