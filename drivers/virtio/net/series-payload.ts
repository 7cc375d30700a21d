/** Which memory each frame of a series is read from. */
import type { TransmitRecord } from '../../../net/phy/transmit-record.ts'
import type { SeriesRanges, Virtqueue } from '../virtqueue.ts'

export class SeriesPayload {
  private readonly queue: Virtqueue
  private readonly slots: Uint16Array
  /** Used again for each series. */
  private readonly ranges: SeriesRanges = { address: 0, length: 0, place: 0, lap: 0 }

  constructor(queue: Virtqueue, slots: Uint16Array) {
    this.queue = queue
    this.slots = slots
  }

  /** Of frames in slots[from] to slots[to - 1], `size` bytes each behind `end` of their own. */
  describe(record: TransmitRecord, size: number, end: number, from: number, to: number): void {
    const { ranges } = this
    ranges.length = size
    if (isRingOfFrames(record, size)) {
      const { physicalAddress, lengthBytes } = record.payload0!
      ranges.address = physicalAddress
      ranges.place = record.payload0Offset / size
      ranges.lap = lengthBytes / size
      this.queue.describeSeries(this.slots, from, to, end, ranges)
      return
    }
    let whole = to
    if (record.payload1Length !== 0) {
      whole = Math.min(to, from + ((record.payload0Length / size) | 0))
      if (whole < to) this.describeRest(record, size, end, whole, to)
    }
    if (from === whole) return
    const address = record.payload0!.physicalAddress + record.payload0Offset
    this.describeRow(from, whole, end, address)
  }

  /** Their ranges follow each other from `address` on. */
  private describeRow(from: number, to: number, end: number, address: number): void {
    const { ranges } = this
    ranges.address = address
    ranges.place = 0
    ranges.lap = to - from
    this.queue.describeSeries(this.slots, from, to, end, ranges)
  }

  /**
   * The frames that do not lie in the first range alone: the second may be longer than its buffer,
   * whose end is followed by its start.
   */
  private describeRest(
    record: TransmitRecord,
    size: number,
    end: number,
    from: number,
    to: number,
  ): void {
    const { queue, slots } = this
    const { physicalAddress, lengthBytes } = record.payload1!
    let left = record.payload0Length % size
    let address = record.payload0!.physicalAddress + record.payload0Offset
    address += record.payload0Length - left
    let offset = record.payload1Offset
    for (let next = from; next < to; ) {
      if (left !== 0) {
        const slot = slots[next++]!
        queue.describe(slot, end, address, left, physicalAddress + offset, size - left)
        offset += size - left
      }
      const whole = Math.min(((lengthBytes - offset) / size) | 0, to - next)
      address = physicalAddress + offset
      if (whole > 0) this.describeRow(next, next + whole, end, address)
      next += whole
      address += whole * size
      left = lengthBytes - offset - whole * size
      offset = 0
    }
  }
}

/** Both ranges are of one buffer, its end and then its start, which whole frames fill. */
function isRingOfFrames(record: TransmitRecord, size: number): boolean {
  const { payload0, payload0Offset, payload1 } = record
  if (record.payload1Length === 0 || payload1 !== payload0 || record.payload1Offset !== 0) {
    return false
  }
  const { lengthBytes } = payload0!
  return (
    payload0Offset + record.payload0Length === lengthBytes &&
    payload0Offset % size === 0 &&
    lengthBytes % size === 0
  )
}
