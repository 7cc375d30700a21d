/**
 * Compiles the functions that run for each frame from bytecode to C and to objects of the image;
 * kernel.container stays as it is.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { compileC } from '../compile-c.ts'
import { type EngineBuild, engineIncludeFlags } from '../engine-objects.ts'
import { LineTable } from '../line-table.ts'
import { functionPlaces } from '../packet-path.ts'
import { runStep } from '../step.ts'
import type { Toolchain } from '../toolchain.ts'
import type { BytecodeFunction } from './bytecode-file.ts'
import { type CompiledUnits, compileUnits, privateHeader } from './compiled-unit.ts'

export interface CompiledProgramOptions {
  readonly root: string
  readonly target: string
  readonly toolchain: Toolchain
  readonly engineSource: string
  readonly engine: EngineBuild
  /** Resolves once kernel.container is written. */
  readonly program: Promise<boolean>
  /** False for a kernel that packets do not meet: nothing of it is compiled. */
  readonly isPacketKernel: boolean
}

/** C files, which are compiled at the same time. */
const UNIT_COUNT = 4
const COMPILED_FUNCTIONS = join(import.meta.dirname, 'compiled-functions.json')
/** Where encodeContainer() has put it. */
const CRC_OFFSET = 16
/** Line numbers are enough: what there is to debug is TypeScript. */
const FLAGS = ['-fwrapv', '-D_GNU_SOURCE', '-g1', '-Wno-everything']

function unitName(index: number): string {
  return `compiled-${index}.c`
}

/** Paths of the objects. */
export async function compileProgram(options: CompiledProgramOptions): Promise<string[]> {
  const folder = join(options.target, 'compiled')
  await options.program
  await mkdir(folder, { recursive: true })
  const units = Array.from({ length: UNIT_COUNT }, (_, i) => join(folder, unitName(i)))
  await writeUnits(options, units)
  return compileUnitsOf(options, folder)
}

/** Units in a folder as objects beside them. */
export async function compileUnitsOf(
  options: Pick<CompiledProgramOptions, 'root' | 'toolchain' | 'engineSource' | 'engine'>,
  folder: string,
  more: readonly string[] = [],
): Promise<string[]> {
  const include = engineIncludeFlags(options.engineSource, options.engine.version)
  const flags = [
    ...FLAGS,
    ...include,
    '-I',
    folder,
    '-I',
    join(options.root, 'boot/engine'),
    ...more,
  ]
  const sources = Array.from({ length: UNIT_COUNT }, (_, i) => join(folder, unitName(i)))
  const objects = sources.map((source) => source.replace(/\.c$/, '.o'))
  await Promise.all(
    sources.map((source, i) => compileC({ source, object: objects[i]!, flags }, options.toolchain)),
  )
  return objects
}

async function writeUnits(
  options: CompiledProgramOptions,
  units: readonly string[],
): Promise<void> {
  const { target, engineSource, isPacketKernel } = options
  const container = join(target, 'kernel.container')
  const script = join(target, 'eremite.js')
  const engine = ['quickjs.c', 'quickjs-opcode.h', 'quickjs-atom.h'].map((name) =>
    join(engineSource, name),
  )
  await runStep({
    outputs: [units[0]!, ...units.slice(1), join(target, 'compiled/engine-private.h')],
    key: JSON.stringify([isPacketKernel, options.engine.version]),
    async run() {
      writeUnitFiles(join(target, 'compiled'), {
        bytecode: readFileSync(`${container}.bytecode`),
        crc32: readFileSync(container).readUInt32LE(CRC_OFFSET),
        engineSource,
        isWanted: isPacketKernel ? amongCompiled(options, script) : () => false,
      })
      return [container, script, `${script}.map`, ...engine, ...SOURCES]
    },
  })
}

/** Writes the units, and the header of the engine's private structures. */
export function writeUnitFiles(
  folder: string,
  options: Omit<Parameters<typeof compileUnits>[0], 'unitCount'>,
): CompiledUnits {
  const result = compileUnits({ ...options, unitCount: UNIT_COUNT })
  for (const [i, text] of result.texts.entries()) writeFileSync(join(folder, unitName(i)), text)
  const engine = readFileSync(join(options.engineSource, 'quickjs.c'), 'utf8')
  writeFileSync(join(folder, 'engine-private.h'), privateHeader(engine))
  return result
}

function amongCompiled(
  { root }: CompiledProgramOptions,
  path: string,
): (code: BytecodeFunction) => boolean {
  const bundle = readFileSync(path, 'utf8')
  const sourceMap = readFileSync(`${path}.map`, 'utf8')
  const names = JSON.parse(readFileSync(COMPILED_FUNCTIONS, 'utf8')) as string[]
  const table = new LineTable(bundle)
  const places = [...functionPlaces({ bundle, sourceMap, path, root }, names)].map((offset) => {
    const { line, column } = table.positionOf(offset)
    return `${line}:${column}`
  })
  const wanted = new Set(places)
  return ({ line, column }) => wanted.has(`${line}:${column}`)
}

/** The code that shapes the units is an input of them. */
const SOURCES = [
  ...[
    'bytecode-file.ts',
    'code-writer.ts',
    'compiled-program.ts',
    'compiled-unit.ts',
    'instructions.ts',
    'opcodes.ts',
    'operand-stack.ts',
    'translate.ts',
    'write-arithmetic.ts',
    'write-calls.ts',
    'write-members.ts',
    'write-values.ts',
    'write-variables.ts',
  ].map((name) => join(import.meta.dirname, name)),
  ...['packet-path.ts', 'line-table.ts', 'parsed-script.ts'].map((name) =>
    join(import.meta.dirname, '..', name),
  ),
  COMPILED_FUNCTIONS,
]
