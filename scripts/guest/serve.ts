/** Makes the guest reachable from the person's own host, and stays until Ctrl-C. */
import { createServer, type Server } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Vm } from 'qemu-runner'
import { guestFailure } from './guest-failure.ts'
import { RunError } from './run-error.ts'

/** A listening socket on 127.0.0.1, taken before any work is done; port 0 takes a free one. */
export async function reserveDoor(port: number): Promise<{ server: Server; port: number }> {
  // Until the peer or a relay takes over, nobody is at home. Who has said everything may still want
  // the answer.
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const cause = error.code === 'EADDRINUSE' ? 'the port is in use' : error.message
      reject(
        new RunError(
          `Cannot listen on 127.0.0.1 port ${port}: ${cause}`,
          'leave PORT= out, and a free one is picked',
        ),
      )
    })
    server.listen(port, '127.0.0.1', () => resolve())
  })
  return { server, port: (server.address() as { port: number }).port }
}

/**
 * Resolves at Ctrl-C, a TERM or a HUP signal, and from then on ignores them: cleaning up takes a
 * moment, and terminals and wrappers like to send twice.
 */
export function interruption(): Promise<'interrupted'> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.on(signal, () => resolve('interrupted'))
    }
  })
}

/** Resolves when it is interrupted. Throws RunError when the guest ends first. */
export async function stayUntilInterrupted(
  vm: Vm,
  interrupted: Promise<'interrupted'>,
): Promise<void> {
  const end = await Promise.race([interrupted, vm.exited])
  if (end === 'interrupted') return
  throw guestFailure(vm, 'The guest ended while it served')
}

/**
 * How long what is in flight may take after Ctrl-C; the app's own grace period is for whoever runs
 * it for good.
 */
const ORDERLY_END_MS = 2000
const PROMPT_END_MS = 1000

/**
 * Presses the guest's power button, so that its app ends as it would elsewhere; a second time when
 * that takes long. Throws RunError when the app fails meanwhile; a guest that does not end is left
 * to whoever ends QEMU.
 */
export async function switchOff(vm: Vm): Promise<void> {
  for (const patienceMs of [ORDERLY_END_MS, PROMPT_END_MS]) {
    if (vm.exit !== undefined) break
    // A QEMU that is just ending does not answer.
    await vm.qmp.execute('system_powerdown').catch(() => undefined)
    const patience = new AbortController()
    const waiting = delay(patienceMs, undefined, { signal: patience.signal }).catch(() => undefined)
    await Promise.race([vm.exited, waiting])
    patience.abort()
  }
  if (vm.exit?.kind === 'guest-failure') throw guestFailure(vm, 'The guest failed while it ended')
}
