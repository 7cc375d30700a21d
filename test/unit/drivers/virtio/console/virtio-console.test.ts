/**
 * The console driver: handshake, named ports, who listens, and devices that lie (virtio 1.4 §5.3).
 */
import { describe, expect, it } from 'vitest'
import type { ConsolePort } from '../../../../../drivers/virtio/console/console-port.ts'
import { createFakeMachine } from '../../../../fakes/fake-machine.ts'
import {
  controlMessage,
  type FakeVirtioConsoleOptions,
} from '../../../../fakes/fake-virtio-console.ts'
import { openConsole } from '../../../../fakes/open-devices.ts'

const NAME = 'eremite.pcapng'
const CAPACITY = 4096
const PORT_ADD = 1
const PORT_OPEN = 6
const PORT_NAME = 7

function open(options: FakeVirtioConsoleOptions = { ports: [{ id: 1, name: NAME }] }) {
  const machine = createFakeMachine({ console: options })
  const reports: string[] = []
  const driver = openConsole(machine, (message) => reports.push(message))
  return { machine, device: machine.console!, driver, reports }
}

function openPort(options?: FakeVirtioConsoleOptions) {
  const opened = open(options)
  const port = opened.driver.findPort(NAME)!
  expect(port.open(CAPACITY)).toBe(true)
  return { ...opened, port }
}

function counting(length: number, start = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (start + index) & 0xff)
}

function write(port: ConsolePort, bytes: Uint8Array): boolean {
  return port.write(bytes, 0, bytes.length)
}

describe('VirtioConsole', () => {
  it('accepts MULTIPORT and EVENT_IDX, and brings the status up in order (§3.1.1)', () => {
    const { device } = open()
    expect(device.driverFeatures).toBe((1n << 32n) | (1n << 29n) | 2n)
    expect(device.statusWrites).toEqual([0, 1, 3, 11, 15])
  })

  it('says DEVICE_READY first, then PORT_READY for each port added (§5.3.6.2)', () => {
    const { device, driver } = open({
      ports: [
        { id: 1, name: 'other' },
        { id: 2, name: NAME },
      ],
    })
    expect(driver.findPort(NAME)?.id).toBe(2)
    expect(device.messages).toEqual([
      [0, 0, 1],
      [1, 3, 1],
      [2, 3, 1],
    ])
  })

  it('finds port 0 and the last one too: queues 0, 1, then 4, 5 onwards (§5.3.2)', () => {
    for (const id of [0, 1, 7]) {
      const { device, port } = openPort({ ports: [{ id, name: NAME }], maxPorts: 31 })
      expect(write(port, counting(9))).toBe(true)
      port.flush()
      expect(device.bytesOf(id)).toEqual(counting(9))
    }
  })

  it('answers CONSOLE_PORT with PORT_OPEN 1, as it MUST', () => {
    const { device, driver } = open({ ports: [{ id: 0, name: 'hvc', isConsole: true }] })
    expect(driver.findPort(NAME)).toBeNull()
    expect(device.messages).toContainEqual([0, PORT_OPEN, 1])
  })

  it('drives a transitional device', () => {
    const { driver } = open({ ports: [{ id: 1, name: NAME }], transitional: true })
    expect(driver.findPort(NAME)).not.toBeNull()
  })

  it('is done with a device that has no such port within a tenth of a second', () => {
    const { machine, driver, reports } = open({
      ports: [{ id: 1, name: 'org.qemu.guest_agent.0' }],
    })
    const startNs = machine.hal.nowNs
    expect(driver.findPort(NAME)).toBeNull()
    expect(machine.hal.nowNs - startNs).toBeLessThan(100_000_000)
    expect(driver.failure).toBe('')
    expect(reports).toEqual([])
  })

  it('takes all of 31 ports announced at once, and refuses those beyond its own in one line', () => {
    const ports = Array.from({ length: 31 }, (_, id) => ({ id, name: id === 3 ? NAME : `p${id}` }))
    const { device, driver, reports } = open({ ports, maxPorts: 31 })
    expect(driver.findPort('nobody')).toBeNull()
    expect(driver.findPort(NAME)?.id).toBe(3)
    expect(device.lostMessages).toBe(0)
    const ready = device.messages.filter(([, event]) => event === 3)
    expect(ready).toHaveLength(31)
    expect(ready.filter(([, , value]) => value === 0)).toHaveLength(23)
    expect(reports).toHaveLength(1)
  })

  it.each<[string, FakeVirtioConsoleOptions, string]>([
    ['MULTIPORT', { features: 1n << 32n }, 'no named ports'],
    ['VERSION_1', { features: 2n }, 'VERSION_1'],
    ['ports', { maxPorts: 0 }, 'no ports'],
    ['a queue of a possible size', { queueSize: 24 }, 'queue 2 has a size of 24'],
    ['the features chosen', { faults: { refusesFeatures: true } }, 'does not accept'],
    ['a settled configuration', { faults: { configurationNeverSettles: true } }, 'changes all'],
  ])('refuses a device without %s', (_what, options, message) => {
    expect(() => open(options)).toThrow(message)
  })

  it('does with the queues that are there, whatever number of ports the device claims', () => {
    // Four ports have queues, 2^32 - 1 are claimed.
    const machine = createFakeMachine({ console: { ports: [{ id: 1, name: NAME }] } })
    machine.console!.config.set([255, 255, 255, 255], 4)
    expect(openConsole(machine).findPort(NAME)?.id).toBe(1)
  })
})

describe('ConsolePort', () => {
  it('hands over what was written, in order, in one buffer a flush', () => {
    const { device, port } = openPort()
    for (let part = 0; part < 5; part++) expect(write(port, counting(100, part * 100))).toBe(true)
    expect(device.received.has(1)).toBe(false)
    port.flush()
    expect(device.bytesOf(1)).toEqual(counting(500))
    expect(device.buffers.get(1)).toEqual([500])
  })

  it('keeps order and every byte over many turns of the ring, with descriptors to spare or not', () => {
    for (const queueSize of [64, 4, 2]) {
      const { device, port } = openPort({ ports: [{ id: 1, name: NAME }], queueSize })
      let total = 0
      for (let turn = 0; turn < 120; turn++) {
        const bytes = counting((turn * 37) % 1500, total)
        expect(write(port, bytes)).toBe(true)
        total += bytes.length
        if (turn % 3 === 0) port.flush()
      }
      port.flush()
      expect(device.bytesOf(1)).toEqual(counting(total))
    }
  })

  // 512 divides the ring: its edges meet.
  it.each([300, 512])(
    'never overwrites what the device has not given back, whatever order it gives back in (%i)',
    (size) => {
      const { device, port } = openPort()
      device.throttled.add(1)
      let total = 0
      let sent = 0
      for (let turn = 0; turn < 60; turn++) {
        for (;;) {
          // Each buffer begins with another number.
          const bytes = counting(size, total)
          if (!write(port, bytes)) break
          total += size + 1
          port.flush()
          sent++
        }
        // In order and in reverse, all or only what is oldest: the device looks whether anything
        // has changed.
        const some = turn % 5
        for (let count = 0; count < some; count++) device.releaseOldest(1)
        if (some === 0) device.releaseHeld(1, true, turn % 2 === 1)
      }
      expect(sent).toBeGreaterThan(100)
      const lengths = device.buffers.get(1)!
      expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(device.bytesOf(1).length)
    },
  )

  it('refuses what does not fit, and never waits twice for a host that does not read', () => {
    const { device, machine, port } = openPort()
    device.throttled.add(1)
    while (write(port, counting(1000))) port.flush()
    const startNs = machine.hal.nowNs
    for (let count = 0; count < 100; count++) expect(write(port, counting(1000))).toBe(false)
    expect(machine.hal.nowNs - startNs).toBeLessThan(1_000_000)
    device.releaseHeld(1)
    expect(write(port, counting(1000))).toBe(true)
    expect(port.write(counting(CAPACITY + 1), 0, CAPACITY + 1)).toBe(false)
  })

  it('takes nothing before the host listens, and tells when it does', () => {
    const { device, driver, port } = openPort({ ports: [{ id: 1, name: NAME, isOpen: false }] })
    expect(port.isOpen).toBe(false)
    expect(write(port, counting(4))).toBe(false)
    device.setHostOpen(1, true)
    driver.poll()
    expect([port.isOpen, port.openings]).toEqual([true, 1])
    expect(write(port, counting(4))).toBe(true)
  })

  it('throws away what a host has not read when it goes, and begins anew with the next', () => {
    const { device, port } = openPort()
    device.throttled.add(1)
    write(port, counting(50))
    port.flush()
    write(port, counting(60))
    device.setHostOpen(1, false)
    port.flush()
    expect([port.isOpen, port.openings]).toEqual([false, 1])
    device.throttled.delete(1)
    device.setHostOpen(1, true)
    port.flush()
    expect([port.isOpen, port.openings]).toEqual([true, 2])
    write(port, counting(7))
    port.flush()
    expect(device.bytesOf(1)).toEqual(counting(7))
  })

  it('gives a host that comes right after another nothing that was meant for that one', () => {
    const { device, port } = openPort()
    write(port, counting(60))
    device.setHostOpen(1, false)
    device.setHostOpen(1, true)
    port.flush()
    expect(device.bytesOf(1)).toHaveLength(0)
    expect([port.isOpen, port.openings]).toEqual([true, 2])
  })

  it('drains: waits for a host that reads, and not without end for one that does not', () => {
    const { device, machine, port } = openPort()
    write(port, counting(10))
    expect(port.drain(1_000_000)).toBe(true)
    device.throttled.add(1)
    write(port, counting(10))
    const startNs = machine.hal.nowNs
    expect(port.drain(1_000_000)).toBe(false)
    expect(machine.hal.nowNs - startNs).toBeLessThan(2_000_000)
  })

  it('is gone once the device removes it, and another plugged in there is not taken for it', () => {
    const { device, driver, port } = openPort()
    device.removePort(1)
    port.flush()
    expect(port.isOpen).toBe(false)
    expect(driver.findPort(NAME)).toBeNull()
    device.addPort(1, NAME)
    device.tell(1, PORT_OPEN, 1)
    port.flush()
    expect(port.isOpen).toBe(false)
    expect(driver.failure).toBe('')
  })
})

describe('a console device that lies', () => {
  /** Nothing works any more, one line says why, and the device is reset. */
  function expectGivenUp({ device, driver, port, reports }: ReturnType<typeof openPort>): void {
    expect(driver.failure).not.toBe('')
    expect(reports).toHaveLength(1)
    expect(reports[0]).toContain('console device given up')
    expect(device.status).toBe(0)
    expect(port.isOpen).toBe(false)
    expect(write(port, counting(4))).toBe(false)
    port.flush()
    driver.poll()
    expect(driver.findPort(NAME)).toBeNull()
  }

  it('about the length of a control message: nothing beyond the buffer is read', () => {
    const opened = openPort()
    opened.device.tellRaw(controlMessage(1, PORT_OPEN, 1), 513)
    opened.driver.poll()
    expectGivenUp(opened)
  })

  it('about which buffer it gives back', () => {
    const opened = openPort()
    write(opened.port, counting(4))
    const queue = opened.device.queues[5]!
    queue.writeUsed(0, 63, 0)
    queue.usedIndex = 1
    queue.publish()
    while (write(opened.port, counting(900))) opened.port.flush()
    expectGivenUp(opened)
  })

  it('and does not even reset: cut off from memory', () => {
    const opened = openPort({ ports: [{ id: 1, name: NAME }], faults: { resetNeverEnds: true } })
    opened.device.tellRaw(controlMessage(1, PORT_OPEN, 1), 513)
    opened.driver.poll()
    expect(opened.driver.failure).toBe('usedLength')
    expect(opened.device.pciFunction.isBusMaster).toBe(false)
  })

  it('about how many it gives back', () => {
    const opened = openPort()
    const queue = opened.device.queues[2]!
    queue.usedIndex = 5000
    queue.publish()
    opened.driver.poll()
    expectGivenUp(opened)
  })

  it('by taking no control message: given up within its deadline', () => {
    const { driver, machine, reports } = open({ ports: [{ id: 1, name: NAME }], isDeaf: true })
    const startNs = machine.hal.nowNs
    expect(driver.findPort(NAME)).toBeNull()
    expect(machine.hal.nowNs - startNs).toBeLessThan(1_000_000)
    expect(reports).toEqual([expect.stringContaining('takes no control message')])
  })

  it('by never answering: no port, and no wait without end', () => {
    const { driver, machine } = open({ ports: [{ id: 1, name: NAME }], isSilent: true })
    const startNs = machine.hal.nowNs
    expect(driver.findPort(NAME)).toBeNull()
    expect(machine.hal.nowNs - startNs).toBeLessThan(100_000_000)
  })

  it('by talking without end: cut off after a second', () => {
    const { device, driver, machine } = open({ ports: [{ id: 1, name: 'x' }] })
    const nowNs = machine.hal.monotonicNs.bind(machine.hal)
    machine.hal.monotonicNs = () => {
      device.tell(1, PORT_OPEN, 0)
      machine.hal.nowNs += 50_000
      return nowNs()
    }
    const startNs = machine.hal.nowNs
    expect(driver.findPort(NAME)).toBeNull()
    expect(machine.hal.nowNs - startNs).toBeLessThan(1_100_000_000)
  })

  it('with messages cut short, unknown, about ports that are not there, or names of any bytes: ignored', () => {
    const { device, driver, port } = openPort()
    for (const length of [0, 1, 7])
      device.tellRaw(controlMessage(1, PORT_OPEN, 0).subarray(0, length))
    for (const event of [0, 3, 5, 8, 255, 65535]) device.tell(1, event, 0)
    for (const id of [0, 2, 8, 0x7fffffff, 0xffffffff]) device.tell(id, PORT_OPEN, 0)
    const name = new Uint8Array(500).fill(0xff)
    name.set(controlMessage(2, PORT_NAME, 1))
    device.tellRaw(name)
    device.tell(1, PORT_ADD, 1)
    driver.poll()
    driver.poll()
    expect(driver.failure).toBe('')
    expect(port.isOpen).toBe(true)
    expect(write(port, counting(4))).toBe(true)
    port.flush()
    expect(device.bytesOf(1)).toEqual(counting(4))
  })
})
