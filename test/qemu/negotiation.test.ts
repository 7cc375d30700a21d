/**
 * Feature negotiation (virtio §5.1.3, §5.1.3.1) as QEMU saw it, on every kind of back end, and what
 * is on the wire then.
 */
import { join } from 'node:path'
import { decodeFrame, judgeDeviceFrames, judgeSegments, Peer, readPcap } from 'qemu-runner'
import { describe, expect } from 'vitest'
import { GUEST, test } from './support/fixtures.ts'
import { GUEST_HOST, GUEST_SOURCE } from './support/guest-addresses.ts'
import { awaitReady, type Guest, type Site } from './support/site.ts'
import { readStats } from './support/stats.ts'
import { expectDownload, expectUpload } from './support/transfer.ts'

const SEGMENTATION = ['HOST_TSO4', 'HOST_TSO6', 'HOST_ECN']
const COALESCING = ['GUEST_TSO4', 'GUEST_TSO6', 'GUEST_ECN']
const OFFLOADS = ['CSUM', 'GUEST_CSUM', ...SEGMENTATION, ...COALESCING]
const BYTES = 2 << 20

test.override('guest', { ...GUEST, network: 'direct' })

/** QEMU's own view, which must be the guest's too. */
async function negotiated({ vm, ready }: Guest): Promise<ReadonlySet<string>> {
  const device = await vm.virtioNet()
  expect(device.broken).toBe(false)
  expect([...ready.features.negotiated].sort()).toEqual([...device.negotiated].sort())
  for (const name of device.negotiated) expect(device.offered).toContain(name)
  // Every offered feature of the specification that was not taken has its reason.
  for (const name of ready.features.offered) {
    if (device.negotiated.has(name)) continue
    expect(ready.features.refused[name], `reason for refusing ${name}`).toMatch(/\w+ \w+/)
  }
  return device.negotiated
}

async function moveBothWays(site: Site, guest: Guest): Promise<void> {
  for (const family of [4, 6] as const) {
    await expectDownload(site.peer, { host: GUEST_HOST[family] }, BYTES)
    await expectUpload(site.peer, { host: GUEST_HOST[family] }, BYTES)
  }
  expect((await guest.vm.virtioNet()).broken).toBe(false)
}

/**
 * Both directions with a capture on the TAP; every frame of the guest is complete, right and at
 * most 1514 bytes.
 */
async function expectPlainFrames(site: Site, guest: Guest): Promise<void> {
  const { frames } = await site.capture([site.topology.tap], () => moveBothWays(site, guest))
  for (const source of Object.values(GUEST_SOURCE)) {
    const verdict = judgeSegments(frames[0]!, { source, mtu: 1500 })
    expect(verdict.violations).toEqual([])
    expect(verdict.payloadBytes).toBeGreaterThanOrEqual(BYTES)
    expect(verdict.largestFrame).toBeLessThanOrEqual(1514)
  }
}

describe('on a TAP', () => {
  test('takes checksum offload, segmentation both families, coalescing and merged buffers', async ({
    site,
  }) => {
    const guest = await site.boot()
    const features = await negotiated(guest)
    for (const name of ['VERSION_1', 'MAC', 'STATUS', 'MRG_RXBUF', 'EVENT_IDX', 'INDIRECT_DESC']) {
      expect(features).toContain(name)
    }
    for (const name of OFFLOADS) {
      if (name !== 'GUEST_ECN') expect(features).toContain(name)
    }
    expect(guest.ready.segmentation).toMatchObject({ tcpv4: 65535, tcpv6: 65535 })
    const { frames } = await site.capture([site.topology.tap], () => moveBothWays(site, guest))
    for (const source of Object.values(GUEST_SOURCE)) {
      const verdict = judgeDeviceFrames(frames[0]!, { source })
      expect(verdict.violations).toEqual([])
      expect(verdict.largestFrame).toBeGreaterThan(1514)
      expect(verdict.largestFrame).toBeLessThanOrEqual(65535)
    }
    // The other direction is coalesced as well: the host hands super-segments to the guest.
    const received = frames[0]!.map(decodeFrame).filter(({ ip }) => ip?.source === '10.0.0.1')
    expect(Math.max(...received.map(({ length }) => length))).toBeGreaterThan(1514)
  })

  test('takes no segmentation with csum=off, although QEMU offers it (virtio §5.1.3.1)', async ({
    site,
  }) => {
    const guest = await site.boot({ device: { csum: false } })
    const features = await negotiated(guest)
    expect((await guest.vm.virtioNet()).offered).toContain('HOST_TSO4')
    for (const name of ['CSUM', ...SEGMENTATION]) expect(features).not.toContain(name)
    expect(guest.ready.features.refused.HOST_TSO4).toContain('CSUM')
    expect(guest.ready.segmentation).toEqual({})
    await expectPlainFrames(site, guest)
  })

  test('takes no coalescing with guest_csum=off, although QEMU offers it (virtio §5.1.3.1)', async ({
    site,
  }) => {
    const guest = await site.boot({ device: { guestCsum: false } })
    const features = await negotiated(guest)
    expect((await guest.vm.virtioNet()).offered).toContain('GUEST_TSO4')
    for (const name of ['GUEST_CSUM', ...COALESCING]) expect(features).not.toContain(name)
    expect(guest.ready.features.refused.GUEST_TSO4).toContain('GUEST_CSUM')
    await moveBothWays(site, guest)
  })

  test.for([
    ['TSO4 alone', { hostTso6: false }, { tcpv4: 65535 }],
    ['TSO6 alone', { hostTso4: false }, { tcpv6: 65535 }],
  ] as const)(
    'does the other family in software with %s',
    async ([_title, device, segmentation], { site }) => {
      const guest = await site.boot({ device })
      await negotiated(guest)
      const { tcpv4, tcpv6 } = guest.ready.segmentation
      expect({ tcpv4, tcpv6 }).toEqual({ tcpv4: undefined, tcpv6: undefined, ...segmentation })
      const { frames } = await site.capture([site.topology.tap], () => moveBothWays(site, guest))
      const largest = ([4, 6] as const).map(
        (family) => judgeDeviceFrames(frames[0]!, { source: GUEST_SOURCE[family] }).largestFrame,
      )
      expect(largest[0]! > 1514).toBe('tcpv4' in segmentation)
      expect(largest[1]! > 1514).toBe('tcpv6' in segmentation)
    },
  )

  test('takes no offload with offload=none', async ({ site }) => {
    const guest = await site.boot({ append: { offload: 'none' } })
    const features = await negotiated(guest)
    for (const name of OFFLOADS) expect(features).not.toContain(name)
    await expectPlainFrames(site, guest)
  })

  test('joins received segments itself with offload=none, until that is switched off', async ({
    site,
  }) => {
    await site.boot({ append: { offload: 'none' } })
    const joined = async (): Promise<number> => {
      for (const family of [4, 6] as const) {
        await expectUpload(site.peer, { host: GUEST_HOST[family] }, BYTES)
      }
      const { coalescing } = await readStats<{ coalescing: { coalescedSegments: number } }>(
        site.peer,
        GUEST_HOST[4],
      )
      return coalescing.coalescedSegments
    }
    const before = await joined()
    expect(before).toBeGreaterThan(BYTES / 1460 / 2)
    await site.topology.near.run([
      'curl',
      '-sS',
      '-X',
      'PUT',
      `http://${GUEST_HOST[4]}/offloads/gro/off`,
    ])
    expect(await joined()).toBe(before)
  })

  test('does not take what a list of offloads leaves out', async ({ site }) => {
    const guest = await site.boot({ append: { offload: 'csum,tso4' } })
    const features = await negotiated(guest)
    expect(features).toContain('HOST_TSO4')
    for (const name of ['HOST_TSO6', 'GUEST_CSUM', ...COALESCING])
      expect(features).not.toContain(name)
    await moveBothWays(site, guest)
  })

  test('takes nothing with vnet_hdr=off and completes every checksum itself', async ({ site }) => {
    const { near, tap } = site.topology
    const guest = await site.boot({
      network: [
        { kind: 'tap', namespace: near, interfaceName: tap.interfaceName, vnetHeader: false },
      ],
      append: site.topology.guestAppend,
    })
    const features = await negotiated(guest)
    for (const name of OFFLOADS) expect(features).not.toContain(name)
    expect(guest.ready.segmentation).toEqual({})
    await expectPlainFrames(site, guest)
  })

  test('takes the device’s MTU as that of IP: MSS 1360 and 1340 with host_mtu=1400', async ({
    site,
  }) => {
    const guest = await site.boot({ device: { hostMtu: 1400 } })
    expect(await negotiated(guest)).toContain('MTU')
    expect(guest.ready.mtu).toBe(1400)
    const { frames } = await site.capture([site.topology.tap], () => moveBothWays(site, guest))
    const announced = ([4, 6] as const).map((family) =>
      frames[0]!
        .map(decodeFrame)
        .filter(({ ip, tcp }) => ip?.source === GUEST_SOURCE[family] && tcp?.syn === true)
        .map(({ tcp }) => tcp?.mss),
    )
    expect(new Set(announced[0])).toEqual(new Set([1360]))
    expect(new Set(announced[1])).toEqual(new Set([1340]))
  })
})

describe('on user-mode networking', () => {
  test('takes nothing, and every frame has a right checksum in QEMU’s own dump', async ({
    launchGuest,
    folder,
  }) => {
    const dump = join(folder, 'user.pcap')
    const peer = await Peer.start()
    try {
      const vm = await launchGuest({
        append: {
          ip: '10.0.2.15/24',
          gateway: '10.0.2.2',
          ip6: 'fec0::15/64',
          gateway6: 'fec0::2',
        },
        network: [
          {
            kind: 'user',
            forwards: [{ protocol: 'tcp', guestPort: 80 }],
            capture: { path: dump },
          },
        ],
      })
      const ready = await awaitReady(vm)
      const features = await negotiated({ vm, ready })
      for (const name of OFFLOADS) expect(features).not.toContain(name)
      const target = { host: '127.0.0.1', port: await vm.forwardedPort(80) }
      await expectDownload(peer, target, BYTES)
      await expectUpload(peer, target, BYTES)
      const verdict = judgeSegments(await readPcap(dump), { source: '10.0.2.15', mtu: 1500 })
      expect(verdict.violations).toEqual([])
      expect(verdict.payloadBytes).toBeGreaterThanOrEqual(BYTES)
    } finally {
      await peer.close()
    }
  })
})
