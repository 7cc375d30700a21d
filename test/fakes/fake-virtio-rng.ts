/** An entropy device for tests (virtio 1.4 §5.4). */
import type { FakeHal } from './fake-hal.ts'
import type { FakePciHost } from './fake-pci.ts'
import { FakeVirtioDevice } from './fake-virtio-device.ts'
import type { DeviceFaults } from './fake-virtio-device-options.ts'
import type { FakeVirtqueue } from './fake-virtqueue.ts'

export interface FakeVirtioRngOptions {
  readonly faults?: DeviceFaults
  readonly transitional?: boolean
  /** Bytes given for a request of `wanted`; 0 = never answered. May be more than wanted: a lie. */
  readonly lengthFor?: (wanted: number) => number
}

export class FakeVirtioRng extends FakeVirtioDevice {
  requests = 0
  private readonly lengthFor: (wanted: number) => number
  private next = 1

  constructor(hal: FakeHal, host: FakePciHost, options: FakeVirtioRngOptions = {}) {
    super(hal, host, {
      deviceType: 4,
      transitionalId: 0x1005,
      features: (1n << 32n) | (1n << 28n) | (1n << 29n),
      queueSizes: [8],
      config: new Uint8Array(0),
      vectors: 2,
      ...(options.faults === undefined ? {} : { faults: options.faults }),
      ...(options.transitional === undefined ? {} : { transitional: options.transitional }),
    })
    this.lengthFor = options.lengthFor ?? ((wanted) => wanted)
  }

  protected override onNotify(queue: FakeVirtqueue): void {
    for (let chain = queue.take(); chain !== null; chain = queue.take()) {
      this.requests++
      const target = chain.parts[0]!.bytes
      const lengthBytes = this.lengthFor(target.length)
      if (lengthBytes === 0) return
      for (let i = 0; i < Math.min(lengthBytes, target.length); i++) target[i] = this.next++ & 0xff
      queue.giveBack(chain, lengthBytes)
    }
    if (queue.publish()) this.interruptQueue(queue)
  }
}
