/**
 * Echo (RFC 862) one message at a time, over TCP and over UDP, each answer compared with what was
 * sent.
 */
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import type { LoadRequests, LoadResult } from './load-requests.ts'
import { RoundTrips } from './round-trips.ts'

const SILENCE_MS = 20_000
/** A datagram may be lost; the round is then tried again, and the median shows nothing of it. */
const RESEND_MS = 1000

export function echoStream(request: LoadRequests['echo-stream']['takes']): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const message = messageOf(request.lengthBytes)
    const socket = connect({ host: request.host, port: request.port, noDelay: true })
    let rounds: RoundTrips | undefined
    let sentAt = 0
    let pending: Buffer = Buffer.alloc(0)
    const finish = (error?: Error): void => {
      socket.destroy()
      settle(resolve, reject, rounds, error)
    }
    const send = (): void => {
      sentAt = performance.now()
      socket.write(message)
    }
    socket.setTimeout(SILENCE_MS, () =>
      finish(new Error(`Cannot go on: silence of ${SILENCE_MS} ms`)),
    )
    socket.once('error', finish)
    socket.once('end', () => finish(new Error('Cannot go on: the echo service closed')))
    socket.once('connect', () => {
      rounds = new RoundTrips(request.durationMs)
      send()
    })
    socket.on('data', (chunk: Buffer) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
      if (pending.length < message.length) return
      if (!pending.equals(message)) return finish(new Error('Cannot go on: the echo is wrong'))
      pending = Buffer.alloc(0)
      rounds!.answered(sentAt)
      if (rounds!.isOpen) send()
      else finish()
    })
  })
}

export function echoDatagram(request: LoadRequests['echo-datagram']['takes']): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const message = messageOf(request.lengthBytes)
    const socket = createSocket('udp4')
    let rounds: RoundTrips | undefined
    let sentAt = 0
    let number = 0
    let timer: NodeJS.Timeout | undefined
    let silentSince = performance.now()
    const finish = (error?: Error): void => {
      clearTimeout(timer)
      socket.close()
      settle(resolve, reject, rounds, error)
    }
    const send = (): void => {
      sentAt = performance.now()
      if (sentAt - silentSince > SILENCE_MS) {
        finish(new Error(`Cannot go on: silence of ${SILENCE_MS} ms`))
        return
      }
      number++
      message.writeUInt32BE(number)
      socket.send(message)
      timer = setTimeout(send, RESEND_MS)
    }
    socket.once('error', finish)
    socket.on('message', (answer) => {
      // An answer to a message that was given up for lost.
      if (answer.length !== message.length || answer.readUInt32BE() !== number) return
      clearTimeout(timer)
      silentSince = performance.now()
      rounds!.answered(sentAt)
      if (rounds!.isOpen) send()
      else finish()
    })
    socket.connect(request.port, request.host, () => {
      rounds = new RoundTrips(request.durationMs)
      send()
    })
  })
}

function messageOf(lengthBytes: number): Buffer {
  return Buffer.from(Array.from({ length: lengthBytes }, (_, index) => index & 0xff))
}

function settle(
  resolve: (result: LoadResult) => void,
  reject: (error: Error) => void,
  rounds: RoundTrips | undefined,
  error: Error | undefined,
): void {
  if (error !== undefined || rounds === undefined) reject(error ?? new Error('Cannot connect'))
  else resolve(rounds.result())
}
