/**
 * The two control queues of a console: messages sent one at a time and waited for, messages
 * received by looking.
 */
import type { DmaBuffer } from '../../dma-buffer.ts'
import type { Hal } from '../../hal.ts'
import type { Virtqueue } from '../virtqueue.ts'
import {
  CONTROL_BYTES,
  type ControlEvent,
  type ControlMessage,
  readControl,
  writeControl,
} from './control-message.ts'

/**
 * Above any name a person gives: QEMU copies a longer one without looking at the length of the
 * buffer.
 */
export const RECEIVE_BYTES = 512
/** QEMU drops a message that finds no buffer, and announces up to 31 ports at once. */
export const RECEIVE_SLOTS = 32

const SEND_DEADLINE_NS = 1_000_000_000
/** Bound for a platform whose clock stands still. */
const MAX_POLLS = 10_000_000

export class ControlQueues {
  /** What the device did that cannot be; empty while it is trusted. */
  violation = ''
  private readonly hal: Hal
  private readonly receiveQueue: Virtqueue
  private readonly transmitQueue: Virtqueue
  /** Messages taken from the queue; those before `nextTaken` were received. */
  private readonly takenSlots: Uint16Array
  private readonly takenLengths: Uint32Array
  private takenCount = 0
  private nextTaken = 0
  private readonly sentSlots = new Uint16Array(1)
  private readonly sentLengths = new Uint32Array(1)
  private readonly received: DmaBuffer
  private readonly sent: DmaBuffer

  constructor(hal: Hal, receiveQueue: Virtqueue, transmitQueue: Virtqueue) {
    this.hal = hal
    this.receiveQueue = receiveQueue
    this.transmitQueue = transmitQueue
    this.takenSlots = new Uint16Array(receiveQueue.slotCount)
    this.takenLengths = new Uint32Array(receiveQueue.slotCount)
    this.received = hal.allocateDma(receiveQueue.slotCount * RECEIVE_BYTES, 64)
    this.sent = hal.allocateDma(CONTROL_BYTES, 64)
    transmitQueue.bind(0, this.sent.physicalAddress, CONTROL_BYTES, false)
    for (let slot = 0; slot < receiveQueue.slotCount; slot++) {
      const address = this.received.physicalAddress + slot * RECEIVE_BYTES
      receiveQueue.bind(slot, address, RECEIVE_BYTES, true)
    }
  }

  /** Gives the device its buffers; once it is live. */
  start(): void {
    const { receiveQueue, takenSlots } = this
    for (let slot = 0; slot < receiveQueue.slotCount; slot++) takenSlots[slot] = slot
    receiveQueue.add(takenSlots, 0, receiveQueue.slotCount)
    this.receiveQueue.publish()
  }

  /** Sends a message and waits until the device has taken it. False when it does not, or lies. */
  send(port: number, event: ControlEvent, value: number): boolean {
    const { hal, transmitQueue } = this
    if (this.violation !== '') return false
    writeControl(this.sent.view, 0, port, event, value)
    this.sentSlots[0] = 0
    transmitQueue.add(this.sentSlots, 0, 1)
    transmitQueue.publish()
    const deadlineNs = hal.monotonicNs() + SEND_DEADLINE_NS
    for (let polls = 0; polls < MAX_POLLS; polls++) {
      if (transmitQueue.take(this.sentSlots, this.sentLengths, 0) !== 0) return true
      if (transmitQueue.violation !== '') return this.distrust(transmitQueue.violation)
      if (hal.monotonicNs() > deadlineNs) break
    }
    return this.distrust('takes no control message')
  }

  /** The device says that there is a message; `receive` looks whether that is so. */
  get hasReceived(): boolean {
    return this.nextTaken !== this.takenCount || this.receiveQueue.hasUsed()
  }

  /**
   * The next message of the device, or null. One too short for a message says nothing and is
   * skipped.
   */
  receive(): ControlMessage | null {
    const { receiveQueue, takenSlots } = this
    while (this.violation === '') {
      if (this.nextTaken === this.takenCount) {
        this.nextTaken = 0
        this.takenCount = receiveQueue.take(takenSlots, this.takenLengths, 0)
        if (this.takenCount === 0) {
          if (receiveQueue.violation !== '') this.distrust(receiveQueue.violation)
          return null
        }
      }
      const index = this.nextTaken++
      const lengthBytes = this.takenLengths[index]!
      if (lengthBytes > RECEIVE_BYTES) {
        this.distrust('usedLength')
        return null
      }
      const offset = takenSlots[index]! * RECEIVE_BYTES
      const message = readControl(this.received.view, offset, lengthBytes)
      receiveQueue.add(takenSlots, index, index + 1)
      receiveQueue.publish()
      if (message !== null) return message
    }
    return null
  }

  private distrust(violation: string): false {
    this.violation = violation
    return false
  }
}
