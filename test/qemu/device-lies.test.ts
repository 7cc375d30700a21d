/**
 * A device that lies, in the memory that it shares with the guest: each lie is noticed, the device
 * is reset and all it can write is made anew, and the connection goes on. (V1, V3, V4, V6 and V8 of
 * the behaviors that test/unit/drivers/virtio/net/hostile-device.test.ts runs through.)
 */
import { once } from 'node:events'
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Qmp, VirtioNetProperties, Vm } from 'qemu-runner'
import type { GuestOptions, RunnerFixtures } from 'qemu-runner/vitest'
import { expect } from 'vitest'
import { GUEST, test } from './support/fixtures.ts'
import { awaitReady } from './support/site.ts'

const EVENT_MS = 20_000
/** An echo on a connection that has lost nothing. */
const HEALED_MS = 900
/** More than the windows of both sides hold. */
const BULK_BYTES = 8 << 20
const MEMORY_MIB = 64
const RECEIVE_QUEUE = 0
const DESCRIPTOR_BYTES = 16
const RING_HEADER = 4
/** §2.8.1: of a packed descriptor's flags. */
const AVAILABLE = 1 << 7
const USED = 1 << 15
/** §5.1.6: where virtio_net_hdr has the count of merged buffers. */
const BUFFER_COUNT = 10
/** No memory is there. */
const NOWHERE = 0xeeee_eeee_eeee_0000n

type QueueStatus = Qmp.XQueryVirtioQueueStatusResult

/** The guest's memory at physical addresses below the hole for devices. */
class GuestMemory {
  private readonly file: number

  constructor(path: string) {
    this.file = openSync(path, 'r+')
  }

  read(address: number, length: number): Buffer {
    const bytes = Buffer.alloc(length)
    readSync(this.file, bytes, 0, length, address)
    return bytes
  }

  write(address: number, bytes: Buffer): void {
    writeSync(this.file, bytes, 0, bytes.length, address)
  }

  close(): void {
    closeSync(this.file)
  }
}

/** A receive queue as the guest has laid it out and the device goes through it. */
abstract class Ring {
  protected readonly memory: GuestMemory
  protected readonly queue: QueueStatus

  constructor(memory: GuestMemory, queue: QueueStatus) {
    this.memory = memory
    this.queue = queue
  }

  /** Address of the descriptor that the device is to use next. */
  abstract nextDescriptor(): number
  /** Gives back a buffer by this name, that there is or not; null = the one due next. */
  abstract give(identifier: number | null, length: number): void
}

/** §2.7. */
class SplitRing extends Ring {
  nextDescriptor(): number {
    return this.queue['vring-desc'] + DESCRIPTOR_BYTES * this.nextHead()
  }

  give(identifier: number | null, length: number): void {
    const { 'vring-used': used, 'used-idx': usedIndex } = this.queue
    const element = Buffer.alloc(8)
    element.writeUInt32LE(identifier ?? this.nextHead(), 0)
    element.writeUInt32LE(length, 4)
    this.memory.write(used + RING_HEADER + 8 * (usedIndex % this.queue['vring-num']), element)
    const index = Buffer.alloc(2)
    index.writeUInt16LE((usedIndex + 1) & 0xffff)
    this.memory.write(used + 2, index)
  }

  private nextHead(): number {
    const place = (this.queue['last-avail-idx'] ?? 0) % this.queue['vring-num']
    return this.memory.read(this.queue['vring-avail'] + RING_HEADER + 2 * place, 2).readUInt16LE()
  }
}

/** §2.8: used is what says so twice, by the wrap counter of its round. */
class PackedRing extends Ring {
  nextDescriptor(): number {
    return this.queue['vring-desc'] + DESCRIPTOR_BYTES * (this.queue['last-avail-idx'] ?? 0)
  }

  give(identifier: number | null, length: number): void {
    const at = this.queue['vring-desc'] + DESCRIPTOR_BYTES * this.queue['used-idx']
    const element = this.memory.read(at + 8, 8)
    element.writeUInt32LE(length, 0)
    if (identifier !== null) element.writeUInt16LE(identifier, 4)
    const isOdd = (element.readUInt16LE(6) & AVAILABLE) !== 0
    element.writeUInt16LE(isOdd ? AVAILABLE | USED : 0, 6)
    this.memory.write(at + 8, element)
  }
}

/** A frame in no buffer at all. */
function giveCountless(memory: GuestMemory, ring: Ring): void {
  const buffer = Number(memory.read(ring.nextDescriptor(), 8).readBigUInt64LE())
  memory.write(buffer + BUFFER_COUNT, Buffer.alloc(2))
  ring.give(null, 100)
}

/** All buffers lead to where no memory is. */
function misleadDescriptors(memory: GuestMemory, _ring: Ring, queue: QueueStatus): void {
  const nowhere = Buffer.alloc(8)
  nowhere.writeBigUInt64LE(NOWHERE)
  for (let index = 0; index < queue['vring-num']; index++) {
    memory.write(queue['vring-desc'] + DESCRIPTOR_BYTES * index, nowhere)
  }
}

/** To QEMU as if no buffer were left: it takes in nothing more, and says nothing. */
function emptyDescriptors(memory: GuestMemory, _ring: Ring, queue: QueueStatus): void {
  for (let index = 0; index < queue['vring-num']; index++) {
    memory.write(queue['vring-desc'] + DESCRIPTOR_BYTES * index + 8, Buffer.alloc(4))
  }
}

type Lie = readonly [
  name: string,
  violation: string,
  tell: (memory: GuestMemory, ring: Ring, queue: QueueStatus) => void,
]

/** Of the descriptors nothing tells the guest: it looks by itself, or a frame shows it before. */
const SPOILED = 'V8'

const LIES: readonly Lie[] = [
  ['V1', 'usedIdentifier', (_memory, ring) => ring.give(0xfff0, 100)],
  ['V3', 'usedLength', (_memory, ring) => ring.give(null, 0xffff_fff0)],
  ['V6', 'bufferCount', giveCountless],
  [SPOILED, 'descriptors|bufferCount', misleadDescriptors],
]
const EMPTY: readonly Lie[] = [
  ['V4', 'usedLength', (_memory, ring) => ring.give(null, 0)],
  [SPOILED, 'descriptors|usedLength', emptyDescriptors],
]

async function echo(socket: Socket, text: string): Promise<void> {
  socket.write(text)
  const [answer] = await once(socket, 'data', { signal: AbortSignal.timeout(EVENT_MS) })
  expect(String(answer)).toBe(text)
}

/**
 * While the guest stands still; a change of its configuration has the driver look. Resolves once
 * that has seen it.
 */
async function tell(vm: Vm, memory: GuestMemory, [name, violation, lie]: Lie): Promise<void> {
  const { path } = await vm.virtioNet()
  await vm.qmp.execute('stop')
  const queue = await vm.qmp.execute('x-query-virtio-queue-status', { path, queue: RECEIVE_QUEUE })
  const { negotiated } = await vm.virtioNet()
  const Format = negotiated.has('RING_PACKED') ? PackedRing : SplitRing
  lie(memory, new Format(memory, queue), queue)
  const line = new RegExp(`resetting the device \\(${violation}\\)`)
  const seen = () => vm.console.expect(line, { timeoutMs: EVENT_MS })
  await vm.qmp.execute('set_link', { name: 'nic0', up: false })
  await vm.qmp.execute('cont')
  // The next frame would take the place of what a ring says: none comes before the driver has
  // looked. Spoiled descriptors stay, and a frame may be what shows them.
  if (name !== SPOILED) await seen()
  await vm.qmp.execute('set_link', { name: 'nic0', up: true })
  if (name === SPOILED) await seen()
}

const MMIO: GuestOptions = { machine: 'microvm', machineProperties: { pcie: 'off' } }

/** A guest whose memory others can write, as its device can. */
async function launchShared(
  { launchGuest, folder }: Pick<RunnerFixtures, 'launchGuest' | 'folder'>,
  options: GuestOptions,
  device: VirtioNetProperties,
): Promise<{ vm: Vm; memory: GuestMemory; socket: Socket }> {
  const path = join(folder, 'memory')
  const backing = `memory-backend-file,id=ram,size=${MEMORY_MIB}M,mem-path=${path},share=on`
  const vm = await launchGuest({
    ...{ ...GUEST, ...options, memoryMiB: MEMORY_MIB },
    machineProperties: { ...options.machineProperties, 'memory-backend': 'ram' },
    append: { ip: '10.0.2.15/24', gateway: '10.0.2.2', ip6: 'off' },
    network: [{ kind: 'user', forwards: [{ protocol: 'tcp', guestPort: 7 }], device }],
    extraArguments: ['-object', backing],
  })
  await awaitReady(vm)
  const socket = connect(await vm.forwardedPort(7), '127.0.0.1')
  return { vm, memory: new GuestMemory(path), socket }
}

test.for<[string, GuestOptions, VirtioNetProperties, readonly Lie[]]>([
  ['four lies in a split ring on PCI', {}, {}, LIES],
  ['four lies in a split ring on virtio-mmio', MMIO, { transport: 'mmio' }, LIES],
  ['four lies in a packed ring', {}, { packed: true }, LIES],
  ['lengths of 0 in a split ring', {}, {}, EMPTY],
  ['lengths of 0 in a packed ring', {}, { packed: true }, EMPTY],
])(
  '%s each reset the device, and the connection goes on',
  async ([_title, options, device, lies], { launchGuest, folder }) => {
    const { vm, memory, socket } = await launchShared({ launchGuest, folder }, options, device)
    try {
      await echo(socket, 'before')
      for (const lie of lies) {
        await tell(vm, memory, lie)
        // QEMU drops what came for a device while that was being reset; the host's TCP then waits
        // for a second, and twice as long each time.
        await vm.console.expect(/: link is up/, { timeoutMs: EVENT_MS })
        const isUpAt = performance.now()
        await echo(socket, `after ${lie[0]}`)
        expect(performance.now() - isUpAt).toBeLessThan(HEALED_MS)
      }
      const { status, broken } = await vm.virtioNet()
      expect([broken, status.has('DRIVER_OK'), status.has('FAILED')]).toEqual([false, true, false])
    } finally {
      socket.destroy()
      memory.close()
    }
  },
)

test.for<[string, VirtioNetProperties]>([
  ['split', {}],
  ['packed', { packed: true }],
])(
  'a reset in the middle of a bulk echo loses no octet either way, with a %s ring',
  async ([_format, device], { launchGuest, folder }) => {
    const { vm, memory, socket } = await launchShared({ launchGuest, folder }, {}, device)
    const sent = Buffer.from(Uint8Array.from({ length: BULK_BYTES }, (_, at) => at * 7 + (at >> 8)))
    const received: Buffer[] = []
    let count = 0
    let told: Promise<void> | null = null
    try {
      socket.write(sent)
      for await (const chunk of socket as AsyncIterable<Buffer>) {
        received.push(chunk)
        count += chunk.length
        if (told === null && count > BULK_BYTES / 4) told = tell(vm, memory, LIES[0]!)
        if (count >= BULK_BYTES) break
      }
      await told
      expect(Buffer.concat(received).equals(sent)).toBe(true)
      expect(vm.console.text).toContain('resetting the device (usedIdentifier)')
      expect((await vm.virtioNet()).broken).toBe(false)
    } finally {
      socket.destroy()
      memory.close()
    }
  },
)
