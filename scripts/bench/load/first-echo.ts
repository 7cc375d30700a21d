/**
 * Finds the moment at which a booting guest serves: the first byte that its echo service sends
 * back.
 */
import { connect, type Socket } from 'node:net'
import { type LoadRequests, monotonicMs } from './load-requests.ts'

/**
 * How often an attempt starts, and when it is given up: a lost SYN must not cost the second that
 * TCP waits.
 */
const INTERVAL_MS = 10
const PATIENCE_MS = 500

export function firstEcho({
  host,
  port,
  timeoutMs,
}: LoadRequests['first-echo']['takes']): Promise<{ atMs: number }> {
  return new Promise((resolve, reject) => {
    const open = new Set<Socket>()
    let established = 0
    const finish = (): void => {
      clearInterval(interval)
      clearTimeout(deadline)
      for (const socket of open) socket.destroy()
    }
    const dial = (): void => {
      // Somebody answers: more connections would only be work for a guest that has better things to
      // do.
      if (established > 0) return
      const socket = connect({ host, port, noDelay: true })
      open.add(socket)
      const patience = setTimeout(() => socket.destroy(), PATIENCE_MS)
      let isEstablished = false
      socket.once('connect', () => {
        isEstablished = true
        established++
        socket.write('\n')
      })
      socket.once('data', () => {
        const atMs = monotonicMs()
        finish()
        resolve({ atMs })
      })
      // Refused, unreachable: not yet.
      socket.once('error', () => undefined)
      socket.once('close', () => {
        clearTimeout(patience)
        open.delete(socket)
        if (isEstablished) established--
      })
    }
    const interval = setInterval(dial, INTERVAL_MS)
    const deadline = setTimeout(() => {
      finish()
      reject(new Error(`Cannot reach the echo service: nothing came back within ${timeoutMs} ms`))
    }, timeoutMs)
  })
}
