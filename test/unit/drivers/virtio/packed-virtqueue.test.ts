/**
 * What is particular to the packed format: wrap counters, sizes of any kind, event suppression
 * (virtio 1.4 §2.8).
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Chain } from '../../../fakes/fake-virtqueue.ts'
import { createQueue, post } from '../../../support/virtqueue-pair.ts'

const format = 'packed'
const EVENTS_AT_DESCRIPTOR = 2
const WRAP = 0x8000

describe('a ring', () => {
  it.each([
    [7, true],
    [96, true],
    [7, false],
    [10, false],
  ])('of %i descriptors wraps with lists across its end (indirect: %s)', (size, indirect) => {
    const { driver, device, base } = createQueue({ format, size, indirect, wantedSlots: 64 })
    const free = Array.from({ length: driver.slotCount }, (_, slot) => slot)
    const held: Chain[] = []
    for (let round = 0; round < 5 * size; round++) {
      const slot = free.shift()!
      const parts = 1 + (round % 3)
      post(driver, slot, 5, base + 512, parts > 1 ? 7 : 0, base + 600, parts > 2 ? 9 : 0)
      driver.publish()
      const chain = device.take()!
      expect(chain.head).toBe(slot)
      expect(chain.parts).toHaveLength(parts)
      held.push(chain)
      if (held.length < driver.slotCount) continue
      // The last comes back first.
      for (const done of held.splice(0).reverse()) device.giveBack(done, done.head)
      device.publish()
      const slots = new Uint16Array(64)
      const lengths = new Uint32Array(64)
      const count = driver.take(slots, lengths, 0)
      expect(count).toBe(driver.slotCount)
      expect([...lengths.subarray(0, count)]).toEqual([...slots.subarray(0, count)])
      free.push(...slots.subarray(0, count))
    }
    expect(driver.violation).toBe('')
  })

  it('shows the first descriptor of a batch last: until then nothing is available (§2.8.6)', () => {
    const { driver, device, base } = createQueue({ format, indirect: false, size: 16 })
    post(driver, 0, 10, base + 512, 20, 0, 0)
    post(driver, 1, 10, base + 512, 20, base + 600, 5)
    expect(device.availableCount()).toBe(0)
    expect(driver.unpublished).toBe(2)
    driver.publish()
    expect(device.availableCount()).toBe(2)
    expect(driver.unpublished).toBe(0)
    expect(driver.outstanding).toBe(2)
  })
})

describe('publish', () => {
  it('with EVENT_IDX notifies only when the asked-for descriptor is passed, across the wrap (§2.8.10)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 15 }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: -7, max: 8 }),
        (start, count, distance) => {
          const size = 8
          const { driver, hal, device, notifications } = createQueue({ format, size })
          // Two rounds of the ring, so that both wrap counters are met.
          for (let i = 0; i < start; i++) {
            post(driver, 0, 14, 0, 0, 0, 0)
            driver.publish()
            device.giveBack(device.take()!, 0)
            device.publish()
            driver.take(new Uint16Array(8), new Uint32Array(8), 0)
          }
          const position = (start + distance + 2 * size) % size
          const isFirstRound = Math.floor((start + distance + 2 * size) / size) % 2 === 0
          const events = hal.resolveDma(driver.addresses.deviceArea, 4)
          const view = new DataView(events.buffer, events.byteOffset)
          view.setUint16(0, position | (isFirstRound ? WRAP : 0), true)
          view.setUint16(2, EVENTS_AT_DESCRIPTOR, true)
          const before = notifications()
          for (let slot = 0; slot < count; slot++) post(driver, slot, 14, 0, 0, 0, 0)
          const wanted = distance >= 0 && distance < count
          expect(driver.publish()).toBe(wanted)
          expect(notifications() - before).toBe(wanted ? 1 : 0)
        },
      ),
      { numRuns: 500 },
    )
  })
})
