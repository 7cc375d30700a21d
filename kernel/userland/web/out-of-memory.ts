/** How QuickJS says that an allocation failed. */

/** Null is thrown when not even the error could be made. */
export function isOutOfMemory(error: unknown): boolean {
  if (error === null) return true
  return (
    error instanceof Error && error.name === 'InternalError' && error.message === 'out of memory'
  )
}
