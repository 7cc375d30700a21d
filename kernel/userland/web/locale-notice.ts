/**
 * Says once that locales and options are ignored: this engine has no Intl, and formats as it does
 * without them.
 */
import { logWarning } from './host-globals.ts'

type Method = (this: unknown, ...values: unknown[]) => unknown

/** Which arguments name a locale or options, by the method. */
const FORMATTING = { toLocaleString: 0 }
const IGNORING: [object, Readonly<Record<string, number>>][] = [
  [Number.prototype, FORMATTING],
  [BigInt.prototype, FORMATTING],
  [Array.prototype, FORMATTING],
  [Object.getPrototypeOf(Uint8Array.prototype), FORMATTING],
  [Date.prototype, { ...FORMATTING, toLocaleDateString: 0, toLocaleTimeString: 0 }],
  [String.prototype, { localeCompare: 1, toLocaleUpperCase: 0, toLocaleLowerCase: 0 }],
]

let isSaid = false

for (const [prototype, methods] of IGNORING) {
  for (const [name, first] of Object.entries(methods)) {
    const original = (prototype as Record<string, Method>)[name]!
    // A method has neither a prototype nor [[Construct]].
    const { method } = {
      method(this: unknown, ...values: unknown[]): unknown {
        if (!isSaid && values.slice(first).some((value) => value !== undefined)) say(name)
        return original.apply(this, values)
      },
    }
    Object.defineProperty(method, 'name', { value: name })
    Object.defineProperty(method, 'length', { value: original.length })
    Object.defineProperty(prototype, name, {
      value: method,
      writable: true,
      configurable: true,
      enumerable: false,
    })
  }
}

function say(name: string): void {
  isSaid = true
  logWarning(
    `${name} ignores its locale and options: there is no Intl here; format by hand or with a package (said once)`,
  )
}
