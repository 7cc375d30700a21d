/**
 * Datagrams of apps against Linux: groups of both families, broadcasts, what headers say, ICMP
 * errors, pings, raw IP.
 */
import { execFile } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { beforeAll, describe, expect } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { GUEST, test } from './support/fixtures.ts'
import { GUEST_HOST } from './support/guest-addresses.ts'
import type { Site } from './support/site.ts'

const ANSWER_MS = 20_000
const GROUP = { 4: '239.1.2.3', 6: 'ff05::1234' } as const
const FAR_GROUP = { 4: '239.9.9.9', 6: 'ff05::99' } as const

test.override('guest', { ...GUEST, network: 'routed' })

let initrd: string
beforeAll(async () => {
  initrd = await buildApp('messages.ts')
})

test.beforeEach(async ({ site }) => {
  // A second address to send from, and groups that leave by the TAP.
  await site.topology.near.script(`
ip addr add 10.0.0.7/24 dev tap0
ip addr add fd00::7/64 dev tap0 nodad
ip route add 239.0.0.0/8 dev tap0
`)
})

async function order(site: Site, what: Record<string, unknown>): Promise<Record<string, unknown>> {
  const { received } = await site.peer.request('exchange', {
    host: GUEST_HOST[4],
    port: 7000,
    send: Buffer.from(JSON.stringify(what)).toString('base64'),
    halfClose: false,
    timeoutMs: ANSWER_MS,
  })
  return JSON.parse(Buffer.from(received, 'base64').toString()) as Record<string, unknown>
}

interface Taken {
  received: { text: string; from: string; localAddress: string; hopLimit: number }[]
  errors: string[]
}

async function take(site: Site, port: number): Promise<Taken> {
  return (await order(site, { do: 'take', port })).result as Taken
}

/** Repeats `send` until what has come satisfies `isEnough`. */
async function takeUntil(
  site: Site,
  port: number,
  send: () => Promise<unknown>,
  isEnough: (taken: Taken) => boolean,
): Promise<Taken> {
  const endMs = performance.now() + ANSWER_MS
  for (;;) {
    await send()
    const taken = await take(site, port)
    if (isEnough(taken)) return taken
    if (performance.now() > endMs) throw new Error(`Cannot see it: ${JSON.stringify(taken)}`)
  }
}

/** Records of reports as tshark reads them: type, group and sources. */
async function reportsIn(path: string, family: 4 | 6): Promise<string[]> {
  const names =
    family === 4
      ? ['igmp.record_type', 'igmp.maddr', 'igmp.saddr']
      : ['record_type', 'multicast_address', 'source_address'].map(
          (name) => `icmpv6.mldr.mar.${name}`,
        )
  const filter = family === 4 ? 'igmp.type == 0x22 && ip.ttl == 1' : 'icmpv6.type == 143'
  const { stdout } = await promisify(execFile)('tshark', [
    ...['-r', path, '-Y', filter, '-T', 'fields', '-E', 'separator= '],
    ...names.flatMap((name) => ['-e', name]),
  ])
  return stdout.split('\n').map((line) => line.trim())
}

describe.each([4, 6] as const)('over IPv%i', (family) => {
  const group = GROUP[family]
  const [own, other] = family === 4 ? ['10.0.0.1', '10.0.0.7'] : ['fd00::1', 'fd00::7']
  const datagram = (site: Site, text: string, host: string, from: string, options = '') => {
    const target =
      family === 4
        ? `UDP4-DATAGRAM:${host}:7001,bind=${from}`
        : `UDP6-DATAGRAM:[${host}]:7001,bind=[${from}]`
    return site.topology.near.script(`printf ${text} | socat -u - ${target}${options}`)
  }
  const toGroup = (site: Site, text: string, from: string) =>
    datagram(site, text, group, from, ',so-bindtodevice=tap0')

  test('an app hears a group from the sources it wants, and routers read so in its reports', async ({
    site,
  }) => {
    await site.boot({ initrd })
    const { result, paths } = await site.capture([site.topology.tap], async () => {
      expect(await order(site, { do: 'join', port: 7001, group })).toEqual({ result: 'joined' })
      const both = (taken: Taken) => new Set(taken.received.map(({ from }) => from)).size === 2
      const sendBoth = async () => {
        await toGroup(site, 'one', own!)
        await toGroup(site, 'two', other!)
      }
      const first = await takeUntil(site, 7001, sendBoth, both)
      expect(first.received[0]).toMatchObject({ localAddress: group, toGroup: true, hopLimit: 1 })
      await order(site, { do: 'join', port: 7001, group, sources: [other] })
      const before = (await take(site, 7001)).received.length
      const later = await takeUntil(
        site,
        7001,
        sendBoth,
        ({ received }) => received.length > before + 1,
      )
      const fromThen = later.received.slice(before).map(({ from }) => from)
      expect(new Set(fromThen)).toEqual(new Set([other]))
      // Both reports of the change of mode are out by then.
      await delay(1_500)
      await order(site, { do: 'leave', port: 7001, group })
      await delay(500)
      return later.received.length
    })
    const reports = (await reportsIn(paths[0]!, family)).filter((line) => line.includes(group))
    // RFC 3376 §4.2.12: CHANGE_TO_EXCLUDE of nothing, CHANGE_TO_INCLUDE of a source,
    // BLOCK_OLD_SOURCES.
    expect(reports.map((line) => line.trim())).toEqual(
      expect.arrayContaining([`4 ${group}`, `3 ${group} ${other}`, `6 ${group} ${other}`]),
    )
    await toGroup(site, 'late', other!)
    expect((await take(site, 7001)).received.length).toBe(result)
  })

  test('what an app sends to a group reaches Linux members, with the hop limit asked for', async ({
    site,
  }) => {
    await site.boot({ initrd })
    const far = FAR_GROUP[family]
    const listener =
      family === 4
        ? `UDP4-RECVFROM:7002,ip-add-membership=${far}:tap0`
        : `UDP6-RECVFROM:7002,ipv6-join-group=[${far}]:tap0`
    const { result, frames } = await site.capture([site.topology.tap], async () => {
      const heard = site.topology.near.script(`timeout 20 socat -u ${listener} STDOUT`)
      let text: string | null = null
      void heard.then((value) => {
        text = value
      })
      const settings = { groupHopLimit: 3 }
      for (let tries = 0; tries < 60 && text === null; tries++) {
        await order(site, { do: 'send', to: far, port: 7002, text: 'to-all', settings })
      }
      return heard
    })
    expect(result).toBe('to-all')
    const isToGroup = (bytes: Buffer) => (bytes[0]! & 1) === 1 && bytes.includes('to-all')
    const sent = frames[0]!.filter(({ bytes }) => isToGroup(bytes))
    expect(sent.length).toBeGreaterThan(0)
    for (const { bytes } of sent) expect(bytes[family === 4 ? 22 : 21]).toBe(3)
  })

  test('an app learns what headers say, who refuses, how long an echo takes, and who says that it took too long', async ({
    site,
  }) => {
    await site.boot({ initrd })
    const { peerAddress4, peerAddress6 } = site.topology
    const peer = family === 4 ? peerAddress4 : peerAddress6
    await order(site, { do: 'open', port: 7001 })
    const options = family === 4 ? ',ip-ttl=9,ip-tos=184' : ',ipv6-unicast-hops=9,ipv6-tclass=184'
    const { received } = await takeUntil(
      site,
      7001,
      () => datagram(site, 'hello', GUEST_HOST[family], own!, options),
      (taken) => taken.received.length > 0,
    )
    const localAddress = GUEST_HOST[family]
    expect(received[0]).toMatchObject({
      ...{ text: 'hello', from: own, localAddress, hopLimit: 9, trafficClass: 184 },
    })

    expect((await order(site, { do: 'refused', to: peer, port: 9 })).result).toBe(
      `refused ${peer} 9 by ${peer}`,
    )
    // On request, an endpoint without one peer hears of it, too.
    const { errors } = await takeUntil(
      site,
      7999,
      () => order(site, { do: 'send', to: peer, port: 9, text: 'x' }),
      (taken) => taken.errors.length > 0,
    )
    expect(errors[0]).toBe(`refused ${peer} 9 by ${peer}`)

    const reply = (await order(site, { do: 'ping', to: peer, settings: { lengthBytes: 1_000 } }))
      .result as { hostname: string; roundTripMs: number; hopLimit: number }
    expect(reply).toMatchObject({ hostname: peer, hopLimit: 63 })
    expect(reply.roundTripMs).toBeGreaterThan(0)
    expect(reply.roundTripMs).toBeLessThan(2_000)
    const exceeded = await order(site, { do: 'ping', to: peer, settings: { hopLimit: 1 } })
    expect(exceeded.code).toBe('time-exceeded')
    expect([own, other]).toContain(exceeded.reporter)
    const nowhere = family === 4 ? '10.9.9.9' : 'fd09::9'
    const unreachable = await order(site, { do: 'ping', to: nowhere })
    expect(unreachable.code).toBe('unreachable')
    expect([own, other]).toContain(unreachable.reporter)

    const ignore = `/proc/sys/net/ipv${family}/${family === 4 ? 'icmp_echo_ignore_all' : 'icmp/echo_ignore_all'}`
    await site.topology.far.script(`echo 1 > ${ignore}`)
    try {
      const lost = await order(site, { do: 'ping', to: peer, settings: { timeoutMs: 300 } })
      expect(lost).toMatchObject({ code: 'timeout' })
    } finally {
      await site.topology.far.script(`echo 0 > ${ignore}`)
    }
  })
})

test('broadcasts go both ways, those of the app when it asks for them', async ({ site }) => {
  await site.boot({ initrd })
  await order(site, { do: 'open', port: 7001 })
  const { received } = await takeUntil(
    site,
    7001,
    () =>
      site.topology.near.script(
        'printf all | socat -u - UDP4-DATAGRAM:10.0.0.255:7001,broadcast,bind=10.0.0.1',
      ),
    (taken) => taken.received.length > 0,
  )
  expect(received[0]).toMatchObject({ text: 'all', localAddress: '10.0.0.255', toGroup: true })
  const to = { do: 'send', to: '10.0.0.255', port: 7003, text: 'every' }
  expect(await order(site, to)).toMatchObject({ code: 'not-permitted' })
  const heard = site.topology.near.script('timeout 20 socat -u UDP4-RECVFROM:7003,broadcast STDOUT')
  let text: string | null = null
  void heard.then((value) => {
    text = value
  })
  for (let tries = 0; tries < 60 && text === null; tries++) {
    await order(site, { ...to, settings: { broadcast: true } })
  }
  expect(await heard).toBe('every')
})

test('raw IP packets go both ways, and Linux says that it does not take the protocol', async ({
  site,
}) => {
  await site.boot({ initrd })
  expect(await order(site, { do: 'raw' })).toEqual({ result: 'opened' })
  let taken: unknown[] = []
  for (let tries = 0; tries < 20 && taken.length === 0; tries++) {
    await site.topology.near.script('printf payload | socat -u - IP4-SENDTO:10.0.0.2:253')
    taken = (await order(site, { do: 'rawTake' })).result as unknown[]
  }
  expect(taken[0]).toEqual({ text: 'payload', from: '10.0.0.1' })
  await order(site, { do: 'raw', to: '10.0.0.1', text: 'is anybody there?' })
  await expect
    .poll(async () => (await take(site, 7001)).errors, { timeout: ANSWER_MS })
    .toContain('refused 10.0.0.1 0 by 10.0.0.1')
})
