/**
 * What a Linux link may be like: switches that snoop multicast, hosts that fail over, gateways of
 * clouds.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import { GUEST, test } from './support/fixtures.ts'
import { GUEST_HOST } from './support/guest-addresses.ts'
import { readStats } from './support/stats.ts'
import { expectDownload, expectEcho } from './support/transfer.ts'

const BYTES = 4 << 20

describe('a bridge', () => {
  const MEMBERSHIP_MS = 3_000
  test.override('guest', { ...GUEST, network: 'bridged' })
  test.beforeEach(async ({ site }) => {
    // Hundredths of a second: a query each second, forgotten after three.
    const intervals =
      'mcast_query_interval 100 mcast_membership_interval 300 mcast_query_response_interval 50 ' +
      'mcast_startup_query_interval 100'
    // The querier comes last: for one response interval from then on the bridge floods what it
    // knows nobody wants.
    await site.topology.near.script(`
ip link set br0 type bridge mcast_snooping 1 mcast_mld_version 2 ${intervals}
ip link set br0 type bridge mcast_querier 1
`)
    // Linux announces a new hardware address only when told to.
    await site.topology.far.script(`
echo 1 > /proc/sys/net/ipv4/conf/vb/arp_notify
echo 1 > /proc/sys/net/ipv6/conf/vb/ndisc_notify
`)
  })

  test('that snoops multicast knows the groups of the guest for as long as that lives, and fail-over is followed', async ({
    site,
  }) => {
    await site.boot()
    const { near, far } = site.topology
    await delay(MEMBERSHIP_MS + 2_000)
    await far.script('ip -6 neigh flush dev vb')
    // A group that nobody has joined: the bridge keeps the question from the guest, so it is
    // snooping.
    const { frames } = await site.capture([site.topology.tap], async () => {
      await far.script('echo x | socat -u - UDP6-SENDTO:[fd00::77]:9')
      await expectEcho(site.peer, { host: GUEST_HOST[6] }, [100])
    })
    const questions = frames[0]!
      .filter(({ bytes }) => bytes.readUInt16BE(12) === 0x86dd && bytes[54] === 135)
      .map(({ bytes }) => bytes.toString('hex', 0, 6))
    expect(questions).toContain('3333ff000002')
    expect(questions).not.toContain('3333ff000077')
    const groups = await near.script('bridge mdb show dev br0')
    expect(groups).toMatch(/port tap0 grp ff02::1:ff00:2\b/)
    expect(groups).toMatch(/port tap0 grp ff02::1:ff12:3456\b/)

    // The second time before the question that the first began is over.
    for (const [index, family] of ([4, 6] as const).entries()) {
      const host = GUEST_HOST[family]
      await expectEcho(site.peer, { host }, [100])
      const startMs = performance.now()
      await far.script(`ip link set vb address 02:00:00:00:00:9${index}`)
      await expectDownload(site.peer, { host }, BYTES)
      expect(performance.now() - startMs).toBeLessThan(4_000)
    }
    expect((await readStats(site.peer, GUEST_HOST[4])).interface).toMatchObject({
      neighborRemapRefused: 0,
    })
  })
})

describe('a TAP', () => {
  test.override('guest', { ...GUEST, network: 'direct' })
  test.beforeEach(async ({ site }) => {
    // A far address behind the gateway.
    await site.topology.near.script(`
ip addr add 192.0.2.1/32 dev tap0
ip addr add 198.51.100.1/32 dev lo
ip addr add 2001:db8:f::1/128 dev tap0 nodad
ip addr add 2001:db8:e::1/128 dev lo nodad
ip link set lo up
ip route add 192.0.2.2/32 dev tap0 src 198.51.100.1
ip -6 route add 2001:db8::2/128 dev tap0 src 2001:db8:e::1
echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter
echo 0 > /proc/sys/net/ipv4/conf/tap0/rp_filter
`)
  })

  test('with a gateway outside of a prefix of one address is reached from far, and answers there', async ({
    site,
  }) => {
    const append = {
      ip: '192.0.2.2/32',
      gateway: '192.0.2.1',
      ip6: '2001:db8::2/128',
      gateway6: '2001:db8:f::1',
    }
    await site.boot({ append })
    for (const host of ['192.0.2.2', '2001:db8::2']) {
      await expectDownload(site.peer, { host }, BYTES)
    }
  })
})
