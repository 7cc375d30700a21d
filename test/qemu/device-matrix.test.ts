/**
 * Properties of the network device, every two of them together: on each machine of this matrix the
 * guest sends, receives and echoes the right bytes, in the right segments, over both families.
 */
import type { PcapFrame } from 'qemu-runner'
import { decodeFrame, judgeDeviceFrames, judgeSegments } from 'qemu-runner'
import type { GuestOptions } from 'qemu-runner/vitest'
import { describe, expect } from 'vitest'
import { coveringArray, type Exclusion, type Row } from '../support/covering-array.ts'
import { GUEST, test } from './support/fixtures.ts'
import { decodeUdp } from './support/frames.ts'
import { type Family, GUEST_HOST, GUEST_SOURCE } from './support/guest-addresses.ts'
import type { Guest, Site } from './support/site.ts'
import { expectDownload, expectEcho, expectUpload } from './support/transfer.ts'

/** QEMU's own default. */
const DEFAULT = undefined

/**
 * What virtio-net may be made of. QEMU has queues of 256 to 1024 entries; those of 2 and more are
 * run through by the tests of the virtqueue. `mq` is as many pairs of queues as the TAP has.
 */
const FACTORS = {
  machine: ['q35', 'microvm', 'microvm without PCI'],
  rxQueueSize: [256, 512, 1024],
  vectors: [DEFAULT, 0, 2],
  disableLegacy: [DEFAULT, true, false],
  packed: [false, true],
  eventIdx: [true, false],
  indirectDesc: [true, false],
  mrgRxbuf: [true, false],
  hostTso: [true, false],
  guestTso: [true, false],
  ctrlVq: [true, false],
  mq: [false, 1, 2, 4],
} as const

const IMPOSSIBLE: readonly Exclusion<typeof FACTORS>[] = [
  {
    why: 'virtio-mmio has one line and no vectors',
    when: { machine: isMmio, vectors: (vectors) => vectors !== DEFAULT },
  },
  {
    why: 'QEMU has virtio-mmio announce 1024 entries, whatever the device has',
    when: { machine: isMmio, rxQueueSize: (size) => size !== 1024 },
  },
  {
    why: 'a legacy interface beside the modern one is a matter of PCI',
    when: { machine: isMmio, disableLegacy: (disableLegacy) => disableLegacy !== DEFAULT },
  },
]

type Settings = Row<typeof FACTORS>

function isMmio(machine: Settings['machine']): boolean {
  return machine === 'microvm without PCI'
}

const BYTES = 1 << 20
const MTU = 1500
const FAMILIES: readonly Family[] = [4, 6]
/** With those that need fragments both ways. */
const DATAGRAMS = [1, 512, 1400, 4000]
const ANSWER_MS = 15_000

test.override('guest', { ...GUEST, network: 'routed' })

function guestOf(settings: Settings): GuestOptions {
  const { machine, vectors, disableLegacy, hostTso, guestTso, mq, ...device } = settings
  return {
    machine: machine === 'q35' ? 'q35' : 'microvm',
    ...(isMmio(machine) ? { machineProperties: { pcie: 'off' } } : {}),
    device: {
      ...device,
      mq: mq !== false,
      ...(isMmio(machine) ? { transport: 'mmio' } : {}),
      ...(vectors === DEFAULT ? {} : { vectors }),
      ...(disableLegacy === DEFAULT ? {} : { disableLegacy }),
      ...{ hostTso4: hostTso, hostTso6: hostTso, hostEcn: hostTso },
      ...{ guestTso4: guestTso, guestTso6: guestTso, guestEcn: guestTso, guestUfo: guestTso },
    },
  }
}

function titleOf(settings: Settings): string {
  const words = Object.entries(settings).filter(([, value]) => value !== DEFAULT)
  return words.map(([name, value]) => (name === 'machine' ? value : `${name}=${value}`)).join(' ')
}

/** Pairs that the guest can have: without commands it cannot ask for a second. */
function queuePairsOf({ mq, ctrlVq }: Settings): number {
  return ctrlVq && mq !== false ? mq : 1
}

/** The settings took effect, by QEMU's word. */
async function expectNegotiated({ vm }: Guest, settings: Settings): Promise<void> {
  const { negotiated } = await vm.virtioNet()
  const wanted = {
    RING_PACKED: settings.packed,
    EVENT_IDX: settings.eventIdx,
    INDIRECT_DESC: settings.indirectDesc,
    MRG_RXBUF: settings.mrgRxbuf,
    HOST_TSO4: settings.hostTso,
    HOST_TSO6: settings.hostTso,
    GUEST_TSO4: settings.guestTso,
    GUEST_TSO6: settings.guestTso,
    CTRL_VQ: settings.ctrlVq,
    MQ: queuePairsOf(settings) > 1,
  }
  for (const [name, isWanted] of Object.entries(wanted)) {
    expect([name, negotiated.has(name)]).toEqual([name, isWanted])
  }
  // Newer QEMUs (seen with 10.0) announce 1024 on PCI too, whatever rx_queue_size is.
  expect([settings.rxQueueSize, 1024]).toContain((await vm.virtioNetQueue(0)).size)
}

async function expectDatagrams(site: Site, host: string): Promise<void> {
  for (const length of DATAGRAMS) {
    const send = Buffer.from(Uint8Array.from({ length }, (_, at) => at * 7 + (at >> 8)))
    const { outcome, received } = await site.peer.request('datagram', {
      ...{ host, port: 7, timeoutMs: ANSWER_MS },
      send: send.toString('base64'),
    })
    expect([length, outcome]).toEqual([length, 'answer'])
    expect(Buffer.from(received, 'base64').equals(send), `${length} octets are equal`).toBe(true)
  }
}

async function exchange(site: Site): Promise<void> {
  for (const family of FAMILIES) {
    const host = GUEST_HOST[family]
    await expectDownload(site.peer, { host }, BYTES)
    await expectUpload(site.peer, { host }, BYTES)
    await expectEcho(site.peer, { host }, [1, 64, 1459, 1460, 1461, 9000, 30_000, 60_000])
    await expectDatagrams(site, host)
  }
}

const TCP = 6

/** By octets alone: captures are long, and decoding judges every checksum. */
function tcpOf(family: Family, frames: readonly PcapFrame[]): PcapFrame[] {
  const [etherType, protocolAt] = family === 4 ? [0x0800, 23] : [0x86dd, 20]
  return frames.filter(
    ({ bytes }) => bytes.readUInt16BE(12) === etherType && bytes[protocolAt] === TCP,
  )
}

function largestTo(family: Family, frames: readonly PcapFrame[]): number {
  const received = frames
    .map(decodeFrame)
    .filter(({ ip }) => ip?.destination === GUEST_SOURCE[family])
  return Math.max(...received.map(({ length }) => length))
}

/** What the device was given, what then is on the wire, and what the device was sent. */
function expectRightFrames(
  settings: Settings,
  onTap: readonly PcapFrame[],
  onWire: readonly PcapFrame[],
): void {
  const whole = 14 + MTU
  for (const family of FAMILIES) {
    const source = GUEST_SOURCE[family]
    const deviceFrames = tcpOf(family, onTap)
    const device = judgeDeviceFrames(deviceFrames, { source })
    expect(device.violations).toEqual([])
    expect(device.payloadBytes).toBeGreaterThanOrEqual(BYTES)
    if (settings.hostTso) expect(device.largestFrame).toBeGreaterThan(8 * MTU)
    else expect(device.largestFrame).toBe(whole)
    const wire = judgeSegments(tcpOf(family, onWire), { source, mtu: MTU, deviceFrames })
    expect(wire.violations).toEqual([])
    expect(wire.payloadBytes).toBeGreaterThanOrEqual(BYTES)
    expect(wire.largestFrame).toBe(whole)
    if (!settings.guestTso) expect(largestTo(family, deviceFrames)).toBeLessThanOrEqual(whole)
  }
  const answers = onWire
    .filter(({ bytes }) => decodeUdp(bytes)?.sourcePort === 7)
    .filter((frame) => decodeFrame(frame).ip?.moreFragments === false)
    .map(({ bytes }) => decodeUdp(bytes))
  expect(answers.length).toBeGreaterThanOrEqual(FAMILIES.length * (DATAGRAMS.length - 1))
  expect(answers.filter((answer) => !answer!.isChecksumGood).length).toBe(0)
}

/** Chains that QEMU has taken from each queue of these pairs, modulo 2^16. */
async function readUsed({ vm }: Guest, settings: Settings): Promise<number[]> {
  const used: number[] = []
  for (let queue = 0; queue < 2 * queuePairsOf(settings); queue++) {
    used.push((await vm.virtioNetQueue(queue)).usedIndex)
  }
  return used
}

/**
 * By the hashes of some twenty flows, both ways: that they all fell to one pair of two happens once
 * in a hundred thousand runs.
 */
function expectSpread(before: readonly number[], after: readonly number[]): void {
  const most = Math.min(2, before.length / 2)
  for (const direction of [0, 1]) {
    const moved = after.filter((used, queue) => queue % 2 === direction && used !== before[queue])
    expect(moved.length).toBeGreaterThanOrEqual(most)
  }
}

const ROWS = coveringArray(FACTORS, IMPOSSIBLE)

describe.each([1, 2, 4])('on a TAP of %d queues', (tapQueues) => {
  test.override('topologyOptions', { tapQueues })

  test.for(
    ROWS.filter(({ mq }) => (mq || 1) === tapQueues).map((it) => [titleOf(it), it] as const),
  )('%s: bytes and segments are right', async ([_title, settings], { site }) => {
    const guest = await site.boot(guestOf(settings))
    await expectNegotiated(guest, settings)
    const points = [site.topology.tap, site.topology.wire]
    const before = await readUsed(guest, settings)
    const { frames } = await site.capture(points, () => exchange(site))
    expectSpread(before, await readUsed(guest, settings))
    expectRightFrames(settings, frames[0]!, frames[1]!)
    expect((await guest.vm.virtioNet()).broken).toBe(false)
  })
})
