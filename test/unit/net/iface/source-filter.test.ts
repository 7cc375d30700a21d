/**
 * Source filters merged and reported as RFC 3376 and RFC 3810 ask, by the one core that both
 * families have.
 */
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { MAX_INTERFACE_ADDRESSES } from '../../../../net/iface/address-table.ts'
import { MAX_GROUPS } from '../../../../net/iface/group-membership.ts'
import { MAX_GROUP_SOURCES } from '../../../../net/iface/membership.ts'
import {
  ALL_SOURCES,
  acceptsSource,
  MAX_FILTER_SOURCES,
  mergeFilters,
  NO_SOURCES,
  type SourceFilter,
} from '../../../../net/iface/source-filter.ts'
import { ipv4Address } from '../../../../net/wire/ip-address.ts'
import { FakeDevice } from '../../../support/fake-device.ts'
import { address, InterfaceHarness } from '../../../support/interface-harness.ts'
import {
  igmpQuery,
  mldQuery,
  type Query,
  type Report,
  reportsDuring,
  texts,
} from '../../../support/membership-lab.ts'

const include = (...sources: string[]): SourceFilter => ({
  isExclude: false,
  sources: sources.map(address),
})
const exclude = (...sources: string[]): SourceFilter => ({
  isExclude: true,
  sources: sources.map(address),
})
const [a, b, c, d, e, f] = [1, 2, 3, 4, 5, 6].map((last) => `10.0.9.${last}`) as [
  ...[string, string, string, string, string, string],
]

describe('merged', () => {
  it('are the examples of RFC 3376 §3.2', () => {
    const mixed = [exclude(a, b, c, d), exclude(b, c, d, e), include(d, e, f)]
    expect(mergeFilters(mixed)).toEqual(exclude(b, c))
    const included = [include(a, b, c), include(b, c, d), include(e, f)]
    expect(mergeFilters(included)).toEqual(include(a, b, c, d, e, f))
    expect(mergeFilters([])).toEqual(NO_SOURCES)
    expect(mergeFilters([exclude(a), ALL_SOURCES])).toEqual(ALL_SOURCES)
  })

  it('accept a source when one of them does, whatever they are', () => {
    const filter = fc.record({
      isExclude: fc.boolean(),
      sources: fc.array(fc.nat({ max: 5 }).map(ipv4Address), { maxLength: 5 }),
    })
    fc.assert(
      fc.property(fc.array(filter, { maxLength: 5 }), fc.nat({ max: 6 }), (filters, word) => {
        const source = ipv4Address(word)
        expect(acceptsSource(mergeFilters(filters), source)).toBe(
          filters.some((one) => acceptsSource(one, source)),
        )
      }),
    )
  })
})

const FAMILIES = [
  {
    name: 'IGMPv3',
    group: '239.1.2.3',
    sources: [a, b, c],
    query: (fields: Query) => igmpQuery(fields, 3),
    older: igmpQuery({}, 2),
    isOurs: ({ destination }: Report) => !destination.includes(':'),
  },
  {
    name: 'MLDv2',
    group: 'ff05::1234',
    sources: ['2001:db8::a1', '2001:db8::a2', '2001:db8::a3'],
    query: (fields: Query) => mldQuery(fields, 2),
    older: mldQuery({}, 1),
    isOurs: ({ text }: Report) => text.includes('ff05::'),
  },
]

describe.each(FAMILIES)('$name reports', ({ group, sources, query, older, isOurs }) => {
  const [one, two, three] = sources as [string, string, string]
  const [app, other] = [{}, {}]
  let harness: InterfaceHarness
  beforeEach(() => {
    harness = new InterfaceHarness()
    reportsDuring(harness, 5_000)
  })
  const listen = (listener: object, filter: SourceFilter) =>
    harness.iface.listenToGroup(listener, address(group), filter, harness.nowMs)
  const told = (durationMs = 3_000) => texts(reportsDuring(harness, durationMs).filter(isOurs))
  const ask = (frame: Uint8Array, durationMs = 2_000) => {
    harness.device.inject(frame)
    harness.poll()
    return told(durationMs)
  }

  it('sources that are wanted, and their end, twice each (§5.1, "Robustness Variable")', () => {
    listen(app, include(one, two))
    const allowed = `allow ${group} from ${one} ${two}`
    expect(told()).toEqual([allowed, allowed])
    listen(app, include(two, three))
    const texts = told()
    expect(texts).toEqual([
      ...[`allow ${group} from ${three}`, `block ${group} from ${one}`],
      ...[`allow ${group} from ${three}`, `block ${group} from ${one}`],
    ])
    listen(app, NO_SOURCES)
    const blocked = `block ${group} from ${two} ${three}`
    expect(told()).toEqual([blocked, blocked])
  })

  it('a change of mode with all sources of the new one', () => {
    listen(app, include(one))
    told()
    listen(app, exclude(two))
    expect(told()).toEqual([`to-ex ${group} from ${two}`, `to-ex ${group} from ${two}`])
    listen(app, include(one, three))
    const changed = `to-in ${group} from ${one} ${three}`
    expect(told()).toEqual([changed, changed])
  })

  it('what changes before all is told in one report with what is left to tell', () => {
    listen(app, include(one))
    expect(told(10)).toEqual([`allow ${group} from ${one}`])
    listen(app, include(two))
    // Of the first source one report was left, of each change now two are.
    expect(told()).toEqual([
      ...[`allow ${group} from ${two}`, `block ${group} from ${one}`],
      ...[`allow ${group} from ${two}`, `block ${group} from ${one}`],
    ])
    listen(app, ALL_SOURCES)
    expect(told(10)).toEqual([`to-ex ${group}`])
    listen(app, exclude(three))
    expect(told()).toEqual([`to-ex ${group} from ${three}`, `block ${group} from ${three}`])
  })

  it('only what changes for all listeners together', () => {
    listen(app, include(one))
    listen(other, include(one, two))
    told()
    listen(app, NO_SOURCES)
    expect(told()).toEqual([])
    listen(app, exclude(two, three))
    expect(told()).toEqual([`to-ex ${group} from ${three}`, `to-ex ${group} from ${three}`])
    harness.iface.joinGroup(address(group), harness.nowMs)
    expect(told()).toEqual([`allow ${group} from ${three}`, `allow ${group} from ${three}`])
    listen(app, NO_SOURCES)
    listen(other, NO_SOURCES)
    expect(told()).toEqual([])
    harness.iface.leaveGroup(address(group), harness.nowMs)
    expect(told()).toEqual([`to-in ${group}`, `to-in ${group}`])
  })

  it('its state when asked: of the group, or which of the sources asked about are wanted (§5.2)', () => {
    listen(app, include(one, two))
    told()
    expect(ask(query({}))).toEqual([`is-in ${group} from ${one} ${two}`])
    expect(ask(query({ group, sources: [two, three] }))).toEqual([`is-in ${group} from ${two}`])
    // "If the resulting Current-State Record has an empty set of source addresses, then no response
    // is sent."
    expect(ask(query({ group, sources: [three] }))).toEqual([])
    listen(app, exclude(two))
    told()
    expect(ask(query({ group }))).toEqual([`is-ex ${group} from ${two}`])
    expect(ask(query({ group, sources: [two, three] }))).toEqual([`is-in ${group} from ${three}`])
    expect(ask(query({ group, sources: [two] }))).toEqual([])
  })

  it('sources anew when the link comes back', () => {
    listen(app, include(one))
    told()
    harness.device.link.isUp = false
    harness.advance(10)
    harness.device.link.isUp = true
    expect(told(4_000)).toEqual([`allow ${group} from ${one}`, `allow ${group} from ${one}`])
  })

  it('to an older querier that the group is wanted, not what of it', () => {
    const [report, leave] = group.includes(':') ? ['v1 report', 'done'] : ['v2 report', 'leave']
    listen(app, include(one))
    told()
    expect(ask(older, 11_000)).toEqual([`${report} ${group}`])
    listen(app, exclude(two))
    listen(other, include(three))
    expect(told(11_000)).toEqual([])
    listen(app, NO_SOURCES)
    listen(other, NO_SOURCES)
    expect(told(11_000)).toEqual([`${leave} ${group}`])
  })

  it('with as many sources as the querier’s robustness says', () => {
    ask(query({ robustness: 5 }))
    listen(app, include(one))
    expect(told(8_000)).toEqual(new Array(5).fill(`allow ${group} from ${one}`))
  })

  it('refuses more sources than it keeps, and stays as it was', () => {
    const many = (count: number, from: number) =>
      include(
        ...Array.from({ length: count }, (_, index) =>
          group.includes(':')
            ? `2001:db8::${(from + index).toString(16)}`
            : `10.1.0.${from + index}`,
        ),
      )
    expect(() => listen(app, many(MAX_FILTER_SOURCES + 1, 1))).toThrow(RangeError)
    for (let full = 0; full < MAX_GROUP_SOURCES; full += MAX_FILTER_SOURCES) {
      listen({}, many(MAX_FILTER_SOURCES, 1 + full))
    }
    expect(() => listen(app, include(one))).toThrow('too many sources')
    const all = new Set(told().flatMap((text) => text.split(' ').slice(3)))
    expect(all.size).toBe(MAX_GROUP_SOURCES)
    expect(all.has(one)).toBe(false)
  })

  it('the mode and all sources when sources change faster than is told', () => {
    listen(app, include(one))
    told()
    harness.device.link.isUp = false
    const end = group.includes(':') ? '2001:db8::' : '10.2.0.'
    for (let last = 1; last <= MAX_GROUP_SOURCES; last++) {
      listen(app, include(`${end}${group.includes(':') ? last.toString(16) : last}`))
    }
    listen(app, include(two))
    harness.device.link.isUp = true
    expect(told(8_000)).toContain(`to-in ${group} from ${two}`)
  })
})

it('listeners leave room for the groups of addresses that come later', () => {
  const harness = new InterfaceHarness()
  const listen = (index: number) =>
    harness.iface.listenToGroup({}, address(`ff05::${index}`), ALL_SOURCES, harness.nowMs)
  const full = () => {
    for (let index = 1; index <= MAX_GROUPS; index++) listen(index)
  }
  expect(full).toThrow(RangeError)
  const { addresses } = harness.iface
  for (let last = 0x100; addresses.entries.length < MAX_INTERFACE_ADDRESSES; last++) {
    const cidr = { address: address(`2001:db8::${last.toString(16)}`), prefixLength: 64 }
    harness.iface.addAddress(cidr, harness.nowMs)
  }
  // One that is known already takes no more.
  listen(1)
})

it('spreads sources that do not fit a packet over several, but of all that are excluded tells what fits (§4.2.16)', () => {
  const small = new InterfaceHarness(new FakeDevice({ maxTransmissionUnit: 68 }))
  const sources = Array.from({ length: 16 }, (_, index) => `10.0.9.${index + 1}`)
  const listen = (filter: SourceFilter) =>
    small.iface.listenToGroup(sources, address('239.1.2.3'), filter, small.nowMs)
  listen(include(...sources))
  const parts = texts(reportsDuring(small, 10)).map((text) => text.split(' ').slice(3))
  expect(parts.map((part) => part.length)).toEqual([7, 7, 2])
  expect(parts.flat()).toEqual(sources)
  reportsDuring(small, 3_000)
  listen(exclude(...sources))
  const told = texts(reportsDuring(small, 3_000))
  expect(told).toEqual(new Array(2).fill(`to-ex 239.1.2.3 from ${sources.slice(0, 7).join(' ')}`))
})
