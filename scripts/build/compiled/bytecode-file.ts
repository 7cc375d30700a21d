/**
 * Reads what the bytecode compiler has written: the functions of a module, in the order in which
 * the engine reads them.
 */
import type { Opcode } from './opcodes.ts'

export interface Variable {
  readonly name: string
  /** Closures may have a reference to it. */
  readonly isCaptured: boolean
}

export interface BytecodeFunction {
  /** Place among all functions of the module, in the order of their beginnings. */
  readonly index: number
  readonly name: string
  readonly isStrict: boolean
  /** Neither generator nor async. */
  readonly isOrdinary: boolean
  readonly argumentCount: number
  readonly variableCount: number
  readonly stackSize: number
  readonly closureCount: number
  /** Arguments first. */
  readonly variables: readonly Variable[]
  readonly code: Uint8Array
  /** Where it begins in the bundle, both from 0. */
  readonly line: number
  readonly column: number
  /** Constants that have no count of references: numbers and the like. */
  readonly hasPlainConstant: readonly boolean[]
}

export interface ReaderOptions {
  readonly opcodes: readonly Opcode[]
  /** What the engine knows by itself, by atom. */
  readonly atoms: readonly string[]
}

/** BC_VERSION of the engine. */
const VERSION = 4
/** BC_TAG_… of the engine. */
const TAG = {
  null: 1,
  undefined: 2,
  false: 3,
  true: 4,
  int32: 5,
  float64: 6,
  string: 7,
  object: 8,
  array: 9,
  bigInt: 10,
  templateObject: 11,
  function: 12,
  module: 13,
} as const
const CLOSURE_FLAGS_CAPTURED = 1 << 6
const STRICT = 1
const MODULE_EXPORT_LOCAL = 0

class Reader {
  private at = 0
  private readonly names: string[] = []
  readonly functions: BytecodeFunction[] = []

  private readonly bytes: Buffer
  private readonly options: ReaderOptions

  constructor(bytes: Buffer, options: ReaderOptions) {
    this.bytes = bytes
    this.options = options
    const version = this.byte()
    if (version !== VERSION) throw new Error(`bytecode of version ${version}, not ${VERSION}`)
    const count = this.number()
    for (let i = 0; i < count; i++) this.names.push(this.text())
  }

  private byte(): number {
    return this.bytes.readUInt8(this.at++)
  }

  private number(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }

  private skip(length: number): void {
    this.at += length
  }

  private text(): string {
    const word = this.number()
    const isWide = (word & 1) !== 0
    const length = (word >>> 1) << (isWide ? 1 : 0)
    const text = this.bytes.toString(isWide ? 'utf16le' : 'latin1', this.at, this.at + length)
    this.skip(length)
    return text
  }

  private atom(): string {
    const word = this.number()
    if ((word & 1) !== 0) return String(word >>> 1)
    const index = word >>> 1
    // Symbols that the engine knows stand between its names and those of the file.
    const { atoms } = this.options
    return index < atoms.length ? atoms[index]! : (this.names[index - atoms.length] ?? '')
  }

  private repeat(count: number, read: () => void): void {
    for (let i = 0; i < count; i++) read()
  }

  module(): void {
    if (this.byte() !== TAG.module) throw new Error('bytecode that is no module')
    this.atom()
    this.repeat(this.number(), () => this.atom())
    this.repeat(this.number(), () => {
      const isLocal = this.byte() === MODULE_EXPORT_LOCAL
      this.number()
      if (!isLocal) this.atom()
      this.atom()
    })
    this.repeat(this.number(), () => this.number())
    this.repeat(this.number(), () => {
      this.number()
      this.atom()
      this.number()
    })
    this.byte()
    this.value()
    if (this.at !== this.bytes.length) throw new Error('bytecode that goes on behind its end')
  }

  private value(): void {
    const tag = this.byte()
    if (tag === TAG.int32) this.number()
    else if (tag === TAG.float64) this.skip(8)
    else if (tag === TAG.string) this.text()
    else if (tag === TAG.bigInt) this.skip(this.number())
    else if (tag === TAG.function) this.function()
    else if (tag === TAG.object) this.object()
    else if (tag === TAG.array || tag === TAG.templateObject) this.array(tag)
    else if (tag > TAG.true) throw new Error(`bytecode with an unknown value, tag ${tag}`)
  }

  private object(): void {
    this.repeat(this.number(), () => {
      this.atom()
      this.value()
    })
  }

  private array(tag: number): void {
    this.repeat(this.number(), () => this.value())
    if (tag === TAG.templateObject) this.value()
  }

  private variable(): Variable {
    const name = this.atom()
    this.number()
    this.number()
    return { name, isCaptured: (this.byte() & CLOSURE_FLAGS_CAPTURED) !== 0 }
  }

  private function(): void {
    const index = this.functions.length
    const place = this.functions.push(undefined as never) - 1
    const flags = this.bytes.readUInt16LE(this.at)
    this.skip(2)
    const mode = this.byte()
    const name = this.atom()
    const argumentCount = this.number()
    const variableCount = this.number()
    this.number()
    const stackSize = this.number()
    const closureCount = this.number()
    const constantCount = this.number()
    const codeLength = this.number()
    const variables = Array.from({ length: this.number() }, () => this.variable())
    this.repeat(closureCount, () => {
      this.atom()
      this.number()
      this.byte()
    })
    const code = this.bytes.subarray(this.at, this.at + codeLength)
    this.skip(codeLength)
    const hasDebug = ((flags >> 10) & 1) !== 0
    let line = 0
    let column = 0
    if (hasDebug) {
      this.atom()
      const end = this.number() + this.at
      line = this.number()
      column = this.number()
      this.at = end
      this.skip(this.number())
    }
    const hasPlainConstant: boolean[] = []
    this.functions[place] = {
      index,
      name,
      isStrict: (mode & STRICT) !== 0,
      isOrdinary: ((flags >> 4) & 3) === 0,
      argumentCount,
      variableCount,
      stackSize,
      closureCount,
      variables,
      code,
      line,
      column,
      hasPlainConstant,
    }
    this.repeat(constantCount, () => {
      hasPlainConstant.push(this.bytes.readUInt8(this.at) <= TAG.float64)
      this.value()
    })
  }
}

export function readBytecodeFile(bytes: Uint8Array, options: ReaderOptions): BytecodeFunction[] {
  const reader = new Reader(Buffer.from(bytes), options)
  reader.module()
  return reader.functions
}
