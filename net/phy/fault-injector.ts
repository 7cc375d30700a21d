/**
 * Loses, repeats, reorders and damages received frames, the same way each time for the same random
 * source.
 */
import type { BufferAllocator, BulkOperations } from '../storage/buffer.ts'
import { gatherReceived } from './gather.ts'
import type { ReceivedFrame, ReceiveHalf } from './net-device.ts'
import { presentFrame, type StoredFrame } from './received-frame.ts'

/** Probabilities per frame, 0..1, tried in this order; at most one fault strikes a frame. */
export interface FaultRates {
  readonly drop: number
  readonly duplicate: number
  readonly reorder: number
  readonly corrupt: number
}

export interface FaultCounters {
  dropped: number
  duplicated: number
  reordered: number
  corrupted: number
}

/** Frames held back at once; beyond, faults that need memory do not happen. */
const HELD_FRAMES = 8
const HELD_FRAME_LENGTH = 65_600
/** A reordered frame comes after this many others at most. */
const MAX_OVERTAKING = 4

interface HeldFrame extends StoredFrame {
  used: boolean
  /** Frames that are still to overtake it. */
  overtaking: number
  checksumVerified: boolean
}

/** Stands in front of a device's receiving half. */
export class FaultInjector implements ReceiveHalf {
  readonly counters: FaultCounters = { dropped: 0, duplicated: 0, reordered: 0, corrupted: 0 }
  rates: FaultRates
  private readonly inner: ReceiveHalf
  private readonly bulk: BulkOperations
  private readonly nextInt32: () => number
  private readonly held: HeldFrame[]
  /** The held frame that the receiver has open, or null when it is one of the device. */
  private delivered: HeldFrame | null = null

  /** `nextInt32` gives uniformly distributed int32 values. */
  constructor(
    inner: ReceiveHalf,
    rates: FaultRates,
    nextInt32: () => number,
    allocator: BufferAllocator,
    bulk: BulkOperations,
  ) {
    this.inner = inner
    this.rates = rates
    this.nextInt32 = nextInt32
    this.bulk = bulk
    this.held = Array.from({ length: HELD_FRAMES }, () => ({
      buffer: allocator.allocate(HELD_FRAME_LENGTH),
      used: false,
      length: 0,
      overtaking: 0,
      checksumVerified: false,
      checksumPartial: false,
      segmentSize: 0,
    }))
  }

  receive(frame: ReceivedFrame): boolean {
    const due = this.findHeld(0)
    if (due !== null) return this.deliver(due, frame)
    while (this.inner.receive(frame)) {
      if (this.pass(frame)) {
        this.overtake()
        return true
      }
    }
    // Nothing overtakes the rest any more: held frames are late, not lost.
    const late = this.findHeld(MAX_OVERTAKING)
    return late !== null && this.deliver(late, frame)
  }

  release(frame: ReceivedFrame): void {
    if (this.delivered === null) {
      this.inner.release(frame)
      return
    }
    this.delivered.used = false
    this.delivered = null
  }

  /** Decides the fate of a frame of the device; true when the receiver gets it as it is now. */
  private pass(frame: ReceivedFrame): boolean {
    const { rates, counters } = this
    let chance = (this.nextInt32() >>> 0) / 0x1_0000_0000
    chance -= rates.drop
    if (chance < 0) {
      counters.dropped++
      this.inner.release(frame)
      return false
    }
    chance -= rates.duplicate
    if (chance < 0) {
      if (this.hold(frame, 0) !== null) counters.duplicated++
      return true
    }
    chance -= rates.reorder
    if (chance < 0) {
      const overtaking = 1 + ((this.nextInt32() >>> 1) % MAX_OVERTAKING)
      if (this.hold(frame, overtaking) === null) return true
      counters.reordered++
      this.inner.release(frame)
      return false
    }
    chance -= rates.corrupt
    if (chance < 0) {
      const copy = this.hold(frame, 0)
      if (copy === null) return true
      counters.corrupted++
      this.inner.release(frame)
      this.corrupt(copy)
      return this.deliver(copy, frame)
    }
    return true
  }

  /** Flips one bit; nobody vouches for the frame any more. */
  private corrupt(copy: HeldFrame): void {
    const bit = (this.nextInt32() >>> 1) % (copy.length * 8)
    copy.buffer.bytes[bit >> 3]! ^= 1 << (bit & 7)
    copy.checksumVerified = false
    copy.checksumPartial = false
  }

  private hold(frame: ReceivedFrame, overtaking: number): HeldFrame | null {
    const copy = this.held.find(({ used }) => !used)
    if (copy === undefined || frame.length > HELD_FRAME_LENGTH || frame.length === 0) return null
    copy.used = true
    copy.length = gatherReceived(frame, copy.buffer.bytes, 0, this.bulk)
    copy.overtaking = overtaking
    copy.checksumVerified = frame.meta.checksumVerified
    copy.checksumPartial = frame.meta.checksumPartial
    copy.segmentSize = frame.meta.segmentSize
    return copy
  }

  private overtake(): void {
    for (const copy of this.held) if (copy.used && copy.overtaking > 0) copy.overtaking--
  }

  private findHeld(maxOvertaking: number): HeldFrame | null {
    return (
      this.held.find(
        (copy) => copy.used && copy.overtaking <= maxOvertaking && copy !== this.delivered,
      ) ?? null
    )
  }

  private deliver(copy: HeldFrame, frame: ReceivedFrame): true {
    presentFrame(frame, copy, copy.checksumVerified)
    this.delivered = copy
    return true
  }
}
