/** RESTART=always: a guest that ends is told of and started again, until Ctrl-C. */
import { setTimeout as delay } from 'node:timers/promises'
import type { BootedGuest } from './boot-guest.ts'
import { guestFailure } from './guest-failure.ts'
import { RunError } from './run-error.ts'
import { switchOff } from './serve.ts'

/**
 * One that fails at once is tried less and less often; one that has lived for a while begins anew.
 */
const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 30_000
const STEADY_MS = 60_000

/** `start` boots another and leads the port to it; what it throws as RunError is tried again. */
export async function keepServing(
  first: BootedGuest,
  start: () => Promise<BootedGuest>,
  interrupted: Promise<'interrupted'>,
  say: (line: string) => void,
): Promise<void> {
  let pauseMs = FIRST_PAUSE_MS
  for (let guest: BootedGuest | undefined = first; ; ) {
    const startedAtMs = performance.now()
    if (guest !== undefined) {
      const end = await Promise.race([interrupted, guest.vm.exited])
      if (end === 'interrupted') {
        await switchOff(guest.vm)
        await guest.vm.close()
        return
      }
      say(guestFailure(guest.vm, 'The guest ended').line)
      await guest.vm.close()
    }
    if (performance.now() - startedAtMs > STEADY_MS) pauseMs = FIRST_PAUSE_MS
    say(`Another is started in ${pauseMs / 1000} s (RESTART=always)`)
    const pause = new AbortController()
    const pausing = delay(pauseMs, undefined, { signal: pause.signal }).catch(() => undefined)
    if ((await Promise.race([interrupted, pausing])) === 'interrupted') {
      pause.abort()
      return
    }
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
    guest = await start().catch((error: unknown) => {
      if (!(error instanceof RunError)) throw error
      say(error.line)
      return undefined
    })
  }
}
