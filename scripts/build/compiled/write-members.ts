/** Fields, methods and elements of objects, as C. */
import { type CodeWriter, NotCompiled } from './code-writer.ts'
import type { Instruction } from './instructions.ts'
import { type Entry, jsValueOf, ownedValueOf } from './operand-stack.ts'

const MEMBERS = /^((get|put|define)_(field2?|array_el2?)|get_length|to_propkey2?|to_object)$/

/** False when it is another kind of instruction. */
export function writeMember(writer: CodeWriter, instruction: Instruction): boolean {
  const { name } = instruction
  if (!MEMBERS.test(name)) return false
  if (name === 'get_field' || name === 'get_length') readField(writer, instruction)
  else if (name === 'get_field2') readMethod(writer, instruction)
  else if (name === 'put_field') writeField(writer, instruction)
  else if (name === 'define_field') defineField(writer, instruction)
  else if (name === 'get_array_el' || name === 'get_array_el2') readElement(writer, instruction)
  else if (name === 'put_array_el') writeElement(writer, instruction)
  else if (name === 'to_object') toObject(writer, instruction)
  else if (name.startsWith('to_propkey')) toKey(writer, instruction)
  else throw new NotCompiled(name)
  return true
}

function readField(writer: CodeWriter, instruction: Instruction): void {
  const owner = writer.pop()
  const out = writer.fresh()
  const isPeeked = !owner.isOwned && writer.isUsedAtOnce(instruction)
  const atom = instruction.name === 'get_length' ? 'JS_ATOM_length' : writer.atom(instruction)
  const position = writer.position(instruction)
  writer.put(
    `${isPeeked ? 'PEEK' : 'READ'}_FIELD(${out}, ${jsValueOf(owner)}, ${atom}, ${writer.guess()}, ${position}, ${writer.failed([owner])});`,
  )
  writer.putLetGo([owner])
  writer.push(out, 'any', !isPeeked, isPeeked)
}

/** The object stays below, for the call. */
function readMethod(writer: CodeWriter, instruction: Instruction): void {
  const owner = jsValueOf(writer.stack.at(-1)!)
  const atom = writer.atom(instruction)
  writer.make(instruction, `compiled_read_method(context, ${owner}, ${atom})`)
}

function writeField(writer: CodeWriter, instruction: Instruction): void {
  const [owner, value] = writer.take(2) as [Entry, Entry]
  const failed = writer.failed([owner, value])
  writer.put(
    `WRITE_FIELD(${jsValueOf(owner)}, ${writer.atom(instruction)}, ${jsValueOf(value)}, ${ownedValueOf(value)}, ${writer.guess()}, ${writer.position(instruction)}, ${failed}, ${writer.letGo([value])});`,
  )
  writer.putLetGo([owner])
}

function defineField(writer: CodeWriter, instruction: Instruction): void {
  const value = writer.pop()
  const owner = jsValueOf(writer.stack.at(-1)!)
  const call = `compiled_define(context, ${owner}, ${writer.atom(instruction)}, ${jsValueOf(value)})`
  writer.putPosition(instruction)
  writer.put(`if (RARELY(${call} < 0)) goto ${writer.failed([value])};`)
  writer.putLetGo([value])
}

function readElement(writer: CodeWriter, instruction: Instruction): void {
  const [owner, index] = writer.take(2) as [Entry, Entry]
  const isKept = instruction.name === 'get_array_el2'
  if (isKept) writer.stack.push(owner)
  const call = `compiled_read_element(context, ${writer.values([owner, index])})`
  writer.make(instruction, call, isKept ? [index] : [owner, index])
}

function writeElement(writer: CodeWriter, instruction: Instruction): void {
  const operands = writer.take(3)
  const call = `compiled_write_element(context, ${writer.values(operands)})`
  writer.putPosition(instruction)
  writer.put(`if (RARELY(${call} < 0)) goto ${writer.failed(operands)};`)
  writer.putLetGo(operands)
}

function toObject(writer: CodeWriter, instruction: Instruction): void {
  const entry = writer.owned(writer.pop())
  const value = jsValueOf(entry)
  const out = writer.fresh()
  const failed = writer.failed([entry])
  writer.put(`JSValue ${out} = ${value};`)
  writer.put(`if (RARELY(!is_object(${out}))) {`)
  writer.putPosition(instruction)
  writer.put(`${out} = compiled_to_object(context, ${value});`)
  writer.put(`if (JS_IsException(${out})) goto ${failed};`)
  writer.put(`${writer.letGo([entry])}; }`)
  writer.push(out, 'any', true)
}

function toKey(writer: CodeWriter, instruction: Instruction): void {
  const key = writer.owned(writer.pop())
  const failed = writer.failed([key])
  if (instruction.name === 'to_propkey2') {
    const owner = jsValueOf(writer.stack.at(-1)!)
    writer.put(`if (RARELY(is_nothing(${owner}))) {`)
    writer.putPosition(instruction)
    writer.put(`compiled_no_property(context); goto ${failed}; }`)
  }
  const value = jsValueOf(key)
  const out = writer.fresh()
  writer.put(`JSValue ${out} = ${value};`)
  writer.put(`if (RARELY(!is_int(${out}))) {`)
  writer.putPosition(instruction)
  writer.put(`${out} = compiled_key(context, ${value});`)
  writer.put(`if (JS_IsException(${out})) goto ${failed};`)
  writer.put(`${writer.letGo([key])}; }`)
  writer.push(out, 'any', true)
}
