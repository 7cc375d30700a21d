/**
 * The load process's programs against servers of this process, which do what the guests do, or fail
 * to.
 */
import { createSocket } from 'node:dgram'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { connects } from '../connects.ts'
import { echoDatagram, echoStream } from '../echo-rounds.ts'
import { firstEcho } from '../first-echo.ts'
import { answerEnd, httpRequests } from '../http-requests.ts'
import { monotonicMs } from '../load-requests.ts'

const HOST = '127.0.0.1'
const closings: (() => void)[] = []
afterEach(() => {
  for (const close of closings.splice(0)) close()
})

async function listen(server: Server, port = 0): Promise<number> {
  await new Promise<void>((resolve) => server.listen(port, HOST, resolve))
  closings.push(() => server.close())
  return (server.address() as AddressInfo).port
}

describe('echo over TCP', () => {
  it('counts rounds for as long as it is told', async () => {
    const port = await listen(createServer((socket) => socket.pipe(socket)))
    const result = await echoStream({ host: HOST, port, durationMs: 100, lengthBytes: 64 })
    expect(result.answers).toBeGreaterThan(1)
    expect(result.elapsedMs).toBeGreaterThanOrEqual(100)
    expect(result.medianMicroseconds).toBeGreaterThan(0)
    expect(result.medianMicroseconds).toBeLessThan(100_000)
  })

  it('puts an echo together that comes in pieces', async () => {
    const server = createServer((socket) => {
      socket.setNoDelay()
      socket.on('data', (chunk) => {
        socket.write(chunk.subarray(0, 10))
        setTimeout(() => socket.write(chunk.subarray(10)), 5)
      })
    })
    const port = await listen(server)
    const result = await echoStream({ host: HOST, port, durationMs: 40, lengthBytes: 64 })
    expect(result.medianMicroseconds).toBeGreaterThan(3000)
  })

  it('does not count a wrong echo', async () => {
    const port = await listen(
      createServer((socket) =>
        socket.on('data', ({ length }) => socket.write(Buffer.alloc(length))),
      ),
    )
    const request = { host: HOST, port, durationMs: 100, lengthBytes: 64 }
    await expect(echoStream(request)).rejects.toThrow('the echo is wrong')
  })

  it('says so when the service closes, or is not there', async () => {
    const server = createServer((socket) => socket.end())
    const port = await listen(server)
    const request = { host: HOST, port, durationMs: 100, lengthBytes: 64 }
    await expect(echoStream(request)).rejects.toThrow(/closed|ECONNRESET|EPIPE/)
    server.close()
    await expect(echoStream(request)).rejects.toThrow('ECONNREFUSED')
  })
})

describe('echo over UDP', () => {
  it('counts rounds, and tries again when a datagram is lost', async () => {
    const server = createSocket('udp4')
    let received = 0
    server.on('message', (message, { port, address }) => {
      received++
      if (received !== 3) server.send(message, port, address)
    })
    await new Promise<void>((resolve) => server.bind(0, HOST, resolve))
    closings.push(() => server.close())
    const { port } = server.address()
    const result = await echoDatagram({ host: HOST, port, durationMs: 1200, lengthBytes: 64 })
    expect(result.answers).toBeGreaterThan(2)
    expect(received).toBe(result.answers + 1)
  })
})

describe('HTTP requests', () => {
  const BODY = 'x'.repeat(64)
  const request = { host: HOST, path: '/bytes/64', bodyBytes: 64, durationMs: 100 }

  async function serve(body = BODY): Promise<{ port: number; count: () => number }> {
    let count = 0
    const server = createHttpServer((_, response) =>
      response.writeHead(200, { 'Content-Length': body.length }).end(body),
    )
    server.on('connection', () => count++)
    const port = await listen(server)
    closings.push(() => server.closeAllConnections())
    return { port, count: () => count }
  }

  it('use as many connections as they are told, over and over', async () => {
    const { port, count } = await serve()
    const result = await httpRequests({ ...request, port, connections: 4, keepAlive: true })
    expect(result.answers).toBeGreaterThan(4)
    expect(count()).toBe(4)
  })

  it('or a new connection for each', async () => {
    const { port, count } = await serve()
    const result = await httpRequests({ ...request, port, connections: 1, keepAlive: false })
    expect(result.answers).toBe(count())
    expect(count()).toBeGreaterThan(1)
  })

  it('do not count another answer than the one wanted', async () => {
    const { port } = await serve('short')
    const asked = httpRequests({ ...request, port, connections: 1, keepAlive: true })
    await expect(asked).rejects.toThrow('unexpected answer "HTTP/1.1 200 OK')
  })

  it('know where an answer ends', () => {
    const head = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n'
    expect(answerEnd(head.slice(0, 20), 4)).toBe('incomplete')
    expect(answerEnd(`${head}abc`, 4)).toBe('incomplete')
    expect(answerEnd(`${head}abcd`, 4)).toBe(head.length + 4)
    expect(answerEnd(head, 5)).toBe('wrong')
    expect(answerEnd(head.replace('200', '404'), 4)).toBe('wrong')
  })
})

describe('the first echo', () => {
  it('is found soon after the service has begun, however long nobody was there', async () => {
    const server = createServer((socket) => socket.pipe(socket))
    const port = await listen(server)
    await new Promise((resolve) => server.close(resolve))
    const found = firstEcho({ host: HOST, port, timeoutMs: 10_000 })
    await delay(300)
    const begunAt = monotonicMs()
    const again = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.pipe(socket)
    })
    await listen(again, port)
    const { atMs } = await found
    expect(atMs).toBeGreaterThan(begunAt)
    expect(atMs - begunAt).toBeLessThan(5000)
  })

  it('is not waited for without end', async () => {
    const server = createServer()
    const port = await listen(server)
    await new Promise((resolve) => server.close(resolve))
    await expect(firstEcho({ host: HOST, port, timeoutMs: 50 })).rejects.toThrow(
      'nothing came back within 50 ms',
    )
  })
})

describe('connections', () => {
  const request = (port: number, connections: number) =>
    ({ host: HOST, port, durationMs: 100, connections }) as const

  it('are counted when both sides have closed, as many at a time as asked', async () => {
    let atOnce = 0
    let most = 0
    let accepted = 0
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      accepted++
      most = Math.max(most, ++atOnce)
      socket.resume()
      socket.once('end', () => setTimeout(() => socket.end(), 5))
      socket.once('close', () => atOnce--)
    })
    const result = await connects(request(await listen(server), 4))
    expect(result.answers).toBe(accepted)
    expect(most).toBe(4)
    expect(result.medianMicroseconds).toBeGreaterThan(4000)
  })

  it('do not count when the server resets, or says something', async () => {
    const resetting = await listen(createServer((socket) => socket.resetAndDestroy()))
    await expect(connects(request(resetting, 1))).rejects.toThrow(/ECONNRESET/)
    const talking = await listen(createServer((socket) => socket.end('hello')))
    await expect(connects(request(talking, 1))).rejects.toThrow('bytes came unasked')
  })
})
