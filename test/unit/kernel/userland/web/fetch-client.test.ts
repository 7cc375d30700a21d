/**
 * fetch as a client, against servers of Node and raw ones, side by side with Node's own fetch where
 * that says what is right.
 */
import { once } from 'node:events'
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { AbortController, AbortSignal } from '../../../../../kernel/userland/web/abort.ts'
import { Blob, File } from '../../../../../kernel/userland/web/blob.ts'
import { createFetch } from '../../../../../kernel/userland/web/fetch-client.ts'
import { FormData } from '../../../../../kernel/userland/web/form-data.ts'
import { NodeStream } from './node-stream.ts'

const open: Socket[] = []
const ours = createFetch(async ({ hostname, port }) => {
  const socket = connectSocket({ host: hostname, port })
  open.push(socket)
  await once(socket, 'connect')
  return new NodeStream(socket)
})

const servers: { close(): unknown; closeAllConnections?(): void }[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close()
    server.closeAllConnections?.()
  }
  for (const socket of open.splice(0)) socket.destroy()
})

async function listen<Server extends ReturnType<typeof createServer>>(server: Server) {
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const serve = (handler: (request: IncomingMessage, response: ServerResponse) => void) =>
  listen(createHttpServer(handler))

/** Answers every connection with `text` once the head of a request has come, and ends it. */
const answer = (text: string) =>
  listen(
    createServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => socket.end(text, 'latin1'))
    }),
  )

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const piece of request) text += String(piece)
  return text
}

/** What a test looks at, of either implementation. */
async function look(response: globalThis.Response | Awaited<ReturnType<typeof ours>>) {
  const { status, statusText, ok, redirected, url } = response
  const headers = Object.fromEntries(
    [...(response.headers as Iterable<[string, string]>)].filter(
      ([name]) => !['date', 'connection', 'keep-alive'].includes(name),
    ),
  )
  return { status, statusText, ok, redirected, url, headers, text: await response.text() }
}

describe('fetch gives what the fetch of Node gives', () => {
  it.each([
    ['/length', {}],
    ['/chunked', {}],
    ['/empty', {}],
    ['/missing?a=b%20c', {}],
    ['/length', { method: 'HEAD' }],
    ['/echo', { method: 'POST', body: 'grüße', headers: { 'x-one': '1' } }],
    ['/echo', { method: 'PUT', body: new Uint8Array([1, 2, 3]) }],
    ['/echo', { method: 'POST' }],
    ['/echo', { method: 'DELETE' }],
    ['/301', { method: 'POST', body: 'x' }],
    ['/302', {}],
    ['/303', { method: 'PUT', body: 'x' }],
    ['/307', { method: 'POST', body: 'kept' }],
    ['/308', { method: 'POST', body: 'kept' }],
    ['/302', { redirect: 'manual' }],
    ['/304', {}],
    ['/early', {}],
  ] as [string, { method?: string; body?: string; redirect?: 'manual' }][])(
    'for %s with %o',
    async (path, init) => {
      const base = await serve(async (request, response) => {
        const text = await bodyOf(request)
        const { method, url = '', headers } = request
        if (url === '/length') response.end('twelve bytes')
        else if (url === '/chunked') {
          response.write('one ')
          setTimeout(() => response.end('two'), 5)
        } else if (url === '/empty') response.writeHead(204).end()
        else if (url === '/304') response.writeHead(304, { etag: '"x"' }).end()
        else if (url === '/early') {
          response.writeEarlyHints({ link: '</a>; rel=preload' })
          response.end('late')
        } else if (/^\/30\d$/.test(url)) {
          response.writeHead(Number(url.slice(1)), { location: '/echo#there' }).end('moved')
        } else if (url === '/echo') {
          const type = headers['content-type'] ?? null
          const length = headers['content-length'] ?? null
          response.setHeader('content-type', 'application/json')
          response.end(JSON.stringify({ method, text, type, length, one: headers['x-one'] }))
        } else response.writeHead(404, 'Not Here').end(url)
      })
      const mine = await look(await ours(`${base}${path}`, init))
      const theirs = await look(await fetch(`${base}${path}`, init))
      expect(mine).toEqual(theirs)
    },
  )
})

describe('fetch', () => {
  it('streams a body both ways while the server reads and answers', async () => {
    const base = await serve((request, response) => request.pipe(response))
    async function* pieces() {
      for (let index = 0; index < 50; index++) yield `${index} `.repeat(500)
    }
    const response = await ours(base, { method: 'POST', body: pieces() })
    let text = ''
    for await (const piece of response.body!) text += Buffer.from(piece).toString()
    expect(text.length).toBe(500 * (10 * 2 + 40 * 3))
  })

  it('reads content that ends with the connection, and odd line ends (RFC 9112 §2.2, §6.3)', async () => {
    const base = await answer('HTTP/1.0 200 OK\nX: 1\n\nuntil the end')
    const response = await ours(base)
    expect([response.headers.get('x'), await response.text()]).toEqual(['1', 'until the end'])
  })

  it.each([
    ['nothing', '', /ended before it answered/],
    ['another protocol', 'SSH-2.0-x\r\n\r\n', /does not speak HTTP/],
    [
      'two lengths',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
      /Length/,
    ],
    [
      'both framings',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      /both Transfer-Encoding/,
    ],
    ['gzip as framing', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n', /transfer coding/],
    ['a folded field', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n', /folded/],
    ['too much head', `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`, /too long/],
  ])('rejects with the reason when the server sends %s', async (_name, text, reason) => {
    const error = await ours(await answer(text)).catch((it: unknown) => it)
    expect(error).toBeInstanceOf(TypeError)
    expect((error as Error).message).toMatch(reason)
    expect((error as Error).message).toMatch(/^Cannot fetch http:\/\/127\.0\.0\.1:\d+\//)
  })

  it.each([
    ['cut short', 'Content-Length: 10\r\n\r\nhalf'],
    ['cut within a chunk', 'Transfer-Encoding: chunked\r\n\r\na\r\nhalf'],
    ['malformed', 'Transfer-Encoding: chunked\r\n\r\nx\r\n'],
  ])('rejects the body when it is %s, never gives half of it as the whole', async (_name, rest) => {
    const response = await ours(await answer(`HTTP/1.1 200 OK\r\n${rest}`))
    await expect(response.text()).rejects.toThrow(/^Cannot fetch .*(ended within|malformed)/)
  })

  it.each([
    ['https://127.0.0.1/', /no TLS here; use http:/],
    ['ftp://127.0.0.1/', /URL/],
  ])('refuses %s and says why', async (url, reason) => {
    await expect(ours(url)).rejects.toThrow(reason)
  })

  it('gives names and addresses to connect as the URL has them, and the name to the server as Host', async () => {
    const asked: unknown[] = []
    const never = new AbortController()
    const probe = createFetch(async ({ hostname, port, signal }) => {
      asked.push([hostname, port, signal?.aborted])
      throw new Error('seen')
    })
    for (const url of ['http://Example.COM/x', 'http://db:8080/', 'http://[fd00::0:1]/']) {
      await expect(probe(url, { signal: never.signal })).rejects.toThrow('seen')
    }
    expect(asked).toEqual([
      ['example.com', 80, false],
      ['db', 8080, false],
      ['fd00::1', 80, false],
    ])
    const base = await answer('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    const { port } = new URL(base)
    const resolving = createFetch(async (to) => {
      const socket = connectSocket({ host: '127.0.0.1', port: to.port })
      open.push(socket)
      let head = ''
      const stream = new NodeStream(socket)
      const { write } = stream
      stream.write = (bytes) => {
        head += Buffer.from(bytes).toString('latin1')
        return write.call(stream, bytes)
      }
      heads.push(() => head)
      await once(socket, 'connect')
      return stream
    })
    const heads: (() => string)[] = []
    await resolving(`http://Web.Example:${port}/a`)
    expect(heads[0]!()).toMatch(
      new RegExp(`^GET /a HTTP/1\\.1\\r\\n[^]*host: web\\.example:${port}\\r\\n`, 'i'),
    )
  })

  it('tells of a refused connection with its cause', async () => {
    const base = await answer('')
    servers.splice(0).forEach((server) => void server.close())
    const error = (await ours(base).catch((it: unknown) => it)) as Error
    expect(error.message).toMatch(/^Cannot fetch .*ECONNREFUSED/)
    expect(error.cause).toBeInstanceOf(Error)
  })

  it('gives up redirects without end, and at the first when told so', async () => {
    const base = await serve((_, response) => response.writeHead(302, { location: '/' }).end())
    await expect(ours(base)).rejects.toThrow(/redirects without end/)
    await expect(ours(base, { redirect: 'error' })).rejects.toThrow(/redirects to \//)
  })

  it('keeps credentials from another origin', async () => {
    let seen: string | undefined = 'nothing'
    const other = await serve((request, response) => {
      seen = request.headers.authorization
      response.end()
    })
    const base = await serve((_, response) => response.writeHead(307, { location: other }).end())
    await ours(base, { headers: { authorization: 'secret' } })
    expect(seen).toBeUndefined()
  })

  it('is aborted by its signal: before, while it waits, and within the body', async () => {
    const base = await serve((request, response) => {
      if (request.url === '/body') response.write('begun')
    })
    await expect(ours(base, { signal: AbortSignal.abort('early') })).rejects.toBe('early')
    const waits = await ours(base, { signal: AbortSignal.timeout(50) }).catch((it: unknown) => it)
    expect((waits as Error).name).toBe('TimeoutError')
    const controller = new AbortController()
    const response = await ours(`${base}/body`, { signal: controller.signal })
    setTimeout(() => controller.abort('enough'), 20)
    await expect(response.text()).rejects.toBe('enough')
    const never = createFetch(() => new Promise(() => {}))
    await expect(never(base, { signal: AbortSignal.timeout(20) })).rejects.toThrow(/timeout/)
  })

  it('leaves no connection open, whether the body is read, left or aborted', async () => {
    const base = await serve((_, response) => response.end('x'.repeat(100_000)))
    await (await ours(base)).text()
    for await (const _ of (await ours(base)).body!) break
    await ours(base, { method: 'HEAD' })
    await expect.poll(() => open.filter((socket) => !socket.destroyed).length).toBe(0)
  })

  it('keeps nothing with a signal that stays, and is ended by it while nobody reads', async () => {
    const base = await serve((request, response) => {
      if (request.url === '/begun') response.write('begun')
      else response.end('x'.repeat(100_000))
    })
    const controller = new AbortController()
    const { signal } = controller
    let listening = 0
    const counted = Object.assign(signal, {
      addEventListener(...it: Parameters<typeof signal.addEventListener>) {
        listening++
        AbortSignal.prototype.addEventListener.apply(signal, it)
      },
      removeEventListener(...it: Parameters<typeof signal.removeEventListener>) {
        listening--
        AbortSignal.prototype.removeEventListener.apply(signal, it)
      },
    })
    await (await ours(base, { signal: counted })).text()
    await (await ours(base, { signal: counted, method: 'HEAD' })).text()
    for await (const _ of (await ours(base, { signal: counted })).body!) break
    await (await ours(base, { signal: counted })).body!.cancel()
    await expect(ours('http://127.0.0.1:1/', { signal: counted })).rejects.toThrow(TypeError)
    expect(listening).toBe(0)
    await expect.poll(() => open.filter((socket) => !socket.destroyed).length).toBe(0)
    const unread = await ours(`${base}/begun`, { signal: counted })
    controller.abort('enough')
    await expect.poll(() => open.filter((socket) => !socket.destroyed).length).toBe(0)
    await expect(unread.text()).rejects.toBe('enough')
  })

  it('ends the connection of a body that is left while the server is silent', async () => {
    const base = await serve((_, response) => response.write('begun'))
    const reader = (await ours(base)).body!.getReader()
    expect((await reader.read()).done).toBe(false)
    const pending = reader.read()
    await reader.cancel()
    await expect.poll(() => open.filter((socket) => !socket.destroyed).length).toBe(0)
    expect((await pending).done).toBe(true)
  })

  it('rejects with what the body throws, and the server sees no whole request', async () => {
    let isWhole = false
    const base = await serve((request) => request.on('end', () => (isWhole = request.complete)))
    async function* breaks() {
      yield 'half'
      throw new RangeError('broken on purpose')
    }
    await expect(ours(base, { method: 'POST', body: breaks() })).rejects.toThrow(
      /broken on purpose/,
    )
    expect(isWhole).toBe(false)
  })

  it('does not wait for a body that never ends when the server has gone', async () => {
    const base = await answer('')
    async function* hangs() {
      yield 'begun'
      await new Promise(() => {})
    }
    await expect(ours(base, { method: 'POST', body: hangs() })).rejects.toThrow(
      /before it answered/,
    )
  })

  it('posts forms and blobs, and reads forms and streams that come back', async () => {
    const base = await serve(async (request, response) => {
      const pieces: Buffer[] = []
      for await (const piece of request) pieces.push(piece as Buffer)
      const { 'content-type': type = '', 'content-length': length = '' } = request.headers
      response.writeHead(200, { 'content-type': type, 'x-length': length })
      response.end(Buffer.concat(pieces))
    })
    const form = new FormData()
    form.append('text', 'grüße')
    form.append('file', new File(['<p>'], 'page.html', { type: 'text/html' }))
    const answer = await ours(base, { method: 'POST', body: form })
    expect(Number(answer.headers.get('x-length'))).toBeGreaterThan(200)
    const back = await answer.formData()
    expect(back.get('text')).toBe('grüße')
    const file = back.get('file') as File
    expect([file.name, file.type, await file.text()]).toEqual(['page.html', 'text/html', '<p>'])
    const blob = await ours(base, { method: 'POST', body: new Blob(['x'], { type: 'a/b' }) })
    expect([blob.headers.get('content-type'), blob.headers.get('x-length')]).toEqual(['a/b', '1'])
    const reader = blob.body!.getReader()
    expect((await reader.read()).value).toEqual(new Uint8Array([120]))
    expect((await reader.read()).done).toBe(true)
  })

  it('leaves content codings to the app', async () => {
    const base = await serve((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('x'))
    })
    expect((await (await ours(base)).bytes())[0]).toBe(0x1f)
  })
})
