/**
 * The way of received super-frames in the image: one buffer each, recognized by their headers,
 * taken where they lie.
 */
import { expect } from 'vitest'
import { GUEST, test } from './support/fixtures.ts'
import { GUEST_HOST } from './support/guest-addresses.ts'
import { readStats } from './support/stats.ts'
import { expectUpload } from './support/transfer.ts'

const BYTES = 16 << 20

interface Statistics {
  readonly device: Record<'receivedFrames' | 'receivedSuperSegments' | 'receivedFragments', number>
  readonly tcp: Record<'segmentsReceived' | 'fastPathSegments', number>
  readonly coalescing: Record<'coalescedFrames' | 'coalescedSegments', number>
}

test.override('guest', { ...GUEST, network: 'direct' })

test.for([4, 6] as const)(
  'takes a bulk transfer over IPv%i by header prediction, each super-frame out of one buffer',
  async (family, { site }) => {
    await site.boot()
    const host = GUEST_HOST[family]
    const before = await readStats<Statistics>(site.peer, host)
    await expectUpload(site.peer, { host }, BYTES)
    const after = await readStats<Statistics>(site.peer, host)
    const superSegments = after.device.receivedSuperSegments - before.device.receivedSuperSegments
    expect(superSegments).toBeGreaterThan(BYTES / 65_536)
    expect(superSegments).toBeLessThan(BYTES / 20_000)
    // Of a device with MRG_RXBUF: what Linux coalesces fits one buffer.
    expect(after.device.receivedFragments).toBe(0)
    const segments = after.tcp.segmentsReceived - before.tcp.segmentsReceived
    const predicted = after.tcp.fastPathSegments - before.tcp.fastPathSegments
    const { coalescedFrames, coalescedSegments } = after.coalescing
    const joined = coalescedSegments - before.coalescing.coalescedSegments
    // What lies in the queue in a row is one segment to TCP.
    const spared = joined - (coalescedFrames - before.coalescing.coalescedFrames)
    expect(predicted + spared).toBeGreaterThan(0.9 * superSegments)
    expect(predicted).toBeLessThan(0.8 * superSegments)
    // Handshakes, the ends of connections and requests apart.
    expect(segments - predicted).toBeLessThan(20)
  },
)
