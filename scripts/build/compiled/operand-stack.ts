/** What is known of a value on a function's operand stack while its C is written. */

/** What is plain has no count of references. */
export type Kind = 'int' | 'bool' | 'plain' | 'any'

export interface Entry {
  /** A C expression: an int32 for `int`, a truth value for `bool`, a JSValue otherwise. */
  readonly text: string
  readonly kind: Kind
  /** The entry is to be let go. */
  readonly isOwned: boolean
  /** Only until something happens that has effects. */
  readonly isPeeked?: boolean
}

export function jsValueOf({ text, kind }: Entry): string {
  if (kind === 'int') return `int_value(${text})`
  return kind === 'bool' ? `bool_value(${text})` : text
}

/** The value with a reference of its own, which the entry's is if it has one. */
export function ownedValueOf(entry: Entry): string {
  return entry.isOwned || entry.kind !== 'any' ? jsValueOf(entry) : `hold(${entry.text})`
}

export function isPlain({ kind }: Entry): boolean {
  return kind !== 'any'
}
