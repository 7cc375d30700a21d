/**
 * A stack that configures itself, a scripted server or router on its link, and virtual time for
 * both.
 */

import type { NetworkConfiguration } from '../../net/api/network-configuration.ts'
import { Stack } from '../../net/api/stack.ts'
import { withSoftwareOffload } from '../../net/phy/software-offload.ts'
import { formatCidr } from '../../net/wire/cidr.ts'
import { formatIpAddress } from '../../net/wire/ip-address-text.ts'
import { CLIENT_MAC, SERVER_MAC, StrictDhcpServer } from '../fakes/strict-dhcp-server.ts'
import { TestClock } from '../fakes/test-clock.ts'
import { FakeDevice } from './fake-device.ts'
import { arp, concat, ethernet } from './frames.ts'
import { createPacketBuffer, testBulk } from './memory.ts'
import { createRandomSource } from './random.ts'
import { SeededRandom } from './seeded-random.ts'

export interface LabOptions {
  readonly dhcp?: boolean
  readonly slaac?: boolean
  /** Of the link's loss and of the stack's random numbers. */
  readonly seed?: number
  /** Probability that a frame is lost, each way. */
  readonly loss?: number
  readonly identifierOf?: (message: Uint8Array) => Uint8Array
}

const LINK_DELAY_MS = 1

export class DhcpLab {
  readonly clock = new TestClock(5_000)
  readonly device = new FakeDevice()
  readonly server = new StrictDhcpServer()
  readonly stack: Stack
  readonly configuration: NetworkConfiguration
  readonly events: string[] = []
  /** Everything the stack has sent, lost or not. */
  readonly frames: Uint8Array[] = []
  loss: number
  /** Stations that answer ARP, beside the server: address to hardware address. */
  readonly neighbors = new Map<string, string>()
  private readonly random: SeededRandom

  constructor(options: LabOptions = {}) {
    const { dhcp = true, slaac = false, seed = 1, loss = 0 } = options
    this.loss = loss
    this.random = new SeededRandom(seed)
    this.stack = new Stack({
      devices: [withSoftwareOffload(this.device, testBulk)],
      allocator: { allocate: createPacketBuffer },
      bulk: testBulk,
      random: createRandomSource(seed),
    })
    const { nowMs } = this.clock
    if (slaac) this.stack.interface.addLinkLocalAddress(nowMs)
    this.configuration = this.stack.configure(
      { dhcp, identifierOf: slaac ? (options.identifierOf ?? identifierOf) : null },
      nowMs,
    )
    const client = this.configuration.dhcp
    if (client !== null) client.onEvent = (kind) => this.events.push(kind)
  }

  get nowMs(): number {
    return this.clock.nowMs
  }

  /** Addresses as text, in order. */
  get addresses(): string[] {
    return this.stack.interface.addresses.entries.map(formatCidr)
  }

  get routes(): string[] {
    return this.stack.interface.routes.routes.map(
      ({ prefix, gateway }) =>
        `${formatCidr(prefix)} ${gateway === null ? 'on the link' : `by ${formatIpAddress(gateway)}`}`,
    )
  }

  get nameServers(): string[] {
    return this.stack.interface.nameServers.nameservers.map(formatIpAddress)
  }

  run(durationMs: number): void {
    this.runUntil(this.nowMs + durationMs)
  }

  runUntil(endMs: number): void {
    for (let turns = 0; ; turns++) {
      if (turns > 100_000) throw new Error('Cannot come to rest: time does not go on')
      this.poll()
      const nextMs = Math.min(this.clock.nextMs(), this.stack.nextDeadlineMs(this.nowMs))
      if (nextMs > endMs) break
      this.clock.advanceTo(Math.max(nextMs, this.nowMs))
    }
    this.clock.advanceTo(endMs)
  }

  /** Puts a frame on the stack's side of the link, now. */
  inject(...frames: Uint8Array[]): void {
    for (const frame of frames) this.device.inject(frame)
    this.poll()
  }

  poll(): void {
    for (let round = 0; ; round++) {
      if (round > 1000) throw new Error('Cannot settle: poll always wants more')
      const isBusy = this.stack.poll(this.nowMs)
      const sent = this.device.takeSent()
      for (const { bytes } of sent) this.carry(bytes)
      if (!isBusy && sent.length === 0) return
    }
  }

  private carry(bytes: Uint8Array): void {
    this.frames.push(bytes)
    if (this.random.nextFraction() < this.loss) return
    this.clock.after(LINK_DELAY_MS, () => {
      const answer = this.server.hear(bytes, this.nowMs) ?? this.answerArp(bytes)
      if (answer === null || this.random.nextFraction() < this.loss) return
      this.clock.after(LINK_DELAY_MS, () => this.device.inject(answer))
    })
  }

  private answerArp(bytes: Uint8Array): Uint8Array | null {
    if (bytes[12] !== 8 || bytes[13] !== 6 || bytes[21] !== 1) return null
    const target = bytes.subarray(38, 42).join('.')
    const hardware = target === this.server.address ? SERVER_MAC : this.neighbors.get(target)
    if (hardware === undefined) return null
    const asker = bytes.subarray(28, 32).join('.')
    return concat(
      ethernet(CLIENT_MAC, hardware, 0x806),
      arp(2, hardware, target, CLIENT_MAC, asker),
    )
  }
}

/** Stands for a keyed hash: spread well, the same for the same message. */
export function identifierOf(message: Uint8Array): Uint8Array {
  let seed = 0x1234567
  for (const octet of message) seed = Math.imul(seed ^ octet, 0x01000193)
  const identifier = new Uint8Array(8)
  createRandomSource(seed).fill(identifier)
  return identifier
}
