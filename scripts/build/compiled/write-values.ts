/** Literals, what is made of them, and where values lie on the stack, as C. */
import { type CodeWriter, NotCompiled } from './code-writer.ts'
import type { Instruction } from './instructions.ts'
import { type Entry, jsValueOf } from './operand-stack.ts'

/** From the lowest of what is taken: which of it stands where. */
const SHUFFLES: Readonly<Record<string, readonly number[]>> = {
  ...{ dup: [0, 0], dup1: [0, 0, 1], dup2: [0, 1, 0, 1], dup3: [0, 1, 2, 0, 1, 2] },
  ...{ insert2: [1, 0, 1], insert3: [2, 0, 1, 2], insert4: [3, 0, 1, 2, 3] },
  ...{ perm3: [1, 0, 2], perm4: [2, 0, 1, 3], perm5: [3, 0, 1, 2, 4] },
  ...{ swap: [1, 0], swap2: [2, 3, 0, 1] },
  ...{ rot3l: [1, 2, 0], rot3r: [2, 0, 1], rot4l: [1, 2, 3, 0], rot5l: [1, 2, 3, 4, 0] },
}

/** False when it is another kind of instruction. */
export function writeValue(writer: CodeWriter, instruction: Instruction): boolean {
  const { name } = instruction
  if (SHUFFLES[name] !== undefined) shuffle(writer, SHUFFLES[name])
  else if (name === 'drop') writer.putLetGo([writer.pop()])
  else if (name === 'nip' || name === 'nip1') nip(writer, name === 'nip' ? 1 : 2)
  else if (!writeLiteral(writer, instruction)) return writeMade(writer, instruction)
  return true
}

function shuffle(writer: CodeWriter, order: readonly number[]): void {
  const taken = writer.take(Math.max(...order) + 1)
  const seen = new Set<number>()
  for (const place of order) {
    const entry = taken[place]!
    if (seen.has(place) && entry.isOwned && entry.kind === 'any') {
      const out = writer.fresh()
      writer.put(`JSValue ${out} = hold(${entry.text});`)
      writer.push(out, 'any', true)
    } else writer.stack.push(entry)
    seen.add(place)
  }
}

/** Drops what lies below `kept` values. */
function nip(writer: CodeWriter, kept: number): void {
  const [dropped, ...rest] = writer.take(kept + 1)
  writer.putLetGo([dropped!])
  writer.stack.push(...rest)
}

function int(value: number): string {
  return value === -(2 ** 31) ? 'INT32_MIN' : String(value)
}

function writeLiteral(writer: CodeWriter, { name, operand }: Instruction): boolean {
  if (name === 'undefined' || name === 'null') {
    writer.push(`JS_${name.toUpperCase()}`, 'plain', false)
  } else if (name === 'push_this') writer.push('self', 'any', false)
  else if (name === 'push_true' || name === 'push_false') {
    writer.push(name === 'push_true' ? '1' : '0', 'bool', false)
  } else if (name === 'push_const' || name === 'push_const8') {
    const kind = writer.code.hasPlainConstant[operand] ? 'plain' : 'any'
    writer.push(`constants[${operand}]`, kind, false)
  } else if (/^push_(i32|i16|i8|minus1|\d)$/.test(name)) writer.push(int(operand), 'int', false)
  else return false
  return true
}

/** What the engine makes, or looks for. */
function writeMade(writer: CodeWriter, instruction: Instruction): boolean {
  const { name, operand } = instruction
  if (name === 'push_atom_value') {
    writer.make(instruction, `compiled_text(context, ${writer.atom(instruction)})`)
  } else if (name === 'push_empty_string') {
    writer.make(instruction, 'compiled_text(context, JS_ATOM_empty_string)')
  } else if (name === 'get_var' || name === 'get_var_undef') {
    const call = `compiled_global(context, ${writer.atom(instruction)}, ${name === 'get_var'})`
    writer.make(instruction, call)
  } else if (name === 'fclosure' || name === 'fclosure8') {
    const call = `compiled_closure(context, constants[${operand}], function, &frame)`
    writer.make(instruction, call)
  } else if (name === 'object') writer.make(instruction, 'compiled_object(context)')
  else if (name === 'array_from') {
    const elements = writer.take(operand)
    const list = `(JSValueConst[]){ ${writer.values(elements)} }`
    writer.make(instruction, `compiled_array(context, ${operand}, ${list})`, elements)
  } else if (name.startsWith('typeof')) writeType(writer, instruction)
  else if (name !== 'nop') throw new NotCompiled(name)
  return true
}

function writeType(writer: CodeWriter, instruction: Instruction): void {
  const value: Entry = writer.pop()
  const wanted = /^typeof_is_(\w+)$/.exec(instruction.name)?.[1]
  if (wanted === undefined) {
    writer.make(instruction, `compiled_type(context, ${jsValueOf(value)})`, [value])
    return
  }
  const out = writer.fresh('c')
  writer.put(`int ${out} = compiled_is_type(context, ${jsValueOf(value)}, JS_ATOM_${wanted});`)
  writer.putLetGo([value])
  writer.push(out, 'bool', false)
}
