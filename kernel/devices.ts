/** Finds the machine's devices and opens the drivers for them; each one that cannot be used gets one line. */
import { openPciBus, type PciBus } from '../drivers/pci/pci-bus.ts'
import { VirtioConsole } from '../drivers/virtio/console/virtio-console.ts'
import { VirtioNet } from '../drivers/virtio/net/virtio-net.ts'
import { findVirtioFunctions, PciTransport } from '../drivers/virtio/pci-transport.ts'
import { VirtioRng } from '../drivers/virtio/rng/virtio-rng.ts'
import { VirtioDeviceType } from '../drivers/virtio/transport.ts'
import { CAPTURE_BYTES, CAPTURE_PORT } from './capture.ts'
import type { EntropySource } from './entropy/entropy-pool.ts'
import type { Hal } from './hal/hal.ts'
import type { Interrupts } from './interrupts.ts'
import type { Logger } from './logger.ts'
import type { TellNoNetwork } from './no-network.ts'

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
  private readonly hal: Hal
  private readonly bus: PciBus
  private readonly interrupts: Interrupts

  constructor(hal: Hal, bus: PciBus, interrupts: Interrupts) {
    this.hal = hal
    this.bus = bus
    this.interrupts = interrupts
  }

  /** All virtio-rng devices that work. */
  openEntropy(log: Logger): EntropySource[] {
    const sources: EntropySource[] = []
    const { Entropy } = VirtioDeviceType
    this.probe(
      Entropy,
      'entropy',
      (problem) => log.warn(problem),
      (transport) => {
        const rng = new VirtioRng(this.hal, transport)
        sources.push({ name: 'virtio-rng', collect: (target) => rng.fill(target) })
        return null
      },
    )
    return sources
  }

  /** The first network device that works; null, after a line that says why, when there is none. */
  openNetwork(
    acceptedOffloads: ReadonlySet<string> | null,
    log: Logger,
    tell: TellNoNetwork,
  ): VirtioNet | null {
    let failure = ''
    const { hal, interrupts } = this
    const { Network } = VirtioDeviceType
    const report = (message: string) =>
      / link is up$/.test(message) ? log.info(message) : log.warn(message)
    const device = this.probe(
      Network,
      'network',
      (problem) => {
        failure = problem
        log.error(problem)
      },
      (transport) => new VirtioNet({ hal, transport, interrupts, acceptedOffloads, report }),
    )
    if (device !== null) return device
    if (findVirtioFunctions(this.bus, Network).length === 0) {
      const message =
        'no network device, running without network: add -device virtio-net-pci,netdev=...'
      log.warn(message)
      tell({ reason: 'no-device', message })
    } else {
      log.warn('running without network')
      tell({ reason: 'device-unusable', message: failure })
    }
    return null
  }

  /** The console port that switches the capture on, open; null when no console has one. */
  openCapture(log: Logger): { port: CapturePort; address: string } | null {
    const { hal } = this
    const report = (message: string) => log.warn(message)
    return this.probe(VirtioDeviceType.Console, 'console', report, (transport) => {
      const port = new VirtioConsole({ hal, transport, report }).findPort(CAPTURE_PORT)
      return port?.open(CAPTURE_BYTES) ? { port, address: transport.address } : null
    })
  }

  /** Opens the functions of one type in bus order until `open` returns something; a failure is reported and passed over. */
  private probe<T>(
    deviceType: number,
    name: string,
    report: (problem: string) => void,
    open: (transport: PciTransport) => T | null,
  ): T | null {
    for (const pciFunction of findVirtioFunctions(this.bus, deviceType)) {
      try {
        const opened = open(new PciTransport(this.hal, this.bus, pciFunction, deviceType))
        if (opened !== null) return opened
      } catch (error) {
        report(`${name} device ${pciFunction.address} is not usable: ${String(error)}`)
      }
    }
    return null
  }
}
