/** Finds the machine's devices and opens the drivers for them; each one that cannot be used gets one line. */

import type { Hal } from '../drivers/hal.ts'
import { openPciBus, type PciBus } from '../drivers/pci/pci-bus.ts'
import type { PciFunction } from '../drivers/pci/pci-function.ts'
import { VirtioConsole } from '../drivers/virtio/console/virtio-console.ts'
import { describeNetEvent, isGoodNews, type NetEvent } from '../drivers/virtio/net/net-event.ts'
import type { NetChoices } from '../drivers/virtio/net/net-setup.ts'
import { VirtioNet } from '../drivers/virtio/net/virtio-net.ts'
import { findVirtioFunctions, PciTransport } from '../drivers/virtio/pci-transport.ts'
import { VirtioRng } from '../drivers/virtio/rng/virtio-rng.ts'
import { VirtioDeviceType } from '../drivers/virtio/transport.ts'
import { VirtioError } from '../drivers/virtio/virtio-error.ts'
import { Watchdog } from '../drivers/watchdog/i6300esb.ts'
import { CAPTURE_BYTES, CAPTURE_PORT } from './capture.ts'
import type { EntropySource } from './entropy/entropy-pool.ts'
import type { DrivenFunction } from './hot-plug.ts'
import type { Interrupts } from './interrupts.ts'
import type { Logger } from './logger.ts'
import type { TellNoNetwork } from './no-network.ts'
import type { TimerQueue } from './timer-queue.ts'
import { listUnusedDevices } from './unused-devices.ts'
import { startWatchdog } from './watchdog-timer.ts'

export type CapturePort = NonNullable<ReturnType<VirtioConsole['findPort']>>

/** Null, after a line that says why, on a machine without PCI. */
export function openPci(hal: Hal, log: Logger, tell: TellNoNetwork): PciBus | null {
  try {
    const bus = openPciBus(hal)
    if (log.debugEnabled) {
      for (const { address, vendorId, deviceId } of bus.functions) {
        log.debug(`${address} ${vendorId.toString(16)}:${deviceId.toString(16)}`)
      }
    }
    return bus
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    log.warn(message)
    tell({ reason: 'no-pci', message })
    return null
  }
}

export class Devices {
  readonly bus: PciBus
  /** What can be unplugged from a driver. */
  readonly driven: DrivenFunction[] = []
  /** In use, or not usable and reported. */
  readonly settled = new Set<PciFunction>()
  /** Of the network device in use. */
  networkAddress: string | null = null
  private readonly hal: Hal
  private readonly interrupts: Interrupts
  private readonly timers: TimerQueue

  constructor(hal: Hal, bus: PciBus, interrupts: Interrupts, timers: TimerQueue) {
    this.hal = hal
    this.bus = bus
    this.interrupts = interrupts
    this.timers = timers
  }

  /** Where the machine has a watchdog, it is started and fed as long as the loop turns. */
  startWatchdog(limitSeconds: number | null, log: Logger): void {
    const watchdog = limitSeconds === null ? null : Watchdog.find(this.bus)
    if (watchdog === null || limitSeconds === null) return
    this.settled.add(watchdog.pciFunction)
    startWatchdog(watchdog, this.timers, () => this.hal.monotonicNs(), limitSeconds)
    log.debug(`watchdog: acts once the loop is blocked for ${limitSeconds} s`)
  }

  /** All virtio-rng devices that work. */
  openEntropy(log: Logger): EntropySource[] {
    const sources: EntropySource[] = []
    const { Entropy } = VirtioDeviceType
    this.probe(
      Entropy,
      'entropy',
      (problem) => log.warn(problem),
      (transport, pciFunction) => {
        const rng = new VirtioRng(this.hal, transport, (problem) => log.warn(problem))
        // Fed again it looks for its device by itself.
        this.drive(pciFunction, () => rng.detach())
        sources.push({ name: 'virtio-rng', collect: (target) => rng.fill(target) })
        return null
      },
    )
    return sources
  }

  /** The first network device that works; null, after a line that says why, when there is none. */
  openNetwork(choices: NetChoices, log: Logger, tell: TellNoNetwork): VirtioNet | null {
    let failure = ''
    const { hal, interrupts, timers } = this
    const { Network } = VirtioDeviceType
    const onProblem = (problem: string) => {
      failure = problem
      log.error(problem)
    }
    const device = this.probe(Network, 'network', onProblem, (transport, pciFunction) => {
      const report = (event: NetEvent) => {
        const line = `${transport.address}: ${describeNetEvent(event)}`
        if (isGoodNews(event)) log.info(line)
        else log.warn(line)
      }
      const schedule = (atNs: number, callback: () => void) => {
        timers.add(atNs, callback)
      }
      const net = new VirtioNet({
        ...{ hal, transport, interrupts, report, schedule, ...choices },
      })
      this.driven.push({
        pciFunction,
        isDetached: () => net.isRemoved,
        detach: () => net.detach(),
        attach: () => net.attach(),
      })
      return net
    })
    if (device !== null) {
      this.networkAddress = device.describe().pciAddress
      return device
    }
    this.tellWhyNone(failure, log, tell)
    return null
  }

  /** Why there is no network device that works, in the log and to whoever reports it. */
  private tellWhyNone(failure: string, log: Logger, tell: TellNoNetwork): void {
    if (failure !== '') {
      log.warn('running without network')
      tell({ reason: 'device-unusable', message: failure })
      return
    }
    const other = listUnusedDevices(this.hal, this).find(({ isNetwork }) => isNetwork)
    const message =
      other === undefined
        ? 'no network device, running without network: add -device virtio-net-pci,netdev=...'
        : other.line
    // The line of what is there and not used comes by itself.
    log.warn(other === undefined ? message : 'running without network')
    tell({ reason: 'no-device', message })
  }

  /** The console port that switches the capture on, open; null when no console has one. */
  openCapture(log: Logger): { port: CapturePort; address: string } | null {
    const { hal } = this
    const report = (message: string) => log.warn(message)
    return this.probe(VirtioDeviceType.Console, 'console', report, (transport, pciFunction) => {
      const console = new VirtioConsole({ hal, transport, report })
      const port = console.findPort(CAPTURE_PORT)
      if (!port?.open(CAPTURE_BYTES)) return null
      this.drive(pciFunction, () => console.distrust('removed'))
      return { port, address: transport.address }
    })
  }

  /** For drivers that do not go on with a device put in the place of theirs, or look for it by themselves. */
  private drive(pciFunction: PciFunction, detach: () => void): void {
    this.driven.push({ pciFunction, isDetached: () => false, detach, attach() {} })
  }

  /** Opens the functions of one type in bus order until `open` returns something; a failure is reported and passed over. */
  private probe<T>(
    deviceType: number,
    name: string,
    report: (problem: string) => void,
    open: (transport: PciTransport, pciFunction: PciFunction) => T | null,
  ): T | null {
    for (const pciFunction of findVirtioFunctions(this.bus, deviceType)) {
      try {
        const transport = new PciTransport(this.hal, this.bus, pciFunction, deviceType)
        const opened = open(transport, pciFunction)
        if (opened === null) continue
        this.settled.add(pciFunction)
        return opened
      } catch (error) {
        this.settled.add(pciFunction)
        const reason = error instanceof VirtioError ? error.message : String(error)
        report(`${name} device ${pciFunction.address} is not usable: ${reason}`)
      }
    }
    return null
  }
}
