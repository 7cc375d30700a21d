/** A device that lies, as the debugger makes it do behind QEMU's back. */
import { once } from 'node:events'
import type { Vm } from 'qemu-runner'

const EVENT_MS = 10_000

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
 * available. Split rings, of a guest with `gdb`; the link goes down and up by the way.
 */
export async function lie(vm: Vm, queueNumber = 0): Promise<void> {
  const { path } = await vm.virtioNet()
  const queue = await vm.qmp.execute('x-query-virtio-queue-status', { path, queue: queueNumber })
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
