/**
 * The real stack on the real driver and a strict device that offers what a test names, with the
 * peer's hardware address known already.
 */
import { Host } from '../../net/iface/host.ts'
import type { Interface } from '../../net/iface/interface.ts'
import { withSoftwareOffload } from '../../net/phy/software-offload.ts'
import { QueueMemory } from '../../net/socket/datagram/queue-memory.ts'
import { UdpProtocol } from '../../net/socket/udp/udp-protocol.ts'
import { parseCidr } from '../../net/wire/cidr.ts'
import type { FakeHalOptions } from '../fakes/fake-hal.ts'
import { DEFAULT_NET_FEATURES, type NetFeatureName } from '../fakes/fake-virtio-net.ts'
import { type OpenNet, openNet } from '../fakes/open-devices.ts'
import { question, solicitation } from './hostile-corpus.ts'
import { OUR_IPV4, OUR_IPV6 } from './interface-harness.ts'
import { createRandomSource } from './random.ts'

/** What QEMU 8.1 and later offer on a TAP. */
export const USO_FEATURES: readonly NetFeatureName[] = [
  ...DEFAULT_NET_FEATURES,
  'GUEST_USO4',
  'GUEST_USO6',
  'HOST_USO',
  'GUEST_HDRLEN',
]

export class OffloadWorld {
  readonly open: OpenNet
  readonly offload: ReturnType<typeof withSoftwareOffload>
  readonly host: Host
  readonly iface: Interface
  readonly udp: UdpProtocol
  nowMs = 1_000_000
  /** Frames as the guest handed them over that were to be cut. */
  superFrames = 0
  private readonly wire: Uint8Array[] = []

  constructor(
    features: readonly NetFeatureName[],
    options: { transmitQueueSize?: number; hal?: FakeHalOptions } = {},
  ) {
    this.open = openNet({ features, ...options })
    const { net, device, hal } = this.open
    this.offload = withSoftwareOffload(net, hal.bulk)
    const random = createRandomSource(7)
    this.host = new Host({ devices: [this.offload], bulk: hal.bulk, random })
    this.iface = this.host.interfaces[0]!
    this.udp = new UdpProtocol({
      ...{ egress: this.host.egress, bulk: hal.bulk, groups: this.iface },
      random: createRandomSource(11),
      memory: new QueueMemory(),
      awaitedPorts: this.host.awaitedPorts,
    })
    this.host.register(this.udp)
    this.iface.addAddress(parseCidr(`${OUR_IPV4}/24`)!, this.nowMs)
    this.iface.addAddress(parseCidr(`${OUR_IPV6}/64`)!, this.nowMs)
    device.onFrame = (frame) => this.wire.push(frame)
    device.onTransmit = (_frame, { gsoType }) => {
      if (gsoType !== 0) this.superFrames++
    }
    for (let second = 0; second < 5; second++) this.advance(1_000)
    device.deliver(question())
    device.deliver(solicitation())
    this.takeWire()
  }

  advance(durationMs: number): void {
    this.nowMs += durationMs
    for (let round = 0; this.host.poll(this.nowMs); round++) {
      if (round === 1000) throw new Error('Cannot settle: poll always wants more')
    }
  }

  /** Polls and returns what has left for the wire. */
  takeWire(): Uint8Array[] {
    this.advance(0)
    return this.wire.splice(0)
  }
}
