/**
 * What routers advertise, in virtual time: taken, kept for its lifetime, bounded (RFC 4861 §6.3,
 * RFC 4862 §5.5, RFC 8106).
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { AddressState } from '../../../../net/iface/address-table.ts'
import { formatIpAddress } from '../../../../net/wire/ip-address-text.ts'
import { DhcpLab, identifierOf } from '../../../support/dhcp-lab.ts'
import { be32, concat, ethernet, icmpv6, ip, ipv6 } from '../../../support/frames.ts'
import { address as parse } from '../../../support/interface-harness.ts'
import {
  advertisement,
  domainsOption,
  linkLayerOption,
  mtuOption,
  prefixOption,
  ROUTER,
  ROUTER_MAC,
  serversOption,
} from '../../../support/router-messages.ts'

const HOUR = 3_600_000

let lab: DhcpLab
beforeEach(() => {
  lab = new DhcpLab({ dhcp: false, slaac: true })
  lab.run(5)
})

const iface = () => lab.stack.interface
const counters = () => iface().counters
const globals = () => lab.addresses.filter((address) => !address.startsWith('fe80'))
const entry = () => iface().addresses.entries.find(({ origin }) => origin === 'slaac')!
const left = (untilMs: number) => Math.round((untilMs - lab.nowMs) / 1000)
const advertise = (...options: number[][]) => lab.inject(advertisement({}, ...options))

/** Solicitations among what was sent, with their time. */
function solicitations(): Uint8Array[] {
  return lab.frames.filter((frame) => frame[12] === 0x86 && frame[20] === 58 && frame[54] === 133)
}

describe('asking (RFC 4861 §6.3.7, RFC 7559)', () => {
  it('begins within 100 ms, from the link-local address, without planting that into caches (RFC 4429 §3.2)', () => {
    lab.run(100)
    const asked = solicitations()
    expect(asked.length).toBe(1)
    const [frame] = asked
    expect(frame![21]).toBe(255)
    expect([...frame!.subarray(22, 54)]).toEqual([
      ...ip('fe80::5054:ff:fe12:3456'),
      ...ip('ff02::2'),
    ])
    expect(frame!.length).toBe(62)
  })

  it('goes on after about 4, 8, 16 s and so on, up to an hour, with the hardware address once it is sure', () => {
    const times: number[] = []
    for (let count = 0; count < 14; ) {
      lab.runUntil(lab.stack.host.nextDeadlineMs(lab.nowMs))
      if (solicitations().length > count) {
        count = solicitations().length
        times.push(lab.nowMs)
      }
    }
    const gaps = times.slice(1).map((atMs, index) => atMs - times[index]!)
    expect(Math.abs(gaps[0]! - 4_000)).toBeLessThanOrEqual(400)
    for (const [index, gap] of gaps.slice(1).entries()) {
      const factor = gap / gaps[index]!
      const isLongest = gap > 0.89 * HOUR
      expect(factor).toBeGreaterThan(isLongest ? 0.8 : 1.89)
      expect(factor).toBeLessThan(2.11)
      expect(gap).toBeLessThan(1.11 * HOUR)
    }
    expect(gaps.at(-1)).toBeGreaterThan(0.89 * HOUR)
    expect(solicitations()[1]!.subarray(62)).toHaveLength(8)
  })

  it('ends with a router, and begins again when the last one is gone', () => {
    lab.inject(advertisement({ lifetime: 100 }))
    lab.frames.length = 0
    lab.run(99_000)
    expect(solicitations()).toEqual([])
    lab.run(6_000)
    expect(solicitations().length).toBe(1)
    expect(lab.routes).not.toContain(`::/0 by ${ROUTER}`)
  })

  it('does not end with an advertisement of no router (RFC 7559 §2.1)', () => {
    lab.inject(advertisement({ lifetime: 0 }, prefixOption()))
    lab.run(10_000)
    expect(solicitations().length).toBeGreaterThan(1)
    expect(globals()).toHaveLength(1)
  })

  it('begins anew when the link comes up', () => {
    lab.inject(advertisement())
    lab.device.link.isUp = false
    lab.run(10)
    lab.frames.length = 0
    lab.device.link.isUp = true
    lab.run(150)
    expect(solicitations().length).toBe(1)
  })

  it('is not hurried by somebody who lets a router come and go', () => {
    lab.frames.length = 0
    for (let second = 0; second < 60; second++) {
      lab.inject(advertisement({ lifetime: 1 }), advertisement({ lifetime: 0 }))
      lab.run(1_000)
    }
    expect(solicitations().length).toBeLessThan(20)
  })
})

describe('addresses (RFC 4862 §5.5.3, RFC 7217)', () => {
  it('come of a prefix, are used while duplicate detection runs, and are on the link only if the prefix is', () => {
    advertise(linkLayerOption(), prefixOption())
    expect(globals()).toHaveLength(1)
    expect(entry().state).toBe(AddressState.Optimistic)
    expect(lab.routes).toContain('2001:db8:1::/64 on the link')
    expect(lab.routes).toContain(`::/0 by ${ROUTER}`)
    lab.run(3_000)
    expect(entry().state).toBe(AddressState.Preferred)
    advertise(prefixOption({ prefix: '2001:db8:2::', flags: 0x40 }))
    expect(globals()).toHaveLength(2)
    expect(lab.routes.some((route) => route.startsWith('2001:db8:2::'))).toBe(false)
    advertise(prefixOption({ prefix: '2001:db8:3::', flags: 0x80 }))
    expect(globals()).toHaveLength(2)
    expect(lab.routes).toContain('2001:db8:3::/64 on the link')
  })

  it('are the same in the same network and differ between networks, the hardware address nowhere in them', () => {
    advertise(prefixOption(), prefixOption({ prefix: '2001:db8:2::' }))
    const again = new DhcpLab({ dhcp: false, slaac: true, seed: 99 })
    again.inject(advertisement({}, prefixOption()))
    expect(again.addresses).toContain(globals()[0])
    const [first, second] = globals().map((address) => address.split('::')[1] ?? address)
    expect(first).not.toBe(second)
    expect(globals().join()).not.toMatch(/ff:fe|fffe/)
  })

  it('that somebody has are given up for the next, three times at most (RFC 7217 §6)', () => {
    advertise(prefixOption())
    const had: string[] = []
    for (let attempt = 0; attempt < 5; attempt++) {
      const own = globals()[0]
      if (own === undefined) break
      had.push(own)
      const target = own.split('/')[0]!
      const body = concat(be32(0x20000000), ip(target), [2, 1, 0x52, 0x54, 0, 0, 0, 0x77])
      const message = icmpv6(target, 'ff02::1', 136, 0, body)
      lab.inject(
        concat(
          ethernet('33:33:00:00:00:01', '52:54:00:00:00:77', 0x86dd),
          ipv6({ source: target, destination: 'ff02::1', nextHeader: 58, hopLimit: 255 }, message),
        ),
      )
      expect(globals()).toEqual([])
      lab.run(1_001)
    }
    expect(new Set(had).size).toBe(4)
    expect(counters().addressConflicts).toBe(4)
    advertise(prefixOption())
    expect(globals()).toEqual([])
  })

  it('are deprecated, and then go, when their time is over; connections on them end with an error', async () => {
    advertise(prefixOption({ preferred: 100, valid: 300 }))
    lab.run(10_000)
    const connecting = lab.stack.connect({ hostname: '2001:db8:1::9', port: 80 })
    const failure = expect(connecting).rejects.toMatchObject({ code: 'unreachable' })
    lab.run(88_000)
    expect(entry().state).toBe(AddressState.Preferred)
    lab.run(3_000)
    expect(entry().state).toBe(AddressState.Deprecated)
    expect(formatIpAddress(iface().addresses.selectSource(parse('2001:db8:1::9'))!)).toMatch(
      /^2001/,
    )
    lab.run(200_000)
    expect(globals()).toEqual([])
    expect(lab.routes.some((route) => route.startsWith('2001:db8:1::'))).toBe(false)
    await failure
  })

  it('that are given deprecated never are preferred', () => {
    advertise(prefixOption({ preferred: 0 }))
    lab.run(5_000)
    expect(entry().state).toBe(AddressState.Deprecated)
    advertise(prefixOption())
    expect(entry().state).toBe(AddressState.Preferred)
  })

  it('keep two hours of their valid lifetime against whoever shortens it (§5.5.3 e)', () => {
    advertise(prefixOption({ valid: 86_400 }))
    advertise(prefixOption({ valid: 10_000, preferred: 0 }))
    expect(left(entry().validUntilMs)).toBe(10_000)
    advertise(prefixOption({ valid: 100, preferred: 0 }))
    expect(left(entry().validUntilMs)).toBe(7_200)
    advertise(prefixOption({ valid: 0, preferred: 0 }))
    expect(left(entry().validUntilMs)).toBe(7_200)
    lab.run(HOUR)
    advertise(prefixOption({ valid: 60, preferred: 0 }))
    expect(left(entry().validUntilMs)).toBe(3_600)
    // Longer than what is left is taken, however short it is.
    advertise(prefixOption({ valid: 4_000, preferred: 4_000 }))
    expect(left(entry().validUntilMs)).toBe(4_000)
    expect(entry().state).toBe(AddressState.Preferred)
  })

  it('last for ever when that is said', () => {
    advertise(prefixOption({ valid: 0xffffffff, preferred: 0xffffffff }))
    lab.run(1_000 * 24 * HOUR)
    expect(entry().state).toBe(AddressState.Preferred)
  })

  it.each([
    ['a length of 0', prefixOption({ length: 0 })],
    ['a length of 63', prefixOption({ length: 63, flags: 0x40 })],
    ['a length of 65', prefixOption({ length: 65, flags: 0x40 })],
    ['a length of 129', prefixOption({ length: 129 })],
    ['a length of 255', prefixOption({ length: 255 })],
    ['the link-local prefix', prefixOption({ prefix: 'fe80::' })],
    ['groups', prefixOption({ prefix: 'ff02::' })],
    ['the unspecified prefix', prefixOption({ prefix: '::' })],
    ['preferred for longer than valid', prefixOption({ valid: 100, preferred: 101, flags: 0x40 })],
  ])('do not come of %s', (_what, option) => {
    const routes = lab.routes
    advertise(option)
    expect(globals()).toEqual([])
    expect(lab.routes.filter((route) => !route.startsWith('::/0'))).toEqual(routes)
    expect(counters().routerOptionsRefused).toBe(1)
    advertise(prefixOption())
    expect(globals()).toHaveLength(1)
  })

  it('nor of a prefix that is valid for 0 s', () => {
    advertise(prefixOption({ valid: 0, preferred: 0 }))
    expect(globals()).toEqual([])
  })
})

describe('bounds: ten thousand advertisements of distinct routers, prefixes and servers', () => {
  it('leave 8 of each, those that were first, and 16 addresses at most', () => {
    advertise(prefixOption(), serversOption(600, '2001:db8::53'))
    for (let index = 0; index < 10_000; index++) {
      const digits = index.toString(16)
      lab.device.inject(
        advertisement(
          { source: `fe80::b:${digits}` },
          prefixOption({ prefix: `2001:db9:${digits}::` }),
          serversOption(600, `2001:db8:53::${digits}`),
          domainsOption(600, `d${digits}.example`),
        ),
      )
      if (index % 500 === 0) lab.poll()
    }
    lab.poll()
    expect(globals()).toHaveLength(8)
    expect(iface().addresses.entries.length).toBeLessThanOrEqual(16)
    expect(lab.routes.filter((route) => route.startsWith('::/0'))).toHaveLength(8)
    expect(lab.routes.filter((route) => route.endsWith('on the link'))).toHaveLength(9)
    expect(lab.nameServers).toHaveLength(8)
    expect(iface().nameServers.search).toHaveLength(8)
    expect(lab.routes).toContain(`::/0 by ${ROUTER}`)
    expect(lab.nameServers[0]).toBe('2001:db8::53')
    expect(counters().routerOptionsRefused).toBeGreaterThan(20_000)
    lab.run(24 * HOUR * 2)
    expect(globals()).toEqual([])
    expect(lab.routes).toHaveLength(1)
    expect(lab.nameServers).toEqual([])
  })
})

describe('what else an advertisement says', () => {
  it.each([
    ['an MTU of 1400', 1400, 1400, 0],
    ['an MTU of 1280', 1280, 1280, 0],
    ['no MTU', 0, 1500, 0],
    ['an MTU of 1279', 1279, 1500, 1],
    ['an MTU of 65535', 65_535, 1500, 1],
    ['an MTU of 2^32-1', 0xffffffff, 1500, 1],
  ])('%s', (_what, given, expected, refused) => {
    advertise(mtuOption(given))
    expect(iface().link.mtu6).toBe(expected)
    expect(iface().link.mtu4).toBe(1500)
    expect(counters().routerOptionsRefused).toBe(refused)
    const flow = lab.stack.host.egress.openFlow(parse('fe80::9'), null, 6)!
    expect(flow.pathMtu).toBe(expected)
  })

  it('an MTU that is that of paths opened before, from their next packet on', () => {
    advertise(linkLayerOption(), prefixOption())
    const peer = parse('2001:db8:1::9')
    const flow = lab.stack.host.egress.openFlow(peer, null, 6)!
    expect(flow.pathMtu).toBe(1500)
    lab.stack.host.egress.prepare(flow, 20, 0, 0, lab.nowMs)
    advertise(mtuOption(1400))
    lab.stack.host.egress.prepare(flow, 20, 0, 0, lab.nowMs)
    expect(flow.pathMtu).toBe(1400)
  })

  it.each([
    [0, 64, 0],
    [255, 255, 0],
    [32, 32, 0],
    [31, 64, 1],
    [1, 64, 1],
  ])('a hop limit of %i makes packets start with %i', (given, expected, refused) => {
    lab.inject(advertisement({ curHopLimit: given }))
    expect(counters().routerOptionsRefused).toBe(refused)
    const flow = lab.stack.host.egress.openFlow(parse('fe80::9'), null, 6)!
    expect(flow.record.header[21]).toBe(expected)
  })

  it.each([
    [0, 0, 30_000, 1_000, 0],
    [600_000, 2_000, 600_000, 2_000, 0],
    [3_600_000, 10_000, 3_600_000, 10_000, 0],
    [3_600_001, 10_001, 30_000, 1_000, 2],
    [1, 1, 30_000, 1_000, 2],
    [0xffffffff, 0xffffffff, 30_000, 1_000, 2],
  ])(
    'a Reachable Time of %i and a Retrans Timer of %i (§6.3.4) as they can be, else the defaults',
    (reachableTimeMs, retransTimerMs, base, retrans, refused) => {
      const { link } = iface()
      lab.inject(advertisement({ reachableTimeMs, retransTimerMs }))
      expect(counters().routerOptionsRefused).toBe(refused)
      expect(link.retransTimerMs).toBe(retrans)
      // §6.3.2: "between MIN_RANDOM_FACTOR and MAX_RANDOM_FACTOR times BaseReachableTime".
      expect(link.reachableTimeMs).toBeGreaterThanOrEqual(0.5 * base)
      expect(link.reachableTimeMs).toBeLessThanOrEqual(1.5 * base)
      if (base !== 30_000) expect(link.reachableTimeMs).not.toBe(base)
    },
  )

  it('the same Reachable Time again draws no new one, but after some hours (§6.3.4)', () => {
    const again = () => lab.inject(advertisement({ reachableTimeMs: 60_000 }))
    again()
    const first = iface().link.reachableTimeMs
    lab.run(HOUR)
    again()
    expect(iface().link.reachableTimeMs).toBe(first)
    lab.run(2 * HOUR)
    again()
    expect(iface().link.reachableTimeMs).not.toBe(first)
  })

  it('a Retrans Timer is the time between questions for a neighbor', () => {
    lab.inject(advertisement({ retransTimerMs: 300 }, prefixOption()))
    // Optimistic addresses do not ask.
    lab.run(3_000)
    const flow = lab.stack.host.egress.openFlow(parse('fe80::77'), null, 17)!
    lab.frames.length = 0
    const fromMs = lab.nowMs
    lab.stack.host.egress.prepare(flow, 8, 0, 0, lab.nowMs)
    const isQuestion = (frame: Uint8Array) =>
      frame[20] === 58 && frame[54] === 135 && frame[77] === 0x77
    const asked: number[] = []
    for (let count = 0; count < 3; lab.run(10)) {
      const now = lab.frames.filter(isQuestion).length
      if (now > count) asked.push(lab.nowMs - fromMs)
      count = now
    }
    const gaps = asked.slice(1).map((atMs, index) => atMs - asked[index]!)
    for (const gap of gaps) expect(Math.abs(gap - 300)).toBeLessThanOrEqual(20)
  })

  it('routers by preference, the lower one when the higher is gone (RFC 4191)', () => {
    lab.inject(
      advertisement({ source: 'fe80::1', flags: 0x18 }),
      advertisement({ source: 'fe80::2' }),
      advertisement({ source: 'fe80::3', flags: 0x08, lifetime: 50 }),
      advertisement({ source: 'fe80::4', flags: 0x10 }),
    )
    const routers = () => lab.routes.filter((route) => route.startsWith('::/0'))
    const by = (...numbers: number[]) => numbers.map((number) => `::/0 by fe80::${number}`)
    expect(routers()).toEqual(by(3, 2, 4, 1))
    lab.run(51_000)
    expect(routers()).toEqual(by(2, 4, 1))
    lab.inject(advertisement({ source: 'fe80::2', lifetime: 0 }))
    expect(routers()).toEqual(by(4, 1))
  })

  it('no router any more, from one that says so in a Neighbor Advertisement (§7.2.5); not from others', () => {
    advertise(linkLayerOption(), prefixOption())
    const says = (source: string, flags: number) => {
      const body = concat(be32(flags), ip(source), linkLayerOption().with(0, 2))
      const message = icmpv6(source, 'ff02::1', 136, 0, body)
      lab.inject(
        concat(
          ethernet('33:33:00:00:00:01', ROUTER_MAC, 0x86dd),
          ipv6({ source, destination: 'ff02::1', nextHeader: 58, hopLimit: 255 }, message),
        ),
      )
    }
    says(ROUTER, 0xa0000000)
    says('fe80::b', 0x20000000)
    expect(lab.routes).toContain(`::/0 by ${ROUTER}`)
    lab.frames.length = 0
    says(ROUTER, 0x20000000)
    expect(lab.routes).not.toContain(`::/0 by ${ROUTER}`)
    expect(globals()).toHaveLength(1)
    lab.run(5_000)
    expect(solicitations().length).toBe(1)
  })

  it("a router's hardware address, which nobody has to ask for then (§6.3.4)", () => {
    advertise(linkLayerOption(), prefixOption())
    const neighbor = iface().neighbors.lookup(parse(ROUTER))!
    expect(neighbor.isUsable()).toBe(true)
    expect(neighbor.hasHardwareAddress(0x5254, 0x000000aa)).toBe(true)
  })

  it('DNS servers and domains, each for its time (RFC 8106)', () => {
    advertise(
      serversOption(100, '2001:db8::53', 'fe80::53'),
      domainsOption(200, 'Lan.Example', 'b.c'),
    )
    expect(lab.nameServers).toEqual(['2001:db8::53', 'fe80::53'])
    expect(iface().nameServers.search).toEqual(['lan.example', 'b.c'])
    advertise(serversOption(0, 'fe80::53'), domainsOption(0, 'b.c'))
    expect(lab.nameServers).toEqual(['2001:db8::53'])
    expect(iface().nameServers.search).toEqual(['lan.example'])
    lab.run(101_000)
    expect(lab.nameServers).toEqual([])
    lab.run(100_000)
    expect(iface().nameServers.search).toEqual([])
  })

  it.each([
    ['an even length', [25, 4, 0, 0, ...be32(600), ...ip('2001:db8::53'), ...be32(0), ...be32(0)]],
    ['no server', [25, 1, 0, 0, ...be32(600)]],
    ['a group', serversOption(600, 'ff02::53')],
    ['loopback', serversOption(600, '::1')],
    ['a label past the end', [31, 2, 0, 0, ...be32(600), 9, 0x61, 0, 0, 0, 0, 0, 0]],
    ['a compression pointer', [31, 2, 0, 0, ...be32(600), 0xc0, 8, 0, 0, 0, 0, 0, 0]],
    ['a name without end', [31, 2, 0, 0, ...be32(600), 7, 1, 2, 3, 4, 5, 6, 7]],
    ['a name that is none', domainsOption(600, 'a b')],
  ])('but not with %s', (_what, option) => {
    advertise(option, prefixOption())
    expect(lab.nameServers).toEqual([])
    expect(iface().nameServers.search).toEqual([])
    expect(globals()).toHaveLength(1)
  })
})

describe('advertisements that are none (RFC 4861 §6.1.2)', () => {
  const spoiled = (change: (frame: Uint8Array) => Uint8Array) =>
    change(advertisement({}, prefixOption()))
  it.each([
    ['a hop limit of 254', advertisement({ hopLimit: 254 }, prefixOption())],
    ['code 1', advertisement({ code: 1 }, prefixOption())],
    ['a global source', advertisement({ source: '2001:db8::1' }, prefixOption())],
    ['an option of length 0', advertisement({}, [3, 0, ...new Array<number>(30).fill(0)])],
    ['an option past the end', advertisement({}, [3, 5, ...new Array<number>(30).fill(0)])],
    [
      'a group as hardware address',
      advertisement({}, prefixOption(), linkLayerOption('33:33:00:00:00:01')),
    ],
    ['a bad checksum', spoiled((frame) => frame.with(60, frame[60]! ^ 1))],
  ])('%s', (_what, frame) => {
    lab.inject(frame)
    expect(globals()).toEqual([])
    expect(counters().routerAdvertisements).toBe(0)
    expect(counters().ndpInvalid + counters().icmpBadChecksum).toBe(1)
    advertise(prefixOption())
    expect(globals()).toHaveLength(1)
  })

  it('one in a fragment (RFC 6980 §5)', () => {
    const whole = advertisement({}, prefixOption())
    const message = whole.subarray(54)
    const body = concat([58, 0, 0, 0, 0, 0, 0, 1], message)
    lab.inject(
      concat(
        ethernet('33:33:00:00:00:01', ROUTER_MAC, 0x86dd),
        ipv6({ source: ROUTER, destination: 'ff02::1', nextHeader: 44, hopLimit: 255 }, body),
      ),
    )
    expect(globals()).toEqual([])
  })

  it('any when addresses are given by hand', () => {
    const quiet = new DhcpLab({ dhcp: true, slaac: false })
    quiet.stack.interface.addLinkLocalAddress(quiet.nowMs)
    quiet.inject(advertisement({}, prefixOption()))
    expect(quiet.addresses.filter((address) => !address.startsWith('fe80'))).toEqual([])
    expect(quiet.stack.interface.counters.ndpIgnored).toBe(1)
  })
})

it('identifiers that are reserved are made anew (RFC 5453)', () => {
  // The function of the lab never makes one; one that does shows that the next is asked for.
  const asked: number[] = []
  const reserved = [
    new Uint8Array(8),
    Uint8Array.of(0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x80),
    Uint8Array.of(0x02, 0x00, 0x5e, 0xff, 0xfe, 0, 0, 1),
  ]
  const stubborn = new DhcpLab({
    dhcp: false,
    slaac: true,
    identifierOf(message) {
      asked.push(message.at(-1)!)
      return reserved.shift() ?? identifierOf(message)
    },
  })
  stubborn.inject(advertisement({}, prefixOption()))
  expect(asked).toEqual([0, 1, 2, 3])
  expect(stubborn.addresses).toHaveLength(2)
})
