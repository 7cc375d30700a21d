/**
 * MLDv2 reports of every joined group, at join, when asked and at the end (RFC 3810, RFC 4861
 * §7.2.1, RFC 2710).
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { MAX_GROUPS } from '../../../../net/iface/group-membership.ts'
import { withSoftwareOffload } from '../../../../net/phy/software-offload.ts'
import { parseCidr } from '../../../../net/wire/cidr.ts'
import { FakeDevice } from '../../../support/fake-device.ts'
import {
  address,
  hostOf,
  InterfaceHarness,
  OUR_LINK_LOCAL,
} from '../../../support/interface-harness.ts'
import {
  mldQuery,
  mldV1Report,
  type Query,
  reportsDuring,
  texts,
} from '../../../support/membership-lab.ts'
import { testBulk } from '../../../support/memory.ts'

const OWN = ['ff02::1:ff00:2', 'ff02::1:ff12:3456']
const GROUP = 'ff05::1234'

let harness: InterfaceHarness
beforeEach(() => {
  harness = new InterfaceHarness()
  reportsDuring(harness, 5_000)
})

function ask(fields: Query = {}, version: 1 | 2 = 2): void {
  harness.device.inject(mldQuery(fields, version))
  harness.poll()
}

describe('at join', () => {
  it('reports solicited-node groups before the probe, without a source, and again once there is one', () => {
    const device = new FakeDevice()
    const host = hostOf(withSoftwareOffload(device, testBulk), 3)
    const iface = host.interfaces[0]!
    const fresh = Object.assign(Object.create(InterfaceHarness.prototype), {
      device,
      host,
      iface,
      nowMs: 0,
    }) as InterfaceHarness
    iface.addLinkLocalAddress(0)
    iface.addAddress(parseCidr('2001:db8::2/64')!, 0)
    const reports = reportsDuring(fresh, 6_000)
    for (const group of OWN) {
      const own = reports.filter(({ text }) => text === `to-ex ${group}`)
      // RFC 3810 §6.1: "[Robustness Variable]", 2, at least; the first with the probe.
      expect(own.length).toBeGreaterThanOrEqual(4)
      expect(own.length).toBeLessThanOrEqual(5)
      expect(own[0]).toMatchObject({ source: '::' })
      expect(own[0]!.atMs).toBeGreaterThan(0)
      expect(own[0]!.atMs).toBeLessThanOrEqual(1_000)
      expect(own.at(-1)).toMatchObject({ source: OUR_LINK_LOCAL })
      expect(own.at(-2)).toMatchObject({ source: OUR_LINK_LOCAL })
    }
    expect(reports.filter(({ text }) => text.endsWith('ff02::1'))).toEqual([])
    expect(host.nextDeadlineMs(fresh.nowMs)).toBe(Number.POSITIVE_INFINITY)
  })

  it('reports any other group at once, and once more within a second', () => {
    harness.iface.joinGroup(address(GROUP), harness.nowMs)
    const joinedMs = harness.nowMs
    const reports = reportsDuring(harness, 3_000)
    expect(texts(reports)).toEqual([`to-ex ${GROUP}`, `to-ex ${GROUP}`])
    expect(reports[0]!.atMs - joinedMs).toBeLessThanOrEqual(10)
    expect(reports[1]!.atMs - reports[0]!.atMs).toBeLessThanOrEqual(1_010)
  })

  it.each(['ff02::1', 'ff01::1', 'ff01::77', 'ff00::5'])(
    'never reports %s (RFC 3810 §6)',
    (group) => {
      harness.iface.joinGroup(address(group), harness.nowMs)
      ask()
      harness.iface.leaveGroup(address(group), harness.nowMs)
      expect(
        texts(reportsDuring(harness, 3_000)).filter((text) => text.endsWith(` ${group}`)),
      ).toEqual([])
    },
  )

  it('counts who has joined', () => {
    for (let user = 0; user < 3; user++) harness.iface.joinGroup(address(GROUP), harness.nowMs)
    expect(reportsDuring(harness, 3_000)).toHaveLength(2)
    harness.iface.leaveGroup(address(GROUP), harness.nowMs)
    harness.iface.leaveGroup(address(GROUP), harness.nowMs)
    expect(reportsDuring(harness, 3_000)).toEqual([])
    harness.iface.leaveGroup(address(GROUP), harness.nowMs)
    expect(texts(reportsDuring(harness, 3_000))).toEqual([`to-in ${GROUP}`, `to-in ${GROUP}`])
    expect(() => harness.iface.leaveGroup(address(GROUP), harness.nowMs)).toThrow(
      'Cannot leave a group: the interface is not in it',
    )
  })

  it('refuses what is no group, and more groups than it keeps', () => {
    expect(() => harness.iface.joinGroup(address('fe80::1'), harness.nowMs)).toThrow(
      'Cannot join a group: the address is no group',
    )
    for (let index = OWN.length; index < MAX_GROUPS; index++) {
      harness.iface.joinGroup(address(`ff05::${index.toString(16)}`), harness.nowMs)
    }
    expect(() => harness.iface.joinGroup(address('ff05::ffff'), harness.nowMs)).toThrow(
      `Cannot join a group: the interface is in ${MAX_GROUPS}`,
    )
  })

  it('reports many groups in few packets', () => {
    for (let index = OWN.length; index < MAX_GROUPS; index++) {
      harness.iface.joinGroup(address(`ff05::${index.toString(16)}`), harness.nowMs)
    }
    const before = harness.snapshot()
    reportsDuring(harness, 500)
    ask({ maxResponse: 0 })
    expect(harness.changes(before).membershipReportsSent).toBeLessThanOrEqual(25)
    const all = new Set(
      texts(reportsDuring(harness, 5_000)).filter((text) => text.startsWith('is-ex')),
    )
    expect(all.size).toBe(MAX_GROUPS)
  })

  it('waits for the link, and reports all groups when it comes back', () => {
    harness.device.link.isUp = false
    harness.iface.joinGroup(address(GROUP), harness.nowMs)
    expect(reportsDuring(harness, 5_000)).toEqual([])
    harness.device.link.isUp = true
    const reports = texts(reportsDuring(harness, 4_000))
    for (const group of [...OWN, GROUP]) {
      expect(reports.filter((text) => text === `to-ex ${group}`)).toHaveLength(2)
    }
  })
})

describe('when asked', () => {
  it('answers a general query with all groups, once, within the time it gives', () => {
    const askedMs = harness.nowMs
    ask({ maxResponse: 2_000 })
    const reports = reportsDuring(harness, 5_000)
    expect(texts(reports).sort()).toEqual(OWN.map((group) => `is-ex ${group}`))
    expect(new Set(reports.map(({ atMs }) => atMs)).size).toBe(1)
    expect(reports[0]!.atMs - askedMs).toBeLessThanOrEqual(2_010)
    expect(reports[0]).toMatchObject({ source: OUR_LINK_LOCAL, destination: 'ff02::16' })
  })

  it('waits a different time each time', () => {
    const delays = Array.from({ length: 20 }, () => {
      const askedMs = harness.nowMs
      ask({ maxResponse: 1_000 })
      return reportsDuring(harness, 1_500)[0]!.atMs - askedMs
    })
    expect(new Set(delays.map((delay) => Math.floor(delay / 200))).size).toBeGreaterThanOrEqual(4)
  })

  it('answers a query about a group it is in, and about no other', () => {
    ask({ group: OWN[0]! })
    ask({ group: 'ff02::1:ff00:3', destination: 'ff02::1' })
    expect(texts(reportsDuring(harness, 2_000))).toEqual([`is-ex ${OWN[0]}`])
  })

  it('answers a query about sources with those sources: it wants them all', () => {
    ask({ group: OWN[0]!, sources: ['2001:db8::5', '2001:db8::6'] })
    ask({ group: OWN[0]!, sources: ['2001:db8::6', '2001:db8::7'] })
    expect(texts(reportsDuring(harness, 2_000))).toEqual([
      `is-in ${OWN[0]} from 2001:db8::5 2001:db8::6 2001:db8::7`,
    ])
    // RFC 3810 §6.2, rule 4: about the whole group, once one of the queries is.
    ask({ group: OWN[0]!, sources: ['2001:db8::5'] })
    ask({ group: OWN[0]! })
    ask({ group: OWN[0]!, sources: ['2001:db8::6'] })
    expect(texts(reportsDuring(harness, 2_000))).toEqual([`is-ex ${OWN[0]}`])
  })

  it('answers about the whole group when more sources are asked about than it notes', () => {
    const sources = Array.from({ length: 80 }, (_, index) => `2001:db8::${index + 1}`)
    ask({ group: OWN[0]!, sources })
    expect(texts(reportsDuring(harness, 2_000))).toEqual([`is-ex ${OWN[0]}`])
    for (let index = 0; index < 80; index += 10) {
      ask({ group: OWN[0]!, sources: sources.slice(index, index + 10), maxResponse: 5_000 })
    }
    expect(texts(reportsDuring(harness, 6_000))).toEqual([`is-ex ${OWN[0]}`])
  })

  it('lets a general answer that is due sooner serve the other queries', () => {
    ask({ maxResponse: 100 })
    ask({ group: OWN[0]!, maxResponse: 8_000 })
    expect(reportsDuring(harness, 9_000)).toHaveLength(2)
  })

  it('takes the longest time a query can name for what it is (RFC 3810 §5.1.3)', () => {
    ask({ maxResponse: 0xffff })
    expect(harness.host.nextDeadlineMs(harness.nowMs) - harness.nowMs).toBeLessThanOrEqual(
      8_387_584,
    )
    // A sooner one overtakes it.
    ask({ maxResponse: 100 })
    expect(reportsDuring(harness, 200)).toHaveLength(2)
    expect(harness.host.nextDeadlineMs(harness.nowMs)).toBe(Number.POSITIVE_INFINITY)
  })

  it('learns from the querier how often a change is told', () => {
    ask({ robustness: 4 })
    reportsDuring(harness, 2_000)
    harness.iface.joinGroup(address(GROUP), harness.nowMs)
    expect(reportsDuring(harness, 6_000)).toHaveLength(4)
  })

  it('sends ten reports a second at most, however it is asked', () => {
    const before = harness.snapshot()
    for (let round = 0; round < 1_000; round++) {
      const sources = [`2001:db8::${(round + 1).toString(16)}`]
      harness.device.inject(mldQuery({ maxResponse: 0 }))
      harness.device.inject(mldQuery({ maxResponse: 0, group: OWN[0]! }))
      harness.device.inject(mldQuery({ maxResponse: 0, group: OWN[0]!, sources }))
      harness.advance(10)
    }
    const sent = harness.changes(before).membershipReportsSent!
    expect(sent).toBeGreaterThan(50)
    expect(sent).toBeLessThanOrEqual(20 + 10 * 10 + 1)
  })

  it.each<[string, Query]>([
    ['a global source', { source: '2001:db8::9' }],
    ['another hop limit', { hopLimit: 2 }],
    ['no Router Alert', { routerAlert: false }],
    ['a length of neither version', { cut: 1 }],
    ['more sources than it holds', { group: OWN[0]!, sourceCount: 2, sources: ['2001:db8::5'] }],
    ['sources of no group', { sources: ['2001:db8::5'] }],
    ['a group that is none', { group: '2001:db8::1', destination: 'ff02::1' }],
  ])('ignores a query with %s (RFC 3810 §6.2)', (_name, fields) => {
    const before = harness.snapshot()
    ask(fields)
    expect(harness.changes(before)).toEqual({ membershipInvalid: 1 })
    expect(reportsDuring(harness, 2_000)).toEqual([])
    ask()
    expect(reportsDuring(harness, 2_000)).toHaveLength(2)
  })
})

describe('at the end', () => {
  it('says twice that a group was left when an address goes away', () => {
    const entry = harness.iface.addresses.find(address('2001:db8::2'))!
    harness.iface.removeAddress(entry, harness.nowMs)
    expect(texts(reportsDuring(harness, 3_000))).toEqual([`to-in ${OWN[0]}`, `to-in ${OWN[0]}`])
    ask()
    expect(texts(reportsDuring(harness, 2_000))).toEqual([`is-ex ${OWN[1]}`])
  })

  it('stays in a group that another address has too', () => {
    harness.iface.addAddress(parseCidr('2001:db9::2/64')!, harness.nowMs)
    reportsDuring(harness, 4_000)
    const entry = harness.iface.addresses.find(address('2001:db8::2'))!
    harness.iface.removeAddress(entry, harness.nowMs)
    expect(reportsDuring(harness, 3_000)).toEqual([])
  })

  it('says nothing of the end of what it never told', () => {
    harness.device.link.isUp = false
    harness.poll()
    harness.iface.joinGroup(address(GROUP), harness.nowMs)
    harness.iface.leaveGroup(address(GROUP), harness.nowMs)
    harness.device.link.isUp = true
    expect(texts(reportsDuring(harness, 4_000)).filter((text) => text.endsWith(GROUP))).toEqual([])
  })

  it('says that it joined when it does so again before the end was told', () => {
    harness.iface.joinGroup(address(GROUP), harness.nowMs)
    reportsDuring(harness, 3_000)
    harness.iface.leaveGroup(address(GROUP), harness.nowMs)
    harness.iface.joinGroup(address(GROUP), harness.nowMs)
    expect(texts(reportsDuring(harness, 3_000))).toEqual([`to-ex ${GROUP}`, `to-ex ${GROUP}`])
  })
})

describe('toward a querier of version 1 (RFC 3810 §8.2.1)', () => {
  it('reports each group by itself, to the group', () => {
    ask({ maxResponse: 1_000 }, 1)
    const reports = reportsDuring(harness, 2_000)
    expect(texts(reports).sort()).toEqual(OWN.map((group) => `v1 report ${group}`))
    for (const { text, destination } of reports) expect(text).toBe(`v1 report ${destination}`)
  })

  it('says Done to all routers, once', () => {
    harness.iface.joinGroup(address(GROUP), harness.nowMs)
    reportsDuring(harness, 2_000)
    ask({}, 1)
    reportsDuring(harness, 2_000)
    harness.iface.leaveGroup(address(GROUP), harness.nowMs)
    const reports = reportsDuring(harness, 12_000)
    expect(texts(reports)).toEqual([`done ${GROUP}`])
    expect(reports[0]!.destination).toBe('ff02::2')
  })

  it('joins in its messages, twice within ten seconds', () => {
    ask({}, 1)
    reportsDuring(harness, 2_000)
    harness.iface.joinGroup(address(GROUP), harness.nowMs)
    expect(texts(reportsDuring(harness, 11_000))).toEqual([
      `v1 report ${GROUP}`,
      `v1 report ${GROUP}`,
    ])
  })

  it('leaves a group to who reports it first (RFC 2710 §4), in that version only', () => {
    ask({ maxResponse: 2_000 }, 1)
    harness.device.inject(mldV1Report(OWN[0]!))
    expect(texts(reportsDuring(harness, 3_000))).toEqual([`v1 report ${OWN[1]}`])
    harness.advance(300_000)
    ask()
    harness.device.inject(mldV1Report(OWN[0]!))
    expect(reportsDuring(harness, 2_000)).toHaveLength(2)
  })

  it('speaks version 2 again when none was heard for 260 s', () => {
    ask({}, 1)
    reportsDuring(harness, 2_000)
    harness.advance(250_000)
    ask()
    expect(texts(reportsDuring(harness, 2_000)).sort()).toEqual(
      OWN.map((group) => `v1 report ${group}`),
    )
    harness.advance(10_000)
    ask()
    expect(texts(reportsDuring(harness, 2_000)).sort()).toEqual(
      OWN.map((group) => `is-ex ${group}`),
    )
  })
})
