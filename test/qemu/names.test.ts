/**
 * Names in the guest, against dnsmasq, a web server that says whom it was asked for, and a
 * responder of multicast DNS.
 */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { requireExecutable } from 'qemu-runner'
import { beforeAll, describe, expect } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { Dnsmasq } from './support/dnsmasq.ts'
import { test as base, GUEST } from './support/fixtures.ts'
import { HttpClient } from './support/http-client.ts'
import type { Guest, Site } from './support/site.ts'

const HOST4 = '10.0.0.1'
/** Global addresses, as the policy of RFC 6724 prefers IPv4 to unique local ones. */
const HOST6 = '2001:db8::1'
const ADDRESSING = { ip6: '2001:db8::2/64', gateway6: HOST6 }
const WEB_PORT = 8000
/** More than 1232 octets of answer. */
const MANY = 100

let initrd: string
beforeAll(async () => {
  initrd = await buildApp('asks.ts')
})

base.override('guest', { ...GUEST, network: 'direct' })
const test = base.extend<{ servers: Servers }>({
  servers: [
    async ({ site }, use) => {
      const servers = new Servers(site)
      try {
        await servers.start()
        await use(servers)
      } finally {
        servers.stop()
      }
    },
    { auto: true },
  ],
})

const WEB_SERVER = `
  require('node:http').createServer((request, response) => {
    const from = request.socket.remoteAddress
    response.end(JSON.stringify({ host: request.headers.host, from }))
  }).listen(${WEB_PORT}, '::', () => console.log('listening'))`

/**
 * Answers for device.local alone, as RFC 6762 §6.7 has it for askers that are no full participants.
 */
const RESPONDER = `
  const socket = require('node:dgram').createSocket({ type: 'udp4', reuseAddr: true })
  socket.on('message', (query, from) => {
    const name = Buffer.from('\\x06device\\x05local\\x00', 'latin1')
    if (from.port === 5353 || !query.subarray(12).equals(Buffer.concat([name, Buffer.from([0, 1, 0, 1])]))) return
    const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 10, 0, 4, 10, 0, 0, 1])
    const response = Buffer.concat([query, answer])
    response[2] = 0x84
    response[7] = 1
    socket.send(response, from.port, from.address)
  })
  socket.bind(5353, () => {
    socket.addMembership('224.0.0.251', '${HOST4}')
    console.log('listening')
  })`

/** On the host's side of the TAP: dnsmasq, a web server and a responder of multicast DNS. */
class Servers {
  /** What dnsmasq was asked, a line each. */
  log = ''
  private readonly site: Site
  private readonly processes: ChildProcess[] = []

  constructor(site: Site) {
    this.site = site
  }

  async start(): Promise<void> {
    const { near } = this.site.topology
    await near.script(`ip addr add ${HOST6}/64 dev tap0 nodad`)
    const hosts = join(this.site.folder, 'hosts')
    const many = Array.from({ length: MANY }, (_, index) => `10.1.0.${index} many.test\n`)
    writeFileSync(hosts, many.join(''))
    const server = near.spawn(
      [
        ...[requireExecutable('dnsmasq'), '--keep-in-foreground', '--conf-file=/dev/null'],
        ...['--pid-file', '--user=root', '--no-resolv', '--no-hosts', `--addn-hosts=${hosts}`],
        ...['--local=/test/', '--local-ttl=60', '--log-queries', '--log-facility=-'],
        `--host-record=web.test,${HOST4},${HOST6}`,
        `--host-record=four.test,${HOST4}`,
        `--host-record=six.test,${HOST6}`,
        `--host-record=half-dead.test,${HOST4},2001:db8::99`,
        '--cname=alias.test,web.test',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    this.processes.push(server)
    server.stderr!.on('data', (chunk: Buffer) => {
      this.log += chunk.toString()
    })
    await expect.poll(() => this.log, { timeout: 20_000 }).toContain('started')
    for (const program of [WEB_SERVER, RESPONDER]) {
      const started = near.spawn([process.execPath, '-e', program], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      this.processes.push(started)
      await once(started.stdout!, 'data')
    }
  }

  stop(): void {
    for (const process of this.processes) process.kill('SIGKILL')
  }
}

type Ask = (path: string, name: string, port?: number) => Promise<Record<string, unknown>>

async function withAsker(
  site: Site,
  dns: string,
  work: (ask: Ask, guest: Guest) => Promise<void>,
): Promise<void> {
  const append = { ...ADDRESSING, ...(dns === '' ? {} : { dns }) }
  const client = await HttpClient.toGuest(site, 80)
  const ask: Ask = async (path, name, port = WEB_PORT) => {
    const { body } = await client.send(`/${path}?name=${encodeURIComponent(name)}&port=${port}`)
    return JSON.parse(body.toString()) as Record<string, unknown>
  }
  try {
    await work(ask, await site.boot({ initrd, append }))
  } finally {
    client.close()
  }
}

describe('with a name server', () => {
  test('resolves, connects and fetches by name over both families, aliases and long answers included', async ({
    site,
    servers,
  }) =>
    withAsker(site, HOST4, async (ask) => {
      expect(await ask('resolve', 'web.test')).toEqual({ addresses: [HOST6, HOST4] })
      expect(await ask('resolve', 'ALIAS.test.')).toEqual({ addresses: [HOST6, HOST4] })
      expect(await ask('fetch', 'four.test')).toEqual({
        ...{ status: 200, host: `four.test:${WEB_PORT}`, from: '::ffff:10.0.0.2' },
      })
      expect(await ask('fetch', 'six.test')).toEqual({
        ...{ status: 200, host: `six.test:${WEB_PORT}`, from: '2001:db8::2' },
      })
      expect(await ask('fetch', 'web.test')).toMatchObject({ host: `web.test:${WEB_PORT}` })
      expect((await ask('connect', 'alias.test')).hostname).toBe(HOST6)
      const asked = servers.log.match(/query\[A\] web\.test/g)
      expect(asked).toHaveLength(1)

      // 100 addresses take more than a datagram: the answer comes over TCP, and sixteen are kept.
      const { addresses } = (await ask('resolve', 'many.test')) as { addresses: string[] }
      expect(addresses).toHaveLength(16)
      expect(addresses.every((text) => text.startsWith('10.1.0.'))).toBe(true)
      expect(await ask('statistics', '')).toMatchObject({
        ...{ truncated: 1, queriesOverTcp: 1, timeouts: 0, outstanding: 0 },
        drops: { malformed: 0, wrongId: 0, wrongQuestion: 0 },
      })
    }))

  test('gives names that do not exist, and those nobody listens for, errors that say so', async ({
    site,
  }) =>
    withAsker(site, HOST6, async (ask) => {
      expect(await ask('resolve', 'nobody.test')).toEqual({
        ...{ name: 'NetError', code: 'name-not-found' },
        message: 'Cannot resolve "nobody.test": there is no such name',
      })
      expect(await ask('fetch', 'nobody.test')).toEqual({
        ...{ name: 'TypeError', code: 'name-not-found' },
        message: `Cannot fetch http://nobody.test:${WEB_PORT}/: Cannot resolve "nobody.test": there is no such name`,
      })
      expect(await ask('connect', 'web.test', 9)).toMatchObject({
        code: 'refused',
        message: `Cannot connect to web.test port 9: ${HOST6} refused, ${HOST4} refused`,
      })
      // dnsmasq has no server to ask, and says so.
      expect(await ask('resolve', 'elsewhere.example')).toMatchObject({
        code: 'name-unresolved',
        message: `Cannot resolve "elsewhere.example": ${HOST6} answers REFUSED`,
      })
      expect(await ask('resolve', '10.0.0.256')).toMatchObject({ code: 'name-not-found' })
    }))

  test('an app fetches itself by localhost and by its addresses, and pings them', ({ site }) =>
    withAsker(site, HOST4, async (ask) => {
      for (const name of ['localhost', '127.0.0.1', '[::1]', '10.0.0.2', '[2001:db8::2]']) {
        const answer = await ask('fetch', `${name}:80/hello#`)
        expect([name, answer]).toEqual([name, { status: 200, hello: 'yourself' }])
      }
      expect(await ask('ping', 'localhost')).toMatchObject({ lengthBytes: 56 })
      expect(await ask('ping', '2001:db8::2')).toMatchObject({ hostname: '2001:db8::2' })
      expect(await ask('ping', 'web.test')).toMatchObject({ hostname: HOST6 })
      expect(await ask('connect', 'localhost', 81)).toMatchObject({ code: 'refused' })
    }))

  test('goes by an address that does not answer within a quarter of a second (RFC 8305)', async ({
    site,
  }) =>
    withAsker(site, HOST4, async (ask) => {
      const { hostname, elapsedMs } = await ask('connect', 'half-dead.test')
      expect(hostname).toBe(HOST4)
      expect(elapsedMs).toBeGreaterThanOrEqual(250)
      expect(elapsedMs).toBeLessThan(2_000)
    }))

  test('goes on to the second when the first is dead, and stays with it', async ({ site }) =>
    withAsker(site, `10.0.0.99,${HOST4}`, async (ask) => {
      expect(await ask('resolve', 'web.test')).toEqual({ addresses: [HOST6, HOST4] })
      expect(await ask('statistics', '')).toMatchObject({ timeouts: 2 })
      expect(await ask('resolve', 'four.test')).toEqual({ addresses: [HOST4] })
      expect(await ask('statistics', '')).toMatchObject({ timeouts: 2 })
    }))
})

describe('without a name server', () => {
  test('finds devices of the link by their names, which end in .local (RFC 6762)', async ({
    site,
  }) =>
    withAsker(site, '', async (ask) => {
      expect(await ask('resolve', 'device.local')).toEqual({ addresses: [HOST4] })
      expect(await ask('fetch', 'device.local')).toMatchObject({ host: `device.local:${WEB_PORT}` })
      expect(await ask('resolve', 'web.test')).toMatchObject({
        code: 'name-unresolved',
        message:
          'Cannot resolve "web.test": no name server is known; give one, such as dns=10.0.2.3',
      })
    }))
})

describe('with an empty command line', () => {
  test('an app that asks at once waits for addresses, servers and search domains of the network', async ({
    site,
    launchGuest,
  }) => {
    const options = [
      ...['dhcp-range=10.0.0.100,10.0.0.150,255.255.255.0,2m', 'enable-ra', 'port=5300'],
      ...[`dhcp-range=2001:db8::,ra-stateless,64,10m`, `dhcp-option=option:dns-server,${HOST4}`],
      ...['domain=test', `dhcp-option=option6:dns-server,[${HOST6}]`],
    ]
    const configuring = await Dnsmasq.start(site.topology.near, 'tap0', options)
    const initrd = await buildApp('hurries.ts')
    const vm = await launchGuest({ initrd, append: 'log=trace' })
    try {
      const seen = await vm.console.expect(/web is at (\S+) and (\S+) and says (\{.*\})/, {
        from: 'start',
      })
      expect([seen[1], seen[2]]).toEqual([HOST6, HOST4])
      expect(JSON.parse(seen[3]!)).toMatchObject({ host: `web:${WEB_PORT}` })
    } finally {
      await configuring.close()
    }
  })
})
