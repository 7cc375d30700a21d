/**
 * Opens the guest's network: device, software offload, capture, tracer and stack on top of each
 * other.
 */

import type { Hal } from '../drivers/hal.ts'
import type { VirtioNetDescription } from '../drivers/virtio/net/describe.ts'
import { explainFeatures } from '../drivers/virtio/net/explain-features.ts'
import { SWITCHABLE_OFFLOADS } from '../drivers/virtio/net/features.ts'
import { STEERING_KEY_BYTES } from '../drivers/virtio/net/receive-steering.ts'
import type { VirtioNet } from '../drivers/virtio/net/virtio-net.ts'
import { Stack } from '../net/api/stack.ts'
import { INTERNAL_WAY } from '../net/capture/internal-way.ts'
import { openPcapng, type PcapngWriter } from '../net/capture/pcapng-writer.ts'
import { StackCommentator } from '../net/capture/stack-commentator.ts'
import type { Interface } from '../net/iface/interface.ts'
import type { SegmentationUse } from '../net/iface/protocol-handler.ts'
import type { NetDevice } from '../net/phy/net-device.ts'
import { SegmentJoiner } from '../net/phy/segment-joiner.ts'
import { withSoftwareOffload } from '../net/phy/software-offload.ts'
import { traced } from '../net/phy/tracer.ts'
import { formatCidr } from '../net/wire/cidr.ts'
import type { IpAddress } from '../net/wire/ip-address.ts'
import { AddressWait } from './address-wait.ts'
import { CAPTURE_DRAIN_NS, CAPTURE_PORT } from './capture.ts'
import type { KernelOptions } from './command-line.ts'
import { ConfigurationLog } from './configuration-log.ts'
import { configureInterface } from './configure-interface.ts'
import type { CapturePort, Devices } from './devices.ts'
import type { EntropyPool } from './entropy/entropy-pool.ts'
import { keyedDigest } from './entropy/keyed-digest.ts'
import type { Events } from './events.ts'
import { ExitCode, type Platform } from './hal/platform.ts'
import type { Logger } from './logger.ts'
import { reassemblyShare, socketShares } from './memory-shares.ts'
import type { TellNoNetwork } from './no-network.ts'
import type { NetworkReport } from './ready-report.ts'
import { releaseLeases } from './release-leases.ts'
import type { TimerQueue } from './timer-queue.ts'
import { VERSION } from './version.ts'

/** Socket buffers begin on a page, so that no two share a cache line. */
const BUFFER_ALIGNMENT_BYTES = 4096
/** RFC 7217 §5 wants 16 or more. */
const SECRET_BYTES = 32

/** Words of `offload=` that the stack makes use of or not, without telling the device. */
const TRANSMIT_OFFLOADS: Readonly<
  Record<string, { readonly feature: string; readonly use: keyof SegmentationUse }>
> = {
  __proto__: null as never,
  tso4: { feature: 'HOST_TSO4', use: 'tcpv4' },
  tso6: { feature: 'HOST_TSO6', use: 'tcpv6' },
  uso: { feature: 'HOST_USO', use: 'udp' },
}

/** As Linux calls it: segments joined here, that the device has not. */
const JOINING_WORD = 'gro'

export interface NetworkOptions {
  readonly hal: Hal
  readonly platform: Platform
  readonly devices: Devices
  readonly options: KernelOptions<IpAddress>
  readonly entropy: EntropyPool
  readonly log: Logger
  readonly tellNoNetwork: TellNoNetwork
  readonly events: Events
  readonly timers: TimerQueue
  readonly interrupts: { total(): number }
}

/** One device of the network, with what stands between it and the stack. */
export interface NetworkPort {
  readonly device: VirtioNet
  readonly description: VirtioNetDescription
  /** What the device has for joining received segments while that is switched on. */
  readonly joiner: SegmentJoiner
}

export class Network {
  /** In the order of the stack's interfaces. */
  readonly ports: readonly NetworkPort[]
  readonly stack: Stack
  /** Ends what is not to be left as it is, the last first; called once, whatever ends the run. */
  readonly atExit: ((code: ExitCode) => void)[] = []
  /**
   * Null when an address is given by hand, or none is wanted: then there is nothing to wait for.
   */
  wait: AddressWait | null = null
  /** One for each interface whose addresses change by themselves. */
  readonly configurationLogs: ConfigurationLog[] = []
  private readonly first: NetworkPort
  private readonly capture: CapturePort | null
  private readonly isTraced: boolean
  /** Whether segments are to be joined here, as far as nobody records. */
  private isJoiningWanted = true

  constructor(
    ports: readonly NetworkPort[],
    stack: Stack,
    capture: CapturePort | null,
    isTraced: boolean,
  ) {
    this.ports = ports
    this.isTraced = isTraced
    this.first = ports[0]!
    this.stack = stack
    this.capture = capture
    if (capture !== null) capture.onListener = () => this.placeJoiners()
    this.placeJoiners()
  }

  /** One of each interface. */
  describe(): NetworkReport[] {
    return this.ports.map(({ device, description }, index) => ({
      device: description,
      capabilities: device.capabilities,
      hardwareAddress: device.hardwareAddress,
      addresses: this.addressTexts(index),
    }))
  }

  /** Of one interface, or of all. */
  addressTexts(index?: number): string[] {
    const { interfaces } = this.stack.host
    const meant = index === undefined ? interfaces : [interfaces[index]!]
    return meant.flatMap(({ addresses }) => addresses.entries.map(formatCidr))
  }

  /**
   * Receive offloads that can be switched while the guest runs, by the words of `offload=`: whether
   * the devices, as the first, do them now.
   */
  receiveOffloads(): Record<string, boolean> {
    const { negotiated } = this.first.description
    const { settings, rx } = this.first.device
    const own = { [JOINING_WORD]: rx.joiner !== null }
    if (settings === null || !negotiated.includes('CTRL_GUEST_OFFLOADS')) return own
    const known = SWITCHABLE_OFFLOADS.filter(({ name }) => negotiated.includes(name))
    const entries = known.map((it) => [it.offloadName!, settings.offloadsInForce.has(it.name)])
    return { ...Object.fromEntries(entries), ...own }
  }

  /** Offloads of what is sent, by the words of `offload=`: whether they are made use of now. */
  transmitOffloads(): Record<string, boolean> {
    const { segmentation } = this.stack.host.egress
    const known = Object.entries(TRANSMIT_OFFLOADS).filter(([, it]) =>
      this.ports.some(({ description }) => description.negotiated.includes(it.feature)),
    )
    return Object.fromEntries(known.map(([word, { use }]) => [word, segmentation[use]]))
  }

  /** From the next frame on; false, and nothing done, when no device does such a thing. */
  switchTransmitOffload(word: string, on: boolean): boolean {
    const known = TRANSMIT_OFFLOADS[word]
    if (known === undefined || this.transmitOffloads()[word] === undefined) return false
    this.stack.host.egress.segmentation[known.use] = on
    this.stack.tcp.planFrames()
    return true
  }

  /**
   * Of every device that does such a thing; `done` is told once what is in the way of the first, or
   * the empty string once it has done it.
   */
  switchReceiveOffload(word: string, on: boolean, done: (problem: string) => void): void {
    if (word === JOINING_WORD) {
      this.isJoiningWanted = on
      this.placeJoiners()
      done('')
      return
    }
    for (const port of this.ports) {
      switchReceiveOffloadOf(port, word, on, port === this.first ? done : () => {})
    }
  }

  /** Whoever records or traces looks for what the device gave, frame by frame. */
  private placeJoiners(): void {
    const isWatched = this.isTraced || (this.capture?.isOpen ?? false)
    const isJoining = this.isJoiningWanted && !isWatched
    for (const { device, joiner } of this.ports) device.rx.joiner = isJoining ? joiner : null
  }

  /** Every offload with its meaning, taken or not. */
  explainOffloads(): ReturnType<typeof explainFeatures> {
    return explainFeatures(this.first.description)
  }
}

function switchReceiveOffloadOf(
  { device: { settings } }: NetworkPort,
  word: string,
  on: boolean,
  done: (problem: string) => void,
): void {
  const feature = SWITCHABLE_OFFLOADS.find(({ offloadName }) => offloadName === word)
  if (feature === undefined) done('it is no receive offload')
  else if (settings === null) done('the device takes no commands')
  else settings.switchOffload(feature.name, on, done)
}

/** Null, after a line that says why, when there is no usable network device. */
export function openNetwork(parts: NetworkOptions): Network | null {
  const { hal, devices, options } = parts
  const log = parts.log.named('net')
  const { offload, interruptDelayUs, queuePairs } = options
  const acceptedOffloads = offload === 'all' ? null : new Set(offload === 'none' ? [] : offload)
  const steeringKey = new Uint8Array(STEERING_KEY_BYTES)
  parts.entropy.generator.fill(steeringKey)
  const choices = { acceptedOffloads, interruptDelayUs, queuePairs, steeringKey }
  const found = devices.openNetworks(
    choices,
    parts.platform.memoryUsage(),
    log,
    parts.tellNoNetwork,
  )
  if (found.length === 0) return null
  reportAbsent(options.namedInterfaces, found.length, log)
  const ports = found.map((device) => openPort(device, hal, log))
  const complete = ports.map(({ device, description }) => ({
    // Above the software offload, so that a trace shows what the stack meant, super-segments whole.
    device: withSoftwareOffload(device, hal.bulk),
    ...description,
  }))
  const capture = openCapture(parts, complete)
  const wire = parts.log.named('wire')
  const trace = (device: NetDevice) =>
    wire.traceEnabled ? traced(device, (line) => wire.trace(line)) : device
  const stack = new Stack({
    devices: complete.map(({ device }, index) => trace(capture?.writers[index] ?? device)),
    allocator: {
      allocate: (lengthBytes) => hal.allocateDma(lengthBytes, BUFFER_ALIGNMENT_BYTES),
    },
    bulk: hal.bulk,
    random: parts.entropy.generator,
    tcp: socketShares(parts.platform.memoryUsage()),
    isWeakHost: options.isWeakHost,
    reassemblyBytes: reassemblyShare(parts.platform.memoryUsage()),
    stopwatchMs: () => parts.platform.monotonicNs() / 1e6,
  })
  for (const [index, writer] of (capture?.writers ?? []).entries()) {
    writer.commentator = new StackCommentator(stack, index)
  }
  if (capture !== null) {
    capture.internal.commentator = new StackCommentator(stack)
    stack.host.watchInternal(capture.internal)
  }
  const network = new Network(ports, stack, capture?.port ?? null, wire.traceEnabled)
  if (capture !== null) network.atExit.push(capture.end)
  configureNetwork(network, parts, log)
  for (const [index, port] of ports.entries()) {
    tellDevice(port, stack.host.interfaces[index]!, parts.platform)
  }
  return network
}

/** What is said of interfaces that there are none of. */
function reportAbsent(named: readonly number[], count: number, log: Logger): void {
  for (const index of named) {
    if (index < count) continue
    const there = count === 1 ? 'there is one network device' : `there are ${count} network devices`
    log.warn(`the words for interface ${index} are not used: ${there}; add -device virtio-net-pci`)
  }
}

function openPort(device: VirtioNet, hal: Hal, log: Logger): NetworkPort {
  const description = device.describe()
  const { MTU: mtuRefusal } = description.refused
  if (mtuRefusal !== undefined) {
    log.warn(
      `the device's MTU is refused: ${mtuRefusal}; 1500 is used, host_mtu=68 or more is taken`,
    )
  }
  return { device, description, joiner: new SegmentJoiner(hal.bulk) }
}

/** What an interface and its device have to say to each other beside frames. */
function tellDevice({ device }: NetworkPort, iface: Interface, platform: Platform): void {
  device.onAnnounce = () => iface.announce(Math.floor(platform.monotonicNs() / 1e6))
  const { settings } = device
  if (settings === null) return
  const filter = () => settings.filterGroups(iface.groupHardwareAddresses())
  iface.onGroupChange(filter)
  filter()
}

/**
 * Gives each interface its addresses, or has servers and routers do it, and listens to what becomes
 * of them.
 */
function configureNetwork(network: Network, parts: NetworkOptions, log: Logger): void {
  const { platform, options, timers, interrupts, events } = parts
  const { stack, ports } = network
  const nowMs = Math.floor(platform.monotonicNs() / 1e6)
  const identify = () => keyedDigest(platform, options.ip6Secret ?? drawSecret(parts.entropy))
  const used = options.interfaces.slice(0, ports.length)
  for (const index of used.keys()) {
    configureInterface(stack, index, options, identify, nowMs, logOf(log, ports, index))
  }
  const configurations = stack.configurations.filter((each) => each !== null)
  if (configurations.length === 0) return
  const isReachable = used.some(({ ip, ip6 }) => ip.kind === 'static' || ip6.kind === 'static')
  const wait = isReachable
    ? null
    : new AddressWait({ configurations, timers, nowNs: platform.monotonicNs, log })
  for (const [index, configuration] of stack.configurations.entries()) {
    if (configuration === null) continue
    const addresses = () => network.addressTexts()
    const told = new ConfigurationLog(logOf(log, ports, index), events, addresses)
    network.configurationLogs.push(told)
    configuration.onEvent = (event) => {
      told.tell(event)
      wait?.look()
    }
  }
  network.wait = wait
  network.atExit.push((code) => {
    if (code === ExitCode.Clean) releaseLeases(stack, platform, interrupts)
  })
}

/** Where there are several interfaces, lines say of which they are. */
function logOf(log: Logger, ports: readonly NetworkPort[], index: number): Logger {
  return ports.length === 1 ? log : log.named(`net.${index}`)
}

function drawSecret(entropy: EntropyPool): Uint8Array {
  const secret = new Uint8Array(SECRET_BYTES)
  entropy.generator.fill(secret)
  return secret
}

/** Null when no console has the port for it: then nothing is between the stack and its devices. */
function openCapture(
  { hal, platform, devices, log }: NetworkOptions,
  watched: readonly { readonly device: NetDevice; readonly pciAddress: string }[],
): {
  port: CapturePort
  writers: readonly PcapngWriter[]
  internal: PcapngWriter
  end: (code: ExitCode) => void
} | null {
  const captureLog = log.named('capture')
  const opened = devices.openCapture(captureLog)
  if (opened === null) return null
  const { port } = opened
  const { encodeUtf8: encode, monotonicNs: nowNs } = platform
  const writers = openPcapng({
    ...{ encode, nowNs, bulk: hal.bulk, channel: port, os: `Eremite ${VERSION}` },
    devices: [
      ...watched.map(({ device, pciAddress }) => ({
        device,
        description: `the guest's stack, above virtio-net ${pciAddress}`,
      })),
      { device: INTERNAL_WAY, description: 'what the guest sends to itself', name: 'lo' },
    ],
  })
  const internal = writers.at(-1)!
  captureLog.info(`every frame goes to port ${CAPTURE_PORT} of ${opened.address}`)
  return {
    port,
    writers: writers.slice(0, -1),
    internal,
    end: (code) => {
      for (const writer of writers) writer.close(`the guest ended with exit code ${code}`)
      port.drain(CAPTURE_DRAIN_NS)
    },
  }
}
