/**
 * The page at / in a real browser: what it shows is what QEMU says, on a desk and on a phone, while
 * data moves.
 */
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import type { Page } from 'playwright-core'
import { judgeDeviceFrames, type VirtioDeviceView } from 'qemu-runner'
import { describe, expect } from 'vitest'
import { type BrowserSession, openBrowser } from './support/browser.ts'
import { GUEST, test } from './support/fixtures.ts'
import { GUEST_HOST, GUEST_SOURCE } from './support/guest-addresses.ts'
import { awaitReady, type Site } from './support/site.ts'
import { readStats } from './support/stats.ts'
import { expectDownload, expectUpload } from './support/transfer.ts'

const DESK = { width: 1280, height: 900 }
const PHONE = { width: 360, height: 740 }
const TRANSFER_BYTES = 8 << 20
const LIVE_TIMEOUT_MS = 20_000
/** The page asks once a second; a loaded machine takes its time. */
const PATIENTLY = { timeout: 20_000, interval: 200 }
const BOOT_FEATURES = ['CSUM', 'HOST_TSO4', 'HOST_TSO6', 'GUEST_CSUM', 'GUEST_TSO4', 'GUEST_TSO6']
/** QEMU lists them among a device's features, but a modern driver is not shown them. */
const LEGACY = new Set(['GSO', 'ANY_LAYOUT', 'NOTIFY_ON_EMPTY', 'VHOST_USER_F_PROTOCOL_FEATURES'])

test.override('guest', { ...GUEST, network: 'direct' })

interface FeatureRow {
  readonly feature: string
  readonly state: string
  readonly reason: string
  readonly meaning: string
}

/**
 * Runs `work` with a browser that must not complain and must ask nobody but `origin`, for no more
 * than the page, /stats and `asked`.
 */
async function withBrowser(
  origin: string,
  work: (page: Page, session: BrowserSession) => Promise<void>,
  asked: readonly string[] = [],
): Promise<void> {
  const session = await openBrowser()
  try {
    const { page } = session
    await page.setViewportSize(DESK)
    await page.goto(`${origin}/`)
    await page.getByRole('status').getByText('live').waitFor({ timeout: LIVE_TIMEOUT_MS })
    await work(page, session)
    expect(session.complaints).toEqual([])
    const paths = new Set(session.requests.map((url) => url.replace(origin, '')))
    expect([...paths].sort()).toEqual(['/', '/history', ...asked, '/stats'])
  } finally {
    await session.close()
  }
}

/** A port on 127.0.0.1 that leads to the guest's port 80 on the site. */
async function openDoor(site: Site): Promise<{ server: Server; origin: string }> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await site.peer.forward(server, { host: GUEST_HOST[4], port: 80 })
  return { server, origin: `http://127.0.0.1:${port}` }
}

function readFeatures(page: Page): Promise<FeatureRow[]> {
  return page.$$eval('#offloads tbody', (bodies) =>
    bodies.flatMap((body) => {
      const [head, ...rows] = [...body.querySelectorAll('tr')]
      return rows.map((row) => ({
        feature: row.querySelector('th[scope=row]')?.textContent ?? '',
        state: body.getAttribute('data-state') ?? '',
        reason: head?.querySelector('span')?.textContent ?? '',
        meaning: row.querySelector('td')?.textContent ?? '',
      }))
    }),
  )
}

/** The page's table against QEMU's own view of the device. */
async function expectFeaturesOf(page: Page, device: VirtioDeviceView): Promise<FeatureRow[]> {
  const rows = await readFeatures(page)
  const named = (state: string) => rows.filter((it) => it.state === state).map((it) => it.feature)
  expect(named('negotiated').sort()).toEqual([...device.negotiated].sort())
  const shown = [...named('negotiated'), ...named('refused')]
  const offered = [...device.offered].filter((name) => !LEGACY.has(name))
  expect(shown.sort()).toEqual(offered.sort())
  for (const name of named('not offered')) expect(device.offered).not.toContain(name)
  for (const { feature, meaning, reason } of rows) {
    expect(meaning, feature).toMatch(/\w+ \w+/)
    expect(reason, feature).toMatch(/\w+ \w+/)
  }
  return rows
}

/**
 * Runs in the page: elements that stick out of the window to the right, by name. Text, since tests
 * know no DOM types.
 */
const FIND_OVERFLOW = `
  const wide = [...document.querySelectorAll('body *')].filter(
    (element) => element.getBoundingClientRect().right > innerWidth + 0.5,
  )
  const names = wide.map((element) => element.tagName + ' #' + element.id)
  if (document.documentElement.scrollWidth > innerWidth) names.push('the document')
  names`

/** The highest points of both curves, in percent of the axis: sent, received. */
async function ratePeaks(page: Page): Promise<number[]> {
  const curves = await page.$$eval('#rates path:not(.area)', (paths) =>
    paths.map((path) => path.getAttribute('d') ?? ''),
  )
  return curves.map((curve) =>
    Math.max(0, ...[...curve.matchAll(/[ML]\S+ (\S+?)(?=L|$)/g)].map(([, y]) => 100 - Number(y))),
  )
}

describe('on a TAP', () => {
  test('the page switches a receive offload, and shows what the device does', async ({ site }) => {
    await site.boot()
    const { origin } = await openDoor(site)
    const inForce = async () => {
      const { receiveOffloads } = await readStats<{ receiveOffloads: object }>(
        site.peer,
        GUEST_HOST[4],
      )
      return receiveOffloads
    }
    const work = async (page: Page) => {
      const box = page.locator('#offload-switches input[name=guest_tso4]')
      await expect.poll(() => box.isChecked(), PATIENTLY).toBe(true)
      await box.click()
      await expect.poll(inForce, PATIENTLY).toMatchObject({ guest_tso4: false, guest_tso6: true })
      await expect.poll(() => box.isChecked(), PATIENTLY).toBe(false)
    }
    await withBrowser(origin, work, ['/offloads/guest_tso4/off'])
  })

  test('the page has the guest cut what it sends itself, from then on', async ({ site }) => {
    await site.boot()
    const { origin } = await openDoor(site)
    const largest = async () => {
      const { frames } = await site.capture([site.topology.tap], () =>
        expectDownload(site.peer, { host: GUEST_HOST[4] }, 1 << 20),
      )
      const verdict = judgeDeviceFrames(frames[0]!, { source: GUEST_SOURCE[4] })
      expect(verdict.violations).toEqual([])
      return verdict.largestFrame
    }
    expect(await largest()).toBeGreaterThan(1514)
    const work = async (page: Page) => {
      const box = page.locator('#offload-switches input[name=tso4]')
      await expect.poll(() => box.isChecked(), PATIENTLY).toBe(true)
      await box.click()
      await expect.poll(() => box.isChecked(), PATIENTLY).toBe(false)
    }
    await withBrowser(origin, work, ['/offloads/tso4/off'])
    expect(await largest()).toBe(1514)
  })

  test('the page shows the features that QEMU sees, live throughput and super-segments', async ({
    site,
  }) => {
    const { vm } = await site.boot()
    const { origin } = await openDoor(site)
    await withBrowser(origin, async (page) => {
      const rows = await expectFeaturesOf(page, await vm.virtioNet())
      for (const name of BOOT_FEATURES) {
        expect(rows.find(({ feature }) => feature === name)?.state, name).toBe('negotiated')
      }
      expect(await page.locator('#facts').textContent()).toContain(GUEST_HOST[4])
      expect(await page.locator('#connections tbody th').first().textContent()).toMatch(/:\d+$/)

      const quiet = await ratePeaks(page)
      await expectDownload(site.peer, { host: GUEST_HOST[4] }, TRANSFER_BYTES)
      await expectUpload(site.peer, { host: GUEST_HOST[6] }, TRANSFER_BYTES)
      // The axis begins at 1 Mbit/s, and a transfer in both directions needs more.
      await expect.poll(() => page.textContent('#top'), PATIENTLY).toMatch(/[2-9]|\d\d|G/)
      // Each direction may reach the page with another answer; what polling alone moves is far
      // below this.
      await expect
        .poll(async () => Math.min(...(await ratePeaks(page))), PATIENTLY)
        .toBeGreaterThan(1)
      expect(await ratePeaks(page)).not.toEqual(quiet)
      const words = await page.locator('#rates').getAttribute('aria-label')
      expect(words).toMatch(/at most [\d.]+ [MG]bit\/s in the last \d+ (s|min)$/)
      // Large frames left by the device's segmentation: the picture and its words say so.
      await expect
        .poll(() => page.getAttribute('#sizes', 'aria-label'), PATIENTLY)
        .toMatch(/sent: .*56 to 64 KiB/)
      const bars = await page.$$eval('#sizes rect.sent', (all) =>
        all.map((it) => Number(it.getAttribute('height'))),
      )
      expect(bars).toHaveLength(8)
      expect(bars[7]).toBeGreaterThan(0)
    })
  })

  test('nothing sticks out at 1280 and at 360 pixels, in light and in dark', async ({ site }) => {
    await site.boot()
    const { origin } = await openDoor(site)
    await withBrowser(origin, async (page) => {
      await page.locator('summary').click()
      await page.locator('#counters li').first().waitFor()
      const grounds: unknown[] = []
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        for (const size of [DESK, PHONE]) {
          await page.setViewportSize(size)
          expect(await page.evaluate(FIND_OVERFLOW), `${size.width} ${colorScheme}`).toEqual([])
        }
        grounds.push(await page.evaluate('getComputedStyle(document.body).backgroundColor'))
      }
      expect(grounds[0]).not.toBe(grounds[1])
    })
  })

  test('can be read by those who do not see it: one h1, named sections, headed tables, named pictures', async ({
    site,
  }) => {
    await site.boot()
    const { origin } = await openDoor(site)
    await withBrowser(origin, async (page) => {
      expect(await page.getByRole('heading', { level: 1 }).allTextContents()).toEqual(['Eremite'])
      expect(await page.getByRole('heading', { level: 2 }).count()).toBeGreaterThan(6)
      expect(await page.getAttribute('html', 'lang')).toBe('en')
      for (const name of ['Throughput of the last ten minutes', 'Connections']) {
        expect(await page.getByRole('region', { name }).count(), name).toBe(1)
      }
      expect(await page.getByRole('columnheader', { name: 'feature' }).count()).toBe(1)
      expect(await page.getByRole('rowheader', { name: 'HOST_TSO4' }).count()).toBe(1)
      expect(await page.getByRole('table').count()).toBe(2)
      for (const picture of await page.getByRole('img').all()) {
        expect(await picture.getAttribute('aria-label')).toMatch(/\w+ \w+/)
      }
    })
  })

  test('a browser keeps the page and is told when it still holds', async ({ site }) => {
    await site.boot()
    const { origin } = await openDoor(site)
    const first = await fetch(`${origin}/`)
    const tag = first.headers.get('etag')!
    await first.arrayBuffer()
    const again = await fetch(`${origin}/`, { headers: { 'If-None-Match': tag } })
    expect(again.status).toBe(304)
    expect(await again.text()).toBe('')
  })

  test('says that segmentation is useless without CSUM when QEMU is told csum=off', async ({
    site,
  }) => {
    const { vm } = await site.boot({ device: { csum: false } })
    const { origin } = await openDoor(site)
    await withBrowser(origin, async (page) => {
      const rows = await expectFeaturesOf(page, await vm.virtioNet())
      const row = (name: string) => rows.find(({ feature }) => feature === name)!
      expect(row('CSUM')).toMatchObject({ state: 'not offered' })
      expect(row('CSUM').reason).toContain('csum=off')
      expect(row('HOST_TSO4')).toMatchObject({ state: 'refused' })
      expect(row('HOST_TSO4').reason).toContain('useless without CSUM')
    })
  })
})

describe('on user-mode networking', () => {
  test('log, /stats and page say that there is no vnet header, and what to do', async ({
    launchGuest,
  }) => {
    const vm = await launchGuest({
      append: { ip: '10.0.2.15/24', gateway: '10.0.2.2' },
      network: [{ kind: 'user', forwards: [{ protocol: 'tcp', guestPort: 80 }] }],
    })
    await awaitReady(vm)
    const why = /no vnet header.*use NET=tap/
    const origin = `http://127.0.0.1:${await vm.forwardedPort(80)}`
    const stats = (await (await fetch(`${origin}/stats`)).json()) as { offloads: FeatureRow[] }
    for (const name of BOOT_FEATURES) {
      const entry = stats.offloads.find(({ feature }) => feature === name)
      expect(entry).toMatchObject({ state: 'not offered', reason: expect.stringMatching(why) })
    }
    const lines = vm.console.tail(50).split('\n')
    expect(lines.filter((line) => why.test(line))).toHaveLength(1)
    await withBrowser(origin, async (page) => {
      const rows = await expectFeaturesOf(page, await vm.virtioNet())
      expect(rows.find(({ feature }) => feature === 'CSUM')?.reason).toMatch(why)
      expect(await page.getByText(why).first().isVisible()).toBe(true)
    })
  })
})
