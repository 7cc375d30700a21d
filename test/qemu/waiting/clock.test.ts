/**
 * The guest's date beside the host's: at boot, kept by NTP servers, slewed and never back, and
 * unmoved by what lies.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Vm } from 'qemu-runner'
import { beforeAll, describe, expect } from 'vitest'
import { HOST_CLOCK_ARGUMENTS } from '../../../scripts/guest/host-clock.ts'
import { buildApp } from '../support/build-app.ts'
import { Dnsmasq } from '../support/dnsmasq.ts'
import { GUEST, test } from '../support/fixtures.ts'
import { HttpClient } from '../support/http-client.ts'
import { NtpServer } from '../support/ntp-server.ts'
import { awaitReady, type Site } from '../support/site.ts'

const SERVER = '10.0.0.1'
const OTHERS = ['10.0.0.11', '10.0.0.12']

let initrd: string
beforeAll(async () => {
  initrd = await buildApp('clock.ts')
})

type Get = (path: string) => Promise<string>

interface Reading {
  /** The guest's date less the host's, and by how much that may be wrong. */
  readonly errorMs: number
  readonly uncertaintyMs: number
  readonly date: number
  readonly sinceBoot: number
  readonly hostMs: number
}

const hostMs = () => performance.timeOrigin + performance.now()

/** The best of a few questions: what is not known is how long each way took. */
async function compare(get: Get, questions = 8): Promise<Reading> {
  let best: Reading | null = null
  for (let index = 0; index < questions; index++) {
    const before = hostMs()
    const { date, sinceBoot } = JSON.parse(await get('/')) as { date: number; sinceBoot: number }
    const uncertaintyMs = (hostMs() - before) / 2
    const middle = before + uncertaintyMs
    const reading = { errorMs: date - middle, uncertaintyMs, date, sinceBoot, hostMs: middle }
    if (best === null || uncertaintyMs < best.uncertaintyMs) best = reading
  }
  return best!
}

interface ClockReport {
  readonly edge: { readonly us: number; readonly of: string } | null
  readonly ntp: {
    readonly server: string | null
    readonly servers: {
      server: string
      stratum: number | null
      isDenied: boolean
      delayUs: number | null
    }[]
    readonly statistics: {
      readonly answers: number
      readonly steps: number
      readonly slews: number
      readonly rejected: Record<string, number>
    }
  } | null
}

async function reportOf(get: Get): Promise<ClockReport> {
  return JSON.parse(await get('/clock')) as ClockReport
}

describe('at boot', () => {
  test.override('guest', {
    ...GUEST,
    network: [{ kind: 'user', forwards: [{ protocol: 'tcp', guestPort: 80 }] }],
  })

  async function getter(vm: Vm): Promise<Get> {
    await awaitReady(vm)
    const port = await vm.forwardedPort(80)
    return async (path) => (await fetch(`http://127.0.0.1:${port}${path}`)).text()
  }

  const MACHINES = [
    ['q35', 'q35', {}],
    ['microvm', 'microvm', { pcie: 'on', rtc: 'on' }],
  ] as const

  const edgeOf = async (get: Get): Promise<string> => {
    const seen = async () => (await reportOf(get)).edge?.of
    await expect.poll(seen, { timeout: 8000 }).toBeDefined()
    return (await seen())!
  }

  test.for(MACHINES)(
    'the date is that of the real-time clock to 50 ms: %s',
    async ([_, machine, machineProperties], { launchGuest }) => {
      const vm = await launchGuest({ initrd, machine, machineProperties })
      const get = await getter(vm)
      expect(await edgeOf(get)).toBe('real-time-clock')
      const { errorMs, uncertaintyMs } = await compare(get)
      // QEMU begins that clock with a whole second, whatever the fraction was: it is behind by less
      // than one.
      expect(errorMs).toBeLessThan(50 + uncertaintyMs)
      expect(errorMs).toBeGreaterThan(-1050 - uncertaintyMs)
      const distances: number[] = []
      for (let index = 0; index < 8; index++) distances.push(await distanceAtEdge(vm, get))
      expect(Math.min(...distances)).toBeLessThan(50)
    },
  )

  test.for(MACHINES)(
    "with a management controller the date is the host's to 50 ms: %s",
    async ([_, machine, machineProperties], { launchGuest }) => {
      const options = { initrd, machine, machineProperties, extraArguments: HOST_CLOCK_ARGUMENTS }
      const get = await getter(await launchGuest(options))
      expect(await edgeOf(get)).toBe('management-controller')
      const { errorMs, uncertaintyMs } = await compare(get)
      expect(Math.abs(errorMs)).toBeLessThan(50 + uncertaintyMs)
    },
  )

  test('a machine without a real-time clock has the date of its management controller', async ({
    launchGuest,
  }) => {
    const machineProperties = { pcie: 'on', rtc: 'off' }
    const options = {
      initrd,
      machine: 'microvm',
      machineProperties,
      extraArguments: HOST_CLOCK_ARGUMENTS,
    } as const
    const get = await getter(await launchGuest(options))
    expect(await edgeOf(get)).toBe('management-controller')
    const { errorMs, uncertaintyMs } = await compare(get)
    expect(Math.abs(errorMs)).toBeLessThan(50 + uncertaintyMs)
  })

  test('the date is that of -rtc base=, whatever a management controller says', async ({
    launchGuest,
  }) => {
    const base = Date.UTC(2031, 1, 3, 4, 5, 6)
    const extraArguments = ['-rtc', 'base=2031-02-03T04:05:06', ...HOST_CLOCK_ARGUMENTS]
    const get = await getter(await launchGuest({ initrd, extraArguments }))
    expect(await edgeOf(get)).toBe('real-time-clock')
    const { date } = await compare(get, 1)
    expect(date).toBeGreaterThanOrEqual(base)
    expect(date).toBeLessThan(base + 60_000)
  })

  test('without a controller, a guest that was stopped has the date of its real-time clock a minute later', {
    timeout: 150_000,
  }, async ({ launchGuest }) => {
    const vm = await launchGuest({ initrd })
    const get = await getter(vm)
    expect(await edgeOf(get)).toBe('real-time-clock')
    const before = await compare(get)
    await vm.qmp.execute('stop')
    await delay(1500)
    await vm.qmp.execute('cont')
    const after = await compare(get)
    expect(after.errorMs - before.errorMs).toBeLessThan(-1400)
    const differenceMs = async () => Math.abs((await compare(get)).errorMs - before.errorMs)
    await expect.poll(differenceMs, { timeout: 100_000, interval: 2000 }).toBeLessThan(100)
  })

  /**
   * How far the guest's date is from a whole second when QEMU's real-time clock begins one, as far
   * as questions can tell.
   */
  async function distanceAtEdge(vm: Vm, get: Get): Promise<number> {
    const second = async () => {
      const time = await vm.qmp.execute('qom-get', { path: '/machine', property: 'rtc-time' })
      return (time as { tm_sec: number }).tm_sec
    }
    const first = await second()
    while ((await second()) === first) {
      // It is asked again at once: the moment of the change is what is looked for.
    }
    const { date } = await compare(get, 1)
    return Math.min(date % 1000, 1000 - (date % 1000))
  }
})

describe('with NTP servers', () => {
  test.override('guest', { ...GUEST, network: 'direct' })

  async function withServers(
    site: Site,
    behaviors: readonly Omit<Parameters<typeof NtpServer.start>[1], 'address'>[],
    append: Record<string, string> | string,
    work: (get: Get, servers: readonly NtpServer[], vm: Vm) => Promise<void>,
  ): Promise<void> {
    const { near } = site.topology
    for (const address of OTHERS) await near.script(`ip addr add ${address}/24 dev tap0`)
    const servers: NtpServer[] = []
    const addresses = [SERVER, ...OTHERS]
    for (const [index, behavior] of behaviors.entries()) {
      servers.push(await NtpServer.start(near, { ...behavior, address: addresses[index]! }))
    }
    const { vm, ready } = await site.boot({ initrd, append })
    const own = ready.addresses.find((address) => address.startsWith('10.'))!.split('/')[0]!
    const client = await HttpClient.toGuest(site, 80, own)
    try {
      await work(async (path) => (await client.send(path)).body.toString(), servers, vm)
    } finally {
      client.close()
      for (const server of servers) server.close()
    }
  }

  const believed = async (get: Get) => (await reportOf(get)).ntp?.server ?? null

  /** The same of a date by NTP, which nobody knows better than to half of its answer's way. */
  async function compareSet(get: Get): Promise<Reading> {
    const ways = (await reportOf(get)).ntp!.servers.map(({ delayUs }) => delayUs ?? 0)
    const reading = await compare(get)
    return { ...reading, uncertaintyMs: reading.uncertaintyMs + Math.max(...ways) / 2000 }
  }

  test('ntp=ADDRESS sets a date that is behind, and leaves the monotonic clock alone', async ({
    site,
  }) => {
    await withServers(site, [{ offsetMs: 7_200_000 }], { ntp: SERVER }, async (get) => {
      await expect.poll(() => believed(get), { timeout: 20_000 }).toBe(SERVER)
      const first = await compareSet(get)
      expect(Math.abs(first.errorMs - 7_200_000)).toBeLessThan(50 + first.uncertaintyMs)
      await delay(3000)
      const second = await compare(get)
      const passed = second.hostMs - first.hostMs
      const slack = first.uncertaintyMs + second.uncertaintyMs
      expect(Math.abs(second.sinceBoot - first.sinceBoot - passed)).toBeLessThan(20 + slack)
      expect((await reportOf(get)).ntp?.statistics).toMatchObject({ steps: 1, slews: 0 })
    })
  })

  test('a date that is ahead is slewed: it never goes back, and is right in the end', async ({
    site,
  }) => {
    // More than the real-time clock may be behind: the guest is ahead of the server by 2 to 4 s.
    const offsetMs = -4000
    await withServers(site, [{ offsetMs }], { ntp: SERVER }, async (get) => {
      let last = 0
      let error = 0
      const endMs = hostMs() + 20_000
      while (hostMs() < endMs) {
        const { date, errorMs } = await compare(get, 1)
        expect(date).toBeGreaterThanOrEqual(last)
        last = date
        error = errorMs - offsetMs
        if (Math.abs(error) < 20) break
      }
      const { errorMs, uncertaintyMs } = await compareSet(get)
      expect(Math.abs(errorMs - offsetMs)).toBeLessThan(50 + uncertaintyMs)
      expect((await reportOf(get)).ntp?.statistics).toMatchObject({ steps: 0, slews: 1 })
    })
  })

  test('an option 42 of DHCP is enough', async ({ site }) => {
    const range = 'dhcp-range=10.0.0.100,10.0.0.150,255.255.255.0,2m'
    const options = [range, `dhcp-option=option:ntp-server,${SERVER}`]
    const dnsmasq = await Dnsmasq.start(site.topology.near, 'tap0', options)
    try {
      await withServers(site, [{ offsetMs: 600_000 }], '', async (get) => {
        await expect.poll(() => believed(get), { timeout: 20_000 }).toBe(SERVER)
        const { errorMs, uncertaintyMs } = await compareSet(get)
        expect(Math.abs(errorMs - 600_000)).toBeLessThan(50 + uncertaintyMs)
      })
    } finally {
      await dnsmasq.close()
    }
  })

  test('answers that are none are counted and change nothing; the right one behind them counts', async ({
    site,
  }) => {
    await withServers(
      site,
      [{ offsetMs: 30_000, lies: true }],
      { ntp: SERVER },
      async (get, _, vm) => {
        await expect.poll(() => believed(get), { timeout: 20_000 }).toBe(SERVER)
        const { errorMs, uncertaintyMs } = await compareSet(get)
        expect(Math.abs(errorMs - 30_000)).toBeLessThan(50 + uncertaintyMs)
        const { rejected } = (await reportOf(get)).ntp!.statistics
        expect(rejected).toMatchObject({ notOurs: 3, tooShort: 2 })
        expect(vm.console.text).not.toMatch(/panic|failed/)
      },
    )
  })

  test('one of three that lies is outvoted', async ({ site }) => {
    const behaviors = [{ offsetMs: 86_400_000 }, { offsetMs: 20_000 }, { offsetMs: 20_001 }]
    await withServers(site, behaviors, { ntp: [SERVER, ...OTHERS].join(',') }, async (get) => {
      await expect.poll(() => believed(get), { timeout: 20_000 }).not.toBeNull()
      const { errorMs, uncertaintyMs } = await compareSet(get)
      expect(Math.abs(errorMs - 20_000)).toBeLessThan(50 + uncertaintyMs)
    })
  })

  test("a kiss-o'-death DENY is obeyed and changes nothing", async ({ site }) => {
    await withServers(site, [{ kiss: 'DENY' }], { ntp: SERVER }, async (get, servers, vm) => {
      await vm.console.expect(/NTP server 10\.0\.0\.1 says DENY/, { from: 'start' })
      await delay(18_500)
      expect(servers[0]!.asked).toBe(1)
      const { errorMs, uncertaintyMs } = await compareSet(get)
      expect(errorMs).toBeGreaterThan(-1050 - uncertaintyMs)
      expect(errorMs).toBeLessThan(50 + uncertaintyMs)
      expect((await reportOf(get)).ntp!.servers).toMatchObject([{ isDenied: true }])
    })
  })
})
