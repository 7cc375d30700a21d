/**
 * Devices taken out and put in while the guest runs: QEMU's word that they are gone, and a
 * connection that goes on.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { get } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { patternSha256, type Vm } from 'qemu-runner'
import type { GuestOptions } from 'qemu-runner/vitest'
import { describe, expect } from 'vitest'
import { GUEST, test } from './support/fixtures.ts'
import { awaitReady } from './support/site.ts'

const MAC = '52:54:00:12:34:56'
const ROOT_PORTS = [1, 2].flatMap((n) => ['-device', `pcie-root-port,id=port${n},chassis=${n}`])
/** Without ACPI's registers the slots of the ports themselves have to do. */
const NATIVE = ['-global', 'ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off']
const EVENT_MS = 10_000

test.override('guest', {
  ...GUEST,
  timeoutMs: 60_000,
  append: { ip: '10.0.2.15/24', gateway: '10.0.2.2', ip6: 'off' },
})

const forward = (port: number) => `hostfwd=tcp:127.0.0.1:0-10.0.2.15:${port}`

/** QEMU's words for the network device and what is before it. */
function networkDevice(bus: string | null, before: readonly string[]): string[] {
  const place = bus === null ? '' : `,bus=${bus}`
  return [
    ...before,
    ...['-netdev', ['user', 'id=n', ...[7, 80].map(forward)].join()],
    ...['-device', `virtio-net-pci,id=nic,netdev=n,romfile=,mac=${MAC}${place}`],
  ]
}

function add(vm: Vm, bus: string | null, mac = MAC): Promise<unknown> {
  const properties = { driver: 'virtio-net-pci', id: 'nic', netdev: 'n', romfile: '', mac }
  return vm.qmp.execute('device_add', { ...properties, ...(bus === null ? {} : { bus }) })
}

async function remove(vm: Vm): Promise<void> {
  const deleted = vm.qmp.once('DEVICE_DELETED', {
    timeoutMs: EVENT_MS,
    where: ({ device }) => device === 'nic',
  })
  await vm.qmp.execute('device_del', { id: 'nic' })
  await deleted
}

/** Sends and gets the same back. */
async function echo(socket: Socket, text: string): Promise<void> {
  socket.write(text)
  let answer = ''
  while (answer.length < text.length) {
    const [chunk] = await once(socket, 'data', { signal: AbortSignal.timeout(EVENT_MS) })
    answer += chunk
  }
  expect(answer).toBe(text)
}

/** Counts the bytes that have come, and compares them at the end. */
function download(port: number, lengthBytes: number) {
  const progress = { bytes: 0, isDone: Promise.resolve() }
  const hash = createHash('sha256')
  const receive = async () => {
    const [response] = await once(
      get({ host: '127.0.0.1', port, path: `/bytes/${lengthBytes}` }),
      'response',
    )
    for await (const chunk of response) {
      hash.update(chunk)
      progress.bytes += chunk.length
    }
    expect(progress.bytes).toBe(lengthBytes)
    expect(hash.digest('hex')).toBe(patternSha256(lengthBytes))
  }
  progress.isDone = receive()
  // A test that fails before it waits for this has its own words.
  progress.isDone.catch(() => {})
  return progress
}

describe.concurrent('a network device that is taken out and put in again', () => {
  test.for<[string, GuestOptions, string | null, string[]]>([
    ['from a root port by ACPI', {}, 'port2', ROOT_PORTS],
    ['from a root port by its own slot', {}, 'port2', [...NATIVE, ...ROOT_PORTS]],
    ['from a root port of microvm', { machine: 'microvm' }, 'port2', ROOT_PORTS],
    ['from the root bus of an i440fx', {}, null, ['-machine', 'pc']],
  ])('%s keeps its connections', async ([_title, options, bus, extra], { launchGuest }) => {
    const vm = await launchGuest({ ...options, extraArguments: networkDevice(bus, extra) })
    await awaitReady(vm)
    const socket = connect(await vm.forwardedPort(7), '127.0.0.1')
    try {
      await echo(socket, 'before')
      await remove(vm)
      await vm.console.expect(/net: warning: .*: network device removed, connections wait; .*mac=/)
      await add(vm, bus)
      await vm.console.expect(/: network device in use again, connections go on/)
      await echo(socket, 'after')
    } finally {
      socket.destroy()
    }
  })

  test('while it sends at full speed loses no byte of a transfer', async ({ launchGuest }) => {
    const vm = await launchGuest({ extraArguments: networkDevice('port2', ROOT_PORTS) })
    await awaitReady(vm)
    const transfer = download(await vm.forwardedPort(80), 24_000_000)
    // Frames that the device has finished are still in its queue whenever it goes.
    for (let round = 0; round < 2; round++) {
      const before = transfer.bytes
      const endMs = performance.now() + EVENT_MS
      while (transfer.bytes === before && performance.now() < endMs) await delay(5)
      await remove(vm)
      await add(vm, 'port2')
      await vm.console.expect(/: network device in use again, connections go on/)
    }
    await transfer.isDone
  })

  test('with another address, or elsewhere, is reported with the next step', async ({
    launchGuest,
  }) => {
    const vm = await launchGuest({ extraArguments: networkDevice('port1', ROOT_PORTS) })
    await awaitReady(vm)
    await remove(vm)
    await add(vm, 'port1', '52:54:00:00:00:01')
    await vm.console.expect(/does not replace the one removed: it has another hardware address/)
    await remove(vm)
    await add(vm, 'port2')
    await vm.console.expect(/network device 0000:.* was added and is not used; restart the guest/)
    // Neither has spoiled the place of the first.
    await remove(vm)
    await add(vm, 'port1')
    await vm.console.expect(/: network device in use again/)
  })
})
