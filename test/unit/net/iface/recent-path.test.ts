/**
 * Paths to a peer that others led to a moment ago: like the first in all that a packet shows, and
 * no longer than that holds.
 */
import { describe, expect, it } from 'vitest'
import type { Flow } from '../../../../net/iface/protocol-handler.ts'
import { MAX_SPARE_PATHS } from '../../../../net/iface/spare-paths.ts'
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

describe.each(ENDS)('a path to %s that its connection has left', (peer, our) => {
  const again = () => open(peer, our)
  const leave = (...flows: Flow[]) => {
    for (const flow of flows) harness.host.egress.closeFlow(flow)
  }

  /** What it sends, without what the identification changes. */
  function frameOf(flow: Flow): Uint8Array {
    const bytes = sentOn(flow)
    return peer === PEER_IPV4 ? bytes.fill(0, 18, 20).fill(0, 24, 26) : bytes
  }

  it('is the next one, which sends what a new one would, and is handed out once', () => {
    openSome(peer, our)
    const wanted = frameOf(again())
    const left = again()
    // All of TCP's header but the urgent pointer, which nobody sets.
    const options = left.headerLength + 20
    left.record.header.fill(0xff, left.headerLength, options - 2).fill(0xff, options)
    left.pathMtu = 1300
    left.provenMtu = 1300
    left.progress = { sendUnacknowledged: 1, receiveNext: 1 }
    send(left, new Array(700).fill(1))
    harness.device.takeSent()
    leave(left)
    const next = again()
    expect(next).toBe(left)
    expect([next.pathMtu, next.provenMtu, next.progress]).toEqual([1500, 0, null])
    expect(frameOf(next)).toEqual(wanted)
    expect(again()).not.toBe(left)
  })

  it('is none when its header or its size was set by hand, or large packets vanished on it', () => {
    openSome(peer, our)
    const { egress } = harness.host
    const changes: ((flow: Flow) => void)[] = [
      (flow) => flow.setHopLimit(7),
      (flow) => flow.setDifferentiatedServices(46),
      (flow) => flow.setCongestionCodepoint(2),
      (flow) => egress.noteBlackHole(flow, harness.nowMs),
      ...(peer === PEER_IPV4 ? [(flow: Flow) => flow.allowFragments()] : []),
    ]
    for (const change of changes) {
      const flow = again()
      change(flow)
      leave(flow)
      expect(again()).not.toBe(flow)
    }
  })

  it('is none for others, nor once neighbors, routes or addresses have changed', () => {
    openSome(peer, our)
    const other = open(peer, our, 17)
    leave(other)
    expect(again()).not.toBe(other)
    const early = again()
    leave(early)
    const cidr = { address: address('10.9.0.1'), prefixLength: 24 }
    harness.iface.addAddress(cidr, harness.nowMs)
    expect(again()).not.toBe(early)
  })

  it('is one of few that are kept', () => {
    openSome(peer, our)
    const many = Array.from({ length: 2 * MAX_SPARE_PATHS }, again)
    leave(...many)
    const found = Array.from({ length: 2 * MAX_SPARE_PATHS }, again)
    expect(found.filter((flow) => many.includes(flow))).toHaveLength(MAX_SPARE_PATHS)
    expect(new Set(found).size).toBe(found.length)
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
