/**
 * Field lines that were read before: a client's next request has most of those of its last one, and
 * what a line says follows from its text alone.
 */
import { type Field, readField } from './header-fields.ts'

const CAPACITY = 128
/** Longer lines are cookies and the like. */
const LONGEST_TEXT = 256

const known = new Map<string, Field>()

/** The field of a line, or the problem in words when it is malformed. */
export function readKnownField(line: string): Field | string {
  const found = known.get(line)
  if (found !== undefined) return found
  const field = readField(line)
  if (typeof field === 'string' || line.length > LONGEST_TEXT) return field
  // Maps keep the order of insertion: the oldest goes.
  if (known.size === CAPACITY) {
    for (const oldest of known.keys()) {
      known.delete(oldest)
      break
    }
  }
  known.set(line, field)
  return field
}
