/**
 * A service that repeats a number to each caller and counts who was served: the far end of a guest
 * that is the client.
 */
import { createServer, type Socket } from 'node:net'
import type { LoadRequests } from './load-requests.ts'

const LENGTH = 8
const BACKLOG = 4096

interface Tally {
  readonly numbers: Set<string>
  readonly callers: Set<string>
  connections: number
  broken: number
}

const tally: Tally = { numbers: new Set(), callers: new Set(), connections: 0, broken: 0 }

function serve(socket: Socket): void {
  tally.connections++
  const caller = `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`
  let text = ''
  let isOver = false
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
    if (text.length < LENGTH) return
    if (text.length > LENGTH) {
      socket.destroy()
      return
    }
    // Who ends it first has the TIME-WAIT: odd numbers leave it here, even ones at the caller.
    if (Number(text) % 2 === 1) socket.end(text)
    else socket.write(text)
  })
  socket.on('error', () => socket.destroy())
  socket.on('end', () => {
    isOver = true
    socket.end()
  })
  socket.on('close', (hasFailed) => {
    if (hasFailed || !isOver || text.length !== LENGTH) {
      tally.broken++
      return
    }
    tally.numbers.add(text)
    tally.callers.add(caller)
  })
}

/** Resolves when it listens, on all addresses of both families. */
export function serveNumbers({
  port,
}: LoadRequests['serve-numbers']['takes']): Promise<Record<string, never>> {
  const server = createServer({ allowHalfOpen: true }, serve)
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host: '::', backlog: BACKLOG }, () => resolve({}))
  })
}

export async function countNumbers(): Promise<LoadRequests['count-numbers']['gives']> {
  const { numbers, callers, connections, broken } = tally
  return { served: numbers.size, callers: callers.size, connections, broken }
}
