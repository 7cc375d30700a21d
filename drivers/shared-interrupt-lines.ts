/**
 * Level-triggered interrupt lines that several devices may share: one vector a line, every handler
 * asked.
 */
import type { Hal } from './hal.ts'
import type { InterruptRegistry } from './interrupt-registry.ts'

export class SharedInterruptLines {
  private readonly hal: Pick<Hal, 'routeInterruptLine' | 'unmaskInterruptLine'>
  private readonly lines = new Map<number, { vector: number; handlers: (() => void)[] }>()

  constructor(hal: Pick<Hal, 'routeInterruptLine' | 'unmaskInterruptLine'>) {
    this.hal = hal
  }

  /**
   * Calls `handler` from the event loop when this I/O APIC input is asserted; the input is unmasked
   * once all handlers sharing it have run. They must have quietened their device by then. The
   * vector it comes by; -1 without one left for it, or without such an input.
   */
  attach(
    globalInterrupt: number,
    name: string,
    registry: InterruptRegistry,
    handler: () => void,
  ): number {
    const shared = this.lines.get(globalInterrupt)
    if (shared !== undefined) {
      shared.handlers.push(handler)
      return shared.vector
    }
    if (registry.freeCount === 0) return -1
    const handlers = [handler]
    const vector = registry.register(name, () => {
      for (const each of handlers) each()
      this.hal.unmaskInterruptLine(globalInterrupt)
    })
    try {
      // QEMU's ACPI tables declare these inputs level, active high.
      this.hal.routeInterruptLine(globalInterrupt, vector, true)
    } catch {
      registry.unregister(vector)
      return -1
    }
    this.lines.set(globalInterrupt, { vector, handlers })
    return vector
  }
}
