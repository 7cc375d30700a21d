/**
 * `process`, as far as packages for many places ask for it: settings, and the queue of what comes
 * next.
 */
import { env } from 'eremite'

export const process = {
  /** Settings of whoever started the guest, frozen. */
  env,
  argv: [] as readonly string[],
  platform: 'eremite',
  /** Empty, so that nobody takes this for Node.js. */
  version: '',
  versions: {} as Readonly<Record<string, string | undefined>>,
  nextTick(callback: (...values: unknown[]) => void, ...values: unknown[]): void {
    void Promise.resolve().then(() => callback(...values))
  },
  cwd: (): string => '/',
}
