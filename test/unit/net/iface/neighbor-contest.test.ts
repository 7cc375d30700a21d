/**
 * A neighbor that has moved is followed at once, and a forged move diverts packets for one question
 * at most (RFC 826, RFC 5227 §3, RFC 4861 §7.2.3 and §7.2.5).
 */
import { describe, expect, it } from 'vitest'
import { NeighborState } from '../../../../net/iface/neighbor-entry.ts'
import type { Flow } from '../../../../net/iface/protocol-handler.ts'
import {
  advertisement,
  arpReply,
  harness,
  NOBODY,
  open,
  send,
  setUpHarness,
} from '../../../support/flow-lab.ts'
import { arp, be32, concat, ethernet, icmpv6, ip, ipv6, mac } from '../../../support/frames.ts'
import * as lab from '../../../support/interface-harness.ts'
import {
  address,
  BROADCAST_MAC,
  OUR_IPV4,
  OUR_IPV6,
  OUR_MAC,
} from '../../../support/interface-harness.ts'

setUpHarness()

const OLD_MAC = lab.PEER_MAC
const NEW_MAC = '52:54:00:66:66:66'
const THIRD_MAC = '52:54:00:77:77:77'
const SOLICITED_OVERRIDE = 0x60000000
const OVERRIDE = 0x20000000

/** ARP from `hardware` for the address of a neighbor, in a frame to `link`. */
function arpFrom(hardware: string, operation: 1 | 2, target: string, link = BROADCAST_MAC) {
  const body = arp(operation, hardware, lab.PEER_IPV4, NOBODY, target)
  return concat(ethernet(link, hardware, 0x806), body)
}

/** A solicitation for our address that gives the sender's. */
function solicitationFrom(hardware: string): Uint8Array {
  const group = 'ff02::1:ff00:2'
  const body = concat(be32(0), ip(OUR_IPV6), [1, 1], mac(hardware))
  const fields = { source: lab.PEER_IPV6, destination: group, nextHeader: 58, hopLimit: 255 }
  const message = icmpv6(lab.PEER_IPV6, group, 135, 0, body)
  return concat(ethernet('33:33:ff:00:00:02', hardware, 0x86dd), ipv6(fields, message))
}

interface Family {
  readonly peer: string
  readonly question: string
  answer(hardware: string): Uint8Array
  claim(hardware: string): Uint8Array
}

const ARP: Family = {
  peer: lab.PEER_IPV4,
  question: BROADCAST_MAC,
  answer: (hardware) => arpReply(hardware, lab.PEER_IPV4),
  claim: (hardware) => arpFrom(hardware, 1, lab.PEER_IPV4),
}
const NDP: Family = {
  peer: lab.PEER_IPV6,
  question: '33:33:ff:00:00:09',
  answer: (hardware) => advertisement(lab.PEER_IPV6, hardware, SOLICITED_OVERRIDE),
  claim: (hardware) => advertisement(lab.PEER_IPV6, hardware, OVERRIDE),
}

function entryOf(family: Family) {
  return harness.iface.neighbors.lookup(address(family.peer))!
}

/** A flow to the neighbor, who is reachable at its old address. */
function confirmed(family: Family): Flow {
  const flow = open(family.peer)
  send(flow)
  harness.deliver(family.answer(OLD_MAC))
  harness.advance(2_000)
  harness.device.takeSent()
  return flow
}

/** Where a packet of the flow goes now. */
function destinationOf(flow: Flow): string {
  if (!send(flow)) return 'nowhere'
  const [frame] = harness.device.takeSent()
  return [...frame!.bytes.subarray(0, 6)]
    .map((octet) => octet.toString(16).padStart(2, '0'))
    .join(':')
}

/** Where the questions in these frames went. */
function questionsIn(frames: readonly { bytes: Uint8Array }[]): string[] {
  return frames
    .filter(({ bytes }) => {
      const type = (bytes[12]! << 8) | bytes[13]!
      const isArpRequest = type === 0x806 && bytes[21] === 1
      return isArpRequest || (type === 0x86dd && bytes[20] === 58 && bytes[54] === 135)
    })
    .map(({ bytes }) =>
      [...bytes.subarray(0, 6)].map((octet) => octet.toString(16).padStart(2, '0')).join(':'),
    )
}

const BOTH: [string, Family][] = [
  ['ARP', ARP],
  ['neighbor discovery', NDP],
]

describe('a neighbor that has moved', () => {
  it.each<[string, Family, Uint8Array]>([
    ['an ARP announcement (RFC 5227 §3)', ARP, arpFrom(NEW_MAC, 1, lab.PEER_IPV4)],
    ['a gratuitous ARP reply', ARP, arpFrom(NEW_MAC, 2, lab.PEER_IPV4)],
    ['a gratuitous ARP reply to us alone', ARP, arpFrom(NEW_MAC, 2, lab.PEER_IPV4, OUR_MAC)],
    ['an unasked ARP reply to us', ARP, arpReply(NEW_MAC, lab.PEER_IPV4)],
    ['a question to us', ARP, arpFrom(NEW_MAC, 1, OUR_IPV4)],
    ['a question to somebody else (RFC 826)', ARP, arpFrom(NEW_MAC, 1, '10.0.0.77')],
    ['an unsolicited advertisement (RFC 4861 §7.2.5)', NDP, NDP.claim(NEW_MAC)],
    ['an advertisement that only pretends to be solicited', NDP, NDP.answer(NEW_MAC)],
    ['a solicitation (RFC 4861 §7.2.3)', NDP, solicitationFrom(NEW_MAC)],
  ])('is followed at once on %s, and everybody is asked where it is', (_name, family, claim) => {
    const flow = confirmed(family)
    expect(destinationOf(flow)).toBe(OLD_MAC)
    expect(questionsIn(harness.deliver(claim))).toEqual([family.question])
    expect(destinationOf(flow)).toBe(NEW_MAC)
    harness.deliver(family.answer(NEW_MAC))
    expect(destinationOf(flow)).toBe(NEW_MAC)
    harness.advance(1_000)
    expect(harness.device.takeSent()).toEqual([])
    expect(destinationOf(flow)).toBe(NEW_MAC)
    expect(entryOf(family)).toMatchObject({ state: NeighborState.Reachable, isContested: false })
    expect(harness.iface.counters).toMatchObject({ neighborClaims: 1, neighborMoves: 1 })
    expect(harness.iface.counters.neighborRemapRefused).toBe(0)
  })

  it.each(BOTH)('is followed there and back with %s', (_name, family) => {
    const flow = confirmed(family)
    for (const hardware of [NEW_MAC, OLD_MAC, THIRD_MAC, OLD_MAC]) {
      harness.deliver(family.claim(hardware))
      expect(destinationOf(flow)).toBe(hardware)
      harness.deliver(family.answer(hardware))
      harness.advance(1_000)
      expect(entryOf(family).state).toBe(NeighborState.Reachable)
      harness.advance(5_000)
      harness.device.takeSent()
    }
  })

  it.each(BOTH)('is followed with %s though its first answer is lost', (_name, family) => {
    const flow = confirmed(family)
    harness.deliver(family.claim(NEW_MAC))
    harness.advance(1_000)
    expect(questionsIn(harness.device.takeSent())).toEqual([family.question])
    harness.deliver(family.answer(NEW_MAC))
    expect(destinationOf(flow)).toBe(NEW_MAC)
    expect(entryOf(family).state).toBe(NeighborState.Reachable)
  })

  it.each(BOTH)(
    'is followed with %s when it moves on before the question is over',
    (_name, family) => {
      const flow = confirmed(family)
      harness.deliver(family.claim(NEW_MAC))
      harness.deliver(family.answer(NEW_MAC))
      harness.advance(300)
      harness.deliver(family.claim(THIRD_MAC))
      expect(destinationOf(flow)).toBe(THIRD_MAC)
      harness.advance(700)
      expect(questionsIn(harness.device.takeSent())).toEqual([family.question])
      harness.deliver(family.answer(THIRD_MAC))
      expect(destinationOf(flow)).toBe(THIRD_MAC)
      expect(entryOf(family).state).toBe(NeighborState.Reachable)
    },
  )

  it('takes packets made of a cached header along', () => {
    const flow = confirmed(ARP)
    const sendRun = () => [send(flow), send(flow)]
    const destinations = () =>
      harness.device.takeSent().map(({ bytes }) => [...bytes.subarray(0, 6)])
    expect(sendRun()).toEqual([true, true])
    expect(destinations()).toEqual([mac(OLD_MAC), mac(OLD_MAC)])
    harness.deliver(ARP.claim(NEW_MAC))
    expect(sendRun()).toEqual([true, true])
    expect(destinations()).toEqual([mac(NEW_MAC), mac(NEW_MAC)])
  })

  it('takes the flows through it along when it is a gateway', () => {
    const far = open('8.8.8.8')
    send(far)
    harness.deliver(arpReply(lab.GATEWAY_MAC, lab.GATEWAY_IPV4))
    expect(destinationOf(far)).toBe(lab.GATEWAY_MAC)
    const body = arp(1, NEW_MAC, lab.GATEWAY_IPV4, NOBODY, lab.GATEWAY_IPV4)
    harness.deliver(concat(ethernet(BROADCAST_MAC, NEW_MAC, 0x806), body))
    expect(destinationOf(far)).toBe(NEW_MAC)
  })

  it.each(BOTH)('is asked for at the next use with %s when nobody talks to it', (_name, family) => {
    const flow = confirmed(family)
    harness.advance(40_000)
    expect(harness.deliver(family.claim(NEW_MAC))).toEqual([])
    expect(harness.host.nextDeadlineMs(harness.nowMs)).toBe(Number.POSITIVE_INFINITY)
    expect(entryOf(family).state).toBe(NeighborState.Stale)
    // The last of several moves counts.
    harness.deliver(family.claim(THIRD_MAC))
    expect(destinationOf(flow)).toBe(THIRD_MAC)
    harness.poll()
    expect(questionsIn(harness.device.takeSent())).toEqual([family.question])
    harness.deliver(family.answer(OLD_MAC))
    expect(destinationOf(flow)).toBe(OLD_MAC)
  })

  it.each(BOTH)('comes back with %s after it was given up', (_name, family) => {
    const flow = open(family.peer)
    send(flow)
    for (let second = 0; second < 6; second++) harness.advance(1_000)
    expect(harness.host.egress.isUnreachable(flow, harness.nowMs)).toBe(true)
    harness.deliver(family.claim(NEW_MAC))
    expect(harness.host.egress.isUnreachable(flow, harness.nowMs)).toBe(false)
    harness.device.takeSent()
    expect(destinationOf(flow)).toBe(NEW_MAC)
  })
})

describe('a forged move', () => {
  it.each(BOTH)('by %s is undone by the answer of who is still there', (_name, family) => {
    const flow = confirmed(family)
    harness.deliver(family.claim(NEW_MAC))
    harness.deliver(family.answer(OLD_MAC))
    expect(destinationOf(flow)).toBe(OLD_MAC)
    expect(entryOf(family).state).toBe(NeighborState.Reachable)
    expect(harness.iface.counters).toMatchObject({ neighborRemapRefused: 1, neighborMoves: 0 })
  })

  it.each(BOTH)(
    'by %s is not helped by answers: who was there before has the say',
    (_name, family) => {
      const flow = confirmed(family)
      harness.deliver(family.claim(NEW_MAC))
      harness.deliver(family.answer(NEW_MAC))
      harness.deliver(family.answer(NEW_MAC))
      harness.advance(900)
      harness.deliver(family.answer(OLD_MAC))
      expect(destinationOf(flow)).toBe(OLD_MAC)
      harness.advance(1_000)
      expect(destinationOf(flow)).toBe(OLD_MAC)
    },
  )

  it.each(BOTH)('by %s diverts nothing any more when repeated', (_name, family) => {
    const flow = confirmed(family)
    harness.deliver(family.claim(NEW_MAC))
    harness.deliver(family.answer(OLD_MAC))
    let questions = 0
    for (let round = 0; round < 500; round++) {
      const frames = harness.deliver(family.claim(NEW_MAC))
      questions += questionsIn(frames).length
      if (questionsIn(frames).length > 0) harness.deliver(family.answer(OLD_MAC))
      expect(destinationOf(flow)).toBe(OLD_MAC)
      harness.advance(10)
      const later = questionsIn(harness.device.takeSent()).length
      questions += later
      if (later > 0) harness.deliver(family.answer(OLD_MAC))
    }
    // RFC 1122 §2.3.2.1: one question a second.
    expect(questions).toBeGreaterThanOrEqual(4)
    expect(questions).toBeLessThanOrEqual(6)
  })

  it.each(BOTH)('by %s does not keep the neighbor from moving later', (_name, family) => {
    const flow = confirmed(family)
    harness.deliver(family.claim(NEW_MAC))
    harness.deliver(family.answer(OLD_MAC))
    harness.advance(3_000)
    harness.deliver(family.claim(THIRD_MAC))
    expect(destinationOf(flow)).toBe(OLD_MAC)
    harness.deliver(family.answer(THIRD_MAC))
    harness.advance(1_000)
    expect(destinationOf(flow)).toBe(THIRD_MAC)
    expect(entryOf(family).state).toBe(NeighborState.Reachable)
  })

  it.each(BOTH)('by %s ends after one question though nobody answers it', (_name, family) => {
    const flow = confirmed(family)
    harness.deliver(family.claim(NEW_MAC))
    harness.advance(999)
    expect(destinationOf(flow)).toBe(NEW_MAC)
    harness.advance(1)
    harness.device.takeSent()
    expect(destinationOf(flow)).toBe(OLD_MAC)
    // Three questions to everybody, then five more to resolve the neighbor anew, then it is gone.
    for (let second = 0; second < 7; second++) harness.advance(1_000)
    expect(send(flow)).toBe(false)
    expect(harness.host.egress.isUnreachable(flow, harness.nowMs)).toBe(true)
  })

  it.each(BOTH)('by %s from ever new stations is undone by the first answer', (_name, family) => {
    const flow = confirmed(family)
    const before = harness.snapshot()
    for (let station = 0; station < 200; station++) {
      harness.deliver(family.claim(`52:54:00:99:00:${station.toString(16).padStart(2, '0')}`))
      harness.advance(1)
    }
    expect(harness.changes(before).neighborSolicitationsSent).toBe(1)
    harness.deliver(family.answer(OLD_MAC))
    expect(destinationOf(flow)).toBe(OLD_MAC)
    harness.deliver(family.claim(THIRD_MAC))
    expect(destinationOf(flow)).toBe(OLD_MAC)
  })

  it('is undone when the host that is still there defends its address (RFC 5227 §2.4)', () => {
    const flow = confirmed(ARP)
    harness.deliver(ARP.claim(NEW_MAC))
    harness.deliver(ARP.claim(OLD_MAC))
    expect(destinationOf(flow)).toBe(OLD_MAC)
  })

  it('is no proof of reachability in a state where nobody was asked', () => {
    const flow = confirmed(NDP)
    harness.deliver(NDP.answer(NEW_MAC))
    expect(entryOf(NDP).state).toBe(NeighborState.Probe)
    harness.advance(1_000)
    harness.device.takeSent()
    expect(destinationOf(flow)).toBe(OLD_MAC)
  })

  it('takes no memory, whoever is claimed', () => {
    for (let index = 1; index < 5_000; index++) {
      const sender = `10.0.${index >> 8}.${index & 0xff}`
      const body = arp(1, NEW_MAC, sender, NOBODY, sender)
      harness.device.inject(concat(ethernet(BROADCAST_MAC, NEW_MAC, 0x806), body))
    }
    harness.poll()
    expect(harness.iface.neighbors.entries).toHaveLength(0)
  })
})
