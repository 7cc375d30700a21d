/** fw_cfg as QEMU's docs/specs/fw_cfg has it: found by its signature, listed, read by DMA. */
import { describe, expect, it } from 'vitest'
import { ConfigurationDevice } from '../../../../drivers/firmware/configuration-device.ts'
import {
  FakeConfigurationDevice,
  type FakeConfigurationOptions,
} from '../../../fakes/fake-configuration-device.ts'
import { FakeHal } from '../../../fakes/fake-hal.ts'

const LARGE = Uint8Array.from({ length: 10_000 }, (_, at) => at % 251)
const FILES = {
  'etc/acpi/rsdp': new Uint8Array(20),
  'opt/eremite/env': new TextEncoder().encode('A=b\n'),
  'opt/eremite/files/large': LARGE,
  'opt/eremite/files/none': new Uint8Array(0),
}

function machine(options?: FakeConfigurationOptions) {
  const hal = new FakeHal()
  const device = new FakeConfigurationDevice(hal, FILES, options)
  return { hal, device }
}

describe('ConfigurationDevice', () => {
  it('lists files, reads those of many pieces and of none, and again', () => {
    const { hal } = machine()
    const device = ConfigurationDevice.open(hal)!
    expect(device.names('opt/eremite/files/')).toEqual(Object.keys(FILES).slice(2))
    expect(device.lengthOf('opt/eremite/files/large')).toBe(10_000)
    for (let round = 0; round < 2; round++) {
      expect(device.read('opt/eremite/files/large')).toEqual(LARGE)
      expect(device.read('opt/eremite/env')).toEqual(FILES['opt/eremite/env'])
    }
    expect(device.read('opt/eremite/files/none')).toEqual(new Uint8Array(0))
    expect(device.read('opt/other')).toBeUndefined()
    expect(device.lengthOf('opt/other')).toBeUndefined()
  })

  it('is absent where nothing answers, and without DMA', () => {
    expect(ConfigurationDevice.open(new FakeHal())).toBeNull()
    const { hal, device } = machine({ hasDma: false })
    expect(ConfigurationDevice.open(hal)).toBeNull()
    expect(device.transfers).toBe(0)
  })

  it('says so when the device refuses, or does not answer within a second', () => {
    expect(() => ConfigurationDevice.open(machine({ refuses: true }).hal)).toThrow(/it refuses/)
    expect(() => ConfigurationDevice.open(machine({ isSilent: true }).hal)).toThrow(/no answer/)
  })
})
