/** The tools and libraries of the C side: clang, ld, Debian's musl, libgcc. */
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { BuildError } from './build-error.ts'
import { runTool, tryTool } from './run-tool.ts'

export interface Toolchain {
  readonly clang: string
  readonly linker: string
  readonly muslInclude: string
  readonly muslLibrary: string
  readonly libgcc: string
  /** What this clang needs to be told to compile a function as large as the interpreter well. */
  readonly interpreterFlags: readonly string[]
}

/**
 * From version 19 on clang shares one jump among all instructions of a large interpreter, unless
 * these limits are raised; older ones know neither the limits nor the flags. With one jump a loop
 * takes a quarter longer under TCG (measured with clang 19), and gdb cannot tell which register
 * holds the place in the bytecode.
 */
const DISPATCH_FLAGS = ['pred', 'succ'].flatMap((end) => ['-mllvm', `-tail-dup-${end}-size=4096`])
/**
 * In a function as large as the interpreter clang soon gives up finding out which variables can
 * share a register, and copies the stack pointer, the place in the bytecode and the instruction
 * from one to another with each instruction: 12 % of all that is executed. It takes no longer to
 * compile without these limits.
 */
const REGISTER_FLAGS = ['size', 'freq'].flatMap((what) => [
  '-mllvm',
  `-large-interval-${what}-threshold=100000000`,
])
/** Joins the copies of values before those that end a block: 2 % more. */
const COPY_FLAGS = ['-mllvm', '-terminal-rule']

const CLANG_NAMES = ['clang', ...[22, 21, 20, 19, 18, 17, 16, 15, 14].map((n) => `clang-${n}`)]
const MUSL_INCLUDE = '/usr/include/x86_64-linux-musl'
const MUSL_LIBRARY = '/usr/lib/x86_64-linux-musl'

function findProgram(names: readonly string[]): string | undefined {
  const directories = (process.env.PATH ?? '').split(delimiter)
  for (const name of names) {
    for (const directory of directories) {
      if (existsSync(join(directory, name))) return join(directory, name)
    }
  }
  return undefined
}

function missing(what: string, packageName: string): BuildError {
  return new BuildError(
    `Cannot build: ${what} is missing; run: apt-get install ${packageName}  (make doctor lists all)`,
  )
}

export async function findToolchain(): Promise<Toolchain> {
  const clang = findProgram(CLANG_NAMES)
  if (clang === undefined) throw missing('clang', 'clang')
  const linker = findProgram(['ld.bfd', 'ld'])
  if (linker === undefined) throw missing('ld', 'binutils')
  if (!existsSync(join(MUSL_INCLUDE, 'stdio.h')) || !existsSync(join(MUSL_LIBRARY, 'libc.a'))) {
    throw missing('musl', 'musl-dev')
  }
  const query = ['--target=x86_64-linux-gnu', '--rtlib=libgcc', '-print-libgcc-file-name']
  const libgcc = (await runTool('find libgcc', clang, query)).trim()
  if (!existsSync(libgcc)) throw missing('libgcc.a', 'gcc')
  const interpreterFlags: string[] = []
  for (const flags of [DISPATCH_FLAGS, REGISTER_FLAGS, COPY_FLAGS]) {
    const probe = [...flags, '-x', 'c', '-c', '/dev/null', '-o', '/dev/null']
    if ((await tryTool(clang, probe)).status === 0) interpreterFlags.push(...flags)
  }
  const muslInclude = MUSL_INCLUDE
  return { clang, linker, muslInclude, muslLibrary: MUSL_LIBRARY, libgcc, interpreterFlags }
}
