/**
 * A device that lies, in the memory that it shares with the guest: each lie is noticed, the device
 * is reset and all it can write is made anew, and the connection goes on. (V1, V3, V6 and V8
 * of the behaviors that test/unit/drivers/virtio/net/hostile-device.test.ts runs through.)
 */
import { once } from 'node:events'
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Qmp, VirtioNetProperties, Vm } from 'qemu-runner'
import type { GuestOptions } from 'qemu-runner/vitest'
import { expect } from 'vitest'
import { GUEST, test } from './support/fixtures.ts'
import { awaitReady } from './support/site.ts'

const EVENT_MS = 20_000
const MEMORY_MIB = 64
const RECEIVE_QUEUE = 0
const DESCRIPTOR_BYTES = 16
const RING_HEADER = 4
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

/** §2.7.6: the head of the chain that the device is to use next. */
function nextHead(memory: GuestMemory, queue: QueueStatus): number {
  const place = (queue['last-avail-idx'] ?? 0) % queue['vring-num']
  return memory.read(queue['vring-avail'] + RING_HEADER + 2 * place, 2).readUInt16LE()
}

/** §2.7.8: gives back a buffer that the device has not used, or one that there is not. */
function give(memory: GuestMemory, queue: QueueStatus, id: number, length: number): void {
  const { 'vring-used': used, 'used-idx': usedIndex } = queue
  const element = Buffer.alloc(8)
  element.writeUInt32LE(id, 0)
  element.writeUInt32LE(length, 4)
  memory.write(used + RING_HEADER + 8 * (usedIndex % queue['vring-num']), element)
  const index = Buffer.alloc(2)
  index.writeUInt16LE((usedIndex + 1) & 0xffff)
  memory.write(used + 2, index)
}

/** A frame in no buffer at all. */
function giveCountless(memory: GuestMemory, queue: QueueStatus): void {
  const head = nextHead(memory, queue)
  const descriptor = queue['vring-desc'] + DESCRIPTOR_BYTES * head
  const buffer = Number(memory.read(descriptor, 8).readBigUInt64LE())
  memory.write(buffer + BUFFER_COUNT, Buffer.alloc(2))
  give(memory, queue, head, 100)
}

/**
 * All buffers lead to where no memory is: what QEMU then says it has written is not there, and of
 * what was there before no frame is left.
 */
function misleadDescriptors(memory: GuestMemory, queue: QueueStatus): void {
  const nowhere = Buffer.alloc(8)
  nowhere.writeBigUInt64LE(NOWHERE)
  for (let index = 0; index < queue['vring-num']; index++) {
    const descriptor = queue['vring-desc'] + DESCRIPTOR_BYTES * index
    const buffer = Number(memory.read(descriptor, 8).readBigUInt64LE())
    if (buffer !== 0) memory.write(buffer + BUFFER_COUNT, Buffer.alloc(2))
    memory.write(descriptor, nowhere)
  }
}

type Lie = readonly [
  name: string,
  violation: string,
  tell: (memory: GuestMemory, queue: QueueStatus) => void,
]

const LIES: readonly Lie[] = [
  ['V1', 'usedIdentifier', (memory, queue) => give(memory, queue, 0xfff0, 100)],
  [
    'V3',
    'usedLength',
    (memory, queue) => give(memory, queue, nextHead(memory, queue), 0xffff_fff0),
  ],
  ['V6', 'bufferCount', giveCountless],
  ['V8', 'bufferCount', misleadDescriptors],
]

async function echo(socket: Socket, text: string): Promise<void> {
  socket.write(text)
  const [answer] = await once(socket, 'data', { signal: AbortSignal.timeout(EVENT_MS) })
  expect(String(answer)).toBe(text)
}

/** While the guest stands still; a change of its configuration has the driver look. */
async function tell(vm: Vm, memory: GuestMemory, lie: Lie): Promise<void> {
  const { path } = await vm.virtioNet()
  await vm.qmp.execute('stop')
  const queue = await vm.qmp.execute('x-query-virtio-queue-status', { path, queue: RECEIVE_QUEUE })
  lie[2](memory, queue)
  await vm.qmp.execute('set_link', { name: 'nic0', up: false })
  await vm.qmp.execute('cont')
  await vm.qmp.execute('set_link', { name: 'nic0', up: true })
}

const MMIO: GuestOptions = { machine: 'microvm', machineProperties: { pcie: 'off' } }

test.for<[string, GuestOptions, VirtioNetProperties]>([
  ['PCI', {}, {}],
  ['virtio-mmio', MMIO, { transport: 'mmio' }],
])(
  'four lies in a split ring on %s each reset the device, and the connection goes on',
  async ([_title, options, device], { launchGuest, folder }) => {
    const path = join(folder, 'memory')
    const backing = `memory-backend-file,id=ram,size=${MEMORY_MIB}M,mem-path=${path},share=on`
    const vm = await launchGuest({
      ...{ ...GUEST, ...options, memoryMiB: MEMORY_MIB },
      machineProperties: { ...options.machineProperties, 'memory-backend': 'ram' },
      append: { ip: '10.0.2.15/24', gateway: '10.0.2.2', ip6: 'off' },
      network: [{ kind: 'user', forwards: [{ protocol: 'tcp', guestPort: 7 }], device }],
      extraArguments: ['-object', backing],
    })
    const memory = new GuestMemory(path)
    await awaitReady(vm)
    const socket = connect(await vm.forwardedPort(7), '127.0.0.1')
    try {
      await echo(socket, 'before')
      for (const lie of LIES) {
        const [name, violation] = lie
        const reset = vm.console.expect(new RegExp(`resetting the device \\(${violation}\\)`), {
          timeoutMs: EVENT_MS,
        })
        reset.catch(() => undefined)
        await tell(vm, memory, lie)
        // Only a frame that comes shows where buffers lead; else one that is lost costs seconds.
        if (name !== 'V8') await reset
        await echo(socket, `after ${name}`)
        await reset
      }
      const { status, broken } = await vm.virtioNet()
      expect([broken, status.has('DRIVER_OK'), status.has('FAILED')]).toEqual([false, true, false])
    } finally {
      socket.destroy()
      memory.close()
    }
  },
)
