/** The relay's program, compiled from its source when it is first wanted, and kept for later. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findExecutable, MissingToolError } from '../executables.ts'

/** Any C compiler will do; the first that is there is taken. */
const COMPILERS = ['clang', 'gcc', 'cc']
const FLAGS = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror']
const COMPILE_TIMEOUT_MS = 60_000

let compiling: Promise<string> | undefined

/** The path of the program. Throws MissingToolError without a C compiler. */
export function relayProgram(): Promise<string> {
  compiling ??= build().catch((error: unknown) => {
    compiling = undefined
    throw error
  })
  return compiling
}

async function build(): Promise<string> {
  const source = fileURLToPath(new URL('./relay.c', import.meta.url))
  const compiler = COMPILERS.map(findExecutable).find((path) => path !== undefined)
  if (compiler === undefined) throw new MissingToolError('clang')
  const hash = createHash('sha256')
  for (const part of [readFileSync(source, 'utf8'), compiler, ...FLAGS]) hash.update(part)
  const parent = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'qemu-runner')
  const program = join(parent, `relay-${hash.digest('hex').slice(0, 16)}`)
  if (existsSync(program)) return program
  mkdirSync(parent, { recursive: true })
  const folder = mkdtempSync(join(parent, 'compiling-'))
  try {
    const made = join(folder, 'relay')
    await compile([compiler, ...FLAGS, '-o', made, source])
    // At once or not at all: others may be compiling it too.
    renameSync(made, program)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return program
}

function compile([compiler, ...words]: [string, ...string[]]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(compiler, words, { timeout: COMPILE_TIMEOUT_MS }, (error, _stdout, stderr) => {
      if (error === null) resolve()
      else reject(new Error(`Cannot compile the relay: ${stderr.trim() || error.message}`))
    })
  })
}
