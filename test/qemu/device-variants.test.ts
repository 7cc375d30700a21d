/**
 * Machines, firmware, processors and what device-matrix.test.ts leaves of device properties: on
 * each the guest boots and the bytes are equal, both ways.
 */
import type { Vm } from 'qemu-runner'
import type { GuestOptions } from 'qemu-runner/vitest'
import { describe, expect } from 'vitest'
import { GUEST, test } from './support/fixtures.ts'
import { GUEST_HOST } from './support/guest-addresses.ts'
import type { Site } from './support/site.ts'
import { expectDownload, expectEcho, expectUpload } from './support/transfer.ts'

const BYTES = 8 << 20

test.override('guest', { ...GUEST, network: 'direct' })

async function expectEqualBytes(site: Site, options: GuestOptions): Promise<void> {
  const { vm } = await site.boot(options)
  for (const family of [4, 6] as const) {
    const host = GUEST_HOST[family]
    await expectDownload(site.peer, { host }, BYTES)
    await expectUpload(site.peer, { host }, BYTES)
    // More bytes than the queue has buffers, in many sizes, each frame waited for.
    await expectEcho(site.peer, { host }, [1, 64, 1459, 1460, 1461, 9000, 30_000, 60_000])
  }
  expect((await vm.virtioNet()).broken).toBe(false)
}

describe('virtio-net-pci with', () => {
  test.for([
    [
      'mrg_rxbuf=off and no coalescing',
      { mrgRxbuf: false, guestTso4: false, guestTso6: false, guestEcn: false, guestUfo: false },
    ],
    [
      'event_idx=off, indirect_desc=off, mrg_rxbuf=off',
      { eventIdx: false, indirectDesc: false, mrgRxbuf: false },
    ],
    [
      'packed=on, event_idx=off, indirect_desc=off, mrg_rxbuf=off',
      { packed: true, eventIdx: false, indirectDesc: false, mrgRxbuf: false },
    ],
    ['host_ecn=off', { hostEcn: false }],
    ['status=off', { status: false }],
  ] as [string, GuestOptions['device']][])('%s', async ([_title, device], { site }) => {
    await expectEqualBytes(site, device === undefined ? {} : { device })
  })
})

describe('the machine', () => {
  test.for([
    ['q35 with SeaBIOS', {}],
    ['q35 with qboot, which assigns no BAR', { bios: 'qboot.rom' }],
    ['microvm, whose firmware assigns no BAR', { machine: 'microvm' }],
    ['microvm with INTx', { machine: 'microvm', device: { vectors: 0 } }],
    ['q35 with qboot and INTx', { bios: 'qboot.rom', device: { vectors: 0 } }],
    ['-cpu qemu64, without RDRAND, with virtio-rng', { cpu: 'qemu64', entropyDevice: true }],
    ['-cpu max with virtio-rng', { entropyDevice: true }],
    ['-m 512', { memoryMiB: 512 }],
  ] as [string, GuestOptions][])('%s', async ([_title, options], { site }) => {
    await expectEqualBytes(site, options)
  })
})

const MMIO = {
  machine: 'microvm',
  machineProperties: { pcie: 'off' },
  device: { transport: 'mmio' },
} as const satisfies GuestOptions
const NO_ACPI = { pcie: 'off', acpi: 'off' }

describe('virtio-mmio on microvm', () => {
  test.for<[string, GuestOptions]>([
    ['without PCI, found by ACPI', MMIO],
    [
      'without PCI and ACPI, found by virtio_mmio.device= on the command line',
      { ...MMIO, machineProperties: NO_ACPI },
    ],
    ['beside PCI', { ...MMIO, machineProperties: {} }],
    [
      'without a second I/O APIC',
      { ...MMIO, machineProperties: { ...MMIO.machineProperties, ioapic2: 'off' } },
    ],
  ])('%s', async ([_title, options], { site }) => {
    await expectEqualBytes(site, options)
  })

  test('is driven by the line that ACPI tells, with the offloads of PCI', async ({ site }) => {
    const { vm, ready } = await site.boot(MMIO)
    expect(ready.pci).toMatch(/^mmio 0xfeb0[0-9a-f]{4}$/)
    expect(ready.segmentation).toMatchObject({ tcpv4: 65535, tcpv6: 65535 })
    const { negotiated } = await vm.virtioNet()
    for (const name of ['CSUM', 'HOST_TSO4', 'GUEST_TSO4', 'CTRL_VQ']) {
      expect(negotiated).toContain(name)
    }
    expect(vm.console.lines.join('\n')).toContain('intx interrupts')
  })

  test('is found by what the command line says of it, and polled where no table names an I/O APIC', async ({
    site,
  }) => {
    const append = { log: 'debug' }
    const { vm } = await site.boot({ ...MMIO, machineProperties: NO_ACPI, append })
    const lines = vm.console.lines.join('\n')
    // A window that nobody had named would have no known interrupt.
    expect(lines).toMatch(/mmio 0xfeb0\w+: virtio device type 1, interrupt \d+/)
    expect(lines).toContain('polled interrupts')
  })
})

const NIC = 'virtio-net-pci,netdev=n,romfile='
const BACK_END = ['-netdev', 'user,id=n']
const BARE_NIC = 'virtio-net-pci,romfile='

type Launch = (options?: GuestOptions) => Promise<Vm>

/** Boots with these QEMU arguments until it is ready; all that it has said. */
async function linesOf(
  launch: Launch,
  options: GuestOptions,
  ...extra: string[]
): Promise<string[]> {
  const vm = await launch({
    network: [],
    timeoutMs: 30_000,
    ...options,
    append: { ip: '10.0.0.2/24', 'exit-after': 'ready', ...(options.append as object) },
    extraArguments: [...(options.extraArguments ?? []), ...extra],
  })
  await vm.exited
  return vm.console.lines.map((line) => line.replace(/^\[ *[0-9.]+\] /, ''))
}

const PXB_PCIE = ['-device', 'pxb-pcie,id=far,bus=pcie.0,bus_nr=100']
const ROOT_PORT = ['-device', 'pcie-root-port,id=door,bus=far,chassis=1']

describe('a network device behind', () => {
  test.for<[string, GuestOptions, string, string]>([
    ['a root port of pxb-pcie', {}, '65:00.0', 'msix'],
    ['a root port of pxb-pcie, with qboot', { bios: 'qboot.rom' }, '65:00.0', 'msix'],
  ])('%s is found and used', async ([_title, options, address, mode], { launchGuest }) => {
    const lines = await linesOf(
      launchGuest,
      options,
      ...[...PXB_PCIE, ...ROOT_PORT, ...BACK_END],
      ...['-device', `${NIC},bus=door`],
    )
    expect(lines.join('\n')).toContain(`net: virtio-net ${address} `)
    expect(lines.join('\n')).toContain(`${mode} interrupts`)
  })

  test('pxb on an i440fx is found and used, and so is one behind a PCI bridge', async ({
    launchGuest,
  }) => {
    // The last -machine given is the one that counts.
    const pc = { extraArguments: ['-machine', 'pc'] }
    const pxb = ['-device', 'pxb,id=far,bus=pci.0,bus_nr=100', ...BACK_END]
    const bridge = ['-device', 'pci-bridge,id=far,chassis_nr=1', ...BACK_END]
    for (const [above, address] of [
      [pxb, '65:00.0'],
      [bridge, '01:00.0'],
    ] as const) {
      const lines = await linesOf(launchGuest, pc, ...above, '-device', `${NIC},bus=far`)
      expect(lines.join('\n')).toContain(`net: virtio-net ${address} `)
    }
  })
})

describe('what is there and not used gets one line with the next step:', () => {
  test.for<[string, GuestOptions, string[], RegExp]>([
    [
      'a network device beyond the eighth',
      { append: { ip: '10.0.2.15/24' } },
      [
        ...BACK_END,
        ...Array.from({ length: 8 }).flatMap(() => ['-device', BARE_NIC]),
        '-device',
        NIC,
      ],
      /network device 0000:00:09\.0 is not used: Eremite drives 8, the first is 0000:00:01\.0; leave/,
    ],
    [
      'a device with the legacy interface only',
      {},
      [...BACK_END, '-device', `${NIC},disable-modern=on`],
      /0000:00:01\.0.* legacy interface only; start QEMU without disable-modern=on$/,
    ],
    [
      'another model of network device',
      {},
      [...BACK_END, '-device', 'e1000,netdev=n,romfile='],
      /network device 0000:00:01\.0 \(8086:100e\) is not used: .*; use -device virtio-net-pci/,
    ],
    [
      'virtio-mmio with the legacy interface only',
      { machine: 'microvm', machineProperties: { pcie: 'off' } },
      [...BACK_END, '-device', 'virtio-net-device,netdev=n'],
      /mmio 0xfeb0\w+.* legacy interface only; start QEMU with -global virtio-mmio\.force-legacy=false$/,
    ],
    [
      'a virtio device without a driver',
      {},
      ['-device', 'virtio-balloon-pci'],
      /virtio device 0000:00:01\.0 \(balloon\) is not used: Eremite has no driver for it; leave/,
    ],
    ['further processors', {}, ['-smp', '3'], /one of 3 processors is used: -smp 1 is enough$/],
    [
      'an MTU below that of IPv6',
      {},
      [...BACK_END, '-device', `${NIC},host_mtu=1279`],
      /MTU of 1279 is below 1280, so there is no IPv6: give it host_mtu=1280 or more/,
    ],
    [
      'an MTU below that of IPv4',
      {},
      [...BACK_END, '-device', `${NIC},host_mtu=67`],
      /MTU is refused: 67 is not between 68 and 65535; 1500 is used, host_mtu=68 or more/,
    ],
  ])('%s', async ([_title, options, extra, line], { launchGuest }) => {
    const lines = await linesOf(launchGuest, options, ...extra)
    expect(lines.filter((it) => line.test(it))).toHaveLength(1)
    expect(lines.some((it) => /^kernel: ready after/.test(it))).toBe(true)
  })
})

test('an MTU of 68, the least of IPv4, carries TCP, and errors about packets that fill it', async ({
  site,
}) => {
  const { ready } = await site.boot({ device: { hostMtu: 68 } })
  expect(ready.mtu).toBe(68)
  expect(ready.addresses).toEqual(['10.0.0.2/24'])
  const datagram = `head -c 40 /dev/zero | socat -u - UDP4:${GUEST_HOST[4]}:9999`
  await site.topology.far.script(datagram)
  // Linux sends no segments of so small a size: what it sends at once must fit into one.
  await expectEcho(site.peer, { host: GUEST_HOST[4] }, [1, 15, 16])
})
