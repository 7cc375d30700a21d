/**
 * What a request is refused with: a status, a reason a person can act on, and fields the status
 * demands.
 */

export interface Refusal {
  readonly status: number
  readonly reason: string
  /** Methods for the Allow field of 405 (RFC 9110 §15.5.6). */
  readonly allow: string | null
}

export function refuse(status: number, reason: string, allow: string | null = null): Refusal {
  return { status, reason, allow }
}
