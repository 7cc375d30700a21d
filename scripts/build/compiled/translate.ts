/** Writes one function's bytecode as a C function. */
import type { BytecodeFunction } from './bytecode-file.ts'
import { CodeWriter, NotCompiled, type WriterOptions } from './code-writer.ts'
import type { Instruction } from './instructions.ts'
import { putTruth, writeArithmetic } from './write-arithmetic.ts'
import { isCall, writeCall, writeReturn, writeThrow } from './write-calls.ts'
import { writeMember } from './write-members.ts'
import { writeValue } from './write-values.ts'
import { writeVariable } from './write-variables.ts'

export interface Translated {
  readonly text: string
  readonly guessCount: number
}

/** Throws NotCompiled when the function has something that there is no C for. */
export function translate(
  code: BytecodeFunction,
  name: string,
  options: WriterOptions,
): Translated {
  if (!code.isStrict || !code.isOrdinary) throw new NotCompiled('kind of function')
  const writer = new CodeWriter(code, options)
  // Variables are taken for plain until one proves not to be: then all is written anew.
  do {
    writer.restart()
    writeBody(writer)
  } while (writer.broken.size > 0)
  return { text: functionText(writer, name), guessCount: writer.guessCount }
}

function writeBody(writer: CodeWriter): void {
  const { instructions, depths, targets } = writer.decoded
  let isReached = true
  for (const instruction of instructions) {
    const depth = depths.get(instruction.at)
    if (depth === undefined) continue
    if (targets.has(instruction.at)) {
      if (isReached) writer.flush()
      writer.restore(depth)
      writer.put(`at_${instruction.at}:;`)
    }
    isReached = writeInstruction(writer, instruction)
  }
}

/** False when the next instruction is not reached from this one. */
function writeInstruction(writer: CodeWriter, instruction: Instruction): boolean {
  const { name } = instruction
  if (instruction.target !== undefined) return writeJump(writer, instruction)
  if (isCall(instruction)) return writeCall(writer, instruction)
  if (name === 'return') return writeReturn(writer, writer.pop())
  if (name === 'return_undef') {
    return writeReturn(writer, { text: 'JS_UNDEFINED', kind: 'plain', isOwned: false })
  }
  if (name === 'throw') return writeThrow(writer, instruction)
  return (
    writeArithmetic(writer, instruction) ||
    writeMember(writer, instruction) ||
    writeVariable(writer, instruction) ||
    writeValue(writer, instruction)
  )
}

function writeJump(writer: CodeWriter, { name, target }: Instruction): boolean {
  if (name.startsWith('goto')) {
    writer.flush()
    writer.put(`goto at_${target};`)
    return false
  }
  if (!name.startsWith('if_')) throw new NotCompiled(name)
  const truth = putTruth(writer, writer.pop())
  writer.flush()
  writer.put(`if (${name.startsWith('if_true') ? truth : `!(${truth})`}) goto at_${target};`)
  return true
}

/** Beginning and end of a function, which are about its variables. */
function functionText(writer: CodeWriter, name: string): string {
  const { code, options, thisVariable, plainVariables } = writer
  const { argumentCount, variableCount, variables } = code
  const reached = writer.reached()
  const isCaptured = (i: number) => variables[argumentCount + i]!.isCaptured
  const indexes = Array.from({ length: variableCount }, (_, i) => i)
  const inMemory = indexes.filter(isCaptured)
  const inC = indexes.filter((i) => !isCaptured(i) && i !== thisVariable)
  const args = Array.from({ length: argumentCount }, (_, i) => i)
  const areCopied = args.some((i) => variables[i]!.isCaptured)
  const argsInC = args.filter((i) => !variables[i]!.isCaptured)
  const stored = new Set(
    reached.flatMap((found) => (/^(put|set)_arg/.test(found.name) ? [found.operand] : [])),
  )
  // The engine leaves a variable captured by a closure that is never reached.
  const hasClosures = reached.some(({ name }) => /^(fclosure|close_loc)/.test(name))
  const depth = Math.max(...writer.decoded.depths.values()) + 1
  const letGo = (variable: string) => `let_go(context, ${variable});`
  const when = (condition: boolean, line: string) => (condition ? [line] : [])
  return [
    `JSValue ${name}(JSContext *context, JSObject *function, JSValueConst self, int count, JSValueConst *a)`,
    '{',
    `enum { guesses = ${options.firstGuess} };`,
    `const uint8_t *const code = compiled_codes[${options.place}];`,
    `JSValue *const constants = compiled_constants[${options.place}];`,
    `JSValue ${Array.from({ length: depth }, (_, i) => `s${i}`).join(', ')};`,
    inMemory.length > 0 ? `VARIABLES(${variableCount});` : 'JSValue *const v = NULL;',
    ...inC.map((i) => `JSValue v${i} = JS_UNDEFINED;`),
    ...when(
      reached.some((found) => found.name === 'push_this'),
      'if (RARELY(!is_object(self))) return compiled_interpret(context, function, self, count, a);',
    ),
    'BEGIN;',
    ...when(hasClosures, 'init_list_head(&frame.var_ref_list);'),
    `${areCopied ? 'COPY' : 'BORROW'}_ARGUMENTS(${argumentCount});`,
    ...argsInC.map((i) => `JSValue a${i} = ${stored.has(i) ? `hold(a[${i}])` : `a[${i}]`};`),
    ...writer.lines,
    ...writer.failures,
    'FAIL;',
    'done:;',
    ...when(hasClosures, 'compiled_close_all(context, &frame);'),
    ...inC.filter((i) => !plainVariables.has(i)).map((i) => letGo(`v${i}`)),
    ...inMemory.map((i) => letGo(`v[${i}]`)),
    ...argsInC.filter((i) => stored.has(i)).map((i) => letGo(`a${i}`)),
    ...(areCopied ? args.map((i) => letGo(`a[${i}]`)) : []),
    'END;',
    '}',
  ].join('\n')
}
