/** Calls, what functions end with, and what is made, as C. */
import type { CodeWriter } from './code-writer.ts'
import type { Instruction } from './instructions.ts'
import { type Entry, jsValueOf, ownedValueOf } from './operand-stack.ts'

const CALLS = /^(tail_)?call(\d|_method|_constructor)?$/

export function isCall({ name }: Instruction): boolean {
  return CALLS.test(name)
}

/** False when the next instruction is not reached from this one. */
export function writeCall(writer: CodeWriter, instruction: Instruction): boolean {
  const { name, operand, pops } = instruction
  const isMethod = name.endsWith('_method')
  const isConstructor = name.endsWith('_constructor')
  const taken = writer.take(pops)
  const args = taken.slice(pops - operand)
  const [first, second] = taken.map(jsValueOf)
  const called = isMethod ? second! : first!
  const other = isMethod ? first! : isConstructor ? second! : 'JS_UNDEFINED'
  const out = writer.fresh()
  const macro = isConstructor ? 'CONSTRUCT' : 'CALL'
  writer.put(
    `${macro}(${out}, ${called}, ${other}, ${writer.position(instruction)}, ${operand}, ${writer.values(args)});`,
  )
  writer.putLetGo(taken)
  writer.put(`if (RARELY(JS_IsException(${out}))) goto ${writer.failed()};`)
  writer.push(out, 'any', true)
  return name.startsWith('tail_') ? writeReturn(writer, writer.pop()) : true
}

export function writeReturn(writer: CodeWriter, entry: Entry): false {
  // What a variable has is given away: the function ends.
  const isVariable = /^v\d/.test(entry.text) && entry.kind === 'any'
  writer.put(`result = ${isVariable ? entry.text : ownedValueOf(entry)};`)
  if (isVariable) writer.put(`${entry.text} = JS_UNDEFINED;`)
  writer.putLetGo(writer.stack)
  writer.put('goto done;')
  return false
}

export function writeThrow(writer: CodeWriter, instruction: Instruction): false {
  const value = writer.pop()
  writer.putPosition(instruction)
  writer.put(`compiled_throw(context, ${jsValueOf(value)});`)
  writer.putLetGo([value])
  writer.put(`goto ${writer.failed()};`)
  return false
}
