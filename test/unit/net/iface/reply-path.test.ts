/**
 * Answers that belong to no flow: right frames to one peer after the other, at no cost of a
 * neighbor (RFC 1122 §2.3.2.1).
 */
import { describe, expect, it } from 'vitest'
import { ORDINARY_FIELDS } from '../../../../net/iface/flow-fields.ts'
import type { FlowFields, PacketOrigin, ReplyFlow } from '../../../../net/iface/protocol-handler.ts'
import { parseHardwareAddress } from '../../../../net/wire/mac-address.ts'
import { identifierOf } from '../../../support/dhcp-lab.ts'
import {
  advertisement,
  arpReply,
  harness,
  open,
  send,
  setUpHarness,
} from '../../../support/flow-lab.ts'
import { be32, checksumOf, ethernet, ip } from '../../../support/frames.ts'
import {
  address,
  GATEWAY_IPV4,
  GATEWAY_MAC,
  OUR_IPV4,
  OUR_IPV6,
  OUR_MAC,
  PEER_IPV4,
  PEER_IPV6,
  PEER_MAC,
} from '../../../support/interface-harness.ts'
import { completeTcp } from '../../../support/reference-segmenter.ts'
import { advertisement as routerAdvertisement } from '../../../support/router-messages.ts'

setUpHarness()

function origin(source: string, hardware: string): PacketOrigin {
  const isV4 = source.includes('.')
  const view = new DataView(parseHardwareAddress(hardware)!.buffer)
  return {
    source: address(source),
    destination: address(isV4 ? OUR_IPV4 : OUR_IPV6),
    interfaceIndex: 0,
    arrivalIndex: 0,
    linkSourceHigh: view.getUint16(0),
    linkSourceLow: view.getInt32(2),
  }
}

/** Sends a bare segment to where `from` came from; the frame, or what became of it. */
function answer(from: PacketOrigin, fields?: FlowFields): Uint8Array | 'no route' | 'refused' {
  const { egress } = harness.host
  const version = from.source.version
  flows[version] ??= egress.openReplyFlow(version, 6, 0)
  const flow = flows[version]
  if (fields !== undefined) flow.setFields(fields)
  flow.record.header.set([1, 2, 3, 4, ...be32(9), ...be32(8), 0x50, 0x10, 7, 7], flow.headerLength)
  if (!egress.prepareReply(flow, from, 20, harness.nowMs)) return 'no route'
  if (!egress.submit(flow)) return 'refused'
  harness.poll()
  const sent = harness.device.takeSent()
  expect(sent).toHaveLength(1)
  return sent[0]!.bytes
}
let flows: Partial<Record<4 | 6, ReplyFlow>> = {}

function fresh(): void {
  flows = {}
}

describe('an answer', () => {
  it('has right addresses, lengths and checksums for one peer after the other, over both families', () => {
    fresh()
    for (const [peer, station] of [
      [PEER_IPV4, PEER_MAC],
      ['10.0.0.77', '02:00:00:00:00:77'],
      [PEER_IPV6, PEER_MAC],
      ['203.0.113.255', GATEWAY_MAC],
      ['2001:db8:ffff::1', GATEWAY_MAC],
      [PEER_IPV4, PEER_MAC],
    ] as const) {
      const bytes = answer(origin(peer, station)) as Uint8Array
      const isV4 = peer.includes('.')
      expect([...bytes.subarray(0, 14)]).toEqual(ethernet(station, OUR_MAC, isV4 ? 0x800 : 0x86dd))
      if (isV4) {
        expect(checksumOf(bytes.subarray(14, 34))).toBe(0)
        expect([...bytes.subarray(26, 34)]).toEqual([...ip(OUR_IPV4), ...ip(peer)])
      } else {
        expect([...bytes.subarray(22, 54)]).toEqual([...ip(OUR_IPV6), ...ip(peer)])
      }
      expect(bytes).toEqual(completeTcp(bytes))
    }
  })

  it('says in its headers what it is told to, one thing after the other, and its own again', () => {
    fresh()
    const told: FlowFields = { hopLimit: 5, trafficClass: 0xb8, dontFragment: false }
    const others: FlowFields = { hopLimit: 0, trafficClass: 0x20, dontFragment: true }
    for (const peer of [PEER_IPV4, PEER_IPV6]) {
      const from = origin(peer, PEER_MAC)
      const isV4 = peer === PEER_IPV4
      for (const [fields, hopLimit] of [
        [told, 5],
        [others, 64],
        [told, 5],
        [ORDINARY_FIELDS, 64],
      ] as const) {
        const bytes = answer(from, fields) as Uint8Array
        if (isV4) {
          expect([bytes[15], bytes[22]]).toEqual([fields.trafficClass, hopLimit])
          expect(bytes[20]).toBe(fields.dontFragment ? 0x40 : 0)
          expect(checksumOf(bytes.subarray(14, 34))).toBe(0)
        } else {
          const word = (bytes[14]! << 8) | bytes[15]!
          expect([(word >> 4) & 0xff, bytes[21]]).toEqual([fields.trafficClass, hopLimit])
        }
        expect(bytes).toEqual(completeTcp(bytes))
      }
    }
  })

  it('goes back to the station it came from as long as the neighbor is not resolved, and asks for nobody', () => {
    fresh()
    const before = harness.iface.neighbors.entries.length
    for (let host = 20; host < 200; host++) {
      const bytes = answer(origin(`10.0.0.${host}`, '02:00:00:00:00:55')) as Uint8Array
      expect([...bytes.subarray(0, 6)]).toEqual([2, 0, 0, 0, 0, 0x55])
    }
    harness.advance(5000)
    expect(harness.device.takeSent()).toEqual([])
    expect(harness.iface.neighbors.entries).toHaveLength(before)
  })

  it('goes to the neighbor that is known, whoever brought the packet, and to the gateway from off the link', () => {
    fresh()
    harness.deliver(arpReply(PEER_MAC, PEER_IPV4))
    const { neighbors } = harness.iface
    neighbors.learn(address(PEER_IPV4), 0x5254, 9, harness.nowMs)
    neighbors.learn(address(GATEWAY_IPV4), 0x5254, 1, harness.nowMs)
    const liar = '02:00:00:00:00:66'
    const near = answer(origin(PEER_IPV4, liar)) as Uint8Array
    expect([...near.subarray(0, 6)]).toEqual([0x52, 0x54, 0, 0, 0, 9])
    const far = answer(origin('203.0.113.7', liar)) as Uint8Array
    expect([...far.subarray(0, 6)]).toEqual([0x52, 0x54, 0, 0, 0, 1])
  })

  it('goes to the neighbor as it is now, also when the last one went to the same peer', () => {
    fresh()
    const { neighbors } = harness.iface
    send(open(PEER_IPV4))
    harness.deliver(arpReply(PEER_MAC, PEER_IPV4))
    harness.device.takeSent()
    const from = origin(PEER_IPV4, PEER_MAC)
    const first = answer(from) as Uint8Array
    for (let count = 0; count < 2; count++) expect(answer(from)).toEqual(first)
    expect(first).toEqual(completeTcp(first))
    const prefix = { address: address(PEER_IPV4), prefixLength: 32 }
    harness.iface.addRoute(prefix, address(GATEWAY_IPV4))
    neighbors.learn(address(GATEWAY_IPV4), 0x5254, 1, harness.nowMs)
    const moved = answer(from) as Uint8Array
    expect([...moved.subarray(0, 6)]).toEqual([0x52, 0x54, 0, 0, 0, 1])
    harness.iface.removeRoute(prefix, address(GATEWAY_IPV4))
    // To ourselves there is no neighbor, and nothing is left of the one before.
    const own = { ...from, linkSourceHigh: 0, linkSourceLow: 0 }
    const flow = flows[4]!
    expect(harness.host.egress.prepareReply(flow, own, 20, harness.nowMs)).toBe(true)
    expect([...flow.record.header.subarray(0, 12)]).toEqual(new Array(12).fill(0))
    expect(answer(from)).toEqual(first)
  })

  it('has the hop limit that routers say now, also when the last one went to the same peer (RFC 4861 §6.3.4)', () => {
    fresh()
    harness.iface.startRouterDiscovery(identifierOf, harness.nowMs)
    send(open(PEER_IPV6))
    harness.deliver(advertisement(PEER_IPV6, PEER_MAC, 0x60000000))
    harness.device.takeSent()
    const from = origin(PEER_IPV6, PEER_MAC)
    for (const curHopLimit of [64, 99, 64]) {
      harness.deliver(routerAdvertisement({ curHopLimit }))
      harness.device.takeSent()
      for (let count = 0; count < 2; count++) {
        const bytes = answer(from) as Uint8Array
        expect(bytes[21]).toBe(curHopLimit)
      }
    }
  })

  it('does not tell one peer how many answers others get: identifications do not count', () => {
    fresh()
    const seen = new Set<number>()
    for (const host of [20, 21, 20, 22, 20]) {
      const bytes = answer(origin(`10.0.0.${host}`, PEER_MAC)) as Uint8Array
      const view = new DataView(bytes.buffer, bytes.byteOffset)
      seen.add(view.getUint16(18))
      // RFC 6864 §4.1: the same identification is right only for what is never fragmented.
      expect(view.getUint16(20)).toBe(0x4000)
    }
    expect(seen.size).toBe(1)
  })

  it('needs a route, and room in the device', () => {
    fresh()
    harness.device.room = 0
    expect(answer(origin(PEER_IPV4, PEER_MAC))).toBe('refused')
    harness.device.room = 64
    for (const { prefix, gateway } of [...harness.iface.routes.routes]) {
      harness.iface.removeRoute(prefix, gateway)
    }
    expect(answer(origin(PEER_IPV4, PEER_MAC))).toBe('no route')
  })
})
