/**
 * Opens the guest's network: device, software offload, capture, tracer and stack on top of each
 * other.
 */

import type { Hal } from '../drivers/hal.ts'
import type { VirtioNetDescription } from '../drivers/virtio/net/describe.ts'
import { explainFeatures } from '../drivers/virtio/net/explain-features.ts'
import { SWITCHABLE_OFFLOADS } from '../drivers/virtio/net/features.ts'
import type { VirtioNet } from '../drivers/virtio/net/virtio-net.ts'
import { Stack } from '../net/api/stack.ts'
import { PcapngWriter } from '../net/capture/pcapng-writer.ts'
import { StackCommentator } from '../net/capture/stack-commentator.ts'
import type { SegmentationUse } from '../net/iface/protocol-handler.ts'
import { CoalescingDevice } from '../net/phy/coalescing-device.ts'
import type { NetDevice } from '../net/phy/net-device.ts'
import { withSoftwareOffload } from '../net/phy/software-offload.ts'
import { traced } from '../net/phy/tracer.ts'
import { formatCidr } from '../net/wire/cidr.ts'
import type { IpAddress } from '../net/wire/ip-address.ts'
import { AddressWait } from './address-wait.ts'
import { CAPTURE_DRAIN_NS, CAPTURE_PORT } from './capture.ts'
import type { KernelOptions } from './command-line.ts'
import { ConfigurationLog } from './configuration-log.ts'
import { configureInterface } from './configure-interface.ts'
import type { Devices } from './devices.ts'
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

/** As Linux calls it: segments joined here, for a device that does not. */
const COALESCING_WORD = 'gro'

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

export class Network {
  readonly device: VirtioNet
  readonly stack: Stack
  /** Ends what is not to be left as it is, the last first; called once, whatever ends the run. */
  readonly atExit: ((code: ExitCode) => void)[] = []
  /**
   * Null when an address is given by hand, or none is wanted: then there is nothing to wait for.
   */
  wait: AddressWait | null = null
  /** Null while addresses do not change by themselves. */
  configurationLog: ConfigurationLog | null = null
  /** Joins received segments while the device does not. */
  readonly coalescing: CoalescingDevice
  private readonly description: VirtioNetDescription

  constructor(
    device: VirtioNet,
    stack: Stack,
    description: VirtioNetDescription,
    coalescing: CoalescingDevice,
  ) {
    this.device = device
    this.stack = stack
    this.description = description
    this.coalescing = coalescing
  }

  describe(): NetworkReport {
    const { capabilities, hardwareAddress } = this.device
    return {
      device: this.description,
      capabilities,
      hardwareAddress,
      addresses: this.addressTexts(),
    }
  }

  addressTexts(): string[] {
    return this.stack.interface.addresses.entries.map(formatCidr)
  }

  /**
   * Receive offloads that can be switched while the guest runs, by the words of `offload=`: whether
   * the device does them now.
   */
  receiveOffloads(): Record<string, boolean> {
    const { negotiated } = this.description
    const { settings } = this.device
    const { isJoining } = this.coalescing
    const own = isJoining === null ? {} : { [COALESCING_WORD]: isJoining }
    if (settings === null || !negotiated.includes('CTRL_GUEST_OFFLOADS')) return own
    const known = SWITCHABLE_OFFLOADS.filter(({ name }) => negotiated.includes(name))
    const entries = known.map((it) => [it.offloadName!, settings.offloadsInForce.has(it.name)])
    return { ...Object.fromEntries(entries), ...own }
  }

  /** Offloads of what is sent, by the words of `offload=`: whether they are made use of now. */
  transmitOffloads(): Record<string, boolean> {
    const { negotiated } = this.description
    const { segmentation } = this.stack.host.egress
    const known = Object.entries(TRANSMIT_OFFLOADS).filter(([, it]) =>
      negotiated.includes(it.feature),
    )
    return Object.fromEntries(known.map(([word, { use }]) => [word, segmentation[use]]))
  }

  /** From the next frame on; false, and nothing done, when the device does no such thing. */
  switchTransmitOffload(word: string, on: boolean): boolean {
    const known = TRANSMIT_OFFLOADS[word]
    if (known === undefined || this.transmitOffloads()[word] === undefined) return false
    this.stack.host.egress.segmentation[known.use] = on
    this.stack.tcp.planFrames()
    return true
  }

  /** `done` is told what is in the way, or the empty string once the device has done it. */
  switchReceiveOffload(word: string, on: boolean, done: (problem: string) => void): void {
    const feature = SWITCHABLE_OFFLOADS.find(({ offloadName }) => offloadName === word)
    const { settings } = this.device
    if (word === COALESCING_WORD && this.coalescing.isJoining !== null) {
      this.coalescing.switchJoining(on)
      done('')
    } else if (feature === undefined) done('it is no receive offload')
    else if (settings === null) done('the device takes no commands')
    else settings.switchOffload(feature.name, on, done)
  }

  /** Every offload with its meaning, taken or not. */
  explainOffloads(): ReturnType<typeof explainFeatures> {
    return explainFeatures(this.description)
  }
}

/** Null, after a line that says why, when there is no usable network device. */
export function openNetwork(parts: NetworkOptions): Network | null {
  const { hal, devices, options } = parts
  const log = parts.log.named('net')
  const { offload, interruptDelayUs, queuePairs } = options
  const acceptedOffloads = offload === 'all' ? null : new Set(offload === 'none' ? [] : offload)
  const choices = { acceptedOffloads, interruptDelayUs, queuePairs }
  const device = devices.openNetwork(choices, log, parts.tellNoNetwork)
  if (device === null) return null
  const description = device.describe()
  const { MTU: mtuRefusal } = description.refused
  if (mtuRefusal !== undefined) {
    log.warn(
      `the device's MTU is refused: ${mtuRefusal}; 1500 is used, host_mtu=68 or more is taken`,
    )
  }
  // Above the software offload, so that a trace shows what the stack meant, super-segments whole.
  const offloading = withSoftwareOffload(device, hal.bulk)
  const complete = new CoalescingDevice(offloading, hal.bulk)
  const capture = openCapture(parts, complete, description.pciAddress)
  const captured = capture === null ? complete : capture.writer
  const wire = parts.log.named('wire')
  const stack = new Stack({
    device: wire.traceEnabled ? traced(captured, (line) => wire.trace(line)) : captured,
    allocator: {
      allocate: (lengthBytes) => hal.allocateDma(lengthBytes, BUFFER_ALIGNMENT_BYTES),
    },
    bulk: hal.bulk,
    random: parts.entropy.generator,
    tcp: socketShares(parts.platform.memoryUsage()),
    reassemblyBytes: reassemblyShare(parts.platform.memoryUsage()),
    stopwatchMs: () => parts.platform.monotonicNs() / 1e6,
  })
  if (capture !== null) capture.writer.commentator = new StackCommentator(stack)
  const network = new Network(device, stack, description, complete)
  if (capture !== null) network.atExit.push(capture.end)
  configureNetwork(network, parts, log)
  tellDevice(network, parts.platform)
  return network
}

/** What the stack and the device have to say to each other beside frames. */
function tellDevice({ device, stack, coalescing }: Network, platform: Platform): void {
  const { interface: iface } = stack
  device.onAnnounce = () => iface.announce(Math.floor(platform.monotonicNs() / 1e6))
  const { settings } = device
  if (settings === null) return
  const filter = () => settings.filterGroups(iface.groupHardwareAddresses())
  iface.onGroupChange(filter)
  filter()
  settings.onOffloads = () => {
    const { offloadsInForce } = settings
    coalescing.followDevice(offloadsInForce.has('GUEST_TSO4') && offloadsInForce.has('GUEST_TSO6'))
  }
}

/**
 * Gives the interface its addresses, or has servers and routers do it, and listens to what becomes
 * of them.
 */
function configureNetwork(network: Network, parts: NetworkOptions, log: Logger): void {
  const { platform, options, timers, interrupts } = parts
  const { stack } = network
  const nowMs = Math.floor(platform.monotonicNs() / 1e6)
  const identify = () => keyedDigest(options.ip6Secret ?? drawSecret(parts.entropy))
  configureInterface(stack, options, identify, nowMs, log)
  const { configuration } = stack
  if (configuration === null) return
  const told = new ConfigurationLog(log, parts.events, () => network.addressTexts())
  const isReachable = options.ip.kind === 'static' || options.ip6.kind === 'static'
  const wait = isReachable
    ? null
    : new AddressWait({ configuration, timers, nowNs: platform.monotonicNs, log })
  configuration.onEvent = (event) => {
    told.tell(event)
    wait?.look()
  }
  network.configurationLog = told
  network.wait = wait
  network.atExit.push((code) => {
    if (code === ExitCode.Clean) releaseLeases(stack, platform, interrupts)
  })
}

function drawSecret(entropy: EntropyPool): Uint8Array {
  const secret = new Uint8Array(SECRET_BYTES)
  entropy.generator.fill(secret)
  return secret
}

/** Null when no console has the port for it: then nothing is between the stack and its device. */
function openCapture(
  { hal, platform, devices, log }: NetworkOptions,
  device: NetDevice,
  address: string,
): { writer: PcapngWriter; end: (code: ExitCode) => void } | null {
  const captureLog = log.named('capture')
  const opened = devices.openCapture(captureLog)
  if (opened === null) return null
  const { port } = opened
  const { encodeUtf8: encode, monotonicNs: nowNs } = platform
  const writer = new PcapngWriter({
    ...{ device, encode, nowNs, bulk: hal.bulk, channel: port, os: `Eremite ${VERSION}` },
    description: `the guest's stack, above virtio-net ${address}`,
  })
  captureLog.info(`every frame goes to port ${CAPTURE_PORT} of ${opened.address}`)
  return {
    writer,
    end: (code) => {
      writer.close(`the guest ended with exit code ${code}`)
      port.drain(CAPTURE_DRAIN_NS)
    },
  }
}
