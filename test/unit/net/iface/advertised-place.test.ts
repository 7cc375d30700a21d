/** Tables of what routers advertise, filled by one that lies: the true one gets its places. */
import { beforeEach, describe, expect, it } from 'vitest'
import { DhcpLab } from '../../../support/dhcp-lab.ts'
import { address as parse } from '../../../support/interface-harness.ts'
import {
  advertisement,
  domainsOption,
  linkLayerOption,
  prefixOption,
  ROUTER,
  serversOption,
} from '../../../support/router-messages.ts'

const FOR_EVER = 0xffffffff
const LIAR = 'fe80::bad'
const EIGHT = [1, 2, 3, 4, 5, 6, 7, 8]

let lab: DhcpLab
beforeEach(() => {
  lab = new DhcpLab({ dhcp: false, slaac: true })
  lab.run(5)
})

const counters = () => lab.stack.interface.counters
const search = () => lab.stack.interface.nameServers.search
const ofPrefix = (prefix: string) => ({
  addresses: lab.addresses.filter((it) => it.startsWith(prefix)).length,
  routes: lab.routes.filter((it) => it.startsWith(prefix) && it.endsWith('on the link')).length,
})

/** Servers, domains and prefixes without end, told by each of `sources`, `count` in all. */
function lie(sources: readonly string[], count = 8): void {
  for (let index = 0; index < count; index++) {
    const source = sources[index % sources.length]!
    lab.inject(
      advertisement(
        { source, lifetime: 65_535 },
        prefixOption({ prefix: `2001:bad:${index}::`, valid: FOR_EVER, preferred: FOR_EVER }),
        serversOption(FOR_EVER, `2001:bad::${index}`),
        domainsOption(FOR_EVER, `d${index}.bad`),
      ),
    )
  }
}

const tell = (more: readonly number[][] = []) =>
  lab.inject(
    advertisement(
      {},
      linkLayerOption(),
      prefixOption(),
      serversOption(600, '2001:db8::53'),
      domainsOption(600, 'lan.example'),
      ...more,
    ),
  )

/** Something is sent beyond the link, so that routers are tried in turn. */
function sendFor(seconds: number): void {
  const { egress } = lab.stack.host
  // Until the addresses are known to be nobody else's.
  lab.run(3_000)
  const flow = egress.openFlow(parse('2001:db8:ffff::1'), null, 17)!
  for (let second = 0; second < seconds; second++) {
    egress.prepare(flow, 8, 0, 0, lab.nowMs)
    lab.run(1_000)
  }
}

function expectTold(): void {
  expect(lab.routes).toContain(`::/0 by ${ROUTER}`)
  expect(lab.nameServers).toContain('2001:db8::53')
  expect(search()).toContain('lan.example')
  expect(ofPrefix('2001:db8:1')).toEqual({ addresses: 1, routes: 1 })
}

describe('tables that are full', () => {
  it('have room for another router while one holds more than half', () => {
    lie([LIAR])
    expect(lab.nameServers).toHaveLength(8)
    tell()
    expectTold()
    expect(lab.nameServers).toHaveLength(8)
    expect(counters().routerOptionsEvicted).toBe(4)
  })

  it('give the router up to half of them so, and no more', () => {
    lie([LIAR])
    const servers = EIGHT.map((index) => `2001:db8::${index}`)
    lab.inject(advertisement({}, serversOption(600, ...servers)))
    const own = (prefix: string) => lab.nameServers.filter((it) => it.startsWith(prefix))
    expect([own('2001:db8:').length, own('2001:bad:').length]).toEqual([4, 4])
    lie([LIAR], 100)
    expect([own('2001:db8:').length, own('2001:bad:').length]).toEqual([4, 4])
  })

  it('have room instead of routers that do not answer, and of what they told (RFC 4861 §6.3.6)', () => {
    lie(EIGHT.map((index) => `fe80::bad:${index}`))
    tell()
    expect(lab.routes).not.toContain(`::/0 by ${ROUTER}`)
    expect(counters().routerOptionsRefused).toBe(4)
    sendFor(60)
    tell()
    expectTold()
    expect(counters().routerOptionsEvicted).toBe(5)
  })

  it('have none for what is told by somebody who is no router', () => {
    tell()
    lie([LIAR], 7)
    lab.inject(advertisement({ source: 'fe80::c', lifetime: 0 }, serversOption(600, '2001:db8::c')))
    expect(lab.nameServers).not.toContain('2001:db8::c')
    expectTold()
  })

  it('keep what a router has told that answers, whoever comes', () => {
    tell()
    for (let round = 0; round < 100; round++) {
      lie(EIGHT.map((index) => `fe80::bad:${round}:${index}`))
    }
    expectTold()
    expect(counters().routerOptionsEvicted).toBe(0)
  })
})

it('what another has told first is of the router that tells it once the other is none', () => {
  lab.inject(advertisement({ source: LIAR, lifetime: 100 }, serversOption(600, '2001:db8::53')))
  tell()
  lab.run(101_000)
  tell()
  lie([LIAR], 30)
  expect(lab.nameServers).toContain('2001:db8::53')
})
