/**
 * Builds what bounds the benchmark: a guest without a stack, on the boot layer's machine code, and
 * the programs on the host's side of its TAP.
 */
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { compileC } from '../../build/compile-c.ts'
import { flagsOfSource, LINK_FLAGS } from '../../build/image.ts'
import { runTool } from '../../build/run-tool.ts'
import { findToolchain } from '../../build/toolchain.ts'
import { ROOT } from '../../guest/build-image.ts'

/** Reads the stack of TypeScript, of which there is none here: guest/main.c has its own end. */
const LEFT_OUT = new Set(['exceptions.c'])

const GUEST = join(import.meta.dirname, 'guest')
const BOOT = join(ROOT, 'boot')

export interface LimitPrograms {
  readonly kernel: string
  /** So many connections that are read or written, and how much in all. */
  readonly tcpStreams: string
  /** Sends datagrams of which so many are on their way at once, and counts the answers. */
  readonly datagramWindow: string
}

export async function buildLimitGuest(folder: string): Promise<LimitPrograms> {
  mkdirSync(folder, { recursive: true })
  const [kernel, tcpStreams, datagramWindow] = await Promise.all([
    linkGuest(folder),
    compileProgram(folder, 'tcp-streams'),
    compileProgram(folder, 'datagram-window'),
  ])
  return { kernel, tcpStreams, datagramWindow }
}

async function linkGuest(folder: string): Promise<string> {
  const toolchain = await findToolchain()
  const sources = [
    ...sourcesIn(join(BOOT, 'machine')).filter(({ name }) => !LEFT_OUT.has(name)),
    { folder: join(BOOT, 'engine'), name: 'text.c' },
    ...sourcesIn(GUEST),
  ]
  const include = [BOOT, join(BOOT, 'machine'), GUEST].flatMap((path) => ['-I', path])
  const jobs = sources.map(({ folder: from, name }) => ({
    source: join(from, name),
    object: join(folder, 'obj', `${name}.o`),
    flags: [...flagsOfSource(name), ...include],
  }))
  await Promise.all(jobs.map((job) => compileC(job, toolchain)))
  const path = join(folder, 'limit.elf')
  await runTool('link the limit guest', toolchain.linker, [
    ...[...LINK_FLAGS, '-T', join(BOOT, 'linker.ld'), '-o', path],
    ...jobs.map(({ object }) => object),
    join(toolchain.muslLibrary, 'libc.a'),
  ])
  return path
}

function sourcesIn(folder: string): { folder: string; name: string }[] {
  return readdirSync(folder)
    .filter((name) => /\.[cS]$/.test(name))
    .map((name) => ({ folder, name }))
}

async function compileProgram(folder: string, name: string): Promise<string> {
  const program = join(folder, name)
  const source = join(import.meta.dirname, `${name}.c`)
  const flags = ['-O2', '-Wall', '-Wextra', '-Werror']
  await runTool(`compile ${name}`, 'gcc', [...flags, '-o', program, source])
  return program
}
