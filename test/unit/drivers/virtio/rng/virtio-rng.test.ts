/** The entropy device: bounded waits, lies, modern and transitional (virtio 1.4 §5.4). */
import { describe, expect, it } from 'vitest'
import { createFakeMachine } from '../../../../fakes/fake-machine.ts'
import type { FakeVirtioRngOptions } from '../../../../fakes/fake-virtio-rng.ts'
import { openRng } from '../../../../fakes/open-devices.ts'

function open(rng: FakeVirtioRngOptions = {}) {
  const machine = createFakeMachine({ rng })
  return { machine, device: machine.rng!, driver: openRng(machine) }
}

/** What the fake hands out: 1, 2, 3, … */
function counting(length: number): number[] {
  return Array.from({ length }, (_, i) => (i + 1) & 0xff)
}

describe('VirtioRng', () => {
  it('fills any length, request by request', () => {
    const { driver, device } = open()
    const target = new Uint8Array(150)
    expect(driver.fill(target)).toBe(true)
    expect([...target]).toEqual(counting(150))
    expect(device.requests).toBe(3)
  })

  it('goes on where a device gives less than asked (§5.4.6.2)', () => {
    const { driver } = open({ lengthFor: () => 7 })
    const target = new Uint8Array(20)
    expect(driver.fill(target)).toBe(true)
    expect([...target]).toEqual([...counting(14), ...counting(21).slice(14, 20)])
  })

  it('accepts VERSION_1 and nothing that needs interrupts', () => {
    const { device } = open()
    expect(device.driverFeatures).toBe(1n << 32n)
    expect(device.statusWrites).toEqual([0, 1, 3, 11, 15])
  })

  it('drives a transitional device', () => {
    expect(open({ transitional: true }).driver.fill(new Uint8Array(8))).toBe(true)
  })

  it('waits a second for a device that does not answer, later a few milliseconds, and rarely', () => {
    const { driver, device, machine } = open({ lengthFor: () => 0 })
    const { hal } = machine
    const elapsedNs = () => {
      const startNs = hal.nowNs
      expect(driver.fill(new Uint8Array(8))).toBe(false)
      return hal.nowNs - startNs
    }
    expect(elapsedNs()).toBeLessThan(2_000_000_000)
    expect(device.status).toBe(0)
    expect(device.pciFunction.isBusMaster).toBe(false)
    // The guest serves by now.
    expect(elapsedNs()).toBeLessThan(50_000_000)
    expect(device.requests).toBe(2)
    for (let i = 0; i < 5; i++) elapsedNs()
    expect(device.requests).toBe(2)
    hal.nowNs += 601e9
    elapsedNs()
    expect(device.requests).toBe(3)
  })

  it('waits five seconds in all for one that gives an octet a time, later 20 ms', () => {
    let perOctetNs = 0.9e9
    const machine = createFakeMachine({
      rng: {
        lengthFor: () => {
          machine.hal.nowNs += perOctetNs
          return 1
        },
      },
    })
    const { hal } = machine
    const fillNs = (driver: ReturnType<typeof openRng>, isFilled: boolean) => {
      const startNs = hal.nowNs
      expect(driver.fill(new Uint8Array(48))).toBe(isFilled)
      return hal.nowNs - startNs
    }
    const slow = openRng(machine)
    expect(fillNs(slow, false)).toBeLessThan(6e9)
    perOctetNs = 0.1e6
    hal.nowNs += 601e9
    expect(fillNs(slow, true)).toBeLessThan(20e6)
    perOctetNs = 5e6
    expect(fillNs(slow, false)).toBeLessThan(30e6)
  })

  it('uses a device again that failed once and has recovered, and says so when it fails', () => {
    let isBroken = true
    const reports: string[] = []
    const machine = createFakeMachine({
      rng: { lengthFor: (wanted) => (isBroken ? wanted + 1 : wanted) },
    })
    const driver = openRng(machine, (message) => reports.push(message))
    expect(driver.fill(new Uint8Array(8))).toBe(false)
    expect(reports).toEqual([
      expect.stringMatching(/0000:00:03.0 does not deliver; .* tries it again/),
    ])
    isBroken = false
    expect(driver.fill(new Uint8Array(100))).toBe(true)
    expect(reports).toHaveLength(1)
  })

  it('gives up a device that claims more than it was given (V3)', () => {
    const { driver } = open({ lengthFor: (wanted) => wanted + 1 })
    expect(driver.fill(new Uint8Array(8))).toBe(false)
  })

  it('throws when the device cannot be brought up', () => {
    expect(() => open({ faults: { refusesFeatures: true } })).toThrow('does not accept')
  })
})
