/**
 * Apps that export fetch over a fake socket: requests, responses, failures, time limits,
 * back-pressure.
 */
import { describe, expect, it } from 'vitest'
import { ConnectionTable } from '../../../../../kernel/userland/http/connection-table.ts'
import { LEAST_BYTES_A_SECOND } from '../../../../../kernel/userland/http/pace.ts'
import { REQUESTS_A_TURN } from '../../../../../kernel/userland/http/requests-a-turn.ts'
import {
  CONTENT_TIMEOUT_MS,
  IDLE_TIMEOUT_MS,
  RESPONSE_TIMEOUT_MS,
} from '../../../../../kernel/userland/http/time-limits.ts'
import { DecompressionStream } from '../../../../../kernel/userland/web/decompression-stream.ts'
import {
  FetchConnection,
  HANDLER_TIMEOUT_MS,
} from '../../../../../kernel/userland/web/fetch-connection.ts'
import {
  FetchService,
  type Handler,
  readFetchApp,
} from '../../../../../kernel/userland/web/fetch-service.ts'
import { FormData } from '../../../../../kernel/userland/web/form-data.ts'
import { Request } from '../../../../../kernel/userland/web/request.ts'
import { Response } from '../../../../../kernel/userland/web/response.ts'
import {
  TextDecoderStream,
  TextEncoderStream,
} from '../../../../../kernel/userland/web/text-streams.ts'
import { headLengthNative } from '../../../../support/head-length-native.ts'
import { FakeTcpSocket } from '../services/fake-tcp-socket.ts'

const GET = 'GET / HTTP/1.1\r\nHost: guest\r\n\r\n'

/** Lets all promise jobs run. */
const settle = () => new Promise((resolve) => setImmediate(resolve))

function serve(handler: Handler, rangeLimit?: number, sendSpace?: number) {
  let nowMs = 0
  let timers: { dueMs: number; callback: () => void }[] = []
  const reports: string[] = []
  const clock = {
    nowMs: () => nowMs,
    after(delayMs: number, callback: () => void) {
      timers.push({ dueMs: nowMs + delayMs, callback })
    },
  }
  const service = new FetchService({
    handler,
    clock,
    decodeText: (bytes, offset, length) =>
      new TextDecoder().decode(bytes.subarray(offset, offset + length)),
    headLength: headLengthNative,
    report: (...values) => reports.push(values.join(' ')),
  })
  const connections: FetchConnection[] = []
  const table = new ConnectionTable(clock, (it) => {
    const connection = new FetchConnection(it, service)
    connections.push(connection)
    return connection
  })
  const socket = new FakeTcpSocket(rangeLimit, sendSpace)
  table.start(socket.asSocket())
  return {
    socket,
    reports,
    connection: () => connections[0]!,
    async send(text: string): Promise<string> {
      socket.arrive(text)
      table.onReadable(socket.asSocket())
      await settle()
      return socket.sent.toString('latin1')
    },
    async finish() {
      socket.isPeerFinished = true
      table.onPeerFinished(socket.asSocket())
      await settle()
    },
    async windDown() {
      table.onWindDown(socket.asSocket())
      await settle()
    },
    async leave() {
      socket.ending = 'aborted'
      table.onClose(socket.asSocket())
      await settle()
    },
    async makeRoom(): Promise<string> {
      const taken = socket.takeSent(nowMs).toString('latin1')
      table.onWritable(socket.asSocket())
      await settle()
      return taken
    },
    /** The peer takes a little. */
    take: (length: number) => socket.acknowledge(length, nowMs),
    async wait(delayMs: number) {
      const endMs = nowMs + delayMs
      await settle()
      for (;;) {
        const due = timers.filter(({ dueMs }) => dueMs <= endMs)
        const next = due.sort((one, other) => one.dueMs - other.dueMs)[0]
        if (next === undefined) break
        timers = timers.filter((timer) => timer !== next)
        nowMs = next.dueMs
        next.callback()
        await settle()
      }
      nowMs = endMs
    },
  }
}

const hello: Handler = () => new Response('hello')

async function* chunks(...pieces: (string | Uint8Array)[]) {
  yield* pieces
}

describe('a request', () => {
  it('reaches the app whole, however it is cut', async () => {
    const text =
      'POST /a/../b?c=%20 HTTP/1.1\r\nHost: Guest:8080\r\nX-One: 1\r\nx-one: 2\r\nTransfer-Encoding: chunked\r\n\r\n' +
      '3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: x\r\n\r\n'
    for (let cut = 1; cut < text.length; cut++) {
      const seen: unknown[] = []
      const { send } = serve(async (request) => {
        const { method, url, headers } = request
        seen.push(method, url, headers.get('x-one'), await request.text())
        return new Response(null)
      })
      await send(text.slice(0, cut))
      expect(await send(text.slice(cut)), `cut at ${cut}`).toContain('HTTP/1.1 200 OK')
      expect(seen).toEqual(['POST', 'http://guest:8080/b?c=%20', '1, 2', 'abcde'])
    }
  })

  it('in absolute form has the URL and the Host of its target (RFC 9112 §3.2.2)', async () => {
    const urls: string[] = []
    const { send } = serve((request) => {
      urls.push(request.url, request.headers.get('host')!)
      return new Response(null)
    })
    await send('GET http://other/x?y HTTP/1.1\r\nHost: guest\r\n\r\n')
    await send('OPTIONS * HTTP/1.1\r\nHost: guest\r\n\r\n')
    expect(urls).toEqual(['http://other/x?y', 'other', 'http://guest/', 'guest'])
  })

  it('has octets beyond ASCII in its fields as one character each', async () => {
    let value: string | null = ''
    const { send } = serve((request) => {
      value = request.headers.get('x')
      return new Response(null, { headers: { x: value! } })
    })
    const answer = await send('GET / HTTP/1.1\r\nHost: guest\r\nX: \xfc\xff\r\n\r\n')
    expect(value).toBe('\xfc\xff')
    expect(answer).toContain('x: \xfc\xff\r\n')
  })

  it('of GET with content, which means nothing (RFC 9110 §9.3.1), is cloned like any other', async () => {
    const { send, reports } = serve(async (request) => {
      const copy = request.clone()
      return new Response(`${copy.method} ${await copy.text()} ${await request.text()}`)
    })
    const got = await send('GET / HTTP/1.1\r\nHost: guest\r\nContent-Length: 2\r\n\r\nhi')
    expect(got).toContain('\r\n\r\nGET hi hi')
    const none = await send('GET / HTTP/1.1\r\nHost: guest\r\nContent-Length: 0\r\n\r\n')
    expect([none.includes('\r\n\r\nGET  '), reports]).toEqual([true, []])
  })

  it('with Expect gets 100 only once the app reads its content (RFC 9110 §10.1.1)', async () => {
    const head =
      'PUT / HTTP/1.1\r\nHost: guest\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n'
    const reader = serve(async (request) => new Response(await request.text()))
    expect(await reader.send(head)).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    expect(await reader.send('ok')).toMatch(/200 OK[\s\S]*\r\n\r\nok$/)
    const refuser = serve(() => new Response('no', { status: 403 }))
    expect(await refuser.send(head)).toMatch(/^HTTP\/1\.1 403 [\s\S]*connection: close/)
    expect(refuser.socket.ending).toBe('half-closed')
  })

  it('is held back until the app asks for more', async () => {
    const pieces: number[] = []
    let next = () => {}
    const { send, socket } = serve(async (request) => {
      for await (const piece of request.body!) {
        pieces.push(piece.length)
        await new Promise<void>((resolve) => {
          next = resolve
        })
      }
      return new Response('done')
    }, 10)
    await send(`POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 30\r\n\r\n${'x'.repeat(30)}`)
    expect([pieces, socket.receivedLength]).toEqual([[10], 20])
    next()
    await settle()
    expect([pieces, socket.receivedLength]).toEqual([[10, 10], 10])
  })
})

describe('a request read as a stream', () => {
  const chunked = (...pieces: string[]) =>
    `POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n${pieces
      .map((it) => `${it.length.toString(16)}\r\n${it}\r\n`)
      .join('')}0\r\n\r\n`

  it('gives its pieces to a reader, and what is made of them to the next one', async () => {
    const { send } = serve(async (request) => {
      const reader = request.body!.getReader()
      const pieces: string[] = []
      for (let it = await reader.read(); !it.done; it = await reader.read()) {
        pieces.push(Buffer.from(it.value).toString())
      }
      const next = new Request(request, { body: pieces.join('-') })
      return new Response(`${request.bodyUsed} ${await next.text()}`)
    })
    expect(await send(chunked('ab', 'cde'))).toMatch(/true ab-cde$/)
  })

  it('takes nothing from the peer before the reader asks', async () => {
    const { send, socket } = serve(async (request) => {
      const { body } = request
      const reader = body!.getReader()
      await settle()
      const before = socket.receivedLength
      await reader.read()
      await reader.cancel()
      return new Response(`${before} ${socket.receivedLength}`)
    })
    expect(await send('POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 3\r\n\r\nabc')).toMatch(/3 0$/)
  })

  it('passes a whole body on with its length, and a stream without a copy of it', async () => {
    const seen: unknown[] = []
    const whole = serve(() => new Response(new Response('hello').body))
    expect(await whole.send(GET)).toMatch(/content-length: 5\r\n\r\nhello$/)
    const mirror = serve((request) => {
      const response = new Response(request.body)
      seen.push(response.body === request.body)
      return response
    })
    expect(await mirror.send(chunked('ab', 'c'))).toMatch(/\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n$/)
    expect(seen).toEqual([true])
  })

  it('that is malformed or cut off fails the read, and is answered for', async () => {
    const read = serve(async (request) => {
      const reader = request.body!.getReader()
      for (;;) if ((await reader.read()).done) return new Response('whole')
    })
    expect(await read.send(`${chunked('ab').slice(0, -5)}nope\r\n`)).toMatch(/^HTTP\/1\.1 400 /)
    expect(read.reports).toEqual([])
  })

  it('of a peer that leaves ends quietly, whoever waits for what', async () => {
    const unwatched: Promise<unknown>[] = []
    const log = (it: Promise<unknown>) => void unwatched.push(it)
    const never = new Promise<Response>(() => {})
    // A rejection that nobody handles fails the test, as it would end the guest.
    for (const handler of [
      (request: Request) => {
        log(request.body!.getReader().read())
        return never
      },
      (request: Request) => {
        log(request.body!.getReader({ mode: 'byob' }).read(new Uint8Array(9)))
        return never
      },
      (request: Request) => {
        log(request.body!.pipeTo(new WritableStream() as never))
        return never
      },
      (request: Request) =>
        new Response(request.body!.pipeThrough(new DecompressionStream('gzip'))),
      (request: Request) => {
        const [one, two] = request.body!.tee()
        void one
        return new Response(
          two.pipeThrough(new TextDecoderStream()).pipeThrough(new TextEncoderStream()),
        )
      },
      (request: Request) => {
        log(request.formData())
        return never
      },
    ] as Handler[]) {
      const { send, leave, reports } = serve(handler)
      await send('POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n')
      await leave()
      await settle()
      expect(reports).toEqual([])
    }
    expect((await Promise.allSettled(unwatched)).map((it) => it.status)).toEqual(
      Array(4).fill('rejected'),
    )
  })

  it('sends a form that the app has made with its length', async () => {
    const { send } = serve(() => {
      const form = new FormData()
      form.append('a', 'b')
      return new Response(form)
    })
    const [head, content] = (await send(GET)).split(/\r\n\r\n([\s\S]*)/)
    expect(head).toContain('content-type: multipart/form-data; boundary=----EremiteFormBoundary')
    expect(head).toContain(`content-length: ${content!.length}`)
  })
})

describe('a response', () => {
  it.each([
    ['text', () => new Response('hi'), 'content-length: 2\r\n\r\nhi'],
    ['nothing', () => new Response(), 'content-length: 0\r\n\r\n'],
    ['204', () => new Response(null, { status: 204 }), ' GMT\r\n\r\n'],
    ['pieces', () => new Response(chunks('a', '', 'bc')), '\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n'],
    [
      'pieces of a length it knows',
      () => new Response(chunks('a', 'bc'), { headers: { 'content-length': '3' } }),
      'content-length: 3\r\n\r\nabc',
    ],
  ] as [string, () => Response, string][])('of %s is framed', async (_name, make, end) => {
    const { send } = serve(make)
    const answer = await send(GET)
    expect(answer.endsWith(end), answer).toBe(true)
    expect(answer.match(/content-length|transfer-encoding/g)?.length ?? 0).toBe(
      end.includes('GMT') ? 0 : 1,
    )
    expect(answer).not.toContain('connection')
  })

  it('to HEAD has the head only, and the stream is told', async () => {
    let isReleased = false
    async function* stream() {
      try {
        yield 'x'
      } finally {
        isReleased = true
      }
    }
    const iterator = stream()
    const release = iterator.return.bind(iterator)
    iterator.return = (value) => {
      isReleased = true
      return release(value)
    }
    const { send, socket } = serve(
      (request) => new Response(request.url.endsWith('s') ? iterator : 'hi'),
    )
    const whole = await send('HEAD / HTTP/1.1\r\nHost: g\r\n\r\n')
    expect(whole).toMatch(/content-length: 2\r\n\r\n$/)
    socket.takeSent()
    expect(await send('HEAD /s HTTP/1.1\r\nHost: g\r\n\r\n')).toMatch(/chunked\r\n\r\n$/)
    expect(isReleased).toBe(true)
  })

  it('to HTTP/1.0 is never chunked and ends the connection unless asked otherwise', async () => {
    const streaming = serve(() => new Response(chunks('a', 'b')))
    const answer = await streaming.send('GET / HTTP/1.0\r\n\r\n')
    expect(answer).toMatch(/connection: close\r\n\r\nab$/)
    expect(streaming.socket.ending).toBe('half-closed')
    const alive = serve(hello)
    expect(await alive.send('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')).toContain(
      'connection: keep-alive',
    )
    expect(alive.socket.ending).toBe('open')
  })

  it('is made as fast as the peer takes it', async () => {
    let made = 0
    async function* endless() {
      for (;;) {
        made++
        yield new Uint8Array(1000)
      }
    }
    const { send, makeRoom, leave } = serve(() => new Response(endless()), undefined, 2500)
    await send(GET)
    const before = made
    expect(before).toBeLessThanOrEqual(3)
    await settle()
    expect(made).toBe(before)
    await makeRoom()
    expect(made).toBeGreaterThan(before)
    await leave()
    const last = made
    await settle()
    expect(made).toBe(last)
  })

  it.each([
    ['more', chunks('abcd')],
    ['less', chunks('ab')],
  ])('of %s than its content-length breaks the connection', async (_name, stream) => {
    const { send, socket, reports } = serve(
      () => new Response(stream, { headers: { 'content-length': '3' } }),
    )
    await send(GET)
    expect(socket.ending).toBe('aborted')
    expect(reports).toHaveLength(1)
  })

  it('may close, but cannot smuggle fields of the connection', async () => {
    const headers = { connection: 'close', 'transfer-encoding': 'gzip', 'keep-alive': '5' }
    const { send, socket } = serve(() => new Response('x', { headers }))
    const answer = await send(GET)
    expect(answer).not.toMatch(/gzip|keep-alive/)
    expect([answer.match(/connection: close/g)?.length, socket.ending]).toEqual([1, 'half-closed'])
  })
})

describe('a connection', () => {
  it('answers pipelined requests one at a time and in order', async () => {
    let running = 0
    const { send } = serve(async (request) => {
      expect(++running).toBe(1)
      await settle()
      running--
      return new Response(request.url.slice(-1))
    })
    await send('GET /1 HTTP/1.1\r\nHost: g\r\n\r\nGET /2 HTTP/1.1\r\nHost: g\r\n\r\n')
    await settle()
    await settle()
    const answer = await send('')
    expect([...answer.matchAll(/\r\n\r\n(\d)/g)].map((match) => match[1])).toEqual(['1', '2'])
  })

  it('answers so many of a thousand in one go that others have their turn between', async () => {
    let asked = 0
    const served = serve(() => new Response(`${++asked}`))
    await served.send(GET.repeat(40))
    expect(asked).toBe(REQUESTS_A_TURN)
    // Not sooner for what comes meanwhile.
    await served.send(GET)
    expect(asked).toBe(REQUESTS_A_TURN)
    await served.wait(1)
    const answers = [...(await served.send('')).matchAll(/\r\n\r\n(\d+)/g)]
    expect(answers.map((match) => Number(match[1]))).toEqual(
      Array.from({ length: 41 }, (_, index) => index + 1),
    )
  })

  it('that is reset meanwhile is asked for no more', async () => {
    let asked = 0
    const served = serve(() => new Response(`${++asked}`))
    await served.send(GET.repeat(40))
    await served.leave()
    await served.wait(1)
    expect(asked).toBe(REQUESTS_A_TURN)
  })

  it('skips content that the app left, and ends when that is too much', async () => {
    const { send, socket } = serve(hello)
    await send('POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\n\r\nGET /')
    expect((await send(GET)).match(/200 OK/g)).toHaveLength(2)
    await send(`POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 70000\r\n\r\n${'x'.repeat(69_000)}`)
    expect(socket.ending).toBe('half-closed')
  })

  // RFC 9112 §9.6: who will close says so, for a client sends its next request on a connection that
  // it was promised.
  it.each([
    ['Content-Length: 70000\r\n\r\n', 'close'],
    ['Content-Length: 70000\r\nExpect: 100-continue\r\n\r\n', 'close'],
    ['Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', 'close'],
    ['Content-Length: 5000\r\n\r\n', undefined],
    ['Content-Length: 0\r\n\r\n', undefined],
  ])('whose request has %j left says in its answer how it goes on: %s', async (rest, field) => {
    const { send, socket } = serve(hello)
    const answer = await send(`POST / HTTP/1.1\r\nHost: g\r\n${rest}`)
    expect(/^connection: (.*)\r$/m.exec(answer)?.[1]).toBe(field)
    expect(socket.ending).toBe(field === 'close' ? 'half-closed' : 'open')
  })

  it('ends after content that the app left when it is mostly lines of chunks', async () => {
    const skipped = async (extensionBytes: number) => {
      const { send, socket } = serve(() => new Response(chunks('hello')))
      const chunk = `1;${'x'.repeat(extensionBytes)}\r\na\r\n`
      const head = 'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n'
      await send(`${head}${chunk.repeat(400)}0\r\n\r\n`)
      return socket.ending
    }
    expect([await skipped(1), await skipped(200)]).toEqual(['open', 'half-closed'])
  })

  it('goes on after content of any length that a stream was made of', async () => {
    const { send, socket } = serve((request) => new Response(request.body))
    await send('POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 70000\r\n\r\n')
    await send('x'.repeat(70_000))
    expect(await send(GET)).toMatch(/\r\n0\r\n\r\nHTTP\/1\.1 200 OK/)
    expect(socket.ending).toBe('open')
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('broken')
      },
      /GET \/ failed: Error: broken/,
    ],
    ['rejects', () => Promise.reject(new Error('broken')), /GET \/ failed: Error: broken/],
    ['gives no Response', () => 'text', /instead of a Response/],
    ['gives undefined', async () => undefined, /undefined instead of a Response/],
    [
      'gives one that was read',
      async () => {
        const r = new Response('x')
        await r.text()
        return r
      },
      /read already/,
    ],
  ] as [string, () => never, RegExp][])(
    'of an app that %s answers 500 and goes on',
    async (_name, handler, line) => {
      const { send, socket, reports } = serve(handler)
      expect(await send(GET)).toMatch(/^HTTP\/1\.1 500 Internal Server Error\r\n/)
      expect(reports).toHaveLength(1)
      expect(reports[0]).toMatch(line)
      expect(socket.ending).toBe('open')
      expect((await send(GET)).match(/ 500 /g)).toHaveLength(2)
    },
  )

  it('that is left rejects the read that waits, aborts the signal and logs nothing', async () => {
    let failure: unknown
    let request: Request | undefined
    const { send, leave, reports } = serve(async (it) => {
      request = it
      expect(it.signal.aborted).toBe(false)
      await it.text().catch((error) => {
        failure = error
        throw error
      })
      return new Response()
    })
    await send('POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\n\r\nab')
    await leave()
    expect(failure).toBeInstanceOf(Error)
    expect(request!.signal.aborted).toBe(true)
    expect(reports).toEqual([])
  })

  it.each([
    ['cut off', 'Content-Length: 5\r\n\r\nab', 400],
    ['malformed', 'Transfer-Encoding: chunked\r\n\r\nx\r\n', 400],
  ])('with %s content is answered %s and ends', async (_name, rest, status) => {
    const { send, finish, socket, reports } = serve(async (it) => new Response(await it.text()))
    await send(`POST / HTTP/1.1\r\nHost: g\r\n${rest}`)
    await finish()
    expect(socket.sent.toString()).toMatch(
      new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*connection: close`),
    )
    expect(reports).toEqual([])
  })
})

describe('an attempt at request smuggling', () => {
  const rest = 'GET /smuggled HTTP/1.1\r\nHost: g\r\n\r\n'
  it.each([
    // RFC 9112 §6.1: "Transfer-Encoding and Content-Length […] ought to be handled as an error".
    ['both lengths', 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
    // §6.3: differing or repeated Content-Length is unrecoverable.
    ['two lengths', 'Content-Length: 0\r\nContent-Length: 5\r\n\r\n', 400],
    ['one length twice', 'Content-Length: 0, 0\r\n\r\n', 400],
    ['a signed length', 'Content-Length: +0\r\n\r\n', 400],
    ['a length beyond 2^53', 'Content-Length: 99999999999999999999\r\n\r\n', 413],
    // §5.1: "no whitespace is allowed between the field name and colon".
    ['a blank before the colon', 'Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n', 400],
    // §5.2: obs-fold is refused.
    ['a folded field', 'Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n', 400],
    // §2.2: a bare CR is invalid.
    ['a bare CR', 'X: a\rTransfer-Encoding: chunked\r\n\r\n', 400],
    ['a hidden coding', 'Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n', 400],
    ['another coding', 'Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n', 501],
    ['chunked twice', 'Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n', 400],
    // §7.1: a chunk size that overflows must not wrap.
    ['an overflowing chunk', 'Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n', 400],
    ['a bare LF after a chunk size', 'Transfer-Encoding: chunked\r\n\r\n0\n\n', 400],
  ])('by %s is answered once, and the connection ends', async (_name, fields, status) => {
    const paths: string[] = []
    const { send, socket } = serve(async (request) => {
      paths.push(new URL(request.url).pathname)
      return new Response(await request.text())
    })
    const answer = await send(`POST / HTTP/1.1\r\nHost: g\r\n${fields}${rest}`)
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1)
    expect(answer).toContain(`HTTP/1.1 ${status} `)
    expect(paths).not.toContain('/smuggled')
    expect(socket.ending).toBe('half-closed')
  })
})

describe('time limits', () => {
  it('end an idle connection silently', async () => {
    const { wait, socket } = serve(hello)
    await wait(IDLE_TIMEOUT_MS)
    expect([socket.ending, socket.sent.length]).toEqual(['closed', 0])
  })

  it('tell whom a peer that has asked for nothing keeps out, and since when', async () => {
    const { socket, send, connection } = serve(hello)
    expect(connection().unaskedSinceMs).toBe(0)
    await send('G')
    expect(connection().unaskedSinceMs).toBe(Number.POSITIVE_INFINITY)
    await send(GET.slice(1))
    expect(socket.sent.toString()).toContain('200 OK')
    expect(connection().unaskedSinceMs).toBe(Number.POSITIVE_INFINITY)
  })

  it('answer 408 to content that does not come', async () => {
    const { send, wait, socket } = serve(async (it) => new Response(await it.text()))
    await send('POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\n\r\nab')
    await wait(CONTENT_TIMEOUT_MS)
    expect(socket.sent.toString()).toMatch(/^HTTP\/1\.1 408 /)
  })

  it.each([
    ['each of which the app waits for', 'Content-Length: 200\r\n\r\n'],
    ['of the line of a chunk', 'Transfer-Encoding: chunked\r\n\r\n1;'],
  ])('answer 408 to content that comes in drops %s', async (_name, rest) => {
    const { send, wait, socket } = serve(async (it) => new Response(await it.text()))
    await send(`POST / HTTP/1.1\r\nHost: g\r\n${rest}`)
    for (let second = 0; second < CONTENT_TIMEOUT_MS / 1000 + 6; second++) {
      await wait(1000)
      await send('x')
    }
    expect(socket.sent.toString()).toMatch(/^HTTP\/1\.1 408 /)
  })

  it('leave content its time that keeps the least pace, and do not count what the app takes', async () => {
    const waiting: (() => void)[] = []
    const { send, wait, socket } = serve(async (request) => {
      let length = 0
      for await (const piece of request.body!) {
        length += piece.length
        await new Promise<void>((resolve) => waiting.push(resolve))
      }
      return new Response(`${length}`)
    })
    await send('POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 24000\r\n\r\n')
    for (let count = 0; count < 100; count++) {
      await wait(1000)
      await send('x'.repeat(LEAST_BYTES_A_SECOND))
      // In which content need not come.
      await wait(10_000)
      waiting.shift()!()
      await settle()
    }
    expect(socket.sent.toString()).toMatch(/24000$/)
  })

  it('answer for content that does not come also to an app that streams meanwhile', async () => {
    const { send, wait, makeRoom, socket } = serve(
      (request) => {
        const read = request.text()
        return new Response(
          (async function* () {
            yield 'x'.repeat(2000)
            yield await read
          })(),
        )
      },
      undefined,
      1000,
    )
    await send('POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\n\r\nab')
    for (let turn = 0; turn < 5; turn++) await makeRoom()
    await wait(CONTENT_TIMEOUT_MS)
    expect(socket.ending).toBe('aborted')
  })

  it('answer 503 for an app that does not, and take no answer later', async () => {
    let answer = (_response: Response) => {}
    const { send, wait, socket, reports } = serve(
      () =>
        new Promise((resolve) => {
          answer = resolve
        }),
    )
    await send(GET)
    await wait(HANDLER_TIMEOUT_MS)
    answer(new Response('late'))
    await settle()
    expect(socket.sent.toString()).toMatch(/^HTTP\/1\.1 503 [\s\S]*503 Service Unavailable\n$/)
    expect(reports).toHaveLength(1)
  })

  it.each([
    [
      'somebody reads already',
      () => {
        const response = new Response(controlledStream().stream)
        response.body!.getReader()
        return response
      },
    ],
    [
      'cannot be opened',
      () => {
        const open = () => {
          throw new Error('not opened')
        }
        return new Response({ [Symbol.asyncIterator]: open })
      },
    ],
  ])('leave a late response whose stream %s where it is', async (_name, makeResponse) => {
    let answer = (_response: Response) => {}
    const { send, leave } = serve(
      () =>
        new Promise((resolve) => {
          answer = resolve
        }),
    )
    const rejections: unknown[] = []
    const note = (reason: unknown) => rejections.push(reason)
    process.on('unhandledRejection', note)
    try {
      await send(GET)
      await leave()
      answer(makeResponse())
      await settle()
    } finally {
      process.off('unhandledRejection', note)
    }
    // Who rejects without being heard ends the guest.
    expect(rejections).toEqual([])
  })

  it('abort a peer that takes nothing, but leave a slow stream alone', async () => {
    const stuck = serve(() => new Response('x'.repeat(100_000)), undefined, 1000)
    await stuck.send(GET)
    await stuck.wait(RESPONSE_TIMEOUT_MS)
    expect(stuck.socket.ending).toBe('aborted')
    // Nor does it help to send instead of taking.
    const busy = serve(() => new Response('x'.repeat(100_000)), undefined, 1000)
    await busy.send(GET)
    await busy.wait(RESPONSE_TIMEOUT_MS - 1)
    await busy.send(GET)
    await busy.wait(1)
    expect(busy.socket.ending).toBe('aborted')
    async function* slow() {
      yield 'x'
      await new Promise(() => {})
    }
    const stream = serve(() => new Response(slow()))
    await stream.send(GET)
    await stream.wait(10 * RESPONSE_TIMEOUT_MS)
    expect(stream.socket.ending).toBe('open')
  })
})

describe('the end of the guest', () => {
  it('closes a connection between requests, and nothing is sent', async () => {
    const { send, socket, windDown } = serve(hello)
    await send(GET)
    socket.takeSent()
    await windDown()
    expect(socket.ending).toBe('closed')
    expect(socket.sent.length).toBe(0)
  })

  it('waits for the app, answers with Connection: close, and ends (RFC 9112 §9.6)', async () => {
    let answer!: (response: Response) => void
    const { send, socket, windDown } = serve(() => new Promise((resolve) => (answer = resolve)))
    await send(GET + GET)
    await windDown()
    expect(socket.ending).toBe('open')
    answer(new Response('in time'))
    await settle()
    const sent = socket.takeSent().toString('latin1')
    expect(sent).toMatch(/^HTTP\/1\.1 200 [\s\S]*connection: close\r\n[\s\S]*in time$/i)
    expect(socket.ending).toBe('half-closed')
  })

  it('lets a stream that was begun come to its end, and the connection with it', async () => {
    let goOn!: () => void
    const pause = new Promise<void>((resolve) => (goOn = resolve))
    async function* slow() {
      yield 'first '
      await pause
      yield 'last'
    }
    const { send, socket, windDown } = serve(() => new Response(slow()))
    expect(await send(GET)).toMatch(/first/)
    await windDown()
    expect(socket.ending).toBe('open')
    goOn()
    await settle()
    expect(socket.sent.toString('latin1')).toMatch(/last\r\n0\r\n\r\n$/)
    expect(socket.ending).toBe('half-closed')
  })

  it('answers a request that is on its way', async () => {
    const { send, socket, windDown } = serve(hello)
    await send(GET.slice(0, 9))
    await windDown()
    expect(await send(GET.slice(9))).toMatch(/connection: close\r\n[\s\S]*hello$/i)
    expect(socket.ending).toBe('half-closed')
  })

  it('does not wait for content that the app has left', async () => {
    const { send, socket, windDown } = serve(hello)
    await send('POST / HTTP/1.1\r\nHost: guest\r\nContent-Length: 100\r\n\r\nbegin')
    await windDown()
    expect(socket.ending).toBe('half-closed')
  })
})

describe('a peer that takes little at a time', () => {
  it('has all the time it needs at the least pace, and 60 s from the last that it took (RFC 9112 §9.5)', async () => {
    const { send, wait, take, socket } = serve(
      () => new Response('x'.repeat(100_000)),
      undefined,
      50_000,
    )
    await send(GET)
    // Half of the send buffer, when the service is told of room, is far away.
    for (let minute = 0; minute < 10; minute++) {
      await wait(RESPONSE_TIMEOUT_MS - 1000)
      take(61 * LEAST_BYTES_A_SECOND)
    }
    expect(socket.ending).toBe('open')
    await wait(RESPONSE_TIMEOUT_MS - 1000)
    expect(socket.ending).toBe('open')
    await wait(2000)
    expect(socket.ending).toBe('aborted')
  })

  it.each([
    ['does not take its answer', undefined],
    ['asks for more meanwhile, which does not renew the limit', GET],
  ])('is aborted below that pace when it %s', async (_name, more) => {
    const { send, wait, take, socket } = serve(
      () => new Response('x'.repeat(100_000)),
      undefined,
      50_000,
    )
    await send(GET)
    for (let second = 0; second < 120; second++) {
      await wait(1000)
      take(LEAST_BYTES_A_SECOND / 3)
      // As much room, which the writer fills when it is called.
      socket.sendSpace += LEAST_BYTES_A_SECOND / 3
      if (more !== undefined) await send(more)
    }
    expect(socket.ending).toBe('aborted')
  })

  it('and asks for a small answer after another has no new limit with each', async () => {
    const { send, wait, take, socket } = serve(hello, undefined, 200)
    await send(GET.repeat(1000))
    for (let second = 0; second < 120; second++) {
      await wait(1000)
      take(50)
      socket.sendSpace += 50
      await send('')
    }
    expect(socket.ending).toBe('aborted')
  })

  it('is not cut off when nobody wants the content that it sends at the least pace', async () => {
    const { send, wait, socket } = serve(hello)
    await send('POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 24000\r\n\r\n')
    for (let count = 0; count < 100; count++) {
      await wait(1000)
      await send('x'.repeat(LEAST_BYTES_A_SECOND))
    }
    expect((await send(GET)).match(/200 OK/g)).toHaveLength(2)
    expect(socket.ending).toBe('open')
  })

  it('is cut off when it sends such content by drops', async () => {
    const { send, wait, socket } = serve(hello)
    await send('POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 1000\r\n\r\n')
    for (let count = 0; count < 60; count++) {
      await wait(1000)
      await send('x')
    }
    expect(socket.ending).toBe('closed')
  })
})

/** A stream whose next piece comes when told; says when it is canceled and why. */
function controlledStream() {
  let controller!: ReadableStreamDefaultController<Uint8Array>
  const canceled: unknown[] = []
  const stream = new ReadableStream<Uint8Array>({
    start(it) {
      controller = it
    },
    cancel(reason) {
      canceled.push(reason)
    },
  })
  const push = (text: string) => controller.enqueue(Buffer.from(text))
  return { stream: stream as never, canceled, push, end: () => controller.close() }
}

describe('a connection while others wait for room', () => {
  it('ends with its answer, which says so (RFC 9112 §9.6), but not before all that it has asked', async () => {
    const { send, socket } = serve(hello)
    await send(GET)
    socket.waitingBehind = 1
    const answers = (await send(GET + GET)).split('HTTP/1.1 200 OK')
    expect(answers.map((text) => /connection: close/.test(text))).toEqual([
      false,
      false,
      false,
      true,
    ])
    expect(socket.ending).toBe('half-closed')
  })
})

describe('a streamed response to a peer that goes away', () => {
  async function stream(version = '1.1') {
    const made = controlledStream()
    const signals: AbortSignal[] = []
    const served = serve((request) => {
      signals.push(request.signal as never)
      return new Response(made.stream)
    })
    await served.send(`GET / HTTP/${version}\r\nHost: g\r\n\r\n`)
    made.push('tick')
    await settle()
    return { ...served, ...made, signal: signals[0]! }
  }

  it('that stays has its stream for as long as it takes what comes, however seldom that is', async () => {
    const { wait, push, canceled, socket } = await stream()
    for (let hour = 0; hour < 3; hour++) {
      for (let minute = 0; minute < 60; minute++) await wait(60_000)
      push(`hour ${hour}`)
      await wait(0)
      expect(socket.sent.toString()).toContain(`hour ${hour}`)
    }
    expect([canceled, socket.ending]).toEqual([[], 'open'])
  })

  it('by a reset is canceled at once, though the next piece is not there', async () => {
    const { leave, canceled, signal, reports } = await stream()
    await leave()
    expect(canceled).toEqual([signal.reason])
    expect(signal.reason).toMatchObject({ name: 'AbortError' })
    expect(reports).toEqual([])
  })

  it.each(['1.0', '1.1'])('by FIN is canceled within a second (HTTP/%s)', async (version) => {
    const { finish, wait, push, canceled, signal, socket, reports } = await stream(version)
    await finish()
    // A stream that goes on is no reason to wait for longer: it has no end in sight.
    for (let turn = 0; turn < 9; turn++) {
      if (canceled.length === 0) push('tick')
      await wait(100)
    }
    expect(canceled).toEqual([signal.reason])
    expect([signal.aborted, socket.ending, reports]).toEqual([true, 'aborted', []])
  })

  it('by FIN before the response has begun is canceled too', async () => {
    const { stream: body, canceled } = controlledStream()
    const { send, finish, wait } = serve(async () => {
      await settle()
      await settle()
      return new Response(body)
    })
    const sending = send(GET)
    await finish()
    await sending
    await settle()
    await settle()
    await wait(900)
    expect(canceled).toHaveLength(1)
  })

  it('by a reset ends a generator that has made its piece', async () => {
    let isReleased = false
    let next = () => {}
    const { send, leave } = serve(
      () =>
        new Response(
          (async function* () {
            try {
              for (;;) {
                yield 'x'
                await new Promise<void>((resolve) => {
                  next = resolve
                })
              }
            } finally {
              isReleased = true
            }
          })(),
        ),
    )
    await send(GET)
    await leave()
    next()
    await settle()
    expect(isReleased).toBe(true)
  })

  it('reports nothing of a stream that fails because it was canceled', async () => {
    const signals: AbortSignal[] = []
    const { send, leave, reports } = serve((request) => {
      signals.push(request.signal as never)
      const body = {
        [Symbol.asyncIterator]: () => ({
          next: () =>
            new Promise<IteratorResult<string>>((_resolve, reject) => {
              request.signal.addEventListener('abort', () => reject(new Error('upstream broke')))
            }),
          return: () => Promise.reject(new Error('nothing to return')),
        }),
      }
      return new Response(body)
    })
    await send(GET)
    await leave()
    expect(signals[0]!.aborted).toBe(true)
    expect(reports).toEqual([])
  })
})

describe('a peer that only closes its side (shutdown, nc -N)', () => {
  it.each([
    ['whole', () => new Response('x'.repeat(100_000))],
    [
      'of a length that is announced',
      () => new Response(slowly(100), { headers: { 'content-length': '1000' } }),
    ],
    ['a stream that ends', () => new Response(chunks('x'.repeat(900), 'x'.repeat(100)))],
    ['a stream that it takes slowly', () => new Response(chunks('x'.repeat(90_000)))],
    ['late', async () => settle().then(() => new Response('x'.repeat(1000)))],
  ] as [string, Handler][])('gets all of a response: %s', async (_name, handler) => {
    const { send, finish, makeRoom, wait, socket } = serve(handler, undefined, 2000)
    await send(GET)
    await finish()
    let text = ''
    for (let turn = 0; turn < 100 && socket.ending === 'open'; turn++) {
      await wait(900)
      text += await makeRoom()
    }
    text += socket.takeSent().toString('latin1')
    expect(text.match(/x/g)!.length).toBeGreaterThanOrEqual(1000)
    expect(socket.ending).toBe('closed')
    if (text.includes('chunked')) expect(text).toMatch(/\r\n0\r\n\r\n$/)
  })

  /** 1000 octets. */
  async function* slowly(count: number) {
    for (let at = 0; at < count; at++) {
      await settle()
      yield 'x'.repeat(1000 / count)
    }
  }
})

describe('the default export of an app', () => {
  it('needs fetch, and a port when it names one', () => {
    expect(readFetchApp({ fetch: hello }).port).toBe(80)
    expect(readFetchApp({ fetch: hello, port: 8080 }).port).toBe(8080)
    const router = new Proxy(
      { fetch: hello },
      { get: (it, name) => Reflect.get(it, name) ?? hello },
    )
    expect(readFetchApp(router).port).toBe(80)
    for (const value of [undefined, null, 1, {}, { fetch: 1 }]) {
      expect(() => readFetchApp(value)).toThrow(/^Cannot serve the app: .*fetch/)
    }
    for (const port of [0, 65_536, 1.5, '80']) {
      expect(() => readFetchApp({ fetch: hello, port })).toThrow(/^Cannot serve the app: port/)
    }
  })

  it('is called as its method', async () => {
    const app = {
      name: 'me',
      fetch() {
        return new Response(this.name)
      },
    }
    const { send } = serve(readFetchApp(app).handler)
    expect(await send(GET)).toMatch(/me$/)
  })
})
