/**
 * Commands to the device, seen from outside: QEMU's receive filter, announcements on the wire,
 * coalescing that ends and begins (virtio 1.4 §5.1.6.5).
 */
import { decodeFrame, type PcapFrame, type Vm } from 'qemu-runner'
import { describe, expect } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { GUEST, test } from './support/fixtures.ts'
import { GUEST_HOST } from './support/guest-addresses.ts'
import { awaitReady, type Site } from './support/site.ts'
import { readStats } from './support/stats.ts'
import { expectDownload, expectEcho, expectUpload } from './support/transfer.ts'

const BYTES = 4 << 20
const PATIENTLY = { timeout: 15_000, interval: 100 }
const ALL_SYSTEMS = '01:00:5e:00:00:01'
const ALL_NODES = '33:33:00:00:00:01'
const ANNOUNCE = { initial: 50, max: 100, rounds: 3, step: 50 }

test.override('guest', { ...GUEST, network: 'direct' })

async function filterOf(vm: Vm) {
  const [filter] = await vm.qmp.execute('query-rx-filter', {})
  return filter!
}

/** Waits until QEMU's filter is as wanted: the guest tells the device when it comes to it. */
async function expectFilter(vm: Vm, wanted: object): Promise<void> {
  await expect.poll(() => filterOf(vm), PATIENTLY).toMatchObject(wanted)
}

async function tell(site: Site, words: string): Promise<string> {
  const { received } = await site.peer.request('datagram', {
    host: GUEST_HOST[4],
    port: 7777,
    send: Buffer.from(words).toString('base64'),
    timeoutMs: 15_000,
  })
  return Buffer.from(received ?? '', 'base64').toString()
}

function largestReceived(frames: readonly PcapFrame[], source: string): number {
  const ours = frames.map(decodeFrame).filter(({ ip }) => ip?.source === source)
  return Math.max(...ours.map(({ length }) => length))
}

describe('the receive filter', () => {
  test('leaves the promiscuous mode, and has the groups that the guest is in, on both ring formats', async ({
    site,
  }) => {
    for (const packed of [false, true]) {
      const { vm, ready } = await site.boot({ device: { packed } })
      await expectFilter(vm, {
        promiscuous: false,
        multicast: 'normal',
        'main-mac': ready.mac,
        'vlan-table': [0],
      })
      const { 'multicast-table': table } = await filterOf(vm)
      expect(table).toContain(ALL_SYSTEMS)
      expect(table).toContain(ALL_NODES)
      // Solicited-node groups: without them nobody could find the guest's IPv6 addresses.
      expect(table.filter((it) => it.startsWith('33:33:ff:'))).not.toHaveLength(0)
      expect((await vm.virtioNet()).broken).toBe(false)
      await site.topology.far.script('ip -6 neigh flush all; ip neigh flush all')
      for (const family of [4, 6] as const) {
        await expectEcho(site.peer, { host: GUEST_HOST[family] }, [1, 1000])
      }
      await vm.close()
    }
  })

  test('follows the groups that an app joins and leaves, and takes all when they are too many', async ({
    site,
  }) => {
    const initrd = await buildApp('joins.ts')
    const { vm } = await site.boot({ initrd })
    const own = (await filterOf(vm))['multicast-table'].length
    await tell(site, 'join 2')
    await expectFilter(vm, { multicast: 'normal', promiscuous: false })
    await expect
      .poll(async () => (await filterOf(vm))['multicast-table'], PATIENTLY)
      .toEqual(
        expect.arrayContaining(['01:00:5e:01:00:01', '01:00:5e:01:00:02', '33:33:00:01:00:02']),
      )
    await tell(site, 'join 40')
    await expectFilter(vm, { multicast: 'all', promiscuous: false })
    await tell(site, 'join 1')
    await expectFilter(vm, { multicast: 'normal', promiscuous: false })
    const left = (await filterOf(vm))['multicast-table']
    expect(left).not.toContain('01:00:5e:01:00:02')
    await tell(site, 'join 0')
    await expect
      .poll(async () => (await filterOf(vm))['multicast-table'].length, PATIENTLY)
      .toBe(own)
  })

  test('learns the address of a guest that had to make one up', async ({ launchGuest }) => {
    const nic = 'virtio-net-pci,netdev=n,romfile=,mac=03:00:00:00:00:01'
    const vm = await launchGuest({
      network: [],
      append: { ip: 'dhcp', ip6: 'off' },
      extraArguments: ['-netdev', 'user,id=n', '-device', nic],
    })
    const ready = await awaitReady(vm)
    expect(ready.features.negotiated).toContain('CTRL_MAC_ADDR')
    expect(ready.mac).toMatch(/^.[26ae]:/)
    // The lease came to that address: the filter lets it through.
    expect(ready.addresses).toEqual(['10.0.2.15/24'])
    await expectFilter(vm, { promiscuous: false, 'main-mac': ready.mac })
  })

  test('is not there without a control queue, and all the rest is', async ({ site }) => {
    const { vm } = await site.boot({ device: { ctrlVq: false } })
    expect(await filterOf(vm)).toMatchObject({ promiscuous: true })
    await expectDownload(site.peer, { host: GUEST_HOST[6] }, BYTES)
  })
})

describe('announce-self', () => {
  test('has the guest announce all its addresses, and QEMU hear that it has', async ({ site }) => {
    const { vm } = await site.boot()
    const { frames } = await site.capture([site.topology.tap], async () => {
      await vm.qmp.execute('announce-self', ANNOUNCE)
      await expect
        .poll(async () => (await report(site)).device.announcements, PATIENTLY)
        .toBeGreaterThanOrEqual(1)
    })
    const own = frames[0]!.map(({ bytes }) => bytes)
    const arp = own.filter((it) => it.readUInt16BE(12) === 0x806 && isOwn(it, 28) && isOwn(it, 38))
    expect(arp.length).toBeGreaterThanOrEqual(1)
    const advertisements = own.filter(
      (it) => it.readUInt16BE(12) === 0x86dd && it[54] === 136 && it.readUInt32BE(0) === 0x33330000,
    )
    const targets = new Set(advertisements.map((it) => it.toString('hex', 62, 78)))
    expect(targets).toContain('fd000000000000000000000000000002')
    expect([...targets].some((it) => it.startsWith('fe80'))).toBe(true)
    // Acknowledged: else the next round of QEMU would find the bit still set, and the guest would
    // not be asked again.
    await vm.qmp.execute('announce-self', ANNOUNCE)
    await expect
      .poll(async () => (await report(site)).device.announcements, PATIENTLY)
      .toBeGreaterThanOrEqual(2)
  })
})

describe('receive offloads', () => {
  test('end and begin while the guest runs, by the app and by PUT /offloads/NAME/on or off', async ({
    site,
  }) => {
    await site.boot()
    const largest = async (): Promise<number> => {
      const { frames } = await site.capture([site.topology.tap], async () => {
        for (const family of [4, 6] as const) {
          await expectUpload(site.peer, { host: GUEST_HOST[family] }, BYTES)
        }
      })
      return largestReceived(frames[0]!, '10.0.0.1')
    }
    const before = await superSegments(site)
    expect(await largest()).toBeGreaterThan(1514)
    const between = await superSegments(site)
    expect(between).toBeGreaterThan(before)

    for (const name of ['guest_tso4', 'guest_tso6']) await put(site, `/offloads/${name}/off`)
    await expect
      .poll(async () => (await report(site)).receiveOffloads, PATIENTLY)
      .toMatchObject({ guest_csum: true, guest_tso4: false, guest_tso6: false, guest_ecn: false })
    const quiet = await report(site)
    await largest()
    const joined = await report(site)
    // The host segments for the TAP now: no frame stands for several.
    expect(joined.device.receivedSuperSegments).toBe(quiet.device.receivedSuperSegments)
    // So the guest joins them itself, and TCP has far fewer than there are frames; their bytes are
    // equal, as `largest` sees to.
    const frames = joined.interface.framesReceived - quiet.interface.framesReceived
    const segments = joined.tcp.segmentsReceived - quiet.tcp.segmentsReceived
    const { coalescedFrames, coalescedSegments } = joined.coalescing!
    expect(coalescedSegments).toBeGreaterThan(BYTES / 1460)
    expect(coalescedFrames).toBeLessThan(coalescedSegments / 2)
    expect(segments).toBeLessThan(BYTES / 1460)
    expect(frames).toBeLessThan((2 * BYTES) / 1460)
    expect(joined.receiveOffloads).toMatchObject({ gro: true })

    for (const name of ['guest_tso4', 'guest_tso6']) await put(site, `/offloads/${name}/on`)
    await expect
      .poll(async () => (await report(site)).receiveOffloads, PATIENTLY)
      .toMatchObject({ guest_tso4: true, guest_tso6: true })
    await largest()
    const last = await report(site)
    expect(last.device.receivedSuperSegments).toBeGreaterThan(quiet.device.receivedSuperSegments)
  })

  test('are switched by an app, which is told when the device has done it, or why not', async ({
    site,
  }) => {
    const initrd = await buildApp('joins.ts')
    await site.boot({ initrd })
    const off = JSON.parse(await tell(site, 'switch guest_csum off'))
    expect(off).toMatchObject({ guest_csum: false, guest_tso4: false, guest_tso6: false })
    expect(await tell(site, 'switch guest_tso4 on')).toContain('GUEST_TSO4 requires GUEST_CSUM')
    expect(await tell(site, 'switch tso4 off')).toContain('no receive offload')
  })
})

async function put(site: Site, path: string): Promise<void> {
  const head = `PUT ${path} HTTP/1.1\r\nHost: guest\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`
  const { received } = await site.peer.request('exchange', {
    ...{ host: GUEST_HOST[4], port: 80, halfClose: false, timeoutMs: 10_000 },
    send: Buffer.from(head).toString('base64'),
  })
  expect(Buffer.from(received, 'base64').toString()).toMatch(/^HTTP\/1\.1 202 /)
}

interface Report {
  readonly device: { readonly announcements: number; readonly receivedSuperSegments: number }
  readonly interface: { readonly framesReceived: number }
  readonly tcp: { readonly segmentsReceived: number }
  readonly coalescing: {
    readonly coalescedFrames: number
    readonly coalescedSegments: number
  } | null
  readonly receiveOffloads: object
}

const report = (site: Site): Promise<Report> => readStats<Report>(site.peer, GUEST_HOST[4])

async function superSegments(site: Site): Promise<number> {
  return (await report(site)).device.receivedSuperSegments
}

/** The guest's IPv4 address is there. */
function isOwn(bytes: Buffer, offset: number): boolean {
  return bytes.toString('hex', offset, offset + 4) === '0a000002'
}
