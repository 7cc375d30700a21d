/** Names of the link against Avahi, the responder that most Linux hosts have (RFC 6762). */
import { beforeAll, expect } from 'vitest'
import { Avahi, fetchAvahi } from '../support/avahi.ts'
import { buildApp } from '../support/build-app.ts'
import { test as base, GUEST } from '../support/fixtures.ts'
import { HttpClient } from '../support/http-client.ts'

/** A slow network downloads 4 MB, and the lists of packages that name them. */
const FETCH_TIMEOUT_MS = 300_000
/** RFC 6762 §6.7: what is told to one that asks once lives ten seconds at most. */
const LIFETIME_MS = 10_000

let initrd: string
beforeAll(async () => {
  await fetchAvahi()
  initrd = await buildApp('asks.ts')
}, FETCH_TIMEOUT_MS)

base.override('guest', { ...GUEST, network: 'direct' })
const test = base

test('a host of Avahi is found by its name over both families, and no longer than ten seconds after it has gone', async ({
  site,
}) => {
  const avahi = await Avahi.start(site.topology.near, 'tap0', 'printer')
  const client = await HttpClient.toGuest(site, 80)
  const ask = async (path: string, name: string): Promise<Record<string, unknown>> => {
    const { body } = await client.send(`/${path}?name=${name}`)
    return JSON.parse(body.toString()) as Record<string, unknown>
  }
  try {
    await site.boot({ initrd, append: {} })
    // IPv4 goes before unique local addresses (RFC 6724 §2.1).
    const addresses = [site.topology.peerAddress4, site.topology.peerAddress6]
    expect(await ask('resolve', 'printer.local')).toEqual({ addresses })
    const foundMs = performance.now()
    expect(await ask('ping', 'Printer.local')).toMatchObject({ hostname: addresses[0] })
    expect(await ask('statistics', '')).toMatchObject({ cacheHits: 2, drops: { malformed: 0 } })
    await avahi.close()
    const missing = { name: 'NetError', code: 'name-not-found' }
    await expect
      .poll(() => ask('resolve', 'printer.local'), { timeout: 2 * LIFETIME_MS, interval: 250 })
      .toMatchObject(missing)
    // Two questions are asked, a second apart, before nobody counts as there.
    expect(performance.now() - foundMs).toBeLessThan(LIFETIME_MS + 4_000)
  } finally {
    client.close()
    await avahi.close()
  }
})
