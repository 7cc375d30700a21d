/**
 * `/healthz` of an app that exports `health`: 200 while that holds and nobody has asked the guest
 * to shut down, else 503.
 */
import type { Handler } from './fetch-service.ts'
import { Response } from './response.ts'

export const HEALTH_PATH = '/healthz'
/** Who balances load waits no longer either. */
export const HEALTH_TIMEOUT_MS = 5000

/** Anything but false, a Response of its own, or an error is well. */
export type HealthCheck = () => unknown

interface Timer {
  cancel(): void
}

export interface HealthParts {
  readonly check: HealthCheck
  /** True once the guest has been asked to shut down. */
  readonly isEnding: () => boolean
  readonly clock: { after(delayMs: number, callback: () => void): Timer }
  readonly debug: (message: string) => void
}

const BEFORE_AUTHORITY = 'http://'.length

export function withHealth(handler: Handler, parts: HealthParts): Handler {
  /** One at a time: whoever asks meanwhile gets the same answer. */
  let running: Promise<unknown> | null = null
  const run = (): Promise<unknown> => {
    running ??= check(parts).finally(() => {
      running = null
    })
    return running
  }
  return (request) => {
    const { url, method } = request
    const isAsked =
      url.endsWith(HEALTH_PATH) &&
      url.indexOf('/', BEFORE_AUTHORITY) === url.length - HEALTH_PATH.length &&
      (method === 'GET' || method === 'HEAD')
    return isAsked ? answer(run, parts) : handler(request)
  }
}

/** Resolves with what the check says, false for one that takes too long or throws. */
async function check({ check: ask, clock, debug }: HealthParts): Promise<unknown> {
  let timer: Timer | null = null
  const late = new Promise<boolean>((resolve) => {
    timer = clock.after(HEALTH_TIMEOUT_MS, () => resolve(false))
  })
  try {
    return await Promise.race([ask(), late])
  } catch (error) {
    debug(`health: ${error}`)
    return false
  } finally {
    timer!.cancel()
  }
}

async function answer(run: () => Promise<unknown>, { isEnding }: HealthParts): Promise<Response> {
  if (isEnding()) return plain(503, 'shutting down')
  const said = await run()
  if (isEnding()) return plain(503, 'shutting down')
  if (said instanceof Response) return said.clone()
  return said === false ? plain(503, 'unhealthy') : plain(200, 'ok')
}

function plain(status: number, text: string): Response {
  const headers = { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' }
  return new Response(`${text}\n`, { status, headers })
}
