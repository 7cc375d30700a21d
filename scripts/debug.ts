/**
 * `make debug`: builds, starts QEMU paused on its gdb stub, and puts gdb with the TypeScript
 * commands on the terminal. With --wait (`make debug-server`) gdb is left to an editor.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MissingToolError, requireExecutable } from 'qemu-runner'
import { debugGuest } from './debug/debug-guest.ts'
import { checkApp } from './guest/check-app.ts'
import { parseRunOptions } from './guest/options.ts'
import { RunError } from './guest/run-error.ts'

const WAIT = '--wait'
/** Where .vscode/launch.json looks for the guest. */
const WAITING_SOCKET = new URL('../build/debug.gdb', import.meta.url).pathname

async function main(): Promise<void> {
  const words = process.argv.slice(2)
  const waits = words.includes(WAIT)
  const asked = parseRunOptions(
    words.filter((word) => word !== WAIT),
    process.env,
    'debug',
  )
  if (asked.restarts) {
    throw new RunError('Cannot use RESTART= with make debug: gdb has one guest', 'use make run')
  }
  // QEMU's own translator keeps breakpoints outside the guest's memory, so they can be set before
  // the image is there.
  const options = asked.accelerator === 'auto' ? { ...asked, accelerator: 'tcg' as const } : asked
  checkApp(asked.app)
  requireExecutable('qemu-system-x86_64')
  requireExecutable('gdb')
  const folder = mkdtempSync(join(tmpdir(), 'eremite-debug-'))
  // Whichever way this process goes, its folder goes; the kernel takes the children and the
  // namespaces.
  process.on('exit', () => {
    rmSync(folder, { recursive: true, force: true })
    if (waits) rmSync(WAITING_SOCKET, { force: true })
  })
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))
  // Ctrl-C belongs to gdb: it stops the guest, not the session.
  if (!waits) process.on('SIGINT', () => undefined)
  process.exitCode = await debugGuest(options, folder, waits ? WAITING_SOCKET : undefined)
}

try {
  await main()
} catch (error) {
  process.exitCode = 1
  if (error instanceof RunError) console.error(`debug: ${error.line}`)
  else if (error instanceof MissingToolError)
    console.error(`debug: ${error.message}. Next: make setup`)
  else throw error
}
