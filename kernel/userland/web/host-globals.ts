/**
 * The globals that the kernel installs for apps (and Node has too), with their types: what
 * kernel/userland/web is built on.
 */
import type { AppGlobals } from '../../globals/app-globals.ts'

const host = globalThis as unknown as AppGlobals

/** Text as UTF-8; lone surrogates become U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  return new host.TextEncoder().encode(text)
}

/** UTF-8 as text, malformed parts as U+FFFD; a byte order mark stays with `keepMark`. */
export function decodeUtf8(bytes: Uint8Array, keepMark: boolean): string {
  return new host.TextDecoder('utf-8', { ignoreBOM: keepMark }).decode(bytes)
}

/** TextDecoder, for text that comes in pieces. */
export type StreamDecoder = InstanceType<AppGlobals['TextDecoder']>
export const StreamDecoder = host.TextDecoder

export function startTimer(callback: () => void, delayMs: number): number {
  return host.setTimeout(callback, delayMs)
}

/** What is not running, or undefined, is ignored. */
export function stopTimer(timer: number | undefined): void {
  host.clearTimeout(timer)
}

/** Milliseconds since the guest was entered. */
export function monotonicMs(): number {
  return host.performance.now()
}

/** Lets the event loop run before what follows: long work in one piece would block the network. */
export function yieldToNetwork(): Promise<void> {
  return new Promise((resolve) => host.setTimeout(resolve, 0))
}

export const hostCrypto = host.crypto

export function fillRandom(target: Uint8Array): void {
  host.crypto.getRandomValues(target)
}

export function logWarning(...values: unknown[]): void {
  host.console.warn(...values)
}

export function logError(...values: unknown[]): void {
  host.console.error(...values)
}
