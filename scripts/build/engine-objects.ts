/**
 * The engine compiled once, and the bytecode compiler of the host that is linked from the same
 * objects.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Progress } from '../terminal/progress.ts'
import { compileC } from './compile-c.ts'
import { runTool } from './run-tool.ts'
import { runStep } from './step.ts'
import type { Toolchain } from './toolchain.ts'

/**
 * Without jump tables the interpreter is a few per cent faster under TCG; its computed gotos stay.
 */
const ENGINE_FLAGS = ['-fwrapv', '-fno-jump-tables', '-D_GNU_SOURCE']
/** The engine's own files keep their warnings to themselves; ours must have none. */
const FOREIGN_WARNINGS = ['-Wno-everything']
const OWN_WARNINGS = ['-Wall', '-Wextra', '-Werror']
const ENGINE_FILES = ['dtoa.c', 'libregexp.c', 'libunicode.c', 'cutils.c']

export interface EngineBuild {
  readonly objects: Promise<readonly string[]>
  /** Path of the program that turns a bundle into bytecode. */
  readonly compiler: Promise<string>
  readonly version: string
}

export interface EngineOptions {
  readonly root: string
  readonly target: string
  readonly toolchain: Toolchain
  readonly engineSource: string
}

/** Flags for every file that includes the engine's headers. */
export function engineIncludeFlags(engineSource: string, version: string): string[] {
  return ['-isystem', engineSource, `-DCONFIG_VERSION="${version}"`]
}

async function compileEngine(options: EngineOptions, version: string): Promise<string[]> {
  const { root, target, toolchain, engineSource } = options
  const { interpreterFlags } = toolchain
  const flags = [...ENGINE_FLAGS, ...interpreterFlags, ...engineIncludeFlags(engineSource, version)]
  const sources = [
    { name: 'engine', source: join(root, 'boot/engine/engine.c'), warnings: OWN_WARNINGS },
    ...ENGINE_FILES.map((name) => {
      return { name, source: join(engineSource, name), warnings: FOREIGN_WARNINGS }
    }),
  ]
  const objects = sources.map(({ name }) => join(target, 'obj/engine', `${name}.o`))
  const progress = new Progress('Compiling QuickJS, about half a minute', { plain: true })
  try {
    await Promise.all(
      sources.map(({ source, warnings }, i) =>
        compileC({ source, object: objects[i]!, flags: [...flags, ...warnings] }, toolchain),
      ),
    )
  } finally {
    progress.end()
  }
  return objects
}

/**
 * A static musl program of the host, from `boot/host` and the engine, linked by hand: Debian's
 * musl-gcc would make it position-independent.
 */
export async function linkHostProgram(
  options: Omit<EngineOptions, 'target'> & {
    readonly engine: Pick<EngineBuild, 'objects' | 'version'>
  },
  name: string,
  folder: string,
  more: readonly string[] = [],
): Promise<string> {
  const { root, toolchain, engineSource, engine } = options
  const object = join(folder, 'obj/host', `${name}.o`)
  const include = [
    ...engineIncludeFlags(engineSource, engine.version),
    '-I',
    join(root, 'boot/engine'),
  ]
  const source = join(root, `boot/host/${name}.c`)
  const [objects] = await Promise.all([
    engine.objects,
    compileC({ source, object, flags: [...OWN_WARNINGS, ...include] }, toolchain),
  ])
  const output = join(folder, name)
  const library = toolchain.muslLibrary
  const inputs = [
    ...['crt1.o', 'crti.o'].map((file) => join(library, file)),
    ...[object, ...more, ...objects],
    ...[join(library, 'libc.a'), toolchain.libgcc, join(library, 'libc.a')],
    join(library, 'crtn.o'),
  ]
  const args = ['-static', '-z', 'noexecstack', '--gc-sections', '-o', output, ...inputs]
  await runStep({
    outputs: [output],
    key: args.join('\0'),
    async run() {
      await runTool(`link ${name}`, toolchain.linker, args)
      return inputs
    },
  })
  return output
}

export function buildEngine(options: EngineOptions): EngineBuild {
  const version = readFileSync(join(options.engineSource, 'VERSION'), 'utf8').trim()
  const objects = compileEngine(options, version)
  const compiler = linkHostProgram(
    { ...options, engine: { objects, version } },
    'compile-module',
    options.target,
  )
  // The first one who awaits them reports a failure; until then it is not an unhandled rejection.
  objects.catch(() => {})
  compiler.catch(() => {})
  return { objects, compiler, version }
}
