/** Writes the C of the functions of a program that are compiled, and the tables that they share. */
import { type BytecodeFunction, readBytecodeFile } from './bytecode-file.ts'
import { NotCompiled } from './code-writer.ts'
import { readAtoms, readOpcodes } from './opcodes.ts'
import { translate } from './translate.ts'

export interface UnitOptions {
  readonly bytecode: Uint8Array
  /** Of the container that has the bytecode. */
  readonly crc32: number
  readonly engineSource: string
  /** Which functions are wanted. */
  readonly isWanted: (code: BytecodeFunction) => boolean
  readonly unitCount: number
}

export interface CompiledUnits {
  /** One C file each; the first has the tables. */
  readonly texts: readonly string[]
  readonly compiled: readonly BytecodeFunction[]
  /** What stays interpreted, and the first instruction that is why. */
  readonly refused: ReadonlyMap<BytecodeFunction, string>
}

/** boot/engine/compiled-calls.h */
const COMPILED_MAX = 1024
const INCLUDES = '#include "engine-private.h"\n#include "compiled-instructions.h"\n'

function declarations(names: readonly string[]): string {
  return [
    'extern const uint8_t *compiled_codes[];',
    'extern JSValue *compiled_constants[];',
    'extern JSAtom compiled_atoms[];',
    'extern struct field_guess compiled_guesses[];',
    ...names.map((name) => `compiled_function ${name};`),
  ].join('\n')
}

/** The engine's own names keep their numbers; the program's get theirs when it is loaded. */
class AtomTable {
  readonly places: string[] = []
  private readonly owners: number[] = []
  private readonly known = new Map<number, number>()

  private readonly firstAtom: number

  constructor(firstAtom: number) {
    this.firstAtom = firstAtom
  }

  /** What was found in a function that is not compiled after all, which all come last. */
  forget(functionPlace: number): void {
    const first = this.owners.indexOf(functionPlace)
    if (first < 0) return
    this.places.length = this.owners.length = first
    for (const [atom, index] of this.known) if (index >= first) this.known.delete(atom)
  }

  atom(functionPlace: number, offset: number, atom: number): string {
    if (atom < this.firstAtom || atom >= 2 ** 31) return `${atom}u`
    // struct compiled_atom
    if (offset > 0xffff) throw new NotCompiled('more than 64 KiB')
    let index = this.known.get(atom)
    if (index === undefined) {
      index = this.places.push(`{ ${functionPlace}, ${offset} }`) - 1
      this.owners.push(functionPlace)
      this.known.set(atom, index)
    }
    return `compiled_atoms[${index}]`
  }
}

export function compileUnits(options: UnitOptions): CompiledUnits {
  const opcodes = readOpcodes(options.engineSource)
  const atoms = readAtoms(options.engineSource)
  const tables = new AtomTable(atoms.length)
  const compiled: BytecodeFunction[] = []
  const refused = new Map<BytecodeFunction, string>()
  const bodies: string[] = []
  let firstGuess = 0
  for (const code of readBytecodeFile(options.bytecode, { opcodes, atoms })) {
    if (!options.isWanted(code)) continue
    const place = compiled.length
    try {
      const atomText = tables.atom.bind(tables)
      const options = { opcodes, atomText, place, firstGuess }
      const { text, guessCount } = translate(code, `compiled_${place}`, options)
      bodies.push(`// eremite:${code.line + 1}:${code.column + 1}\n${text}`)
      firstGuess += guessCount
      compiled.push(code)
    } catch (error) {
      if (!(error instanceof NotCompiled)) throw error
      tables.forget(place)
      refused.set(code, error.message)
    }
  }
  const names = compiled.map((_, place) => `compiled_${place}`)
  const count = compiled.length
  if (count >= COMPILED_MAX)
    throw new Error(`${count} functions are compiled, ${COMPILED_MAX} is too many`)
  const table = [
    `const uint8_t *compiled_codes[${count + 1}];`,
    `JSValue *compiled_constants[${count + 1}];`,
    `JSAtom compiled_atoms[${tables.places.length + 1}];`,
    `struct field_guess compiled_guesses[${firstGuess + 1}];`,
    'static const struct compiled_place places[] = {',
    ...compiled.map(({ index }, i) => `{ ${index}, compiled_${i} },`),
    '{ 0, NULL } };',
    'static const struct compiled_atom atom_places[] = {',
    ...tables.places.map((place) => `${place},`),
    '{ 0, 0 } };',
    ...Array.from(refused.values(), (why) => `// interpreted: ${why}`),
    'const struct compiled_program compiled_kernel = {',
    `.crc32 = ${options.crc32}u, .function_count = ${count}, .atom_count = ${tables.places.length}, .guess_count = ${firstGuess},`,
    '.places = places, .atom_places = atom_places, .codes = compiled_codes,',
    '.constants = compiled_constants, .atoms = compiled_atoms, .guesses = compiled_guesses };',
  ]
  const size = Math.ceil(count / options.unitCount)
  const texts = Array.from({ length: options.unitCount }, (_, i) =>
    [
      INCLUDES,
      declarations(names),
      ...(i === 0 ? table : []),
      ...bodies.slice(i * size, (i + 1) * size),
      '',
    ].join('\n'),
  )
  return { texts, compiled, refused }
}

/** The part of the engine that declares its private structures, up to its first function. */
export function privateHeader(engineText: string): string {
  const end = engineText.indexOf('\nstatic int JS_InitAtoms(')
  if (end < 0) throw new Error('the engine has no place where its declarations end')
  return `${engineText.slice(0, end)}\n`
}
