/**
 * HTTP/1.1 requests for a short body: on connections that stay open, or a new connection for each.
 */
import { connect, type Socket } from 'node:net'
import type { LoadRequests, LoadResult } from './load-requests.ts'
import { RoundTrips } from './round-trips.ts'

type HttpRequest = LoadRequests['http']['takes']

const SILENCE_MS = 20_000
const HEAD_END = '\r\n\r\n'

export async function httpRequests(request: HttpRequest): Promise<LoadResult> {
  const rounds = new RoundTrips(request.durationMs)
  const clients = Array.from({ length: request.connections }, () =>
    request.keepAlive ? askOnOneConnection(request, rounds) : askOnNewConnections(request, rounds),
  )
  await Promise.all(clients)
  return rounds.result()
}

function askOnOneConnection(request: HttpRequest, rounds: RoundTrips): Promise<void> {
  return new Promise((resolve, reject) => {
    const bytes = requestBytes(request)
    let sentAt = 0
    const socket = dial(request, reject)
    const send = (): void => {
      sentAt = performance.now()
      socket.write(bytes)
    }
    socket.once('connect', send)
    socket.once('end', () => reject(new Error('Cannot go on: the server closed')))
    onAnswers(socket, request, reject, () => {
      rounds.answered(sentAt)
      if (rounds.isOpen) return send()
      socket.destroy()
      resolve()
    })
  })
}

/**
 * Timed from dialing; the server closes, which is part of serving a connection, but not of the
 * answer.
 */
async function askOnNewConnections(request: HttpRequest, rounds: RoundTrips): Promise<void> {
  const bytes = requestBytes(request)
  while (rounds.isOpen) {
    await new Promise<void>((resolve, reject) => {
      const sentAt = performance.now()
      let isAnswered = false
      const socket = dial(request, reject)
      socket.once('connect', () => socket.write(bytes))
      socket.once('end', () => {
        socket.destroy()
        if (isAnswered) resolve()
        else reject(new Error('Cannot go on: the server closed before its answer'))
      })
      onAnswers(socket, request, reject, () => {
        isAnswered = true
        rounds.answered(sentAt)
      })
    })
  }
}

function dial(request: HttpRequest, reject: (error: Error) => void): Socket {
  const socket = connect({ host: request.host, port: request.port, noDelay: true })
  const fail = (error: Error): void => {
    socket.destroy()
    reject(error)
  }
  socket.once('error', fail)
  socket.setTimeout(SILENCE_MS, () => fail(new Error(`Cannot go on: silence of ${SILENCE_MS} ms`)))
  return socket
}

/** Calls `onAnswer` for each whole response with status 200 and a body of the length wanted. */
function onAnswers(
  socket: Socket,
  { bodyBytes }: HttpRequest,
  reject: (error: Error) => void,
  onAnswer: () => void,
): void {
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
    const end = answerEnd(text, bodyBytes)
    if (end === 'incomplete') return
    if (end === 'wrong' || end < text.length) {
      socket.destroy()
      reject(new Error(`Cannot go on: unexpected answer ${JSON.stringify(text.slice(0, 200))}`))
      return
    }
    text = ''
    onAnswer()
  })
}

/** Where the response ends that `text` begins with. */
export function answerEnd(text: string, bodyBytes: number): number | 'incomplete' | 'wrong' {
  const headEnd = text.indexOf(HEAD_END)
  if (headEnd < 0) return 'incomplete'
  const head = text.slice(0, headEnd)
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (!/^HTTP\/1\.1 200 /.test(head) || Number(length) !== bodyBytes) return 'wrong'
  const end = headEnd + HEAD_END.length + bodyBytes
  return text.length < end ? 'incomplete' : end
}

function requestBytes({ host, path, keepAlive }: HttpRequest): string {
  const connection = keepAlive ? '' : 'Connection: close\r\n'
  return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${connection}\r\n`
}
