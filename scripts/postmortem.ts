/**
 * `make postmortem BUNDLE=folder`: gdb with the TypeScript commands on the core that a failed test
 * left.
 */
import { createReadStream, createWriteStream, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { MissingToolError, requireExecutable } from 'qemu-runner'
import { gdbCoreArguments, runGdb } from './debug/gdb-command.ts'
import { RunError } from './guest/run-error.ts'

const BUNDLES = 'build/test/failed'

async function main(): Promise<number> {
  const [word = ''] = process.argv.slice(2)
  const bundle = word.replace(/^BUNDLE=/, '')
  if (bundle === '') {
    throw new RunError('Cannot tell which bundle', `make postmortem BUNDLE=${BUNDLES}/bundle-…`)
  }
  if (!existsSync(bundle)) {
    throw new RunError(`Cannot open ${bundle}: there is no such folder`, `ls ${BUNDLES}`)
  }
  const compressed = join(bundle, 'core.elf.gz')
  const image = join(bundle, 'eremite.elf')
  for (const path of [compressed, image]) {
    if (existsSync(path)) continue
    throw new RunError(
      `Cannot open ${bundle}: there is no ${path}`,
      'read its console.log: a guest that has ended leaves no core',
    )
  }
  requireExecutable('gdb')
  const folder = mkdtempSync(join(tmpdir(), 'eremite-core-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))
  process.on('SIGINT', () => undefined)
  const core = join(folder, 'core.elf')
  await pipeline(createReadStream(compressed), createGunzip(), createWriteStream(core))
  return runGdb(gdbCoreArguments({ core, image }))
}

try {
  process.exitCode = await main()
} catch (error) {
  process.exitCode = 1
  if (error instanceof RunError) console.error(`postmortem: ${error.line}`)
  else if (error instanceof MissingToolError)
    console.error(`postmortem: ${error.message}. Next: make setup`)
  else throw error
}
