/**
 * A failure that the person who builds can mend: its message is one readable text, shown without a
 * stack.
 */
export class BuildError extends Error {
  override readonly name = 'BuildError'
}
