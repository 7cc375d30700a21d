/**
 * A device that lies, as the debugger makes it do behind QEMU's back: reset as often as need be,
 * and connections go on.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Vm } from 'qemu-runner'
import { expect } from 'vitest'
import { test } from './support/fixtures.ts'
import { awaitReady } from './support/site.ts'

const EVENT_MS = 10_000
const RECEIVE_QUEUE = 0

/** Writes guest memory by gdb's remote protocol; only while the guest is stopped. */
async function writeMemory(vm: Vm, address: number, bytes: Buffer): Promise<void> {
  const packet = `M${address.toString(16)},${bytes.length.toString(16)}:${bytes.toString('hex')}`
  const sum = [...packet].reduce((total, letter) => total + letter.charCodeAt(0), 0) & 0xff
  const gdb = vm.gdb!
  gdb.write(`+$${packet}#${sum.toString(16).padStart(2, '0')}`)
  let answer = ''
  while (!answer.includes('$OK#')) {
    const [chunk] = await once(gdb, 'data', { signal: AbortSignal.timeout(EVENT_MS) })
    answer += chunk
  }
  gdb.write('+')
}

/**
 * virtio 1.4 §2.7.8: "idx" of the used ring runs ahead of everything that the driver has made
 * available.
 */
async function lie(vm: Vm): Promise<void> {
  const { path } = await vm.virtioNet()
  const queue = await vm.qmp.execute('x-query-virtio-queue-status', { path, queue: RECEIVE_QUEUE })
  const index = Buffer.alloc(2)
  index.writeUInt16LE(((queue['used-idx'] ?? 0) + 5000) & 0xffff)
  await vm.qmp.execute('stop')
  await writeMemory(vm, queue['vring-used'] + 2, index)
  // A change of its configuration makes the driver look.
  await vm.qmp.execute('set_link', { name: 'nic0', up: false })
  await vm.qmp.execute('cont')
  await vm.console.expect(
    // To its last word: half a line may be there first.
    /net: warning: .*(resetting the device \(usedIndex\)|device stopped \(usedIndex\).* the guest)/,
  )
  await vm.qmp.execute('set_link', { name: 'nic0', up: true })
}

async function echo(socket: Socket, text: string): Promise<void> {
  socket.write(text)
  const [answer] = await once(socket, 'data', { signal: AbortSignal.timeout(EVENT_MS) })
  expect(String(answer)).toBe(text)
}

test('resets a device at each lie, keeps the connection, and stops it for a while at the fifth in a row', async ({
  launchGuest,
}) => {
  const vm = await launchGuest({
    timeoutMs: 60_000,
    append: { ip: '10.0.2.15/24', gateway: '10.0.2.2', ip6: 'off' },
    network: [{ kind: 'user', forwards: [{ protocol: 'tcp', guestPort: 7 }] }],
    gdb: {},
  })
  // gdb's coming stops the guest.
  await vm.qmp.execute('cont')
  await awaitReady(vm)
  const socket = connect(await vm.forwardedPort(7), '127.0.0.1')
  try {
    await echo(socket, 'before')
    for (let count = 1; count <= 4; count++) {
      await lie(vm)
      await vm.console.expect(/: link is up/)
      await echo(socket, `after lie ${count}`)
    }
    await lie(vm)
    const lines = vm.console.text.split('\n').filter((line) => line.includes('warning'))
    expect(lines.filter((line) => line.includes('resetting the device'))).toHaveLength(4)
    expect(lines.filter((line) => line.includes('device stopped'))).toEqual([
      expect.stringMatching(
        /\(usedIndex\); the next attempt is in \d+ s, connections wait; .*device_del/,
      ),
    ])
    const status = await vm.virtioNet()
    expect(status.status.has('FAILED')).toBe(true)
  } finally {
    socket.destroy()
  }
})
