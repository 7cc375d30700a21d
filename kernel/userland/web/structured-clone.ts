/**
 * structuredClone (HTML §2.7) for what this engine has: classes become plain objects, ports move,
 * and buffers that are to move are copied, since nothing here can detach them.
 */
import { DOMException } from './dom-exception.ts'
import { TRANSFER, type Transfer, transferOf } from './transfer.ts'

const ERRORS = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError }

export interface CloneOptions {
  readonly transfer?: Iterable<object>
}

/**
 * A deep copy, cycles included. Throws DOMException 'DataCloneError' at functions, symbols and what
 * holds promises, and at a port that is not transferred.
 */
export function structuredClone<Value>(value: Value, options: CloneOptions = {}): Value {
  return cloneWithTransfer(value, options.transfer ?? []).clone
}

/** The same, and the objects that came in place of those that moved, in order. */
export function cloneWithTransfer<Value>(
  value: Value,
  transfer: Iterable<object>,
): { clone: Value; moved: object[] } {
  const seen = new Map<object, unknown>()
  const transfers: Transfer[] = []
  const list = [...transfer]
  if (new Set(list).size !== list.length) throw notCloneable('What is transferred twice')
  for (const item of list) {
    if (item instanceof ArrayBuffer) continue
    const each = transferOf(item)
    if (each === undefined) throw notCloneable(item)
    seen.set(item, each.received)
    transfers.push(each)
  }
  const clone = copy(value, seen) as Value
  for (const each of transfers) each.complete()
  return { clone, moved: transfers.map(({ received }) => received) }
}

function copy(value: unknown, seen: Map<object, unknown>): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') throw notCloneable(value)
  if (typeof value !== 'object' || value === null) return value
  const known = seen.get(value)
  if (known !== undefined) return known
  if (TRANSFER in value) throw notCloneable(value)
  const keep = <Copy extends object>(result: Copy): Copy => {
    seen.set(value, result)
    return result
  }
  if (Array.isArray(value)) return fill(value, keep(new Array(value.length)), seen)
  if (value instanceof Date) return keep(new Date(value.getTime()))
  if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags))
  if (value instanceof Boolean || value instanceof Number || value instanceof String) {
    return keep(Object(value.valueOf()))
  }
  if (value instanceof ArrayBuffer) return keep(value.slice(0))
  if (ArrayBuffer.isView(value)) return keep(copyView(value, seen))
  if (value instanceof Map) {
    const result = keep(new Map())
    for (const [key, item] of [...value]) result.set(copy(key, seen), copy(item, seen))
    return result
  }
  if (value instanceof Set) {
    const result = keep(new Set())
    for (const item of [...value]) result.add(copy(item, seen))
    return result
  }
  if (value instanceof Error) return copyError(value, keep, seen)
  if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet) {
    throw notCloneable(value)
  }
  return fill(value, keep({}), seen)
}

/** The enumerable properties of its own; getters are read. */
function fill(from: object, to: object, seen: Map<object, unknown>): object {
  for (const [name, item] of Object.entries(from)) {
    Object.defineProperty(to, name, {
      value: copy(item, seen),
      writable: true,
      enumerable: true,
      configurable: true,
    })
  }
  return to
}

/** Views of one buffer are views of one copy. */
function copyView(view: ArrayBufferView, seen: Map<object, unknown>): ArrayBufferView {
  const buffer = copy(view.buffer, seen)
  const length = 'length' in view ? (view.length as number) : view.byteLength
  const Type = view.constructor as new (b: unknown, at: number, length: number) => ArrayBufferView
  return new Type(buffer, view.byteOffset, length)
}

function copyError(
  error: Error,
  keep: (result: Error) => Error,
  seen: Map<object, unknown>,
): Error {
  const name = Object.hasOwn(ERRORS, error.name) ? (error.name as keyof typeof ERRORS) : 'Error'
  const result = keep(new ERRORS[name](error.message))
  const define = (key: string, value: unknown) =>
    Object.defineProperty(result, key, { value, writable: true, configurable: true })
  if (error.stack !== undefined) define('stack', error.stack)
  if ('cause' in error) define('cause', copy(error.cause, seen))
  return result
}

function notCloneable(value: unknown): DOMException {
  return new DOMException(`${textOf(value)} could not be cloned.`, 'DataCloneError')
}

/** Objects without a prototype, among others, make no text. */
function textOf(value: unknown): string {
  try {
    return String(value)
  } catch {
    return typeof value === 'object' ? 'An object' : 'A function'
  }
}
