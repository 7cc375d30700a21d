/**
 * The watchdog of the machine acts when, and only when, the loop has not come around for as long as
 * it may.
 */
import { expect, it } from 'vitest'
import { openPciBus } from '../../../../drivers/pci/pci-bus.ts'
import { Watchdog } from '../../../../drivers/watchdog/i6300esb.ts'
import { TimerQueue } from '../../../../kernel/timer-queue.ts'
import { startWatchdog } from '../../../../kernel/watchdog-timer.ts'
import { createFakeMachine } from '../../../fakes/fake-machine.ts'
import { FakePciFunction } from '../../../fakes/fake-pci.ts'
import { FakeWatchdog } from '../../../fakes/fake-watchdog.ts'

function machine() {
  const { hal, host } = createFakeMachine()
  const device = new FakeWatchdog(host, 6)
  return { device, bus: openPciBus(hal, hal.mapRegisters) }
}

it('acts after its limit and not before, and each feeding begins it anew', () => {
  const { device, bus } = machine()
  const watchdog = Watchdog.find(bus)!
  watchdog.start(30)
  for (let round = 0; round < 5; round++) {
    device.pass(29.9)
    watchdog.feed()
  }
  expect(device.actions).toBe(0)
  device.pass(30.1)
  expect(device.actions).toBe(1)
})

it('takes up to 600 s', () => {
  const { device, bus } = machine()
  Watchdog.find(bus)!.start(600)
  device.pass(599.9)
  expect(device.actions).toBe(0)
  device.pass(0.2)
  expect(device.actions).toBe(1)
})

it('is absent on a machine without', () => {
  const { hal } = createFakeMachine()
  expect(Watchdog.find(openPciBus(hal, hal.mapRegisters))).toBeNull()
})

it('is left alone where there was no room for its registers: what is at 0 is not its own', () => {
  const { hal, host } = createFakeMachine()
  // What firmware has left of PCI's memory ends with this one.
  host.add(
    new FakePciFunction({
      ...{ vendorId: 0x1234, deviceId: 0x1111, classCode: 0x030000 },
      bars: [{ index: 0, sizeBytes: 0x80000 }],
    }),
    5,
  )
  new FakeWatchdog(host, 6)
  const bus = openPciBus(hal, hal.mapRegisters)
  const pciFunction = bus.functions.find(({ device }) => device === 6)!
  expect(pciFunction.memoryBars()[0]!.physicalAddress).toBe(0)
  expect(Watchdog.find(bus)).toBeNull()
})

it('is fed by timers, which run as long as the loop does', () => {
  const { device, bus } = machine()
  const timers = new TimerQueue()
  let nowS = 0
  startWatchdog(Watchdog.find(bus)!, timers, () => nowS * 1e9, 2)
  for (; nowS < 20; nowS += 0.1) {
    timers.runDue(nowS * 1e9, 64)
    device.pass(0.1)
  }
  expect(device.actions).toBe(0)
  device.pass(2.1)
  expect(device.actions).toBe(1)
})
