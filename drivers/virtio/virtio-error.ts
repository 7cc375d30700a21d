/** A device that cannot be set up, or has lied once too often. */
export class VirtioError extends Error {
  override readonly name = 'VirtioError'
}
