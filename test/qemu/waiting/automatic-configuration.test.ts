/**
 * An image booted with an empty command line finds its addresses: from dnsmasq, QEMU's own network,
 * or a server that lies.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Vm } from 'qemu-runner'
import { describe, expect } from 'vitest'
import { Dnsmasq } from '../support/dnsmasq.ts'
import { GUEST, test } from '../support/fixtures.ts'
import { awaitReady, type Site } from '../support/site.ts'
import { readStats } from '../support/stats.ts'

const RANGE4 = 'dhcp-range=10.0.0.100,10.0.0.150,255.255.255.0,2m'

interface Stats {
  readonly addresses: readonly string[]
  readonly configuration: {
    readonly nameServers: readonly string[]
    readonly search: readonly string[]
    readonly mtu: { readonly ipv4: number; readonly ipv6: number }
    readonly hopLimit: number
    readonly dhcp: { readonly state: string; readonly server: string }
    readonly routers: readonly string[]
  }
}

function bare(addresses: readonly string[], prefix: string): string {
  const found = addresses.find((address) => address.startsWith(prefix))
  if (found === undefined) throw new Error(`Cannot find ${prefix}… in ${addresses.join(', ')}`)
  return found.split('/')[0]!
}

describe('a network with dnsmasq', () => {
  test.override('guest', { ...GUEST, network: 'direct', append: '' })

  async function withServer(
    site: Site,
    options: readonly string[],
    work: (server: Dnsmasq) => Promise<void>,
  ): Promise<void> {
    const server = await Dnsmasq.start(site.topology.near, 'tap0', options)
    try {
      await work(server)
    } catch (error) {
      throw Object.assign(error as Error, {
        message: `${(error as Error).message}\n\ndnsmasq:\n${server.log}`,
      })
    } finally {
      await server.close()
    }
  }

  test('gives an image without a command line addresses of both families, routes, DNS, MTU and hop limit', async ({
    site,
    launchGuest,
  }) => {
    const options = [
      ...[RANGE4, 'dhcp-range=fd00::,ra-stateless,64,10m', 'enable-ra'],
      ...['ra-param=tap0,mtu:1400,10,1800', 'domain=lan.example', 'dhcp-option=option:mtu,1450'],
      'dhcp-option=option6:dns-server,[fd00::53]',
    ]
    await withServer(site, options, async (server) => {
      const vm = await launchGuest()
      const startMs = performance.now()
      const ready = await awaitReady(vm)
      expect(performance.now() - startMs).toBeLessThan(8_000)
      const ipv4 = bare(ready.addresses, '10.0.0.1')
      expect(server.leases).toContain(ipv4)
      const ipv6 = bare(ready.addresses, 'fd00:')
      // DHCPv6 is asked within a second of the first advertisement.
      await server.line(/DHCPINFORMATION-REQUEST\(tap0\)/)
      await delay(300)
      for (const host of [ipv4, ipv6]) {
        const { configuration, addresses } = await readStats<Stats>(site.peer, host)
        expect(addresses).toHaveLength(3)
        expect(configuration).toMatchObject({
          ...{ nameServers: ['10.0.0.1', 'fd00::53'], search: ['lan.example'] },
          ...{ mtu: { ipv4: 1450, ipv6: 1400 }, hopLimit: 64 },
          dhcp: { state: 'bound', server: '10.0.0.1' },
        })
        expect(configuration.routers).toHaveLength(1)
      }
      expect(vm.console.text).toContain(`${ipv4}/24 by DHCP from 10.0.0.1 for 120 s, gateway`)
    })
  })

  test('has its address renewed, and by another server when the first has gone', async ({
    site,
    launchGuest,
  }) => {
    const times = ['dhcp-option=option:T1,6', 'dhcp-option=option:T2,12']
    await withServer(site, [RANGE4, ...times], async (server) => {
      const vm = await launchGuest({ append: 'ip6=off' })
      const ready = await awaitReady(vm)
      const host = bare(ready.addresses, '10.0.0.1')
      const before = server.log.length
      await server.line(/DHCPREQUEST\(tap0\)/, 10_000, before)
      await server.line(/DHCPACK\(tap0\)/, 1_000, before)
      await server.close()
      // The other server has another address, and takes over what it hears of.
      const { near } = site.topology
      const move = (...addresses: string[]) =>
        near.script(
          `ip -4 addr flush dev tap0\n${addresses.map((address) => `ip addr add ${address}/24 dev tap0`).join('\n')}`,
        )
      await move('10.0.0.3')
      try {
        const other = ['dhcp-authoritative', ...times, 'dhcp-option=option:router,10.0.0.1']
        await withServer(site, [RANGE4, ...other], async (second) => {
          await second.line(/DHCPACK\(tap0\)/, 20_000)
          await expect
            .poll(async () => (await readStats<Stats>(site.peer, host)).configuration.dhcp)
            .toMatchObject({ state: 'bound', server: '10.0.0.3' })
          const { addresses } = await readStats<Stats>(site.peer, host)
          expect(addresses.map((address) => address.split('/')[0])).toContain(host)
        })
      } finally {
        await move('10.0.0.1')
      }
      expect(vm.console.text).toMatch(
        /does not renew 10\.0\.0\.1\d\d\/24: every DHCP server is asked/,
      )
      expect(vm.console.text).not.toMatch(/is gone/)
    })
  })

  test('asks for its address again when the link has been away (RFC 2131 §3.2): kept, or another one where it is refused', async ({
    site,
    launchGuest,
  }) => {
    const flap = async ({ qmp }: Vm) => {
      await qmp.execute('set_link', { name: 'nic0', up: false })
      await delay(500)
      await qmp.execute('set_link', { name: 'nic0', up: true })
    }
    // Nothing is due for half an hour: what is asked is asked because of the link.
    const range = 'dhcp-range=10.0.0.100,10.0.0.150,255.255.255.0,1h'
    await withServer(site, [range], async (server) => {
      const vm = await launchGuest({ append: 'ip6=off' })
      const host = bare((await awaitReady(vm)).addresses, '10.0.0.1')
      const before = server.log.length
      await flap(vm)
      await server.line(new RegExp(`DHCPREQUEST\\(tap0\\) ${host}`), 10_000, before)
      await server.line(new RegExp(`DHCPACK\\(tap0\\) ${host}`), 1_000, before)
      expect(server.log.slice(before)).not.toMatch(/DHCPDISCOVER|DHCPNAK/)
      // The server says that it has answered before the guest has read that.
      await expect
        .poll(async () => (await readStats<Stats>(site.peer, host)).configuration.dhcp)
        .toMatchObject({ state: 'bound', server: '10.0.0.1' })
      await server.close()
      const other = 'dhcp-range=10.0.0.200,10.0.0.220,255.255.255.0,1h'
      await withServer(site, ['dhcp-authoritative', other], async (second) => {
        await flap(vm)
        await second.line(/DHCPNAK/)
        await vm.events.once<{ event: string; addresses: string[] }>('addresses', {
          where: ({ addresses }) => addresses.some((address) => address.startsWith('10.0.0.2')),
          timeoutMs: 15_000,
        })
      })
    })
  })

  test('has it taken away by a refusal, and another one given, which an event tells', async ({
    site,
    launchGuest,
  }) => {
    const times = ['dhcp-option=option:T1,5', 'dhcp-option=option:T2,100']
    await withServer(site, [RANGE4, ...times], async (server) => {
      const vm = await launchGuest({ append: 'ip6=off' })
      const first = bare((await awaitReady(vm)).addresses, '10.0.0.1')
      await server.close()
      const range = 'dhcp-range=10.0.0.200,10.0.0.220,255.255.255.0,2m'
      await withServer(site, ['dhcp-authoritative', range], async (second) => {
        await second.line(/DHCPNAK/)
        const { value } = await vm.events.once<{ event: string; addresses: string[] }>(
          'addresses',
          {
            where: ({ addresses }) => addresses.some((address) => address.startsWith('10.0.0.2')),
            timeoutMs: 10_000,
          },
        )
        expect(value.addresses).not.toContain(`${first}/24`)
        const host = bare(value.addresses, '10.0.0.2')
        expect((await readStats<Stats>(site.peer, host)).configuration.dhcp.state).toBe('bound')
      })
      expect(vm.console.text).toMatch(/refuses 10\.0\.0\.1\d\d\/24: begins anew/)
    })
  })

  test('gets the address back at an orderly end', async ({ site, launchGuest }) => {
    await withServer(site, [RANGE4], async (server) => {
      const vm = await launchGuest({ append: 'ip6=off' })
      const host = bare((await awaitReady(vm)).addresses, '10.0.0.1')
      await vm.qmp.execute('system_powerdown')
      expect((await vm.exited).kind).toBe('clean')
      const [, released] = await server.line(/DHCPRELEASE\(tap0\) (\S+)/)
      expect(released).toBe(host)
    })
  })

  test('that is silent for ten seconds does not keep the guest from being ready, and one line says what was tried', async ({
    site,
    launchGuest,
  }) => {
    const vm = await launchGuest()
    const ready = await awaitReady(vm)
    expect(ready.ns).toBeGreaterThan(10e9)
    expect(ready.ns).toBeLessThan(12e9)
    expect(vm.console.text).toMatch(
      /no address after 10 s: no lease after \d DHCP requests, no prefix after \d router solicitations; goes on asking/,
    )
    await withServer(site, [RANGE4], async () => {
      const { value } = await vm.events.once<{ event: string; addresses: string[] }>('addresses', {
        timeoutMs: 40_000,
      })
      await readStats<Stats>(site.peer, bare(value.addresses, '10.0.0.1'))
    })
  })

  test('does not delay, nor change, what is configured by hand', async ({ site, launchGuest }) => {
    await withServer(site, [RANGE4, 'dhcp-range=fd00::,ra-only', 'enable-ra'], async (server) => {
      const vm = await launchGuest({ append: site.topology.guestAppend })
      const { addresses } = await awaitReady(vm)
      await delay(1_500)
      expect(addresses.filter((address) => !address.startsWith('fe80'))).toEqual([
        ...['10.0.0.2/24', 'fd00::2/64'],
      ])
      const stats = await readStats<Stats>(site.peer, '10.0.0.2')
      expect(stats.addresses).toEqual(addresses)
      expect(server.log).not.toMatch(/DHCP[A-Z]+\(tap0\)/)
    })
  })
})

describe("QEMU's own network", () => {
  test('gives an image without a command line 10.0.2.15 and a prefix of its router, and serves HTTP through hostfwd', async ({
    launchGuest,
  }) => {
    const vm = await launchGuest({
      network: [{ kind: 'user', forwards: [{ protocol: 'tcp', guestPort: 80 }] }],
    })
    const { addresses, ns } = await awaitReady(vm)
    expect(addresses).toContain('10.0.2.15/24')
    expect(addresses.some((address) => /^fec0::.*\/64$/.test(address))).toBe(true)
    expect(ns).toBeLessThan(8e9)
    const response = await fetch(`http://127.0.0.1:${await vm.forwardedPort(80)}/stats`)
    const { configuration } = (await response.json()) as Stats
    expect(configuration.nameServers).toContain('10.0.2.3')
    expect(configuration.dhcp).toMatchObject({ state: 'bound', server: '10.0.2.2' })
  })
})
