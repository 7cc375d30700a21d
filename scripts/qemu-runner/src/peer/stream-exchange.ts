/** Plain TCP conversations of a peer: echo rounds, discard, byte exchanges, connects and relays. */
import { connect, type Server, type Socket } from 'node:net'
import { cpuMsSince, writePattern } from './http-transfer.ts'
import { PATTERN_PERIOD, patternBlock } from './pattern.ts'
import type { EchoRound, ExchangeResult, PeerRequests, Target, TransferResult } from './requests.ts'

export async function echo(request: PeerRequests['echo']['takes']): Promise<EchoRound[]> {
  const block = patternBlock()
  const { socket } = await dial(request, request.timeoutMs)
  try {
    const rounds: EchoRound[] = []
    for (const size of request.sizes) {
      const startedAt = performance.now()
      const sent = patternOfLength(block, size)
      const received = collect(socket, size, request.timeoutMs)
      socket.write(sent)
      const equal = (await received).equals(sent)
      rounds.push({ bytes: size, equal, elapsedMs: performance.now() - startedAt })
    }
    return rounds
  } finally {
    socket.destroy()
  }
}

export async function discard(request: PeerRequests['discard']['takes']): Promise<TransferResult> {
  const cpu = process.cpuUsage()
  const { socket, connectMs } = await dial(request, request.timeoutMs)
  const startedAt = performance.now()
  socket.resume()
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(
        new Error(`Cannot finish: the other side did not close within ${request.timeoutMs} ms`),
      )
    }, request.timeoutMs)
    socket.once('error', reject)
    socket.once('end', () => {
      clearTimeout(timer)
      resolve()
    })
    writePattern(socket, patternBlock(), request.bytes, () => socket.end())
  }).finally(() => socket.destroy())
  return {
    bytes: request.bytes,
    connectMs,
    peerCpuMs: cpuMsSince(cpu),
    elapsedMs: performance.now() - startedAt,
  }
}

export async function exchange(
  request: PeerRequests['exchange']['takes'],
): Promise<ExchangeResult> {
  const { socket } = await dial(request, request.timeoutMs)
  const startedAt = performance.now()
  const chunks: Buffer[] = []
  let received = 0
  const ended = await new Promise<ExchangeResult['ended']>((resolve) => {
    const timer = setTimeout(() => resolve('open'), request.timeoutMs)
    const finish = (how: ExchangeResult['ended']): void => {
      clearTimeout(timer)
      resolve(how)
    }
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      received += chunk.length
      if (request.expectBytes !== undefined && received >= request.expectBytes) finish('open')
    })
    socket.once('end', () => finish('end'))
    socket.once('error', () => finish('reset'))
    const bytes = Buffer.from(request.send, 'base64')
    if (request.halfClose) socket.end(bytes)
    else if (bytes.length > 0) socket.write(bytes)
  })
  socket.destroy()
  return {
    received: Buffer.concat(chunks).toString('base64'),
    ended,
    elapsedMs: performance.now() - startedAt,
  }
}

export async function connectOnly(
  request: PeerRequests['connect']['takes'],
): Promise<{ connectMs: number }> {
  const { socket, connectMs } = await dial(request, request.timeoutMs)
  socket.destroy()
  return { connectMs }
}

/**
 * Relays every connection that `server` accepts; its socket was made outside, the outgoing ones are
 * made here.
 */
export function forward(server: Server, target: Target): void {
  server.on('connection', (outside) => {
    // A client that has said all it has to say still wants its answer; a server sent by IPC forgets
    // that option.
    outside.allowHalfOpen = true
    const inside = connect({ host: target.host, port: target.port, allowHalfOpen: true })
    outside.on('error', () => inside.destroy())
    inside.on('error', () => outside.destroy())
    outside.on('close', () => inside.destroy())
    inside.on('close', () => outside.destroy())
    outside.pipe(inside)
    inside.pipe(outside)
  })
}

function dial(target: Target, timeoutMs: number): Promise<{ socket: Socket; connectMs: number }> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now()
    const socket = connect({
      host: target.host,
      port: target.port,
      noDelay: true,
      allowHalfOpen: true,
    })
    const timer = setTimeout(() => {
      socket.destroy()
      reject(
        Object.assign(
          new Error(
            `Cannot connect to ${target.host} port ${target.port}: no answer in ${timeoutMs} ms`,
          ),
          { code: 'ETIMEDOUT' },
        ),
      )
    }, timeoutMs)
    socket.once('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.removeAllListeners('error')
      socket.on('error', () => undefined)
      resolve({ socket, connectMs: performance.now() - startedAt })
    })
  })
}

function collect(socket: Socket, length: number, timeoutMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let received = 0
    const finish = (error?: Error): void => {
      clearTimeout(timer)
      socket.off('data', take)
      socket.off('close', closed)
      if (error !== undefined) reject(error)
      else resolve(Buffer.concat(chunks))
    }
    const take = (chunk: Buffer): void => {
      chunks.push(chunk)
      received += chunk.length
      if (received >= length) finish()
    }
    const closed = (): void =>
      finish(new Error(`Cannot collect ${length} bytes: closed at ${received}`))
    const timer = setTimeout(
      () => finish(new Error(`Cannot collect ${length} bytes: ${received} after ${timeoutMs} ms`)),
      timeoutMs,
    )
    socket.on('data', take)
    socket.once('close', closed)
  })
}

function patternOfLength(block: Buffer, length: number): Buffer {
  if (length <= PATTERN_PERIOD) return block.subarray(0, length)
  const copies = Array<Buffer>(Math.ceil(length / PATTERN_PERIOD)).fill(block)
  return Buffer.concat(copies).subarray(0, length)
}
