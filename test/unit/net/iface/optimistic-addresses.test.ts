/**
 * What leaves while duplicate detection runs for every address there is: nothing that another
 * owner's neighbors would take for theirs (RFC 4429).
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { AddressState } from '../../../../net/iface/address-table.ts'
import type { Host } from '../../../../net/iface/host.ts'
import type { Interface } from '../../../../net/iface/interface.ts'
import { NeighborState } from '../../../../net/iface/neighbor-entry.ts'
import type { Flow } from '../../../../net/iface/protocol-handler.ts'
import { withSoftwareOffload } from '../../../../net/phy/software-offload.ts'
import { parseCidr } from '../../../../net/wire/cidr.ts'
import { DhcpLab } from '../../../support/dhcp-lab.ts'
import { FakeDevice } from '../../../support/fake-device.ts'
import { be32, concat, ethernet, icmpv6, ip, ipv6, mac } from '../../../support/frames.ts'
import {
  address,
  GATEWAY_IPV6,
  GATEWAY_MAC,
  hostOf,
  OUR_IPV6,
  OUR_LINK_LOCAL,
  OUR_MAC,
  PEER_IPV6,
  PEER_MAC,
  RecordingHandler,
} from '../../../support/interface-harness.ts'
import { testBulk } from '../../../support/memory.ts'
import { advertisement, linkLayerOption, prefixOption } from '../../../support/router-messages.ts'

const FAR = '2001:db8:ffff::1'
const RETRANS_TIMER_MS = 1_000
const SOLICITATION = 135

let device: FakeDevice
let host: Host
let iface: Interface
let tcp: RecordingHandler
let nowMs: number

beforeEach(() => {
  device = new FakeDevice()
  host = hostOf(withSoftwareOffload(device, testBulk), 1)
  iface = host.interfaces[0]!
  tcp = new RecordingHandler(6)
  host.register(tcp)
  nowMs = 1_000_000
  iface.addLinkLocalAddress(nowMs)
  // Not by hand, and its prefix is on the link.
  iface.addAddress(parseCidr(`${OUR_IPV6}/64`)!, nowMs, 'dhcp')
  iface.addDefaultRoute(address(GATEWAY_IPV6))
})

function run(durationMs: number): Uint8Array[] {
  for (const endMs = nowMs + durationMs; ; nowMs = Math.max(nowMs, host.nextDeadlineMs(nowMs))) {
    for (let round = 0; host.poll(nowMs); round++) expect(round).toBeLessThan(100)
    if (host.nextDeadlineMs(nowMs) > endMs) {
      nowMs = endMs
      return device.takeSent().map(({ bytes }) => bytes)
    }
  }
}

/** A sender that has something for `destination` until it could leave. */
function send(destination: string): Flow {
  const flow = host.egress.openFlow(address(destination), null, 6)!
  let isSent = false
  tcp.onDispatch = (egress, atMs) => {
    if (!isSent && egress.prepare(flow, 20, 0, 0, atMs)) isSent = egress.submit(flow)
    return false
  }
  return flow
}

const isQuestion = (frame: Uint8Array) => frame[20] === 58 && frame[54] === SOLICITATION
const sourceOf = (frame: Uint8Array) => [...frame.subarray(22, 38)]
const stationOf = (frame: Uint8Array) => [...frame.subarray(0, 6)]
const isOfTcp = (frame: Uint8Array) => frame[20] === 6

describe('an optimistic address', () => {
  it('is asked for at once: "The host SHOULD NOT delay before sending Neighbor Solicitation messages" (§3.3)', () => {
    const questions = run(0).filter(isQuestion)
    expect(questions.map(sourceOf)).toEqual([ip('::'), ip('::')])
    run(RETRANS_TIMER_MS)
    expect(iface.addresses.entries.map(({ state }) => state)).toEqual([
      AddressState.Preferred,
      AddressState.Preferred,
    ])
  })

  it('is never the source of a question: what is for a neighbor waits "until DAD is complete" (§3.2)', () => {
    send(PEER_IPV6)
    const early = run(RETRANS_TIMER_MS - 1)
    expect(early.filter(isQuestion).map(sourceOf)).toEqual([ip('::'), ip('::')])
    expect(early.filter(isOfTcp)).toEqual([])
    const [question, ...others] = run(1).filter(isQuestion)
    expect(others).toEqual([])
    expect(sourceOf(question!)).toEqual(ip(OUR_IPV6))
    expect([...question!.subarray(62, 78)]).toEqual(ip(PEER_IPV6))
    // Now with the option: "1 1" and our hardware address.
    expect([...question!.subarray(78)]).toEqual([1, 1, ...mac(OUR_MAC)])
  })

  it('has the question for a router wait too, which goes once it is over, and then once a second (RFC 4861 §7.2.2)', () => {
    send(FAR)
    expect(
      run(RETRANS_TIMER_MS - 1)
        .filter(isQuestion)
        .map(sourceOf),
    ).toEqual([ip('::'), ip('::')])
    expect(iface.neighbors.lookup(address(GATEWAY_IPV6))!.state).toBe(NeighborState.Incomplete)
    expect(run(1).filter(isQuestion).map(sourceOf)).toEqual([ip(OUR_LINK_LOCAL)])
    expect(run(RETRANS_TIMER_MS - 1).filter(isQuestion)).toEqual([])
    expect(run(1).filter(isQuestion)).toHaveLength(1)
  })

  it('sends to a neighbor that it does not know "to a default router on the link" that it does, until it may ask (§3.2)', () => {
    iface.neighbors.learn(address(GATEWAY_IPV6), 0x5254, 0x00000001, nowMs)
    send(PEER_IPV6)
    const early = run(RETRANS_TIMER_MS - 1)
    expect(early.filter(isOfTcp).map(stationOf)).toEqual([mac(GATEWAY_MAC)])
    expect(early.filter(isQuestion).map(sourceOf)).toEqual([ip('::'), ip('::')])
    run(1)
    send(PEER_IPV6)
    const late = run(1_000)
    expect(late.filter(isOfTcp)).toEqual([])
    expect(late.filter(isQuestion).map((frame) => [...frame.subarray(62, 78)])).toContainEqual(
      ip(PEER_IPV6),
    )
  })

  it('sends straight to a neighbor that has asked first, and answers it without Override (§3.3)', () => {
    const group = 'ff02::1:ff00:2'
    const body = concat(be32(0), ip(OUR_IPV6), [1, 1, ...mac(PEER_MAC)])
    const message = icmpv6(PEER_IPV6, group, SOLICITATION, 0, body)
    const fields = { source: PEER_IPV6, destination: group, nextHeader: 58, hopLimit: 255 }
    device.inject(
      concat(ethernet('33:33:ff:00:00:02', PEER_MAC, 0x86dd), ipv6(fields, message)),
      {},
    )
    send(PEER_IPV6)
    const frames = run(0)
    const answer = frames.find((frame) => frame[54] === 136)!
    expect(sourceOf(answer)).toEqual(ip(OUR_IPV6))
    expect([...answer.subarray(58, 62)]).toEqual(be32(0x40000000))
    expect(frames.filter(isOfTcp).map(stationOf)).toEqual([mac(PEER_MAC)])
  })

  it('asks at once when it was given by hand, without planting itself into caches', () => {
    iface.addAddress(parseCidr('2001:db8:7::2/64')!, nowMs)
    send('2001:db8:7::9')
    const asked = run(0).filter((frame) => isQuestion(frame) && sourceOf(frame)[0] !== 0)
    expect(asked.map(sourceOf)).toEqual([ip('2001:db8:7::2')])
    // §3.2: no Source Link-Layer Address option behind the target.
    expect(asked[0]!.length).toBe(78)
  })

  it('leaves a question to another address whose detection is over', () => {
    run(RETRANS_TIMER_MS)
    iface.addAddress(parseCidr('2001:db8:7::2/64')!, nowMs, 'dhcp')
    iface.neighbors.use(address('2001:db8:7::9'), false, nowMs)
    const questions = run(0).filter((frame) => isQuestion(frame) && sourceOf(frame)[0] !== 0)
    expect(questions.map(sourceOf)).toEqual([ip(OUR_IPV6)])
  })
})

describe('an address that a router has us make', () => {
  const state = (lab: DhcpLab) =>
    lab.stack.interface.addresses.entries.find(({ origin }) => origin === 'slaac')!.state

  it('stays Tentative where nobody says, and nobody may ask, where the router is (RFC 4429 §3.3)', () => {
    const lab = new DhcpLab({ dhcp: false, slaac: true })
    lab.inject(advertisement({}, prefixOption()))
    expect(state(lab)).toBe(AddressState.Tentative)
    lab.run(2 * RETRANS_TIMER_MS)
    expect(state(lab)).toBe(AddressState.Preferred)
  })

  it.each([
    { why: 'the router says where it is', afterMs: 0, options: [linkLayerOption()] },
    { why: 'the link-local address may ask', afterMs: 2 * RETRANS_TIMER_MS, options: [] },
  ])('is optimistic when $why', ({ afterMs, options }) => {
    const lab = new DhcpLab({ dhcp: false, slaac: true })
    lab.run(afterMs)
    lab.inject(advertisement({}, ...options, prefixOption()))
    expect(state(lab)).toBe(AddressState.Optimistic)
  })
})
