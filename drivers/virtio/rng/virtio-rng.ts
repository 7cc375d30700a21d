/** Entropy from the host (virtio 1.4 §5.4): one queue, one buffer, waited for with a deadline. */
import type { DmaBuffer } from '../../../kernel/hal/dma-buffer.ts'
import type { Hal } from '../../../kernel/hal/hal.ts'
import { TRANSPORT_FEATURES, VERSION_1 } from '../features.ts'
import { fail, negotiateWithDevice, resetDevice, setDriverOk } from '../initialise.ts'
import { negotiateFeatures } from '../negotiate.ts'
import { SplitVirtqueue } from '../split-virtqueue.ts'
import type { VirtioTransport } from '../transport.ts'

const REQUEST_QUEUE = 0
const BUFFER_BYTES = 64
const DEADLINE_NS = 1_000_000_000
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
  private usable = true

  /** Brings the device up; throws VirtioError when it cannot be used. It is polled, never interrupts. */
  constructor(hal: Hal, transport: VirtioTransport) {
    this.hal = hal
    this.transport = transport
    negotiateWithDevice(hal, transport, (offered) =>
      negotiateFeatures({
        offered,
        known: TRANSPORT_FEATURES,
        supported: SUPPORTED,
        acceptedOffloads: null,
        vetoes: new Map(),
      }),
    )
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
    this.queue.reset()
    transport.enableQueue(REQUEST_QUEUE, this.queue.size, this.queue.addresses)
    this.queue.connect(REQUEST_QUEUE, transport.doorbell(REQUEST_QUEUE))
    setDriverOk(transport)
  }

  /** Fills `target`; false when the device does not deliver in time or lies, and is then left alone for good. */
  fill(target: Uint8Array): boolean {
    let filled = 0
    while (filled < target.length && this.usable) {
      const lengthBytes = this.request()
      if (lengthBytes === 0) {
        this.stop()
        return false
      }
      const take = Math.min(lengthBytes, target.length - filled)
      this.hal.bulk.copy(target, filled, this.buffer.bytes, 0, take)
      this.buffer.bytes.fill(0)
      filled += take
    }
    return filled === target.length
  }

  /** Bytes that one request brought; 0 = it failed. */
  private request(): number {
    const { hal, queue } = this
    this.slots[0] = 0
    queue.add(this.slots, 0, 1)
    queue.publish()
    const deadlineNs = hal.monotonicNs() + DEADLINE_NS
    for (let polls = 0; polls < MAX_POLLS; polls++) {
      if (queue.take(this.slots, this.lengths, 0) === 0) {
        if (queue.lie !== '' || hal.monotonicNs() > deadlineNs) return 0
        continue
      }
      // "The device MUST place one or more random bytes into the buffer" (§5.4.6.2).
      const lengthBytes = this.lengths[0]!
      return lengthBytes > BUFFER_BYTES ? 0 : lengthBytes
    }
    return 0
  }

  private stop(): void {
    this.usable = false
    try {
      resetDevice(this.hal, this.transport)
    } catch {
      this.transport.isolate()
    }
  }
}
