/**
 * Lengths, chunks and trailers, among them what smuggling is made of: requests that both servers
 * get.
 */
import type { Exchange } from './exchange.ts'

export const FRAMINGS: readonly Exchange[] = [
  {
    name: 'trailers',
    bytes:
      'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n',
    answer: "200 length 'POST g/ abc' | open",
  },
  {
    name: 'Content-Length as a trailer',
    bytes:
      'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\nGET /2 HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "200 length 'POST g/ ' | 200 length 'GET g/2 ' | open",
    difference: {
      node: '400 | closed',
      why: 'RFC 9110 §6.5.1: trailers are dropped, so that none of them frames anything',
    },
  },
  {
    name: 'a trailer without a colon',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nno colon\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a folded trailer',
    bytes:
      'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n c\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'two different Content-Length',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd',
    answer: '400 | closed',
  },
  {
    name: 'the same Content-Length twice',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc',
    answer: '400 | closed',
  },
  {
    name: 'the same Content-Length twice in one field',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 3, 3\r\n\r\nabc',
    answer: '400 | closed',
  },
  {
    name: "a Content-Length of '+3'",
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nContent-Length: +3\r\n\r\nabc',
    answer: '400 | closed',
  },
  {
    name: "a Content-Length of '-1'",
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nContent-Length: -1\r\n\r\nabc',
    answer: '400 | closed',
  },
  {
    name: "a Content-Length of '0x3'",
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 0x3\r\n\r\nabc',
    answer: '400 | closed',
  },
  {
    name: "a Content-Length of '3 '",
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 3 \r\n\r\nabc',
    answer: "200 length 'POST g/ abc' | open",
  },
  {
    name: "a Content-Length of ' 3'",
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nContent-Length:  3\r\n\r\nabc',
    answer: "200 length 'POST g/ abc' | open",
  },
  {
    name: "a Content-Length of '3a'",
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 3a\r\n\r\nabc',
    answer: '400 | closed',
  },
  {
    name: "a Content-Length of ''",
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nContent-Length: \r\n\r\nabc',
    answer: '400 | closed',
  },
  {
    name: "a Content-Length of '1e1'",
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 1e1\r\n\r\nabc',
    answer: '400 | closed',
  },
  {
    name: "a Content-Length of '99999999999999999999'",
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 99999999999999999999\r\n\r\nabc',
    answer: '413 | closed',
    difference: {
      node: '400 | closed',
      why: 'RFC 9110 §15.5.14: 413 for content larger than can be processed',
    },
  },
  {
    name: 'Content-Length and Transfer-Encoding',
    bytes:
      'POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a Transfer-Encoding of "chunked"',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    answer: "200 length 'POST g/ abc' | open",
  },
  {
    name: 'a Transfer-Encoding of "Chunked"',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    answer: "200 length 'POST g/ abc' | open",
  },
  {
    name: 'a Transfer-Encoding of "gzip, chunked"',
    bytes:
      'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    answer: '501 | closed',
    difference: {
      node: "200 length 'POST g/ abc' | open",
      why: 'RFC 9112 §6.1: 501 for a coding that is not understood; Node hands the app coded content',
    },
  },
  {
    name: 'a Transfer-Encoding of "chunked, gzip"',
    bytes:
      'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked, gzip\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a Transfer-Encoding of "identity"',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: identity\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a Transfer-Encoding of "chunked, chunked"',
    bytes:
      'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a Transfer-Encoding of "xchunked"',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: xchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a Transfer-Encoding of "\\u000bchunked"',
    bytes:
      'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: \x0bchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a Transfer-Encoding of "\\"chunked\\""',
    bytes:
      'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: "chunked"\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a Transfer-Encoding of "chunked;q=1"',
    bytes:
      'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked;q=1\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a Transfer-Encoding of ""',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: \r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'Transfer-Encoding twice',
    bytes:
      'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'Transfer-Encoding chunked, then identity',
    bytes:
      'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a blank before the colon of Transfer-Encoding',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'chunk extensions',
    bytes:
      'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b;c="d"\r\nabc\r\n0\r\n\r\n',
    answer: "200 length 'POST g/ abc' | open",
  },
  {
    name: 'a blank before a chunk extension',
    bytes:
      'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n3 ;a=b\r\nabc\r\n0\r\n\r\n',
    answer: "200 length 'POST g/ abc' | open",
    difference: {
      node: '400 | closed',
      why: 'RFC 9112 §7.1.1: BWS may stand before the semicolon',
    },
  },
  {
    name: 'a chunk extension that ends in a lone LF',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n3;a\nabc\r\n0\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'chunk sizes that end in a lone LF',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n',
    answer: '400 | closed',
  },
  {
    name: 'an empty chunk size',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n\r\nabc\r\n0\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a chunk size of "g"',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\ng\r\nabc\r\n0\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a chunk size of "0x3"',
    bytes:
      'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a chunk size of "+3"',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a chunk size of "-3"',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a chunk size of "3g"',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n3g\r\nabc\r\n0\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a chunk size of " 3"',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n 3\r\nabc\r\n0\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a chunk size of "3 "',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a chunk size of "003"',
    bytes:
      'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n003\r\nabc\r\n0\r\n\r\n',
    answer: "200 length 'POST g/ abc' | open",
  },
  {
    name: 'a chunk size of "000000000000000000003"',
    bytes:
      'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n000000000000000000003\r\nabc\r\n0\r\n\r\n',
    answer: "200 length 'POST g/ abc' | open",
  },
  {
    name: 'a chunk size of "ffffffffffffffff"',
    bytes:
      'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc\r\n0\r\n\r\n',
    answer: '400 | closed',
    difference: { node: 'open', why: 'such a chunk never ends, and adding to its size overflows' },
  },
  {
    name: 'a chunk size of "10000000000000003"',
    bytes:
      'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc\r\n0\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a chunk size of "3\\r"',
    bytes:
      'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n3\x0d\r\nabc\r\n0\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a chunk longer than its size',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a chunk that ends in a lone CR',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r0\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a chunk extension without end',
    bytes: `POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n3;${'a'.repeat(17000)}\r\nabc\r\n0\r\n\r\n`,
    answer: '413 | closed',
  },
  {
    name: 'trailers without end',
    bytes: `POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ${'a'.repeat(17000)}\r\n\r\n`,
    answer: '431 | closed',
  },
  {
    name: 'a trailer without a name',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n: b\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a trailer with a blank before its colon',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA : b\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'Transfer-Encoding identity, then chunked in one field',
    bytes:
      'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: identity, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    answer: '501 | closed',
    difference: {
      node: "200 length 'POST g/ abc' | open",
      why: 'RFC 9112 §6.1: 501 for a coding that is not understood',
    },
  },
]
