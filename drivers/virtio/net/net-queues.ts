/**
 * The queues of a network device: which there are, how large they and their buffers are, and how
 * they are handed to the device (virtio 1.4 §5.1.2, §5.1.6.3).
 */
import type { Hal } from '../../hal.ts'
import { fail } from '../initialize.ts'
import { PackedVirtqueue } from '../packed-virtqueue.ts'
import { SplitVirtqueue } from '../split-virtqueue.ts'
import type { VirtioTransport } from '../transport.ts'
import { VirtioError } from '../virtio-error.ts'
import type { Virtqueue } from '../virtqueue.ts'
import { NET_HEADER_BYTES } from './net-header.ts'
import type { NetSetup } from './net-setup.ts'

const ETHERNET_HEADER_BYTES = 14
/** A priority tag is no part of the MTU: a frame that has one is received whole. */
const VLAN_TAG_BYTES = 4
/** One command at a time, of a header and its data and of the answer; a power of 2. */
const CONTROL_QUEUE_SIZE = 4
/** Larger queues only hold more memory: 256 are offered by default. */
const MAX_QUEUE_SIZE = 1024
const MAX_TRANSMIT_FRAMES = 256
/** Of all transmit queues together. */
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
/** Of all receive queues of a device together. */
export const RECEIVE_MEMORY_BYTES = 8.25 * 1024 * 1024
/** However little memory a queue is given: one is read while the next one comes. */
const MIN_RECEIVE_FRAMES = 2
const MAX_MERGEABLE_BUFFERS = 128

/** §5.1.2: "0: receiveq1, 1: transmitq1, …". */
export function receiveQueueNumber(pair: number): number {
  return 2 * pair
}

function transmitQueueNumber(pair: number): number {
  return 2 * pair + 1
}

/** "2N: controlq", of N pairs that the device has, whether they are used or not. */
function controlQueueNumber(setup: NetSetup): number {
  return 2 * setup.offeredQueuePairs
}

/** The queues that are used; of the pairs one from each list, by the number of the pair. */
export interface NetQueues {
  readonly receive: readonly Virtqueue[]
  readonly transmit: readonly Virtqueue[]
  /** Null for a device that takes no commands. */
  readonly control: Virtqueue | null
  /** All of them, by the device's numbers. */
  readonly all: ReadonlyMap<number, Virtqueue>
}

/** Throws VirtioError when one cannot be used as the device has it. */
export function createQueues(
  hal: Hal,
  transport: VirtioTransport,
  setup: NetSetup,
  receiveMemoryBytes: number | null,
): NetQueues {
  const memoryBytes = Math.min(receiveMemoryBytes ?? RECEIVE_MEMORY_BYTES, RECEIVE_MEMORY_BYTES)
  const receiveBytes = memoryBytes / setup.queuePairs
  const receive: Virtqueue[] = []
  const transmit: Virtqueue[] = []
  const all = new Map<number, Virtqueue>()
  for (let pair = 0; pair < setup.queuePairs; pair++) {
    receive.push(createReceiveQueue(hal, transport, setup, receiveQueueNumber(pair), receiveBytes))
    all.set(receiveQueueNumber(pair), receive[pair]!)
    transmit.push(createTransmitQueue(hal, transport, setup, transmitQueueNumber(pair)))
    all.set(transmitQueueNumber(pair), transmit[pair]!)
  }
  const hasControl = setup.negotiation.acceptedNames.has('CTRL_VQ')
  const control = hasControl ? createControlQueue(hal, transport, setup) : null
  if (control !== null) all.set(controlQueueNumber(setup), control)
  return { receive, transmit, control, all }
}

/**
 * After FEATURES_OK: all of them are empty and the device's. False when an interrupt vector is
 * refused.
 */
export function enableQueues(transport: VirtioTransport, { all }: NetQueues): boolean {
  for (const [number, queue] of all) {
    queue.reset()
    if (transport.maximumQueueSize(number) < queue.size) {
      throw new VirtioError(`Cannot enable queue ${number}: it has shrunk`)
    }
    if (!transport.enableQueue(number, queue.size, queue.addresses)) return false
    queue.connect(number, transport.doorbell(number))
  }
  return true
}

function createReceiveQueue(
  hal: Hal,
  transport: VirtioTransport,
  setup: NetSetup,
  number: number,
  memoryBytes: number,
): Virtqueue {
  const size = Math.min(sizeOfQueue(transport, setup, number), MAX_QUEUE_SIZE)
  const virtqueue = new (formatOf(setup))(hal, {
    size,
    chained: false,
    indirect: false,
    eventIndex: setup.negotiation.acceptedNames.has('EVENT_IDX'),
    wantedSlots: receiveBufferCount(setup, size, memoryBytes),
  })
  const required = setup.mergeable ? maximumMergedBuffers(setup) : 1
  if (virtqueue.slotCount < required) fail(transport, `queue ${number} is too small with ${size}`)
  return virtqueue
}

function createTransmitQueue(
  hal: Hal,
  transport: VirtioTransport,
  setup: NetSetup,
  number: number,
): Virtqueue {
  const size = Math.min(sizeOfQueue(transport, setup, number), MAX_QUEUE_SIZE)
  const virtqueue = new (formatOf(setup))(hal, {
    size,
    chained: true,
    indirect: setup.negotiation.acceptedNames.has('INDIRECT_DESC') && size >= 4,
    eventIndex: setup.negotiation.acceptedNames.has('EVENT_IDX'),
    wantedSlots: transmitFrameCount(setup),
  })
  if (virtqueue.slotCount < MIN_TRANSMIT_FRAMES) {
    fail(transport, `queue ${number} is too small with ${size}`)
  }
  return virtqueue
}

function createControlQueue(hal: Hal, transport: VirtioTransport, setup: NetSetup): Virtqueue {
  const number = controlQueueNumber(setup)
  const size = Math.min(sizeOfQueue(transport, setup, number), CONTROL_QUEUE_SIZE)
  const virtqueue = new (formatOf(setup))(hal, {
    size,
    chained: true,
    indirect: false,
    eventIndex: setup.negotiation.acceptedNames.has('EVENT_IDX'),
    wantedSlots: 1,
  })
  if (virtqueue.slotCount < 1) fail(transport, `queue ${number} is too small with ${size}`)
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

function receiveBufferCount(setup: NetSetup, queueSize: number, memoryBytes: number): number {
  const affordable = Math.max(
    MIN_RECEIVE_FRAMES * maximumMergedBuffers(setup),
    Math.floor(memoryBytes / receiveBufferBytes(setup)),
  )
  const wanted =
    receiveBufferBytes(setup) >= MERGEABLE_BUFFER_BYTES ? MAX_MERGEABLE_BUFFERS : queueSize
  return Math.min(queueSize, affordable, wanted)
}

function transmitFrameCount(setup: NetSetup): number {
  const memory = MAX_TRANSMIT_HEADER_BYTES / setup.queuePairs
  const affordable = Math.floor(memory / transmitHeaderBytes(setup))
  return Math.min(MAX_TRANSMIT_FRAMES, affordable)
}
