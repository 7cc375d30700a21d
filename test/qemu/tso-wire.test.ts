/**
 * Super-segments behind a real Linux host that must segment them in software: every resulting frame
 * is judged.
 */
import { execFileSync } from 'node:child_process'
import { judgeDeviceFrames, judgeSegments } from 'qemu-runner'
import { describe, expect } from 'vitest'
import { GUEST, test } from './support/fixtures.ts'
import { type Family, GUEST_HOST, GUEST_SOURCE } from './support/guest-addresses.ts'
import type { Site } from './support/site.ts'
import { expectDownload, expectUpload } from './support/transfer.ts'

const BYTES = 64 << 20
const FEW_BYTES = 4 << 20
const TIMEOUT_MS = 120_000

/** Counters that rise when a host rejects what a guest sent. */
const NEAR_COUNTERS = [
  'IpInHdrErrors',
  'IpExtInCsumErrors',
  'IpExtInTruncatedPkts',
  'IpFragFails',
  'IpFragCreates',
  'Ip6InHdrErrors',
  'Ip6InTruncatedPkts',
  'Ip6FragFails',
  'Icmp6OutPktTooBigs',
]
const FAR_COUNTERS = [
  'TcpInCsumErrors',
  'TcpInErrs',
  'IpInHdrErrors',
  'Ip6InHdrErrors',
  'IpReasmReqds',
]

async function expectNoRejections(site: Site): Promise<void> {
  const near = await site.topology.near.counters()
  const far = await site.topology.far.counters()
  const risen = [
    ...NEAR_COUNTERS.filter((name) => (near.get(name) ?? 0) > 0).map((name) => `near ${name}`),
    ...FAR_COUNTERS.filter((name) => (far.get(name) ?? 0) > 0).map((name) => `far ${name}`),
  ]
  expect(risen).toEqual([])
}

describe.each(['routed', 'bridged'] as const)('a %s peer behind software segmentation', (kind) => {
  test.override('guest', { ...GUEST, network: kind })

  test.for([4, 6] as Family[])(
    'gets 64 MiB over IPv%i in segments that are all right, from super-segments',
    { timeout: TIMEOUT_MS },
    async (family, { site }) => {
      await site.boot()
      const points = [site.topology.tap, site.topology.wire]
      const { frames } = await site.capture(points, () =>
        expectDownload(site.peer, { host: GUEST_HOST[family] }, BYTES),
      )
      const [onTap, onWire] = frames as [(typeof frames)[0], (typeof frames)[0]]
      const source = GUEST_SOURCE[family]

      const device = judgeDeviceFrames(onTap, { source })
      expect(device.violations).toEqual([])
      expect(device.payloadBytes).toBeGreaterThanOrEqual(BYTES)
      expect(device.largestFrame).toBeGreaterThan(32 << 10)
      expect(device.largestFrame).toBeLessThanOrEqual(65535)

      const wire = judgeSegments(onWire, { source, mtu: 1500, deviceFrames: onTap })
      expect(wire.violations).toEqual([])
      expect(wire.payloadBytes).toBeGreaterThanOrEqual(BYTES)
      expect(wire.largestFrame).toBeLessThanOrEqual(1514)
      // The segmentation happened: many frames on the wire for each on the TAP.
      expect(wire.dataFrames).toBeGreaterThan(8 * device.dataFrames)
      await expectNoRejections(site)
    },
  )

  test('sends 8 MiB to the guest over each family', async ({ site }) => {
    await site.boot()
    for (const family of [4, 6] as const) {
      await expectUpload(site.peer, { host: GUEST_HOST[family] }, 8 << 20)
    }
    await expectNoRejections(site)
  })
})

describe('tshark, asked for a second opinion', () => {
  test.override('guest', { ...GUEST, network: 'routed' })

  test('finds no bad checksum, no fragment, none over the MTU', async ({ site }) => {
    await site.boot()
    const { paths } = await site.capture([site.topology.wire], async () => {
      for (const family of [4, 6] as const) {
        await expectDownload(site.peer, { host: GUEST_HOST[family] }, FEW_BYTES)
      }
    })
    const fromGuest = `(ip.src == ${GUEST_HOST[4]} or ipv6.src == ${GUEST_HOST[6]})`
    const count = (filter: string): number =>
      execFileSync(
        'tshark',
        [
          ...['-r', paths[0]!, '-n'],
          ...['-o', 'tcp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE'],
          ...['-Y', `${fromGuest} and (${filter})`, '-T', 'fields', '-e', 'frame.number'],
        ],
        { stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 64 << 20 },
      )
        .toString()
        .split('\n')
        .filter((line) => line !== '').length
    expect(count('tcp.len > 0')).toBeGreaterThan((2 * FEW_BYTES) / 1500)
    expect(count('tcp.checksum.status == "Good"')).toBe(count('tcp'))
    expect(count('ip.checksum.status == "Bad"')).toBe(0)
    expect(
      count('frame.len > 1514 or ip.flags.mf == 1 or ip.frag_offset > 0 or ipv6.fraghdr'),
    ).toBe(0)
    expect(count('tcp.analysis.retransmission or tcp.analysis.lost_segment')).toBe(0)
  })
})
