/**
 * What a network device is asked before it goes live: features, address, MTU, queue sizes, buffer
 * sizes (virtio 1.4 §5.1.4, §5.1.5).
 */
import type { Hal } from '../../hal.ts'
import { fail, negotiateWithDevice, readConsistently } from '../initialize.ts'
import { isOffered, type Negotiation, negotiateFeatures } from '../negotiate.ts'
import { PackedVirtqueue } from '../packed-virtqueue.ts'
import { SplitVirtqueue } from '../split-virtqueue.ts'
import type { VirtioTransport } from '../transport.ts'
import type { Virtqueue } from '../virtqueue.ts'
import { KNOWN_FEATURES, SUPPORTED_FEATURES } from './features.ts'
import { NET_HEADER_BYTES } from './net-header.ts'
import type { NegotiatedOffloads } from './offload-map.ts'

export const RECEIVE_QUEUE = 0
export const TRANSMIT_QUEUE = 1
/** Without MQ it follows the one pair of queues (§5.1.2). */
export const CONTROL_QUEUE = 2

const ETHERNET_HEADER_BYTES = 14
const ADDRESS_OFFSET = 0
const STATUS_OFFSET = 6
const MTU_OFFSET = 10
const MIN_MTU = 68
const DEFAULT_MTU = 1500
/** A priority tag is no part of the MTU: a frame that has one is received whole. */
const VLAN_TAG_BYTES = 4
/** One command at a time, of a header and its data and of the answer; a power of 2. */
const CONTROL_QUEUE_SIZE = 4
const MTU_BIT = 3
const MAC_BIT = 5

/** Larger queues only hold more memory: 256 are offered by default. */
const MAX_QUEUE_SIZE = 1024
const MAX_TRANSMIT_FRAMES = 256
const MAX_TRANSMIT_HEADER_BYTES = 1 << 20
const MIN_TRANSMIT_FRAMES = 2
/**
 * 64 KiB less a little. Linux sends super-frames of up to 65226 bytes, which one buffer holds with
 * its header: each further buffer of a frame costs a tenth of what receiving it costs. The largest
 * frame of §5.1.6.3, 65601 bytes, takes two.
 */
const MERGEABLE_BUFFER_BYTES = 64 * 1024 - 64
const COALESCED_BUFFER_BYTES = 65601
const PLAIN_BUFFER_BYTES = 1526
const RECEIVE_MEMORY_BYTES = 8.25 * 1024 * 1024
const MAX_MERGEABLE_BUFFERS = 128

export interface NetSetup {
  readonly negotiation: Negotiation
  readonly offloads: NegotiatedOffloads
  readonly hardwareAddress: Uint8Array
  readonly maxTransmissionUnit: number
  readonly mergeable: boolean
  readonly hasStatus: boolean
  /** The device has none, or none that can be: this guest made it up. */
  readonly isAddressInvented: boolean
}

/** What somebody has chosen of what a device may do. */
export interface NetChoices {
  /** Words of `offload=` that may be negotiated; null = all. */
  readonly acceptedOffloads: ReadonlySet<string> | null
  /** How long interrupts may wait for more frames; null = they do not. */
  readonly interruptDelayUs: number | null
}

/** Status up to FEATURES_OK, and everything that follows from the features. */
export function negotiateNet(
  hal: Hal,
  transport: VirtioTransport,
  { acceptedOffloads, interruptDelayUs }: NetChoices,
): NetSetup {
  let hardwareAddress: Uint8Array | null = null
  let maxTransmissionUnit = DEFAULT_MTU
  const negotiation = negotiateWithDevice(hal, transport, (offered) => {
    const vetoes = new Map<string, string>()
    if (interruptDelayUs === null) {
      vetoes.set('NOTF_COAL', 'interrupt-delay= is not given')
      vetoes.set('VQ_NOTF_COAL', 'interrupt-delay= is not given')
    }
    if (isOffered(offered, MAC_BIT)) {
      hardwareAddress = readAddress(transport)
      if (!isUnicast(hardwareAddress)) {
        vetoes.set('MAC', 'the address is zero or a multicast address')
        hardwareAddress = null
      } else {
        vetoes.set('CTRL_MAC_ADDR', "the device's own address is used")
      }
    }
    if (isOffered(offered, MTU_BIT)) {
      const mtu = readConsistently(transport, () => transport.readConfig16(MTU_OFFSET))
      if (mtu >= MIN_MTU) maxTransmissionUnit = mtu
      else vetoes.set('MTU', `${mtu} is not between ${MIN_MTU} and 65535`)
    }
    return negotiateFeatures({
      offered,
      known: KNOWN_FEATURES,
      supported: SUPPORTED_FEATURES,
      acceptedOffloads,
      vetoes,
    })
  })
  const has = (name: string) => negotiation.acceptedNames.has(name)
  return {
    negotiation,
    offloads: {
      transmitChecksum: has('CSUM'),
      segmentTcpV4: has('HOST_TSO4'),
      segmentTcpV6: has('HOST_TSO6'),
      segmentEcn: has('HOST_ECN'),
      segmentUdp: has('HOST_USO'),
      receiveChecksum: has('GUEST_CSUM'),
      coalesceTcpV4: has('GUEST_TSO4'),
      coalesceTcpV6: has('GUEST_TSO6'),
      coalesceEcn: has('GUEST_ECN'),
      coalesceUdpV4: has('GUEST_USO4'),
      coalesceUdpV6: has('GUEST_USO6'),
    },
    hardwareAddress: hardwareAddress ?? inventAddress(hal),
    isAddressInvented: hardwareAddress === null,
    maxTransmissionUnit,
    mergeable: has('MRG_RXBUF'),
    hasStatus: has('STATUS'),
  }
}

/**
 * Why a device that was reset or replaced cannot go on where the one before stopped; empty when it
 * can.
 */
export function explainDifference(before: NetSetup, now: NetSetup): string {
  if (now.negotiation.accepted !== before.negotiation.accepted) {
    return 'it offers other features than before'
  }
  if (now.maxTransmissionUnit !== before.maxTransmissionUnit) {
    return `its MTU is ${now.maxTransmissionUnit}, not ${before.maxTransmissionUnit}`
  }
  // A device without MAC has no address that could differ: the invented one stays.
  const hasAddress = now.negotiation.acceptedNames.has('MAC')
  const isSame = now.hardwareAddress.every((byte, i) => byte === before.hardwareAddress[i])
  return isSame || !hasAddress ? '' : 'it has another hardware address (mac=)'
}

/** §5.1.4: bits of `status`. */
export const NetStatus = { LinkUp: 1, Announce: 2 } as const

export function readNetStatus(transport: VirtioTransport): number {
  return readConsistently(transport, () => transport.readConfig16(STATUS_OFFSET))
}

export function createQueue(
  hal: Hal,
  transport: VirtioTransport,
  setup: NetSetup,
  queue: number,
): Virtqueue {
  const isTransmit = queue === TRANSMIT_QUEUE
  const size = Math.min(sizeOfQueue(transport, setup, queue), MAX_QUEUE_SIZE)
  const virtqueue = new (formatOf(setup))(hal, {
    size,
    chained: isTransmit,
    indirect: setup.negotiation.acceptedNames.has('INDIRECT_DESC') && size >= 4,
    eventIndex: setup.negotiation.acceptedNames.has('EVENT_IDX'),
    wantedSlots: isTransmit ? transmitFrameCount(setup) : receiveBufferCount(setup, size),
  })
  const required = isTransmit ? MIN_TRANSMIT_FRAMES : requiredReceiveBuffers(setup)
  if (virtqueue.slotCount < required) fail(transport, `queue ${queue} is too small with ${size}`)
  return virtqueue
}

/** Null for a device that takes no commands. */
export function createControlQueue(
  hal: Hal,
  transport: VirtioTransport,
  setup: NetSetup,
): Virtqueue | null {
  if (!setup.negotiation.acceptedNames.has('CTRL_VQ')) return null
  const size = Math.min(sizeOfQueue(transport, setup, CONTROL_QUEUE), CONTROL_QUEUE_SIZE)
  const virtqueue = new (formatOf(setup))(hal, {
    size,
    chained: true,
    indirect: false,
    eventIndex: setup.negotiation.acceptedNames.has('EVENT_IDX'),
    wantedSlots: 1,
  })
  if (virtqueue.slotCount < 1) fail(transport, `queue ${CONTROL_QUEUE} is too small with ${size}`)
  return virtqueue
}

function formatOf(setup: NetSetup): typeof PackedVirtqueue | typeof SplitVirtqueue {
  const isPacked = setup.negotiation.acceptedNames.has('RING_PACKED')
  return isPacked ? PackedVirtqueue : SplitVirtqueue
}

/** As the device has it; one that cannot be ends the set-up. */
function sizeOfQueue(transport: VirtioTransport, setup: NetSetup, queue: number): number {
  const maximum = transport.maximumQueueSize(queue)
  const isPacked = setup.negotiation.acceptedNames.has('RING_PACKED')
  // §2.7: "Queue Size value is always a power of 2. The maximum Queue Size value is 32768."; §2.8:
  // packed, no power is asked for.
  if (maximum === 0 || maximum > 32768 || (!isPacked && (maximum & (maximum - 1)) !== 0)) {
    fail(transport, `queue ${queue} has a size of ${maximum}`)
  }
  return maximum
}

/** virtio_net_hdr, Ethernet header and a whole packet: small packets need no payload ranges. */
export function transmitHeaderBytes(setup: NetSetup): number {
  const needed = NET_HEADER_BYTES + ETHERNET_HEADER_BYTES + setup.maxTransmissionUnit
  return Math.max(2048, (needed + 63) & ~63)
}

/**
 * §5.1.6.3.1: 65601 bytes when frames may be coalesced and not merged, else 1526; with merging any
 * size of 12 or more, and QEMU stops reading from a TAP when fewer bytes are posted than one frame
 * needs.
 */
export function receiveBufferBytes(setup: NetSetup): number {
  const { offloads, mergeable } = setup
  const { maxTransmissionUnit } = setup
  const ofMtu = NET_HEADER_BYTES + ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES + maxTransmissionUnit
  let needed = Math.max(PLAIN_BUFFER_BYTES, ofMtu)
  if (
    offloads.coalesceTcpV4 ||
    offloads.coalesceTcpV6 ||
    offloads.coalesceUdpV4 ||
    offloads.coalesceUdpV6
  ) {
    needed = mergeable ? MERGEABLE_BUFFER_BYTES : COALESCED_BUFFER_BYTES
  }
  return (needed + 63) & ~63
}

/** Buffers that one frame may be spread over. */
export function maximumMergedBuffers(setup: NetSetup): number {
  return setup.mergeable ? Math.ceil(COALESCED_BUFFER_BYTES / receiveBufferBytes(setup)) : 1
}

function receiveBufferCount(setup: NetSetup, queueSize: number): number {
  const affordable = Math.floor(RECEIVE_MEMORY_BYTES / receiveBufferBytes(setup))
  const wanted =
    receiveBufferBytes(setup) >= MERGEABLE_BUFFER_BYTES ? MAX_MERGEABLE_BUFFERS : queueSize
  return Math.min(queueSize, affordable, wanted)
}

function requiredReceiveBuffers(setup: NetSetup): number {
  return setup.mergeable ? maximumMergedBuffers(setup) : 1
}

function transmitFrameCount(setup: NetSetup): number {
  const affordable = Math.floor(MAX_TRANSMIT_HEADER_BYTES / transmitHeaderBytes(setup))
  return Math.min(MAX_TRANSMIT_FRAMES, affordable)
}

function readAddress(transport: VirtioTransport): Uint8Array {
  return readConsistently(transport, () =>
    Uint8Array.from({ length: 6 }, (_, i) => transport.readConfig8(ADDRESS_OFFSET + i)),
  )
}

function isUnicast(address: Uint8Array): boolean {
  return (address[0]! & 1) === 0 && address.some((byte) => byte !== 0)
}

/** A locally administered unicast address (IEEE 802 §8.4), for devices that have none. */
function inventAddress(hal: Hal): Uint8Array {
  const address = new Uint8Array(6)
  if (!hal.hardwareRandom(address, 0, 6)) {
    for (let i = 0; i < 6; i++) address[i] = hal.timestampCounter() ^ (hal.timestampCounter() >>> 8)
  }
  address[0] = (address[0]! & 0xfc) | 2
  return address
}
