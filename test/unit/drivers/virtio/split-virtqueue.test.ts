/** The split virtqueue against a strict device side: chains, wrap, event index, barriers, lies (virtio 1.4 §2.7). */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  SplitVirtqueue,
  type SplitVirtqueueOptions,
} from '../../../../drivers/virtio/split-virtqueue.ts'
import { FakeHal } from '../../../fakes/fake-hal.ts'
import { type Chain, FakeVirtqueue } from '../../../fakes/fake-virtqueue.ts'

function createQueue(options: Partial<SplitVirtqueueOptions> = {}) {
  const hal = new FakeHal({ arenaBytes: 1 << 20 })
  const full = {
    size: 8,
    chained: true,
    indirect: true,
    eventIndex: true,
    wantedSlots: 8,
    ...options,
  }
  const driver = new SplitVirtqueue(hal, full)
  const device = new FakeVirtqueue(hal, 1, full.size)
  const memory = hal.allocateDma(4096, 64)
  for (let i = 0; i < driver.slotCount; i++) {
    driver.bind(i * driver.slotStride, memory.physicalAddress + i * 64, 64, !full.chained)
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
  driver.reset()
  device.indirect = full.indirect
  device.eventIndex = full.eventIndex
  device.descriptorTable = driver.addresses.descriptorTable
  device.availableRing = driver.addresses.availableRing
  device.usedRing = driver.addresses.usedRing
  device.enable()
  const base = memory.physicalAddress
  return { hal, driver, device, base, notifications: () => notifications }
}

/** What `takeOne` says when nothing came back, and when the device lied. */
const NOTHING = -1
const LIE = -2

/** Describes a slot's chain and queues it. */
function post(
  driver: SplitVirtqueue,
  slot: number,
  ...chain: [number, number, number, number, number]
) {
  driver.describe(slot, ...chain)
  driver.add(Uint16Array.of(slot), 0, 1)
}

/** The only slot that came back, with its length. */
function takeOne(driver: SplitVirtqueue): { slot: number; lengthBytes: number } {
  const slots = new Uint16Array(16)
  const lengths = new Uint32Array(16)
  const count = driver.take(slots, lengths, 0)
  if (count === 0) return { slot: driver.lie === '' ? NOTHING : LIE, lengthBytes: 0 }
  expect(count).toBe(1)
  return { slot: slots[0]!, lengthBytes: lengths[0]! }
}

function shape(chain: Chain | null, base: number): [number, number, boolean][] {
  return chain!.parts.map((it) => [it.physicalAddress - base, it.bytes.length, it.deviceWrites])
}

describe.each([
  ['indirect', true],
  ['direct', false],
])('a chain with %s descriptors', (_name, indirect) => {
  it('has one, two or three readable parts', () => {
    const { driver, device, base } = createQueue({ indirect, size: 16, wantedSlots: 16 })
    const stride = driver.slotStride
    post(driver, 0, 10, 0, 0, 0, 0)
    post(driver, stride, 20, base + 1000, 500, 0, 0)
    post(driver, 2 * stride, 30, base + 1000, 500, base + 2000, 600)
    driver.publish()
    const chains = [device.take(), device.take(), device.take()]
    expect(chains.map((it) => shape(it, base))).toEqual([
      [[0, 10, false]],
      [
        [64, 20, false],
        [1000, 500, false],
      ],
      [
        [128, 30, false],
        [1000, 500, false],
        [2000, 600, false],
      ],
    ])
    expect(chains.map((it) => it!.isIndirect)).toEqual([false, indirect, indirect])
    expect(device.take()).toBeNull()
  })

  it('leaves nothing behind in the slot for the next one', () => {
    const { driver, device, base } = createQueue({ indirect })
    const lengths = [3, 1, 2, 3, 2, 1, 1, 3]
    for (const count of lengths) {
      post(driver, 0, 5, base + 512, count > 1 ? 7 : 0, base + 1024, count > 2 ? 9 : 0)
      driver.publish()
      const chain = device.take()!
      expect(chain.parts).toHaveLength(count)
      expect(shape(chain, base)[0]).toEqual([0, 5, false])
      device.giveBack(chain, 0)
      device.publish()
      expect(takeOne(driver).slot).toBe(0)
    }
  })

  it('has as many slots as descriptors allow', () => {
    expect(createQueue({ indirect, size: 256, wantedSlots: 256 }).driver.slotCount).toBe(
      indirect ? 256 : 85,
    )
    expect(createQueue({ indirect, size: 256, wantedSlots: 10 }).driver.slotCount).toBe(10)
  })

  it('runs past 65536 without a fault, in any order of completion (P10)', () => {
    const { driver, device, base } = createQueue({ indirect, size: 16, wantedSlots: 16 })
    const free = Array.from({ length: driver.slotCount }, (_, i) => i * driver.slotStride)
    const held: Chain[] = []
    let random = 12345
    const next = (limit: number) => {
      random = (Math.imul(random, 1103515245) + 12345) & 0x7fffffff
      return (random >> 8) % limit
    }
    let done = 0
    while (done < 70_000) {
      for (let i = next(4); i > 0 && free.length > 0; i--) {
        post(driver, free.pop()!, 14 + next(50), base + 512, next(2) * 40, base + 600, next(2) * 9)
      }
      driver.publish()
      for (let chain = device.take(); chain !== null; chain = device.take()) held.push(chain)
      for (let i = next(5); i > 0 && held.length > 0; i--) {
        device.giveBack(held.splice(next(held.length), 1)[0]!, 0)
      }
      device.publish()
      const slots = new Uint16Array(16)
      const count = driver.take(slots, new Uint32Array(16), 0)
      expect(driver.lie).toBe('')
      free.push(...slots.subarray(0, count))
      done += count
    }
    expect(free.length + held.length + (driver.outstanding - held.length)).toBe(driver.slotCount)
  })
})

describe('addresses', () => {
  it.each([true, false])(
    'on either side of 4 GiB follow each other in one slot (indirect: %s)',
    (indirect) => {
      const hal = new FakeHal({ arenaBytes: 1 << 20, arenaPhysicalAddress: 0xfff8_0000 })
      const driver = new SplitVirtqueue(hal, {
        size: 8,
        chained: true,
        indirect,
        eventIndex: true,
        wantedSlots: 1,
      })
      const memory = hal.allocateDma((1 << 20) - 8192, 4096)
      const device = new FakeVirtqueue(hal, 1, 8)
      Object.assign(device, driver.addresses, { indirect, eventIndex: true })
      driver.bind(0, memory.physicalAddress, 64, false)
      driver.connect(1, { registers: new Uint16Array(1), index: 0 })
      driver.reset()
      device.enable()
      const low = memory.physicalAddress + 4096
      const high = memory.physicalAddress + 0xf0000
      for (const [first, second] of [
        [high, 0],
        [low, 0],
        [low, low],
        [high, high],
        [low, low],
        [low, high],
        [high, low],
      ] as const) {
        post(driver, 0, 14, first, 100, second, second === 0 ? 0 : 200)
        driver.publish()
        const chain = device.take()!
        expect(chain.parts.slice(1).map((it) => it.physicalAddress)).toEqual(
          second === 0 ? [first] : [first, second],
        )
        device.giveBack(chain, 0)
        device.publish()
        takeOne(driver)
      }
      expect(high).toBeGreaterThan(0x1_0000_0000)
      expect(low).toBeLessThan(0x1_0000_0000)
    },
  )
})

describe('the upper half of an address', () => {
  it('does not stay behind for a later one below 2 GiB', () => {
    const { driver, hal } = createQueue({ indirect: false })
    const table = hal.resolveDma(driver.addresses.descriptorTable, 48)
    const second = new DataView(table.buffer, table.byteOffset + 16)
    post(driver, 0, 14, 0x1_2345_6000, 10, 0, 0)
    expect(second.getBigUint64(0, true)).toBe(0x1_2345_6000n)
    post(driver, 0, 14, 0x1000, 10, 0, 0)
    expect(second.getBigUint64(0, true)).toBe(0x1000n)
  })
})

describe('publish', () => {
  it('is nothing without new chains', () => {
    const { driver, hal, notifications } = createQueue()
    const before = hal.barriers
    expect(driver.publish()).toBe(false)
    expect(hal.barriers).toBe(before)
    expect(notifications()).toBe(0)
  })

  it('shows a whole batch with one barrier and one notification', () => {
    const { driver, device, hal, notifications } = createQueue()
    for (let slot = 0; slot < 5; slot++) post(driver, slot, 14, 0, 0, 0, 0)
    expect(device.availableCount()).toBe(0)
    const before = hal.barriers
    expect(driver.publish()).toBe(true)
    expect(hal.barriers).toBe(before + 1)
    expect(device.availableCount()).toBe(5)
    expect(notifications()).toBe(1)
  })

  it('without EVENT_IDX notifies unless the device says no (§2.7.10)', () => {
    const { driver, device } = createQueue({ eventIndex: false })
    device.wantNotifications(false)
    post(driver, 0, 14, 0, 0, 0, 0)
    expect(driver.publish()).toBe(false)
    device.wantNotifications(true)
    post(driver, 1, 14, 0, 0, 0, 0)
    expect(driver.publish()).toBe(true)
  })

  it('with EVENT_IDX notifies only when the asked-for index is passed, across the wrap (§2.7.10.1)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffff }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: -20, max: 20 }),
        (start, count, distance) => {
          const { driver, hal, notifications } = createQueue({ wantedSlots: 8 })
          Object.assign(driver, { availableIndex: start, publishedIndex: start })
          const event = (start + distance) & 0xffff
          const used = hal.resolveDma(driver.addresses.usedRing, 6 + 8 * 8)
          new DataView(used.buffer, used.byteOffset).setUint16(4 + 8 * 8, event, true)
          for (let slot = 0; slot < count; slot++) post(driver, slot, 14, 0, 0, 0, 0)
          // "passed": one of the new entries is number `event`.
          const wanted = distance >= 0 && distance < count
          expect(driver.publish()).toBe(wanted)
          expect(notifications()).toBe(wanted ? 1 : 0)
        },
      ),
    )
  })
})

describe('interrupts', () => {
  it.each([
    [true, 'EVENT_IDX'],
    [false, 'flags'],
  ])('are asked for again and again, and not otherwise (%s)', (eventIndex) => {
    const { driver, device } = createQueue({ eventIndex })
    const complete = () => {
      post(driver, 0, 14, 0, 0, 0, 0)
      driver.publish()
      device.giveBack(device.take()!, 0)
      return device.publish()
    }
    expect(complete()).toBe(false)
    expect(takeOne(driver).slot).toBe(0)
    for (let round = 0; round < 3; round++) {
      expect(driver.armInterrupts(0)).toBe(true)
      expect(complete()).toBe(true)
      driver.disarmInterrupts()
      expect(takeOne(driver).slot).toBe(0)
      expect(complete()).toBe(false)
      expect(takeOne(driver).slot).toBe(0)
    }
  })

  it('are not relied on when a buffer came back before they were armed (§2.7.7)', () => {
    const { driver, device } = createQueue()
    post(driver, 0, 14, 0, 0, 0, 0)
    driver.publish()
    device.giveBack(device.take()!, 0)
    device.publish()
    expect(driver.armInterrupts(0)).toBe(false)
  })

  it('can wait for several buffers', () => {
    const { driver, device } = createQueue()
    for (let slot = 0; slot < 4; slot++) post(driver, slot, 14, 0, 0, 0, 0)
    driver.publish()
    expect(driver.armInterrupts(2)).toBe(true)
    const wanted = []
    for (let i = 0; i < 4; i++) {
      device.giveBack(device.take()!, 0)
      wanted.push(device.publish())
    }
    expect(wanted).toEqual([false, false, true, false])
  })
})

describe('take', () => {
  it('takes what is there at once, from the given place on', () => {
    const { driver, device } = createQueue()
    for (let slot = 0; slot < 5; slot++) post(driver, slot, 14, 0, 0, 0, 0)
    driver.publish()
    const chains = [device.take()!, device.take()!, device.take()!]
    for (const chain of chains.reverse()) device.giveBack(chain, 0)
    device.publish()
    const target = new Uint16Array(8).fill(99)
    expect(driver.take(target, new Uint32Array(8), 2)).toBe(3)
    expect([...target]).toEqual([99, 99, 2, 1, 0, 99, 99, 99])
    expect(driver.outstanding).toBe(2)
    expect(driver.take(target, new Uint32Array(8), 2)).toBe(0)
    expect(driver.lie).toBe('')
  })

  it.each([8, 0xffffffff, 7])('stops at identifier %i, which cannot be (V1, V2)', (id) => {
    const { driver, device } = createQueue()
    for (let slot = 0; slot < 3; slot++) post(driver, slot, 14, 0, 0, 0, 0)
    driver.publish()
    device.writeUsed(0, 1, 0)
    device.writeUsed(1, id, 0)
    device.usedIndex = 2
    device.publish()
    const target = new Uint16Array(8)
    expect(driver.take(target, new Uint32Array(8), 0)).toBe(1)
    expect(driver.lie).toBe('usedIdentifier')
    expect(driver.take(target, new Uint32Array(8), 1)).toBe(0)
  })

  it('takes nothing when the used index jumps (V5)', () => {
    const { driver, device } = createQueue()
    post(driver, 0, 14, 0, 0, 0, 0)
    driver.publish()
    device.usedIndex = 2
    device.publish()
    expect(driver.take(new Uint16Array(8), new Uint32Array(8), 0)).toBe(0)
    expect(driver.lie).toBe('usedIndex')
  })
})

describe('take refuses', () => {
  function lieAfterOne(lie: (device: FakeVirtqueue, chain: Chain) => void) {
    const { driver, device } = createQueue()
    post(driver, 3, 14, 0, 0, 0, 0)
    driver.publish()
    lie(device, device.take()!)
    device.publish()
    return driver
  }

  it.each([8, 9, 0xffffffff, 0x80000000])('identifier %i, beyond the queue (V1)', (id) => {
    const driver = lieAfterOne((device) => {
      device.writeUsed(0, id, 0)
      device.usedIndex = 1
    })
    expect(takeOne(driver).slot).toBe(LIE)
    expect(driver.lie).toBe('usedIdentifier')
  })

  it('an identifier that is not outstanding (V2)', () => {
    const driver = lieAfterOne((device) => {
      device.writeUsed(0, 5, 0)
      device.usedIndex = 1
    })
    expect(takeOne(driver).slot).toBe(LIE)
  })

  it('the same identifier twice (V2)', () => {
    const { driver, device } = createQueue()
    post(driver, 3, 14, 0, 0, 0, 0)
    post(driver, 4, 14, 0, 0, 0, 0)
    driver.publish()
    device.writeUsed(0, 3, 0)
    device.writeUsed(1, 3, 0)
    device.usedIndex = 2
    device.publish()
    expect(takeOne(driver).slot).toBe(3)
    expect(takeOne(driver).slot).toBe(LIE)
  })

  it.each([2, 9, 0x8000, 0xffff])('a used index that jumps or goes back to %i (V5)', (index) => {
    const driver = lieAfterOne((device) => {
      device.usedIndex = index
    })
    expect(takeOne(driver).slot).toBe(LIE)
    expect(driver.lie).toBe('usedIndex')
  })

  it('a head in the middle of a direct chain', () => {
    const { driver, device, base } = createQueue({ indirect: false })
    post(driver, 0, 14, base + 512, 10, 0, 0)
    driver.publish()
    device.writeUsed(0, 1, 0)
    device.usedIndex = 1
    device.publish()
    expect(takeOne(driver).slot).toBe(LIE)
  })

  it('nothing of what the device writes into descriptors (V8)', () => {
    const { driver, device, hal, base } = createQueue({ chained: false, indirect: false })
    driver.add(Uint16Array.of(0, 1, 2, 3, 4, 5, 6, 7), 0, 8)
    driver.publish()
    hal.resolveDma(driver.addresses.descriptorTable, 128).fill(0xff)
    device.writeUsed(0, 2, 12)
    device.usedIndex = 1
    device.publish()
    expect(takeOne(driver)).toEqual({ slot: 2, lengthBytes: 12 })
    expect(base).toBeGreaterThan(0)
  })
})

describe('reset', () => {
  it('starts from nothing, with nothing outstanding', () => {
    const { driver, device } = createQueue()
    for (let slot = 0; slot < 5; slot++) post(driver, slot, 14, 0, 0, 0, 0)
    driver.publish()
    device.giveBack(device.take()!, 0)
    device.publish()
    driver.reset()
    expect(driver.outstanding).toBe(0)
    expect(takeOne(driver).slot).toBe(NOTHING)
    expect(driver.publish()).toBe(false)
  })
})
