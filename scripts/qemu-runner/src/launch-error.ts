/** The error of a guest that did not come up. */

/**
 * QEMU did not come up, or was not started because the options cannot work; the message says which
 * and why.
 */
export class LaunchError extends Error {
  override readonly name = 'LaunchError'
}
