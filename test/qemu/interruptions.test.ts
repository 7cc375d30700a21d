/**
 * What may happen under a transfer: a TAP that goes down, a QEMU that hands its guest to another.
 * No byte is lost and no connection. (long-runs.test.ts has links that flap, hot-plug.test.ts
 * devices that go, device-reset.test.ts resets.)
 */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Capture, type PcapFrame, readPcap, type Vm } from 'qemu-runner'
import type { GuestOptions } from 'qemu-runner/vitest'
import { describe, expect } from 'vitest'
import { GUEST, test } from './support/fixtures.ts'
import { GUEST_HOST } from './support/guest-addresses.ts'
import type { Site } from './support/site.ts'
import { expectDownload, expectEcho, expectUpload } from './support/transfer.ts'

const BYTES = 16 << 20
const LONG_BYTES = 96 << 20
const UNDER_WAY_BYTES = 1 << 20
const OFTEN = { timeout: 10_000, interval: 5 }
const OWN_ADDRESS = '0a000002'

/** Transfers one after the other until `work` is done: it falls into the middle of one. */
async function underTransfers(
  work: () => Promise<void>,
  moves: readonly (() => Promise<unknown>)[],
): Promise<void> {
  let isDone = false
  const moving = moves.map(async (move) => {
    do await move()
    while (!isDone)
  })
  const moved = Promise.all(moving)
  // The first that fails tells, after `work` if that fails too.
  moved.catch(() => undefined)
  await delay(100)
  await work().finally(() => {
    isDone = true
  })
  await moved
}

describe('a TAP', () => {
  test.override('guest', { ...GUEST, network: 'direct' })

  test('that goes down and comes up again under a transfer loses no byte', async ({ site }) => {
    await site.boot()
    const { near } = site.topology
    const target = { host: GUEST_HOST[4] }
    const carried = async (): Promise<number> => {
      const { sentBytes, receivedBytes } = await near.interfaceStatistics('tap0')
      return sentBytes + receivedBytes
    }
    for (const move of [expectDownload, expectUpload]) {
      const before = await carried()
      const moving = move(site.peer, target, LONG_BYTES)
      moving.catch(() => undefined)
      // The host's routes go with a TAP that is down: it must have dialed by then.
      await expect.poll(carried, OFTEN).toBeGreaterThan(before + UNDER_WAY_BYTES)
      for (let count = 0; count < 2; count++) {
        await near.script('ip link set tap0 down')
        await delay(100)
        await near.script('ip link set tap0 up')
        await delay(50)
      }
      await moving
    }
  })
})

describe('a guest that another QEMU takes over', () => {
  test.override('guest', { ...GUEST, network: 'bridged' })

  /** Another host would have its TAP behind the same switch. */
  async function launchDestination(site: Site, options: GuestOptions): Promise<Vm> {
    const { near, guestAppend } = site.topology
    await near.script(`
ip tuntap add dev tap1 mode tap vnet_hdr
ip link set tap1 up master br0
`)
    const { device } = options
    return site.launch({
      ...options,
      incoming: true,
      append: guestAppend,
      network: [
        {
          ...{ kind: 'tap', namespace: near, interfaceName: 'tap1', mac: '52:54:00:12:34:56' },
          ...(device === undefined ? {} : { device }),
        },
      ],
    })
  }

  /** ARP of the guest about itself, as the switch's other side heard it. */
  function isGratuitous({ bytes }: PcapFrame): boolean {
    return (
      bytes.toString('hex', 28, 32) === OWN_ADDRESS && bytes.toString('hex', 38, 42) === OWN_ADDRESS
    )
  }

  test.for<[string, GuestOptions]>([
    ['split rings', {}],
    ['packed rings', { device: { packed: true } }],
  ])(
    'keeps its connections on %s, and tells the switch where it is',
    async ([_title, options], { site }) => {
      const { vm } = await site.boot(options)
      const destination = await launchDestination(site, options)
      const path = join(site.folder, 'arp.pcap')
      const capture = await Capture.start(site.topology.wire, path, { filter: 'arp' })
      try {
        const move = async () => {
          await vm.migrateTo(destination)
          await vm.close()
        }
        await underTransfers(move, [
          () => expectDownload(site.peer, { host: GUEST_HOST[4] }, BYTES),
          () => expectUpload(site.peer, { host: GUEST_HOST[6] }, BYTES / 2),
        ])
        for (const family of [4, 6] as const) {
          await expectEcho(site.peer, { host: GUEST_HOST[family] }, [1, 9000])
        }
      } finally {
        await capture.stop()
      }
      // What was under way went on at the other TAP.
      const later = await site.topology.near.interfaceStatistics('tap1')
      expect(later.receivedBytes).toBeGreaterThan(1 << 16)
      expect(later.sentBytes).toBeGreaterThan(1 << 16)
      expect((await readPcap(path)).filter(isGratuitous).length).toBeGreaterThan(0)
      expect((await destination.virtioNet()).broken).toBe(false)
    },
  )
})
