/**
 * A function's bytecode as a list of instructions, with where they jump to and how much lies on the
 * stack before each.
 */
import type { BytecodeFunction } from './bytecode-file.ts'
import type { Opcode } from './opcodes.ts'

export interface Instruction {
  readonly at: number
  readonly next: number
  readonly opcode: Opcode
  readonly name: string
  /** The number in the operands, or in the opcode's own name. */
  readonly operand: number
  /** Where it may go instead of `next`. */
  readonly target: number | undefined
  /** Of values that it takes. */
  readonly pops: number
}

export interface DecodedFunction {
  readonly instructions: readonly Instruction[]
  /** Those that can be reached, by offset; the values on the stack before each. */
  readonly depths: ReadonlyMap<number, number>
  readonly targets: ReadonlySet<number>
}

/** Instructions after which the next one is not reached from here. */
const ENDS = new Set(['goto', 'goto8', 'goto16', 'return', 'return_undef', 'throw', 'tail_call'])
ENDS.add('tail_call_method').add('throw_error').add('ret')

const LABELS: Readonly<Record<string, number>> = { label: 4, label16: 2, label8: 1 }

function readOperand(code: Buffer, at: number, { name, format }: Opcode): number {
  const start = at + 1
  const size = LABELS[format]
  if (size !== undefined) return start + code.readIntLE(start, size)
  if (format === 'none_int') return name === 'push_minus1' ? -1 : Number(name.slice(-1))
  if (format.startsWith('none_') || format === 'npopx') return Number(name.slice(-1))
  if (format === 'none') return 0
  if (format === 'i8') return code.readInt8(start)
  if (format === 'i16') return code.readInt16LE(start)
  if (format === 'i32') return code.readInt32LE(start)
  if (['u8', 'loc8', 'const8'].includes(format)) return code.readUInt8(start)
  if (['u16', 'loc', 'arg', 'var_ref', 'npop', 'npop_u16'].includes(format)) {
    return code.readUInt16LE(start)
  }
  return code.readUInt32LE(start)
}

function decode(code: Buffer, opcodes: readonly Opcode[]): Instruction[] {
  const instructions: Instruction[] = []
  for (let at = 0; at < code.length; ) {
    const opcode = opcodes[code[at]!]!
    const operand = readOperand(code, at, opcode)
    const isJump = opcode.format in LABELS
    const takesMore = opcode.format.startsWith('npop')
    instructions.push({
      at,
      next: at + opcode.sizeBytes,
      opcode,
      name: opcode.name,
      operand,
      target: isJump ? operand : undefined,
      pops: opcode.pops + (takesMore ? operand : 0),
    })
    at += opcode.sizeBytes
  }
  return instructions
}

export function decodeFunction(
  { code }: BytecodeFunction,
  opcodes: readonly Opcode[],
): DecodedFunction {
  const instructions = decode(Buffer.from(code), opcodes)
  const byOffset = new Map(instructions.map((instruction) => [instruction.at, instruction]))
  const depths = new Map<number, number>()
  const targets = new Set<number>()
  const open: [number, number][] = [[0, 0]]
  for (let entry = open.pop(); entry !== undefined; entry = open.pop()) {
    const [at, depth] = entry
    const instruction = byOffset.get(at)
    if (instruction === undefined || depths.has(at)) continue
    depths.set(at, depth)
    const after = depth - instruction.pops + instruction.opcode.pushes
    if (!ENDS.has(instruction.name)) open.push([instruction.next, after])
    if (instruction.target !== undefined) {
      targets.add(instruction.target)
      open.push([instruction.target, after])
    }
  }
  return { instructions, depths, targets }
}
