/** Apps that export fetch, as Node's HTTP client and raw sockets see them (RFC 9110, RFC 9112). */
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { describe, expect } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { GUEST, test } from './support/fixtures.ts'
import { HttpClient } from './support/http-client.ts'
import type { Guest, Site } from './support/site.ts'

const STREAM_BYTES = 8 << 20

test.override('guest', { ...GUEST, network: 'direct' })

async function withApp(
  site: Site,
  name: string,
  port: number,
  work: (client: HttpClient, guest: Guest) => Promise<void>,
): Promise<void> {
  const initrd = await buildApp(name)
  const client = await HttpClient.toGuest(site, port)
  try {
    const guest = await site.boot({ initrd })
    expect(guest.ready.listening).toEqual([{ port, protocol: 'tcp' }])
    await work(client, guest)
  } finally {
    client.close()
  }
}

const serves =
  (work: (client: HttpClient, guest: Guest) => Promise<void>) =>
  ({ site }: { site: Site }) =>
    withApp(site, 'serves.ts', 80, work)

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

function octets(length: number): Buffer {
  const period = Buffer.from(Array.from({ length: 251 }, (_, at) => at))
  return Buffer.alloc(length, period)
}

describe('an app that exports fetch', () => {
  test(
    'is a JSON API on one connection that stays alive',
    serves(async (client) => {
      const added = await client.send('/notes', { method: 'POST', body: '{"text":"grüße"}' })
      expect(added.status).toBe(201)
      expect(added.headers).toMatchObject({
        'content-type': 'application/json',
        location: '/notes/1',
        'content-length': String(added.body.length),
      })
      expect(JSON.parse(added.body.toString())).toEqual({ id: 1, text: 'grüße' })
      const read = await client.send('/notes/1')
      expect(JSON.parse(read.body.toString())).toEqual({ text: 'grüße' })
      expect((await client.send('/notes/2')).status).toBe(404)
      expect((await client.send('/notes', { method: 'POST', body: '{}' })).status).toBe(422)
      expect((await client.send('/hello?name=a%20b')).body.toString()).toBe('hello a b\n')
      const head = await client.send('/hello', { method: 'HEAD' })
      expect([head.headers['content-length'], head.body.length]).toEqual(['12', 0])
      expect(client.connections).toBe(1)
    }),
  )

  test(
    'streams 8 MiB in chunks, made piece by piece',
    serves(async (client) => {
      const { headers, body } = await client.send(`/stream?bytes=${STREAM_BYTES}`)
      expect(headers['transfer-encoding']).toBe('chunked')
      expect(body.length).toBe(STREAM_BYTES)
      expect(sha256(body)).toBe(sha256(octets(STREAM_BYTES)))
    }),
  )

  test(
    'takes 8 MiB in chunks and sends them back while they arrive',
    serves(async (client, { vm }) => {
      const content = octets(STREAM_BYTES)
      const body = Readable.from(
        (function* () {
          for (let at = 0; at < content.length; at += 50_000)
            yield content.subarray(at, at + 50_000)
        })(),
      )
      const answer = await client.send('/mirror', { method: 'POST', body })
      expect(answer.body.length).toBe(STREAM_BYTES)
      expect(sha256(answer.body)).toBe(sha256(content))
      expect(vm.console.text).not.toContain('failed')
    }),
  )

  test(
    'answers pipelined requests in order, and goes on after content that it did not read',
    serves(async (client) => {
      let text = ''
      for (let index = 0; index < 20; index++) {
        text += `GET /hello?name=${index} HTTP/1.1\r\nHost: guest\r\n\r\n`
        text += 'POST /nowhere HTTP/1.1\r\nHost: guest\r\nContent-Length: 5\r\n\r\nGET /'
      }
      const received = await client.exchange(
        `${text}GET /hello HTTP/1.1\r\nHost: guest\r\nConnection: close\r\n\r\n`,
      )
      const names = [...received.matchAll(/hello (\w+)\n/g)].map((match) => match[1])
      expect(names).toEqual([...Array.from({ length: 20 }, (_, index) => `${index}`), 'world'])
      expect(received.match(/HTTP\/1\.1 404 Not Found\r\n/g)).toHaveLength(20)
      expect(received.match(/connection: close/g)).toHaveLength(1)
      // More than is skipped: the answer says that it is the last.
      const large = 'POST /nowhere HTTP/1.1\r\nHost: guest\r\nContent-Length: 100000\r\n\r\n'
      const refused = await client.exchange(large + 'x'.repeat(100_000))
      expect(refused).toMatch(/^HTTP\/1\.1 404 [\s\S]*\nconnection: close\r\n/)
    }),
  )

  test(
    'never sees bad requests: each gets its status and the end of the connection',
    serves(async (client, { vm }) => {
      const requests: [string, number][] = [
        ['HELLO\r\n\r\n', 400],
        ['GET /hello HTTP/1.1\r\n\r\n', 400],
        ['GET /hello HTTP/1.1\r\nHost: a b\r\n\r\n', 400],
        ['GET /hello HTTP/1.1\r\nHost: [::1\r\n\r\n', 400],
        ['GET /hello HTTP/2.0\r\nHost: x\r\n\r\n', 505],
        ['BREW /hello HTTP/1.1\r\nHost: x\r\n\r\n', 501],
        [`GET /${'a'.repeat(9000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 414],
        [`GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(17_000)}\r\n\r\n`, 431],
        [
          'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
          400,
        ],
        ['POST /notes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnope\r\n', 400],
      ]
      for (const [text, status] of requests) {
        const received = await client.exchange(text)
        expect(received, text.slice(0, 60)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
        expect(received).toMatch(/\r\nconnection: close\r\n/i)
      }
      expect((await client.send('/hello')).status).toBe(200)
      expect(vm.console.text).not.toContain('failed')
    }),
  )

  test(
    'that throws answers 500, logs the place once, and goes on',
    serves(async (client, { vm }) => {
      expect((await client.send('/throws')).status).toBe(500)
      await vm.console.expect(/GET \/throws failed: RangeError: broken on purpose/)
      await vm.console.expect(/broken.*serves\.ts:7:/)
      expect((await client.send('/notes', { method: 'POST', body: '{' })).status).toBe(500)
      await vm.console.expect(/POST \/notes failed: SyntaxError/)
      expect((await client.send('/hello')).status).toBe(200)
      expect(client.connections).toBe(1)
      expect(vm.console.text.match(/GET \/throws failed/g)).toHaveLength(1)
    }),
  )

  test(
    'whose stream throws breaks off that response only',
    serves(async (client, { vm }) => {
      await expect(client.send('/breaks')).rejects.toThrow(/aborted|hang up|ECONNRESET/)
      await vm.console.expect(/GET \/breaks failed: Error: the stream broke on purpose/)
      expect((await client.send('/hello')).status).toBe(200)
    }),
  )

  test(
    'survives peers that leave in the middle',
    serves(async (client, { vm }) => {
      const begun = 'Host: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'
      for (let index = 0; index < 5; index++) {
        await client.abandon(`POST /notes HTTP/1.1\r\n${begun}`)
        await client.abandon(`POST /mirror HTTP/1.1\r\n${begun}`)
        await client.abandon(`GET /stream?bytes=${STREAM_BYTES} HTTP/1.1\r\nHost: x\r\n\r\n`)
      }
      expect((await client.send('/hello')).status).toBe(200)
      expect(vm.console.text).not.toMatch(/failed|panic/)
    }),
  )
})

describe('the npm package hono, unmodified', () => {
  test('routes, runs middleware and handles errors', async ({ site }) =>
    withApp(site, 'routes.ts', 8080, async (client) => {
      const get = async (path: string, headers = {}) => {
        const { status, headers: fields, body } = await client.send(path, { headers })
        return { status, fields, text: body.toString() }
      }
      const root = await get('/')
      expect(root).toMatchObject({ status: 200, text: 'hono on Eremite' })
      expect(root.fields).toMatchObject({ 'x-served-by': 'hono', 'content-length': '15' })
      expect(JSON.parse((await get('/users/j%C3%BCrgen/posts/42')).text)).toEqual({
        id: 'jürgen',
        post: '42',
      })
      expect((await get('/users/a/posts/b')).status).toBe(404)
      expect(JSON.parse((await get('/search?q=1&q=2&r=%26')).text)).toEqual({
        q: ['1', '2'],
        r: ['&'],
      })
      const echo = await client.send('/echo', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"deep":[1,{"two":null}]}',
      })
      expect([echo.status, echo.body.toString()]).toEqual([201, '{"deep":[1,{"two":null}]}'])
      expect(await get('/teapot')).toMatchObject({ status: 418, text: 'short and stout' })
      expect((await get('/throws')).status).toBe(500)
      const away = await get('/away')
      expect([away.status, away.fields.location]).toEqual([303, '/'])
      expect((await get('/private/page')).status).toBe(401)
      const authorization = `Basic ${Buffer.from('user:päss').toString('base64')}`
      expect((await get('/private/page', { authorization })).text).toBe('<p>seen</p>')
      expect((await client.send('/', { method: 'HEAD' })).status).toBe(200)
      expect(client.connections).toBe(1)
    }))
})

describe('the npm package itty-router, unmodified', () => {
  test('routes, reads JSON and answers what is missing or broken', async ({ site }) =>
    withApp(site, 'itty.ts', 80, async (client) => {
      const get = async (path: string) => {
        const { status, body } = await client.send(path)
        return [status, JSON.parse(body.toString())]
      }
      expect(await get('/hello/Ada')).toEqual([200, 'hello Ada'])
      expect(await get('/query?a=1&a=2&b=3')).toEqual([200, { a: ['1', '2'], b: '3' }])
      const headers = { 'content-type': 'application/json' }
      const echo = await client.send('/echo', { method: 'POST', headers, body: '{"deep":[1]}' })
      expect(JSON.parse(echo.body.toString())).toEqual({ got: { deep: [1] } })
      expect(await get('/nowhere')).toEqual([404, { status: 404, error: 'Not Found' }])
      expect((await get('/throws'))[0]).toBe(500)
      expect(client.connections).toBe(1)
    }))
})
