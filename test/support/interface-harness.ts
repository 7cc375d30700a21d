/** An interface on a fake device, its duplicate detection over, and a peer's frames to feed it. */
import { Host } from '../../net/iface/host.ts'
import type { Interface } from '../../net/iface/interface.ts'
import type { InterfaceCounters } from '../../net/iface/interface-counters.ts'
import type {
  Egress,
  IncomingPacket,
  ProtocolHandler,
  TransportError,
} from '../../net/iface/protocol-handler.ts'
import type { NetDevice } from '../../net/phy/net-device.ts'
import { withSoftwareOffload } from '../../net/phy/software-offload.ts'
import { parseCidr } from '../../net/wire/cidr.ts'
import { parseIpAddress } from '../../net/wire/ip-address-text.ts'
import { FakeDevice, type SentFrame } from './fake-device.ts'
import { concat, ethernet } from './frames.ts'
import { testBulk } from './memory.ts'
import { createRandomSource } from './random.ts'

export const OUR_MAC = '52:54:00:12:34:56'
export const PEER_MAC = '52:54:00:00:00:09'
export const GATEWAY_MAC = '52:54:00:00:00:01'
export const BROADCAST_MAC = 'ff:ff:ff:ff:ff:ff'
export const OUR_IPV4 = '10.0.0.2'
export const PEER_IPV4 = '10.0.0.9'
export const GATEWAY_IPV4 = '10.0.0.1'
export const OUR_IPV6 = '2001:db8::2'
export const PEER_IPV6 = '2001:db8::9'
export const GATEWAY_IPV6 = 'fe80::1'
export const OUR_LINK_LOCAL = 'fe80::5054:ff:fe12:3456'

export function address(text: string) {
  const parsed = parseIpAddress(text)
  if (parsed === null) throw new Error(`Cannot parse ${text}`)
  return parsed
}

/** A host with one interface. */
export function hostOf(device: NetDevice, seed: number): Host {
  return new Host({ devices: [device], bulk: testBulk, random: createRandomSource(seed) })
}

/** Notes what it is given; wants everything unless told otherwise. */
export class RecordingHandler implements ProtocolHandler {
  readonly protocol: number
  readonly packets: IncomingPacket[] = []
  readonly errors: TransportError[] = []
  wants = true
  /** What it leaves with each packet for the next one of the flow. */
  found: object | null = null
  onDispatch: (egress: Egress, nowMs: number) => boolean = () => false
  deadlineMs = Number.POSITIVE_INFINITY

  constructor(protocol: number) {
    this.protocol = protocol
  }

  process(packet: IncomingPacket): boolean {
    this.packets.push({
      ...packet,
      source: { ...packet.source },
      destination: { ...packet.destination },
    })
    packet.connection = this.found
    return this.wants
  }

  dispatch(egress: Egress, nowMs: number): boolean {
    return this.onDispatch(egress, nowMs)
  }

  nextDeadlineMs(): number {
    return this.deadlineMs
  }

  processError(error: TransportError): void {
    this.errors.push(error)
  }
}

export class InterfaceHarness {
  nowMs = 1_000_000
  readonly device: FakeDevice
  readonly host: Host
  readonly iface: Interface
  readonly tcp = new RecordingHandler(6)

  constructor(device = new FakeDevice()) {
    this.device = device
    const complete = withSoftwareOffload(device, testBulk)
    this.host = hostOf(complete, 7)
    this.iface = this.host.interfaces[0]!
    this.host.register(this.tcp)
    this.iface.addAddress(parseCidr(`${OUR_IPV4}/24`)!, this.nowMs)
    this.iface.addDefaultRoute(address(GATEWAY_IPV4))
    // As the kernel does it: RFC 8200 §5 has no IPv6 on a smaller link.
    if (device.capabilities.maxTransmissionUnit >= 1280) {
      this.iface.addLinkLocalAddress(this.nowMs)
      this.iface.addAddress(parseCidr(`${OUR_IPV6}/64`)!, this.nowMs)
      this.iface.addDefaultRoute(address(GATEWAY_IPV6))
    }
    for (let step = 0; step < 5; step++) this.advance(1_000)
    this.device.takeSent()
  }

  /** Lets time pass and polls until there is nothing more to do at once. */
  advance(durationMs: number): void {
    this.nowMs += durationMs
    this.poll()
  }

  poll(): void {
    for (let round = 0; this.host.poll(this.nowMs); round++) {
      if (round === 1000) throw new Error('Cannot settle: poll always wants more')
    }
  }

  /** Delivers one frame and returns what is sent because of it. */
  deliver(
    frame: Uint8Array,
    meta: Parameters<FakeDevice['inject']>[1] = {},
    fragmentLengths: readonly number[] = [],
  ): SentFrame[] {
    this.device.inject(frame, meta, fragmentLengths)
    this.poll()
    return this.device.takeSent()
  }

  /** Counters that differ from `before`, with by how much, frames and bytes received left out. */
  changes(before: InterfaceCounters): Partial<InterfaceCounters> {
    const changed: Record<string, number> = {}
    for (const [name, value] of Object.entries(this.iface.counters)) {
      const difference = value - before[name as keyof InterfaceCounters]
      if (difference !== 0 && name !== 'framesReceived' && name !== 'bytesReceived') {
        changed[name] = difference
      }
    }
    return changed
  }

  snapshot(): InterfaceCounters {
    return { ...this.iface.counters }
  }
}

/** A frame from the peer to us. */
export function fromPeer(etherType: number, payload: ArrayLike<number>): Uint8Array {
  return concat(ethernet(OUR_MAC, PEER_MAC, etherType), payload)
}
