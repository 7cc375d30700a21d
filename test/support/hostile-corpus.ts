/**
 * The frame of mind of the hostile-input tests: each bad frame is counted by its reason, answered
 * by nothing, changes nothing, and does not keep its valid twin from being answered.
 */
import { beforeEach, expect, it } from 'vitest'
import type { InterfaceCounters } from '../../net/iface/interface-counters.ts'
import {
  arp,
  be32,
  concat,
  ethernet,
  type Ipv4Fields,
  type Ipv6Fields,
  icmpv4,
  icmpv6,
  ip,
  ipv4,
  ipv6,
  mac,
} from './frames.ts'
import * as lab from './interface-harness.ts'
import { InterfaceHarness } from './interface-harness.ts'

const { OUR_MAC, PEER_MAC, OUR_IPV4, PEER_IPV4, OUR_IPV6, PEER_IPV6, BROADCAST_MAC } = lab
export const NOBODY = '00:00:00:00:00:00'
export const SOLICITED = 'ff02::1:ff00:2'
export const SOLICITED_MAC = '33:33:ff:00:00:02'
export type Reason = keyof InterfaceCounters

/** Fresh for each test of a file that called setUpHarness. */
export let harness: InterfaceHarness

export function setUpHarness(): void {
  beforeEach(() => {
    harness = new InterfaceHarness()
  })
}

export const echo = icmpv4(8, 0, 1, [1, 2, 3])

export function four(fields: Partial<Ipv4Fields>, payload: ArrayLike<number> = echo): Uint8Array {
  const base = { source: PEER_IPV4, destination: OUR_IPV4, protocol: 1 }
  return lab.fromPeer(0x800, ipv4({ ...base, ...fields }, payload))
}

export function six(
  fields: Partial<Ipv6Fields>,
  payload: ArrayLike<number>,
  link = OUR_MAC,
): Uint8Array {
  const base = { source: PEER_IPV6, destination: OUR_IPV6, nextHeader: 58 }
  return concat(ethernet(link, PEER_MAC, 0x86dd), ipv6({ ...base, ...fields }, payload))
}

export function echo6(source = PEER_IPV6, destination = OUR_IPV6): Uint8Array {
  return icmpv6(source, destination, 128, 0, be32(1))
}

export function question(hardware = PEER_MAC, sender = PEER_IPV4, target = OUR_IPV4): Uint8Array {
  return concat(ethernet(BROADCAST_MAC, PEER_MAC, 0x806), arp(1, hardware, sender, NOBODY, target))
}

export interface Solicitation {
  source?: string
  destination?: string
  target?: string
  options?: number[]
  hopLimit?: number
  code?: number
  type?: number
  flags?: number
}

export function solicitation(fields: Solicitation = {}): Uint8Array {
  const { source = PEER_IPV6, destination = SOLICITED, target = OUR_IPV6 } = fields
  const { hopLimit = 255, options = [1, 1, ...mac(PEER_MAC)], code = 0 } = fields
  const body = concat(be32(fields.flags ?? 0), ip(target), options)
  const message = icmpv6(source, destination, fields.type ?? 135, code, body)
  return six({ source, destination, hopLimit }, message, SOLICITED_MAC)
}

export const VALID = {
  arp: () => question(),
  ipv4: () => four({}),
  ipv6: () => six({}, echo6()),
  ndp: () => solicitation(),
}

export function expectTwinAnswered(kind: keyof typeof VALID): void {
  expect(harness.deliver(VALID[kind]())).toHaveLength(1)
}

/** Delivers a frame that must change one counter and nothing else. */
export function expectDropped(frame: Uint8Array, reason: Reason): void {
  const before = harness.snapshot()
  const neighbors = harness.iface.neighbors.entries.length
  expect(harness.deliver(frame)).toEqual([])
  expect(harness.changes(before)).toEqual({ [reason]: 1 })
  expect(harness.iface.neighbors.entries).toHaveLength(neighbors)
  expect(harness.tcp.packets).toEqual([])
  expect(harness.tcp.errors).toEqual([])
}

export function corpus(
  kind: keyof typeof VALID,
  cases: [string, () => Uint8Array, Reason][],
): void {
  it.each(cases)('drops %s', (_name, build, reason) => {
    expectDropped(build(), reason)
    expectTwinAnswered(kind)
  })
}

/** Every proper prefix of the frame, which must end in one of the reasons. */
export function expectPrefixesDropped(frame: Uint8Array, length: number, reasons: Reason[]): void {
  for (let cut = 0; cut < length; cut++) {
    const before = harness.snapshot()
    expect(harness.deliver(frame.subarray(0, cut))).toEqual([])
    const [reason, ...others] = Object.keys(harness.changes(before))
    expect(others).toEqual([])
    expect(reasons).toContain(reason)
  }
  expect(harness.iface.neighbors.entries).toHaveLength(0)
}
