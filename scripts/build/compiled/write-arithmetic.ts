/** Arithmetic, comparisons and what is asked of one value, as C. */
import type { CodeWriter } from './code-writer.ts'
import type { Instruction } from './instructions.ts'
import { type Entry, isPlain, jsValueOf } from './operand-stack.ts'

/** Instructions of two operands, and the macro of compiled-instructions.h for int32. */
const CALCULATIONS: Readonly<Record<string, string>> = {
  ...{ add: 'ADD', sub: 'SUBTRACT', mul: 'MULTIPLY', mod: 'REMAINDER' },
  ...{ and: 'AND', or: 'OR', xor: 'XOR' },
  ...{ shl: 'SHIFT_LEFT', sar: 'SHIFT_RIGHT', shr: 'SHIFT_IN_ZEROS' },
  ...{ div: 'NEVER', pow: 'NEVER', instanceof: 'NEVER', in: 'NEVER' },
}
const BITWISE = new Set(['and', 'or', 'xor', 'shl', 'sar'])
const NUMERIC = new Set(['sub', 'mul', 'div', 'mod', 'pow', 'shr'])
const UNARIES: Readonly<Record<string, string>> = {
  ...{ neg: 'NEGATE', not: 'NOT', inc: 'INCREMENT', dec: 'DECREMENT', plus: 'PLUS' },
}
const COMPARISONS: Readonly<Record<string, string>> = {
  ...{ lt: '<', lte: '<=', gt: '>', gte: '>=' },
  ...{ eq: '==', neq: '!=', strict_eq: '==', strict_neq: '!=' },
}

/** False when it is another kind of instruction. */
export function writeArithmetic(writer: CodeWriter, instruction: Instruction): boolean {
  const { name } = instruction
  if (CALCULATIONS[name] !== undefined) writeCalculation(writer, instruction)
  else if (COMPARISONS[name] !== undefined) writeComparison(writer, instruction)
  else if (UNARIES[name] !== undefined) writeUnary(writer, instruction)
  else if (name === 'post_inc' || name === 'post_dec') writePost(writer, instruction)
  else if (name === 'lnot') writer.push(`!(${putTruth(writer, writer.pop())})`, 'bool', false)
  else if (/^is_(undefined|null|undefined_or_null)$/.test(name)) writeIsNothing(writer, name)
  else return false
  return true
}

/** The result of an instruction of two operands, neither of them on the stack. */
export function putCalculation(
  writer: CodeWriter,
  instruction: Instruction,
  name: string,
  operands: readonly [Entry, Entry],
): Entry {
  const out = writer.fresh()
  const [first, second] = operands.map(jsValueOf)
  const failed = writer.failed(operands)
  writer.put(
    `CALCULATE(${out}, ${first}, ${second}, ${CALCULATIONS[name]!}, OP_${name}, ${writer.position(instruction)}, ${failed}, ${writer.letGo(operands)});`,
  )
  // What is mixed with a number throws if it is a bigint. Adding is for strings too.
  if (BITWISE.has(name) && operands.some(isPlain)) {
    return { text: `JS_VALUE_GET_INT(${out})`, kind: 'int', isOwned: false }
  }
  const isNumber =
    name === 'add'
      ? operands.every(isPlain)
      : !(NUMERIC.has(name) || BITWISE.has(name)) || operands.some(isPlain)
  return { text: out, kind: isNumber ? 'plain' : 'any', isOwned: true }
}

function writeCalculation(writer: CodeWriter, instruction: Instruction): void {
  const operands = writer.take(2) as [Entry, Entry]
  writer.stack.push(putCalculation(writer, instruction, instruction.name, operands))
}

export function putUnary(
  writer: CodeWriter,
  instruction: Instruction,
  [macro, opcode]: readonly [string, string],
  operand: Entry,
): Entry {
  const out = writer.fresh()
  const failed = writer.failed([operand])
  writer.put(
    `UNARY(${out}, ${jsValueOf(operand)}, ${macro}, OP_${opcode}, ${writer.position(instruction)}, ${failed}, ${writer.letGo([operand])});`,
  )
  return { text: out, kind: isPlain(operand) ? 'plain' : 'any', isOwned: true }
}

function writeUnary(writer: CodeWriter, instruction: Instruction): void {
  const { name } = instruction
  const operand = writer.pop()
  writer.stack.push(putUnary(writer, instruction, [UNARIES[name]!, name], operand))
}

/** What is left below is the number, or bigint, that the operand stands for. */
function writePost(writer: CodeWriter, instruction: Instruction): void {
  const isUp = instruction.name === 'post_inc'
  const operand = writer.pop()
  const before = putUnary(writer, instruction, ['PLUS', 'post_inc'], operand)
  writer.stack.push(before)
  const macro = isUp ? 'INCREMENT' : 'DECREMENT'
  const borrowed = { ...before, isOwned: false }
  writer.stack.push(putUnary(writer, instruction, [macro, isUp ? 'inc' : 'dec'], borrowed))
}

function writeComparison(writer: CodeWriter, instruction: Instruction): void {
  const { name } = instruction
  const operands = writer.take(2)
  const [first, second] = operands.map(jsValueOf)
  const out = writer.fresh('c')
  const failed = writer.failed(operands)
  writer.put(
    `COMPARE(${out}, ${first}, ${second}, ${COMPARISONS[name]!}, OP_${name}, ${writer.position(instruction)}, ${failed}, ${writer.letGo(operands)});`,
  )
  writer.push(out, 'bool', false)
}

/** A C truth value. */
export function putTruth(writer: CodeWriter, entry: Entry): string {
  if (entry.kind === 'bool') return entry.text
  if (entry.kind === 'int') return `(${entry.text}) != 0`
  const out = writer.fresh('c')
  writer.put(`TRUTH(${out}, ${entry.text});`)
  writer.putLetGo([entry])
  return out
}

function writeIsNothing(writer: CodeWriter, name: string): void {
  const entry = writer.pop()
  const value = jsValueOf(entry)
  const out = writer.fresh('c')
  const tags =
    name === 'is_undefined_or_null' ? ['UNDEFINED', 'NULL'] : [name.slice(3).toUpperCase()]
  const test = tags.map((tag) => `JS_VALUE_GET_TAG(${value}) == JS_TAG_${tag}`).join(' || ')
  writer.put(`int ${out} = ${test};`)
  writer.putLetGo([entry])
  writer.push(out, 'bool', false)
}
