/**
 * What scanners and the usual tools see of the guest from outside is what they see of a Linux host
 * in the same place.
 */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { requireExecutable, TWIN_ADDRESS4, TWIN_ADDRESS6 } from 'qemu-runner'
import { describe, expect } from 'vitest'
import { test as base, GUEST } from '../support/fixtures.ts'
import { GUEST_HOST } from '../support/guest-addresses.ts'
import type { Site } from '../support/site.ts'

const TWIN_HOST = { 4: TWIN_ADDRESS4, 6: TWIN_ADDRESS6 } as const
/** Open on both, and closed on both. */
const TCP_PORTS = '7,9,19,80,5201,22,443,6000'
const UDP_PORTS = '7,53,123,33434'
const TOOL_MS = 40_000

/** The ports of the built-in app, on Linux. */
const TWIN_SERVICES = `
  const net = require('node:net')
  for (const port of [7, 9, 19, 80, 5201]) {
    net.createServer((socket) => {
      socket.on('error', () => {})
      if (port === 7) socket.pipe(socket)
    }).listen(port, '::')
  }
  const udp = require('node:dgram').createSocket({ type: 'udp6' })
  udp.on('message', (bytes, from) => udp.send(bytes, from.port, from.address))
  udp.bind(7, () => console.log('listening'))`

base.override('guest', { ...GUEST, network: 'relayed' })
const test = base.extend<{ services: ChildProcess }>({
  services: [
    async ({ site }, use) => {
      for (const tool of ['nmap', 'nc', 'dig', 'tracepath']) requireExecutable(tool)
      const { twin } = site.topology
      // What Linux says of closed ports is limited to one a second; the guest's limit is not what
      // is compared here.
      await twin!.script(`
echo 0 > /proc/sys/net/ipv4/icmp_ratelimit
echo 0 > /proc/sys/net/ipv6/icmp/ratelimit
`)
      const services = twin!.spawn([process.execPath, '-e', TWIN_SERVICES], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      await once(services.stdout!, 'data')
      try {
        await use(services)
      } finally {
        services.kill('SIGKILL')
      }
    },
    { auto: true },
  ],
})

/** What a tool prints, whatever its exit status. */
async function output(site: Site, command: string): Promise<string> {
  const { stdout } = await site.topology.far.run(
    ['sh', '-c', `${command} 2>&1 || echo "status $?"`],
    {
      timeoutMs: TOOL_MS,
    },
  )
  return stdout
}

/** Each port with its state and why nmap thinks so; or what nmap says of the host. */
async function scan(site: Site, family: 4 | 6, host: string, options: string): Promise<string[]> {
  const version = family === 6 ? '-6' : ''
  const timing = '-T4 --max-retries 3 --initial-rtt-timeout 500ms'
  const report = await output(site, `nmap ${version} -n ${timing} -oX - ${options} ${host}`)
  const ports = [...report.matchAll(/portid="(\d+)"><state state="([^"]+)" reason="([^"]+)"/g)]
  if (ports.length > 0) return ports.map(([, port, state, reason]) => `${port} ${state} ${reason}`)
  return [...report.matchAll(/<status state="([^"]+)" reason="([^"]+)"/g)].map(
    ([, state, reason]) => `${state} ${reason}`,
  )
}

/** Without addresses and times, which differ. */
const bare = (text: string, host: string) =>
  text
    .replaceAll(host, 'HOST')
    .replace(/\d+\.\d+ ?ms/g, 'ms')
    .replace(/ +/g, ' ')

describe.each([4, 6] as const)('over IPv%i', (family) => {
  const both = async (ask: (host: string) => Promise<unknown>) => ({
    guest: await ask(GUEST_HOST[family]),
    linux: await ask(TWIN_HOST[family]),
  })

  test('nmap finds the ports and states that it finds on Linux, by every scan, and the guest is unharmed', async ({
    site,
  }) => {
    const { vm } = await site.boot()
    const scans = ['-sS', '-sT', '-sA', '-sN', '-sF', '-sX'].map(
      (kind) => `-Pn ${kind} -p ${TCP_PORTS}`,
    )
    for (const options of ['-sn -PE', '-sn -PS80', ...scans, `-Pn -sU -p ${UDP_PORTS}`]) {
      const { guest, linux } = await both((host) => scan(site, family, host, options))
      // So that two that show nothing are not alike.
      if (/-s[STU]/.test(options)) expect(linux).toContainEqual(expect.stringMatching(/^7 open /))
      expect(linux, options).not.toEqual([])
      expect(guest, options).toEqual(linux)
    }
    await scan(site, family, GUEST_HOST[family], '-Pn -O -p 7,22')
    const echo = await output(site, `printf alive | nc -N -w 5 ${GUEST_HOST[family]} 7`)
    expect(echo).toBe('alive')
    expect(vm.exit).toBeUndefined()
    expect(vm.console.text).not.toMatch(/panic|rror/)
  })

  test('nc, tracepath and dig say of it what they say of Linux', async ({ site }) => {
    await site.boot()
    const commands = [
      (host: string) => `printf hello | nc -N -w 5 ${host} 7`,
      (host: string) => `nc -n -z -v -w 5 ${host} 80`,
      (host: string) => `nc -n -z -v -w 5 ${host} 443`,
      (host: string) => `printf hello | nc -u -W 1 -w 5 ${host} 7`,
      (host: string) => `tracepath -n -m 4 ${host}`,
      (host: string) => `dig +time=3 +tries=1 @${host} example.com | grep -v '^; <<>>'`,
    ]
    for (const command of commands) {
      const { guest, linux } = await both(async (host) =>
        bare(await output(site, command(host)), host),
      )
      expect(guest, command('HOST')).toEqual(linux)
      expect(linux).not.toMatch(/not found|usage/)
    }
  })
})
