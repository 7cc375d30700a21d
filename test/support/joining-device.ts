/**
 * A device whose received frames lie in a ring like those of the driver, and are joined there as
 * the driver joins them.
 */
import { ReceivedRuns } from '../../drivers/virtio/net/received-runs.ts'
import { emptySizes } from '../../drivers/virtio/net/statistics.ts'
import type { NetDevice, ReceivedFrame, ReceiveHalf } from '../../net/phy/net-device.ts'
import { createReceivedFrame } from '../../net/phy/received-frame.ts'
import type { SegmentJoiner } from '../../net/phy/segment-joiner.ts'
import { fakeBulk } from '../fakes/fake-bulk.ts'
import { createPacketBuffer } from './memory.ts'

const NET_HEADER_BYTES = 12
const BUFFER_BYTES = 2048
const SLOTS = 64

class JoiningReceiveHalf implements ReceiveHalf {
  private readonly inner: ReceiveHalf
  private readonly memory = createPacketBuffer(SLOTS * BUFFER_BYTES)
  private readonly runs = new ReceivedRuns(
    fakeBulk,
    this.memory,
    BUFFER_BYTES,
    { mergeable: true, maxTransmissionUnit: 1500 },
    emptySizes(),
  )
  private readonly slots = Uint16Array.from({ length: SLOTS }, (_, slot) => slot)
  private readonly lengths = new Uint32Array(SLOTS)
  private readonly incoming = createReceivedFrame()
  private next = 0
  private count = 0

  constructor(inner: ReceiveHalf, joiner: SegmentJoiner) {
    this.inner = inner
    this.runs.joiner = joiner
  }

  receive(frame: ReceivedFrame): boolean {
    if (this.next === this.count) this.fill()
    if (this.count === 0) return false
    const index = this.next
    const length = this.lengths[index]! - NET_HEADER_BYTES
    this.runs.place(frame, 0, index, NET_HEADER_BYTES, length)
    frame.length = length
    frame.fragmentCount = 1
    Object.assign(frame.meta, { checksumVerified: false, checksumPartial: false, segmentSize: 0 })
    this.next += this.runs.join(frame, this.slots, this.lengths, index, this.count)
    return true
  }

  release(): void {}

  /** All that there is, as a device would have written it meanwhile. */
  private fill(): void {
    const { inner, incoming, memory } = this
    this.next = 0
    this.count = 0
    while (this.count < SLOTS && inner.receive(incoming)) {
      const { buffer, offset, length } = incoming.fragments[0]!
      const at = this.count * BUFFER_BYTES
      memory.bytes.fill(0, at, at + NET_HEADER_BYTES)
      memory.bytes.set(buffer.bytes.subarray(offset, offset + length), at + NET_HEADER_BYTES)
      this.lengths[this.count++] = NET_HEADER_BYTES + length
      inner.release(incoming)
    }
  }
}

export function joiningDevice(device: NetDevice, joiner: SegmentJoiner): NetDevice {
  const { capabilities, hardwareAddress, link, tx, rx } = device
  return { capabilities, hardwareAddress, link, tx, rx: new JoiningReceiveHalf(rx, joiner) }
}
