/** Request lines and header fields, well-formed and not: requests that both servers get. */
import type { Exchange } from './exchange.ts'

export const HEADS: readonly Exchange[] = [
  {
    name: 'no Host',
    bytes: 'GET / HTTP/1.1\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'two Hosts',
    bytes: 'GET / HTTP/1.1\r\nHost: g\r\nHost: h\r\n\r\n',
    answer: '400 | closed',
    difference: {
      node: "200 length 'GET g/ ' | open",
      why: 'RFC 9112 §3.2: 400 for more than one',
    },
  },
  {
    name: 'the same Host twice',
    bytes: 'GET / HTTP/1.1\r\nHost: g\r\nHost: g\r\n\r\n',
    answer: '400 | closed',
    difference: {
      node: "200 length 'GET g/ ' | open",
      why: 'RFC 9112 §3.2: 400 for more than one',
    },
  },
  {
    name: 'an empty Host',
    bytes: 'GET / HTTP/1.1\r\nHost:\r\n\r\n',
    answer: '400 | closed',
    difference: {
      node: 'closed',
      why: 'the adapter has no URL; RFC 9112 §3.2: 400 for an invalid value',
    },
  },
  {
    name: 'userinfo in Host',
    bytes: 'GET / HTTP/1.1\r\nHost: a@b\r\n\r\n',
    answer: '400 | closed',
    difference: {
      node: "200 length 'GET b/ ' | open",
      why: 'RFC 9112 §3.2: 400 for an invalid value',
    },
  },
  {
    name: 'two hosts in one Host',
    bytes: 'GET / HTTP/1.1\r\nHost: a, b\r\n\r\n',
    answer: '400 | closed',
    difference: {
      node: 'closed',
      why: 'the adapter has no URL; RFC 9112 §3.2: 400 for an invalid value',
    },
  },
  {
    name: 'a folded field',
    bytes: 'GET /fields HTTP/1.1\r\nHost: g\r\nX-A: b\r\n c\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a folded line before all fields',
    bytes: 'GET /fields HTTP/1.1\r\n X-A: b\r\nHost: g\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a lone LF at the end of all lines',
    bytes: 'GET /fields HTTP/1.1\nHost: g\nX-A: b\n\n',
    answer: "200 length 'x-a,b' | open",
    difference: {
      node: '400 | closed',
      why: 'RFC 9112 §2.2: a lone LF may end a line; here all do, as when a person types',
    },
  },
  {
    name: 'a lone LF amid CRLFs',
    bytes: 'GET /fields HTTP/1.1\r\nHost: g\r\nX-A: b\nX-C: d\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a lone LF as the empty line',
    bytes: 'GET /fields HTTP/1.1\r\nHost: g\r\n\n',
    answer: '400 | closed',
  },
  {
    name: 'a CR within a value',
    bytes: 'GET /fields HTTP/1.1\r\nHost: g\r\nX-A: b\rX-B: c\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a NUL within a value',
    bytes: 'GET /fields HTTP/1.1\r\nHost: g\r\nX-A: b\0c\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a control character within a value',
    bytes: 'GET /fields HTTP/1.1\r\nHost: g\r\nX-A: b\x01c\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'DEL within a value',
    bytes: 'GET /fields HTTP/1.1\r\nHost: g\r\nX-A: b\x7fc\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'octets beyond ASCII in a value',
    bytes: 'GET /fields HTTP/1.1\r\nHost: g\r\nX-A: \xe4\xff\r\n\r\n',
    answer: "200 length 'x-a,%C3%A4%C3%BF' | open",
  },
  {
    name: 'blanks around and in a value',
    bytes: 'GET /fields HTTP/1.1\r\nHost: g\r\nX-A:\t b\tc \t\r\n\r\n',
    answer: "200 length 'x-a,b%09c' | open",
  },
  {
    name: 'an empty value',
    bytes: 'GET /fields HTTP/1.1\r\nHost: g\r\nX-A:\r\n\r\n',
    answer: "200 length 'x-a,' | open",
  },
  {
    name: 'a blank before the colon',
    bytes: 'GET /fields HTTP/1.1\r\nHost: g\r\nX-A : b\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a field without a colon',
    bytes: 'GET /fields HTTP/1.1\r\nHost: g\r\nX-A\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a field without a name',
    bytes: 'GET /fields HTTP/1.1\r\nHost: g\r\n: b\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a field name that is no token',
    bytes: 'GET /fields HTTP/1.1\r\nHost: g\r\nX(A: b\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a field twice',
    bytes: 'GET /fields HTTP/1.1\r\nHost: g\r\nX-A: 1\r\nx-a: 2\r\n\r\n',
    answer: "200 length 'x-a,1,%202' | open",
  },
  {
    name: 'Set-Cookie twice in a response',
    bytes: 'GET /cookies HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "200 length a=1;b=2 'cookies' | open",
  },
  {
    name: 'Cookie twice in a request',
    bytes: 'GET /fields HTTP/1.1\r\nHost: g\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n',
    answer: "200 length 'cookie,a=1;%20b=2' | open",
  },
  {
    name: 'empty lines before the request',
    bytes: '\r\n\r\nGET /a HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "200 length 'GET g/a ' | open",
  },
  {
    name: 'empty lines between requests',
    bytes: 'GET /a HTTP/1.1\r\nHost: g\r\n\r\n\r\n\r\nGET /b HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "200 length 'GET g/a ' | 200 length 'GET g/b ' | open",
  },
  {
    name: 'two spaces in the request line',
    bytes: 'GET  / HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: '400 | closed',
    difference: {
      node: "200 length 'GET g/ ' | open",
      why: 'RFC 9112 §3: single spaces; lenient parsing is what smuggling lives on',
    },
  },
  {
    name: 'a space after the version',
    bytes: 'GET / HTTP/1.1 \r\nHost: g\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a tab in the request line',
    bytes: 'GET\t/ HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a version in lower case',
    bytes: 'GET / http/1.1\r\nHost: g\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'HTTP/1',
    bytes: 'GET / HTTP/1\r\nHost: g\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'octets beyond ASCII in the target',
    bytes: 'GET /\xe4 HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a request line of 8,000 bytes',
    bytes: `GET /${'a'.repeat(7985)} HTTP/1.1\r\nHost: g\r\n\r\n`,
    answer: `200 length 'GET g/${'a'.repeat(7985)} ' | open`,
  },
  {
    name: 'a request line of 17,000 bytes',
    bytes: `GET /${'a'.repeat(17000)} HTTP/1.1\r\nHost: g\r\n\r\n`,
    answer: '414 | closed',
    difference: { node: '431 | closed', why: 'RFC 9112 §3: 414 for a target that is too long' },
  },
  {
    name: 'a head of 15,000 bytes',
    bytes: `GET /a HTTP/1.1\r\nHost: g\r\nX-A: ${'a'.repeat(15000)}\r\n\r\n`,
    answer: "200 length 'GET g/a ' | open",
  },
  {
    name: 'a head of 17,000 bytes',
    bytes: `GET /a HTTP/1.1\r\nHost: g\r\nX-A: ${'a'.repeat(17000)}\r\n\r\n`,
    answer: '431 | closed',
  },
  {
    name: '100 fields',
    bytes: `GET /a HTTP/1.1\r\nHost: g\r\n${'X-A: a\r\n'.repeat(99)}\r\n`,
    answer: "200 length 'GET g/a ' | open",
  },
  {
    name: '301 fields',
    bytes: `GET /a HTTP/1.1\r\nHost: g\r\n${'X-A: a\r\n'.repeat(300)}\r\n`,
    answer: '431 | closed',
    difference: {
      node: "200 length 'GET g/a ' | open",
      why: '100 fields are the limit here, 2000 there',
    },
  },
  {
    name: 'the start of TLS',
    bytes: '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a lone LF after the request line',
    bytes: 'GET /fields HTTP/1.1\nHost: g\r\n\r\n',
    answer: '400 | closed',
  },
]
