/**
 * Paths to a peer that others led to a moment ago: like the first in all that a packet shows, and
 * no longer than that holds.
 */
import { describe, expect, it } from 'vitest'
import type { Flow } from '../../../../net/iface/protocol-handler.ts'
import {
  advertisement,
  arpReply,
  harness,
  open,
  send,
  setUpHarness,
} from '../../../support/flow-lab.ts'
import { mac } from '../../../support/frames.ts'
import {
  address,
  OUR_IPV4,
  OUR_IPV6,
  PEER_IPV4,
  PEER_IPV6,
  PEER_MAC,
} from '../../../support/interface-harness.ts'

setUpHarness()

const OTHER_MAC = '52:54:00:00:00:77'
const OTHER_IPV4 = '10.0.0.77'

/** Resolves the peer, and opens paths to it until they are copies. */
function openSome(peer: string, our: string): void {
  send(open(peer, our))
  harness.deliver(
    peer === PEER_IPV4
      ? arpReply(PEER_MAC, PEER_IPV4)
      : advertisement(PEER_IPV6, PEER_MAC, 0x60000000),
  )
  for (let count = 0; count < 3; count++) open(peer, our)
  harness.device.takeSent()
}

const ENDS = [
  [PEER_IPV4, OUR_IPV4],
  [PEER_IPV6, OUR_IPV6],
] as const

function sentOn(flow: Flow): Uint8Array {
  expect(send(flow)).toBe(true)
  const sent = harness.device.takeSent()
  expect(sent).toHaveLength(1)
  return sent[0]!.bytes
}

describe.each(ENDS)('a path to %s, which was asked for before', (peer, our) => {
  const again = () => open(peer, our)

  it('sends what the first sends, with identifications of its own', () => {
    openSome(peer, our)
    const flows = [again(), again(), again(), again()]
    const frames = flows.map(sentOn)
    const identifications = new Set<number>()
    for (const bytes of frames) {
      const isIpv4 = peer === PEER_IPV4
      if (isIpv4) identifications.add(new DataView(bytes.buffer).getUint16(18))
      // What the identification changes: itself, and the checksum of the header.
      if (isIpv4) bytes.fill(0, 18, 20).fill(0, 24, 26)
      expect(bytes).toEqual(frames[0])
    }
    if (peer === PEER_IPV4) expect(identifications.size).toBe(flows.length)
    expect(new Set(flows.map(({ record }) => record)).size).toBe(flows.length)
  })

  it('takes nothing from what was set on another', () => {
    openSome(peer, our)
    const before = again()
    before.setHopLimit(7)
    before.setDifferentiatedServices(46)
    harness.host.egress.noteBlackHole(before, harness.nowMs)
    const flow = again()
    expect(flow.pathMtu).toBe(1500)
    const bytes = sentOn(flow)
    expect(bytes[peer === PEER_IPV4 ? 22 : 21]).toBe(64)
    expect(bytes[15]! & 0xfc).toBe(0)
  })

  it('goes where its neighbor is now, and asks for it anew in time (RFC 4861 §7.3.2)', () => {
    openSome(peer, our)
    expect([...sentOn(again()).subarray(0, 6)]).toEqual(mac(PEER_MAC))
    const { neighbors } = harness.iface
    harness.advance(31_000)
    again()
    expect(neighbors.lookup(address(peer))!.state).not.toBe(1)
    harness.device.takeSent()
    harness.deliver(
      peer === PEER_IPV4
        ? arpReply(OTHER_MAC, PEER_IPV4)
        : advertisement(PEER_IPV6, OTHER_MAC, 0x60000000),
    )
    harness.advance(10_000)
    harness.device.takeSent()
    const entry = neighbors.lookup(address(peer))!
    const flow = again()
    if (!entry.isUsable()) expect(send(flow)).toBe(false)
    else {
      const view = new DataView(sentOn(flow).buffer)
      expect([view.getUint16(0), view.getInt32(2)]).toEqual([entry.hardwareHigh, entry.hardwareLow])
    }
  })

  it('leads to ourselves once the address is ours', () => {
    openSome(peer, our)
    const cidr = { address: address(peer), prefixLength: peer === PEER_IPV4 ? 24 : 64 }
    harness.iface.addAddress(cidr, harness.nowMs)
    expect(send(again())).toBe(true)
    const flags = peer === PEER_IPV4 ? 47 : 67
    expect(harness.device.takeSent().some(({ bytes }) => bytes[flags] === 0x10)).toBe(false)
  })

  it('is not what another protocol, source or interface asks for', () => {
    openSome(peer, our)
    expect(open(peer, our, 17).protocol).toBe(17)
    expect(harness.host.egress.openFlow(address(peer), address(our), 6, undefined, 3)).toBeNull()
  })
})

it('moves to another route when the routes change', () => {
  openSome(PEER_IPV4, OUR_IPV4)
  const prefix = { address: address(PEER_IPV4), prefixLength: 32 }
  harness.iface.addRoute(prefix, address(OTHER_IPV4))
  expect(send(open(PEER_IPV4, OUR_IPV4))).toBe(false)
  harness.deliver(arpReply(OTHER_MAC, OTHER_IPV4))
  harness.device.takeSent()
  const bytes = sentOn(open(PEER_IPV4, OUR_IPV4))
  expect([...bytes.subarray(0, 6)]).toEqual(mac(OTHER_MAC))
})
