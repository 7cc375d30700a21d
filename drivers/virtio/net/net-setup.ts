/**
 * What a network device is asked before it goes live: features, address, MTU, pairs of queues
 * (virtio 1.4 §5.1.4, §5.1.5).
 */
import type { Hal } from '../../hal.ts'
import { negotiateWithDevice, readConsistently } from '../initialize.ts'
import { isOffered, type Negotiation, negotiateFeatures } from '../negotiate.ts'
import type { VirtioTransport } from '../transport.ts'
import { KNOWN_FEATURES, SUPPORTED_FEATURES } from './features.ts'
import type { NegotiatedOffloads } from './offload-map.ts'
import { type ReceiveSteering, readSteering } from './receive-steering.ts'

const ADDRESS_OFFSET = 0
const STATUS_OFFSET = 6
const QUEUE_PAIRS_OFFSET = 8
const MTU_OFFSET = 10
const MIN_MTU = 68
const DEFAULT_MTU = 1500
const MTU_BIT = 3
const MAC_BIT = 5
const MQ_BIT = 22
const RSS_BIT = 60

/** §5.1.4.1: "between 1 and 0x8000 inclusive". */
const MAX_OFFERED_QUEUE_PAIRS = 0x8000
/** A pair more takes memory, and a look a turn, and brings ever less. */
const MAX_QUEUE_PAIRS = 8
const DEFAULT_QUEUE_PAIRS = 4

export interface NetSetup {
  readonly negotiation: Negotiation
  readonly offloads: NegotiatedOffloads
  readonly hardwareAddress: Uint8Array
  readonly maxTransmissionUnit: number
  readonly mergeable: boolean
  readonly hasStatus: boolean
  /** The device has none, or none that can be: this guest made it up. */
  readonly isAddressInvented: boolean
  /** Pairs of a receive and a transmit queue that are used, and that the device has. */
  readonly queuePairs: number
  readonly offeredQueuePairs: number
  /** How the guest has received flows spread over them; null = the device does as it sees fit. */
  readonly steering: ReceiveSteering | null
}

/** What somebody has chosen of what a device may do. */
export interface NetChoices {
  /** Words of `offload=` that may be negotiated; null = all. */
  readonly acceptedOffloads: ReadonlySet<string> | null
  /** How long interrupts may wait for more frames; null = they do not. */
  readonly interruptDelayUs: number | null
  /** Pairs of queues that may be used; null = as the driver sees fit. */
  readonly queuePairs: number | null
  /** What its buffers for received frames may take; null = as much as they are good for. */
  readonly receiveMemoryBytes: number | null
  /** STEERING_KEY_BYTES of secret to spread flows by; null = the device has its own way. */
  readonly steeringKey: Uint8Array | null
}

/** Choices that are absent are as if they were null. */
export function completeChoices(some: Partial<NetChoices>): NetChoices {
  return {
    acceptedOffloads: some.acceptedOffloads ?? null,
    interruptDelayUs: some.interruptDelayUs ?? null,
    queuePairs: some.queuePairs ?? null,
    receiveMemoryBytes: some.receiveMemoryBytes ?? null,
    steeringKey: some.steeringKey ?? null,
  }
}

/** Status up to FEATURES_OK, and everything that follows from the features. */
export function negotiateNet(hal: Hal, transport: VirtioTransport, choices: NetChoices): NetSetup {
  const { acceptedOffloads, interruptDelayUs } = choices
  const wantedQueuePairs = choices.queuePairs ?? DEFAULT_QUEUE_PAIRS
  let hardwareAddress: Uint8Array | null = null
  let maxTransmissionUnit = DEFAULT_MTU
  let offeredQueuePairs = 1
  let steering: ReceiveSteering | null = null
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
    if (isOffered(offered, MQ_BIT) || isOffered(offered, RSS_BIT)) {
      const pairs = readConsistently(transport, () => transport.readConfig16(QUEUE_PAIRS_OFFSET))
      const veto = refuseQueuePairs(pairs, choices)
      if (veto === '') offeredQueuePairs = pairs
      else vetoes.set('MQ', veto).set('RSS', veto)
    }
    if (isOffered(offered, RSS_BIT)) {
      const found = readConsistently(transport, () => readSteering(transport, choices.steeringKey))
      if (typeof found !== 'string') steering = found
      else if (!vetoes.has('RSS')) vetoes.set('RSS', found)
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
  // Without CTRL_VQ nobody could say that there is more than one.
  if (!has('MQ') && !has('RSS')) offeredQueuePairs = 1
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
    queuePairs: Math.min(offeredQueuePairs, wantedQueuePairs, MAX_QUEUE_PAIRS),
    offeredQueuePairs,
    steering: has('RSS') ? steering : null,
  }
}

/** Why a device of so many pairs is used with one; empty when it is not. */
function refuseQueuePairs(pairs: number, choices: NetChoices): string {
  if (pairs < 1 || pairs > MAX_OFFERED_QUEUE_PAIRS) {
    return `${pairs} pairs of queues is not between 1 and ${MAX_OFFERED_QUEUE_PAIRS}`
  }
  if (pairs === 1) return 'the device has one pair of queues'
  return choices.queuePairs === 1 ? 'queues=1 is given' : ''
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
  if (now.offeredQueuePairs !== before.offeredQueuePairs) {
    return `it has ${now.offeredQueuePairs} pairs of queues, not ${before.offeredQueuePairs}`
  }
  if (now.steering?.hashTypes !== before.steering?.hashTypes) {
    return 'it hashes other kinds of frames than before'
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
