/** Several network devices on one machine: what they share of it, and what each gets. */
import { describe, expect, it } from 'vitest'
import { openPciBus } from '../../../../../drivers/pci/pci-bus.ts'
import type { NetChoices } from '../../../../../drivers/virtio/net/net-setup.ts'
import { VirtioNet } from '../../../../../drivers/virtio/net/virtio-net.ts'
import { findVirtioFunctions, PciTransport } from '../../../../../drivers/virtio/pci-transport.ts'
import { VirtioDeviceType } from '../../../../../drivers/virtio/transport.ts'
import type { FakeHal } from '../../../../fakes/fake-hal.ts'
import { createFakeMachine } from '../../../../fakes/fake-machine.ts'
import {
  DEFAULT_NET_FEATURES,
  FakeVirtioNet,
  type FakeVirtioNetOptions,
} from '../../../../fakes/fake-virtio-net.ts'
import { createReceivedFrame } from '../../../../fakes/open-devices.ts'

const FIRST_SLOT = 2
/** A vector for changes of the configuration, one each for eight queues and the control queue. */
const FOUR_PAIRS: FakeVirtioNetOptions = {
  features: [...DEFAULT_NET_FEATURES, 'MQ'],
  queuePairs: 4,
  vectors: 10,
}

/** `count` of them, opened in the order of their slots. */
function openNets(
  count: number,
  vectorCount: number,
  options: FakeVirtioNetOptions,
  spoil: (hal: FakeHal) => void = () => {},
  choices: Partial<NetChoices> = {},
) {
  const machine = createFakeMachine({
    ...options,
    firmware: 'qboot',
    hal: { vectorCount, arenaBytes: 128 << 20 },
  })
  const { hal, host, interrupts } = machine
  spoil(hal)
  const devices = [machine.device]
  for (let index = 1; index < count; index++) {
    const slot = FIRST_SLOT + index
    const device = new FakeVirtioNet(hal, host, { globalInterrupt: 20 + (slot & 3), ...options })
    host.add(device.pciFunction, slot)
    devices.push(device)
  }
  const { Network } = VirtioDeviceType
  const bus = openPciBus(hal, hal.mapRegisters)
  const nets = findVirtioFunctions(bus, Network).map((pciFunction) => {
    const transport = new PciTransport(hal, bus, pciFunction, Network)
    return new VirtioNet({ hal, transport, interrupts, ...choices })
  })
  return { hal, interrupts, devices, nets }
}

describe('the interrupt vectors of several devices', () => {
  it.each([
    ['eight devices', 8, 32, {}, 4],
    ['four devices of four pairs of queues', 4, 32, FOUR_PAIRS, 10],
    ['eight devices of four pairs of queues', 8, 64, FOUR_PAIRS, 10],
  ])('suffice for %s and the power button', (_title, count, vectorCount, options, wanted) => {
    const { interrupts, nets } = openNets(count, vectorCount, options)
    expect(nets.map((net) => net.describe().interruptMode)).toEqual(Array(count).fill('msix'))
    const own = interrupts.names.filter((name) => name.endsWith(` ${wanted - 1}`))
    expect(own.length, 'those who come first share nothing').toBeGreaterThan(0)
    expect(interrupts.freeCount).toBeGreaterThan(0)
  })

  it('are given back by a device that cannot have all of its own', () => {
    const { interrupts, nets } = openNets(1, 32, {}, (hal) => {
      const { interruptMessageData } = hal
      hal.interruptMessageData = (vector) => {
        if (vector >= 2) throw new RangeError('no such vector')
        return interruptMessageData.call(hal, vector)
      }
    })
    expect(nets[0]!.describe().interruptMode).toBe('intx')
    expect(interrupts.names).toEqual(['PCI interrupt line 22'])
  })

  it('are given back by a device that refuses them', () => {
    const options = { faults: { refusesQueueVectors: true }, interruptPin: 0 }
    const { interrupts, nets } = openNets(1, 32, options)
    expect(nets[0]!.describe().interruptMode).toBe('polled')
    expect(interrupts.names).toEqual([])
  })
})

describe('interrupts of one of two devices that do not come', () => {
  it.each([
    ['by messages', {}],
    ['by lines', { vectors: 0 }],
  ])('are missed whatever comes of the other, which has its own %s', (_title, options) => {
    const { nets, devices, interrupts } = openNets(2, 32, options)
    const [silent, busy] = nets
    const frame = new Uint8Array(60)
    devices[0]!.faults.losesInterrupts = true
    for (let i = 0; i < 16; i++) {
      expect(silent!.mustPoll).toBe(false)
      expect(nets.every((net) => net.armInterrupts())).toBe(true)
      for (const device of devices) device.deliver(frame)
      for (const net of nets) net.disarmInterrupts()
      interrupts.dispatch()
      for (const net of nets) {
        const received = createReceivedFrame()
        expect(net.rx.receive(received)).toBe(true)
        net.rx.release(received)
      }
    }
    expect(silent!.mustPoll).toBe(true)
    expect(busy!.mustPoll).toBe(false)
    expect(busy!.statistics.missedInterrupts).toBe(0)
  })
})

describe('the memory for frames to come', () => {
  const MIB = 1 << 20
  const buffersOf = (options: FakeVirtioNetOptions, receiveMemoryBytes?: number) => {
    const [net] = openNets(1, 32, options, () => {}, {
      receiveMemoryBytes: receiveMemoryBytes ?? null,
    }).nets
    const { receiveBuffers, receiveBufferBytes, queuePairs } = net!.describe()
    return { receiveBuffers, bytes: receiveBuffers * receiveBufferBytes * queuePairs }
  }

  it.each([
    ['one pair of queues', {}],
    ['four pairs', FOUR_PAIRS],
  ])('is no more than a device is given: %s', (_title, options) => {
    expect(buffersOf(options, 2 * MIB).bytes).toBeLessThanOrEqual(2 * MIB)
    expect(buffersOf(options, 2 * MIB).bytes).toBeGreaterThan(1.5 * MIB)
    expect(buffersOf(options, 100 * MIB)).toEqual(buffersOf(options))
  })

  it('is enough for two of the largest frames, which take two buffers each (§5.1.6.3)', () => {
    expect(buffersOf({}, 1).receiveBuffers).toBe(4)
    expect(buffersOf(FOUR_PAIRS, 1).receiveBuffers).toBe(4)
  })
})
