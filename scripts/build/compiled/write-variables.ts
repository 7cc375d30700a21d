/** Variables, arguments, and variables of outer functions, as C. */
import { type CodeWriter, NotCompiled } from './code-writer.ts'
import type { Instruction } from './instructions.ts'
import { type Entry, isPlain, ownedValueOf } from './operand-stack.ts'
import { putCalculation, putUnary } from './write-arithmetic.ts'

const OWN = /^(get|put|set|inc|dec|add)_(loc|arg)(8|\d|_check|_uninitialized)?$/
const OUTER = /^(get|put|set)_var_ref(\d|_check)?$/

/** False when it is another kind of instruction. */
export function writeVariable(writer: CodeWriter, instruction: Instruction): boolean {
  const { name, operand } = instruction
  if (OUTER.test(name)) writeOuter(writer, instruction)
  else if (name === 'close_loc') writer.put(`compiled_close_variable(context, &frame, ${operand});`)
  else if (OWN.test(name)) writeOwn(writer, instruction)
  else return false
  return true
}

interface Place {
  readonly text: string
  /** Of a variable; undefined for an argument. */
  readonly index: number | undefined
  readonly isCaptured: boolean
}

/** What closures refer to lies in memory, the rest where the C compiler likes. */
function placeOf(writer: CodeWriter, instruction: Instruction): Place {
  const { name, operand } = instruction
  const isCaptured = writer.isCaptured(instruction)
  const isArgument = name.includes('arg')
  const letter = isArgument ? 'a' : 'v'
  const index = isArgument ? undefined : operand
  if (index !== undefined && index === writer.thisVariable)
    return { text: 'self', index, isCaptured }
  return { text: isCaptured ? `${letter}[${operand}]` : `${letter}${operand}`, index, isCaptured }
}

function entryOf(writer: CodeWriter, { text, index }: Place): Entry {
  const isPlainVariable = index !== undefined && writer.plainVariables.has(index)
  return { text, kind: isPlainVariable ? 'plain' : 'any', isOwned: false }
}

function writeOwn(writer: CodeWriter, instruction: Instruction): void {
  const { name } = instruction
  const place = placeOf(writer, instruction)
  if (name.endsWith('_check')) putCheck(writer, instruction, place.text, false)
  if (name.startsWith('get_')) {
    const entry = entryOf(writer, place)
    writer.stack.push(place.isCaptured ? writer.owned(entry) : entry)
  } else if (name === 'set_loc_uninitialized') {
    putStore(writer, place, { text: 'JS_UNINITIALIZED', kind: 'plain', isOwned: false })
  } else if (name.startsWith('put_')) putStore(writer, place, writer.pop())
  else if (name.startsWith('set_')) writeSet(writer, place)
  else writeChange(writer, instruction, place)
}

/** What is stored stays on the stack. */
function writeSet(writer: CodeWriter, place: Place): void {
  const entry = writer.pop()
  if (place.isCaptured) {
    const owned = writer.owned(entry)
    putStore(writer, place, { ...owned, isOwned: false })
    writer.stack.push(owned)
    return
  }
  putStore(writer, place, entry)
  const isNumber = entry.kind === 'int' || entry.kind === 'bool'
  writer.stack.push(isNumber ? entry : entryOf(writer, place))
}

/** inc_loc, dec_loc, add_loc. */
function writeChange(writer: CodeWriter, instruction: Instruction, place: Place): void {
  const variable = entryOf(writer, place)
  if (instruction.name === 'add_loc') {
    const added = writer.pop()
    putStore(writer, place, putCalculation(writer, instruction, 'add', [variable, added]))
    return
  }
  const [macro, opcode] =
    instruction.name === 'inc_loc'
      ? (['INCREMENT', 'inc'] as const)
      : (['DECREMENT', 'dec'] as const)
  putStore(writer, place, putUnary(writer, instruction, [macro, opcode], variable))
}

function putStore(writer: CodeWriter, { text, index }: Place, entry: Entry): void {
  // `this` is where it is already.
  if (text === 'self') return
  writer.detach(text)
  const isPlainVariable = index !== undefined && writer.plainVariables.has(index)
  if (isPlainVariable && !isPlain(entry)) writer.broken.add(index)
  const value = ownedValueOf(entry)
  writer.put(isPlainVariable ? `${text} = ${value};` : `STORE(${text}, ${value});`)
}

function putCheck(
  writer: CodeWriter,
  instruction: Instruction,
  text: string,
  isOuter: boolean,
): void {
  const failed = writer.failed()
  writer.put(`if (RARELY(JS_VALUE_GET_TAG(${text}) == JS_TAG_UNINITIALIZED)) {`)
  writer.putPosition(instruction)
  writer.put(`compiled_uninitialized(context, function, ${instruction.operand}, ${isOuter});`)
  writer.put(`goto ${failed}; }`)
}

function writeOuter(writer: CodeWriter, instruction: Instruction): void {
  const { name, operand } = instruction
  const place = `*outer_variable(function, ${operand})`
  if (name.endsWith('_init')) throw new NotCompiled(name)
  if (name.endsWith('_check')) putCheck(writer, instruction, place, true)
  if (name.startsWith('get_')) {
    const out = writer.fresh()
    const isPeeked = writer.isUsedAtOnce(instruction)
    writer.put(`JSValue ${out} = ${isPeeked ? place : `hold(${place})`};`)
    writer.push(out, 'any', !isPeeked, isPeeked)
    return
  }
  const entry = writer.pop()
  if (name.startsWith('put_')) {
    writer.put(`STORE(${place}, ${ownedValueOf(entry)});`)
    return
  }
  const owned = writer.owned(entry)
  writer.put(`STORE(${place}, ${ownedValueOf({ ...owned, isOwned: false })});`)
  writer.stack.push(owned)
}
