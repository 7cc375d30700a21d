/**
 * Devices that are taken out and put in while the guest runs, on a fake machine that counts what is
 * wrong as a violation.
 */
import { describe, expect, it } from 'vitest'
import { openPciBus } from '../../../drivers/pci/pci-bus.ts'
import { HotPlug } from '../../../kernel/hot-plug.ts'
import { Logger } from '../../../kernel/logger.ts'
import { TimerQueue } from '../../../kernel/timer-queue.ts'
import { buildTcpFrame } from '../../fakes/fake-frames.ts'
import type { FakeMachineOptions } from '../../fakes/fake-machine.ts'
import { FakePciFunction } from '../../fakes/fake-pci.ts'
import { FakeRootPort } from '../../fakes/fake-root-port.ts'
import { createReceivedFrame, type OpenNet, openNet } from '../../fakes/open-devices.ts'
import { recordOf } from '../../support/transmit-records.ts'

const { bytes: FRAME } = buildTcpFrame({ payloadLength: 100 })

interface Lab extends OpenNet {
  readonly hotPlug: HotPlug
  readonly timers: TimerQueue
  readonly lines: string[]
}

function open(
  options: FakeMachineOptions = {},
  prepare: (machine: OpenNet) => void = () => {},
): Lab {
  const machine = openNet(options)
  const { hal, net } = machine
  prepare(machine)
  // Once more, to find what has been added.
  const bus = openPciBus(hal, hal.mapRegisters)
  const lines: string[] = []
  const sink = { write: (text: string) => lines.push(text.slice(16, -1)), nowNs: () => 0 }
  const pciFunction = bus.functions.find((it) => it.vendorId === 0x1af4)!
  const timers = new TimerQueue()
  const hotPlug = new HotPlug({
    ...{ hal, bus, timers, log: new Logger('pci', 'info', sink) },
    driven: [
      {
        pciFunction,
        isDetached: () => net.isRemoved,
        detach: () => net.detach(),
        attach: () => net.attach(),
      },
    ],
  })
  hotPlug.start()
  return { ...machine, hotPlug, timers, lines }
}

/** As a device is that nobody has set up. */
function makeFresh({ device }: OpenNet): void {
  device.pciFunction.command = 0
  for (const { index } of device.pciFunction.options.bars!) {
    device.pciFunction.setBarAddress(index, 0)
  }
  device.status = 0
}

function expectAlive({ net, device, interrupts }: OpenNet): void {
  const received = createReceivedFrame()
  net.rx.receive(received)
  let sent = 0
  device.onFrame = () => sent++
  expect(net.tx.submit(recordOf(FRAME))).toBe(true)
  net.tx.flush()
  expect(sent).toBe(1)
  expect(net.armInterrupts()).toBe(true)
  device.deliver(FRAME)
  expect(interrupts.dispatch()).toBeGreaterThan(0)
  expect(net.rx.receive(received)).toBe(true)
  net.rx.release(received)
}

function expectGone({ net, reports }: OpenNet): void {
  expect(net.link.isUp).toBe(false)
  expect(net.tx.submit(recordOf(FRAME))).toBe(false)
  expect(net.armInterrupts()).toBe(true)
  expect(reports.at(-1)).toMatch(
    /^network device removed, connections wait; .*same mac=.*device_add/,
  )
}

describe('the slot of a root port', () => {
  it.each([{}, { vectors: 0 }])(
    'is switched off when somebody asks for it, and on again',
    (options) => {
      const lab = open({ behindBridge: true, ...options })
      const port = lab.rootPort!
      const owner = { framesInFlight: 0 }
      lab.device.autoProcess = false
      const allocate = (lengthBytes: number) => lab.hal.allocateDma(lengthBytes, 8)
      const { bytes } = buildTcpFrame({ payloadLength: 1000 })
      const record = recordOf(bytes, { headerLength: 54, owner, allocate })
      expect(lab.net.tx.submit(record)).toBe(true)
      lab.net.tx.flush()
      expect(owner.framesInFlight).toBe(1)
      port.pressButton()
      lab.hotPlug.look()
      expectGone(lab)
      expect(owner.framesInFlight).toBe(0)
      expect(port.isOn).toBe(false)
      expect(lab.host.behind(port)).toEqual([])
      for (let i = 0; i < 3; i++) lab.hotPlug.look()
      expect(lab.reports).toHaveLength(2)

      lab.device.autoProcess = true
      makeFresh(lab)
      port.fill(lab.device.pciFunction)
      lab.hotPlug.look()
      lab.hotPlug.look()
      expect(port.isOn).toBe(true)
      expect(lab.reports.slice(2)).toEqual([
        'link is up',
        'network device in use again, connections go on',
      ])
      expectAlive(lab)
      expect(lab.lines).toEqual([])
    },
  )

  it('may have finished frames that nobody took back', () => {
    const lab = open({ behindBridge: true })
    const port = lab.rootPort!
    for (let i = 0; i < 5; i++) lab.net.tx.submit(recordOf(FRAME))
    lab.net.tx.flush()
    port.pressButton()
    lab.hotPlug.look()
    expectGone(lab)
    lab.net.tx.reclaim()
    makeFresh(lab)
    port.fill(lab.device.pciFunction)
    lab.hotPlug.look()
    expectAlive(lab)
  })

  it('is not switched off for what was asked before the guest was there', () => {
    const lab = open({ behindBridge: true }, ({ rootPort }) => rootPort!.pressButton())
    lab.hotPlug.look()
    expect(lab.rootPort!.isOn).toBe(true)
    expectAlive(lab)
  })

  it('goes on with a device of the same make only', () => {
    const lab = open({ behindBridge: true })
    const port = lab.rootPort!
    const replace = (change: () => void) => {
      port.pressButton()
      lab.hotPlug.look()
      makeFresh(lab)
      change()
      port.fill(lab.device.pciFunction)
      lab.hotPlug.look()
    }
    const address = [...lab.device.config.subarray(0, 6)]
    replace(() => lab.device.config.set([2, 2, 2, 2, 2, 2]))
    expect(lab.reports.at(-1)).toMatch(
      /does not replace .*another hardware address.*; add one with/,
    )
    expect(lab.net.tx.submit(recordOf(FRAME))).toBe(false)
    expect(lab.device.pciFunction.isBusMaster).toBe(false)
    const features = lab.device.offeredFeatures
    replace(() => {
      lab.device.config.set(address)
      lab.device.offeredFeatures &= ~1n
    })
    expect(lab.reports.at(-1)).toMatch(/does not replace .*other features/)
    replace(() => {
      lab.device.offeredFeatures = features
    })
    expect(lab.reports.at(-1)).toMatch(/in use again/)
    expectAlive(lab)
  })

  it('that gets another kind of device does not take it for a network device', () => {
    const lab = open({ behindBridge: true })
    lab.rootPort!.pressButton()
    lab.hotPlug.look()
    lab.rootPort!.fill(new FakePciFunction({ vendorId: 0x8086, deviceId: 0x100e }))
    lab.hotPlug.look()
    expect(lab.reports.at(-1)).toMatch(/does not replace .*another kind/)
  })
})

describe('a device that is gone without having asked', () => {
  it('is noticed at the next look, without waiting for answers that do not come', () => {
    const lab = open()
    lab.host.remove(lab.device.pciFunction)
    const startNs = lab.hal.nowNs
    lab.hotPlug.look()
    expectGone(lab)
    expect(lab.hal.nowNs - startNs).toBeLessThan(10_000_000)
  })

  it('is noticed by its driver when registers read as all ones', () => {
    const lab = open()
    lab.host.remove(lab.device.pciFunction)
    const startNs = lab.hal.nowNs
    // The last interrupt that it sent was for a change of its configuration.
    lab.hal.raise(0)
    lab.interrupts.dispatch()
    expect(lab.net.rx.receive(createReceivedFrame())).toBe(false)
    expectGone(lab)
    expect(lab.hal.nowNs - startNs).toBeLessThan(10_000_000)
    expect(lab.net.statistics.deviceResets).toBe(0)
  })

  it('while it was stopped comes back only when there is one again', () => {
    const lab = open()
    lab.device.faults.refusesFeatures = true
    lab.device.requestReset()
    lab.interrupts.dispatch()
    lab.net.rx.receive(createReceivedFrame())
    expect(lab.net.failure).not.toBe('')
    lab.host.remove(lab.device.pciFunction)
    expect(lab.runTimer()).toBe(true)
    expectGone(lab)
    expect(lab.runTimer()).toBe(false)
    lab.device.faults.refusesFeatures = false
    makeFresh(lab)
    lab.host.add(lab.device.pciFunction, 2)
    lab.hotPlug.look()
    expectAlive(lab)
  })
})

/**
 * QEMU's registers for ACPI hot-plug of a q35 (docs/specs/acpi_pci_hotplug), one bus of which is at
 * `selector`.
 */
function attachAcpi(machine: OpenNet, selector: number) {
  const registers = { selected: 0, added: 0, requested: 0, ejected: [] as number[] }
  const isHere = () => registers.selected === selector
  machine.hal.addPorts({
    first: 0xcc0,
    last: 0xcd7,
    read: (port) => {
      if (port === 0xcd0) return registers.selected
      if (port === 0xcc4) return isHere() ? registers.requested : 0
      if (port !== 0xcc0 || !isHere()) return 0
      const { added } = registers
      registers.added = 0
      return added
    },
    write: (port, widthBytes, value) => {
      expect(widthBytes).toBe(4)
      if (port === 0xcd0) registers.selected = value
      if (port !== 0xcc8 || !isHere()) return
      registers.requested &= ~value
      registers.ejected.push(value)
      if (value === 1) machine.host.remove(machine.device.pciFunction)
    },
  })
  return registers
}

describe('hot-plug by ACPI', () => {
  it.each([0, 1])(
    'ejects what is asked for, whichever number QEMU gave its bus (%i)',
    (selector) => {
      let acpi: ReturnType<typeof attachAcpi> | null = null
      const lab = open({ behindBridge: true }, (machine) => {
        acpi = attachAcpi(machine, selector)
      })
      lab.hotPlug.look()
      expect(acpi!.ejected).toEqual([])
      acpi!.requested = 1
      lab.hotPlug.look()
      expect(acpi!.ejected).toEqual([1])
      expectGone(lab)
      makeFresh(lab)
      lab.host.add(lab.device.pciFunction, 0, 0, lab.rootPort)
      acpi!.added = 1
      for (let i = 0; i < 3; i++) lab.hotPlug.look()
      expect(lab.reports.at(-1)).toMatch(/in use again/)
      expectAlive(lab)
      expect(lab.lines).toEqual([])
    },
  )

  it('ejects what nobody drives, and leaves drivers of other slots alone', () => {
    let acpi: ReturnType<typeof attachAcpi> | null = null
    const lab = open({ behindBridge: true }, (machine) => {
      acpi = attachAcpi(machine, 1)
    })
    acpi!.requested = 0x80000020
    lab.hotPlug.look()
    expect(acpi!.ejected).toEqual([0x20, 0x80000000])
    expectAlive(lab)
  })

  it.each([
    [
      0x020000,
      /network device 0000:01:07.0 \(1af4:1041\) was added .* restart the guest .*same mac=/,
    ],
    [
      0xff0000,
      /device 0000:01:07.0 \(1af4:1041\) was added and is not used; restart the guest to use/,
    ],
  ])('reports once what is put in elsewhere (class %i)', (classCode, line) => {
    let acpi: ReturnType<typeof attachAcpi> | null = null
    const lab = open({ behindBridge: true }, (machine) => {
      acpi = attachAcpi(machine, 0)
    })
    const added = new FakePciFunction({ vendorId: 0x1af4, deviceId: 0x1041, classCode })
    lab.host.add(added, 7, 0, lab.rootPort)
    acpi!.added = 0x80
    for (let i = 0; i < 4; i++) lab.hotPlug.look()
    expect(lab.lines).toEqual([expect.stringMatching(line)])
  })
})

it('another model where a device was that nobody drove is reported', () => {
  const spare = new FakePciFunction({ vendorId: 0x1af4, deviceId: 0x1045, classCode: 0xff0000 })
  let port: FakeRootPort | null = null
  const lab = open({}, ({ host }) => {
    port = new FakeRootPort(host)
    host.add(port, 9)
    port.write(0x18, 4, 0x00050500)
    host.add(spare, 0, 0, port)
  })
  const network = { vendorId: 0x8086, deviceId: 0x10d3, classCode: 0x020000 }
  for (const [pciFunction, lines] of [
    [new FakePciFunction(network), [expect.stringMatching(/\(8086:10d3\) was added and is not/)]],
    [spare, []],
  ] as const) {
    port!.pressButton()
    lab.hotPlug.look()
    expect(lab.host.behind(port!)).toEqual([])
    port!.fill(pciFunction)
    lab.lines.length = 0
    for (let i = 0; i < 3; i++) lab.hotPlug.look()
    expect(lab.lines).toEqual(lines)
  }
})

describe('looking', () => {
  it('costs a machine without slots nothing', () => {
    expect(open().timers.size).toBe(0)
  })

  it('goes on once a second on one that has some', () => {
    const { timers, hal, host } = open({ behindBridge: true })
    expect(timers.size).toBe(1)
    for (let second = 0; second < 3; second++) {
      hal.nowNs = timers.nextDeadlineNs()
      const before = host.configAccesses
      expect(timers.runDue(hal.nowNs, 10)).toBe(1)
      expect(host.configAccesses - before).toBeLessThan(10)
      expect(timers.nextDeadlineNs() - hal.nowNs).toBeGreaterThan(0.9e9)
    }
  })
})
