/** What a fetch app's server invites, limits and says of it: 100-continue, heads, chunks, Date. */
import { describe, expect, it } from 'vitest'
import { Response } from '../../../../../kernel/userland/web/response.ts'
import { serveFetch } from './serve-fetch.ts'

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
const post = (path: string, ...fields: string[]) =>
  `${[`POST ${path} HTTP/1.1`, 'Host: g', ...fields].join('\r\n')}\r\n\r\n`
const expecting = post('/', 'Content-Length: 6', 'Expect: 100-continue')

/**
 * RFC 9110 §10.1.1: "MUST NOT wait for the request content before sending the 100", which is an
 * interim response (§15.2).
 */
describe('100-continue', () => {
  it('stands before the head of a response that streams the content back', async () => {
    const { send } = serveFetch((request) => new Response(request.body))
    const invited = await send(expecting)
    expect(invited.startsWith(CONTINUE)).toBe(true)
    const answer = await send('abcdef')
    expect(answer.match(/100 Continue/g)).toHaveLength(1)
    expect(answer).toMatch(/\r\n\r\n6\r\nabcdef\r\n0\r\n\r\n$/)
  })

  it('is sent once for content in several pieces', async () => {
    const { send } = serveFetch(async (request) => new Response(await request.text()))
    expect(await send(expecting)).toBe(CONTINUE)
    for (const piece of ['a', 'b', 'c', 'd', 'e']) expect(await send(piece)).toBe(CONTINUE)
    expect((await send('f')).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 100', 'HTTP/1.1 200'])
  })

  it('is not sent after content has come unasked', async () => {
    const { send } = serveFetch(async (request) => new Response(await request.text()))
    const chunked = post('/', 'Transfer-Encoding: chunked', 'Expect: 100-continue')
    await send(`${chunked}3\r\nabc\r\n`)
    expect((await send('0\r\n\r\n')).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200'])
  })

  it('is never sent after the head: a refusal whose stream reads the content later gets what comes', async () => {
    const { send } = serveFetch((request) => {
      async function* late() {
        yield await request.text()
      }
      return new Response(late() as never, { status: 403 })
    })
    expect(await send(expecting)).toMatch(/^HTTP\/1\.1 403 /)
    expect(await send('abcdef')).not.toContain('100 Continue')
  })

  it('does not end a connection whose request has no content', async () => {
    const { send, socket } = serveFetch(() => new Response('x'))
    await send('GET / HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\n\r\n')
    await send(post('/', 'Content-Length: 0', 'Expect: 100-continue'))
    expect(socket.sent.toString().match(/HTTP\/1\.1 \d+/g)).toEqual([
      'HTTP/1.1 200',
      'HTTP/1.1 200',
    ])
    expect(socket.ending).toBe('open')
  })
})

describe('a limit', () => {
  const get = (target: string, field = '') => `GET ${target} HTTP/1.1\r\nHost: g\r\n${field}\r\n`
  it.each([
    [
      'request line',
      get(`/${'a'.repeat(8200)}`),
      414,
      'the request line is longer than 8192 bytes',
    ],
    ['head', get('/', `X: ${'a'.repeat(17_000)}\r\n`), 431, 'the head is longer than 16384 bytes'],
    ['number of fields', get('/', 'X: a\r\n'.repeat(100)), 431, 'more than 100 header fields'],
    [
      'chunk extension',
      `${post('/', 'Transfer-Encoding: chunked')}1;${'a'.repeat(300)}\r\n`,
      413,
      'the line of a chunk size is longer than 256 bytes',
    ],
    [
      'trailers',
      `${post('/', 'Transfer-Encoding: chunked')}0\r\nX: ${'a'.repeat(5000)}\r\n`,
      431,
      'the trailers are longer than 4096 bytes',
    ],
    ['length', post('/', 'Content-Length: 20000000'), 413, 'the content is longer than 16777216'],
  ])('of the %s has its status and a line at debug', async (_name, bytes, status, line) => {
    const { send, socket, reports, debugLines } = serveFetch(
      async (request) => new Response(await request.text()),
    )
    expect(await send(bytes)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(socket.ending).toBe('half-closed')
    expect(reports).toEqual([])
    expect(debugLines).toHaveLength(1)
    expect(debugLines[0]).toContain(line)
    expect(debugLines[0]).toContain(`${status}`)
  })

  it('leaves room for a request line of 8,000 octets and a head of 16 KiB', async () => {
    const { send } = serveFetch((request) => new Response(`${request.url.length}`))
    const line = `GET /${'a'.repeat(7986)} HTTP/1.1\r\n`
    expect(line.length).toBeGreaterThanOrEqual(8000)
    const head = `${line}Host: g\r\nX: `
    await send(`${head}${'b'.repeat(16_384 - head.length - 4)}\r\n\r\n`)
    expect(await send('')).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\n7995$/)
  })
})

describe('a refusal', () => {
  it('of HEAD has no content (RFC 9110 §9.3.2)', async () => {
    const { send } = serveFetch(() => new Response('x'))
    const answer = await send('HEAD / HTTP/1.1\r\nHost: g\r\nExpect: tea\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1\.1 417 [\s\S]*content-length: [1-9]\d*\r\n[^\n]*\r\n\r\n$/)
  })
})

describe('Date (RFC 9110 §6.6.1)', () => {
  it.each([200, 204, 301, 404, 500])('is in a response of %i', async (status) => {
    const { send } = serveFetch(() => new Response(null, { status }))
    const answer = await send('GET / HTTP/1.1\r\nHost: g\r\n\r\n')
    const date = /\r\ndate: (.* GMT)\r\n/.exec(answer)![1]!
    expect(Math.abs(Date.parse(date) - Date.now())).toBeLessThan(5000)
  })

  it('is in what is refused before the app sees it, not in 100', async () => {
    const refused = serveFetch(() => new Response())
    expect(await refused.send('HELLO\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [\s\S]*\r\ndate: /)
    const invited = serveFetch(async (request) => new Response(await request.text()))
    expect(await invited.send(expecting)).toBe(CONTINUE)
  })

  it('of the app stands', async () => {
    const date = 'Sun, 06 Nov 1994 08:49:37 GMT'
    const { send } = serveFetch(() => new Response('x', { headers: { date } }))
    const answer = await send('GET / HTTP/1.1\r\nHost: g\r\n\r\n')
    expect(answer.match(/\r\ndate: .*\r\n/g)).toEqual([`\r\ndate: ${date}\r\n`])
  })
})
