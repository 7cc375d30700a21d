/** Compiles one C or assembly file with clang against musl's headers. */
import { existsSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, relative } from 'node:path'
import { runTool } from './run-tool.ts'
import { runStep } from './step.ts'
import type { Toolchain } from './toolchain.ts'

/** Full DWARF stays in the image: QEMU does not load it, gdb needs it. */
const COMMON_FLAGS = [
  '--target=x86_64-linux-gnu',
  '-std=gnu11',
  '-O2',
  '-g',
  '-fno-pic',
  '-fno-pie',
  '-fno-stack-protector',
  '-fno-asynchronous-unwind-tables',
  '-fcf-protection=none',
  '-ffunction-sections',
  '-fdata-sections',
  '-nostdlibinc',
]

export interface CompileJob {
  readonly source: string
  readonly object: string
  readonly flags: readonly string[]
}

/** The prerequisites in a make rule that clang wrote (-MD). */
function parseDependencies(path: string): string[] {
  const rule = readFileSync(path, 'utf8').replace(/\\\n/g, ' ')
  const names = rule.slice(rule.indexOf(':') + 1).match(/(?:\\.|\S)+/g) ?? []
  return names.map((name) => name.replace(/\\(.)/g, '$1')).filter((name) => existsSync(name))
}

export async function compileC(job: CompileJob, toolchain: Toolchain): Promise<boolean> {
  const dependencies = `${job.object}.d`
  const args = [
    ...COMMON_FLAGS,
    ...job.flags,
    '-isystem',
    toolchain.muslInclude,
    ...['-MD', '-MF', dependencies, '-c', job.source, '-o', job.object],
  ]
  await mkdir(dirname(job.object), { recursive: true })
  return runStep({
    outputs: [job.object],
    key: [toolchain.clang, ...args].join('\0'),
    async run() {
      const name = relative(process.cwd(), job.source)
      await runTool(`compile ${name}`, toolchain.clang, args)
      return parseDependencies(dependencies)
    },
  })
}
