/** `setImmediate` and `clearImmediate`: what is to be done once the loop has had its turn. */
import { startTimer, stopTimer } from '../web/host-globals.ts'

/** Throws TypeError for what cannot be called. */
export function setImmediate(callback: (...values: never[]) => void, ...values: unknown[]): number {
  if (typeof callback !== 'function') {
    throw new TypeError(`Cannot set immediate: the callback is a ${typeof callback}`)
  }
  return startTimer(() => (callback as (...all: unknown[]) => void)(...values), 0)
}

/** What is over, or undefined, is ignored. */
export function clearImmediate(immediate: number | undefined): void {
  stopTimer(immediate)
}
