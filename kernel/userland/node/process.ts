/**
 * `process`, as far as packages for many places ask for it: settings, and the queue of what comes
 * next.
 */
import { env } from 'eremite'
import { logWarning, monotonicMs } from '../web/host-globals.ts'

const MS_PER_S = 1000
const NS_PER_MS = 1e6

type Time = readonly [seconds: number, nanoseconds: number]

/** Since the guest was entered, or since an earlier call. */
function hrtime(before: Time = [0, 0]): [number, number] {
  const now = monotonicMs()
  const seconds = Math.floor(now / MS_PER_S)
  const nanoseconds = Math.floor((now - seconds * MS_PER_S) * NS_PER_MS) - before[1]
  const borrowed = nanoseconds < 0 ? 1 : 0
  return [seconds - before[0] - borrowed, nanoseconds + borrowed * MS_PER_S * NS_PER_MS]
}

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
  hrtime: /* @__PURE__ */ Object.assign(hrtime, {
    bigint: (): bigint => BigInt(Math.round(monotonicMs() * NS_PER_MS)),
  }),
  uptime: (): number => monotonicMs() / MS_PER_S,
  emitWarning: (warning: string | Error): void => logWarning(warning),
}
