/** Builds the TCG plugin that counts a guest's instructions, and reads what it has counted. */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runTool } from '../../build/run-tool.ts'
import { RunError } from '../../guest/run-error.ts'

/** The first QEMU that no longer takes a plugin of the first version of the interface. */
const SECOND_INTERFACE_QEMU = 9

export class InstructionCounter {
  /** For QEMU's command line. */
  readonly arguments: readonly string[]
  private readonly file: string

  private constructor(plugin: string, file: string) {
    this.arguments = ['-plugin', `${plugin},count=${file}`]
    this.file = file
  }

  /** Compiles the plugin into `folder`; throws BuildError when that fails. */
  static async build(folder: string): Promise<InstructionCounter> {
    mkdirSync(folder, { recursive: true })
    const plugin = join(folder, 'instruction-counter.so')
    const source = join(import.meta.dirname, 'instruction-counter.c')
    const version = (await qemuMajorVersion()) < SECOND_INTERFACE_QEMU ? 1 : 2
    await runTool('compile the instruction counter', 'gcc', [
      ...['-shared', '-fPIC', '-O2', '-Wall', '-Wextra', '-Werror', '-fvisibility=hidden'],
      ...[`-DPLUGIN_VERSION=${version}`, '-o', plugin, source],
    ])
    return new InstructionCounter(plugin, join(folder, 'instructions'))
  }

  /** Instructions since the guest's start. */
  read(): number {
    return Number(readFileSync(this.file).readBigUInt64LE())
  }
}

async function qemuMajorVersion(): Promise<number> {
  const text = await runTool('ask QEMU for its version', 'qemu-system-x86_64', ['--version'])
  const version = /version (\d+)\./.exec(text)?.[1]
  if (version === undefined) {
    throw new RunError(`Cannot read QEMU's version in "${text.split('\n')[0]}"`, 'make doctor')
  }
  return Number(version)
}
