/**
 * A guest with two network devices, each on a network of its own (RFC 1122 §3.3.4): both serve,
 * routes choose, and nothing is on the wrong wire.
 */
import { join } from 'node:path'
import {
  ANYWHERE,
  Capture,
  FAR_LINK_LOCAL,
  type PcapFrame,
  readPcap,
  type TwoNetworks,
  type Vm,
} from 'qemu-runner'
import { describe, expect } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { Dnsmasq } from './support/dnsmasq.ts'
import { GUEST, test } from './support/fixtures.ts'
import { awaitReady } from './support/site.ts'
import { readStats } from './support/stats.ts'
import { expectDownload, expectEcho, expectUpload } from './support/transfer.ts'

const BULK_BYTES = 8 << 20

interface InterfaceStats {
  readonly index: number
  readonly addresses: readonly string[]
  readonly isUp: boolean
  readonly device: { readonly transmittedSuperSegments: number }
  readonly configuration: { readonly nameServers: readonly string[] }
  readonly counters: {
    readonly ipv4OtherInterface: number
    readonly ipv6OtherInterface: number
  }
}

interface Stats {
  readonly interfaces: readonly InterfaceStats[]
}

let two: TwoNetworks

test.beforeEach(({ twoNetworks }) => {
  two = twoNetworks
})

/** IP source addresses of frames that the guest with that hardware address has sent. */
function sourcesOf(frames: readonly PcapFrame[], mac: string): Set<string> {
  const sources = new Set<string>()
  const own = Buffer.from(mac.replaceAll(':', ''), 'hex')
  for (const { bytes } of frames) {
    if (!bytes.subarray(6, 12).equals(own)) continue
    const type = bytes.readUInt16BE(12)
    if (type === 0x800) sources.add([...bytes.subarray(26, 30)].join('.'))
    if (type === 0x86dd) sources.add(bytes.toString('hex', 22, 38))
  }
  return sources
}

async function linkLocalOf(vm: Vm, index: number): Promise<string> {
  const { interfaces } = (await awaitReady(vm)) as unknown as Stats
  return interfaces[index]!.addresses.find((text) => text.startsWith('fe80'))!.split('/')[0]!
}

describe('a guest on two networks, one with static addresses and one with DHCP', () => {
  test.override('guest', { ...GUEST, timeoutMs: 110_000 })

  const append = { ip: '10.0.0.2/24', gateway: '10.0.0.1', ip6: 'fd00::2/64' }
  let server: Dnsmasq

  test.beforeEach(async () => {
    const lease = 'dhcp-host=52:54:00:12:34:57,10.1.0.2'
    const options = ['dhcp-range=10.1.0.100,10.1.0.150,255.255.255.0,2m', lease]
    const ra = ['dhcp-range=fd01::,ra-stateless,64,10m', 'enable-ra', 'domain=second.example']
    server = await Dnsmasq.start(two.networks[1].far, 'vb', [...options, ...ra])
  })

  test.afterEach(async () => {
    await server.close()
  })

  test('serves both, keeps each to its wire, drops what is for the other, and goes on by one when the other is down', async ({
    launchGuest,
    folder,
  }) => {
    const [first, second] = two.networks
    const paths = [first, second].map(({ tap }) => join(folder, `${tap}.pcap`))
    const captures = await Promise.all(
      paths.map((path, index) =>
        Capture.start({ namespace: two.near, interfaceName: two.networks[index]!.tap }, path),
      ),
    )
    const vm = await launchGuest({ network: two.devices(), append })
    const ready = (await awaitReady(vm)) as unknown as Stats & { addresses: string[] }
    expect(ready.interfaces.map(({ index }) => index)).toEqual([0, 1])
    expect(ready.interfaces[0]!.addresses).toEqual(ready.addresses)
    await vm.console.expect(/net\.1: 10\.1\.0\.2\/24 by DHCP from 10\.1\.0\.1/, { from: 'start' })

    // Both serve, over both families, link-local addresses of the same peer included.
    for (const [index, { peer, ours }] of two.networks.entries()) {
      await expectEcho(peer, { host: ours.ipv4 }, [1, 1000, 5000])
      const linkLocal = await linkLocalOf(vm, index)
      await expectEcho(peer, { host: `${linkLocal}%vb` }, [1000])
      const pinged = await second.far.script(`ping -6 -c 1 -W 5 -I vb ${await linkLocalOf(vm, 1)}`)
      expect(pinged).toContain(' 0% packet loss')
    }
    await expectEcho(first.peer, { host: first.ours.ipv6 }, [1000])

    // A bulk transfer on each at the same time, byte for byte, in super-segments.
    await Promise.all([
      expectDownload(first.peer, { host: first.ours.ipv4 }, BULK_BYTES),
      expectDownload(second.peer, { host: second.ours.ipv4 }, BULK_BYTES),
      expectUpload(first.peer, { host: first.ours.ipv6 }, BULK_BYTES),
      expectUpload(second.peer, { host: second.ours.ipv4 }, BULK_BYTES),
    ])

    // RFC 1122 §3.3.4.2: strong host. Each far host takes the guest for its way to the other net.
    await first.far.script(`ip -6 route add fd01::/64 via ${first.ours.ipv6} dev vb`)
    for (const host of [second.ours.ipv4]) {
      const attempt = first.peer.request('connect', { host, port: 7, timeoutMs: 1_500 })
      await expect(attempt).rejects.toThrow()
    }
    const stats = await readStats<Stats>(first.peer, first.ours.ipv4)
    expect(stats.interfaces[0]!.counters.ipv4OtherInterface).toBeGreaterThan(0)
    expect(stats.interfaces[1]!.counters.ipv4OtherInterface).toBe(0)
    for (const { device, isUp } of stats.interfaces) {
      expect(isUp).toBe(true)
      expect(device.transmittedSuperSegments).toBeGreaterThan(0)
    }
    expect(stats.interfaces[1]!.configuration.nameServers[0]).toBe('10.1.0.1')

    // One link down: the other goes on, and what is far is reached by it.
    await vm.qmp.execute('set_link', { name: 'nic0', up: false })
    await expectEcho(second.peer, { host: second.ours.ipv4 }, [1000, 5000])
    const later = await readStats<Stats>(second.peer, second.ours.ipv4)
    expect(later.interfaces.map(({ isUp }) => isUp)).toEqual([false, true])
    await vm.qmp.execute('set_link', { name: 'nic0', up: true })
    await expectEcho(first.peer, { host: first.ours.ipv4 }, [1000])

    await Promise.all(captures.map((capture) => capture.stop()))
    const [one, other] = (await Promise.all(paths.map(readPcap))) as [PcapFrame[], PcapFrame[]]
    const v4 = (sources: Set<string>) => [...sources].filter((text) => text.includes('.'))
    expect(v4(sourcesOf(one, '52:54:00:12:34:56'))).toEqual(['10.0.0.2'])
    expect(v4(sourcesOf(other, '52:54:00:12:34:57')).sort()).toEqual(['0.0.0.0', '10.1.0.2'])
    expect(sourcesOf(one, '52:54:00:12:34:57')).toEqual(new Set())
    expect(sourcesOf(other, '52:54:00:12:34:56')).toEqual(new Set())
  })
})

describe('an app on two networks', () => {
  const append = {
    ...{ ip: '10.0.0.2/24', gateway: '10.0.0.1', ip6: 'off' },
    ...{ 'ip.1': '10.1.0.2/24', 'gateway.1': '10.1.0.1', 'ip6.1': 'fd01::2/64' },
  }

  interface Reached {
    readonly said?: string
    readonly interface?: number
    readonly local?: string
    readonly error?: string
  }

  /** Has the guest connect to the host name; asked by the peer of one network. */
  async function reach(index: 0 | 1, hostname: string): Promise<Reached> {
    const { peer, ours } = two.networks[index]
    const head = `GET /${encodeURIComponent(hostname)} HTTP/1.1\r\nHost: guest\r\nConnection: close\r\n\r\n`
    const { received } = await peer.request('exchange', {
      ...{ host: ours.ipv4, port: 80, halfClose: false, timeoutMs: 20_000 },
      send: Buffer.from(head).toString('base64'),
    })
    const answer = Buffer.from(received, 'base64').toString('utf8')
    return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as Reached
  }

  test('reaches the same link-local address on each link by its zone, and far hosts by the default route that works', async ({
    launchGuest,
  }) => {
    for (const [index, { far }] of two.networks.entries()) {
      far.spawn([
        ...['socat', 'TCP6-LISTEN:7000,fork,reuseaddr,ipv6only=0'],
        `SYSTEM:echo -n network ${index}; sleep 1`,
      ])
    }
    const both = { ...append, ip6: 'fd00::2/64' }
    const options = { network: two.devices(), initrd: await buildApp('reaches.ts'), append: both }
    const vm = await launchGuest(options)
    await awaitReady(vm)
    for (const index of [0, 1] as const) {
      expect(await reach(0, `${FAR_LINK_LOCAL}%${index}`)).toMatchObject({
        ...{ said: `network ${index}`, interface: index },
        local: `${await linkLocalOf(vm, index)}%${index}`,
      })
    }
    expect((await reach(0, FAR_LINK_LOCAL)).error).toMatch(/no route/)
    expect((await reach(0, `${FAR_LINK_LOCAL}%2`)).error).toMatch(/no interface 2/)
    expect(await reach(1, ANYWHERE)).toMatchObject({ said: 'network 0', interface: 0 })
    expect(await reach(0, two.networks[1].peer6)).toMatchObject({ interface: 1 })
    await vm.qmp.execute('set_link', { name: 'nic0', up: false })
    expect(await reach(1, ANYWHERE)).toMatchObject({
      ...{ said: 'network 1', interface: 1, local: '10.1.0.2' },
    })
    await vm.qmp.execute('set_link', { name: 'nic0', up: true })
    expect(await reach(1, ANYWHERE)).toMatchObject({ said: 'network 0', interface: 0 })
    // The app is built first.
  }, 110_000)

  test('takes packets for either address on both networks as a weak host', async ({
    launchGuest,
  }) => {
    await awaitReady(
      await launchGuest({ network: two.devices(), append: { ...append, 'weak-host': 'on' } }),
    )
    await expectEcho(two.networks[0].peer, { host: '10.1.0.2' }, [1000])
    const stats = await readStats<Stats>(two.networks[0].peer, '10.0.0.2')
    expect(stats.interfaces[0]!.counters.ipv4OtherInterface).toBe(0)
  })
})

describe('two virtio-mmio devices', () => {
  test('serve both', async ({ launchGuest }) => {
    const append = { ip: '10.0.0.2/24', ip6: 'off', 'ip.1': '10.1.0.2/24', 'ip6.1': 'off' }
    const vm = await launchGuest({ machine: 'microvm', network: two.devices('mmio'), append })
    await awaitReady(vm)
    // Which of the two comes first is the machine's affair: see kernel/README.md.
    const answers = await Promise.allSettled(
      two.networks.map(({ peer }, index) =>
        peer.request('connect', { host: `10.${index}.0.2`, port: 7, timeoutMs: 5_000 }),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
  })
})

describe('a second device that cannot be used', () => {
  test('has a line, as have the words for it, and does not harm the first', async ({
    launchGuest,
  }) => {
    const vm = await launchGuest({
      network: two.devices().slice(0, 1),
      append: { ip: '10.0.0.2/24', ip6: 'off', 'ip.1': '10.1.0.2/24' },
      extraArguments: ['-device', 'virtio-net-pci,disable-modern=on,romfile='],
    })
    await awaitReady(vm)
    const { text } = vm.console
    expect(text).toMatch(/network device 0000:00:0\d\.0 .*legacy interface only/)
    expect(text).toContain('the words for interface 1 are not used: there is one network device')
    await expectEcho(two.networks[0].peer, { host: '10.0.0.2' }, [10])
  })
})
