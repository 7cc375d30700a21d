/**
 * What this host sends to itself: frames go from egress to ingress in memory, and never reach a
 * device (RFC 1122 §3.2.1.3 (g)).
 */
import { gatherTransmit } from '../phy/gather.ts'
import type { ReceivedFrame, TransmitHalf } from '../phy/net-device.ts'
import { createReceivedFrame, presentFrame, type StoredFrame } from '../phy/received-frame.ts'
import type { TransmitRecord } from '../phy/transmit-record.ts'
import type { BulkOperations } from '../storage/buffer.ts'

/** Frames under way; each has memory for the longest, made when there are first so many. */
export const MAX_INTERNAL_FRAMES = 32
/** Of the largest frame there is: IPv6 headers and 64 KiB. */
const SLOT_LENGTH = 65_600

/**
 * Its frames have no hardware addresses: zeros mark what comes from here, and what is to come here.
 * No station has that address, so that an answer to a forged one goes nowhere.
 */
export class InternalLink {
  /** Frames that ingress has not taken yet. Read only outside. */
  waiting = 0
  /** Told of each frame, as a device would be that it is sent by; null = nobody watches. */
  watcher: Pick<TransmitHalf, 'submit'> | null = null
  private readonly bulk: BulkOperations
  /** A ring from `head` on, as long as there were frames at once. */
  private readonly slots: InternalFrame[] = []
  private head = 0
  private frame: ReceivedFrame | null = null

  constructor(bulk: BulkOperations) {
    this.bulk = bulk
  }

  /** `zone`: the interface that sends it, which is to take it in. */
  accept(record: TransmitRecord, zone: number): boolean {
    if (this.waiting === MAX_INTERNAL_FRAMES) return false
    const index = (this.head + this.waiting) % MAX_INTERNAL_FRAMES
    this.slots[index] ??= createSlot()
    const slot = this.slots[index]!
    slot.length = gatherTransmit(record, slot.buffer.bytes, 0, this.bulk)
    slot.checksumPartial = record.meta.checksumStart > 0
    slot.segmentSize = record.meta.segmentationOffloadSize
    slot.zone = zone
    this.waiting++
    this.watcher?.submit(record)
    return true
  }

  /** That of the oldest; there must be one. */
  get zone(): number {
    return this.slots[this.head]!.zone
  }

  /** The oldest frame, until `release`; there must be one. */
  peek(): ReceivedFrame {
    this.frame ??= createReceivedFrame()
    const slot = this.slots[this.head]!
    // Memory does not damage: what a device would have completed is vouched for.
    presentFrame(this.frame, slot, slot.checksumPartial)
    return this.frame
  }

  release(): void {
    this.waiting--
    this.head = this.waiting === 0 ? 0 : (this.head + 1) % MAX_INTERNAL_FRAMES
  }
}

/**
 * The internal link as one interface has it. Two may have the same link-local address, and what one
 * sends to it is for itself (RFC 4007 §6).
 */
export class InternalPort implements TransmitHalf {
  readonly link: InternalLink
  private readonly zone: number

  constructor(link: InternalLink, zone: number) {
    this.link = link
    this.zone = zone
  }

  submit(record: TransmitRecord): boolean {
    return this.link.accept(record, this.zone)
  }

  flush(): void {}

  /** What is sent is copied: there is nothing to give back. */
  reclaim(): void {}
}

/** Where packets go that must reach no link. */
export const NOWHERE: TransmitHalf = { submit: () => true, flush() {}, reclaim() {} }

interface InternalFrame extends StoredFrame {
  zone: number
}

/** True of a frame that begins without a destination. */
export function isInternal(view: DataView): boolean {
  return (view.getInt32(0) | view.getUint16(4)) === 0
}

function createSlot(): InternalFrame {
  const bytes = new Uint8Array(SLOT_LENGTH)
  const view = new DataView(bytes.buffer)
  const buffer = { bytes, view, physicalAddress: 0, lengthBytes: SLOT_LENGTH }
  return { buffer, length: 0, checksumPartial: false, segmentSize: 0, zone: 0 }
}
