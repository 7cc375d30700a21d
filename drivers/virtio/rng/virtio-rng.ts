/** Entropy from the host (virtio 1.4 §5.4): one queue, one buffer, waited for with a deadline. */
import type { DmaBuffer } from '../../dma-buffer.ts'
import type { Hal } from '../../hal.ts'
import { TRANSPORT_FEATURES, VERSION_1 } from '../features.ts'
import { fail, negotiateWithDevice, resetDevice, setDriverOk } from '../initialize.ts'
import { negotiateFeatures } from '../negotiate.ts'
import { ResetBudget } from '../reset-budget.ts'
import { SplitVirtqueue } from '../split-virtqueue.ts'
import type { VirtioTransport } from '../transport.ts'

const REQUEST_QUEUE = 0
const BUFFER_BYTES = 64
/** At the start nothing else is to be done: so long a device may take for one answer. */
const FIRST_DEADLINE_NS = 1_000_000_000
/** And so long for all that is asked of it: one that gives an octet a time would take a minute. */
const FIRST_FILL_NS = 5_000_000_000
/** Later on the network waits meanwhile. */
const FILL_NS = 20_000_000
/**
 * A device that failed is tried again when its entropy is wanted next, but not more often than so.
 */
const RESETS_AT_ONCE = 1
const RESET_REFILL_NS = 600e9
/** Bound for a platform whose clock stands still. */
const MAX_POLLS = 10_000_000
const SUPPORTED: ReadonlySet<string> = new Set([VERSION_1, 'ACCESS_PLATFORM', 'ORDER_PLATFORM'])

export class VirtioRng {
  private readonly hal: Hal
  private readonly transport: VirtioTransport
  private readonly queue: SplitVirtqueue
  private readonly buffer: DmaBuffer
  /** Of the one request that is ever outstanding. */
  private readonly slots = new Uint16Array(1)
  private readonly lengths = new Uint32Array(1)
  private readonly report: (message: string) => void
  private readonly resets = new ResetBudget(RESETS_AT_ONCE, RESET_REFILL_NS)
  private usable = true
  private hasDelivered = false

  /**
   * Brings the device up; throws VirtioError when it cannot be used. It is polled, never
   * interrupts.
   */
  constructor(hal: Hal, transport: VirtioTransport, report: (message: string) => void = () => {}) {
    this.hal = hal
    this.transport = transport
    this.report = report
    this.negotiate()
    const size = transport.maximumQueueSize(REQUEST_QUEUE)
    if (size === 0 || size > 32768 || (size & (size - 1)) !== 0) {
      fail(transport, `its queue has a size of ${size}`)
    }
    this.queue = new SplitVirtqueue(hal, {
      size: Math.min(size, 8),
      chained: false,
      indirect: false,
      eventIndex: false,
      wantedSlots: 1,
    })
    this.buffer = hal.allocateDma(BUFFER_BYTES, 64)
    this.queue.bind(0, this.buffer.physicalAddress, BUFFER_BYTES, true)
    this.goLive()
  }

  /**
   * Fills `target`; false when the device does not deliver in time or lies. It is then left alone
   * for some minutes.
   */
  fill(target: Uint8Array): boolean {
    if (!this.usable && !this.revive()) return false
    let filled = 0
    const endNs = this.hal.monotonicNs() + (this.hasDelivered ? FILL_NS : FIRST_FILL_NS)
    while (filled < target.length && this.usable) {
      const lengthBytes = this.request(endNs)
      if (lengthBytes === 0) {
        this.stop('does not deliver')
        return false
      }
      const take = Math.min(lengthBytes, target.length - filled)
      this.hal.bulk.copy(target, filled, this.buffer.bytes, 0, take)
      this.buffer.bytes.fill(0)
      filled += take
    }
    this.hasDelivered = true
    return filled === target.length
  }

  /** Bytes that one request brought; 0 = it failed. */
  private request(endNs: number): number {
    const { hal, queue } = this
    this.slots[0] = 0
    queue.add(this.slots, 0, 1)
    queue.publish()
    const deadlineNs = Math.min(hal.monotonicNs() + FIRST_DEADLINE_NS, endNs)
    for (let polls = 0; polls < MAX_POLLS; polls++) {
      if (queue.take(this.slots, this.lengths, 0) === 0) {
        if (queue.violation !== '' || hal.monotonicNs() > deadlineNs) return 0
        continue
      }
      if (hal.monotonicNs() > endNs) return 0
      // "The device MUST place one or more random bytes into the buffer" (§5.4.6.2).
      const lengthBytes = this.lengths[0]!
      return lengthBytes > BUFFER_BYTES ? 0 : lengthBytes
    }
    return 0
  }

  /** The device goes next; one in its place is used again when entropy is wanted. */
  detach(): void {
    if (!this.usable) return
    this.stop('is removed')
  }

  private negotiate(): void {
    negotiateWithDevice(this.hal, this.transport, (offered) =>
      negotiateFeatures({
        offered,
        known: TRANSPORT_FEATURES,
        supported: SUPPORTED,
        acceptedOffloads: null,
        vetoes: new Map(),
      }),
    )
  }

  private goLive(): void {
    const { queue, transport } = this
    queue.reset()
    transport.enableQueue(REQUEST_QUEUE, queue.size, queue.addresses)
    queue.connect(REQUEST_QUEUE, transport.doorbell(REQUEST_QUEUE))
    setDriverOk(transport)
  }

  private revive(): boolean {
    const { hal, queue, transport } = this
    if (!transport.isPresent() || !this.resets.take(hal.monotonicNs())) return false
    // From here on it counts as a device that serves while others wait.
    this.hasDelivered = true
    try {
      transport.reconnect()
      this.negotiate()
      if (transport.maximumQueueSize(REQUEST_QUEUE) < queue.size) return false
      this.goLive()
    } catch {
      this.stop('does not deliver')
      return false
    }
    this.usable = true
    return true
  }

  private stop(problem: string): void {
    if (this.usable) {
      this.report(
        `entropy device ${this.transport.address} ${problem}; the guest goes on without it, ` +
          'and tries it again when entropy is wanted, some minutes later at most',
      )
    }
    this.usable = false
    try {
      resetDevice(this.hal, this.transport)
    } catch {
      // One that does not even reset must not reach memory any more.
    }
    this.transport.isolate()
  }
}
