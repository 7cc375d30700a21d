/** What is particular to the split format: the available and the used ring (virtio 1.4 §2.7). */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createQueue, LIE, lieAfterOne, post, takeOne } from '../../../support/virtqueue-pair.ts'

const format = 'split'

describe('the upper half of an address', () => {
  it('does not stay behind for a later one below 2 GiB', () => {
    const { driver, hal } = createQueue({ format, indirect: false })
    const table = hal.resolveDma(driver.addresses.descriptorArea, 48)
    const second = new DataView(table.buffer, table.byteOffset + 16)
    post(driver, 0, 14, 0x1_2345_6000, 10, 0, 0)
    expect(second.getBigUint64(0, true)).toBe(0x1_2345_6000n)
    post(driver, 0, 14, 0x1000, 10, 0, 0)
    expect(second.getBigUint64(0, true)).toBe(0x1000n)
  })
})

describe('publish', () => {
  it('with EVENT_IDX notifies only when the asked-for index is passed, across the wrap (§2.7.10.1)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffff }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: -20, max: 20 }),
        (start, count, distance) => {
          const { driver, hal, notifications } = createQueue({ format, wantedSlots: 8 })
          Object.assign(driver, { availableIndex: start, publishedIndex: start })
          const event = (start + distance) & 0xffff
          const used = hal.resolveDma(driver.addresses.deviceArea, 6 + 8 * 8)
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

describe('take refuses', () => {
  it.each([2, 9, 0x8000, 0xffff])('a used index that jumps or goes back to %i (V5)', (index) => {
    const driver = lieAfterOne(format, (device) => {
      device.usedIndex = index
    })
    expect(takeOne(driver).slot).toBe(LIE)
    expect(driver.violation).toBe('usedIndex')
  })

  it('a head in the middle of a direct chain', () => {
    const { driver, device, base } = createQueue({ format, indirect: false })
    post(driver, 0, 14, base + 512, 10, 0, 0)
    driver.publish()
    device.writeUsed(0, 1, 0)
    device.usedIndex = 1
    device.publish()
    expect(takeOne(driver).slot).toBe(LIE)
  })

  it('nothing of what the device writes into descriptors (V8)', () => {
    const { driver, device, hal, base } = createQueue({ format, chained: false, indirect: false })
    driver.add(Uint16Array.of(0, 1, 2, 3, 4, 5, 6, 7), 0, 8)
    driver.publish()
    hal.resolveDma(driver.addresses.descriptorArea, 128).fill(0xff)
    device.writeUsed(0, 2, 12)
    device.usedIndex = 1
    device.publish()
    expect(takeOne(driver)).toEqual({ slot: 2, lengthBytes: 12 })
    expect(base).toBeGreaterThan(0)
  })
})
