/**
 * What the load process is asked and what it answers: small requests, timed on the host's side for
 * any guest.
 */

export interface LoadTarget {
  readonly host: string
  readonly port: number
  /** How long to keep asking. */
  readonly durationMs: number
}

export interface LoadResult {
  /** Answers received, each checked. */
  readonly answers: number
  readonly elapsedMs: number
  /** Median time from a request to the end of its answer. */
  readonly medianMicroseconds: number
  /** Processor time of the load process. */
  readonly cpuMs: number
}

export interface LoadRequests {
  /** RFC 862 over TCP: one connection, one request at a time. */
  'echo-stream': { takes: LoadTarget & { lengthBytes: number }; gives: LoadResult }
  /** RFC 862 over UDP: one datagram at a time. */
  'echo-datagram': { takes: LoadTarget & { lengthBytes: number }; gives: LoadResult }
  /**
   * HTTP/1.1: one request at a time on each connection, which stays open or is made anew for each.
   */
  http: {
    takes: LoadTarget & { path: string; bodyBytes: number; connections: number; keepAlive: boolean }
    gives: LoadResult
  }
  /**
   * TCP connections, opened, closed and closed by the other side: that many at a time, each a new
   * one.
   */
  connects: { takes: LoadTarget & { connections: number }; gives: LoadResult }
  /** Dials again and again until a byte comes back; CLOCK_MONOTONIC in ms when it did. */
  'first-echo': {
    takes: { host: string; port: number; timeoutMs: number }
    gives: { readonly atMs: number }
  }
  /**
   * Opens connections, `atOnce` at a time, and holds them as long as the process lives; those that
   * could not be opened are counted.
   */
  hold: {
    takes: { host: string; port: number; count: number; atOnce: number; localAddress?: string }
    gives: { readonly failed: number }
  }
  /** Held connections that nobody has closed. */
  'count-held': { takes: null; gives: { readonly open: number } }
  /**
   * A question over each of some held connections to `port`, in the order in which they were
   * opened; negative = from the end.
   */
  'ask-held': {
    takes: { port: number; from: number; count: number }
    gives: { readonly elapsedMs: number[] }
  }
  /** New connections, one after another, each with a question. */
  visit: {
    takes: { host: string; port: number; count: number }
    gives: { readonly elapsedMs: number[] }
  }
  /** What GET is answered, over a connection of its own. */
  'get-text': { takes: { host: string; path: string }; gives: { readonly text: string } }
  /**
   * From now on repeats the 8 digits that each caller sends; the caller ends even numbers, the
   * service odd ones.
   */
  'serve-numbers': { takes: { port: number }; gives: Record<string, never> }
  /**
   * Of these: numbers repeated, pairs of ends that called, connections, and those that did not end
   * in order.
   */
  'count-numbers': {
    takes: null
    gives: {
      readonly served: number
      readonly callers: number
      readonly connections: number
      readonly broken: number
    }
  }
}

export type LoadName = keyof LoadRequests

export interface LoadCall {
  readonly id: number
  readonly name: LoadName
  readonly argument: unknown
}

/** Id 0 says that the process is there. */
export interface LoadAnswer {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}

/** CLOCK_MONOTONIC, which all processes of a machine share. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
