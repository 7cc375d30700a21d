/** How long an HTTP peer may take in each phase of a request. */

/** Without a request; then the connection ends silently. */
export const IDLE_TIMEOUT_MS = 60_000
/**
 * From the first byte of a head to its end, and without content that is waited for, which has to
 * keep the least pace besides (`pace.ts`); then 408 (RFC 9110 §15.5.9).
 */
export const HEAD_TIMEOUT_MS = 10_000
export const CONTENT_TIMEOUT_MS = 30_000
/**
 * Without taking a byte of a response: a peer that keeps the least pace has all the time it needs.
 */
export const RESPONSE_TIMEOUT_MS = 60_000
/**
 * After the last answer the peer's remaining bytes are read, so that no reset destroys it (RFC 9112
 * §9.6).
 */
export const LINGER_TIMEOUT_MS = 5_000
