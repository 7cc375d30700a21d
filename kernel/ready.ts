/** Says that the guest is ready, in the log and as an event, and lends `/stats` the same facts. */
import { summarizeMissing } from '../drivers/virtio/net/explain-features.ts'
import { reportConfiguration } from '../net/api/configuration-report.ts'
import { reportStack } from '../net/api/stack-report.ts'
import type { Readings } from './app-system.ts'
import type { EntropyPool } from './entropy/entropy-pool.ts'
import type { EventLoop } from './event-loop.ts'
import type { Events } from './events.ts'
import { ExitCode, type Platform } from './hal/platform.ts'
import type { Interrupts } from './interrupts.ts'
import type { ListeningPorts } from './listening-ports.ts'
import type { Logger } from './logger.ts'
import type { Network } from './network.ts'
import type { NoNetwork } from './no-network.ts'
import { logNetwork, logReady, networkFields, readyFields } from './ready-report.ts'
import { platformCounters, StatisticsReport } from './statistics-report.ts'
import { VERSION } from './version.ts'

export interface ReadyOptions {
  readonly platform: Platform
  readonly events: Events
  readonly log: Logger
  readonly loop: EventLoop
  readonly interrupts: Interrupts
  readonly clock: { report(): Record<string, unknown> }
  readonly entropy: EntropyPool | null
  readonly network: Network | null
  /** Why there is none; null with one. */
  readonly noNetwork: NoNetwork | null
  readonly listening: ListeningPorts
  /** Stages of the boot so far; the announcement adds the last two. */
  readonly stages: [string, number][]
  readonly exitAfterReady: boolean
}

export class Ready {
  readonly statistics: StatisticsReport
  private readonly options: ReadyOptions
  private isWaiting = false

  constructor(options: ReadyOptions) {
    this.options = options
    this.statistics = new StatisticsReport(
      () => this.facts(),
      () => this.counters(),
      () => this.readings(),
    )
  }

  /** The app is ready; the guest is as soon as it has an address, or waits for it no longer. */
  announce(): void {
    if (this.isWaiting) return
    this.isWaiting = true
    const wait = this.options.network?.wait ?? null
    if (wait === null) this.announceNow()
    else wait.whenOver(() => this.announceNow())
  }

  private announceNow(): void {
    const { log, platform, network, noNetwork, listening, stages, events } = this.options
    const reports = network === null ? [] : network.describe()
    for (const [index, each] of reports.entries()) {
      logNetwork(log.named(reports.length === 1 ? 'net' : `net.${index}`), each)
    }
    const report = reports[0] ?? null
    stages.push(['app', platform.monotonicNs()])
    logReady(log, platform.monotonicNs(), listening.entries)
    stages.push(['ready', platform.monotonicNs()])
    events.emit('ready', readyFields(stages, reports, noNetwork, listening.entries))
    for (const told of network?.configurationLogs ?? []) told.isReady = true
    listening.onLate = (entry) => events.emit('listening', { ...entry })
    // After the event: nobody waits for an explanation.
    const missing = report === null ? null : summarizeMissing(report.device)
    if (missing !== null) log.named('net').info(missing)
    if (this.options.exitAfterReady) platform.exit(ExitCode.Clean)
  }

  /** What /stats says and what never changes once the guest is ready. */
  private facts(): Record<string, unknown> {
    const { platform, network } = this.options
    const [report = null] = network === null ? [] : network.describe()
    const { addresses, ...facts } = networkFields(report)
    const offloads = network === null ? [] : network.explainOffloads()
    return { version: VERSION, engine: platform.engineVersion(), ...facts, offloads }
  }

  private readings(): Readings {
    const { platform, loop, network } = this.options
    const devices = network?.ports.map(({ device }) => device.statistics) ?? []
    const sum = (name: 'transmittedBytes' | 'receivedBytes') =>
      devices.reduce((total, statistics) => total + statistics[name], 0)
    return {
      ...{ uptimeNs: platform.monotonicNs(), sleptNs: loop.sleptNs },
      sentBytes: sum('transmittedBytes'),
      receivedBytes: sum('receivedBytes'),
      connections: network?.stack.tcp.connectionCount ?? 0,
    }
  }

  /** What the page and scrapers are told of each interface; the first is at the top, too. */
  private interfaces(): Record<string, unknown>[] {
    const { network } = this.options
    if (network === null) return []
    return network.describe().map((report, index) => {
      const { pci, mac, mtu, addresses } = networkFields(report)
      const { device, joiner } = network.ports[index]!
      return {
        ...{ index, pci, mac, mtu, addresses, isUp: device.link.isUp },
        configuration: reportConfiguration(network.stack, index),
        device: device.statistics,
        coalescing: joiner.statistics,
        counters: network.stack.host.interfaces[index]!.counters,
      }
    })
  }

  private counters(): Record<string, unknown> {
    const { platform, loop, interrupts, entropy, network, listening, clock } = this.options
    return {
      ...platformCounters(platform, loop, interrupts, entropy),
      clock: clock.report(),
      addresses: network === null ? [] : network.addressTexts(),
      configuration: network === null ? null : reportConfiguration(network.stack, 0),
      listening: listening.entries,
      device: network === null ? null : network.ports[0]!.device.statistics,
      interfaces: this.interfaces(),
      transmitOffloads: network === null ? {} : network.transmitOffloads(),
      receiveOffloads: network === null ? {} : network.receiveOffloads(),
      coalescing: network?.ports[0]?.joiner.statistics ?? null,
      ...reportStack(network === null ? null : network.stack),
    }
  }
}
