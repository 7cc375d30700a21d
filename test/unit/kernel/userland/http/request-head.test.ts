/**
 * Reading a request head and its framing: what is served, what is refused with which status, and
 * never a throw.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CHUNKED, type Framing, frameRequest } from '../../../../../kernel/userland/http/framing.ts'
import type { Refusal } from '../../../../../kernel/userland/http/refusal.ts'
import { parseRequestHead } from '../../../../../kernel/userland/http/request-head.ts'

function read(text: string): Refusal | ({ method: string; path: string } & Framing) {
  const head = parseRequestHead(text)
  if ('status' in head) return head
  const framing = frameRequest(head)
  if ('status' in framing) return framing
  return { method: head.method, path: head.path, ...framing }
}
const status = (text: string) => {
  const result = read(text)
  return 'status' in result ? result.status : 200
}
const withFields = (...fields: string[]) =>
  ['PUT /sink HTTP/1.1', 'Host: guest', ...fields].join('\r\n')

describe('parseRequestHead', () => {
  it.each([
    ['GET / HTTP/1.1\r\nHost: a', 'GET', '/'],
    ['GET / HTTP/1.1\nHost: a', 'GET', '/'],
    ['HEAD /stats HTTP/1.0', 'HEAD', '/stats'],
    ['GET /bytes/5?a=b#c HTTP/1.1\r\nHost:', 'GET', '/bytes/5'],
    ['GET http://10.9.0.2:80/stats?x HTTP/1.1\r\nhOsT: 10.9.0.2', 'GET', '/stats'],
    ['GET HTTP://guest HTTP/1.1\r\nHost: guest', 'GET', '/'],
    ['GET http://guest?x HTTP/1.1\r\nHost: guest', 'GET', '/'],
    ['OPTIONS * HTTP/1.1\r\nHost: guest', 'OPTIONS', '*'],
    ['GET / HTTP/1.9\r\nHost: a', 'GET', '/'],
    ['DELETE /x HTTP/1.1\r\nHost: a', 'DELETE', '/x'],
    // RFC 9110 §16.1: methods are registered, not only those of the core.
    ['PROPFIND /x HTTP/1.1\r\nHost: a', 'PROPFIND', '/x'],
    ['QUERY /x HTTP/1.1\r\nHost: a', 'QUERY', '/x'],
    ['GET / HTTP/1.1\r\nHost: [fd00::2]:80', 'GET', '/'],
    ['GET / HTTP/1.1\r\nHost: my_host.a-b:', 'GET', '/'],
  ])('reads %j', (text, method, path) => {
    expect(read(text)).toMatchObject({ method, path })
  })

  it.each([
    ['', 400],
    ['GET /', 400],
    ['GET  / HTTP/1.1\r\nHost: a', 400],
    ['GET / HTTP/1.1 \r\nHost: a', 400],
    [' GET / HTTP/1.1\r\nHost: a', 400],
    ['GET\t/\tHTTP/1.1\r\nHost: a', 400],
    ['G(T / HTTP/1.1\r\nHost: a', 400],
    ['GET /\x7f HTTP/1.1\r\nHost: a', 400],
    ['GET /\ufffd HTTP/1.1\r\nHost: a', 400],
    ['GET stats HTTP/1.1\r\nHost: a', 400],
    ['GET ftp://a/ HTTP/1.1\r\nHost: a', 400],
    ['GET * HTTP/1.1\r\nHost: a', 400],
    ['GET / http/1.1\r\nHost: a', 400],
    ['GET / HTTP/11\r\nHost: a', 400],
    ['GET / HTTP/1.10\r\nHost: a', 400],
    ['GET / HTTP/2.0\r\nHost: a', 505],
    ['GET / HTTP/0.9\r\nHost: a', 505],
    ['BREW / HTTP/1.1\r\nHost: a', 501],
    ['get / HTTP/1.1\r\nHost: a', 501],
    ['CONNECT a:80 HTTP/1.1\r\nHost: a:80', 501],
    // RFC 9110 §7.4: https needs a secured connection; 421 says that it is the wrong one.
    ['GET https://a/ HTTP/1.1\r\nHost: a', 421],
    // RFC 9112 §3.2: 400 for "a Host header field with an invalid field value".
    ['GET / HTTP/1.1\r\nHost: a b', 400],
    ['GET / HTTP/1.1\r\nHost: a@b', 400],
    ['GET / HTTP/1.1\r\nHost: a/b', 400],
    ['GET / HTTP/1.1\r\nHost: [::1', 400],
    ['GET http://b/ HTTP/1.1\r\nHost: a b', 400],
    ['GET / HTTP/1.1', 400],
    ['GET / HTTP/1.1\r\nHost: a\r\nHost: a', 400],
    ['GET / HTTP/1.0\r\nHost: a\r\nHost: b', 400],
    ['GET / HTTP/1.1\r\nHost : a', 400],
    ['GET / HTTP/1.1\r\nHost: a\r\n folded', 400],
    ['GET / HTTP/1.1\r\n Host: a', 400],
    ['GET / HTTP/1.1\r\nHost: a\r\nX', 400],
    ['GET / HTTP/1.1\r\nHost: a\r\n: x', 400],
    ['GET / HTTP/1.1\r\nHost: a\r\nX: a\rb', 400],
    ['GET / HTTP/1.1\r\nHost: a\r\nX: a\0b', 400],
    ['GET / HTTP/1.1\r\nHost: a\r\nX: a\r\r\nY: b', 400],
    [`GET / HTTP/1.1\r\nHost: a${'\r\nX: y'.repeat(100)}`, 431],
  ])('refuses %j with %i', (text, expected) => {
    expect(status(text)).toBe(expected)
  })

  it('keeps field values as they are but for blanks around them', () => {
    const head = parseRequestHead('GET / HTTP/1.0\r\nX:\t a\t b \r\nx: \u00a0c\r\nEmpty:')
    if ('status' in head) throw new Error(head.reason)
    expect([...head.fields]).toEqual([
      ['x', ['a\t b', '\u00a0c']],
      ['empty', ['']],
    ])
  })

  it('reads 8 KiB of blanks in a field in linear time', () => {
    const start = performance.now()
    expect(status(`GET / HTTP/1.1\r\nHost: a\r\nX: ${' '.repeat(8000)}b${' '.repeat(8000)}`)).toBe(
      200,
    )
    expect(performance.now() - start).toBeLessThan(50)
  })

  it('never throws, whatever comes', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.constantFrom(
        'GET',
        ' ',
        '/',
        'HTTP/1.1',
        '\r\n',
        '\n',
        'Host: a',
        ':',
        'Content-Length: ',
      ),
      fc.constantFrom(
        'Transfer-Encoding: chunked',
        'Expect: 100-continue',
        'Connection: close',
        ',',
      ),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        read(pieces.join(''))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('frameRequest', () => {
  it.each([
    [[], { contentLength: 0, hasContent: false, keepAlive: true, expectsContinue: false }],
    [['Content-Length: 0'], { contentLength: 0, hasContent: true }],
    [['Content-Length: 123456789012345'], { contentLength: 123456789012345 }],
    [['Transfer-Encoding: chunked'], { contentLength: CHUNKED, hasContent: true }],
    [['Transfer-Encoding: ,Chunked ,'], { contentLength: CHUNKED }],
    [['Connection: close'], { keepAlive: false }],
    [['Connection: x, Close'], { keepAlive: false }],
    [['Connection: keep-alive', 'Connection: close'], { keepAlive: false }],
    [['Expect: 100-Continue', 'Content-Length: 5'], { expectsContinue: true }],
  ])('reads %j', (fields, expected) => {
    expect(read(withFields(...fields))).toMatchObject(expected)
  })

  it.each([
    [['Content-Length:'], 400],
    [['Content-Length: -1'], 400],
    [['Content-Length: +1'], 400],
    [['Content-Length: 0x10'], 400],
    [['Content-Length: 1e3'], 400],
    [['Content-Length: 5, 5'], 400],
    [['Content-Length: 5', 'Content-Length: 6'], 400],
    [['Content-Length: \u00a05'], 400],
    [['Content-Length: 1234567890123456'], 413],
    [['Transfer-Encoding: chunked', 'Content-Length: 5'], 400],
    [['Transfer-Encoding:'], 400],
    // RFC 9112 §6.3: 400 where chunked is not the last coding; §6.1: 501 for one that is not
    // understood.
    [['Transfer-Encoding: gzip'], 400],
    [['Transfer-Encoding: gzip, chunked'], 501],
    [['Transfer-Encoding: chunked, gzip'], 400],
    [['Transfer-Encoding: xchunked'], 400],
    // Whose second k is the Kelvin sign, as octets of UTF-8 are where a head is read as that.
    [['Transfer-Encoding: chun\u212aed'], 400],
    [['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], 400],
    [['Expect: 200-ok'], 417],
  ])('refuses %j with %i', (fields, expected) => {
    expect(status(withFields(...fields))).toBe(expected)
  })

  it('closes after HTTP/1.0 unless asked to keep the connection, and ignores its expectations', () => {
    const old = (...fields: string[]) => read(['GET / HTTP/1.0', ...fields].join('\r\n'))
    expect(old()).toMatchObject({ keepAlive: false })
    expect(old('Connection: Keep-Alive')).toMatchObject({ keepAlive: true })
    expect(old('Expect: 100-continue')).toMatchObject({ expectsContinue: false })
    expect(old('Transfer-Encoding: chunked')).toMatchObject({ status: 400 })
  })
})
