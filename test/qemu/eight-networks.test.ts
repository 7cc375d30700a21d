/**
 * A guest with as many network devices as it drives, and one more: each serves its network, with a
 * vector for each queue and with fewer (virtio 1.4 §4.1.5.1.2).
 */
import type { NetworkOptions, Peer, Topology, Vm } from 'qemu-runner'
import { describe, expect } from 'vitest'
import { GUEST, test } from './support/fixtures.ts'
import { readStats } from './support/stats.ts'
import { expectDownload, expectEcho, expectUpload } from './support/transfer.ts'

const DEVICES = 8
const BULK_BYTES = 256 << 10

interface InterfaceStats {
  readonly device: {
    readonly interrupts: number
    readonly queuePairs: number
    readonly deviceViolations: object
  }
}

/**
 * As many TAPs, each a network whose host is the same namespace, and a device on each; those of
 * several queues with `mq`.
 */
async function attach(
  { near }: Topology,
  count: number,
  device: (index: number) => { readonly queues?: number; readonly vectors?: number },
): Promise<NetworkOptions[]> {
  const devices = Array.from({ length: count }, (_, index) => device(index))
  const further = devices.slice(1).map(
    ({ queues = 1 }, at) => `
ip tuntap add dev tap${at + 1} mode tap vnet_hdr${queues > 1 ? ' multi_queue' : ''}
ip link set tap${at + 1} up
ip addr add 10.${at + 1}.0.1/24 dev tap${at + 1}`,
  )
  await near.script(further.join('\n'))
  return devices.map(({ queues = 1, ...properties }, index) => ({
    ...{ kind: 'tap', namespace: near, interfaceName: `tap${index}` },
    ...(queues > 1 ? { queues } : {}),
    device: { ...properties, mq: queues > 1 },
  }))
}

function addressOf(index: number): string {
  return `10.${index}.0.2`
}

function append(): Record<string, string> {
  const words: Record<string, string> = {}
  for (let index = 0; index < DEVICES; index++) {
    const suffix = index === 0 ? '' : `.${index}`
    words[`ip${suffix}`] = `${addressOf(index)}/24`
    words[`ip6${suffix}`] = 'off'
  }
  return words
}

/** All at once, so that none waits for another's interrupts. */
async function expectAllServe(peer: Peer): Promise<void> {
  const served = Array.from({ length: DEVICES }, async (_, index) => {
    const target = { host: addressOf(index) }
    await expectEcho(peer, target, [1, 1460, 9000])
    await expectDownload(peer, target, BULK_BYTES)
    await expectUpload(peer, target, BULK_BYTES)
  })
  await Promise.all(served)
}

describe('eight network devices', () => {
  test.override('guest', { ...GUEST, network: 'direct', memoryMiB: 128, append: append() })

  test('all serve with a vector for each queue, and a ninth has one line', async ({ site }) => {
    const network = await attach(site.topology, DEVICES + 1, () => ({}))
    const { vm, ready } = await site.boot({ network })
    expect((ready as unknown as { interfaces: unknown[] }).interfaces).toHaveLength(DEVICES)
    await expectAllServe(site.peer)
    const { text } = vm.console
    expect(text.match(/msix interrupts/g)).toHaveLength(DEVICES)
    expect(text.match(/network device .* is not used/g)).toHaveLength(1)
    expect(text).toMatch(
      /network device 0000:00:0[0-9a-f]\.0 is not used: Eremite drives 8, the first is 0000:00:0\d\.0; leave it out/,
    )
    await expectInterrupted(vm, site.peer)
  })

  describe('of which every fourth has four pairs of queues', () => {
    test.override('topologyOptions', { tapQueues: 4 })

    test('all serve with fewer vectors than queues, each in another way', async ({ site }) => {
      const kinds = [{ queues: 4 }, { vectors: 2 }, { vectors: 3 }, { vectors: 0 }]
      const network = await attach(site.topology, DEVICES, (index) => kinds[index % 4]!)
      const { vm } = await site.boot({ network })
      await expectAllServe(site.peer)
      const { text } = vm.console
      expect(text.match(/msix interrupts/g)).toHaveLength(6)
      expect(text.match(/intx interrupts/g)).toHaveLength(2)
      const pairs = await expectInterrupted(vm, site.peer)
      expect(pairs).toEqual([4, 1, 1, 1, 4, 1, 1, 1])
    })
  })
})

/** Each by interrupts of its own; returns how many pairs each uses. */
async function expectInterrupted(vm: Vm, peer: Peer): Promise<number[]> {
  expect(vm.console.text).not.toContain('polling instead')
  const stats = await readStats<{ interfaces: InterfaceStats[] }>(peer, addressOf(7))
  for (const { device } of stats.interfaces) {
    expect(device.deviceViolations).toEqual({})
    expect(device.interrupts).toBeGreaterThan(0)
  }
  return stats.interfaces.map(({ device }) => device.queuePairs)
}
