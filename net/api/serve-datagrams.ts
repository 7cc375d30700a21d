/**
 * Runs an application's handler for each datagram of an endpoint; what it throws harms no other.
 */

import type { DatagramDetails } from './datagram-endpoint.ts'
import { NetError } from './net-error.ts'
import type { Datagram, DatagramAddress } from './udp-endpoint.ts'

/** What it gives is waited for when it is a promise. */
export type DatagramHandler = (
  bytes: Uint8Array,
  from: DatagramAddress,
  details: DatagramDetails,
) => unknown

/**
 * Told what a handler has thrown; `netError` is that when it is one of ours, as of an answer that
 * has nowhere to go.
 */
export type DatagramFailureReport = (
  from: DatagramAddress,
  error: unknown,
  netError: NetError | null,
) => void

/** So many run at once; further datagrams stay in the endpoint's queue, which is bounded. */
export const HANDLER_LIMIT = 64

/** Resolves once the endpoint is closed; never rejects. */
export async function serveDatagrams(
  endpoint: AsyncIterable<Datagram>,
  handler: DatagramHandler,
  report: DatagramFailureReport,
): Promise<void> {
  let running = 0
  let resume: (() => void) | null = null
  const serve = async ([bytes, from, details]: Datagram) => {
    try {
      await handler(bytes, from, details)
    } catch (error) {
      report(from, error, error instanceof NetError ? error : null)
    }
    running--
    resume?.()
  }
  for await (const datagram of endpoint) {
    running++
    void serve(datagram)
    if (running < HANDLER_LIMIT) continue
    await new Promise<void>((resolve) => {
      resume = resolve
    })
    resume = null
  }
}
