/**
 * The guest as a client: thousands of connections to a Linux host, one after another and hundreds
 * at once, of which none fails.
 */
import { expect } from 'vitest'
import { LoadGenerator } from '../../scripts/bench/load/load-generator.ts'
import { buildApp } from './support/build-app.ts'
import { Dnsmasq } from './support/dnsmasq.ts'
import { test as base, GUEST } from './support/fixtures.ts'
import { HttpClient } from './support/http-client.ts'

const PORT = 9100
const HOSTS = ['10.0.0.1', 'fd00::1']
const CALLS = 10_000
/** Orders of so many: each is an HTTP request that is answered at the end. */
const BATCH = 1_000
const CROWD = 500
/** Of a family, each asked for at once by one call. */
const NEIGHBORS = 120
const LIFETIME_MS = 280_000

interface Outcome {
  readonly failed: number
  readonly failures: readonly string[]
  readonly slowestMs: number
  readonly elapsedMs: number
}

type Order = (count: number, atOnce: number, hosts: readonly string[]) => Promise<Outcome>

base.override('guest', { ...GUEST, network: 'direct', timeoutMs: LIFETIME_MS })
const test = base.extend<{ order: Order; service: LoadGenerator }>({
  service: async ({ site }, use) => {
    const service = await LoadGenerator.start(site.topology.near)
    await service.request('serve-numbers', { port: PORT })
    await use(service)
    await service.close()
  },
  order: async ({ site }, use) => {
    const client = await HttpClient.toGuest(site, 80)
    let first = 0
    await use(async (count, atOnce, hosts) => {
      const body = JSON.stringify({ first, count, atOnce, hosts, port: PORT })
      first += count
      const answer = await client.send('/', { method: 'POST', body })
      return JSON.parse(answer.body.toString()) as Outcome
    })
    client.close()
  },
})

const NONE_FAILED = { failed: 0, failures: [] }

test('10,000 connections one after another, to both families, all come about and end in order', {
  timeout: 290_000,
}, async ({ site, service, order }) => {
  await site.boot({ initrd: await buildApp('callers.ts') })
  for (let done = 0; done < CALLS; done += BATCH) {
    const outcome = await order(BATCH, 1, HOSTS)
    expect(outcome).toMatchObject(NONE_FAILED)
  }
  await expect
    .poll(() => service.request('count-numbers', null), { timeout: 10_000 })
    .toMatchObject({ served: CALLS, connections: CALLS, broken: 0 })
})

test('500 at once: to one host, by 500 names, and to 240 neighbors that nobody has spoken to', {
  timeout: 200_000,
}, async ({ site, service, order }) => {
  const { near } = site.topology
  const neighbors = Array.from({ length: NEIGHBORS }, (_, index) => index + 100)
  await near.script(
    neighbors
      .flatMap((host) => [
        `ip addr add 10.0.0.${host}/24 dev tap0`,
        `ip addr add fd00::${host}/64 dev tap0 nodad`,
      ])
      .join('\n'),
  )
  const names = await Dnsmasq.start(near, 'tap0', [
    ...['address=/four.test/10.0.0.1', 'address=/six.test/fd00::1', 'local=/test/'],
    ...['address=/both.test/10.0.0.1', 'address=/both.test/fd00::1'],
  ])
  await site.boot({ initrd: await buildApp('callers.ts'), append: { dns: '10.0.0.1' } })
  const all = neighbors.flatMap((host) => [`10.0.0.${host}`, `fd00::${host}`])
  const outcomes = [
    await order(CROWD, CROWD, all),
    await order(CROWD, CROWD, HOSTS),
    await order(CROWD, CROWD, ['a#.four.test', 'b#.six.test', 'c#.both.test']),
  ]
  for (const outcome of outcomes) expect(outcome).toMatchObject(NONE_FAILED)
  await expect
    .poll(() => service.request('count-numbers', null), { timeout: 10_000 })
    .toMatchObject({ served: 3 * CROWD, broken: 0 })
  await names.close()
})
