/**
 * Finds the machine's devices and opens the drivers for them; each one that cannot be used gets one
 * line.
 */

import type { Hal } from '../drivers/hal.ts'
import { openPciBus, type PciBus } from '../drivers/pci/pci-bus.ts'
import type { PciFunction } from '../drivers/pci/pci-function.ts'
import { mapRegistersThrough } from '../drivers/pci/registers.ts'
import { SharedInterruptLines } from '../drivers/shared-interrupt-lines.ts'
import { VirtioConsole } from '../drivers/virtio/console/virtio-console.ts'
import {
  findMmioDevices,
  type MmioDevice,
  type MmioWindow,
  parseMmioWindow,
} from '../drivers/virtio/mmio-devices.ts'
import { MmioTransport, mmioAddress } from '../drivers/virtio/mmio-transport.ts'
import { describeNetEvent, isGoodNews, type NetEvent } from '../drivers/virtio/net/net-event.ts'
import { RECEIVE_MEMORY_BYTES } from '../drivers/virtio/net/net-queues.ts'
import type { NetChoices } from '../drivers/virtio/net/net-setup.ts'
import { VirtioNet } from '../drivers/virtio/net/virtio-net.ts'
import { findVirtioFunctions, PciTransport } from '../drivers/virtio/pci-transport.ts'
import { VirtioRng } from '../drivers/virtio/rng/virtio-rng.ts'
import { VirtioDeviceType, type VirtioTransport } from '../drivers/virtio/transport.ts'
import { VirtioError } from '../drivers/virtio/virtio-error.ts'
import { Watchdog } from '../drivers/watchdog/i6300esb.ts'
import { CAPTURE_BYTES, CAPTURE_PORT } from './capture.ts'
import type { EntropySource } from './entropy/entropy-pool.ts'
import type { MemoryUsage } from './hal/platform.ts'
import type { DrivenFunction } from './hot-plug.ts'
import { MAX_NETWORK_INTERFACES } from './interface-settings.ts'
import type { Interrupts } from './interrupts.ts'
import type { Logger } from './logger.ts'
import { receiveShare } from './memory-shares.ts'
import type { TellNoNetwork } from './no-network.ts'
import type { TimerQueue } from './timer-queue.ts'
import { listUnusedDevices } from './unused-devices.ts'
import { startWatchdog } from './watchdog-timer.ts'

export type CapturePort = NonNullable<ReturnType<VirtioConsole['findPort']>>

/** Where devices may be: on PCI, on virtio-mmio, on both. */
export interface Buses {
  readonly pci: PciBus | null
  readonly mmio: readonly MmioDevice[]
}

/**
 * Null, after a line that says why, on a machine that has neither; `named` is what the command line
 * says of virtio-mmio.
 */
export function openBuses(
  hal: Hal,
  named: readonly string[],
  log: Logger,
  tell: TellNoNetwork,
): Buses | null {
  const found = openPci(hal, log)
  const pci = typeof found === 'string' ? null : found
  const windows = readWindows(named, log)
  const isMicrovm = pci === null || pci.isMicrovm
  const mmio = findMmioDevices(hal, mapRegistersThrough(hal), windows, isMicrovm)
  for (const device of mmio) {
    const { deviceType, globalInterrupt } = device
    const line = globalInterrupt < 0 ? 'no known interrupt' : `interrupt ${globalInterrupt}`
    log.debug(`${mmioAddress(device)}: virtio device type ${deviceType}, ${line}`)
  }
  if (typeof found !== 'string' || mmio.length > 0) return { pci, mmio }
  log.warn(found)
  tell({ reason: 'no-pci', message: found })
  return null
}

/** What is in the way, on a machine without PCI. */
function openPci(hal: Hal, log: Logger): PciBus | string {
  try {
    const bus = openPciBus(hal)
    if (log.debugEnabled) {
      for (const { address, vendorId, deviceId } of bus.functions) {
        log.debug(`${address} ${vendorId.toString(16)}:${deviceId.toString(16)}`)
      }
    }
    return bus
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function readWindows(named: readonly string[], log: Logger): MmioWindow[] {
  return named.flatMap((text) => {
    const window = parseMmioWindow(text)
    if (window !== null) return [window]
    log.warn(
      `virtio_mmio.device=${text.slice(0, 60)} is not understood; expected SIZE@ADDRESS:INTERRUPT`,
    )
    return []
  })
}

export class Devices {
  readonly bus: PciBus | null
  readonly mmio: readonly MmioDevice[]
  /** What can be unplugged from a driver. */
  readonly driven: DrivenFunction[] = []
  /** In use, or not usable and reported. */
  readonly settled = new Set<PciFunction | MmioDevice>()
  /** Of the network device in use. */
  networkAddress: string | null = null
  private readonly hal: Hal
  private readonly interrupts: Interrupts
  private readonly timers: TimerQueue
  private readonly lines: SharedInterruptLines

  constructor(hal: Hal, buses: Buses, interrupts: Interrupts, timers: TimerQueue) {
    this.hal = hal
    this.bus = buses.pci
    this.mmio = buses.mmio
    this.lines = new SharedInterruptLines(hal)
    this.interrupts = interrupts
    this.timers = timers
  }

  /** Where the machine has a watchdog, it is started and fed as long as the loop turns. */
  startWatchdog(limitSeconds: number | null, log: Logger): void {
    const watchdog = limitSeconds === null || this.bus === null ? null : Watchdog.find(this.bus)
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

  /**
   * All network devices that work, in the order of their addresses, up to MAX_NETWORK_INTERFACES;
   * none, after a line that says why.
   */
  openNetworks(
    choices: Omit<NetChoices, 'receiveMemoryBytes'>,
    memory: Pick<MemoryUsage, 'ramBytes'>,
    log: Logger,
    tell: TellNoNetwork,
  ): VirtioNet[] {
    let failure = ''
    const { hal, interrupts, timers } = this
    const { Network } = VirtioDeviceType
    const count = Math.min(this.candidates(Network).length, MAX_NETWORK_INTERFACES)
    const receiveMemoryBytes = receiveShare(memory, count, RECEIVE_MEMORY_BYTES)
    const onProblem = (problem: string) => {
      failure = problem
      log.error(problem)
    }
    const open = (transport: VirtioTransport, pciFunction: PciFunction | null) => {
      const report = (event: NetEvent) => {
        const line = `${transport.address}: ${describeNetEvent(event)}`
        if (isGoodNews(event)) log.info(line)
        else log.warn(line)
      }
      const schedule = (atNs: number, callback: () => void) => {
        timers.add(atNs, callback)
      }
      const net = new VirtioNet({
        ...{ hal, transport, interrupts, report, schedule, ...choices, receiveMemoryBytes },
      })
      keepChecking(net, hal, timers)
      const isDetached = () => net.isRemoved
      const detach = () => net.detach()
      const attach = () => net.attach()
      if (pciFunction !== null) this.driven.push({ pciFunction, isDetached, detach, attach })
      return net
    }
    const opened = this.openSome(Network, 'network', onProblem, open, MAX_NETWORK_INTERFACES)
    const [first] = opened
    if (first === undefined) this.tellWhyNone(failure, log, tell)
    else this.networkAddress = first.describe().pciAddress
    return opened
  }

  /** Why there is no network device that works, in the log and to whoever reports it. */
  private tellWhyNone(failure: string, log: Logger, tell: TellNoNetwork): void {
    if (failure !== '') {
      log.warn('running without network')
      tell({ reason: 'device-unusable', message: failure })
      return
    }
    const other = listUnusedDevices(this).find(({ isNetwork }) => isNetwork)
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

  /**
   * For drivers that do not go on with a device put in the place of theirs, or look for it by
   * themselves.
   */
  private drive(pciFunction: PciFunction | null, detach: () => void): void {
    if (pciFunction === null) return
    this.driven.push({ pciFunction, isDetached: () => false, detach, attach() {} })
  }

  /**
   * Every device of one type with the way to it: those on PCI in bus order, then those on
   * virtio-mmio.
   */
  private candidates(deviceType: number): Candidate[] {
    const { hal, bus, lines } = this
    const functions = bus === null ? [] : findVirtioFunctions(bus, deviceType)
    const onPci = functions.map((pciFunction) => ({
      device: pciFunction,
      pciFunction,
      address: pciFunction.address,
      open: () => new PciTransport(hal, bus!, pciFunction, deviceType),
    }))
    const mapRegisters = mapRegistersThrough(hal)
    const onMmio = this.mmio
      .filter((device) => device.deviceType === deviceType)
      .map((device) => ({
        device,
        pciFunction: null,
        address: mmioAddress(device),
        open: () => new MmioTransport(hal, mapRegisters, lines, device),
      }))
    return [...onPci, ...onMmio]
  }

  /** As openSome, the first. */
  private probe<T>(
    deviceType: number,
    name: string,
    report: (problem: string) => void,
    open: (transport: VirtioTransport, pciFunction: PciFunction | null) => T | null,
  ): T | null {
    return this.openSome(deviceType, name, report, open, 1)[0] ?? null
  }

  /**
   * Opens the devices of one type until `open` has returned so many things; a failure is reported
   * and passed over.
   */
  private openSome<T>(
    deviceType: number,
    name: string,
    report: (problem: string) => void,
    open: (transport: VirtioTransport, pciFunction: PciFunction | null) => T | null,
    most: number,
  ): T[] {
    const all: T[] = []
    for (const candidate of this.candidates(deviceType)) {
      if (all.length === most) break
      try {
        const opened = open(candidate.open(), candidate.pciFunction)
        if (opened === null) continue
        this.settled.add(candidate.device)
        all.push(opened)
      } catch (error) {
        this.settled.add(candidate.device)
        const reason = error instanceof VirtioError ? error.message : String(error)
        report(`${name} device ${candidate.address} is not usable: ${reason}`)
      }
    }
    return all
  }
}

/** From now on, as often as it wants to be. */
function keepChecking(net: VirtioNet, hal: Hal, timers: TimerQueue): void {
  const check = () => timers.add(hal.monotonicNs() + net.queueCheck.run(), next)
  const next = () => {
    timer = check()
  }
  let timer = check()
  net.queueCheck.onLate = () => {
    timers.cancel(timer)
    next()
  }
}

/** A device that a driver may open. */
interface Candidate {
  readonly device: PciFunction | MmioDevice
  /** Null for what cannot be unplugged. */
  readonly pciFunction: PciFunction | null
  readonly address: string
  readonly open: () => VirtioTransport
}
