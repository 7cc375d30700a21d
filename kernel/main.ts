/** The composition root: one straight list from the machine to the app. */
import { openPowerButton } from '../drivers/acpi/power-button.ts'
import { ConfigurationDevice } from '../drivers/firmware/configuration-device.ts'
import type { Hal } from '../drivers/hal.ts'
import { readEventLogTime } from '../drivers/ipmi/event-log-time.ts'
import { KeyboardControllerStyle } from '../drivers/ipmi/keyboard-controller-style.ts'
import { readRtcDate, readRtcSecond } from '../drivers/rtc/real-time-clock.ts'
import type { IpAddress } from '../net/wire/ip-address.ts'
import { formatIpAddress } from '../net/wire/ip-address-text.ts'
import { createNtpRequest, NTP_PORT, readNtpReply } from '../net/wire/ntp.ts'
import { createAppSystem } from './app-system.ts'
import { GuestClock } from './clock/guest-clock.ts'
import { openNtp, serversOfLeases } from './clock/open-ntp.ts'
import { CommandLineError, type KernelOptions } from './command-line.ts'
import { reportConnectionFailures } from './connection-failure.ts'
import { reportDatagramFailures } from './datagram-failure.ts'
import { Devices, openBuses } from './devices.ts'
import type { EntropyPool } from './entropy/entropy-pool.ts'
import { gatherEntropy, NO_ENTROPY } from './entropy/gather-entropy.ts'
import { connect, connectDatagram, guest, provideSystem } from './eremite.ts'
import { EventLoop } from './event-loop.ts'
import { Events } from './events.ts'
import { installAppGlobals } from './globals/app-globals.ts'
import { createNativeHal, createNativePlatform } from './hal/native-hal.ts'
import { ExitCode, type Platform } from './hal/platform.ts'
import { HaltPoll } from './halt-poll.ts'
import { HotPlug } from './hot-plug.ts'
import { Interrupts } from './interrupts.ts'
import { Logger, type LogSink } from './logger.ts'
import { type Network, openNetwork } from './network.ts'
import { DeviceGroup, NetworkSource } from './network-source.ts'
import type { NoNetwork, TellNoNetwork } from './no-network.ts'
import { openSyslog } from './open-syslog.ts'
import { panic } from './panic.ts'
import { readCommandLine } from './read-command-line.ts'
import { Ready } from './ready.ts'
import { RejectionPolicy } from './rejection-policy.ts'
import { createSettings } from './settings.ts'
import { Shutdown } from './shutdown.ts'
import { SyslogClient } from './syslog-client.ts'
import { TimerQueue } from './timer-queue.ts'
import { reportUnused } from './unused-devices.ts'
import { VERSION } from './version.ts'

// boot/ gives apps this module's exports under the name `eremite`.
export {
  connect,
  connectDatagram,
  env,
  files,
  listen,
  listenDatagram,
  listenTcp,
  listenUdp,
  NetError,
  openRaw,
  ping,
  resolve,
  system,
  tcpInfo,
} from './eremite.ts'

/** Called by boot/ once the module is evaluated; returns never. */
export function main(): void {
  const native = createNativePlatform()
  const atExit: ((code: ExitCode) => void)[] = []
  const platform: Platform = {
    ...native,
    exit(code) {
      // Each is taken off first: one that fails must not be called again by the panic that follows.
      for (let end = atExit.pop(); end !== undefined; end = atExit.pop()) end(code)
      return native.exit(code)
    },
  }
  const events = new Events(platform)
  try {
    const options = readOptions(platform)
    const syslog = options.syslog === null ? null : new SyslogClient()
    const sink: LogSink = {
      ...{ write: platform.writeConsole, nowNs: platform.monotonicNs, format: options.logFormat },
      ...(syslog === null ? {} : { take: syslog.take }),
    }
    new Kernel({
      ...{ hal: createNativeHal(), platform, events, options, atExit, syslog },
      log: new Logger('kernel', options.log, sink),
    }).run()
  } catch (error) {
    panic(platform, events, 'uncaught error', error)
  }
}

function readOptions(platform: Platform): KernelOptions<IpAddress> {
  try {
    return readCommandLine(platform.commandLine())
  } catch (error) {
    if (!(error instanceof CommandLineError)) throw error
    platform.writeConsole(`command line: ${error.message}\n`)
    return platform.exit(ExitCode.CommandLine)
  }
}

interface Machine {
  readonly hal: Hal
  readonly platform: Platform
  readonly events: Events
  readonly options: KernelOptions<IpAddress>
  readonly log: Logger
  /** Null: the log goes nowhere but to the console. */
  readonly syslog: SyslogClient | null
  /** Called with the exit code before the guest ends, the last one first. */
  readonly atExit: ((code: ExitCode) => void)[]
}

class Kernel {
  private readonly machine: Machine
  private readonly interrupts: Interrupts
  private readonly timers = new TimerQueue()
  private readonly loop: EventLoop
  private readonly clock: GuestClock
  private readonly stages: [string, number][]
  private noNetwork: NoNetwork | null = null
  /** Null until everything is open. */
  private shutdown: Shutdown | null = null

  constructor(machine: Machine) {
    const { hal, platform } = machine
    this.machine = machine
    this.stages = platform.bootStages()
    this.interrupts = new Interrupts(hal)
    const { log, options } = machine
    const rejections = new RejectionPolicy({
      ...{ mode: options.unhandled, mapStackTrace: platform.mapStackTrace },
      isServing: () => guest.listening.entries.length > 0 && this.shutdown?.signal.aborted !== true,
      log: log.named('app'),
      end: (reason) => this.fail('unhandled rejection', reason),
    })
    const { interrupts, timers } = this
    const bmc = KeyboardControllerStyle.find(hal)
    this.clock = new GuestClock({
      ...{ platform, timers, log: log.named('clock') },
      readRtcSecond: () => readRtcSecond(hal),
      readRtcSeconds: () => readRtcDate(hal),
      readBmcSeconds: () => (bmc === null ? null : readEventLogTime(bmc)),
    })
    const report = (reason: unknown) => rejections.report(reason)
    const haltPoll = options.polls ? new HaltPoll() : new HaltPoll(0)
    this.loop = new EventLoop(platform, interrupts, timers, report, haltPoll)
  }

  run(): never {
    const { hal, log, platform } = this.machine
    const ram = Math.round(platform.memoryUsage().ramBytes / 1048576)
    log.info(`Eremite ${VERSION} on ${platform.engineVersion()}, ${ram} MiB of memory`)
    const { mmioDevices } = this.machine.options
    const buses = openBuses(hal, mmioDevices, log.named('pci'), this.tellNoNetwork)
    const devices = buses === null ? null : new Devices(hal, buses, this.interrupts, this.timers)
    devices?.startWatchdog(this.machine.options.watchdogSeconds, log)
    this.mark('pci')
    const entropy = this.seedEntropy(devices)
    this.mark('entropy')
    // Before the network, whose devices take as many vectors as there are queues.
    this.openPowerButton()
    const network = this.openNetwork(devices, entropy)
    reportUnused(hal, devices, log)
    this.mark('network')
    const bus = buses === null ? null : buses.pci
    if (devices !== null && bus !== null) {
      const { driven } = devices
      new HotPlug({ hal, bus, driven, timers: this.timers, log: log.named('pci') }).start()
    }
    this.startApp(entropy, network, this.openShutdown(network))
    try {
      return this.loop.run()
    } catch (error) {
      if (this.shutdown?.excuses(error) !== true) throw error
      return this.shutdown.end()
    }
  }

  /** The end of a run, unless it comes of a shutdown that is under way anyhow. */
  private fail(kind: 'uncaught error' | 'unhandled rejection', error: unknown): void {
    const { platform, events } = this.machine
    if (this.shutdown?.excuses(error) !== true) panic(platform, events, kind, error)
  }

  private readonly tellNoNetwork: TellNoNetwork = (problem) => {
    this.noNetwork = problem
  }

  private mark(stage: string): void {
    this.stages.push([stage, this.machine.platform.monotonicNs()])
  }

  private seedEntropy(devices: Devices | null): EntropyPool | null {
    const { hal, platform } = this.machine
    const log = this.machine.log.named('entropy')
    return gatherEntropy({
      ...{ hal, platform, timers: this.timers, log },
      devices: devices === null ? [] : devices.openEntropy(log),
      facts: `${platform.commandLine()} ${this.stages} ${hal.acpiRootPointer}`,
    })
  }

  private openNetwork(devices: Devices | null, entropy: EntropyPool | null): Network | null {
    if (devices === null) return null
    if (entropy === null) {
      this.tellNoNetwork({ reason: 'no-entropy', message: NO_ENTROPY })
      return null
    }
    const { tellNoNetwork, timers, interrupts } = this
    const parts = { ...this.machine, devices, entropy, tellNoNetwork, timers, interrupts }
    const network = openNetwork(parts)
    if (network === null) return null
    this.machine.atExit.push(...network.atExit)
    const drivers = network.ports.map(({ device }) => device)
    const [only] = drivers
    const source = drivers.length === 1 ? only! : new DeviceGroup(drivers)
    this.loop.add(new NetworkSource(network.stack, source))
    guest.stack = network.stack
    guest.nowMs = () => Math.floor(this.machine.platform.monotonicNs() / 1e6)
    const { wait } = network
    if (wait !== null) {
      guest.addressed = new Promise((resolve) => {
        wait.whenOver(() => {
          guest.addressed = null
          resolve()
        })
      })
    }
    this.openSyslog(network, entropy)
    this.openNtp(network, entropy)
    return network
  }

  private openNtp(network: Network, { generator: random }: EntropyPool): void {
    const clients = network.stack.configurations.flatMap((it) => it?.dhcp ?? [])
    openNtp(this.clock, {
      given: this.machine.options.ntp,
      leased: clients.length === 0 ? null : () => serversOfLeases(clients).map(formatIpAddress),
      codec: { createRequest: createNtpRequest, read: readNtpReply },
      ...{ port: NTP_PORT, connectDatagram, random },
      whenAddressed: (start) => (network.wait === null ? start() : network.wait.whenOver(start)),
    })
  }

  private openSyslog(network: Network, { generator: random }: EntropyPool): void {
    const { syslog, options, platform } = this.machine
    if (syslog === null || options.syslog === null) return
    const start = () =>
      openSyslog(syslog, options.syslog!, {
        ...{ connect, connectDatagram, addressTexts: () => network.addressTexts() },
        ...{ encodeUtf8: platform.encodeUtf8, timers: this.timers, nowNs: platform.monotonicNs },
        random,
      })
    if (network.wait === null) start()
    else network.wait.whenOver(start)
  }

  private openShutdown(network: Network | null): Shutdown {
    const { options } = this.machine
    const { interrupts, timers } = this
    const stack = network === null ? null : network.stack
    const { graceMs } = options
    const shutdown = new Shutdown({ ...this.machine, interrupts, timers, stack, graceMs })
    this.shutdown = shutdown
    return shutdown
  }

  private openPowerButton(): void {
    const { hal, log } = this.machine
    const { interrupts } = this
    // The loop, which alone calls handlers, runs once there is something to shut down.
    const button = openPowerButton({ hal, interrupts, onPress: () => this.shutdown?.request() })
    if (button === null) log.debug('power button: none')
    else if (button.problem === '') log.debug(`power button: ${button.description}`)
    else log.warn(`power button (${button.description}) is not heard: ${button.problem}`)
  }

  private startApp(entropy: EntropyPool | null, network: Network | null, shutdown: Shutdown): void {
    const { hal, platform, events, options } = this.machine
    const { timers, loop, interrupts, stages } = this
    const log = this.machine.log.named('app')
    const ready = new Ready({
      ...{ platform, events, loop, interrupts, entropy, network, stages, clock: this.clock },
      noNetwork: this.noNetwork,
      log: this.machine.log,
      listening: guest.listening,
      exitAfterReady: options.exitAfterReady,
    })
    const settings = createSettings({
      open: () => ConfigurationDevice.open(hal),
      given: options.env,
      decodeText: platform.decodeUtf8,
    })
    provideSystem(
      createAppSystem({
        ...{ platform, timers, log },
        bulk: hal.bulk,
        allocateDma: hal.allocateDma,
        services: options.services,
        network,
        shutdown: shutdown.signal,
        statistics: ready.statistics,
      }),
      settings,
    )
    if (network !== null) {
      const { stack } = network
      stack.onConnectionFailure = reportConnectionFailures(log, platform)
      stack.onDatagramFailure = reportDatagramFailures(log, platform)
    }
    const random = entropy === null ? null : entropy.generator
    installAppGlobals(globalThis, { platform, log, timers, random })
    platform.loadApp(platform.appContainer()).then(
      () => ready.announce(),
      (error) => this.fail('uncaught error', error),
    )
    // An app may wait at its top level for as long as it serves: it is ready once it only waits.
    loop.whenIdle(() => ready.announce())
  }
}
