/**
 * The device's side of a packed virtqueue (virtio 1.4 §2.8): reads lists strictly, writes used
 * descriptors, suppresses and asks.
 */
import type { FakeHal } from './fake-hal.ts'
import type { Chain, ChainPart } from './fake-virtqueue.ts'
import { Violation } from './violation.ts'

const NEXT = 1
const WRITE = 2
const INDIRECT = 4
const AVAILABLE = 0x80
const USED = 0x8000
const WRAP = 0x8000

const EVENTS_ENABLE = 0
const EVENTS_DISABLE = 1
const EVENTS_AT_DESCRIPTOR = 2

interface Descriptor {
  readonly address: number
  readonly length: number
  readonly id: number
  readonly flags: number
}

/** A place in the ring and the wrap counter that goes with it. */
interface Cursor {
  position: number
  wrap: boolean
}

/** What a packed ring needs of the queue that it belongs to. */
export interface PackedRingOwner {
  readonly number: number
  readonly size: number
  readonly descriptorArea: number
  readonly driverArea: number
  readonly deviceArea: number
  readonly indirect: boolean
  readonly eventIndex: boolean
}

export class FakePackedRing {
  private readonly hal: FakeHal
  private readonly owner: PackedRingOwner
  private readonly available: Cursor = { position: 0, wrap: true }
  private readonly used: Cursor = { position: 0, wrap: true }
  private readonly held = new Set<number>()
  private readonly pending: { id: number; lengthBytes: number; descriptors: number }[] = []

  constructor(hal: FakeHal, owner: PackedRingOwner) {
    this.hal = hal
    this.owner = owner
    const { descriptorArea, driverArea, deviceArea, size } = owner
    if (descriptorArea % 16 !== 0 || driverArea % 4 !== 0 || deviceArea % 4 !== 0) {
      throw new Violation(`queue ${owner.number} enabled with misaligned areas`)
    }
    hal.resolveDma(descriptorArea, 16 * size)
    hal.resolveDma(driverArea, 4)
    hal.resolveDma(deviceArea, 4)
  }

  availableCount(): number {
    const cursor = { ...this.available }
    let count = 0
    for (let looked = 0; looked < this.owner.size && this.isAvailable(cursor); looked++) {
      if ((this.descriptorAt(cursor.position).flags & NEXT) === 0) count++
      this.advance(cursor, 1)
    }
    return count
  }

  take(): Chain | null {
    const cursor = this.available
    if (!this.isAvailable(cursor)) return null
    const parts: ChainPart[] = []
    const first = this.descriptorAt(cursor.position)
    if ((first.flags & INDIRECT) !== 0) {
      if ((first.flags & NEXT) !== 0) throw new Violation('INDIRECT and NEXT in one descriptor')
      if ((first.flags & WRITE) !== 0) throw new Violation('INDIRECT and WRITE in one descriptor')
      this.readTable(first, parts)
      this.advance(cursor, 1)
      this.hold(first.id)
      return { head: first.id, parts, isIndirect: true }
    }
    for (;;) {
      if (!this.isAvailable(cursor)) throw new Violation('a list that ends in the middle')
      const descriptor = this.descriptorAt(cursor.position)
      this.addPart(descriptor, parts)
      this.advance(cursor, 1)
      if ((descriptor.flags & NEXT) !== 0) continue
      // §2.8.6: "the buffer ID … is included in the last descriptor in the list".
      this.hold(descriptor.id)
      return { head: descriptor.id, parts, isIndirect: false }
    }
  }

  giveBack(chain: Chain, lengthBytes: number): void {
    if (!this.held.delete(chain.head)) throw new Error(`buffer ${chain.head} given back twice`)
    const descriptors = chain.isIndirect ? 1 : chain.parts.length
    this.pending.push({ id: chain.head, lengthBytes, descriptors })
  }

  /** A used descriptor of one place with any identifier: for devices that lie. */
  giveBackAs(id: number, lengthBytes: number): void {
    this.pending.push({ id, lengthBytes, descriptors: 1 })
  }

  publish(): boolean {
    if (this.pending.length === 0) return false
    const before = { ...this.used }
    let written = 0
    for (const { id, lengthBytes, descriptors } of this.pending.splice(0)) {
      const view = viewOf(this.hal.resolveDma(this.addressOf(this.used.position), 16))
      view.setUint32(8, lengthBytes, true)
      view.setUint16(12, id, true)
      view.setUint16(14, this.used.wrap ? AVAILABLE | USED : 0, true)
      this.advance(this.used, descriptors)
      written += descriptors
    }
    const events = viewOf(this.hal.resolveDma(this.owner.driverArea, 4))
    const flags = events.getUint16(2, true)
    if (flags === EVENTS_ENABLE) return true
    if (flags === EVENTS_DISABLE) return false
    if (flags !== EVENTS_AT_DESCRIPTOR || !this.owner.eventIndex) {
      throw new Violation(`event suppression flags ${flags}`)
    }
    const wanted = events.getUint16(0, true)
    if ((wanted & ~WRAP) >= this.owner.size) throw new Violation(`event at descriptor ${wanted}`)
    return this.distance(before, wanted) < written
  }

  wantNotifications(wanted: boolean): void {
    const events = viewOf(this.hal.resolveDma(this.owner.deviceArea, 4))
    if (!wanted) {
      events.setUint16(2, EVENTS_DISABLE, true)
    } else if (this.owner.eventIndex) {
      const { position, wrap } = this.available
      events.setUint16(0, position | (wrap ? WRAP : 0), true)
      events.setUint16(2, EVENTS_AT_DESCRIPTOR, true)
    } else {
      events.setUint16(2, EVENTS_ENABLE, true)
    }
  }

  /** Descriptors from the cursor to the one named by an event, at most two rounds of the ring. */
  private distance({ position, wrap }: Cursor, event: number): number {
    const ofNextRound = ((event & WRAP) !== 0) !== wrap
    const distance = (event & ~WRAP) - position + (ofNextRound ? this.owner.size : 0)
    return distance < 0 ? Number.POSITIVE_INFINITY : distance
  }

  private hold(id: number): void {
    if (this.held.has(id)) throw new Violation(`buffer ${id} made available twice`)
    this.held.add(id)
  }

  private readTable(first: Descriptor, parts: ChainPart[]): void {
    if (!this.owner.indirect) throw new Violation('indirect descriptor without INDIRECT_DESC')
    if (first.length === 0 || first.length % 16 !== 0) {
      throw new Violation(`indirect table of ${first.length} bytes`)
    }
    for (let offset = 0; offset < first.length; offset += 16) {
      const descriptor = this.read(first.address + offset)
      // §2.8.7: "the device … ignores flags other than VIRTQ_DESC_F_WRITE"; a driver has no reason
      // to set others.
      if ((descriptor.flags & ~WRITE) !== 0) throw new Violation(`flags ${descriptor.flags}`)
      this.addPart(descriptor, parts)
    }
  }

  private addPart({ address, length, flags }: Descriptor, parts: ChainPart[]): void {
    if (length === 0) throw new Violation('zero-length descriptor')
    const deviceWrites = (flags & WRITE) !== 0
    if (!deviceWrites && parts.at(-1)?.deviceWrites) {
      throw new Violation('readable descriptor after a writable one')
    }
    const bytes = this.hal.resolveDma(address, length)
    parts.push({ physicalAddress: address, bytes, deviceWrites })
  }

  private isAvailable({ position, wrap }: Cursor): boolean {
    const { flags } = this.descriptorAt(position)
    return ((flags & AVAILABLE) !== 0) === wrap && ((flags & USED) !== 0) !== wrap
  }

  private advance(cursor: Cursor, descriptors: number): void {
    cursor.position += descriptors
    if (cursor.position < this.owner.size) return
    cursor.position -= this.owner.size
    cursor.wrap = !cursor.wrap
  }

  private addressOf(position: number): number {
    return this.owner.descriptorArea + 16 * position
  }

  private descriptorAt(position: number): Descriptor {
    return this.read(this.addressOf(position))
  }

  private read(address: number): Descriptor {
    const view = viewOf(this.hal.resolveDma(address, 16))
    return {
      address: Number(view.getBigUint64(0, true)),
      length: view.getUint32(8, true),
      id: view.getUint16(12, true),
      flags: view.getUint16(14, true),
    }
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
