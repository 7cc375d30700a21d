/** Values as text for a person: what console methods print for anything that is not a string. */

const DEPTH_LIMIT = 4
const ENTRY_LIMIT = 100
const STRING_LIMIT = 10_000
const LINE_WIDTH = 76
/** Of all depths together: a hundred entries of a hundred each, and so on, are a million. */
const VALUE_LIMIT = 5000

/** Of the value that is being shown. */
let shown = 0

/**
 * All arguments in one text, strings as they are, separated by spaces. `describeError` renders
 * errors.
 */
export function formatArguments(
  values: readonly unknown[],
  describeError: (error: Error) => string,
): string {
  return values
    .map((value) => (typeof value === 'string' ? value : inspect(value, describeError)))
    .join(' ')
}

/** Never throws: getters are not called, and what cannot be read is said to be so. */
export function inspect(value: unknown, describeError: (error: Error) => string): string {
  shown = 0
  try {
    return render(value, describeError, [], '')
  } catch {
    return '[unreadable]'
  }
}

function render(
  value: unknown,
  describeError: (error: Error) => string,
  parents: readonly object[],
  indent: string,
): string {
  if (++shown > VALUE_LIMIT) return '...'
  if (typeof value === 'string') return quote(value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return `[function ${value.name || '(anonymous)'}]`
  if (typeof value !== 'object' || value === null)
    return Object.is(value, -0) ? '-0' : String(value)
  if (parents.includes(value)) return '[circular]'
  if (value instanceof Error) return describeError(value)
  if (value instanceof Date || value instanceof RegExp) return String(value)
  if (parents.length >= DEPTH_LIMIT) return Array.isArray(value) ? '[array]' : '[object]'
  const inner = `${indent}  `
  const nested = (item: unknown) => render(item, describeError, [...parents, value], inner)
  if (Array.isArray(value)) {
    const items = value.slice(0, ENTRY_LIMIT).map(nested)
    return layOut('[', items, ']', indent, value.length)
  }
  if (ArrayBuffer.isView(value)) return renderView(value, indent)
  if (value instanceof ArrayBuffer) return `ArrayBuffer(${value.byteLength})`
  if (value instanceof Map) {
    const entries = firstOf(value).map(([k, v]) => `${nested(k)} => ${nested(v)}`)
    return layOut(`Map(${value.size}) {`, entries, '}', indent, value.size)
  }
  if (value instanceof Set) {
    const entries = firstOf(value).map(nested)
    return layOut(`Set(${value.size}) {`, entries, '}', indent, value.size)
  }
  if (value instanceof Promise) return '[promise]'
  return renderObject(value, nested, indent)
}

function firstOf<Item>(items: Iterable<Item>): Item[] {
  const first: Item[] = []
  for (const item of items) if (first.push(item) === ENTRY_LIMIT) break
  return first
}

function renderObject(value: object, nested: (item: unknown) => string, indent: string): string {
  const entries: string[] = []
  const keys = Object.keys(value)
  for (const key of keys.slice(0, ENTRY_LIMIT)) {
    const property = Object.getOwnPropertyDescriptor(value, key)
    const text = property !== undefined && 'value' in property ? nested(property.value) : '[getter]'
    entries.push(`${/^[A-Za-z_$][\w$]*$/.test(key) ? key : quote(key)}: ${text}`)
  }
  const name = Object.getPrototypeOf(value)?.constructor?.name
  const prefix = name === undefined || name === 'Object' ? '{' : `${name} {`
  return layOut(prefix, entries, '}', indent, keys.length)
}

function renderView(value: ArrayBufferView, indent: string): string {
  const name = value.constructor.name
  if (value instanceof DataView) return `${name}(${value.byteLength})`
  const items = value as unknown as ArrayLike<number | bigint>
  const shown = Array.from({ length: Math.min(items.length, ENTRY_LIMIT) }, (_, i) => `${items[i]}`)
  return layOut(`${name}(${items.length}) [`, shown, ']', indent, items.length)
}

/** On one line when it fits, else one entry a line. */
function layOut(
  open: string,
  entries: readonly string[],
  close: string,
  indent: string,
  total: number,
): string {
  const shown = entries.slice(0, ENTRY_LIMIT)
  if (total > shown.length) shown.push(`... ${total - shown.length} more`)
  if (shown.length === 0) return open + close
  const oneLine = `${open} ${shown.join(', ')} ${close}`
  if (oneLine.length + indent.length <= LINE_WIDTH && !oneLine.includes('\n')) return oneLine
  return `${open}\n${shown.map((entry) => `${indent}  ${entry}`).join(',\n')}\n${indent}${close}`
}

function quote(text: string): string {
  const cut = text.length > STRING_LIMIT ? `${text.slice(0, STRING_LIMIT)}...` : text
  const escaped = JSON.stringify(cut).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")
  return `'${escaped}'`
}
