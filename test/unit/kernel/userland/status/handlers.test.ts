/** `metrics` and `dashboard`, which an app gives paths of its own: what each path answers. */
import { expect, it, vi } from 'vitest'
import { Request } from '../../../../../kernel/userland/web/request.ts'

const statistics = {
  ...{ version: '1', transmitOffloads: { tso4: true }, receiveOffloads: { guest_tso4: true } },
}
vi.mock('eremite', () => ({
  system: {
    statistics: () => statistics,
    readings: () => ({ uptimeNs: 0, sentBytes: 0, receivedBytes: 0, sleptNs: 0, connections: 0 }),
    after() {},
  },
}))
const { dashboard } = await import('../../../../../kernel/userland/status/handlers.ts')
const ask = (path: string, method = 'GET') =>
  dashboard(new Request(`http://guest${path}`, { method }))

it('the page that an app shows has no switches: its paths would switch nothing', async () => {
  const stats = (await ask('/status/stats?x=/history').json()) as Record<string, unknown>
  expect(stats).toMatchObject({ version: '1', http: { boundsMs: expect.any(Array) } })
  expect([stats.transmitOffloads, stats.receiveOffloads]).toEqual([{}, {}])
})

it('answers history below, the page at every other path, and refuses to be written to', async () => {
  expect(await ask('/status/history').json()).toMatchObject({ intervalMs: 10_000 })
  expect(ask('/status').headers.get('content-type')).toBe('text/html; charset=utf-8')
  expect(ask('/status/', 'HEAD').status).toBe(200)
  const refused = ask('/status/offloads/tso4/off', 'PUT')
  expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
})
