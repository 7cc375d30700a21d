/**
 * Whether two values are the same through and through, as `assert.deepStrictEqual` means it:
 * prototypes and own enumerable properties, NaN like itself, 0 unlike -0, circles alike.
 */

/** Those that are being compared further up: what leads back to them is taken to be the same. */
type Pairs = readonly (readonly [object, object])[]
type Same = (a: unknown, b: unknown) => boolean

export function isDeepStrictEqual(a: unknown, b: unknown): boolean {
  return areEqual(a, b, [])
}

function areEqual(a: unknown, b: unknown, above: Pairs): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
  if (above.some(([one, other]) => one === a && other === b)) return true
  const within: Pairs = [...above, [a, b]]
  const same: Same = (one, other) => areEqual(one, other, within)
  // Elements of typed arrays are properties, and many.
  if (isTypedArray(a)) return isTypedArray(b) && hasSameElements(a, b)
  return hasSameContent(a, b, same) && hasSameProperties(a, b, same)
}

type Elements = ArrayLike<number | bigint>

function isTypedArray(value: object): value is Elements {
  return ArrayBuffer.isView(value) && !(value instanceof DataView)
}

function hasSameElements(a: Elements, b: Elements): boolean {
  if (a.length !== b.length) return false
  for (let at = 0; at < a.length; at++) if (!Object.is(a[at], b[at])) return false
  return true
}

/** What is not a property of an object: bytes, a date, the entries of a Map. */
function hasSameContent(a: object, b: object, same: Same): boolean {
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length
  }
  if (a instanceof Date) return b instanceof Date && Object.is(a.getTime(), b.getTime())
  if (a instanceof RegExp) {
    return b instanceof RegExp && `${a}` === `${b}` && a.lastIndex === b.lastIndex
  }
  if (a instanceof Error) {
    return b instanceof Error && a.name === b.name && a.message === b.message
  }
  if (a instanceof Map) return b instanceof Map && hasSameEntries(a, b, same)
  if (a instanceof Set) return b instanceof Set && hasSameMembers(a, b, same)
  if (a instanceof ArrayBuffer) {
    return b instanceof ArrayBuffer && hasSameElements(new Uint8Array(a), new Uint8Array(b))
  }
  if (a instanceof DataView) {
    return b instanceof DataView && hasSameElements(bytesOf(a), bytesOf(b))
  }
  const isBoxed = a instanceof Number || a instanceof String || a instanceof Boolean
  return isBoxed ? Object.is(a.valueOf(), b.valueOf()) : true
}

/** Elements of arrays are properties, too. */
function hasSameProperties(a: object, b: object, same: Same): boolean {
  const keys = enumerableKeys(a)
  if (keys.length !== enumerableKeys(b).length) return false
  return keys.every(
    (key) =>
      Object.prototype.propertyIsEnumerable.call(b, key) &&
      same((a as Record<PropertyKey, unknown>)[key], (b as Record<PropertyKey, unknown>)[key]),
  )
}

function enumerableKeys(value: object): PropertyKey[] {
  const symbols = Object.getOwnPropertySymbols(value)
  return [
    ...Object.keys(value),
    ...symbols.filter((it) => Object.prototype.propertyIsEnumerable.call(value, it)),
  ]
}

function hasSameEntries(a: Map<unknown, unknown>, b: Map<unknown, unknown>, same: Same): boolean {
  if (a.size !== b.size) return false
  const left = new Map(b)
  return [...a].every(([key, value]) => {
    if (left.has(key)) {
      const isSame = same(value, left.get(key))
      return left.delete(key) && isSame
    }
    const found = [...left].find(([k, v]) => isObject(k) && same(key, k) && same(value, v))
    return found !== undefined && left.delete(found[0])
  })
}

function hasSameMembers(a: Set<unknown>, b: Set<unknown>, same: Same): boolean {
  if (a.size !== b.size) return false
  const left = new Set(b)
  return [...a].every((member) => {
    if (left.delete(member)) return true
    const found = [...left].find((other) => isObject(other) && same(member, other))
    return found !== undefined && left.delete(found)
  })
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}
