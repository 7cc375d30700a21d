/**
 * A host with two interfaces, each on a link of its own with one peer: the same hardware addresses,
 * so the same link-local ones, on both links.
 */
import { Stack, type StackOptions } from '../../net/api/stack.ts'
import { withSoftwareOffload } from '../../net/phy/software-offload.ts'
import { formatIpAddress } from '../../net/wire/ip-address-text.ts'
import { type SimulatedDevice, SimulatedLink } from '../fakes/simulated-link.ts'
import { TestClock } from '../fakes/test-clock.ts'
import { address } from '../support/interface-harness.ts'
import { createPacketBuffer, testBulk } from '../support/memory.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { StackLoop } from './stack-loop.ts'

/** Of the host and of the peer, on each link. */
export const OURS = [
  { ipv4: '10.0.0.1', ipv6: 'fd00::1' },
  { ipv4: '10.1.0.1', ipv6: 'fd01::1' },
] as const
export const PEERS = [
  { ipv4: '10.0.0.2', ipv6: 'fd00::2' },
  { ipv4: '10.1.0.2', ipv6: 'fd01::2' },
] as const
export const OUR_LINK_LOCAL = 'fe80::ff:fe00:1'
export const PEER_LINK_LOCAL = 'fe80::ff:fe00:2'
/** What both peers have: behind either of them, as behind a router. */
export const FAR = '192.0.2.9'

type HostOptions = Pick<StackOptions, 'isWeakHost' | 'tcp'>

export class Multihomed {
  readonly clock = new TestClock()
  readonly links: readonly [SimulatedLink, SimulatedLink]
  readonly host: Stack
  readonly peers: readonly [Stack, Stack]
  /** Source addresses of IP packets of the host, by link. */
  readonly sources: readonly [Set<string>, Set<string>] = [new Set(), new Set()]
  private readonly loop = new StackLoop(this.clock)

  constructor(options: HostOptions = {}) {
    this.links = [new SimulatedLink(this.clock), new SimulatedLink(this.clock)]
    const [first, second] = this.links
    this.host = this.createStack([first.left, second.left], 1, options)
    this.peers = [this.createStack([first.right], 2), this.createStack([second.right], 3)]
    const { nowMs } = this.clock
    for (const index of [0, 1] as const) {
      this.links[index].observer = (from, frame) => {
        if (from === this.links[index].left) this.note(index, frame)
      }
      const iface = this.host.host.interfaces[index]!
      iface.addLinkLocalAddress(nowMs)
      this.host.addAddress(`${OURS[index].ipv4}/24`, nowMs, index)
      this.host.addAddress(`${OURS[index].ipv6}/64`, nowMs, index)
      iface.addDefaultRoute(address(PEERS[index].ipv4))
      const peer = this.peers[index]
      peer.interface.addLinkLocalAddress(nowMs)
      peer.addAddress(`${PEERS[index].ipv4}/24`, nowMs)
      peer.addAddress(`${PEERS[index].ipv6}/64`, nowMs)
      peer.addAddress(`${FAR}/32`, nowMs)
      peer.interface.addDefaultRoute(address(OURS[index].ipv4))
      peer.interface.addDefaultRoute(address(OURS[index].ipv6))
    }
    this.runFor(3_000)
  }

  runFor(durationMs: number): void {
    this.loop.runFor(durationMs)
  }

  /** Runs until the promise is settled; what it resolves with. */
  async settle<T>(promise: Promise<T>, limitMs = 60_000): Promise<T> {
    let isSettled = false
    const watched = promise.finally(() => {
      isSettled = true
    })
    watched.catch(() => {})
    await this.loop.settle(() => isSettled, limitMs)
    return watched
  }

  /** The link of one interface of the host goes down or comes up. */
  setLink(index: 0 | 1, isUp: boolean): void {
    this.links[index].left.link.isUp = isUp
    this.loop.pollAll()
  }

  /** The transmit queue of one interface of the host takes nothing, or is served again. */
  setStuck(index: 0 | 1, isStuck: boolean): void {
    this.links[index].left.isStuck = isStuck
    this.loop.pollAll()
  }

  private note(index: 0 | 1, frame: Uint8Array): void {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
    const type = view.getUint16(12)
    if (type === 0x800) this.sources[index].add(frame.subarray(26, 30).join('.'))
    if (type !== 0x86dd) return
    const words = [22, 26, 30, 34].map((at) => view.getInt32(at))
    const [word0 = 0, word1 = 0, word2 = 0, word3 = 0] = words
    this.sources[index].add(formatIpAddress({ version: 6, word0, word1, word2, word3 }))
  }

  private createStack(
    devices: readonly SimulatedDevice[],
    seed: number,
    options: HostOptions = {},
  ): Stack {
    const stack = new Stack({
      devices: devices.map((device) => withSoftwareOffload(device, testBulk)),
      allocator: { allocate: createPacketBuffer },
      bulk: testBulk,
      random: new SeededRandom(seed),
      ...options,
    })
    this.loop.add(stack, devices)
    return stack
  }
}
