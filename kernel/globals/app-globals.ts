/**
 * The web globals that apps find: made from what the kernel has and installed explicitly, never at
 * import.
 */

import type { Platform } from '../hal/platform.ts'
import type { Logger } from '../logger.ts'
import { describeError } from '../panic.ts'
import type { TimerQueue } from '../timer-queue.ts'
import { AppTimers } from './app-timers.ts'
import { formatArguments } from './inspect.ts'
import { createTextCodecs } from './text-codec.ts'

/** net's RandomSource, and null while no entropy source has delivered. */
export interface AppRandom {
  fill(target: Uint8Array): void
}

export interface AppGlobalsOptions {
  readonly platform: Pick<
    Platform,
    'monotonicNs' | 'encodeUtf8' | 'decodeUtf8' | 'isUtf8' | 'mapStackTrace'
  >
  readonly log: Logger
  readonly timers: TimerQueue
  readonly random: AppRandom | null
}

/** Most bytes that one getRandomValues may ask for (Web Cryptography §10.1.1). */
const RANDOM_LIMIT_BYTES = 65_536

/** Defines the globals on `target`, replacing what the engine has under those names. */
export function installAppGlobals(target: object, options: AppGlobalsOptions): void {
  const globals = createAppGlobals(options)
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(target, name, {
      value,
      writable: true,
      configurable: true,
      enumerable: false,
    })
  }
}

export type AppGlobals = ReturnType<typeof createAppGlobals>

export function createAppGlobals(options: AppGlobalsOptions) {
  const { platform, timers, random } = options
  const appTimers = new AppTimers(timers, platform.monotonicNs)
  return {
    console: createConsole(options),
    setTimeout: appTimers.setTimeout,
    clearTimeout: appTimers.clear,
    setInterval: appTimers.setInterval,
    clearInterval: appTimers.clear,
    /** What it throws ends the guest, as an unhandled rejection does. */
    queueMicrotask(callback: () => void): void {
      if (typeof callback !== 'function') {
        throw new TypeError(`Cannot queue microtask: the callback is a ${typeof callback}`)
      }
      Promise.resolve().then(() => callback())
    },
    /** Milliseconds since the guest was entered, with nanosecond steps. */
    performance: { now: () => platform.monotonicNs() / 1e6 },
    ...createTextCodecs(platform),
    crypto: createCrypto(random),
  }
}

function createConsole(options: AppGlobalsOptions) {
  const { log, platform } = options
  const describe = (error: Error) => {
    const report = describeError(error, platform.mapStackTrace)
    return report.stack === '' ? report.message : `${report.message}\n${report.stack}`
  }
  const text = (values: readonly unknown[]) => formatArguments(values, describe)
  return {
    log: (...values: unknown[]) => log.info(text(values)),
    info: (...values: unknown[]) => log.info(text(values)),
    warn: (...values: unknown[]) => log.warn(text(values)),
    error: (...values: unknown[]) => log.error(text(values)),
    debug: (...values: unknown[]) => {
      if (log.debugEnabled) log.debug(text(values))
    },
    trace: (...values: unknown[]) => {
      if (log.traceEnabled) log.trace(`${text(values)}\n${describe(new Error('trace'))}`)
    },
    assert: (condition?: unknown, ...values: unknown[]) => {
      if (!condition) log.error(`assertion failed: ${text(values)}`)
    },
  }
}

function createCrypto(random: AppRandom | null) {
  function getRandomValues<View extends ArrayBufferView>(target: View): View {
    if (!ArrayBuffer.isView(target) || /^(Float|Data)/.test(target.constructor.name)) {
      throw new TypeError('Cannot fill with random values: the target is no integer typed array')
    }
    if (target.byteLength > RANDOM_LIMIT_BYTES) {
      throw new RangeError(
        `Cannot fill with random values: ${target.byteLength} bytes are more than ${RANDOM_LIMIT_BYTES}`,
      )
    }
    if (random === null) {
      throw new Error('Cannot fill with random values: this machine has no entropy source')
    }
    random.fill(new Uint8Array(target.buffer, target.byteOffset, target.byteLength))
    return target
  }
  return {
    getRandomValues,
    /** RFC 9562 §5.4. */
    randomUUID(): string {
      const bytes = getRandomValues(new Uint8Array(16))
      bytes[6] = (bytes[6]! & 0x0f) | 0x40
      bytes[8] = (bytes[8]! & 0x3f) | 0x80
      const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
      return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
    },
  }
}
