/**
 * What watches a guest: metrics that promtool takes, a page that remembers, and health that load
 * balancers ask for.
 */
import { execFileSync } from 'node:child_process'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Vm } from 'qemu-runner'
import { requireExecutable } from 'qemu-runner'
import { expect } from 'vitest'
import { openBrowser } from './support/browser.ts'
import { buildApp } from './support/build-app.ts'
import { GUEST, test } from './support/fixtures.ts'
import { awaitReady } from './support/site.ts'

test.override('guest', {
  ...GUEST,
  network: [{ kind: 'user', forwards: [{ protocol: 'tcp', guestPort: 80 }] }],
})

async function originOf(vm: Vm): Promise<string> {
  await awaitReady(vm)
  return `http://127.0.0.1:${await vm.forwardedPort(80)}`
}

async function text(url: string): Promise<string> {
  const answer = await fetch(url)
  expect(answer.status).toBe(200)
  return answer.text()
}

/**
 * promtool is silent and ends with 0 when it has nothing to say against the format, the names and
 * the units.
 */
function check(metrics: string): void {
  const output = execFileSync(requireExecutable('promtool'), ['check', 'metrics'], {
    input: metrics,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  expect(output.toString()).toBe('')
}

const valueIn = (metrics: string, name: string): number => {
  const line = metrics.split('\n').find((it) => it.startsWith(`${name} `))
  return Number(line?.slice(name.length + 1))
}

test('/metrics of the built-in app is what promtool wants, and counts what was asked', async ({
  vm,
}) => {
  const origin = await originOf(vm)
  const before = await text(`${origin}/metrics`)
  check(before)
  for (let round = 0; round < 10; round++) await text(`${origin}/bytes/1000`)
  expect((await fetch(`${origin}/nothing`)).status).toBe(404)
  const response = await fetch(`${origin}/metrics`)
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  const after = await response.text()
  check(after)
  const grown = (name: string) => valueIn(after, name) - (valueIn(before, name) || 0)
  expect(grown('eremite_http_requests_total{code="2xx"}')).toBe(11)
  expect(grown('eremite_http_requests_total{code="4xx"}')).toBe(1)
  expect(grown('eremite_http_request_duration_seconds_count')).toBe(12)
  expect(grown('eremite_http_request_duration_seconds_bucket{le="+Inf"}')).toBe(12)
  expect(grown('eremite_tcp_transmit_bytes_total')).toBeGreaterThan(10_000)
  expect(grown('eremite_uptime_seconds')).toBeGreaterThan(0)
  expect(valueIn(after, 'eremite_memory_ram_bytes')).toBeGreaterThan(32 << 20)
})

test('an app has metrics, page and health at paths of its own', async ({ launchGuest }) => {
  const origin = await originOf(await launchGuest({ initrd: await buildApp('watched.ts') }))
  const before = await text(`${origin}/metrics`)
  for (let round = 0; round < 5; round++) await text(`${origin}/slow`)
  expect((await fetch(`${origin}/gone`)).status).toBe(410)
  const after = await text(`${origin}/metrics`)
  check(after)
  const bucket = (metrics: string, bound: string) =>
    valueIn(metrics, `eremite_http_request_duration_seconds_bucket{le="${bound}"}`)
  // Five took 0.3 s: none of them is within 0.25 s.
  const slow = (metrics: string) => bucket(metrics, '+Inf') - bucket(metrics, '0.25')
  expect(slow(after) - slow(before)).toBe(5)
  expect(valueIn(after, 'eremite_http_requests_total{code="4xx"}')).toBe(1)

  expect(await text(`${origin}/healthz`)).toBe('ok\n')
  await text(`${origin}/ill`)
  const ill = await fetch(`${origin}/healthz`)
  expect([ill.status, await ill.text()]).toEqual([503, 'unhealthy\n'])

  const statistics = JSON.parse(await text(`${origin}/status/stats`))
  expect(statistics).toMatchObject({ receiveOffloads: {}, http: { byClass: [0, 0, 9, 0, 1, 1] } })
  const written = await fetch(`${origin}/status`, { method: 'PUT' })
  expect([written.status, written.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
})

test('the page of an app is loaded anew and still shows what was before', async ({
  launchGuest,
}) => {
  const origin = await originOf(await launchGuest({ initrd: await buildApp('watched.ts') }))
  for (let second = 0; second < 22; second++) {
    await text(`${origin}/slow`)
    await delay(700)
  }
  const session = await openBrowser()
  try {
    const { page } = session
    await page.goto(`${origin}/status`)
    await page.getByRole('status').getByText('live').waitFor({ timeout: 20_000 })
    const shownSeconds = async () => {
      const words = (await page.locator('#rates').getAttribute('aria-label')) ?? ''
      return Number(/in the last (\d+) s$/.exec(words)?.[1])
    }
    await expect.poll(shownSeconds, { timeout: 10_000 }).toBeGreaterThanOrEqual(10)
    const first = await shownSeconds()
    await page.reload()
    await page.getByRole('status').getByText('live').waitFor({ timeout: 20_000 })
    await expect.poll(shownSeconds, { timeout: 10_000 }).toBeGreaterThanOrEqual(first)
    await text(`${origin}/slow`)
    const latency = () => page.locator('#latency').textContent()
    await expect.poll(latency, { timeout: 10_000 }).toMatch(/^[\d.]+ \/ 500 ms$/)
    expect(await page.locator('#requests').textContent()).toMatch(/\/s$/)
    const headings = await page.locator('h2').allTextContents()
    expect(headings.indexOf('Connections')).toBeLessThan(
      headings.indexOf('What the network device does for it'),
    )
    expect(session.complaints).toEqual([])
    const paths = new Set(session.requests.map((url) => url.replace(origin, '')))
    expect([...paths].sort()).toEqual(['/status', '/status/history', '/status/stats'])
  } finally {
    await session.close()
  }
})

test.for([
  ['the built-in app', undefined],
  ['an app that exports health', 'watched.ts'],
] as const)(
  '/healthz of %s is 200 as long as it runs, and 503 for who asks while it ends',
  async ([_, app], { launchGuest }) => {
    const initrd = app === undefined ? {} : { initrd: await buildApp(app) }
    const vm = await launchGuest({ ...initrd })
    const origin = await originOf(vm)
    expect(await text(`${origin}/healthz`)).toBe('ok\n')
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(origin).port) })
    let received = ''
    socket.on('data', (bytes) => {
      received += bytes.toString()
    })
    // A request that has begun when the button is pressed is answered.
    socket.write('GET /healthz HTTP/1.1\r\n')
    await delay(300)
    await vm.qmp.execute('system_powerdown')
    await vm.events.once('shutdown', { timeoutMs: 10_000 })
    socket.write('Host: guest\r\n\r\n')
    await expect.poll(() => received, { timeout: 10_000 }).toContain('shutting down')
    expect(received).toMatch(/^HTTP\/1\.1 503 /)
    expect(received).toMatch(/connection: close/i)
    expect(await vm.exited).toEqual({ kind: 'clean', status: 33 })
  },
)
