/** A flow's life in tests: opened, sent on, its neighbor answering or not. */
import { beforeEach } from 'vitest'
import type { Flow } from '../../net/iface/protocol-handler.ts'
import type { FakeDevice } from './fake-device.ts'
import { arp, be32, concat, ethernet, icmpv6, ip, ipv6, mac } from './frames.ts'
import * as lab from './interface-harness.ts'
import { address, InterfaceHarness } from './interface-harness.ts'
import { createPacketBuffer } from './memory.ts'

const { OUR_MAC, OUR_IPV4, OUR_IPV6, BROADCAST_MAC } = lab
export const NOBODY = '00:00:00:00:00:00'
/** Fresh for each test of a file that called setUpHarness. */
export let harness: InterfaceHarness

/** `device` replaces the fake device that neither checksums nor segments. */
export function restartHarness(device?: FakeDevice): void {
  harness = new InterfaceHarness(device)
}

export function setUpHarness(): void {
  beforeEach(() => {
    restartHarness()
  })
}

export function open(destination: string, source: string | null = null, protocol = 6): Flow {
  const flow = harness.host.egress.openFlow(
    address(destination),
    source === null ? null : address(source),
    protocol,
  )
  if (flow === null) throw new Error(`Cannot open a flow to ${destination}`)
  return flow
}

/** Sends a TCP segment with the payload in two ranges; false when the flow takes none. */
export function send(flow: Flow, payload = [1, 2, 3], segmentSize = 0): boolean {
  const { egress } = harness.host
  const { record } = flow
  const header = [1, 2, 3, 4, ...be32(9), ...be32(8), 0x50, 0x10, 7, 7]
  record.header.set(header, flow.headerLength)
  const split = (payload.length + 1) >> 1
  record.payload0 = createPacketBuffer(split)
  record.payload0.bytes.set(payload.slice(0, split))
  record.payload0Length = split
  record.payload1 = createPacketBuffer(payload.length - split)
  record.payload1.bytes.set(payload.slice(split))
  record.payload1Length = payload.length - split
  record.owner = payload.length === 0 ? null : { framesInFlight: 0 }
  if (!egress.prepare(flow, header.length + 4, payload.length, segmentSize, harness.nowMs)) {
    return false
  }
  return egress.submit(flow)
}

export function arpReply(hardware: string, sender: string): Uint8Array {
  return concat(ethernet(OUR_MAC, hardware, 0x806), arp(2, hardware, sender, OUR_MAC, OUR_IPV4))
}

export function arpQuestion(target: string): Uint8Array {
  return concat(ethernet(BROADCAST_MAC, OUR_MAC, 0x806), arp(1, OUR_MAC, OUR_IPV4, NOBODY, target))
}

export function advertisement(target: string, hardware: string, flags: number): Uint8Array {
  const body = concat(be32(flags), ip(target), [2, 1], mac(hardware))
  const destination = (flags & 0x40000000) !== 0 ? OUR_IPV6 : 'ff02::1'
  const link = (flags & 0x40000000) !== 0 ? OUR_MAC : '33:33:00:00:00:01'
  const message = icmpv6(target, destination, 136, 0, body)
  const fields = { source: target, destination, nextHeader: 58, hopLimit: 255 }
  return concat(ethernet(link, hardware, 0x86dd), ipv6(fields, message))
}
