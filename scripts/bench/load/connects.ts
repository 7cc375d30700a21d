/**
 * TCP connections without a request: opened, closed, and closed by the other side, again and again.
 */
import { connect } from 'node:net'
import type { LoadRequests, LoadResult } from './load-requests.ts'
import { RoundTrips } from './round-trips.ts'

type ConnectRequest = LoadRequests['connects']['takes']

const SILENCE_MS = 20_000

/** An answer is a connection whose both ends are closed in order: the next one begins only then. */
export async function connects(request: ConnectRequest): Promise<LoadResult> {
  const rounds = new RoundTrips(request.durationMs)
  const again = async (): Promise<void> => {
    while (rounds.isOpen) {
      const startedAt = performance.now()
      await visit(request)
      rounds.answered(startedAt)
    }
  }
  await Promise.all(Array.from({ length: request.connections }, again))
  return rounds.result()
}

function visit({ host, port }: ConnectRequest): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true })
    const fail = (error: Error): void => {
      socket.destroy()
      reject(error)
    }
    socket.once('connect', () => socket.end())
    socket.on('data', () => fail(new Error('Cannot go on: bytes came unasked')))
    socket.once('error', fail)
    socket.once('end', () => {
      socket.destroy()
      resolve()
    })
    socket.setTimeout(SILENCE_MS, () =>
      fail(new Error(`Cannot go on: silence of ${SILENCE_MS} ms`)),
    )
  })
}
