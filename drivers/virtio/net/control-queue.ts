/**
 * The control queue: one command at a time, its acknowledgment checked, and nobody ever waits for
 * it (virtio 1.4 §5.1.6.5).
 */
import type { DmaBuffer } from '../../dma-buffer.ts'
import type { Hal } from '../../hal.ts'
import type { Virtqueue } from '../virtqueue.ts'
import type { DeviceHealth } from './device-health.ts'
import type { VirtioNetStatistics } from './statistics.ts'

/** §5.1.6.5: class and command, one byte each, then the command's data. */
const COMMAND_HEADER_BYTES = 2
export const MAX_COMMAND_DATA_BYTES = 510
const ANSWER_OK = 0
const ANSWER_ERROR = 1
/** No device writes it: what still reads so was not answered. */
const NO_ANSWER = 0xff
const ANSWER_BYTES = 1
/**
 * A device that needs longer is taken to answer no more; what it says later is taken all the same.
 */
const COMMAND_DEADLINE_NS = 1_000_000_000
const SLOT = 0

export interface ControlCommand {
  /** For counters and messages. */
  readonly name: string
  readonly class: number
  readonly command: number
  readonly data: Uint8Array
}

export interface ControlQueueOptions {
  readonly hal: Hal
  readonly queue: Virtqueue
  readonly health: DeviceHealth
  readonly statistics: VirtioNetStatistics
  readonly schedule: (atNs: number, callback: () => void) => void
  /** Told how the command that was sent last has ended; the next may be sent from within. */
  readonly onAnswer: (accepted: boolean) => void
  /** Told that the deadline has passed. */
  readonly onSilence: () => void
}

export class ControlQueue {
  private readonly hal: Hal
  private readonly queue: Virtqueue
  private readonly options: ControlQueueOptions
  private readonly memory: DmaBuffer
  private readonly answerOffset: number
  private readonly slots = new Uint16Array([SLOT])
  private readonly lengths = new Uint32Array(1)
  /** The command that the device has; null = another can be sent. */
  private sent: ControlCommand | null = null
  private deadlineNs = 0
  private isTimed = false
  private isSilent = false

  constructor(options: ControlQueueOptions) {
    const { hal, queue } = options
    this.hal = hal
    this.queue = queue
    this.options = options
    this.answerOffset = COMMAND_HEADER_BYTES + MAX_COMMAND_DATA_BYTES
    this.memory = hal.allocateDma(this.answerOffset + ANSWER_BYTES, 64)
    queue.bind(SLOT, this.memory.physicalAddress, this.answerOffset, false)
  }

  get isFree(): boolean {
    return this.sent === null
  }

  /** Something has come for `poll`. */
  get hasAnswer(): boolean {
    return this.sent !== null && this.queue.hasUsed()
  }

  send(command: ControlCommand): void {
    const { hal, memory, queue, answerOffset } = this
    if (this.sent !== null) throw new Error(`Cannot send ${command.name}: a command is on its way`)
    const { data } = command
    memory.bytes[0] = command.class
    memory.bytes[1] = command.command
    memory.bytes.set(data, COMMAND_HEADER_BYTES)
    memory.bytes[answerOffset] = NO_ANSWER
    const answerAddress = memory.physicalAddress + answerOffset
    queue.describeExchange(SLOT, COMMAND_HEADER_BYTES + data.length, answerAddress, ANSWER_BYTES)
    this.slots[0] = SLOT
    queue.add(this.slots, 0, 1)
    this.sent = command
    this.options.statistics.controlCommands++
    this.deadlineNs = hal.monotonicNs() + COMMAND_DEADLINE_NS
    queue.publish()
    // Answered already: nobody has to be woken or to look at the clock.
    if (queue.armInterrupts(0)) this.watch()
  }

  /**
   * Takes the answer when there is one; an interrupt or the deadline tells of one that is not there
   * yet.
   */
  poll(): void {
    const { sent, queue } = this
    const { health, statistics, onAnswer } = this.options
    if (sent === null || !queue.hasUsed()) return
    if (queue.take(this.slots, this.lengths, 0) === 0) {
      health.report(queue.violation === '' ? 'usedIndex' : queue.violation)
      return
    }
    const answer = this.memory.bytes[this.answerOffset]!
    if (answer !== ANSWER_OK && answer !== ANSWER_ERROR) {
      health.report('controlAnswer')
      return
    }
    this.sent = null
    this.isSilent = false
    if (answer === ANSWER_ERROR) {
      const { name } = sent
      statistics.controlRefusals[name] = (statistics.controlRefusals[name] ?? 0) + 1
    }
    onAnswer(answer === ANSWER_OK)
  }

  /** Only after a device reset. */
  reset(): void {
    this.sent = null
    this.isSilent = false
  }

  /** One timer at a time, set anew while there is something to watch. */
  private watch(): void {
    if (this.isTimed) return
    this.isTimed = true
    this.options.schedule(this.deadlineNs, () => {
      this.isTimed = false
      this.checkDeadline()
    })
  }

  private checkDeadline(): void {
    // Its interrupt may have been lost.
    if (this.options.health.isRunning) this.poll()
    if (this.sent === null || this.isSilent) return
    if (this.hal.monotonicNs() < this.deadlineNs) {
      this.watch()
      return
    }
    this.isSilent = true
    this.options.statistics.controlTimeouts++
    this.options.onSilence()
  }
}
