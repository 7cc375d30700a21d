/** The way of received super-frames in the image: one buffer each, recognised by their headers, taken where they lie. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { GUEST_HOST, Site, withGuest } from './support/guest-site.ts'
import { expectUpload } from './support/transfer.ts'

const BYTES = 16 << 20

interface Statistics {
  readonly device: Record<'receivedFrames' | 'receivedSuperSegments' | 'receivedFragments', number>
  readonly tcp: Record<'segmentsReceived' | 'fastPathSegments', number>
}

const STATISTICS_REQUEST = 'GET /stats HTTP/1.1\r\nHost: guest\r\nConnection: close\r\n\r\n'

let site: Site
beforeAll(async () => {
  site = await Site.create('direct')
})
afterAll(() => site.close())

async function readStatistics(host: string): Promise<Statistics> {
  const { received } = await site.peer.request('exchange', {
    host,
    port: 80,
    send: Buffer.from(STATISTICS_REQUEST).toString('base64'),
    halfClose: false,
    timeoutMs: 10_000,
  })
  const answer = Buffer.from(received, 'base64').toString('utf8')
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as Statistics
}

it.each([4, 6] as const)(
  'takes a bulk transfer over IPv%i by header prediction, each super-frame out of one buffer',
  async (family) => {
    await withGuest(site, {}, async () => {
      const host = GUEST_HOST[family]
      const before = await readStatistics(host)
      await expectUpload(site.peer, { host }, BYTES)
      const after = await readStatistics(host)
      const superSegments = after.device.receivedSuperSegments - before.device.receivedSuperSegments
      expect(superSegments).toBeGreaterThan(BYTES / 65_536)
      expect(superSegments).toBeLessThan(BYTES / 20_000)
      // Of a device with MRG_RXBUF: what Linux coalesces fits one buffer.
      expect(after.device.receivedFragments).toBe(0)
      const segments = after.tcp.segmentsReceived - before.tcp.segmentsReceived
      const predicted = after.tcp.fastPathSegments - before.tcp.fastPathSegments
      expect(predicted).toBeGreaterThan(0.9 * superSegments)
      // Handshakes, the ends of connections and requests apart.
      expect(segments - predicted).toBeLessThan(20)
    })
  },
)
