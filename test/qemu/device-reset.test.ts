/**
 * A device that lies, as the debugger makes it do behind QEMU's back: reset as often as need be,
 * and connections go on.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect } from 'vitest'
import { test } from './support/fixtures.ts'
import { lie } from './support/lying-device.ts'
import { awaitReady } from './support/site.ts'

const EVENT_MS = 10_000

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
