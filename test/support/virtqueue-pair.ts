/** A driver's virtqueue of either format with a strict device at its other end. */
import { expect } from 'vitest'
import { PackedVirtqueue } from '../../drivers/virtio/packed-virtqueue.ts'
import { SplitVirtqueue } from '../../drivers/virtio/split-virtqueue.ts'
import type { SeriesRanges, Virtqueue, VirtqueueOptions } from '../../drivers/virtio/virtqueue.ts'
import { FakeHal } from '../fakes/fake-hal.ts'
import { type Chain, FakeVirtqueue } from '../fakes/fake-virtqueue.ts'

export type RingFormat = 'split' | 'packed'
export const RING_FORMATS: readonly RingFormat[] = ['split', 'packed']

export interface QueueOptions extends Partial<VirtqueueOptions> {
  readonly format: RingFormat
  /** Where the memory of the guest begins. */
  readonly arenaPhysicalAddress?: number
}

/** Slot memory is 64 bytes for each slot from `base` on. */
export function createQueue({ format, arenaPhysicalAddress, ...options }: QueueOptions) {
  const arena = arenaPhysicalAddress === undefined ? {} : { arenaPhysicalAddress }
  const hal = new FakeHal({ arenaBytes: 1 << 20, ...arena })
  const full = {
    size: 8,
    chained: true,
    indirect: true,
    eventIndex: true,
    wantedSlots: 8,
    ...options,
  }
  const driver: Virtqueue =
    format === 'split' ? new SplitVirtqueue(hal, full) : new PackedVirtqueue(hal, full)
  const device = new FakeVirtqueue(hal, 1, full.size)
  const memory = hal.allocateDma(4096, 64)
  for (let i = 0; i < driver.slotCount; i++) {
    driver.bind(i * driver.slotStride, memory.physicalAddress + (i % 64) * 64, 64, !full.chained)
  }
  let notifications = 0
  const registers = new Proxy({ length: 1 } as { length: number; [index: number]: number }, {
    set: (_target, _key, value) => {
      expect(value).toBe(1)
      notifications++
      return true
    },
  })
  driver.connect(1, { registers, index: 0 })
  const start = () => {
    driver.reset()
    device.reset()
    const { indirect, eventIndex } = full
    Object.assign(device, driver.addresses, { packed: format === 'packed', indirect, eventIndex })
    device.enable()
  }
  start()
  const base = memory.physicalAddress
  return { hal, driver, device, base, start, notifications: () => notifications }
}

/** What `takeOne` says when nothing came back, and when the device lied. */
export const NOTHING = -1
export const LIE = -2

/** Describes a slot's chain and queues it. */
export function post(
  driver: Virtqueue,
  slot: number,
  ...chain: [number, number, number, number, number]
): void {
  driver.describe(slot, ...chain)
  driver.add(Uint16Array.of(slot), 0, 1)
}

/** The only slot that came back, with its length. */
export function takeOne(driver: Virtqueue): { slot: number; lengthBytes: number } {
  const slots = new Uint16Array(16)
  const lengths = new Uint32Array(16)
  const count = driver.take(slots, lengths, 0)
  if (count === 0) return { slot: driver.violation === '' ? NOTHING : LIE, lengthBytes: 0 }
  expect(count).toBe(1)
  return { slot: slots[0]!, lengthBytes: lengths[0]! }
}

/**
 * A driver that has posted slot 3, whose device has taken it and then given back what `lie` makes
 * up.
 */
export function lieAfterOne(
  format: RingFormat,
  violation: (device: FakeVirtqueue) => void,
): Virtqueue {
  const { driver, device } = createQueue({ format })
  post(driver, 3, 14, 0, 0, 0, 0)
  driver.publish()
  device.take()
  violation(device)
  device.publish()
  return driver
}

/** Addresses from `base` on, lengths and directions of a chain's parts. */
export function shapeOf(chain: Chain | null, base: number): [number, number, boolean][] {
  return chain!.parts.map((it) => [it.physicalAddress - base, it.bytes.length, it.deviceWrites])
}

/** Ranges of a series that only follow each other. */
export function inARow(address: number, length: number, count: number): SeriesRanges {
  return { address, length, place: 0, lap: count }
}
