/** Machines, firmware, processors and device properties: on each the guest boots and the bytes are equal, both ways. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GUEST_HOST, type GuestOptions, Site, withGuest } from './support/guest-site.ts'
import { expectDownload, expectEcho, expectUpload } from './support/transfer.ts'

const BYTES = 8 << 20

let site: Site
beforeAll(async () => {
  site = await Site.create('direct')
})
afterAll(() => site.close())

async function expectEqualBytes(options: GuestOptions): Promise<void> {
  await withGuest(site, options, async ({ vm }) => {
    for (const family of [4, 6] as const) {
      const host = GUEST_HOST[family]
      await expectDownload(site.peer, { host }, BYTES)
      await expectUpload(site.peer, { host }, BYTES)
      // More bytes than the queue has buffers, in many sizes, each frame waited for.
      await expectEcho(site.peer, { host }, [1, 64, 1459, 1460, 1461, 9000, 30_000, 60_000])
    }
    expect((await vm.virtioNet()).broken).toBe(false)
  })
}

describe('virtio-net-pci with', () => {
  it.each([
    ['mrg_rxbuf=off', { mrgRxbuf: false }],
    [
      'mrg_rxbuf=off and no coalescing',
      { mrgRxbuf: false, guestTso4: false, guestTso6: false, guestEcn: false, guestUfo: false },
    ],
    ['event_idx=off', { eventIdx: false }],
    ['indirect_desc=off', { indirectDesc: false }],
    [
      'event_idx=off, indirect_desc=off, mrg_rxbuf=off',
      { eventIdx: false, indirectDesc: false, mrgRxbuf: false },
    ],
    ['rx_queue_size=256', { rxQueueSize: 256 }],
    ['rx_queue_size=512', { rxQueueSize: 512 }],
    ['rx_queue_size=1024', { rxQueueSize: 1024 }],
    ['rx_queue_size=1024 and mrg_rxbuf=off', { rxQueueSize: 1024, mrgRxbuf: false }],
    ['disable-legacy=off, transitional', { disableLegacy: false }],
    ['disable-legacy=on, modern only', { disableLegacy: true }],
    ['disable-legacy=on and mrg_rxbuf=off', { disableLegacy: true, mrgRxbuf: false }],
    ['vectors=0, INTx instead of MSI-X', { vectors: 0 }],
    ['packed=on, which is not taken', { packed: true }],
    ['mq=on, of which one pair is used', { mq: true }],
    ['host_ecn=off', { hostEcn: false }],
    ['ctrl_vq=off', { ctrlVq: false }],
    ['status=off', { status: false }],
  ] as [string, GuestOptions['device']][])('%s', async (_title, device) => {
    await expectEqualBytes(device === undefined ? {} : { device })
  })
})

describe('the machine', () => {
  it.each([
    ['q35 with SeaBIOS', {}],
    ['q35 with qboot, which assigns no BAR', { bios: 'qboot.rom' }],
    ['microvm, whose firmware assigns no BAR', { machine: 'microvm' }],
    ['microvm with INTx', { machine: 'microvm', device: { vectors: 0 } }],
    ['q35 with qboot and INTx', { bios: 'qboot.rom', device: { vectors: 0 } }],
    ['-cpu qemu64, without RDRAND, with virtio-rng', { cpu: 'qemu64', entropyDevice: true }],
    ['-cpu max with virtio-rng', { entropyDevice: true }],
    ['-m 512', { memoryMiB: 512 }],
  ] as [string, GuestOptions][])('%s', async (_title, options) => {
    await expectEqualBytes(options)
  })
})
