/**
 * The device's side of the control queue: takes commands strictly, and keeps what they set (virtio
 * 1.4 §5.1.6.5).
 */
import type { Chain, FakeVirtqueue } from './fake-virtqueue.ts'
import { Violation } from './violation.ts'

/** How it answers: §5.1.6.5 knows OK and ERR; the others are for tests of devices that fail. */
export type ControlBehavior = 'ok' | 'error' | 'garbage' | 'silent'

/** Features by class and command. */
const NEEDED: Readonly<Record<string, readonly number[]>> = {
  '0.0': [18],
  '0.1': [18],
  '1.0': [18],
  '1.1': [23],
  '2.0': [19],
  '3.0': [21],
  '4.0': [22],
  '4.1': [60],
  '5.0': [2],
  '6.1': [53],
  '6.2': [52],
}
/** What a driver has told a device of spreading flows (§5.1.6.5.7). */
export interface FakeSteering {
  readonly hashTypes: number
  readonly unclassified: number
  readonly table: readonly number[]
  readonly key: Uint8Array
}

const GUEST_OFFLOAD_BITS = [1, 7, 8, 9, 10, 54, 55]

/** What the configuration of a device with RSS says (§5.1.4). */
export interface SteeringLimits {
  readonly keyBytes: number
  readonly tableLength: number
  readonly hashTypes: number
}

export class FakeControlQueue {
  behavior: ControlBehavior = 'ok'
  /** Names of commands that are answered with ERR. */
  readonly refused = new Set<string>()
  /** All that were taken, "class.command" each. */
  readonly commands: string[] = []
  promiscuous = true
  allMulticast = false
  groups: string[] = []
  vlans: number[] = []
  address: string | null = null
  /** Feature bits that are switched on; null = as negotiated. */
  offloads: number[] | null = null
  announcementsAcknowledged = 0
  receiveDelayUs = 0
  /** By queue, where each was told. */
  readonly queueDelaysUs = new Map<number, number>()
  /** Pairs of queues that the driver has asked for. */
  queuePairs = 1
  /** Null: as the device sees fit. */
  steering: FakeSteering | null = null
  private readonly hasFeature: (bit: number) => boolean
  /** Whether both queues of a pair are set up. */
  private readonly hasPair: (pair: number) => boolean
  private readonly steeringLimits: SteeringLimits
  /** Commands taken while silent. */
  private readonly kept: Chain[] = []

  constructor(
    hasFeature: (bit: number) => boolean,
    hasPair: (pair: number) => boolean,
    steeringLimits: SteeringLimits,
  ) {
    this.hasFeature = hasFeature
    this.hasPair = hasPair
    this.steeringLimits = steeringLimits
  }

  reset(): void {
    this.promiscuous = true
    this.allMulticast = false
    this.groups = []
    this.vlans = []
    this.address = null
    this.offloads = null
    this.receiveDelayUs = 0
    this.queueDelaysUs.clear()
    this.queuePairs = 1
    this.steering = null
    this.kept.length = 0
  }

  /** Takes all commands there are; true when something was answered. */
  process(queue: FakeVirtqueue): boolean {
    for (let chain = queue.take(); chain !== null; chain = queue.take()) this.kept.push(chain)
    if (this.behavior === 'silent') return false
    const answered = this.kept.splice(0)
    for (const chain of answered) {
      const answer = chain.parts.at(-1)!
      answer.bytes[0] = this.answer(this.readCommand(chain))
      queue.giveBack(chain, 1)
    }
    return answered.length > 0
  }

  /** As QEMU filters (hw/net/virtio-net.c, receive_filter). */
  passes(frame: Uint8Array, ownAddress: string): boolean {
    if (this.promiscuous) return true
    const isTagged = frame[12] === 0x81 && frame[13] === 0
    const vlan = ((frame[14]! & 0xf) << 8) | frame[15]!
    if (isTagged && this.hasFeature(19) && !this.vlans.includes(vlan)) return false
    const target = text(frame.subarray(0, 6))
    if (target === 'ff:ff:ff:ff:ff:ff') return true
    if ((frame[0]! & 1) !== 0) return this.allMulticast || this.groups.includes(target)
    return target === (this.address ?? ownAddress)
  }

  private readCommand({ parts }: Chain): Uint8Array {
    const answer = parts.at(-1)
    if (answer?.deviceWrites !== true || answer.bytes.length !== 1) {
      throw new Violation('a command without one writable byte for its answer')
    }
    const readable = parts.slice(0, -1)
    if (readable.length === 0 || readable.some((part) => part.deviceWrites)) {
      throw new Violation('a command that is not readable')
    }
    return Uint8Array.from(readable.flatMap((part) => [...part.bytes]))
  }

  private answer(bytes: Uint8Array): number {
    if (this.behavior === 'garbage') return 7
    const name = `${bytes[0]}.${bytes[1]}`
    this.commands.push(name)
    const needed = NEEDED[name]
    if (needed === undefined || !needed.every((bit) => this.hasFeature(bit))) {
      throw new Violation(`command ${name} without its feature`)
    }
    if (this.behavior === 'error' || this.refused.has(name)) return 1
    this.apply(name, bytes.subarray(2))
    return 0
  }

  private apply(name: string, data: Uint8Array): void {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
    const expectLength = (length: number) => {
      if (data.length !== length) throw new Violation(`command ${name} with ${data.length} bytes`)
    }
    if (name === '1.0') {
      this.setTable(view, data)
      return
    }
    if (name === '4.1') {
      this.setSteering(view, data)
      return
    }
    expectLength(
      { '0.0': 1, '0.1': 1, '1.1': 6, '2.0': 2, '3.0': 0, '4.0': 2, '5.0': 8, '6.1': 8 }[name] ??
        12,
    )
    if (name === '0.0') this.promiscuous = data[0] === 1
    else if (name === '0.1') this.allMulticast = data[0] === 1
    else if (name === '1.1') this.address = text(data)
    else if (name === '2.0') this.vlans.push(view.getUint16(0, true))
    else if (name === '3.0') this.announcementsAcknowledged++
    else if (name === '5.0') this.setOffloads(view)
    else if (name === '4.0') this.setQueuePairs(view.getUint16(0, true))
    else if (name === '6.1') this.receiveDelayUs = view.getUint32(4, true)
    else this.setQueueDelay(view.getUint16(0, true), view.getUint32(8, true))
  }

  private setQueueDelay(queue: number, delayUs: number): void {
    if (!this.hasPair(queue >> 1)) throw new Violation(`a delay for queue ${queue}`)
    this.queueDelaysUs.set(queue, delayUs)
    this.receiveDelayUs = delayUs
  }

  /** "The driver MUST configure the virtqueues before enabling them" (§5.1.6.5.6.1). */
  private setQueuePairs(count: number): void {
    if (count < 1) throw new Violation('VQ_PAIRS_SET with no pair')
    for (let pair = 0; pair < count; pair++) {
      if (!this.hasPair(pair)) throw new Violation(`pair ${pair} enabled before it was set up`)
    }
    this.queuePairs = count
    this.steering = null
  }

  /** §5.1.6.5.7.1.1 */
  private setSteering(view: DataView, data: Uint8Array): void {
    const limits = this.steeringLimits
    const hashTypes = view.getUint32(0, true)
    if ((hashTypes & ~limits.hashTypes) !== 0) throw new Violation(`hash types ${hashTypes}`)
    const entries = view.getUint16(4, true) + 1
    if ((entries & (entries - 1)) !== 0 || entries > limits.tableLength) {
      throw new Violation(`a table of ${entries} entries`)
    }
    const read = (at: number) => view.getUint16(at, true)
    const table = Array.from({ length: entries }, (_, entry) => read(8 + 2 * entry))
    const end = 8 + 2 * entries
    const keyLength = data[end + 2]!
    if (keyLength > limits.keyBytes) throw new Violation(`a key of ${keyLength} octets`)
    if (data.length !== end + 3 + keyLength) throw new Violation('RSS_CONFIG of another length')
    this.setQueuePairs(read(end))
    const unclassified = read(6)
    for (const pair of [unclassified, ...table]) {
      if (pair >= this.queuePairs) throw new Violation(`flows for pair ${pair}, which is not on`)
    }
    this.steering = { hashTypes, unclassified, table, key: data.slice(end + 3) }
  }

  private setTable(view: DataView, data: Uint8Array): void {
    const unicast = view.getUint32(0, true)
    const start = 4 + 6 * unicast
    const count = view.getUint32(start, true)
    if (data.length !== start + 4 + 6 * count)
      throw new Violation('MAC_TABLE_SET of another length')
    this.groups = Array.from({ length: count }, (_, i) =>
      text(data.subarray(start + 4 + 6 * i, start + 10 + 6 * i)),
    )
    if (this.groups.some((it) => (Number.parseInt(it, 16) & 1) === 0)) {
      throw new Violation('a station among the groups')
    }
  }

  /** §5.1.6.5.6.2: only what was negotiated, and nothing without what it requires. */
  private setOffloads(view: DataView): void {
    const bits = view.getBigUint64(0, true)
    this.offloads = GUEST_OFFLOAD_BITS.filter((bit) => ((bits >> BigInt(bit)) & 1n) === 1n)
    const sum = this.offloads.reduce((all, bit) => all | (1n << BigInt(bit)), 0n)
    if (sum !== bits) throw new Violation(`guest offloads ${bits.toString(16)}`)
    for (const bit of this.offloads) {
      if (!this.hasFeature(bit)) throw new Violation(`offload ${bit}, which was not negotiated`)
      if (bit !== 1 && !this.offloads.includes(1)) {
        throw new Violation(`offload ${bit} without GUEST_CSUM`)
      }
    }
  }
}

function text(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':')
}
