/**
 * The contract of an image (kernel/README.md) as a user meets it: command line, events, exit codes,
 * services.
 */
import { describe, expect } from 'vitest'
import { GUEST, test } from './support/fixtures.ts'
import { GUEST_HOST } from './support/guest-addresses.ts'
import { awaitReady } from './support/site.ts'

const CLEAN = 0x10
const CONFIGURATION = 0x14
const OFFLINE = { ip: 'off', ip6: 'off' }

test.override('guest', { ...GUEST, network: 'none', timeoutMs: 30_000 })

describe('a clean run', () => {
  test.for(['q35', 'microvm'] as const)(
    'on %s ends with status 33 after exit-after=ready',
    async (machine, { launchGuest }) => {
      const vm = await launchGuest({ machine, append: { ...OFFLINE, 'exit-after': 'ready' } })
      expect(await vm.exited).toEqual({ kind: 'clean', status: 33 })
      const events = vm.events.received.map(({ value }) => value.event)
      expect(events).toContain('ready')
      expect(events.at(-1)).toBe('exit')
      expect(vm.events.received.at(-1)?.value.code).toBe(CLEAN)
      expect(vm.events.noise).toEqual([])
    },
  )

  test('says in ready what it found, with times that only rise', async ({ launchGuest }) => {
    const vm = await launchGuest({
      append: { ip: '10.1.2.3/24', gateway: '10.1.2.1', ip6: 'fd09::5/64', 'exit-after': 'ready' },
    })
    const ready = await awaitReady(vm)
    expect(ready.pci).toMatch(/^[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/)
    expect(ready.mac).toBe('52:54:00:12:34:56')
    expect(ready.mtu).toBe(1500)
    expect(ready.addresses).toEqual(expect.arrayContaining(['10.1.2.3/24', 'fd09::5/64']))
    const { pci, mac, mtu, addresses } = ready
    expect(ready.network).toEqual({ pci, mac, mtu, addresses })
    expect(ready.noNetwork).toBeNull()
    const listening = ready.listening.map(({ port, protocol }) => `${protocol} ${port}`)
    expect(listening.sort()).toEqual([
      'tcp 19',
      'tcp 5201',
      'tcp 7',
      'tcp 80',
      'tcp 9',
      'udp 19',
      'udp 7',
      'udp 9',
    ])
    const times = Object.values(ready.bootNs)
    expect(times).toEqual([...times].sort((a, b) => a - b))
    expect(ready.ns).toBeGreaterThanOrEqual(times.at(-1)!)
    // What lies between clock and main, the build has done: the image holds a snapshot.
    expect(Object.keys(ready.bootNs).slice(0, 3)).toEqual(['entry', 'clock', 'main'])
  })

  test.for([
    ['a network device', 'no-device', { network: [] }],
    ['PCI', 'no-pci', { network: [], machine: 'microvm', machineProperties: { pcie: 'off' } }],
    [
      'a network device of virtio 1.0',
      'device-unusable',
      { network: [], extraArguments: ['-device', 'virtio-net-pci,disable-modern=on,romfile='] },
    ],
  ] as const)(
    'runs without %s, and says so in ready',
    async ([_title, reason, options], { launchGuest }) => {
      const append = { ip: '10.1.2.3/24', 'exit-after': 'ready' }
      const vm = await launchGuest({ ...options, append })
      const { network, noNetwork } = await awaitReady(vm)
      expect([network, noNetwork?.reason]).toEqual([null, reason])
      expect((await vm.exited).kind).toBe('clean')
      expect(vm.console.text).toContain(noNetwork?.message)
    },
  )

  test('starts only the services it was told to', async ({ launchGuest }) => {
    const vm = await launchGuest({
      append: { ip: '10.1.2.3/24', services: 'echo', 'exit-after': 'ready' },
    })
    expect((await awaitReady(vm)).listening).toEqual([
      { port: 7, protocol: 'tcp' },
      { port: 7, protocol: 'udp' },
    ])
  })

  test('logs more with log=debug and less with log=error', async ({ launchGuest }) => {
    const lines: number[] = []
    for (const log of ['error', 'info', 'debug']) {
      const vm = await launchGuest({
        append: { ...OFFLINE, ip: '10.1.2.3/24', log, 'exit-after': 'ready' },
      })
      expect((await vm.exited).kind).toBe('clean')
      lines.push(vm.console.lines.filter((line) => line !== '').length)
    }
    expect(lines[0]).toBeLessThan(lines[1]!)
    expect(lines[1]).toBeLessThan(lines[2]!)
  })
})

describe('a bad command line stops the boot with one line and its own exit code', () => {
  test.for([
    ['an unknown key', 'ip=off frobnicate=1', /frobnicate/],
    ['a key without a value', 'ip=off log', /log/],
    ['a key given twice', 'ip=off ip=off', /\bip\b.*twice/],
    ['an address that is none', 'ip=10.0.0.256/24', /ip=.*10\.0\.0\.256/],
    ['an address without prefix', 'ip=10.0.0.2', /ip=/],
    ['a prefix out of range', 'ip=10.0.0.2/33', /ip=/],
    ['a gateway outside the prefix', 'ip=10.0.0.2/24 gateway=10.0.1.1', /gateway=/],
    ['a gateway beside DHCP', 'ip=dhcp gateway=10.0.0.1', /gateway needs a static address/],
    ['a secret that is too short', 'ip=off ip6-secret=00', /ip6-secret=/],
    ['an IPv6 address that is none', 'ip=off ip6=fd00:::2/64', /ip6=/],
    ['an unknown offload', 'ip=off offload=csum,warp', /offload=.*csum,warp/],
    ['an unknown log level', 'ip=off log=loud', /log=.*loud/],
    ['an unknown service', 'ip=off services=gopher', /services=.*gopher/],
    ['another exit-after', 'ip=off exit-after=lunch', /exit-after=.*lunch/],
  ] as const)('%s', async ([_title, append, line], { launchGuest }) => {
    const vm = await launchGuest({ append })
    expect(await vm.exited).toMatchObject({ kind: 'guest-failure', code: CONFIGURATION })
    expect(vm.console.lines.filter((text) => line.test(text))).toHaveLength(1)
    expect(vm.events.received.some(({ value }) => value.event === 'ready')).toBe(false)
    expect(vm.events.received.at(-1)?.value).toMatchObject({ event: 'exit', code: CONFIGURATION })
  })
})

describe('entropy', () => {
  test('is a condition for the network: without RDRAND and virtio-rng the device is not driven', async ({
    launchGuest,
  }) => {
    const vm = await launchGuest({ cpu: 'qemu64', append: { ip: '10.1.2.3/24' } })
    const ready = await awaitReady(vm)
    expect(ready).toMatchObject({ pci: null, addresses: [], listening: [], network: null })
    expect(ready.noNetwork?.reason).toBe('no-entropy')
    expect(ready.noNetwork?.message).toMatch(/no source of randomness.*virtio-rng/)
    await vm.console.expect(/no source of randomness.*virtio-rng/, { timeoutMs: 5000 })
    expect([...(await vm.virtioNet()).negotiated]).toEqual([])
    expect((await vm.virtioNet()).status).not.toContain('DRIVER_OK')
  })
})

describe('the built-in services', () => {
  test.override('guest', { ...GUEST, network: 'direct' })

  const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64')
  const request = { timeoutMs: 5000, halfClose: false }

  test.for([4, 6] as const)('answer over IPv%i as their RFCs say', async (family, { site }) => {
    await site.boot()
    const host = GUEST_HOST[family]
    const { peer } = site
    // RFC 862: what comes is sent back; then both sides close.
    const echo = await peer.request('exchange', {
      ...request,
      host,
      port: 7,
      send: base64('hello, world'),
      halfClose: true,
    })
    expect(Buffer.from(echo.received, 'base64').toString()).toBe('hello, world')
    expect(echo.ended).toBe('end')
    // RFC 863: what comes is thrown away, nothing comes back.
    const discarded = await peer.request('discard', {
      host,
      port: 9,
      bytes: 1 << 20,
      timeoutMs: 10_000,
    })
    expect(discarded.bytes).toBe(1 << 20)
    // RFC 864 §3: lines of 72 printable characters, each starting one character later.
    const chargen = await peer.request('exchange', {
      ...request,
      host,
      port: 19,
      send: '',
      expectBytes: 74 * 3,
    })
    const lines = Buffer.from(chargen.received, 'base64').toString('latin1').split('\r\n')
    expect(lines[0]).toHaveLength(72)
    expect(lines[0]).toMatch(/^[\x20-\x7e]{72}$/)
    expect(lines[1]!.slice(0, 71)).toBe(lines[0]!.slice(1))
    // A port nobody listens on is refused, not silent (RFC 9293 §3.10.7.1).
    const refused = peer.request('connect', { host, port: 81, timeoutMs: 5000 })
    await expect(refused).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('serve a page, statistics, and errors for bad requests over HTTP', async ({ site }) => {
    const { ready } = await site.boot()
    const ask = async (head: string): Promise<string> => {
      const answer = await site.peer.request('exchange', {
        ...request,
        host: GUEST_HOST[4],
        port: 80,
        send: base64(`${head}\r\nConnection: close\r\n\r\n`),
      })
      expect(answer.ended).toBe('end')
      return Buffer.from(answer.received, 'base64').toString('utf8')
    }
    const page = await ask('GET / HTTP/1.1\r\nHost: guest')
    expect(page).toMatch(/^HTTP\/1\.1 200 [\s\S]*content-type: text\/html/i)
    // The page shows what /stats says, so it must ask for it.
    expect(page).toContain('/stats')
    const date = Date.parse(/\r\ndate: (.* GMT)\r\n/i.exec(page)![1]!)
    expect(Math.abs(date - Date.now())).toBeLessThan(60_000)
    const statistics = await ask('GET /stats HTTP/1.1\r\nHost: guest')
    const body = JSON.parse(statistics.slice(statistics.indexOf('\r\n\r\n') + 4)) as {
      features: { negotiated: string[] }
    }
    expect(body.features.negotiated).toEqual(ready.features.negotiated)
    const few = await ask('GET /bytes/12 HTTP/1.1\r\nHost: guest')
    expect(few.slice(few.indexOf('\r\n\r\n') + 4)).toBe('\0\0\0\0\0\0\0\x01\0\0\0\x02')
    expect(await ask('GET /nonesuch HTTP/1.1\r\nHost: guest')).toMatch(/^HTTP\/1\.1 404 /)
    expect(await ask('GET /bytes/none HTTP/1.1\r\nHost: guest')).toMatch(/^HTTP\/1\.1 4\d\d /)
    expect(await ask('BREW / HTTP/1.1\r\nHost: guest')).toMatch(/^HTTP\/1\.1 (405|501) /)
    expect(await ask('GET /')).toMatch(/^HTTP\/1\.[01] 400 /)
  })

  test('serve twenty connections at once, and still answer after', async ({ site }) => {
    await site.boot()
    const sizes = [1000, 30_000, 60_000]
    const rounds = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        site.peer.request('echo', {
          host: GUEST_HOST[index % 2 === 0 ? 4 : 6],
          port: 7,
          sizes,
          timeoutMs: 20_000,
        }),
      ),
    )
    expect(rounds.flat().every(({ equal }) => equal)).toBe(true)
    const again = await site.peer.request('echo', {
      host: GUEST_HOST[4],
      port: 7,
      sizes,
      timeoutMs: 5000,
    })
    expect(again.every(({ equal }) => equal)).toBe(true)
  })
})
