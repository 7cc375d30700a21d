/**
 * Thousands of connections that are opened and held, and what is asked over them and beside them.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { LoadRequests } from './load-requests.ts'

const ECHO_PORT = 7
const CONNECT_TIMEOUT_MS = 60_000
const ANSWER_TIMEOUT_MS = 60_000

interface Held {
  readonly socket: Socket
  readonly port: number
  isOpen: boolean
}

const held: Held[] = []

async function dial(host: string, port: number, localAddress?: string): Promise<Socket> {
  const from = localAddress === undefined ? {} : { localAddress }
  const socket = connect({ host, port, noDelay: true, ...from })
  socket.on('error', () => undefined)
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) })
  } catch (error) {
    socket.destroy()
    throw error
  }
  return socket
}

export async function hold(options: LoadRequests['hold']['takes']): Promise<{ failed: number }> {
  const { host, port, localAddress } = options
  let left = options.count
  let failed = 0
  const openSome = async (): Promise<void> => {
    while (left-- > 0) {
      try {
        const entry = { socket: await dial(host, port, localAddress), port, isOpen: true }
        entry.socket.once('close', () => {
          entry.isOpen = false
        })
        held.push(entry)
      } catch {
        failed++
      }
    }
  }
  await Promise.all(Array.from({ length: options.atOnce }, openSome))
  return { failed }
}

export async function countHeld(): Promise<{ open: number }> {
  return { open: held.filter(({ isOpen }) => isOpen).length }
}

/**
 * One question that echo or HTTP answer in one segment; resolves with the milliseconds that takes.
 */
async function ask(socket: Socket, port: number): Promise<number> {
  const isEcho = port === ECHO_PORT
  const startedAt = performance.now()
  socket.write(isEcho ? 'x' : 'GET /bytes/10 HTTP/1.1\r\nHost: guest\r\n\r\n')
  const [answer] = await once(socket, 'data', { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) })
  const elapsedMs = performance.now() - startedAt
  const isRight = isEcho ? `${answer}` === 'x' : `${answer}`.startsWith('HTTP/1.1 200')
  if (!isRight) throw new Error(`port ${port} answers ${answer}`)
  return elapsedMs
}

export async function askHeld(
  options: LoadRequests['ask-held']['takes'],
): Promise<{ elapsedMs: number[] }> {
  const ofPort = held.filter(({ port }) => port === options.port)
  const begin = options.from < 0 ? ofPort.length + options.from : options.from
  const elapsedMs: number[] = []
  for (const { socket, port } of ofPort.slice(begin, begin + options.count)) {
    elapsedMs.push(await ask(socket, port))
  }
  return { elapsedMs }
}

/** New connections, one after another: from SYN to answer. */
export async function visit({
  host,
  port,
  count,
}: LoadRequests['visit']['takes']): Promise<{ elapsedMs: number[] }> {
  const elapsedMs: number[] = []
  while (elapsedMs.length < count) {
    const startedAt = performance.now()
    const socket = await dial(host, port)
    await ask(socket, port)
    elapsedMs.push(performance.now() - startedAt)
    socket.destroy()
  }
  return { elapsedMs }
}

export async function getText({
  host,
  path,
}: LoadRequests['get-text']['takes']): Promise<{ text: string }> {
  const answer = await fetch(`http://${host}${path}`, { headers: { connection: 'close' } })
  return { text: await answer.text() }
}
