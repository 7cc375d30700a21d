/** `make dev`: builds and boots, then again at every change of a source, behind the same port. */
import { MissingToolError, requireExecutable } from 'qemu-runner'
import { checkApp } from './guest/check-app.ts'
import { developGuest } from './guest/develop-guest.ts'
import { parseRunOptions } from './guest/options.ts'
import { RunError } from './guest/run-error.ts'

async function main(): Promise<void> {
  const options = parseRunOptions(process.argv.slice(2), process.env, 'dev')
  if (options.pcap !== undefined) {
    throw new RunError('Cannot use PCAP= with make dev: it restarts the guest', 'use make run')
  }
  if (options.restarts) {
    throw new RunError(
      'Cannot use RESTART= with make dev: it restarts at the next change',
      'use make run',
    )
  }
  checkApp(options.app)
  requireExecutable(process.env.QEMU_RUNNER_BINARY ?? 'qemu-system-x86_64')
  await developGuest(options)
}

try {
  await main()
} catch (error) {
  process.exitCode = 1
  if (error instanceof RunError) console.error(`dev: ${error.line}`)
  else if (error instanceof MissingToolError)
    console.error(`dev: ${error.message}. Next: make setup`)
  else throw error
}
