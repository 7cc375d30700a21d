/** Two complete stacks on one simulated link, run by one virtual clock. */
import { Stack } from '../../net/api/stack.ts'
import type { NetDevice } from '../../net/phy/net-device.ts'
import { withSoftwareOffload } from '../../net/phy/software-offload.ts'
import type { TcpConfiguration } from '../../net/socket/tcp/configuration.ts'
import { type LinkOptions, type SimulatedDevice, SimulatedLink } from '../fakes/simulated-link.ts'
import { TestClock } from '../fakes/test-clock.ts'
import { createPacketBuffer, testBulk } from '../support/memory.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { StackLoop } from './stack-loop.ts'

export const LEFT_V4 = '10.0.0.1'
export const RIGHT_V4 = '10.0.0.2'
export const LEFT_V6 = 'fd00::1'
export const RIGHT_V6 = 'fd00::2'

export class TwoStacks {
  readonly clock = new TestClock()
  readonly link: SimulatedLink
  readonly left: Stack
  readonly right: Stack
  private readonly loop = new StackLoop(this.clock)

  /** Called when both stacks have come to rest. */
  set onPolled(onPolled: () => void) {
    this.loop.onPolled = onPolled
  }

  /** See StackLoop. */
  set grainMs(grainMs: number) {
    this.loop.grainMs = grainMs
  }

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
    this.loop.runUntil(isDone, limitMs)
  }

  runFor(durationMs: number): void {
    this.loop.runFor(durationMs)
  }

  /** As runUntil for things that go through promises. */
  settle(isDone: () => boolean, limitMs: number): Promise<void> {
    return this.loop.settle(isDone, limitMs)
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
    this.loop.add(stack, [device])
    return stack
  }
}
