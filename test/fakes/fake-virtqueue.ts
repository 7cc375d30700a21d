/**
 * The device's side of a virtqueue, split (virtio 1.4 §2.7) or packed: walks chains strictly,
 * returns used buffers, suppresses and asks.
 */
import type { FakeHal } from './fake-hal.ts'
import { FakePackedRing } from './fake-packed-ring.ts'
import { Violation } from './violation.ts'

export interface ChainPart {
  readonly physicalAddress: number
  readonly bytes: Uint8Array
  readonly deviceWrites: boolean
}

export interface Chain {
  readonly head: number
  readonly parts: readonly ChainPart[]
  readonly isIndirect: boolean
}

const NEXT = 1
const WRITE = 2
const INDIRECT = 4

export class FakeVirtqueue {
  readonly number: number
  readonly maximumSize: number
  size = 0
  enabled = false
  descriptorArea = 0
  driverArea = 0
  deviceArea = 0
  vector = 0xffff
  indirect = false
  eventIndex = false
  packed = false
  notifications = 0
  interrupts = 0
  usedIndex = 0
  private lastAvailable = 0
  private seenAvailable = 0
  private readonly hal: FakeHal
  private readonly held = new Set<number>()
  private packedRing: FakePackedRing | null = null

  constructor(hal: FakeHal, number: number, maximumSize: number) {
    this.hal = hal
    this.number = number
    this.maximumSize = maximumSize
    this.size = maximumSize
  }

  reset(): void {
    this.size = this.maximumSize
    this.enabled = false
    this.descriptorArea = 0
    this.driverArea = 0
    this.deviceArea = 0
    this.vector = 0xffff
    this.usedIndex = 0
    this.lastAvailable = 0
    this.seenAvailable = 0
    this.held.clear()
    this.packedRing = null
  }

  /** Checks what queue_enable = 1 promises (§2.7). */
  enable(): void {
    const { size } = this
    if (this.packed && size >= 1 && size <= this.maximumSize) {
      this.packedRing = new FakePackedRing(this.hal, this)
      this.enabled = true
      return
    }
    if (size < 1 || size > this.maximumSize || (size & (size - 1)) !== 0) {
      throw new Violation(`queue ${this.number} enabled with size ${size}`)
    }
    if (this.descriptorArea % 16 !== 0 || this.driverArea % 2 !== 0 || this.deviceArea % 4 !== 0) {
      throw new Violation(`queue ${this.number} enabled with misaligned rings`)
    }
    this.hal.resolveDma(this.descriptorArea, 16 * size)
    this.hal.resolveDma(this.driverArea, 6 + 2 * size)
    this.hal.resolveDma(this.deviceArea, 6 + 8 * size)
    this.enabled = true
  }

  /** Buffers that the driver has made available and the device has not taken. */
  availableCount(): number {
    if (this.packedRing !== null) return this.packedRing.availableCount()
    const index = this.availableView().getUint16(2, true)
    const count = (index - this.lastAvailable) & 0xffff
    if (count > this.size || ((index - this.seenAvailable) & 0xffff) > this.size) {
      throw new Violation(`available index of queue ${this.number} went to ${index}`)
    }
    if (count + this.held.size > this.size) {
      throw new Violation(`queue ${this.number} holds more than ${this.size} chains`)
    }
    this.seenAvailable = index
    return count
  }

  /** The next chain, or null. */
  take(): Chain | null {
    if (!this.enabled) throw new Violation(`queue ${this.number} used before it was enabled`)
    if (this.packedRing !== null) return this.packedRing.take()
    if (this.availableCount() === 0) return null
    const slot = this.lastAvailable & (this.size - 1)
    const head = this.availableView().getUint16(4 + 2 * slot, true)
    this.lastAvailable = (this.lastAvailable + 1) & 0xffff
    if (head >= this.size) throw new Violation(`head ${head} in queue ${this.number}`)
    if (this.held.has(head)) throw new Violation(`head ${head} made available twice`)
    this.held.add(head)
    return this.walk(head)
  }

  /** The other end of `take`: shown to the driver by `publish`. */
  giveBack(chain: Chain, lengthBytes: number): void {
    if (this.packedRing !== null) {
      this.packedRing.giveBack(chain, lengthBytes)
      return
    }
    if (!this.held.delete(chain.head)) throw new Error(`chain ${chain.head} given back twice`)
    this.writeUsed(this.usedIndex, chain.head, lengthBytes)
    this.usedIndex = (this.usedIndex + 1) & 0xffff
  }

  /** One more used entry with any identifier: for devices that lie. */
  giveBackAs(id: number, lengthBytes: number): void {
    if (this.packedRing !== null) {
      this.packedRing.giveBackAs(id, lengthBytes)
      return
    }
    this.writeUsed(this.usedIndex, id, lengthBytes)
    this.usedIndex = (this.usedIndex + 1) & 0xffff
  }

  /** Writes one used entry of a split queue as it is. */
  writeUsed(index: number, id: number, lengthBytes: number): void {
    const view = this.usedView()
    const at = 4 + 8 * (index & (this.size - 1))
    view.setUint32(at, id, true)
    view.setUint32(at + 4, lengthBytes, true)
  }

  /** Makes used entries visible; true when the driver wants an interrupt for them (§2.7.7.2). */
  publish(): boolean {
    if (this.packedRing !== null) return this.packedRing.publish()
    const view = this.usedView()
    const before = view.getUint16(2, true)
    view.setUint16(2, this.usedIndex, true)
    if (before === this.usedIndex) return false
    if (!this.eventIndex) return (this.availableView().getUint16(0, true) & 1) === 0
    const event = this.availableView().getUint16(4 + 2 * this.size, true)
    return ((this.usedIndex - event - 1) & 0xffff) < ((this.usedIndex - before) & 0xffff)
  }

  /** Whether the driver shall notify of further buffers; as QEMU does it. */
  wantNotifications(wanted: boolean): void {
    if (this.packedRing !== null) {
      this.packedRing.wantNotifications(wanted)
      return
    }
    const view = this.usedView()
    if (this.eventIndex) {
      if (wanted) view.setUint16(4 + 8 * this.size, this.lastAvailable, true)
    } else {
      view.setUint16(0, wanted ? 0 : 1, true)
    }
  }

  private availableView(): DataView {
    return viewOf(this.hal.resolveDma(this.driverArea, 6 + 2 * this.size))
  }

  private usedView(): DataView {
    return viewOf(this.hal.resolveDma(this.deviceArea, 6 + 8 * this.size))
  }

  private walk(head: number): Chain {
    const parts: ChainPart[] = []
    const first = this.descriptor(this.descriptorArea, head)
    if ((first.flags & INDIRECT) === 0) {
      this.follow(this.descriptorArea, this.size, head, parts)
      return { head, parts, isIndirect: false }
    }
    if (!this.indirect) throw new Violation('indirect descriptor without INDIRECT_DESC')
    if ((first.flags & NEXT) !== 0) throw new Violation('INDIRECT and NEXT in one descriptor')
    if (first.length === 0 || first.length % 16 !== 0) {
      throw new Violation(`indirect table of ${first.length} bytes`)
    }
    this.hal.resolveDma(first.address, first.length)
    this.follow(first.address, first.length / 16, 0, parts)
    return { head, parts, isIndirect: true }
  }

  private follow(table: number, entries: number, start: number, parts: ChainPart[]): void {
    let at = start
    let total = 0
    for (;;) {
      if (parts.length >= this.size) throw new Violation(`chain longer than the queue, or a loop`)
      const { address, length, flags, next } = this.descriptor(table, at)
      if ((flags & ~(NEXT | WRITE)) !== 0) throw new Violation(`descriptor flags ${flags}`)
      if (length === 0) throw new Violation('zero-length descriptor')
      const deviceWrites = (flags & WRITE) !== 0
      if (!deviceWrites && parts.at(-1)?.deviceWrites) {
        throw new Violation('readable descriptor after a writable one')
      }
      parts.push({
        physicalAddress: address,
        bytes: this.hal.resolveDma(address, length),
        deviceWrites,
      })
      total += length
      if (total >= 2 ** 32) throw new Violation('chain of 4 GiB')
      if ((flags & NEXT) === 0) return
      if (next >= entries) throw new Violation(`next descriptor ${next} of ${entries}`)
      at = next
    }
  }

  private descriptor(table: number, index: number) {
    const view = viewOf(this.hal.resolveDma(table + 16 * index, 16))
    return {
      address: Number(view.getBigUint64(0, true)),
      length: view.getUint32(8, true),
      flags: view.getUint16(12, true),
      next: view.getUint16(14, true),
    }
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
