/** reportError (HTML §8.1.4.6): there is no window to hear of it, so that the log does. */
import { logError } from './host-globals.ts'

export function reportError(...given: [error: unknown]): void {
  if (!(0 in given)) throw new TypeError('Cannot report: there is no error')
  logError('Uncaught:', given[0])
}
