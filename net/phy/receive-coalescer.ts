/**
 * Joins received TCP segments of one connection into one frame, as GUEST_TSO has the host do it:
 * for devices that do not.
 */
import type { BulkOperations } from '../storage/buffer.ts'
import type { FrameLookahead, ReceivedFrame, ReceiveHalf } from './net-device.ts'
import { createReceivedFrame, presentFrame, type StoredFrame } from './received-frame.ts'
import { SegmentRun } from './segment-run.ts'

/** Of the largest frame that a device gives, and of the largest that segments are joined into. */
const FRAME_BYTES = 65_664

export interface CoalescingStatistics {
  /** Frames given on that several segments were joined into, and these segments. */
  coalescedFrames: number
  coalescedSegments: number
}

/**
 * Stands in front of a device's receiving half. A large segment is copied and its frame given back,
 * and so are the next ones as long as they go on where it ends, with the same headers: nothing
 * waits for what is not there yet. The frame that ends a run is kept, in order, for the next call,
 * which whoever polls makes until there is none.
 */
export class ReceiveCoalescer implements ReceiveHalf {
  readonly statistics: CoalescingStatistics = { coalescedFrames: 0, coalescedSegments: 0 }
  /** The device's own, but while a frame is kept that comes before the device's next. */
  readonly lookahead?: FrameLookahead
  /** False: frames pass as they are. */
  isEnabled = true
  private readonly inner: ReceiveHalf
  private readonly next: ReceivedFrame = createReceivedFrame()
  private run: SegmentRun
  private other: SegmentRun
  /** The frame that ended the last run lies in `other`. */
  private hasKept = false
  private isOwn = false

  constructor(inner: ReceiveHalf, bulk: BulkOperations) {
    this.inner = inner
    const { lookahead } = inner
    if (lookahead !== undefined) {
      this.lookahead = {
        get queueIndex() {
          return lookahead.queueIndex
        },
        upcoming: (rules) => (this.hasKept ? 0 : lookahead.upcoming(rules)),
        skip: (count) => lookahead.skip(count),
      }
    }
    this.run = new SegmentRun(createStored(), bulk)
    this.other = new SegmentRun(createStored(), bulk)
  }

  receive(frame: ReceivedFrame): boolean {
    const { inner } = this
    if (this.hasKept) {
      this.hasKept = false
      const { run } = this
      this.run = this.other
      this.other = run
      return this.continueRun(frame)
    }
    if (!inner.receive(frame)) return false
    const { run } = this
    if (!this.isEnabled || !run.canBegin(frame)) {
      this.isOwn = false
      return true
    }
    run.take(frame)
    inner.release(frame)
    return this.continueRun(frame)
  }

  release(frame: ReceivedFrame): void {
    if (this.isOwn) this.isOwn = false
    else this.inner.release(frame)
  }

  /** Gives what lies in `run`, and all that goes on where it ends. */
  private continueRun(frame: ReceivedFrame): true {
    const { inner, next, run } = this
    if (this.isEnabled && run.begin()) {
      while (inner.receive(next)) {
        const isJoined = run.join(next)
        if (!isJoined) {
          this.other.take(next)
          this.hasKept = true
        }
        inner.release(next)
        if (!isJoined || run.isComplete) break
      }
      if (run.segments > 1) {
        run.finish()
        this.statistics.coalescedFrames++
        this.statistics.coalescedSegments += run.segments
      }
    }
    this.isOwn = true
    presentFrame(frame, run.stored, run.checksumVerified)
    frame.queueIndex = run.queueIndex
    return true
  }
}

/** No device reads or writes it. */
function createStored(): StoredFrame {
  const bytes = new Uint8Array(FRAME_BYTES)
  const view = new DataView(bytes.buffer)
  const buffer = { bytes, view, physicalAddress: 0, lengthBytes: FRAME_BYTES }
  return { buffer, length: 0, checksumPartial: false, segmentSize: 0 }
}
