/**
 * IGMPv3 reports of joined groups, and what is sent to them received (RFC 3376, RFC 2236, RFC
 * 1112).
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { FakeDevice } from '../../../support/fake-device.ts'
import { address, InterfaceHarness, OUR_IPV4 } from '../../../support/interface-harness.ts'
import {
  echoTo,
  igmpQuery,
  igmpReport,
  type Query,
  reportsDuring,
  texts,
} from '../../../support/membership-lab.ts'

const GROUP = '239.1.2.3'
const OTHER = '224.0.0.251'

let harness: InterfaceHarness
beforeEach(() => {
  harness = new InterfaceHarness()
  reportsDuring(harness, 5_000)
})

function ask(fields: Query = {}, version: 1 | 2 | 3 = 3): void {
  harness.device.inject(igmpQuery(fields, version))
  harness.poll()
}

/** What is told of IPv4 groups meanwhile. */
function told(durationMs: number): string[] {
  return texts(
    reportsDuring(harness, durationMs).filter(({ destination }) => !destination.includes(':')),
  )
}

function join(...groups: string[]): void {
  for (const group of groups) harness.iface.joinGroup(address(group), harness.nowMs)
}

it('receives what is sent to a group from the join to the leave', () => {
  const heard = () => {
    const before = harness.snapshot()
    harness.deliver(echoTo(GROUP))
    return Object.keys(harness.changes(before))
  }
  expect(heard()).toEqual(['ipv4NotForUs'])
  join(GROUP)
  expect(heard()).not.toContain('ipv4NotForUs')
  expect(heard()).toContain('icmpIgnored')
  harness.iface.leaveGroup(address(GROUP), harness.nowMs)
  expect(heard()).toContain('ipv4NotForUs')
})

it('reports a join at once and once more within a second, from its address to 224.0.0.22', () => {
  join(GROUP)
  const reports = reportsDuring(harness, 3_000)
  expect(texts(reports)).toEqual([`to-ex ${GROUP}`, `to-ex ${GROUP}`])
  for (const report of reports) {
    expect(report).toMatchObject({ source: OUR_IPV4, destination: '224.0.0.22' })
  }
  harness.iface.leaveGroup(address(GROUP), harness.nowMs)
  expect(told(3_000)).toEqual([`to-in ${GROUP}`, `to-in ${GROUP}`])
})

it('reports from 0.0.0.0 while it has no address (RFC 3376 §4.2.13)', () => {
  const entry = harness.iface.addresses.find(address(OUR_IPV4))!
  harness.iface.removeAddress(entry, harness.nowMs)
  join(GROUP)
  expect(reportsDuring(harness, 20)[0]).toMatchObject({ source: '0.0.0.0' })
})

it('never reports 224.0.0.1, and says nothing when it is in no other group', () => {
  join('224.0.0.1')
  ask()
  expect(told(3_000)).toEqual([])
  harness.iface.leaveGroup(address('224.0.0.1'), harness.nowMs)
  expect(() => join('10.0.0.1')).toThrow('Cannot join a group: the address is no group')
})

it('answers about the group when the sources asked about do not fit a packet', () => {
  const device = new FakeDevice({ maxTransmissionUnit: 68 })
  const small = new InterfaceHarness(device)
  small.iface.joinGroup(address(GROUP), small.nowMs)
  reportsDuring(small, 3_000)
  const sources = Array.from({ length: 8 }, (_, index) => `10.0.0.${index + 30}`)
  const answer = (most: number) => {
    for (const source of sources.slice(0, most)) {
      small.device.inject(igmpQuery({ group: GROUP, sources: [source] }, 3))
    }
    small.poll()
    return texts(reportsDuring(small, 5_000))
  }
  expect(answer(7)).toEqual([`is-in ${GROUP} from ${sources.slice(0, 7).join(' ')}`])
  expect(answer(8)).toEqual([`is-ex ${GROUP}`])
})

describe('when asked', () => {
  beforeEach(() => {
    join(GROUP, OTHER)
    told(3_000)
  })

  it('answers general queries, those about a group, and those about sources', () => {
    ask()
    expect(told(2_000).sort()).toEqual([`is-ex ${OTHER}`, `is-ex ${GROUP}`])
    ask({ group: GROUP })
    expect(told(2_000)).toEqual([`is-ex ${GROUP}`])
    ask({ group: GROUP, sources: ['10.0.0.9', '10.0.0.8'] })
    expect(told(2_000)).toEqual([`is-in ${GROUP} from 10.0.0.9 10.0.0.8`])
    ask({ group: '239.9.9.9', destination: '224.0.0.1' })
    expect(told(2_000)).toEqual([])
  })

  it('answers a switch that asks from 0.0.0.0 (RFC 4541 §2.1.1)', () => {
    ask({ source: '0.0.0.0' })
    expect(told(2_000)).toHaveLength(2)
  })

  it('takes response times of the floating kind (RFC 3376 §4.1.1)', () => {
    ask({ maxResponse: 255 })
    const waitMs = harness.host.nextDeadlineMs(harness.nowMs) - harness.nowMs
    expect(waitMs).toBeLessThanOrEqual(3_174_400)
    ask({ maxResponse: 1 })
    expect(told(200)).toHaveLength(2)
  })

  it.each<[string, Query]>([
    ['another TTL', { hopLimit: 2 }],
    ['a length of no version', { cut: 1 }],
    ['more sources than it holds', { group: GROUP, sourceCount: 2, sources: ['10.0.0.9'] }],
    ['sources of no group', { sources: ['10.0.0.9'] }],
    ['a group that is none', { group: '10.0.0.9', destination: '224.0.0.1' }],
    ['no group, sent to one', { destination: GROUP }],
    ['no options', { routerAlert: false }],
    ['no Router Alert before the end of options', { options: [1, 0, 0x94, 4] }],
    ['none among options', { options: [7, 7, 4, 0x94, 4, 0, 0, 0] }],
  ])('ignores a query with %s', (_name, fields) => {
    const before = harness.snapshot()
    ask(fields)
    expect(harness.changes(before)).toEqual({ membershipInvalid: 1 })
    expect(told(2_000)).toEqual([])
    ask()
    expect(told(2_000)).toHaveLength(2)
  })

  it('takes one with Router Alert behind another option, and the oldest, which have none', () => {
    ask({ options: [7, 3, 4, 0x94, 4, 0, 0, 0] })
    expect(told(2_000)).toHaveLength(2)
    ask({ options: [1, 1, 0x94, 4, 0, 0, 0, 0] })
    expect(told(2_000)).toHaveLength(2)
    ask({ routerAlert: false }, 1)
    expect(told(11_000)).toHaveLength(2)
  })

  it('ignores one of version 2 without Router Alert, which would have it speak that', () => {
    ask({ routerAlert: false }, 2)
    expect(told(2_000)).toEqual([])
    ask()
    expect(told(2_000).sort()).toEqual([`is-ex ${OTHER}`, `is-ex ${GROUP}`])
  })

  it('ignores a query with a bad checksum, and one cut anywhere', () => {
    const query = igmpQuery()
    for (let cut = 14; cut < query.length; cut++) harness.deliver(query.subarray(0, cut))
    query[query.length - 1]! ^= 1
    const before = harness.snapshot()
    harness.deliver(query)
    expect(harness.changes(before)).toEqual({ membershipInvalid: 1 })
    expect(told(2_000)).toEqual([])
  })

  it('sends no ICMP error about IGMP that it does not know', () => {
    harness.device.inject(igmpReport(0x99, GROUP))
    harness.device.inject(igmpReport(0x13, '224.0.0.1'))
    harness.poll()
    expect(harness.device.takeSent()).toEqual([])
    expect(harness.iface.counters.icmpErrorsSent).toBe(0)
  })
})

describe.each([1, 2] as const)('toward a querier of version %i (RFC 3376 §7.2)', (version) => {
  beforeEach(() => {
    join(GROUP, OTHER)
    told(3_000)
    ask({}, version)
  })

  it('reports each group by itself, to the group', () => {
    const reports = reportsDuring(harness, 11_000).filter(
      ({ destination }) => !destination.includes(':'),
    )
    expect(texts(reports).sort()).toEqual([
      `v${version} report ${OTHER}`,
      `v${version} report ${GROUP}`,
    ])
    for (const { text, destination } of reports)
      expect(text).toBe(`v${version} report ${destination}`)
  })

  it('tells of joining and leaving in its messages', () => {
    told(11_000)
    join('239.9.9.9')
    const joins = told(11_000)
    expect(joins).toEqual([`v${version} report 239.9.9.9`, `v${version} report 239.9.9.9`])
    harness.iface.leaveGroup(address('239.9.9.9'), harness.nowMs)
    expect(told(11_000)).toEqual(version === 1 ? [] : ['leave 239.9.9.9'])
  })

  it('leaves a group to who reports it first', () => {
    harness.device.inject(igmpReport(version === 1 ? 0x12 : 0x16, OTHER))
    expect(told(11_000)).toEqual([`v${version} report ${GROUP}`])
  })

  it('speaks version 3 again when none was heard for 260 s', () => {
    told(11_000)
    harness.advance(250_000)
    ask()
    expect(told(2_000).sort()).toEqual([`is-ex ${OTHER}`, `is-ex ${GROUP}`])
  })
})
