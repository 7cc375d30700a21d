/** `node:util`, as much as packages for many places use: inheritance, promises, texts. */
import type { AppGlobals } from '../../globals/app-globals.ts'
import { inspect as render } from '../../globals/inspect.ts'
import { logWarning, startTimer } from '../web/host-globals.ts'
import { isDeepStrictEqual } from './deep-equal.ts'

export { isDeepStrictEqual }

export const { TextDecoder, TextEncoder } = globalThis as unknown as AppGlobals

type Method = (...values: never[]) => unknown
type Done = (error: unknown, value?: unknown) => void

export function inherits(child: { prototype: object }, parent: { prototype: object }): void {
  Object.defineProperty(child, 'super_', {
    ...{ value: parent, writable: true, configurable: true },
  })
  Object.setPrototypeOf(child.prototype, parent.prototype)
}

/** Of a function whose last argument is called with an error or a value. */
export function promisify(original: Method): (...values: unknown[]) => Promise<unknown> {
  if (typeof original !== 'function') {
    throw new TypeError(`Cannot make a promise of a ${typeof original}: it is no function`)
  }
  return function promisified(this: unknown, ...values: unknown[]) {
    return new Promise((resolve, reject) => {
      const done: Done = (error, value) => {
        if (error === null || error === undefined) resolve(value)
        else reject(error)
      }
      ;(original as (...all: unknown[]) => unknown).call(this, ...values, done)
    })
  }
}

promisify.custom = Symbol.for('nodejs.util.promisify.custom')

/** The opposite: the last argument is called with an error or a value. */
export function callbackify(
  original: (...values: unknown[]) => Promise<unknown>,
): (...values: unknown[]) => void {
  return function callbackified(this: unknown, ...values: unknown[]) {
    const done = values.pop() as Done
    original.apply(this, values).then(
      (value) => queueCall(() => done(null, value)),
      (error: unknown) => queueCall(() => done(error ?? new Error(`rejected with ${error}`))),
    )
  }
}

/** What the callback throws is no rejection of the promise. */
function queueCall(call: () => void): void {
  startTimer(call, 0)
}

/** The same function, with one line in the log when it is first called. */
export function deprecate<Of extends Method>(original: Of, message: string): Of {
  let isSaid = false
  return function deprecated(this: unknown, ...values: never[]) {
    if (!isSaid) logWarning(`Deprecated: ${message}`)
    isSaid = true
    return original.call(this, ...values)
  } as Of
}

/** `%s`, `%d`, `%i`, `%f`, `%j`, `%o`, `%O` and `%%`; what is left over follows, with spaces. */
export function format(...values: unknown[]): string {
  const [first] = values
  let at = 1
  if (typeof first !== 'string') return values.map(textOf).join(' ')
  const text = first.replace(/%[sdifjoO%]/g, (mark) => {
    if (mark === '%%') return '%'
    if (at >= values.length) return mark
    const value = values[at++]
    if (mark === '%s') return textOf(value)
    if (mark === '%i') return String(Number.parseInt(String(value), 10))
    if (mark === '%d' || mark === '%f') return String(Number(value))
    return JSON.stringify(value) ?? 'undefined'
  })
  return [text, ...values.slice(at).map(textOf)].join(' ')
}

/** What the console prints for a value, or what its own method of `inspect.custom` says. */
export function inspect(value: unknown, options: object = {}): string {
  const custom = (Object(value) as Record<symbol, unknown>)[inspect.custom]
  if (typeof custom !== 'function') return render(value, (error) => `${error.stack ?? error}`)
  const said: unknown = custom.call(value, DEPTH, options, inspect)
  return typeof said === 'string' ? said : inspect(said, options)
}

inspect.custom = Symbol.for('nodejs.util.inspect.custom')
/** How deep Node.js looks. */
const DEPTH = 2

/** Says nothing: there is no NODE_DEBUG. */
export function debuglog(): ((...values: unknown[]) => void) & { readonly enabled: boolean } {
  return Object.assign(() => {}, { enabled: false })
}

function textOf(value: unknown): string {
  if (typeof value !== 'object' || value === null || value instanceof Error) return String(value)
  return JSON.stringify(value) ?? String(value)
}

export const types = {
  isDate: (value: unknown): boolean => value instanceof Date,
  isMap: (value: unknown): boolean => value instanceof Map,
  isPromise: (value: unknown): boolean => value instanceof Promise,
  isRegExp: (value: unknown): boolean => value instanceof RegExp,
  isSet: (value: unknown): boolean => value instanceof Set,
  isTypedArray: (value: unknown): boolean =>
    ArrayBuffer.isView(value) && !(value instanceof DataView),
  isUint8Array: (value: unknown): boolean => value instanceof Uint8Array,
} as const

export default {
  ...{ callbackify, debuglog, deprecate, format, inherits, inspect, isDeepStrictEqual, promisify },
  ...{ TextDecoder, TextEncoder, types },
}
