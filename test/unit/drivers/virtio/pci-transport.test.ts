/**
 * Finding the structures of a virtio PCI function, modern and transitional, and hostile capability
 * lists (virtio 1.4 §4.1.4).
 */
import { describe, expect, it } from 'vitest'
import { openNet } from '../../../fakes/open-devices.ts'

type Capabilities = { id: number; body: number[] }[]

/**
 * Body offsets, after id and next pointer: length 0, type 1, bar 2, offset 6, structure length 10.
 */
function vendorCapability(list: Capabilities, type: number) {
  return list.find((it) => it.id === 9 && it.body[1] === type)!
}

describe('PciTransport', () => {
  it.each([
    ['modern', false, 0x1041],
    ['transitional', true, 0x1000],
  ])('drives a %s device', (_name, transitional, deviceId) => {
    const { net } = openNet({ transitional })
    expect(net.describe()).toMatchObject({ deviceId, vendorId: 0x1af4, pciAddress: '0000:00:02.0' })
  })

  it.each(['seabios', 'qboot', 'microvm'] as const)('works as %s leaves it', (firmware) => {
    for (const behindBridge of [false, true]) {
      const { net, device } = openNet({ firmware, behindBridge })
      expect(net.link.isUp).toBe(true)
      expect(net.describe().pciAddress).toBe(behindBridge ? '0000:01:00.0' : '0000:00:02.0')
      expect(device.pciFunction.isBusMaster).toBe(true)
    }
  })

  it('switches the interrupt line off while it uses MSI-X, and on without', () => {
    expect(openNet().device.pciFunction.command & 0x400).toBe(0x400)
    expect(openNet({ vectors: 0 }).device.pciFunction.command & 0x400).toBe(0)
  })

  it('takes the first usable structure of each type and skips the others (§4.1.4.1)', () => {
    const editCapabilities = (list: Capabilities) => {
      const common = vendorCapability(list, 1)
      const wrongBar = { id: 9, body: [...common.body] }
      wrongBar.body[2] = 6
      const missingBar = { id: 9, body: [...common.body] }
      missingBar.body[2] = 2
      const tooShort = { id: 9, body: [...common.body] }
      tooShort.body[0] = 12
      const beyondBar = { id: 9, body: [...common.body] }
      beyondBar.body.splice(6, 4, 0, 0x3f, 0, 0)
      const misaligned = { id: 9, body: [...common.body] }
      misaligned.body[6] = 2
      const reserved = { id: 9, body: [...common.body] }
      reserved.body[1] = 8
      list.unshift(wrongBar, missingBar, tooShort, beyondBar, misaligned, reserved)
      // The MSI-X capability must stay first for the fake.
      list.unshift(
        ...list.splice(
          list.findIndex((it) => it.id === 0x11),
          1,
        ),
      )
    }
    expect(openNet({ editCapabilities }).net.link.isUp).toBe(true)
  })

  it('accepts longer capabilities and structures than it knows', () => {
    const editCapabilities = (list: Capabilities) => {
      const isr = vendorCapability(list, 3)
      isr.body[0] = 24
      isr.body.push(1, 2, 3, 4, 5, 6, 7, 8)
    }
    expect(openNet({ editCapabilities }).net.link.isUp).toBe(true)
  })

  it.each([
    ['common', 1],
    ['notification', 2],
    ['ISR', 3],
  ])('refuses a device without a %s structure', (name, type) => {
    const editCapabilities = (list: Capabilities) => {
      list.splice(list.indexOf(vendorCapability(list, type)), 1)
    }
    expect(() => openNet({ editCapabilities })).toThrow(`no usable ${name} structure`)
  })

  it.each([
    ['a range beyond its BAR (V10)', [0, 0x3f, 0, 0, 0, 0x10, 0, 0]],
    ['a range that wraps around (V10)', [0xfc, 0xff, 0xff, 0xff, 0, 0x10, 0, 0]],
    ['a length of 0', [0, 0, 0, 0, 0, 0, 0, 0]],
    ['less than the registers it must have', [0, 0, 0, 0, 55, 0, 0, 0]],
  ])('refuses a common structure with %s', (_name, range) => {
    const editCapabilities = (list: Capabilities) => {
      vendorCapability(list, 1).body.splice(6, 8, ...range)
    }
    expect(() => openNet({ editCapabilities })).toThrow('no usable common structure')
  })

  it('refuses a notification address outside its structure', () => {
    const editCapabilities = (list: Capabilities) => {
      vendorCapability(list, 2).body.splice(10, 4, 4, 0, 0, 0)
    }
    expect(() => openNet({ editCapabilities })).toThrow('Cannot notify queue 1')
  })

  it('refuses to read configuration that is not there', () => {
    const editCapabilities = (list: Capabilities) => {
      vendorCapability(list, 4).body.splice(10, 4, 4, 0, 0, 0)
    }
    expect(() => openNet({ editCapabilities })).toThrow('Cannot read configuration byte')
  })

  it('goes without MSI-X when its table leaves the BAR', () => {
    const editCapabilities = (list: Capabilities) => {
      list.find((it) => it.id === 0x11)!.body.splice(2, 4, 0xf1, 0x0f, 0, 0)
    }
    expect(openNet({ editCapabilities }).net.describe().interruptMode).toBe('intx')
  })
})
