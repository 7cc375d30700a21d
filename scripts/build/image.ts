/** Compiles boot/, links the image, and has its snapshot made. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type CompileJob, compileC } from './compile-c.ts'
import { type EngineBuild, engineIncludeFlags } from './engine-objects.ts'
import { runTool } from './run-tool.ts'
import { addSnapshot } from './snapshot.ts'

import { runStep } from './step.ts'
import type { Toolchain } from './toolchain.ts'

const WARNING_FLAGS = ['-Wall', '-Wextra', '-Werror']
/**
 * Interrupt handlers and system calls must leave vector registers alone; bulk loops are faster
 * under TCG without them.
 */
const GENERAL_REGISTERS_ONLY = new Set([
  'interrupts.c',
  'bytes.c',
  'runs.c',
  'series.c',
  'clock.c',
  'realtime.c',
  'console.c',
  'pages.c',
  'syscall.c',
  'text.c',
  'entropy.c',
])
/** Keeps the compiler from turning the copy loop into a call of memcpy, which is slower. */
const NO_BUILTINS = new Set(['bytes.c'])
export const LINK_FLAGS = [
  ...['-static', '-nostdlib', '--gc-sections', '--build-id=none', '--fatal-warnings'],
  ...['-z', 'noexecstack', '-z', 'max-page-size=4096'],
]
/** Part of the engine's translation unit, compiled with the engine. */
const ENGINE_UNIT = 'engine.c'

export interface ImageOptions {
  readonly root: string
  readonly target: string
  readonly toolchain: Toolchain
  readonly engineSource: string
  readonly engine: EngineBuild
  /** Resolve once the embedded containers are written. */
  readonly programs: readonly Promise<boolean>[]
  /** False for a kernel that a test brings, whose module may do anything. */
  readonly isPacketKernel: boolean
  /** Objects of the functions that are compiled from bytecode. */
  readonly compiled: Promise<readonly string[]>
}

/** What a file of boot/ needs beside the folders of its headers. */
export function flagsOfSource(name: string): string[] {
  return [
    ...WARNING_FLAGS,
    ...(GENERAL_REGISTERS_ONLY.has(name) ? ['-mgeneral-regs-only'] : []),
    ...(NO_BUILTINS.has(name) ? ['-ffreestanding', '-fno-builtin'] : []),
  ]
}

/** Folders of boot/; files of all three include each other's headers by name. */
const FOLDERS = ['.', 'machine', 'engine'] as const

function compileJobs(options: ImageOptions): CompileJob[] {
  const boot = join(options.root, 'boot')
  const sources = FOLDERS.flatMap((folder) =>
    readdirSync(join(boot, folder))
      .filter((name) => /\.[cS]$/.test(name) && name !== ENGINE_UNIT)
      .map((name) => ({ folder, name })),
  )
  const include = [
    ...FOLDERS.flatMap((folder) => ['-I', join(boot, folder)]),
    ...engineIncludeFlags(options.engineSource, options.engine.version),
  ]
  return sources.map(({ folder, name }) => ({
    source: join(boot, folder, name),
    object: join(options.target, 'obj/boot', folder, `${name}.o`),
    flags: [...flagsOfSource(name), ...include],
  }))
}

async function compileEmbedded(options: ImageOptions, job: CompileJob): Promise<void> {
  await Promise.all(options.programs)
  // The assembler's .incbin is unknown to -MD, so the containers are inputs of a step of their own.
  const embedded = ['kernel.container', 'kernel.positions', 'builtin.app']
  const containers = embedded.map((name) => join(options.target, name))
  const flags = [...job.flags, '-I', options.target, '-Wno-unused-command-line-argument']
  await runStep({
    outputs: [`${job.object}.containers`],
    key: flags.join('\0'),
    async run() {
      const args = ['--target=x86_64-linux-gnu', ...flags, '-c', job.source, '-o', job.object]
      await runTool('embed the programs', options.toolchain.clang, args)
      await runTool('mark the step', 'touch', [`${job.object}.containers`])
      return [job.source, ...containers]
    },
  })
}

/** Links the image, and makes its snapshot; `changed` says whether it had to. */
export async function buildImage(
  options: ImageOptions,
): Promise<{ path: string; changed: boolean }> {
  const { root, target, toolchain } = options
  const jobs = compileJobs(options)
  const [engineObjects, compiled] = await Promise.all([
    options.engine.objects,
    options.compiled,
    ...jobs.map((job) =>
      job.source.endsWith('embedded.S') ? compileEmbedded(options, job) : compileC(job, toolchain),
    ),
  ])
  const path = join(target, 'eremite.elf')
  const linked = options.isPacketKernel ? join(target, 'obj/eremite.linked.elf') : path
  const script = join(root, 'boot/linker.ld')
  const libraries = [join(toolchain.muslLibrary, 'libc.a'), toolchain.libgcc]
  const inputs = [...jobs.map((job) => job.object), ...compiled, ...engineObjects, ...libraries]
  const args = [...LINK_FLAGS, '-T', script, '-o', linked, ...inputs]
  const isLinked = await runStep({
    outputs: [linked],
    key: args.join('\0'),
    async run() {
      await runTool('link the image', toolchain.linker, args)
      return [script, ...inputs]
    },
  })
  if (!options.isPacketKernel) return { path, changed: isLinked }
  return { path, changed: await addSnapshot(linked, path) }
}
