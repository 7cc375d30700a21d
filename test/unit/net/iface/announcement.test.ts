/**
 * What the interface tells of itself when asked: where its addresses are, and which hardware
 * addresses its groups have.
 */
import { describe, expect, it } from 'vitest'

import { address, InterfaceHarness, OUR_IPV4 } from '../../../support/interface-harness.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

describe('announce', () => {
  it('sends an ARP announcement and unsolicited advertisements to all nodes (RFC 5227 §2.3, RFC 4861 §7.2.6)', () => {
    const harness = new InterfaceHarness()
    harness.iface.announce(harness.nowMs)
    harness.poll()
    const sent = harness.device.takeSent().map(({ bytes }) => bytes)
    const arp = sent.filter((it) => it[12] === 8 && it[13] === 6)
    expect(arp).toHaveLength(1)
    // Sender and target are the address that is announced, to everybody.
    expect(hex(arp[0]!.subarray(0, 6))).toBe('ffffffffffff')
    expect([arp[0]!.subarray(28, 32), arp[0]!.subarray(38, 42)].map((it) => it.join('.'))).toEqual([
      OUR_IPV4,
      OUR_IPV4,
    ])
    const advertisements = sent.filter((it) => it[12] === 0x86 && it[54] === 136)
    expect(advertisements.map((it) => hex(it.subarray(62, 78)))).toEqual([
      'fe80000000000000505400fffe123456',
      '20010db8000000000000000000000002',
    ])
    for (const it of advertisements) {
      expect(hex(it.subarray(0, 6))).toBe('333300000001')
      // Override, and not solicited: nobody asked.
      expect(it[58]! & 0xe0).toBe(0x20)
    }
  })

  it('reports groups again, for switches that have not heard of them', () => {
    const harness = new InterfaceHarness()
    harness.iface.announce(harness.nowMs)
    harness.poll()
    harness.device.takeSent()
    harness.advance(1_000)
    const reports = harness.device.takeSent().filter(({ bytes }) => bytes[62] === 143)
    expect(reports.length).toBeGreaterThan(0)
  })
})

describe('the hardware addresses of groups', () => {
  it('are those of all hosts, of solicited nodes and of what is joined, each once', () => {
    const { iface, nowMs } = new InterfaceHarness()
    const before = iface.groupHardwareAddresses().map(hex)
    expect(before).toEqual(['01005e000001', '333300000001', '3333ff123456', '3333ff000002'])
    // These two share 01:00:5e:01:02:03 (RFC 1112 §6.4).
    iface.joinGroup(address('239.1.2.3'), nowMs)
    iface.joinGroup(address('239.129.2.3'), nowMs)
    iface.joinGroup(address('ff05::42'), nowMs)
    const joined = iface.groupHardwareAddresses().map(hex)
    expect(joined.filter((it) => !before.includes(it))).toEqual(['01005e010203', '333300000042'])
  })

  it('are told of when a group comes or goes, and not when another joins the same', () => {
    const { iface, nowMs } = new InterfaceHarness()
    let changes = 0
    iface.onGroupChange(() => changes++)
    const group = address('ff05::42')
    const counts = [
      () => iface.joinGroup(group, nowMs),
      () => iface.joinGroup(group, nowMs),
      () => iface.leaveGroup(group, nowMs),
      () => iface.leaveGroup(group, nowMs),
    ].map((step) => {
      step()
      return changes
    })
    expect(counts).toEqual([1, 1, 1, 2])
    expect(iface.groupHardwareAddresses().map(hex)).not.toContain('333300000042')
  })
})
