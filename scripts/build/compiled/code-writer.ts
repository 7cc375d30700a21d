/**
 * A C function while it is written from bytecode: its lines, the operand stack as C expressions,
 * and where exceptions let go of what is on it.
 */
import type { BytecodeFunction } from './bytecode-file.ts'
import { type DecodedFunction, decodeFunction, type Instruction } from './instructions.ts'
import type { Opcode } from './opcodes.ts'
import { type Entry, isPlain, jsValueOf, ownedValueOf } from './operand-stack.ts'

/** What all functions of a program share: an atom as C. */
export type AtomText = (functionPlace: number, offset: number, atom: number) => string

export interface WriterOptions {
  readonly opcodes: readonly Opcode[]
  readonly atomText: AtomText
  /** Among the functions that are compiled. */
  readonly place: number
  /** How many guesses the functions before have. */
  readonly firstGuess: number
}

/** An instruction that there is no C for. */
export class NotCompiled extends Error {}

const PURE =
  /^(push_(i32|const8?|minus1|\d|i8|i16|true|false|this)|undefined|null|get_(loc|arg)(8|\d)?)$/
/** Done with their operands before anything else can happen. */
const BORROWS =
  /^((get|put)_(field|array_el)|get_length|drop|if_(false|true)8?|lnot|is_(undefined|null|undefined_or_null)|(strict_)?n?eq|[lg]te?|add|sub|mul|div|mod|and|or|xor|sh[lr]|sar|neg|not|inc|dec|plus|typeof|instanceof|in)$/
const CANONICAL = /^s\d+$/
const VARIABLE = /^[av]\[?\d/

export class CodeWriter {
  readonly decoded: DecodedFunction
  readonly lines: string[] = []
  readonly failures: string[] = []
  stack: Entry[] = []
  guessCount = 0
  /** Variables that never have what has a count of references, unless one is in `broken`. */
  readonly plainVariables = new Set<number>()
  readonly broken = new Set<number>()
  /** The variable that is `this` from beginning to end; -1 is none. */
  readonly thisVariable: number
  private names = 0

  readonly code: BytecodeFunction
  readonly options: WriterOptions

  constructor(code: BytecodeFunction, options: WriterOptions) {
    this.code = code
    this.options = options
    this.decoded = decodeFunction(code, options.opcodes)
    this.thisVariable = this.findThis()
    code.variables.slice(code.argumentCount).forEach(({ isCaptured }, index) => {
      if (!isCaptured && index !== this.thisVariable) this.plainVariables.add(index)
    })
  }

  /** Instructions that can come to be executed. */
  reached(): Instruction[] {
    return this.decoded.instructions.filter(({ at }) => this.decoded.depths.has(at))
  }

  private findThis(): number {
    const [first, second] = this.decoded.instructions
    if (first?.name !== 'push_this' || second === undefined) return -1
    const stores = this.reached().filter(
      ({ name, operand }) =>
        /^(put|set|inc|dec|add|close)_loc/.test(name) && operand === second.operand,
    )
    const isKept = /^put_loc\d?$|^put_loc8$/.test(second.name) && stores.length === 1
    return isKept && !this.isCaptured(second) ? second.operand : -1
  }

  /** To be written anew, with what is known now. */
  restart(): void {
    for (const index of this.broken) this.plainVariables.delete(index)
    this.lines.length = this.failures.length = this.guessCount = this.names = 0
    this.broken.clear()
    this.stack = []
  }

  put(line: string): void {
    this.lines.push(line)
  }

  fresh(letter = 'r'): string {
    return `${letter}${this.names++}`
  }

  push(text: string, kind: Entry['kind'], isOwned: boolean, isPeeked = false): void {
    this.stack.push({ text, kind, isOwned, isPeeked })
  }

  pop(): Entry {
    return this.stack.pop()!
  }

  take(count: number): Entry[] {
    return this.stack.splice(this.stack.length - count, count)
  }

  letGo(entries: readonly Entry[]): string {
    return entries
      .filter((entry) => entry.isOwned && entry.kind === 'any')
      .map(({ text }) => `let_go(context, ${text})`)
      .join('; ')
  }

  putLetGo(entries: readonly Entry[]): void {
    const text = this.letGo(entries)
    if (text !== '') this.put(`${text};`)
  }

  /** A label that lets go of what is on the stack now, and of `more`, for an exception. */
  failed(more: readonly Entry[] = []): string {
    const text = this.letGo([...this.stack, ...more])
    if (text === '') return 'exception'
    const label = this.fresh('failed')
    this.failures.push(`${label}: ${text}; goto exception;`)
    return label
  }

  /** The same value in a name of its own, which lasts. */
  owned(entry: Entry): Entry {
    if (entry.isOwned || (isPlain(entry) && !VARIABLE.test(entry.text))) return entry
    const text = this.fresh()
    this.put(`JSValue ${text} = ${ownedValueOf(entry)};`)
    return { text, kind: isPlain(entry) ? 'plain' : 'any', isOwned: true }
  }

  /** Copies what on the stack a change of the variable would change. */
  detach(variable: string): void {
    this.stack = this.stack.map((entry) => (entry.text === variable ? this.owned(entry) : entry))
  }

  /** All of the stack becomes s0, s1, … as it is at every label. */
  flush(): void {
    const moved = this.stack.map((entry, depth) => {
      if (!CANONICAL.test(entry.text) || entry.text === `s${depth}`) return entry
      const text = this.fresh()
      this.put(`JSValue ${text} = ${entry.text};`)
      return { ...entry, text }
    })
    for (const [depth, entry] of moved.entries()) {
      if (entry.text !== `s${depth}`) this.put(`s${depth} = ${ownedValueOf(entry)};`)
    }
    this.restore(moved.length)
  }

  /** The stack as it is at a label. */
  restore(depth: number): void {
    this.stack = Array.from({ length: depth }, (_, i) => {
      return { text: `s${i}`, kind: 'any', isOwned: true }
    })
  }

  position({ next }: Instruction): string {
    return `code + ${next}`
  }

  /** Where a trace finds the frame; ahead of what may throw or call. */
  putPosition(instruction: Instruction): void {
    this.put(`frame.cur_pc = ${this.position(instruction)};`)
  }

  atom({ at }: Instruction): string {
    const atom = Buffer.from(this.code.code).readUInt32LE(at + 1)
    return this.options.atomText(this.options.place, at + 1, atom)
  }

  guess(): string {
    return `&compiled_guesses[guesses + ${this.guessCount++}]`
  }

  /** Whether what `instruction` pushes is used before anything else can happen. */
  isUsedAtOnce({ next }: Instruction): boolean {
    let above = 0
    const { instructions, targets } = this.decoded
    for (let i = instructions.findIndex(({ at }) => at === next); i < instructions.length; i++) {
      const user = instructions[i]!
      if (targets.has(user.at)) return false
      if (!PURE.test(user.name)) return BORROWS.test(user.name) && user.pops > above
      above++
    }
    return false
  }

  isCaptured({ name, operand }: Instruction): boolean {
    const first = name.includes('arg') ? 0 : this.code.argumentCount
    return this.code.variables[first + operand]?.isCaptured ?? true
  }

  /** What an expression makes, or the exception that it ends with. */
  make(instruction: Instruction, expression: string, taken: readonly Entry[] = []): void {
    const out = this.fresh()
    this.putPosition(instruction)
    this.put(`JSValue ${out} = ${expression};`)
    this.putLetGo(taken)
    this.put(`if (RARELY(JS_IsException(${out}))) goto ${this.failed()};`)
    this.push(out, 'any', true)
  }

  values(entries: readonly Entry[]): string {
    return entries.map(jsValueOf).join(', ') || 'JS_UNDEFINED'
  }
}
