/**
 * What every virtqueue promises, split or packed, against a strict device side (virtio 1.4 §2.7,
 * §2.8).
 */
import { describe, expect, it } from 'vitest'
import type { Chain } from '../../../fakes/fake-virtqueue.ts'
import {
  createQueue,
  inARow,
  LIE,
  lieAfterOne,
  NOTHING,
  post,
  RING_FORMATS,
  shapeOf,
  takeOne,
} from '../../../support/virtqueue-pair.ts'

describe.each(RING_FORMATS)('a %s virtqueue:', (format) => {
  describe.each([
    ['indirect', true],
    ['direct', false],
  ])('a chain with %s descriptors', (_name, indirect) => {
    it('has one, two or three readable parts', () => {
      const { driver, device, base } = createQueue({ format, indirect, size: 16, wantedSlots: 16 })
      const stride = driver.slotStride
      post(driver, 0, 10, 0, 0, 0, 0)
      post(driver, stride, 20, base + 1000, 500, 0, 0)
      post(driver, 2 * stride, 30, base + 1000, 500, base + 2000, 600)
      driver.publish()
      const chains = [device.take(), device.take(), device.take()]
      expect(chains.map((it) => shapeOf(it, base))).toEqual([
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
      const { driver, device, base } = createQueue({ format, indirect })
      const lengths = [3, 1, 2, 3, 2, 1, 1, 3]
      for (const count of lengths) {
        post(driver, 0, 5, base + 512, count > 1 ? 7 : 0, base + 1024, count > 2 ? 9 : 0)
        driver.publish()
        const chain = device.take()!
        expect(chain.parts).toHaveLength(count)
        expect(shapeOf(chain, base)[0]).toEqual([0, 5, false])
        device.giveBack(chain, 0)
        device.publish()
        expect(takeOne(driver).slot).toBe(0)
      }
    })

    it.each([
      ['low', 0x100_0000],
      ['above 4 GiB', 0x1_4000_0000],
    ])('of a series in %s memory has the next range, whatever it had before', (_place, arena) => {
      const options = { format, indirect, size: 32, wantedSlots: 8 }
      const { driver, device, base } = createQueue({ ...options, arenaPhysicalAddress: arena })
      const slots = Uint16Array.from([3, 0, 5, 1, 2], (slot) => slot * driver.slotStride)
      for (const ranges of [0, 1, 2, 1]) {
        for (const slot of slots) {
          const second = ranges > 1 ? 9 : 0
          driver.describe(slot, 5, base + 512, ranges > 0 ? 7 : 0, base + 1024, second)
        }
        driver.describeSeries(slots, 1, 4, 20, inARow(base + 600, 100, 3))
        driver.add(slots, 1, 4)
        driver.publish()
        for (const at of [600, 700, 800]) {
          const chain = device.take()!
          expect(shapeOf(chain, base).map(([, length]) => length)).toEqual([20, 100])
          expect(shapeOf(chain, base)[1]![0]).toBe(at)
          device.giveBack(chain, 0)
        }
        device.publish()
        expect(driver.take(new Uint16Array(8), new Uint32Array(8), 0)).toBe(3)
        expect(driver.violation).toBe('')
      }
    })

    it.each([
      ['low', 0x100_0000],
      ['above 4 GiB', 0x1_4000_0000],
    ])('of a series in %s memory begins anew behind the last range of a lap', (_place, arena) => {
      const options = { format, indirect, size: 32, wantedSlots: 8 }
      const { driver, device, base } = createQueue({ ...options, arenaPhysicalAddress: arena })
      const slots = Uint16Array.from([3, 0, 5, 1, 2, 7], (slot) => slot * driver.slotStride)
      for (const [place, lap] of [
        [2, 3],
        [0, 1],
        [1, 9],
      ] as const) {
        const ranges = { address: base + 600, length: 100, place, lap }
        driver.describeSeries(slots, 0, 6, 20, ranges)
        driver.add(slots, 0, 6)
        driver.publish()
        for (let index = 0; index < 6; index++) {
          const chain = device.take()!
          const at = 600 + 100 * ((place + index) % lap)
          expect(shapeOf(chain, base)[1]).toEqual([at, 100, false])
          device.giveBack(chain, 0)
        }
        device.publish()
        expect(driver.take(new Uint16Array(8), new Uint32Array(8), 0)).toBe(6)
      }
    })

    it('has as many slots as descriptors allow', () => {
      expect(createQueue({ format, indirect, size: 256, wantedSlots: 256 }).driver.slotCount).toBe(
        indirect ? 256 : 85,
      )
      expect(createQueue({ format, indirect, size: 256, wantedSlots: 10 }).driver.slotCount).toBe(
        10,
      )
    })

    it('runs past 65536 without a fault, in any order of completion (P10)', () => {
      const { driver, device, base } = createQueue({ format, indirect, size: 16, wantedSlots: 16 })
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
          post(
            driver,
            free.pop()!,
            14 + next(50),
            base + 512,
            next(2) * 40,
            base + 600,
            next(2) * 9,
          )
        }
        driver.publish()
        for (let chain = device.take(); chain !== null; chain = device.take()) held.push(chain)
        for (let i = next(5); i > 0 && held.length > 0; i--) {
          device.giveBack(held.splice(next(held.length), 1)[0]!, 0)
        }
        device.publish()
        const slots = new Uint16Array(16)
        const count = driver.take(slots, new Uint32Array(16), 0)
        expect(driver.violation).toBe('')
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
        const { hal, driver, device } = createQueue({
          format,
          indirect,
          wantedSlots: 1,
          arenaPhysicalAddress: 0xfff8_0000,
        })
        const memory = hal.allocateDma((1 << 20) - 16_384, 4096)
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

  describe('a series', () => {
    it.each([true, false])('may pass 4 GiB, and be above (indirect: %s)', (indirect) => {
      const { hal, driver, device } = createQueue({
        ...{ format, indirect, size: 16, wantedSlots: 5 },
        arenaPhysicalAddress: 0xfff8_0000,
      })
      const memory = hal.allocateDma((1 << 20) - 16_384, 4096)
      const slots = Uint16Array.from([0, 1, 2, 3], (slot) => slot * driver.slotStride)
      for (const start of [4096, 0x7_ff00 - 0x5000, 0xf_0000, 4096]) {
        const address = memory.physicalAddress + start
        driver.describeSeries(slots, 0, 4, 14, inARow(address, 0x1800, 4))
        driver.add(slots, 0, 4)
        driver.publish()
        for (let index = 0; index < 4; index++) {
          const chain = device.take()!
          expect(chain.parts[1]!.physicalAddress).toBe(address + index * 0x1800)
          device.giveBack(chain, 0)
        }
        device.publish()
        expect(driver.take(new Uint16Array(8), new Uint32Array(8), 0)).toBe(4)
      }
      expect(memory.physicalAddress + 0xf_0000).toBeGreaterThan(0x1_0000_0000)
    })
  })

  describe('publish', () => {
    it('is nothing without new chains', () => {
      const { driver, hal, notifications } = createQueue({ format })
      const before = hal.barriers
      expect(driver.publish()).toBe(false)
      expect(hal.barriers).toBe(before)
      expect(notifications()).toBe(0)
    })

    it('shows a whole batch with one barrier and one notification', () => {
      const { driver, device, hal, notifications } = createQueue({ format })
      for (let slot = 0; slot < 5; slot++) post(driver, slot, 14, 0, 0, 0, 0)
      expect(device.availableCount()).toBe(0)
      const before = hal.barriers
      expect(driver.publish()).toBe(true)
      expect(hal.barriers).toBe(before + 1)
      expect(device.availableCount()).toBe(5)
      expect(notifications()).toBe(1)
    })

    it('without EVENT_IDX notifies unless the device says no (§2.7.10)', () => {
      const { driver, device } = createQueue({ format, eventIndex: false })
      device.wantNotifications(false)
      post(driver, 0, 14, 0, 0, 0, 0)
      expect(driver.publish()).toBe(false)
      device.wantNotifications(true)
      post(driver, 1, 14, 0, 0, 0, 0)
      expect(driver.publish()).toBe(true)
    })
  })

  describe('interrupts', () => {
    it.each([
      [true, 'EVENT_IDX'],
      [false, 'flags'],
    ])('are asked for again and again, and not otherwise (%s)', (eventIndex) => {
      const { driver, device } = createQueue({ format, eventIndex })
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
      const { driver, device } = createQueue({ format })
      post(driver, 0, 14, 0, 0, 0, 0)
      driver.publish()
      device.giveBack(device.take()!, 0)
      device.publish()
      expect(driver.armInterrupts(0)).toBe(false)
    })

    it('can be done without: the watched word changes when the device gives a buffer back, and not before', () => {
      const { hal, driver, device } = createQueue({ format, size: 16, wantedSlots: 16 })
      let word = { address: 0, mask: 0, value: 0 }
      const isChanged = (): boolean => {
        const [low, high] = hal.resolveDma(word.address, 2)
        return (((high! << 8) | low!) & word.mask) !== word.value
      }
      for (let slot = 0; slot < 3; slot++) post(driver, slot * driver.slotStride, 14, 0, 0, 0, 0)
      driver.publish()
      // Twice around the ring, so that both wrap counters are met.
      for (let round = 0; round < 40; round++) {
        word = driver.watchUsed()
        expect(isChanged(), `round ${round}`).toBe(false)
        device.giveBack(device.take()!, 0)
        device.publish()
        expect(isChanged(), `round ${round}`).toBe(true)
        post(driver, takeOne(driver).slot, 14, 0, 0, 0, 0)
        driver.publish()
      }
    })

    it('can wait for several buffers', () => {
      const { driver, device } = createQueue({ format })
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
      const { driver, device } = createQueue({ format })
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
      expect(driver.violation).toBe('')
    })

    it.each([8, 0xffffffff, 7])('stops at identifier %i, which cannot be (V1, V2)', (id) => {
      const { driver, device } = createQueue({ format })
      for (let slot = 0; slot < 3; slot++) post(driver, slot, 14, 0, 0, 0, 0)
      driver.publish()
      device.giveBackAs(1, 0)
      device.giveBackAs(id, 0)
      device.publish()
      const target = new Uint16Array(8)
      expect(driver.take(target, new Uint32Array(8), 0)).toBe(1)
      expect(driver.violation).toBe('usedIdentifier')
      expect(driver.take(target, new Uint32Array(8), 1)).toBe(0)
    })
  })

  describe('take refuses', () => {
    it.each([8, 9, 0xffffffff, 0x80000000])('identifier %i, beyond the queue (V1)', (id) => {
      const driver = lieAfterOne(format, (device) => device.giveBackAs(id, 0))
      expect(takeOne(driver).slot).toBe(LIE)
      expect(driver.violation).toBe('usedIdentifier')
    })

    it('an identifier that is not outstanding (V2)', () => {
      const driver = lieAfterOne(format, (device) => device.giveBackAs(5, 0))
      expect(takeOne(driver).slot).toBe(LIE)
    })

    it('the same identifier twice (V2)', () => {
      const { driver, device } = createQueue({ format })
      post(driver, 3, 14, 0, 0, 0, 0)
      post(driver, 4, 14, 0, 0, 0, 0)
      driver.publish()
      device.giveBackAs(3, 0)
      device.giveBackAs(3, 0)
      device.publish()
      expect(takeOne(driver).slot).toBe(3)
      expect(takeOne(driver).slot).toBe(LIE)
    })
  })

  describe('reset', () => {
    it.each([true, false])('writes anew what a device has spoiled (indirect: %s)', (indirect) => {
      const { driver, device, hal, base, start } = createQueue({ format, indirect })
      post(driver, 0, 14, base + 512, 10, base + 600, 20)
      driver.publish()
      device.take()
      const { descriptorArea } = driver.addresses
      // Descriptors, event suppression and indirect tables.
      hal.resolveDma(descriptorArea, base - descriptorArea).fill(0xee)
      start()
      post(driver, 0, 14, base + 512, 10, base + 600, 20)
      driver.publish()
      expect(shapeOf(device.take(), base)).toEqual([
        [0, 14, false],
        [512, 10, false],
        [600, 20, false],
      ])
    })

    it('starts from nothing, with nothing outstanding', () => {
      const { driver, device } = createQueue({ format })
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
})
