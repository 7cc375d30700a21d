/**
 * `make run`: builds, boots, shows what was negotiated, proves the offload by moving data, then
 * serves.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MissingToolError, requireExecutable } from 'qemu-runner'
import { checkApp } from './guest/check-app.ts'
import { parseRunOptions } from './guest/options.ts'
import { RunError } from './guest/run-error.ts'
import { runGuest } from './guest/run-guest.ts'

/** What a shell reports for a program that Ctrl-C ended. */
const INTERRUPTED_STATUS = 130

async function main(): Promise<void> {
  const options = parseRunOptions(process.argv.slice(2), process.env)
  if (options.pcap !== undefined && options.restarts) {
    throw new RunError(
      'Cannot use PCAP= with RESTART=always: each guest records anew',
      'leave one out',
    )
  }
  checkApp(options.app)
  requireExecutable(process.env.QEMU_RUNNER_BINARY ?? 'qemu-system-x86_64')
  const folder = mkdtempSync(join(tmpdir(), 'eremite-run-'))
  // Whichever way this process goes, its folder goes; the kernel takes the children and the
  // namespaces.
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const leave = (): void => process.exit(INTERRUPTED_STATUS)
  process.on('SIGINT', leave)
  process.on('SIGTERM', leave)
  await runGuest(options, folder, () => {
    process.off('SIGINT', leave)
    process.off('SIGTERM', leave)
  })
}

try {
  await main()
} catch (error) {
  process.exitCode = 1
  if (error instanceof RunError) console.error(`run: ${error.line}`)
  else if (error instanceof MissingToolError)
    console.error(`run: ${error.message}. Next: make setup`)
  else throw error
}
