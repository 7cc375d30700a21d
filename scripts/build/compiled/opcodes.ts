/** The engine's instructions and the names that it knows by itself, read from its headers. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Opcode {
  readonly name: string
  readonly sizeBytes: number
  readonly pops: number
  readonly pushes: number
  /** How the operands lie behind the opcode. */
  readonly format: string
}

const DEFINITION = /^DEF\(\s*(\w+),\s*(\d+),\s*(\d+),\s*(\d+),\s*(\w+)\)/gm
const NAME = /^DEF\(\s*\w+,\s*"([^"]*)"\)/gm

/** By the number that stands in the bytecode, where temporary ones (`def`) never stand. */
export function readOpcodes(engineSource: string): Opcode[] {
  const text = readFileSync(join(engineSource, 'quickjs-opcode.h'), 'utf8')
  return Array.from(text.matchAll(DEFINITION), ([, name, size, pops, pushes, format]) => ({
    name: name!,
    sizeBytes: Number(size),
    pops: Number(pops),
    pushes: Number(pushes),
    format: format!,
  }))
}

/** By atom; 0 is none. */
export function readAtoms(engineSource: string): string[] {
  const text = readFileSync(join(engineSource, 'quickjs-atom.h'), 'utf8')
  return ['', ...Array.from(text.matchAll(NAME), ([, name]) => name!)]
}
