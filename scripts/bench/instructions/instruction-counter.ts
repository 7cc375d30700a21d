/**
 * Builds the TCG plugin that counts a guest's instructions, and reads what it has counted, by
 * function.
 */
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runTool } from '../../build/run-tool.ts'
import { GDB_COMMANDS } from '../../debug/gdb-command.ts'
import { RunError } from '../../guest/run-error.ts'

/** The first QEMU that no longer takes a plugin of the first version of the interface. */
const SECOND_INTERFACE_QEMU = 9
/**
 * The C function that looks at the rings before the processor halts: what it executes depends on
 * the host's haste.
 */
const WAITING_FUNCTION = 'wait_for_word'
const GDB_PART = join(import.meta.dirname, 'counted.py')
const MIB = 1 << 20
const WORD_BYTES = 8
const FIRST_BUCKET = 2

/** Since the guest's start. */
export interface InstructionCounts {
  /** Without waiting. */
  readonly instructions: number
  readonly waiting: number
  /** Addresses of function objects to instructions spent in the function itself. */
  readonly functions: ReadonlyMap<number, number>
}

export interface CountedFunction {
  readonly name: string
  /** A TypeScript file, `native`, or empty. */
  readonly file: string
}

export class InstructionCounter {
  /** For QEMU's command line. */
  readonly arguments: readonly string[]
  private readonly file: string
  private readonly socketPath: string
  private readonly folder: string
  private readonly kernel: string

  private constructor(folder: string, kernel: string, memoryMiB: number, places: string) {
    this.folder = folder
    this.kernel = kernel
    this.file = join(folder, 'instructions')
    this.socketPath = join(folder, 'gdb')
    const memory = join(folder, 'memory')
    const opened = openSync(memory, 'w')
    ftruncateSync(opened, memoryMiB * MIB)
    closeSync(opened)
    writeFileSync(this.file, '')
    const plugin = `${join(folder, 'instruction-counter.so')},count=${this.file},memory=${memory}`
    const backend = `memory-backend-file,id=counted,size=${memoryMiB}M,mem-path=${memory},share=on`
    this.arguments = [
      ...['-object', backend, '-machine', 'memory-backend=counted'],
      ...['-gdb', `unix:${this.socketPath},server=on,wait=off`],
      ...['-plugin', `${plugin},${places}`],
    ]
  }

  /** Compiles the plugin into `folder`; throws BuildError when that fails. */
  static async build(
    folder: string,
    kernel: string,
    memoryMiB: number,
  ): Promise<InstructionCounter> {
    mkdirSync(folder, { recursive: true })
    const plugin = join(folder, 'instruction-counter.so')
    const source = join(import.meta.dirname, 'instruction-counter.c')
    const version = (await qemuMajorVersion()) < SECOND_INTERFACE_QEMU ? 1 : 2
    await runTool('compile the instruction counter', 'gcc', [
      ...['-shared', '-fPIC', '-O2', '-Wall', '-Wextra', '-Werror', '-fvisibility=hidden'],
      ...[`-DPLUGIN_VERSION=${version}`, '-o', plugin, source],
    ])
    const places = await askGdb([`counted-places ${WAITING_FUNCTION}`], kernel)
    return new InstructionCounter(folder, kernel, memoryMiB, places.trim())
  }

  read(): InstructionCounts {
    const bytes = readFileSync(this.file)
    const word = (index: number): number => Number(bytes.readBigUInt64LE(index * WORD_BYTES))
    const functions = new Map<number, number>()
    for (let index = FIRST_BUCKET; (index + 1) * WORD_BYTES < bytes.length; index += 2) {
      if (word(index + 1) !== 0) functions.set(word(index), word(index + 1))
    }
    return { instructions: word(0), waiting: word(1), functions }
  }

  /** What functions are called and where they are written; stops the guest meanwhile. */
  async name(addresses: Iterable<number>): Promise<Map<number, CountedFunction>> {
    const list = join(this.folder, 'addresses')
    writeFileSync(list, [...addresses].map((address) => `${address}\n`).join(''))
    const text = await askGdb(
      [`target remote ${this.socketPath}`, `counted-names ${list}`, 'detach'],
      this.kernel,
    )
    const names = new Map<number, CountedFunction>()
    for (const line of text.split('\n')) {
      const [mark, address, name, file] = line.split('\t')
      if (mark === 'counted') names.set(Number(address), { name: name!, file: file! })
    }
    return names
  }
}

function askGdb(commands: readonly string[], kernel: string): Promise<string> {
  return runTool('ask gdb', 'gdb', [
    ...['-q', '-batch', '-iex', 'set confirm off', '-x', GDB_COMMANDS],
    // Not -x for the second file: commands of the first run only once a file is loaded.
    ...['-ex', `source ${GDB_PART}`, ...commands.flatMap((command) => ['-ex', command])],
    kernel,
  ])
}

async function qemuMajorVersion(): Promise<number> {
  const text = await runTool('ask QEMU for its version', 'qemu-system-x86_64', ['--version'])
  const version = /version (\d+)\./.exec(text)?.[1]
  if (version === undefined) {
    throw new RunError(`Cannot read QEMU's version in "${text.split('\n')[0]}"`, 'make doctor')
  }
  return Number(version)
}
