/**
 * Invited, unwanted and absent content, and statuses that have none: requests that both servers
 * get.
 */
import type { Exchange } from './exchange.ts'

export const CONTENTS: readonly Exchange[] = [
  {
    name: 'Expect: 100-continue, no content yet',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n',
    answer: '100 | open',
  },
  {
    name: 'Expect with the content right behind',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc',
    answer: "200 length 'POST g/ abc' | open",
    difference: {
      node: "100 | 200 length 'POST g/ abc' | open",
      why: 'RFC 9110 §10.1.1: 100 may be left out when content has come',
    },
  },
  {
    name: 'Expect with empty content',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n',
    answer: "200 length 'POST g/ ' | open",
    difference: {
      node: "100 | 200 length 'POST g/ ' | open",
      why: 'RFC 9110 §10.1.1: there is nothing to invite',
    },
  },
  {
    name: 'Expect without content',
    bytes: 'GET / HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\n\r\n',
    answer: "200 length 'GET g/ ' | open",
    difference: {
      node: "100 | 200 length 'GET g/ ' | open",
      why: 'RFC 9110 §10.1.1: there is nothing to invite',
    },
  },
  {
    name: 'Expect to an app that streams the content back',
    bytes: 'POST /mirror HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n',
    answer: "100 | 200 chunked '\u2026' | open",
    difference: {
      node: '100 | open',
      why: 'the adapter reads before it writes; ours sends the head, the content is still to come',
    },
  },
  {
    name: 'Expect to an app that answers without reading',
    bytes: 'POST /unread HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n',
    answer: "200 length 'unread' | closed",
    difference: {
      node: "100 | 200 length 'unread' | open",
      why: '100 would invite content that the app does not want',
    },
  },
  {
    name: 'Expect in HTTP/1.0',
    bytes: 'POST / HTTP/1.0\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc',
    answer: "200 length 'POST g/ abc' | closed",
  },
  {
    name: 'another expectation',
    bytes: 'POST / HTTP/1.1\r\nHost: g\r\nExpect: else\r\nContent-Length: 3\r\n\r\nabc',
    answer: '417 | closed',
    difference: { node: '417 | open', why: 'what follows may be content or not' },
  },
  {
    name: 'Upgrade to websocket',
    bytes: 'GET /a HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    answer: "200 length 'GET g/a ' | open",
  },
  {
    name: 'Upgrade to h2c',
    bytes:
      'GET /a HTTP/1.1\r\nHost: g\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n',
    answer: "200 length 'GET g/a ' | open",
  },
  {
    name: 'the preface of HTTP/2',
    bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    answer: '505 | closed',
    difference: {
      node: '400 | closed',
      why: 'RFC 9110 §15.6.6: 505 for a major version that is not spoken',
    },
  },
  {
    name: '204, and a request after it',
    bytes: 'GET /no-content HTTP/1.1\r\nHost: g\r\n\r\nGET /b HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "204 unframed '' | 200 length 'GET g/b ' | open",
  },
  {
    name: '304, and a request after it',
    bytes: 'GET /not-modified HTTP/1.1\r\nHost: g\r\n\r\nGET /b HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "304 unframed '' | 200 length 'GET g/b ' | open",
  },
  {
    name: 'GET with content',
    bytes: 'GET /a HTTP/1.1\r\nHost: g\r\nContent-Length: 3\r\n\r\nabc',
    answer: "200 length 'GET g/a abc' | open",
  },
  {
    name: 'content that the app does not read, and a request after it',
    bytes:
      'POST /unread HTTP/1.1\r\nHost: g\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "200 length 'unread' | 200 length 'GET g/b ' | open",
  },
  {
    name: 'content streamed back',
    bytes: 'POST /mirror HTTP/1.1\r\nHost: g\r\nContent-Length: 3\r\n\r\nabc',
    answer: "200 chunked 'abc' | open",
  },
  {
    name: 'no content streamed back',
    bytes: 'POST /mirror HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "200 length '' | open",
  },
  {
    name: 'space in target',
    bytes: 'GET /a b HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'a fragment',
    bytes: 'GET /a#b HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "200 length 'GET g/a ' | open",
  },
  {
    name: 'dot segments',
    bytes: 'GET /a/../b/./c HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "200 length 'GET g/b/c ' | open",
  },
  {
    name: 'a path of two slashes',
    bytes: 'GET //evil/a HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "200 length 'GET g//evil/a ' | open",
  },
  {
    name: 'a backslash in the path',
    bytes: 'GET /a\\b HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "200 length 'GET g/a/b ' | open",
  },
  {
    name: 'a path without a slash',
    bytes: 'GET a HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'another expectation of a HEAD',
    bytes: 'HEAD / HTTP/1.1\r\nHost: g\r\nExpect: else\r\n\r\n',
    answer: '417 | closed',
    difference: { node: '417 | open', why: 'what follows may be content or not' },
  },
  {
    name: '205, and a request after it',
    bytes: 'GET /reset-content HTTP/1.1\r\nHost: g\r\n\r\nGET /b HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "205 length '' | 200 length 'GET g/b ' | open",
    difference: {
      node: "205 chunked '' | 200 length 'GET g/b ' | open",
      why: 'RFC 9110 §15.3.6: without content; both ways to say so are right',
    },
  },
  {
    name: '304 to HEAD',
    bytes: 'HEAD /not-modified HTTP/1.1\r\nHost: g\r\n\r\nGET /b HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "304 unframed '' | 200 length 'GET g/b ' | open",
  },
  {
    name: 'absolute form with an invalid Host',
    bytes: 'GET http://other/ HTTP/1.1\r\nHost: a b\r\n\r\n',
    answer: '400 | closed',
    difference: {
      node: "200 length 'GET other/ ' | open",
      why: 'RFC 9112 §3.2: 400 for an invalid Host, though the target counts',
    },
  },
  {
    name: 'absolute form of another scheme: ftp',
    bytes: 'GET ftp://other/ HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: '400 | closed',
    difference: {
      node: "200 length 'GET other/ ' | open",
      why: 'not a resource of an HTTP server',
    },
  },
  {
    name: 'absolute form with userinfo',
    bytes: 'GET http://u:p@other/ HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: '400 | closed',
    difference: {
      node: "200 length 'GET other/ ' | open",
      why: 'RFC 9110 §4.2.4: userinfo in a URI is treated as an error',
    },
  },
  {
    name: 'Expect with the content right behind, unread, and a request after it',
    bytes:
      'POST /unread HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "200 length 'unread' | 200 length 'GET g/b ' | open",
    difference: {
      node: "100 | 200 length 'unread' | 200 length 'GET g/b ' | open",
      why: 'RFC 9110 §10.1.1: 100 may be left out when content has come',
    },
  },
  {
    name: 'two pipelined Expects, the content of the second to come',
    bytes:
      'POST /1 HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabcPOST /2 HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n',
    answer: "200 length 'POST g/1 abc' | 100 | open",
    difference: {
      node: "100 | 200 length 'POST g/1 abc' | 100 | open",
      why: 'RFC 9110 §10.1.1: 100 may be left out when content has come',
    },
  },
  {
    name: 'Expect: 100-Continue of chunked content',
    bytes:
      'POST / HTTP/1.1\r\nHost: g\r\nExpect: 100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n',
    answer: '100 | open',
  },
  {
    name: 'Expect to an app that refuses with a stream',
    bytes: 'POST /refuses HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n',
    answer: '403 | closed',
    difference: {
      node: '100 | 403 | open',
      why: '100 would invite content that the app does not want',
    },
  },
  {
    name: 'HTTP/1.0 with keep-alive and close',
    bytes: 'GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n',
    answer: "200 length 'GET localhost/ ' | closed",
    difference: {
      node: "200 length 'GET localhost/ ' | open",
      why: 'RFC 9112 §9.3: close counts first',
    },
  },
  {
    name: 'half a request behind a whole one',
    bytes: 'GET /a HTTP/1.1\r\nHost: g\r\n\r\nGET /b HT',
    answer: "200 length 'GET g/a ' | open",
  },
  {
    name: 'the same with 100,000 bytes',
    bytes: `POST /unread HTTP/1.1\r\nHost: g\r\nContent-Length: 100000\r\n\r\n${'a'.repeat(100000)}GET /b HTTP/1.1\r\nHost: g\r\n\r\n`,
    answer: "200 length 'unread' | closed",
    difference: {
      node: "200 length 'unread' | 200 length 'GET g/b ' | open",
      why: 'what the app does not read is skipped up to 64 KiB only',
    },
  },
]
