/** Methods, targets, versions, pipelining and trailers: requests that both servers get. */
import type { Exchange } from './exchange.ts'

export const MESSAGES: readonly Exchange[] = [
  {
    name: 'GET',
    bytes: 'GET /a?b=1 HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "200 length 'GET g/a?b=1 ' | open",
  },
  {
    name: 'HEAD',
    bytes: 'HEAD / HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "200 length '' | open",
  },
  {
    name: 'HEAD of a response that GET would have chunked',
    bytes: 'HEAD /stream HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "200 chunked '' | open",
    difference: {
      node: "200 unframed '' | open",
      why: 'RFC 9110 §9.3.2: the fields are those of GET; Node leaves out the one that frames',
    },
  },
  {
    name: 'HEAD of a stream, and a request after it',
    bytes: 'HEAD /stream HTTP/1.1\r\nHost: g\r\n\r\nGET /b HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "200 chunked '' | 200 length 'GET g/b ' | open",
    difference: {
      node: "200 unframed '' | 200 length 'GET g/b ' | open",
      why: 'RFC 9110 §9.3.2, as above',
    },
  },
  {
    name: 'HTTP/1.0 without keep-alive',
    bytes: 'GET / HTTP/1.0\r\n\r\n',
    answer: "200 length 'GET localhost/ ' | closed",
  },
  {
    name: 'HTTP/1.0 with keep-alive',
    bytes: 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
    answer: "200 length 'GET localhost/ ' | open",
  },
  {
    name: 'HTTP/1.0 with a stream',
    bytes: 'GET /stream HTTP/1.0\r\n\r\n',
    answer: "200 unframed 'onetwo' | closed",
  },
  {
    name: 'HTTP/1.0 keep-alive with a stream',
    bytes: 'GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
    answer: "200 unframed 'onetwo' | closed",
  },
  {
    name: 'HTTP/1.0 with Transfer-Encoding',
    bytes: 'POST / HTTP/1.0\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    answer: '400 | closed',
    difference: {
      node: "200 length 'POST g/ abc' | closed",
      why: 'RFC 9112 §6.1: faulty framing, may be an attempt at smuggling',
    },
  },
  {
    name: 'HTTP/1.2',
    bytes: 'GET / HTTP/1.2\r\nHost: g\r\n\r\n',
    answer: "200 length 'GET g/ ' | open",
    difference: {
      node: '400 | closed',
      why: 'RFC 9110 §2.5: a higher minor version is served as the highest known',
    },
  },
  {
    name: 'HTTP/2.0',
    bytes: 'GET / HTTP/2.0\r\nHost: g\r\n\r\n',
    answer: '505 | closed',
    difference: {
      node: "200 length 'GET g/ ' | closed",
      why: 'RFC 9110 §15.6.6: 505 for a major version that is not spoken',
    },
  },
  {
    name: 'HTTP/0.9',
    bytes: 'GET /\r\n\r\n',
    answer: '400 | closed',
    difference: {
      node: "200 length 'GET localhost/ ' | closed",
      why: 'RFC 9112 §3: the version is part of the request line',
    },
  },
  {
    name: 'three pipelined requests',
    bytes:
      'GET /1 HTTP/1.1\r\nHost: g\r\n\r\nPOST /2 HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\nabGET /3 HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "200 length 'GET g/1 ' | 200 length 'POST g/2 ab' | 200 length 'GET g/3 ' | open",
  },
  {
    name: 'a request behind one that closes',
    bytes:
      'GET /1 HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "200 length 'GET g/1 ' | closed",
    difference: {
      node: '400 | closed',
      why: 'RFC 9112 §9.6: what follows is ignored, and the request that was closed with has its answer',
    },
  },
  {
    name: 'a request behind one whose response closes',
    bytes: 'GET /closes HTTP/1.1\r\nHost: g\r\n\r\nGET /2 HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "200 length 'last' | closed",
  },
  {
    name: 'close among other connection options',
    bytes: 'GET / HTTP/1.1\r\nHost: g\r\nConnection: foo, Close\r\n\r\n',
    answer: "200 length 'GET g/ ' | closed",
  },
  {
    name: 'absolute form: the target counts, not Host',
    bytes: 'GET http://other:81/a?b HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "200 length 'GET other:81/a?b ' | open",
  },
  {
    name: 'absolute form without path',
    bytes: 'GET http://other HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "200 length 'GET other/ ' | open",
  },
  {
    name: 'absolute form of another scheme: https',
    bytes: 'GET https://other/ HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: '421 | closed',
    difference: {
      node: "200 length 'GET other/ ' | open",
      why: 'RFC 9110 §7.4: rejected without TLS',
    },
  },
  {
    name: 'OPTIONS *',
    bytes: 'OPTIONS * HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "200 length 'OPTIONS g/ ' | open",
  },
  {
    name: 'GET *',
    bytes: 'GET * HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: '400 | closed',
    difference: {
      node: "200 length 'GET g/ ' | open",
      why: 'RFC 9112 §3.2.4: the asterisk is for OPTIONS',
    },
  },
  {
    name: 'OPTIONS /',
    bytes: 'OPTIONS /a HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "200 length 'OPTIONS g/a ' | open",
  },
  {
    name: 'authority form',
    bytes: 'GET other:80 HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: '400 | closed',
  },
  {
    name: 'CONNECT',
    bytes: 'CONNECT other:80 HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: '501 | closed',
    difference: { node: 'closed', why: 'Node ends without a word' },
  },
  {
    name: 'TRACE',
    bytes: 'TRACE / HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: '501 | closed',
    difference: {
      node: "200 length 'TRACE g/ ' | open",
      why: 'it would show an attacker what a proxy has added (RFC 9110 §9.3.8)',
    },
  },
  {
    name: 'a method of RFC 2324',
    bytes: 'BREW / HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: '501 | closed',
    difference: {
      node: '400 | closed',
      why: 'RFC 9110 §15.6.2: 501 for a method that is not recognized',
    },
  },
  {
    name: 'method PATCH',
    bytes: 'PATCH / HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "200 length 'PATCH g/ ' | open",
  },
  {
    name: 'method DELETE',
    bytes: 'DELETE / HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "200 length 'DELETE g/ ' | open",
  },
  {
    name: 'a method of WebDAV',
    bytes: 'PROPFIND / HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: "200 length 'PROPFIND g/ ' | open",
  },
  {
    name: 'a method that is not registered',
    bytes: 'PURGE / HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: '501 | closed',
    difference: {
      node: "200 length 'PURGE g/ ' | open",
      why: 'not in the registry of RFC 9110 §16.1',
    },
  },
  {
    name: 'a method in lower case',
    bytes: 'get / HTTP/1.1\r\nHost: g\r\n\r\n',
    answer: '501 | closed',
    difference: {
      node: '400 | closed',
      why: 'RFC 9110 §9.1: methods are case-sensitive, this one is not known',
    },
  },
]
