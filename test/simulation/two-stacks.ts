/** Two complete stacks on one simulated link, run by one virtual clock. */
import { Stack } from '../../net/api/stack.ts'
import type { NetDevice } from '../../net/phy/net-device.ts'
import { withSoftwareOffload } from '../../net/phy/software-offload.ts'
import type { TcpConfiguration } from '../../net/socket/tcp/configuration.ts'
import { type LinkOptions, type SimulatedDevice, SimulatedLink } from '../fakes/simulated-link.ts'
import { TestClock } from '../fakes/test-clock.ts'
import { createPacketBuffer, testBulk } from '../support/memory.ts'
import { SeededRandom } from '../support/seeded-random.ts'

export const LEFT_V4 = '10.0.0.1'
export const RIGHT_V4 = '10.0.0.2'
export const LEFT_V6 = 'fd00::1'
export const RIGHT_V6 = 'fd00::2'

export class TwoStacks {
  readonly clock = new TestClock()
  readonly link: SimulatedLink
  readonly left: Stack
  readonly right: Stack
  /** Called when both stacks have come to rest. */
  onPolled: () => void = () => {}
  private readonly due = new Set<Stack>()

  /** `watch` may put a device of its own below the left stack. */
  constructor(
    options: LinkOptions = {},
    tcp: Partial<TcpConfiguration> = {},
    watch: (device: NetDevice, clock: TestClock) => NetDevice = (device) => device,
  ) {
    this.link = new SimulatedLink(this.clock, options)
    // As in the guest, software offload is below whoever watches.
    const left = withSoftwareOffload(this.link.left, testBulk)
    this.left = this.createStack(this.link.left, 100, tcp, watch(left, this.clock))
    this.right = this.createStack(this.link.right, 200, tcp)
    this.left.addAddress(`${LEFT_V4}/24`, this.clock.nowMs)
    this.left.addAddress(`${LEFT_V6}/64`, this.clock.nowMs)
    this.right.addAddress(`${RIGHT_V4}/24`, this.clock.nowMs)
    this.right.addAddress(`${RIGHT_V6}/64`, this.clock.nowMs)
    this.runFor(0)
  }

  /** Runs until `isDone`, or throws after `limitMs` of virtual time. */
  runUntil(isDone: () => boolean, limitMs: number): void {
    const endMs = this.clock.nowMs + limitMs
    for (;;) {
      this.pollAll()
      if (isDone()) return
      const nextMs = this.nextMs()
      if (nextMs > endMs) {
        this.clock.advanceTo(endMs)
        throw new Error(`Cannot finish: ${limitMs} ms of virtual time are over`)
      }
      this.clock.advanceTo(nextMs)
    }
  }

  runFor(durationMs: number): void {
    const endMs = this.clock.nowMs + durationMs
    for (;;) {
      this.pollAll()
      const nextMs = this.nextMs()
      if (nextMs > endMs) break
      this.clock.advanceTo(nextMs)
    }
    this.clock.advanceTo(endMs)
    this.pollAll()
  }

  /** As runUntil for things that go through promises. */
  async settle(isDone: () => boolean, limitMs: number): Promise<void> {
    const endMs = this.clock.nowMs + limitMs
    for (;;) {
      this.pollAll()
      // All promise jobs, however long their chain, run before this one.
      await new Promise((resolve) => setImmediate(resolve))
      this.pollAll()
      if (isDone()) return
      const nextMs = Math.max(this.nextMs(), this.clock.nowMs)
      if (nextMs > endMs) {
        // Nothing waits for time: the last poll may have ended it.
        await new Promise((resolve) => setImmediate(resolve))
        if (isDone()) return
        throw new Error(`Cannot finish: ${limitMs} ms of virtual time are over`)
      }
      this.clock.advanceTo(nextMs)
    }
  }

  private pollAll(): void {
    this.due.add(this.left).add(this.right)
    while (this.due.size > 0) {
      for (const stack of [...this.due]) {
        this.due.delete(stack)
        let turns = 0
        while (stack.poll(this.clock.nowMs)) {
          if (++turns > 10_000) throw new Error('Cannot finish poll: it always wants another turn')
        }
      }
      this.clock.advanceTo(this.clock.nowMs)
    }
    this.onPolled()
  }

  private nextMs(): number {
    const { nowMs } = this.clock
    const deadlineMs = Math.min(this.left.nextDeadlineMs(nowMs), this.right.nextDeadlineMs(nowMs))
    // A deadline that has passed and was not taken care of would hang a guest: a millisecond on is
    // enough to see it.
    return Math.min(this.clock.nextMs(), Math.max(deadlineMs, nowMs + 0.001))
  }

  private createStack(
    device: SimulatedDevice,
    seed: number,
    tcp: Partial<TcpConfiguration>,
    watched: NetDevice = withSoftwareOffload(device, testBulk),
  ): Stack {
    const stack = new Stack({
      devices: [watched],
      allocator: { allocate: createPacketBuffer },
      bulk: testBulk,
      random: new SeededRandom(seed + this.link.options.seed),
      tcp,
    })
    device.onEvent = () => this.due.add(stack)
    stack.onWork = () => this.due.add(stack)
    return stack
  }
}
