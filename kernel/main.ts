/** The composition root: hal, PCI, virtio-rng, entropy, virtio-net, software offload, stack, app. */
import { openPciBus, type PciBus } from '../drivers/pci/pci-bus.ts'
import { VirtioConsole } from '../drivers/virtio/console/virtio-console.ts'
import { explainFeatures, summariseMissing } from '../drivers/virtio/net/explain-features.ts'
import { OFFLOAD_NAMES } from '../drivers/virtio/net/features.ts'
import { VirtioNet } from '../drivers/virtio/net/virtio-net.ts'
import { findVirtioFunctions, PciTransport } from '../drivers/virtio/pci-transport.ts'
import { VirtioRng } from '../drivers/virtio/rng/virtio-rng.ts'
import { VirtioDeviceType } from '../drivers/virtio/transport.ts'
import { NetError } from '../net/api/net-error.ts'
import { type ConnectOptions, type ListenOptions, Stack } from '../net/api/stack.ts'
import { StackCommentator } from '../net/api/stack-commentator.ts'
import { reportStack } from '../net/api/stack-report.ts'
import type { TcpListener } from '../net/api/tcp-listener.ts'
import type { TcpStream } from '../net/api/tcp-stream.ts'
import type { ListenDatagramOptions, UdpEndpoint } from '../net/api/udp-endpoint.ts'
import type { NetDevice } from '../net/phy/net-device.ts'
import { PcapngWriter } from '../net/phy/pcapng-writer.ts'
import { withSoftwareOffload } from '../net/phy/software-offload.ts'
import { Tracer } from '../net/phy/tracer.ts'
import type { TcpSocket } from '../net/socket/tcp/tcp-socket.ts'
import type { UdpSocket, UdpSocketHandler } from '../net/socket/udp/udp-socket.ts'
import { formatCidr, isHostAddress, isInPrefix } from '../net/wire/cidr.ts'
import { type IpAddress, isLinkLocal, isSameAddress } from '../net/wire/ip-address.ts'
import { parseIpAddress } from '../net/wire/ip-address-text.ts'
import { type AppSystem, createAppSystem } from './app-system.ts'
import { CAPTURE_BYTES, CAPTURE_DRAIN_NS, CAPTURE_PORT } from './capture.ts'
import {
  type AddressSyntax,
  CommandLineError,
  type KernelOptions,
  parseCommandLine,
} from './command-line.ts'
import { configureInterface } from './configure-interface.ts'
import type { EntropyPool, EntropySource } from './entropy/entropy-pool.ts'
import { gatherEntropy } from './entropy/gather-entropy.ts'
import { EventLoop } from './event-loop.ts'
import { Events } from './events.ts'
import { installAppGlobals } from './globals/app-globals.ts'
import type { Hal } from './hal/hal.ts'
import { createNativeHal, createNativePlatform } from './hal/native-hal.ts'
import { ExitCode, type Platform } from './hal/platform.ts'
import { Interrupts } from './interrupts.ts'
import { ListeningPorts } from './listening-ports.ts'
import { Logger, type LogSink } from './logger.ts'
import { NetworkSource } from './network-source.ts'
import { panic } from './panic.ts'
import {
  type DeviceReport,
  logNetwork,
  logReady,
  type NetworkReport,
  networkFields,
  readyFields,
} from './ready-report.ts'
import { platformCounters, StatisticsReport } from './statistics-report.ts'
import { TimerQueue } from './timer-queue.ts'
import { VERSION } from './version.ts'

const ADDRESS_SYNTAX: AddressSyntax<IpAddress> = {
  parse(text, version) {
    const address = parseIpAddress(text)
    return address !== null && address.version === version ? address : null
  },
  isHost: (address, prefixLength) => isHostAddress({ address, prefixLength }),
  isLinkLocal,
  isSamePrefix: (a, b, prefixLength) => isInPrefix(a, b, prefixLength),
  isEqual: isSameAddress,
}

/** Socket buffers begin on a page, so that no two share a cache line. */
const BUFFER_ALIGNMENT_BYTES = 4096

interface Network {
  readonly device: VirtioNet
  readonly description: DeviceReport
  readonly stack: Stack
}

// What the module `eremite` exports to apps; main() sets the values before an app is loaded.
export { NetError }
export let system: AppSystem
let network: Network | null = null
let endCapture: ((code: ExitCode) => void) | null = null
const listening = new ListeningPorts()

function requireStack(action: string): Stack {
  if (network === null) {
    throw new NetError('unreachable', `Cannot ${action}: this guest has no network`)
  }
  return network.stack
}

export function listen(options: ListenOptions): TcpListener {
  const listener = requireStack('listen').listen(options)
  listening.add(options.port, 'tcp')
  return listener
}

export async function connect(options: ConnectOptions): Promise<TcpStream> {
  return requireStack('connect').connect(options)
}

export function listenTcp(port: number, onConnection: (socket: TcpSocket) => void): void {
  requireStack('listen').listenSocket({
    port,
    handler: {
      onConnection(listener) {
        for (let socket = listener.accept(); socket !== null; socket = listener.accept()) {
          onConnection(socket)
        }
      },
    },
  })
  listening.add(port, 'tcp')
}

export function listenDatagram(options: ListenDatagramOptions): UdpEndpoint {
  const endpoint = requireStack('listen').listenDatagram(options)
  listening.add(endpoint.port, 'udp')
  return endpoint
}

export function listenUdp(port: number, handler: UdpSocketHandler): UdpSocket {
  const socket = requireStack('listen').openUdpSocket({ port, handler })
  listening.add(socket.localPort, 'udp')
  return socket
}

/** Called by boot/ once the module is evaluated; returns never. */
export function main(): void {
  const native = createNativePlatform()
  // Whatever ends the run ends the capture first.
  const platform: Platform = {
    ...native,
    exit(code) {
      const end = endCapture
      endCapture = null
      end?.(code)
      return native.exit(code)
    },
  }
  const events = new Events(platform)
  try {
    const options = readOptions(platform)
    const sink: LogSink = { write: platform.writeConsole, nowNs: platform.monotonicNs }
    new Kernel(platform, events, options, new Logger('kernel', options.log, sink)).run()
  } catch (error) {
    panic(platform, events, 'uncaught error', error)
  }
}

function readOptions(platform: Platform): KernelOptions<IpAddress> {
  try {
    return parseCommandLine(platform.commandLine(), ADDRESS_SYNTAX, OFFLOAD_NAMES)
  } catch (error) {
    if (!(error instanceof CommandLineError)) throw error
    platform.writeConsole(`command line: ${error.message}\n`)
    return platform.exit(ExitCode.CommandLine)
  }
}

class Kernel {
  private readonly hal: Hal
  private readonly platform: Platform
  private readonly events: Events
  private readonly options: KernelOptions<IpAddress>
  private readonly log: Logger
  private readonly interrupts: Interrupts
  private readonly timers = new TimerQueue()
  private readonly loop: EventLoop
  private readonly stages: [string, number][]
  private entropy: EntropyPool | null = null
  private isReady = false

  constructor(platform: Platform, events: Events, options: KernelOptions<IpAddress>, log: Logger) {
    this.hal = createNativeHal()
    this.platform = platform
    this.events = events
    this.options = options
    this.log = log
    this.stages = platform.bootStages()
    this.interrupts = new Interrupts(this.hal)
    this.loop = new EventLoop(platform, this.interrupts, this.timers, (reason) =>
      panic(platform, events, 'unhandled rejection', reason),
    )
  }

  run(): never {
    const { log, platform } = this
    const ram = Math.round(platform.memoryUsage().ramBytes / 1048576)
    log.info(`Eremite ${VERSION} on ${platform.engineVersion()}, ${ram} MiB of memory`)
    const bus = this.openPci()
    this.mark('pci')
    this.entropy = this.seedEntropy(bus)
    this.mark('entropy')
    if (bus !== null && this.entropy !== null) network = this.openNetwork(bus, this.entropy)
    this.mark('network')
    this.startApp()
    return this.loop.run()
  }

  /** Null, after a line that says why, on a machine without PCI. */
  private openPci(): PciBus | null {
    const log = this.log.named('pci')
    try {
      const bus = openPciBus(this.hal)
      if (log.debugEnabled) {
        for (const { address, vendorId, deviceId } of bus.functions) {
          log.debug(`${address} ${vendorId.toString(16)}:${deviceId.toString(16)}`)
        }
      }
      return bus
    } catch (error) {
      log.warn(error instanceof Error ? error.message : String(error))
      return null
    }
  }

  private mark(stage: string): void {
    this.stages.push([stage, this.platform.monotonicNs()])
  }

  private openEntropyDevices(bus: PciBus, log: Logger): EntropySource[] {
    const devices: EntropySource[] = []
    const { Entropy } = VirtioDeviceType
    for (const pciFunction of findVirtioFunctions(bus, Entropy)) {
      try {
        const rng = new VirtioRng(this.hal, new PciTransport(this.hal, bus, pciFunction, Entropy))
        devices.push({ name: 'virtio-rng', collect: (target) => rng.fill(target) })
      } catch (error) {
        log.warn(`entropy device ${pciFunction.address} is not usable: ${String(error)}`)
      }
    }
    return devices
  }

  private seedEntropy(bus: PciBus | null): EntropyPool | null {
    const { hal, platform, timers } = this
    const log = this.log.named('entropy')
    const devices = bus === null ? [] : this.openEntropyDevices(bus, log)
    const facts = `${platform.commandLine()} ${this.stages} ${hal.acpiRootPointer}`
    return gatherEntropy({ hal, platform, timers, log, devices, facts })
  }

  /** Null, after a line that says why, when there is no usable network device. */
  private openNetwork(bus: PciBus, entropy: EntropyPool): Network | null {
    const { hal, options } = this
    const log = this.log.named('net')
    const device = this.openDevice(bus, log)
    if (device === null) return null
    // Above the software offload, so that a trace shows what the stack meant, super-segments whole.
    const offloading = withSoftwareOffload(device, hal.bulk)
    const capture = this.openCapture(bus, offloading, device.describe().pciAddress)
    const captured = capture ?? offloading
    const wire = this.log.named('wire')
    const stack = new Stack({
      device: wire.traceEnabled ? new Tracer(captured, (line) => wire.trace(line)) : captured,
      allocator: {
        allocate: (lengthBytes) => hal.allocateDma(lengthBytes, BUFFER_ALIGNMENT_BYTES),
      },
      bulk: hal.bulk,
      random: entropy.generator,
    })
    if (capture !== null) capture.commentator = new StackCommentator(stack)
    configureInterface(stack.interface, options, Math.floor(this.platform.monotonicNs() / 1e6), log)
    this.loop.add(new NetworkSource(stack, device))
    return { device, description: device.describe(), stack }
  }

  private openDevice(bus: PciBus, log: Logger): VirtioNet | null {
    const { hal, interrupts, options } = this
    const functions = findVirtioFunctions(bus, VirtioDeviceType.Network)
    const { offload } = options
    const acceptedOffloads = offload === 'all' ? null : new Set(offload === 'none' ? [] : offload)
    for (const pciFunction of functions) {
      try {
        const transport = new PciTransport(hal, bus, pciFunction, VirtioDeviceType.Network)
        const report = (message: string) =>
          / link is up$/.test(message) ? log.info(message) : log.warn(message)
        return new VirtioNet({ hal, transport, interrupts, acceptedOffloads, report })
      } catch (error) {
        log.error(`network device ${pciFunction.address} is not usable: ${String(error)}`)
      }
    }
    log.warn(
      functions.length === 0
        ? 'no network device, running without network: add -device virtio-net-pci,netdev=...'
        : 'running without network',
    )
    return null
  }

  /** Null when no console has the port for it: then nothing is between the stack and its device. */
  private openCapture(bus: PciBus, device: NetDevice, address: string): PcapngWriter | null {
    const { hal, platform } = this
    const { Console } = VirtioDeviceType
    for (const pciFunction of findVirtioFunctions(bus, Console)) {
      const log = this.log.named('capture')
      try {
        const transport = new PciTransport(hal, bus, pciFunction, Console)
        const report = (message: string) => log.warn(message)
        const port = new VirtioConsole({ hal, transport, report }).findPort(CAPTURE_PORT)
        if (port === null || !port.open(CAPTURE_BYTES)) continue
        const { encodeUtf8: encode, monotonicNs: nowNs } = platform
        const capture = new PcapngWriter({
          ...{ device, encode, nowNs, bulk: hal.bulk, channel: port, os: `Eremite ${VERSION}` },
          description: `the guest's stack, above virtio-net ${address}`,
        })
        endCapture = (code) => {
          capture.close(`the guest ended with exit code ${code}`)
          port.drain(CAPTURE_DRAIN_NS)
        }
        log.info(`every frame goes to port ${CAPTURE_PORT} of ${pciFunction.address}`)
        return capture
      } catch (error) {
        log.warn(`console device ${pciFunction.address} is not usable: ${String(error)}`)
      }
    }
    return null
  }

  private startApp(): void {
    const { platform, options } = this
    system = createAppSystem({
      platform,
      bulk: this.hal.bulk,
      allocateDma: this.hal.allocateDma,
      timers: this.timers,
      log: this.log.named('app'),
      services: options.services,
      hasNetwork: network !== null,
      statistics: new StatisticsReport(
        () => this.facts(),
        () => this.counters(),
      ),
    })
    installAppGlobals(globalThis, {
      platform,
      log: this.log.named('app'),
      timers: this.timers,
      random: this.entropy === null ? null : this.entropy.generator,
    })
    platform.loadApp(platform.appContainer()).then(
      () => this.announceReady(),
      (error) => panic(platform, this.events, 'uncaught error', error),
    )
    // An app may wait at its top level for as long as it serves: it is ready once it only waits.
    this.loop.whenIdle(() => this.announceReady())
  }

  private announceReady(): void {
    if (this.isReady) return
    this.isReady = true
    const { log, platform } = this
    const report = describeNetwork()
    if (report !== null) logNetwork(log.named('net'), report)
    this.mark('app')
    logReady(log, platform.monotonicNs(), listening.entries)
    this.mark('ready')
    this.events.emit('ready', readyFields(this.stages, report, listening.entries))
    listening.onLate = (entry) => this.events.emit('listening', { ...entry })
    // After the event: nobody waits for an explanation.
    const missing = report === null ? null : summariseMissing(report.device)
    if (missing !== null) log.named('net').info(missing)
    if (this.options.exitAfterReady) platform.exit(ExitCode.Clean)
  }

  /** What /stats says and what never changes once the guest is ready. */
  private facts(): Record<string, unknown> {
    const { addresses, ...facts } = networkFields(describeNetwork())
    const offloads = network === null ? [] : explainFeatures(network.description)
    return { version: VERSION, engine: this.platform.engineVersion(), ...facts, offloads }
  }

  private counters(): Record<string, unknown> {
    return {
      ...platformCounters(this.platform, this.loop, this.interrupts, this.entropy),
      addresses: network === null ? [] : addressTexts(network.stack),
      listening: listening.entries,
      device: network === null ? null : network.device.statistics,
      ...reportStack(network === null ? null : network.stack),
    }
  }
}

function describeNetwork(): NetworkReport | null {
  if (network === null) return null
  const { device, description, stack } = network
  return {
    device: description,
    capabilities: device.capabilities,
    hardwareAddress: device.hardwareAddress,
    addresses: addressTexts(stack),
  }
}

function addressTexts(stack: Stack): string[] {
  return stack.interface.addresses.entries.map(formatCidr)
}
