/**
 * What fetch makes of servers that mean harm or do odd things, also where an app passes on what
 * they have sent.
 */
import { once } from 'node:events'
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { ReadableStream } from 'web-streams-polyfill'
import { AbortController } from '../../../../../kernel/userland/web/abort.ts'
import {
  type ClientStream,
  INTERIM_LIMIT,
  SILENCE_LIMIT_MS,
} from '../../../../../kernel/userland/web/client-exchange.ts'
import { createFetch } from '../../../../../kernel/userland/web/fetch-client.ts'
import type { Response } from '../../../../../kernel/userland/web/response.ts'
import { NodeStream } from './node-stream.ts'
import { serveFetch } from './serve-fetch.ts'

const open: Socket[] = []
const servers: ReturnType<typeof createServer>[] = []
const ours = createFetch(async ({ hostname, port }) => {
  const socket = connectSocket({ host: hostname, port })
  open.push(socket)
  await once(socket, 'connect')
  return new NodeStream(socket)
})

afterEach(() => {
  for (const server of servers.splice(0)) server.close()
  for (const socket of open.splice(0)) socket.destroy()
})

/** Answers each head by what `answerTo` makes of it, and leaves the connection open. */
async function serve(answerTo: (head: string) => Buffer | string): Promise<string> {
  const server = createServer((socket) => {
    open.push(socket)
    socket.on('error', () => undefined)
    socket.once('data', (head) => socket.write(answerTo(head.toString('latin1'))))
  })
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const openClients = () => open.filter((it) => !it.destroyed && it.remotePort !== undefined).length

/** In UTF-8, two characters whose low bytes are CR and LF. */
const SECRET_LINE_END = '\u010d\u010a'

describe('the head of a response', () => {
  it('is octets, so that none becomes a line end where an app passes it on (RFC 9112 §2.2)', async () => {
    const line = `${SECRET_LINE_END}injected: 1${SECRET_LINE_END}${SECRET_LINE_END}<p>`
    const head = `HTTP/1.1 200 OK${line}\r\nX: a${line}\r\nContent-Length: 2\r\n\r\nhi`
    const base = await serve(() => Buffer.from(head, 'utf8'))
    const app = serveFetch(async () => (await ours(base)) as unknown as Response)
    await app.send('GET / HTTP/1.1\r\nHost: guest\r\n\r\n')
    await expect.poll(() => app.send('')).toContain('hi')
    const sent = await app.send('')
    expect(sent).not.toMatch(/^injected:/im)
    expect(sent.split('\r\n\r\n')).toHaveLength(2)
    const octets = Buffer.from(`a${line}`, 'utf8').toString('latin1')
    expect((await ours(base)).headers.get('x')).toBe(octets)
  })

  it('has no control characters in its reason (RFC 9112 §4)', async () => {
    const base = await serve(() => 'HTTP/1.1 200 O\u0001K\r\nContent-Length: 0\r\n\r\n')
    await expect(ours(base)).rejects.toThrow(/does not speak HTTP/)
  })

  it('comes after 100 interim ones at most', async () => {
    const interim = (count: number) =>
      `${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(count)}HTTP/1.1 204 No Content\r\n\r\n`
    expect((await ours(await serve(() => interim(INTERIM_LIMIT)))).status).toBe(204)
    const flood = await serve(() => interim(INTERIM_LIMIT + 1))
    await expect(ours(flood)).rejects.toThrow(/interim responses without end/)
  })

  it('names a place beyond ASCII in UTF-8, as servers write it', async () => {
    const asked: string[] = []
    const base = await serve((head) => {
      asked.push(head.split(' ')[1]!)
      return asked.length === 1
        ? Buffer.from('HTTP/1.1 302 Found\r\nLocation: /ü\r\nContent-Length: 0\r\n\r\n', 'utf8')
        : 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
    })
    await ours(base)
    expect(asked).toEqual(['/', '/%C3%BC'])
  })
})

describe('a response', () => {
  it('of status 205 with content, which it must not have, leaves no connection open', async () => {
    const base = await serve(() => 'HTTP/1.1 205 Reset Content\r\nContent-Length: 5\r\n\r\nhello')
    const response = await ours(base)
    expect([response.status, response.body]).toEqual([205, null])
    await expect.poll(openClients).toBe(0)
  })

  it('that is cloned says of both where they are from', async () => {
    const base = await serve((head) =>
      head.startsWith('GET /there')
        ? 'HTTP/1.1 200 Fine\r\nContent-Length: 5\r\n\r\nhello'
        : 'HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n',
    )
    const response = await ours(base)
    const copy = response.clone()
    for (const { url, redirected, statusText } of [response, copy]) {
      expect([url, redirected, statusText]).toEqual([`${base}/there`, true, 'Fine'])
    }
    expect([await copy.text(), await response.text()]).toEqual(['hello', 'hello'])
  })

  it('by redirect to another origin is asked for without any credentials', async () => {
    let seen = ''
    const other = await serve((head) => {
      seen = head
      return 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
    })
    const moved = `HTTP/1.1 307 Moved\r\nLocation: ${other}\r\nContent-Length: 0\r\n\r\n`
    const headers = { cookie: 'a=secret', 'proxy-authorization': 'secret', kept: '1' }
    await ours(await serve(() => moved), { headers })
    expect(seen).toMatch(/^kept: 1\r$/m)
    expect(seen).not.toContain('secret')
  })
})

/** A body that has nothing yet, and what it was told. */
function waitingBody() {
  const told: unknown[] = []
  const body = new ReadableStream<Uint8Array>({ cancel: (reason) => void told.push(reason) })
  return { told, body }
}

describe('a body that is being sent', () => {
  it('is canceled at once when the signal fires, though its next piece is not there', async () => {
    const controller = new AbortController()
    const base = await serve(() => {
      setTimeout(() => controller.abort('enough'), 20)
      return ''
    })
    const { told, body } = waitingBody()
    const { signal } = controller
    const answer = ours(base, { method: 'POST', body, signal }).catch((it: unknown) => it)
    expect(await answer).toBe('enough')
    await expect.poll(() => told).toEqual(['enough'])
  })

  it('is canceled where no connection takes it', async () => {
    const controller = new AbortController()
    const { signal } = controller
    const waits = waitingBody()
    const never = createFetch(() => new Promise(() => {}))
    const init = { method: 'POST', signal, body: waits.body }
    const answer = never('http://g/', init).catch((it: unknown) => it)
    controller.abort('enough')
    expect([await answer, waits.told]).toEqual(['enough', ['enough']])
    const refused = waitingBody()
    const refusing = createFetch(() => Promise.reject(new Error('refused')))
    const error = await refusing('http://g/', { method: 'POST', body: refused.body }).catch(
      (it) => it,
    )
    expect(error.message).toMatch(/refused/)
    expect(refused.told).toEqual([error])
    const stuck = waitingBody()
    const second = new AbortController()
    const silent = createFetch(async () => ({
      read: () => new Promise(() => {}),
      write: () => new Promise(() => {}),
      close() {},
      abort() {},
    }))
    const sending = { method: 'POST', signal: second.signal, body: stuck.body }
    silent('http://g/', sending).catch(() => {})
    setTimeout(() => second.abort('enough'), 1)
    await expect.poll(() => stuck.told).toEqual(['enough'])
  })

  it('is canceled when the server has answered without it, and does not seem whole', async () => {
    const base = await serve(() => 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno')
    const { told, body } = waitingBody()
    const response = await ours(base, { method: 'POST', body })
    expect([response.status, await response.text()]).toEqual([403, 'no'])
    await expect.poll(() => told).toHaveLength(1)
    await expect.poll(openClients).toBe(0)
  })
})

describe('a server that drips', () => {
  afterEach(() => vi.useRealTimers())

  /** A stream whose server sends `drip` each minute behind `start`. */
  function dripping(start: string, drip: string): ClientStream & { isAborted: boolean } {
    let pending = start
    return {
      isAborted: false,
      async read(target) {
        if (pending === '') await new Promise((resolve) => setTimeout(resolve, 60_000))
        if (this.isAborted) throw new Error('aborted')
        const bytes = Buffer.from(pending === '' ? drip : pending)
        pending = ''
        target.set(bytes)
        return bytes.length
      },
      write: async () => {},
      close: () => {},
      abort() {
        this.isAborted = true
      },
    }
  }

  it.each([
    ['the head', 'HTTP/1.1 200 OK\r\nX: '],
    ['the head behind an interim one', 'HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nX: '],
  ])('%s is given up after five minutes', async (_name, start) => {
    vi.useFakeTimers()
    const stream = dripping(start, 'a')
    const fetched = createFetch(async () => stream)('http://server/')
    const failed = expect(fetched).rejects.toThrow(/it was waited for 300 s/)
    await vi.advanceTimersByTimeAsync(SILENCE_LIMIT_MS - 1000)
    expect(stream.isAborted).toBe(false)
    await vi.advanceTimersByTimeAsync(1000)
    expect(stream.isAborted).toBe(true)
    await vi.advanceTimersByTimeAsync(60_000)
    await failed
  })

  it('events has all the time there is', async () => {
    vi.useFakeTimers()
    const stream = dripping('HTTP/1.1 200 OK\r\n\r\n', 'data: 1\n\n')
    const response = await createFetch(async () => stream)('http://server/')
    const reader = response.body!.getReader()
    for (let minute = 0; minute < 20; minute++) {
      const reading = reader.read()
      await vi.advanceTimersByTimeAsync(60_000)
      expect((await reading).done).toBe(false)
    }
    expect(stream.isAborted).toBe(false)
  })
})
