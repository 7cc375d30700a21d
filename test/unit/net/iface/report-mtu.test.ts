/**
 * Reports of many groups are as many packets as the link's MTU asks for (RFC 3376 §4.2.16, RFC 3810
 * §5.2.15).
 */
import { expect, it } from 'vitest'
import { address, InterfaceHarness } from '../../../support/interface-harness.ts'
import { igmpQuery, mldQuery, reportsDuring } from '../../../support/membership-lab.ts'

const GROUPS = 48

interface Family {
  readonly etherType: number
  readonly group: (index: number) => string
  /** Of headers: Ethernet's and IP's with the Router Alert. */
  readonly messageAt: number
  readonly recordLength: number
  readonly type: number
  readonly leastMtu: number
  readonly lower: (harness: InterfaceHarness, mtu: number) => void
  readonly query: () => Uint8Array
}

const IGMP: Family = {
  etherType: 0x0800,
  group: (index) => `239.9.0.${index + 1}`,
  messageAt: 38,
  recordLength: 8,
  type: 0x22,
  // RFC 791: what every link carries.
  leastMtu: 68,
  lower: (harness, mtu) => {
    harness.iface.link.mtu4 = mtu
  },
  query: () => igmpQuery({}, 3),
}

const MLD: Family = {
  etherType: 0x86dd,
  group: (index) => `ff02::9:${index + 1}`,
  messageAt: 62,
  recordLength: 20,
  type: 143,
  leastMtu: 1280,
  lower: (harness, mtu) => {
    harness.iface.link.mtu6 = mtu
  },
  query: () => mldQuery({}),
}

/** The reports that come meanwhile: the length of the packet, and the groups in it. */
function reports(harness: InterfaceHarness, family: Family) {
  const found: { length: number; groups: string[] }[] = []
  for (let elapsedMs = 0; elapsedMs < 15_000; elapsedMs += 10) {
    harness.advance(10)
    for (const { bytes } of harness.device.takeSent()) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
      const { messageAt, recordLength } = family
      if (view.getUint16(12) !== family.etherType || bytes[messageAt] !== family.type) continue
      const count = view.getUint16(messageAt + 6)
      const groups = Array.from({ length: count }, (_, index) => {
        const start = messageAt + 8 + index * recordLength
        // No record has sources or anything else behind its group.
        expect(view.getUint16(start + 2)).toBe(0)
        return [...bytes.subarray(start + 4, start + recordLength)].join()
      })
      expect(bytes.length).toBe(messageAt + 8 + count * recordLength)
      found.push({ length: bytes.length - 14, groups })
    }
  }
  return found
}

it.each([
  ['IGMP', 1500, IGMP],
  ['IGMP', 100, IGMP],
  ['IGMP', IGMP.leastMtu, IGMP],
  ['MLD', 1500, MLD],
  ['MLD', MLD.leastMtu, MLD],
] as [string, number, Family][])(
  '%s: at an MTU of %i all groups are reported, and no packet is longer',
  (_name, mtu, family) => {
    const harness = new InterfaceHarness()
    reportsDuring(harness, 5_000)
    for (let index = 0; index < GROUPS; index++) {
      harness.iface.joinGroup(address(family.group(index)), harness.nowMs)
    }
    reportsDuring(harness, 15_000)
    family.lower(harness, mtu)
    harness.device.inject(family.query())
    harness.poll()
    const told = reports(harness, family)
    const all = told.flatMap(({ groups }) => groups)
    expect(new Set(all).size).toBeGreaterThanOrEqual(GROUPS)
    for (const { length } of told) expect(length).toBeLessThanOrEqual(mtu)
    // As many in each as it has room for.
    const room = Math.floor((mtu - (family.messageAt - 14) - 8) / family.recordLength)
    expect(told).toHaveLength(Math.ceil(all.length / room))
  },
)
