/**
 * The `ready` event and the lines of the boot log that say the same to a person (kernel/README.md).
 */
import type { DeviceCapabilities } from '../net/phy/net-device.ts'
import type { ChecksumWork, SegmentationCapabilities } from '../net/phy/offload.ts'
import type { Logger } from './logger.ts'
import type { NoNetwork } from './no-network.ts'

export interface ListeningPort {
  readonly port: number
  readonly protocol: 'tcp' | 'udp'
}

/** The network device as the report shows it; its driver's description has this shape and more. */
export interface DeviceReport {
  /** "0000:00:02.0" */
  readonly pciAddress: string
  readonly offered: readonly string[]
  readonly negotiated: readonly string[]
  readonly refused: Readonly<Record<string, string>>
  readonly interruptMode: string
  /** Pairs of queues: those that are used, and those that it has. */
  readonly queuePairs: number
  readonly offeredQueuePairs: number
}

export interface NetworkReport {
  readonly device: DeviceReport
  readonly capabilities: DeviceCapabilities
  readonly hardwareAddress: Uint8Array
  /** With prefix length: "10.9.0.2/24". */
  readonly addresses: readonly string[]
}

const CHECKSUM_WORK: Readonly<Record<ChecksumWork, string>> = {
  0: 'none',
  1: 'receive',
  2: 'transmit',
  3: 'both',
}

/**
 * Fields of the `ready` event; those of the network are of the first interface, null or empty
 * without one, and `noNetwork` says why.
 */
export function readyFields(
  bootStages: readonly (readonly [string, number])[],
  networks: readonly NetworkReport[],
  noNetwork: NoNetwork | null,
  listening: readonly ListeningPort[],
): Record<string, unknown> {
  const [report = null] = networks
  const fields = networkFields(report)
  const { pci, mac, mtu, addresses } = fields
  return {
    bootNs: Object.fromEntries(bootStages),
    ...fields,
    listening,
    network: report === null ? null : { pci, mac, mtu, addresses },
    interfaces: networks.map((each, index) => ({ index, ...networkFields(each) })),
    noNetwork: report === null ? noNetwork : null,
  }
}

/** What `ready` and /stats both say of the network. */
export function networkFields(network: NetworkReport | null): Record<string, unknown> {
  if (network === null) {
    return {
      pci: null,
      features: { offered: [], negotiated: [], refused: {} },
      segmentation: {},
      checksum: {},
      mac: null,
      mtu: null,
      queuePairs: null,
      addresses: [],
    }
  }
  const { device, capabilities } = network
  const { offered, negotiated, refused } = device
  return {
    pci: shortPciAddress(device.pciAddress),
    features: { offered, negotiated, refused },
    segmentation: segmentationLimits(capabilities.segmentation),
    checksum: Object.fromEntries(
      Object.entries(capabilities.checksum).map(([protocol, work]) => [
        protocol,
        CHECKSUM_WORK[work as ChecksumWork],
      ]),
    ),
    mac: formatHardwareAddress(network.hardwareAddress),
    mtu: capabilities.maxTransmissionUnit,
    queuePairs: device.queuePairs,
    addresses: network.addresses,
  }
}

/**
 * Of each protocol and family that the device cuts, the largest frame; what it does not is left
 * out.
 */
function segmentationLimits(segmentation: SegmentationCapabilities): Record<string, number> {
  const entries = Object.entries(segmentation).filter(([, limit]) => typeof limit === 'number')
  return Object.fromEntries(entries) as Record<string, number>
}

export function logNetwork(log: Logger, network: NetworkReport): void {
  const { device, capabilities } = network
  const { tcpv4, tcpv6, udpv4 } = capabilities.segmentation
  log.info(
    `virtio-net ${shortPciAddress(device.pciAddress)} ${formatHardwareAddress(network.hardwareAddress)}, ` +
      `MTU ${capabilities.maxTransmissionUnit}, ${device.interruptMode} interrupts, ` +
      `${device.queuePairs} of ${device.offeredQueuePairs} pairs of queues`,
  )
  log.info(`negotiated ${device.negotiated.join(' ')}`)
  log.info(
    `segmentation by ${tcpv4 === undefined && tcpv6 === undefined ? 'software' : 'the device'}: ` +
      `tcpv4 ${tcpv4 ?? 'off'}, tcpv6 ${tcpv6 ?? 'off'}, udp ${udpv4 ?? 'off'}; addresses ${network.addresses.join(', ') || 'none'}`,
  )
  if (!log.debugEnabled) return
  for (const [name, reason] of Object.entries(device.refused)) log.debug(`${name}: ${reason}`)
}

export function logReady(log: Logger, nowNs: number, listening: readonly ListeningPort[]): void {
  const ports = listening.map(({ port, protocol }) => `${protocol} ${port}`)
  log.info(
    `ready after ${(nowNs / 1e6).toFixed(1)} ms, ` +
      `${ports.length === 0 ? 'not listening' : `listening on ${ports.join(', ')}`}`,
  )
}

export function formatHardwareAddress(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':')
}

/** Without the domain when it is 0: "00:02.0". */
function shortPciAddress(address: string): string {
  return address.startsWith('0000:') ? address.slice(5) : address
}
