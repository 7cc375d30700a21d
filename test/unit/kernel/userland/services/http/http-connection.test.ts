/**
 * HTTP connections end to end over a fake socket: answers, pipelining, content, refusals, time
 * limits.
 */
import { crc32 } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ShutdownController } from '../../../../../../kernel/shutdown-signal.ts'
import { LEAST_BYTES_A_SECOND } from '../../../../../../kernel/userland/http/pace.ts'
import {
  forgetRequests,
  reportRequests,
} from '../../../../../../kernel/userland/http/request-meter.ts'
import { REQUESTS_A_TURN } from '../../../../../../kernel/userland/http/requests-a-turn.ts'
import {
  CONTENT_TIMEOUT_MS,
  HEAD_TIMEOUT_MS,
  IDLE_TIMEOUT_MS,
  LINGER_TIMEOUT_MS,
  RESPONSE_TIMEOUT_MS,
} from '../../../../../../kernel/userland/http/time-limits.ts'
import { createHttpServer } from '../../../../../../kernel/userland/services/http/http-server.ts'
import type { AppSystem } from '../../../../../../kernel/userland/services/system.ts'
import { headLengthNative } from '../../../../../support/head-length-native.ts'
import { createPacketBuffer, testBulk } from '../../../../../support/memory.ts'
import { FakeTcpSocket } from '../fake-tcp-socket.ts'

// Answers carry a Date: those that are compared with each other must fall into one second.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-01-02T03:04:05Z') })
})
afterEach(() => {
  vi.useRealTimers()
})

/** A system whose timers run when the test advances the clock. */
function fakeSystem() {
  let nowMs = 0
  let timers: { dueMs: number; callback: () => void }[] = []
  const crcRanges: number[] = []
  const debugLines: string[] = []
  const switches: string[] = []
  const system: AppSystem = {
    services: null,
    hasNetwork: true,
    shutdown: new ShutdownController(),
    debug: (message) => debugLines.push(message),
    info() {},
    warn() {},
    nowMs: () => nowMs,
    after(delayMs, callback) {
      const timer = { dueMs: nowMs + delayMs, callback }
      timers.push(timer)
      return {
        cancel() {
          timers = timers.filter((it) => it !== timer)
        },
      }
    },
    freeMemoryBytes: () => 1 << 26,
    sharedMemoryBytes: () => 0,
    collectGarbage() {},
    maskBytes() {},
    allocateShared: createPacketBuffer,
    crc32(bytes, offset, length, initial) {
      crcRanges.push(length)
      return crc32(bytes.subarray(offset, offset + length), initial)
    },
    equalBytes: (bytes, offset, other, length) =>
      Buffer.compare(bytes.subarray(offset, offset + length), other.subarray(0, length)) === 0,
    ...{ startDigest() {}, digestBlocks() {} },
    encodeText: (text) => new TextEncoder().encode(text),
    decodeText: (bytes, offset, length) =>
      new TextDecoder().decode(bytes.subarray(offset, offset + length)),
    headLength: headLengthNative,
    copyRecord: testBulk.copyRecord,
    statistics: () => ({ answer: 42 }),
    transmitOffloads: () => ({ tso4: true }),
    switchTransmitOffload: (word, on) => void switches.push(`${word} ${on}`),
    receiveOffloads: () => ({ guest_tso4: true }),
    async switchReceiveOffload(word, on) {
      switches.push(`${word} ${on}`)
    },
    statisticsText: () => '{"answer":42}',
    readings: () => ({ uptimeNs: 1e9, sleptNs: 0, sentBytes: 3, receivedBytes: 4, connections: 5 }),
  }
  const advance = (milliseconds: number) => {
    const end = nowMs + milliseconds
    for (;;) {
      const next = timers.filter((it) => it.dueMs <= end).sort((a, b) => a.dueMs - b.dueMs)[0]
      if (next === undefined) break
      timers = timers.filter((it) => it !== next)
      nowMs = next.dueMs
      next.callback()
    }
    nowMs = end
  }
  return { system, advance, crcRanges, debugLines, switches, timerCount: () => timers.length }
}

function connect(rangeLimit?: number, sendSpace?: number) {
  const fake = fakeSystem()
  const server = createHttpServer(fake.system)
  const socket = new FakeTcpSocket(rangeLimit, sendSpace)
  server.start(socket.asSocket())
  // As TCP does: what arrives is offered where it lies, and only what is not taken comes through
  // the receive buffer.
  const send = (text: Uint8Array | string) => {
    socket.arrive(socket.offer(server, text))
    if (socket.receivedLength > 0) server.onReadable(socket.asSocket())
  }
  const finish = () => {
    socket.isPeerFinished = true
    server.onPeerFinished(socket.asSocket())
  }
  return { ...fake, server, socket, send, finish }
}

interface Answer {
  status: number
  fields: Map<string, string>
  content: Buffer
}

/** Splits what was sent into responses; `heads` says for each whether it answers HEAD. */
function answers(sent: Buffer, heads: boolean[] = []): Answer[] {
  const found: Answer[] = []
  let rest = sent
  while (rest.length > 0) {
    const end = rest.indexOf('\r\n\r\n')
    if (end === -1) throw new Error(`no head in ${rest.toString('latin1')}`)
    const [statusLine, ...lines] = rest.toString('latin1', 0, end).split('\r\n')
    const fields = new Map(
      lines.map((line) => {
        const colon = line.indexOf(': ')
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)]
      }),
    )
    const length = heads[found.length] ? 0 : Number(fields.get('content-length') ?? 0)
    found.push({
      status: Number(/^HTTP\/1\.1 (\d{3}) [A-Z]/.exec(statusLine!)![1]),
      fields,
      content: rest.subarray(end + 4, end + 4 + length),
    })
    rest = rest.subarray(end + 4 + length)
  }
  return found
}
const get = (path: string, ...fields: string[]) =>
  [`GET ${path} HTTP/1.1`, 'Host: guest', ...fields, '', ''].join('\r\n')
const put = (content: string, ...fields: string[]) =>
  [`PUT /sink HTTP/1.1`, 'Host: guest', ...fields, '', content].join('\r\n')

describe('a head that has come twice in a row', () => {
  /** A connection that has asked twice for `path`, and what it was answered the second time. */
  function asked(path: string) {
    const connection = connect()
    const { socket, send } = connection
    send(get(path))
    socket.takeSent()
    send(get(path))
    return { ...connection, answer: socket.takeSent() }
  }

  it('is answered the third time from where it lies, with the same bytes', () => {
    for (const path of ['/bytes/64', '/bytes/0', '/healthz', '/', '/none']) {
      const { socket, server, answer } = asked(path)
      expect(socket.offer(server, get(path))).toHaveLength(0)
      expect(socket.takeSent()).toEqual(answer)
    }
  })

  it('is known to all connections of the server', () => {
    const { server, answer } = asked('/bytes/64')
    const other = new FakeTcpSocket()
    server.start(other.asSocket())
    expect(other.offer(server, get('/bytes/64'))).toHaveLength(0)
    expect(other.takeSent()).toEqual(answer)
  })

  it('is read like any other when it is not the same to the letter, or not alone', () => {
    const { socket, server } = asked('/bytes/64')
    const head = get('/bytes/64')
    for (const other of [get('/bytes/65'), head.slice(0, -1), head + head, `\r\n${head}`]) {
      expect(socket.offer(server, other)).toHaveLength(other.length)
    }
    expect(socket.takeSent()).toHaveLength(0)
  })

  it('is read like any other behind the beginning of another', () => {
    const { socket, send, server } = asked('/bytes/64')
    send('GET /bytes/1 HTTP/1.1\r\nX: ')
    expect(socket.offer(server, get('/bytes/64')).length).toBeGreaterThan(0)
  })

  it('is read like any other where the answer is long, or not wanted any more', () => {
    const { socket, send, server } = connect()
    for (let time = 0; time < 2; time++) send(get('/bytes/100000'))
    expect(socket.offer(server, get('/bytes/100000')).length).toBeGreaterThan(0)
    const other = asked('/bytes/64')
    other.server.onWindDown(other.socket.asSocket())
    expect(other.socket.offer(other.server, get('/bytes/64')).length).toBeGreaterThan(0)
  })

  it('is read like any other with content, which is no request when the head is accepted now', () => {
    const { server, system } = connect()
    const inner = get('/bytes/64')
    const fields = ['Host: guest', `Content-Length: ${inner.length}`, '', '']
    const head = ['PUT /offloads/later/on HTTP/1.1', ...fields].join('\r\n')
    const ask = () => {
      const socket = new FakeTcpSocket()
      server.start(socket.asSocket())
      return (text: string) => {
        const left = socket.offer(server, text)
        socket.arrive(left)
        if (socket.receivedLength > 0) server.onReadable(socket.asSocket())
        return { left, statuses: answers(socket.takeSent()).map(({ status }) => status) }
      }
    }
    for (let time = 0; time < 2; time++) expect(ask()(head).statuses).toEqual([404])
    vi.spyOn(system, 'transmitOffloads').mockReturnValue({ later: false })
    const send = ask()
    const { left, statuses } = send(head)
    expect([left.length, statuses]).toEqual([head.length, []])
    expect(send(inner).statuses).toEqual([202])
  })

  it.each(['asks for it', 'others wait for room'])('ends with its answer where %s', (why) => {
    const { server, socket } = connect()
    const fields = why === 'asks for it' ? ['Connection: close'] : []
    const head = get('/bytes/64', ...fields)
    const ask = () => {
      const other = new FakeTcpSocket()
      server.start(other.asSocket())
      return other
    }
    for (const other of [ask(), ask()]) {
      other.arrive(Buffer.from(head))
      server.onReadable(other.asSocket())
    }
    if (why !== 'asks for it') socket.waitingBehind = 1
    expect(socket.offer(server, head)).toHaveLength(0)
    const [answer] = answers(socket.takeSent())
    expect([answer!.content.length, answer!.fields.get('connection')]).toEqual([64, 'close'])
    expect(socket.ending).toBe('half-closed')
    socket.isPeerFinished = true
    server.onPeerFinished(socket.asSocket())
    expect(socket.ending).toBe('closed')
  })

  it('is answered to the end when there is room for a part only', () => {
    const { socket, server, answer } = asked('/bytes/64')
    socket.sendSpace = 10
    expect(socket.offer(server, get('/bytes/64'))).toHaveLength(0)
    const parts = [socket.takeSent()]
    socket.sendSpace = 1000
    server.onWritable(socket.asSocket())
    parts.push(socket.takeSent())
    expect(Buffer.concat(parts)).toEqual(answer)
  })

  /** The same again, offered where it lies; what it is answered. */
  function again({ socket, server }: ReturnType<typeof asked>, path: string, times = 1): Answer {
    for (let time = 0; time < times; time++) {
      socket.takeSent()
      expect(socket.offer(server, get(path))).toHaveLength(0)
    }
    return answers(socket.takeSent())[0]!
  }

  it('is answered with the date of now', () => {
    const connection = asked('/bytes/64')
    const { fields } = again(connection, '/bytes/64', 3)
    vi.setSystemTime(new Date('2026-01-02T03:04:06Z'))
    expect(fields.get('date')).toBe('Fri, 02 Jan 2026 03:04:05 GMT')
    const next = again(connection, '/bytes/64', 1).fields.get('date')
    expect(next).toBe('Fri, 02 Jan 2026 03:04:06 GMT')
    expect(again(connection, '/bytes/64', 3).fields.get('date')).toBe(next)
  })

  it('is answered with the date of now where a second began while an answer was made', () => {
    const connection = asked('/bytes/64')
    const { encodeText } = connection.system
    vi.setSystemTime(new Date('2026-01-02T03:04:06Z'))
    vi.spyOn(connection.system, 'encodeText').mockImplementationOnce((text) => {
      vi.setSystemTime(new Date('2026-01-02T03:04:07Z'))
      return encodeText(text)
    })
    const dates = [1, 2, 3].map(() => again(connection, '/bytes/64').fields.get('date')!.slice(-6))
    expect(dates).toEqual(['06 GMT', '07 GMT', '07 GMT'])
  })

  it('is answered with what is so now where that changes', () => {
    const connection = asked('/bytes/64')
    again(connection, '/bytes/64', 3)
    const { send, system } = connection
    for (const text of ['one', 'two', 'three', 'four']) {
      vi.spyOn(system, 'statisticsText').mockReturnValue(`{"is":"${text}"}`)
      connection.socket.takeSent()
      send(get('/stats'))
      expect(answers(connection.socket.takeSent())[0]!.content.toString()).toContain(text)
    }
    send(get('/bytes/64'))
    send(get('/bytes/64'))
    expect(again(connection, '/bytes/64').content).toHaveLength(64)
  })

  it('ends the connection once others wait for room, however often it was answered', () => {
    const connection = asked('/bytes/64')
    expect(again(connection, '/bytes/64', 3).fields.get('connection')).toBe('keep-alive')
    connection.socket.waitingBehind = 1
    expect(again(connection, '/bytes/64').fields.get('connection')).toBe('close')
    const other = new FakeTcpSocket()
    connection.server.start(other.asSocket())
    expect(other.offer(connection.server, get('/bytes/64'))).toHaveLength(0)
    expect(answers(other.takeSent())[0]!.fields.get('connection')).toBe('keep-alive')
  })

  it('is counted, each time that it is answered', () => {
    forgetRequests()
    const connection = asked('/bytes/64')
    again(connection, '/bytes/64', 5)
    expect(reportRequests().byClass[2]).toBe(7)
  })
})

describe('a connection', () => {
  it('has nothing of those before it, and they nothing of it', () => {
    const { server, socket, send, debugLines } = connect()
    send(`${put('ab', 'Content-Length: 4')}`)
    const others = [get('/bytes/3'), `${get('/none')}GET`, ''].map((text) => {
      const other = new FakeTcpSocket()
      server.start(other.asSocket())
      other.arrive(Buffer.from(text))
      if (text !== '') server.onReadable(other.asSocket())
      return other
    })
    send('cd')
    expect(answers(socket.takeSent())[0]!.content.toString()).toContain('"bytes":4')
    const statuses = others.map((other) => answers(other.takeSent()).map(({ status }) => status))
    expect(statuses).toEqual([[200], [404], []])
    expect([debugLines, others.map(({ ending }) => ending)]).toEqual([[], ['open', 'open', 'open']])
  })
})

describe('answers', () => {
  it('gives a readable page at / and keeps the connection', () => {
    const { socket, send } = connect()
    send(get('/'))
    const [page] = answers(socket.takeSent())
    expect(page!.status).toBe(200)
    expect(page!.fields.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page!.content.toString()).toMatch(/^<!doctype html>.*ask\('\/stats'\).*<\/html>\n$/s)
    expect(page!.content.toString()).not.toMatch(/(src|href)=.?https?:/)
    expect(socket.ending).toBe('open')
  })

  it('lets the page ask nobody but this guest, and browsers keep it while it is the same (RFC 9110 §13.1.2)', () => {
    const { socket, send } = connect()
    send(get('/'))
    const [page] = answers(socket.takeSent())
    expect(page!.fields.get('content-security-policy')).toMatch(
      /^default-src 'none';.*connect-src 'self'; img-src data:;.*frame-ancestors 'none'$/,
    )
    expect(page!.fields.get('x-content-type-options')).toBe('nosniff')
    expect(page!.fields.get('cache-control')).toBe('no-cache')
    const tag = page!.fields.get('etag')!
    expect(tag).toMatch(/^"[0-9a-f]{8}"$/)
    for (const known of [tag, `"x", W/${tag}`, '*']) {
      send(get('/', `If-None-Match: ${known}`))
      const [answer] = answers(socket.takeSent(), [true])
      expect(answer!.status, known).toBe(304)
      expect(answer!.fields.get('etag')).toBe(tag)
    }
    send(get('/', 'If-None-Match: "00000000"'))
    expect(answers(socket.takeSent())[0]!.status).toBe(200)
    expect(socket.ending).toBe('open')
  })

  it('holds the page in one octet a character, and nothing that loads from elsewhere', () => {
    const { socket, send } = connect()
    send(get('/'))
    const text = answers(socket.takeSent())[0]!.content.toString()
    expect(text).toMatch(/^[\n\x20-\x7e]+$/)
    expect(text.match(/(?:src|href|action)="(?!\/[a-z]|data:)[^"]*"/g)).toBeNull()
    expect(text).not.toMatch(/@import|innerHTML|document\.write|eval\(/)
  })

  it('gives JSON at /stats', () => {
    const { socket, send } = connect()
    send(get('/stats?x=1'))
    const [stats] = answers(socket.takeSent())
    expect(stats!.fields.get('content-type')).toBe('application/json')
    expect(stats!.fields.get('cache-control')).toBe('no-store')
    expect(JSON.parse(stats!.content.toString())).toMatchObject({ answer: 42 })
  })

  it('answers HEAD with the head of GET alone', () => {
    const { socket, send } = connect()
    for (const path of ['/', '/stats', '/bytes/123456']) send(get(path).replace('GET', 'HEAD'))
    send(get('/bytes/5'))
    const got = answers(socket.takeSent(), [true, true, true, false])
    expect(got.map((it) => it.status)).toEqual([200, 200, 200, 200])
    expect(got[2]!.fields.get('content-length')).toBe('123456')
    expect(got[3]!.content).toEqual(Buffer.from([0, 0, 0, 0, 0]))
  })

  it('sends /bytes/N as room comes, across the end of the pattern', () => {
    const { server, socket, send } = connect(undefined, 100_000)
    const length = (1 << 20) + 300_003
    send(get(`/bytes/${length}`))
    const parts: Buffer[] = []
    while (socket.isWriteBlocked) {
      parts.push(socket.takeSent())
      server.onWritable(socket.asSocket())
    }
    parts.push(socket.takeSent())
    const [answer] = answers(Buffer.concat(parts))
    const expected = Buffer.alloc(length + 4)
    for (let k = 0; 4 * k < length; k++) expected.writeUInt32BE(k % (1 << 18), 4 * k)
    expect(answer!.content.equals(expected.subarray(0, length))).toBe(true)
    send(get('/stats'))
    expect(answers(socket.takeSent())[0]!.status).toBe(200)
  })

  it('gives an empty answer for /bytes/0', () => {
    const { socket, send } = connect()
    send(get('/bytes/0'))
    expect(answers(socket.takeSent())[0]!.fields.get('content-length')).toBe('0')
  })

  it('answers the same however the request is split', () => {
    const whole = connect()
    const request = put('hello', 'Content-Length: 5') + get('/bytes/3')
    whole.send(request)
    const expected = whole.socket.takeSent().toString('latin1')
    for (let size = 1; size < 60; size++) {
      const { socket, send } = connect(1 + (size % 7))
      for (let start = 0; start < request.length; start += size) {
        send(request.slice(start, start + size))
      }
      expect(socket.takeSent().toString('latin1')).toBe(expected)
    }
  })

  it('answers pipelined requests in order, and waits with the next until there is room', () => {
    const { server, socket, send } = connect(undefined, 300)
    send(get('/bytes/1000') + get('/stats') + get('/nothing'))
    const parts: Buffer[] = []
    for (let round = 0; round < 20; round++) {
      parts.push(socket.takeSent())
      server.onWritable(socket.asSocket())
    }
    const got = answers(Buffer.concat(parts))
    expect(got.map((it) => it.status)).toEqual([200, 200, 404])
    expect(got[0]!.content.length).toBe(1000)
  })

  it('answers so many of a thousand pipelined requests in one go that others have their turn', () => {
    const { send, socket, advance, server } = connect()
    const answered = () => socket.sent.toString('latin1').split('HTTP/1.1 200 OK').length - 1
    const one = get('/bytes/1')
    send(one.repeat(40))
    expect(answered()).toBe(REQUESTS_A_TURN)
    advance(1)
    expect(answered()).toBe(40)
    send(one.repeat(40))
    socket.ending = 'aborted'
    server.onClose(socket.asSocket())
    advance(1)
    expect(answered()).toBe(40 + REQUESTS_A_TURN)
  })
})

describe('the sink', () => {
  const content = Buffer.from(Array.from({ length: 50_000 }, (_, index) => (index * 7919) & 0xff))
  const digits = crc32(content).toString(16).padStart(8, '0')

  it('sums content by length and answers its size and CRC-32', () => {
    const { socket, send } = connect(4096)
    send(put('', 'Content-Length: 50000'))
    for (let start = 0; start < content.length; start += 1460) {
      send(content.subarray(start, start + 1460))
    }
    const [answer] = answers(socket.takeSent())
    expect(answer!.content.toString()).toBe(`{"bytes":50000,"crc32":"${digits}"}\n`)
  })

  it('sums chunked content, range by range and without copies', () => {
    const { socket, send, crcRanges } = connect()
    send(put('', 'Transfer-Encoding: chunked'))
    send(Buffer.concat([Buffer.from('C350\r\n'), content, Buffer.from('\r\n0\r\n\r\n')]))
    const [answer] = answers(socket.takeSent())
    expect(answer!.content.toString()).toBe(`{"bytes":50000,"crc32":"${digits}"}\n`)
    expect(crcRanges).toEqual([50_000])
  })

  it('answers zero bytes with the CRC-32 of nothing, 8 digits long', () => {
    const { socket, send } = connect()
    send(put('', 'Content-Length: 0'))
    send(put('0\r\n\r\n', 'Transfer-Encoding: chunked'))
    const bodies = answers(socket.takeSent()).map((it) => it.content.toString())
    expect(bodies).toEqual(Array(2).fill('{"bytes":0,"crc32":"00000000"}\n'))
  })

  it('says 100 Continue when asked and nothing has come yet', () => {
    const { socket, send } = connect()
    send(put('', 'Content-Length: 2', 'Expect: 100-continue'))
    expect(socket.takeSent().toString()).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    send('ab')
    expect(answers(socket.takeSent())[0]!.status).toBe(200)
    send(put('ab', 'Content-Length: 2', 'Expect: 100-continue'))
    expect(answers(socket.takeSent()).map((it) => it.status)).toEqual([200])
  })
})

describe('Date', () => {
  it('is in every response: of 2xx, 3xx and 4xx (RFC 9110 §6.6.1)', () => {
    const { socket, send } = connect()
    send(get('/'))
    const [page] = answers(socket.takeSent())
    const tag = page!.fields.get('etag')!
    send(get('/', `If-None-Match: ${tag}`).replace('GET', 'HEAD'))
    send(get('/nothing'))
    const all = [page!, ...answers(socket.takeSent(), [true])]
    expect(all.map((it) => it.status)).toEqual([200, 304, 404])
    for (const { fields } of all) {
      expect(Math.abs(Date.parse(fields.get('date')!) - Date.now())).toBeLessThan(5000)
    }
  })
})

it('PUT /offloads/NAME/off has a receive offload switched, and does not wait for it', () => {
  const { socket, send, switches } = connect()
  send(put('', 'Content-Length: 0').replace('/sink', '/offloads/guest_tso4/off'))
  const [answer] = answers(socket.takeSent())
  expect(answer!.status).toBe(202)
  expect(JSON.parse(answer!.content.toString())).toEqual({ guest_tso4: false })
  expect(switches).toEqual(['guest_tso4 false'])
})

it('PUT /offloads/NAME/off has what is sent cut by the guest, and any other name is refused with those there are', () => {
  const { socket, send, switches } = connect()
  const turnOff = (name: string) =>
    put('', 'Content-Length: 0').replace('/sink', `/offloads/${name}/off`)
  send(turnOff('tso4'))
  send(turnOff('tso9'))
  const [taken, refused] = answers(socket.takeSent())
  expect(JSON.parse(taken!.content.toString())).toEqual({ tso4: false })
  expect(switches).toEqual(['tso4 false'])
  expect(refused!.status).toBe(404)
  expect(refused!.content.toString()).toContain('can be switched: tso4, guest_tso4')
  // What every object has is no offload.
  for (const name of ['constructor', '__proto__']) send(turnOff(name))
  expect(answers(socket.takeSent()).map(({ status }) => status)).toEqual([404, 404])
  expect(switches).toEqual(['tso4 false'])
})

it('counts by status what was sent whole: an answer that its client never took is none', () => {
  const requestsOf = () => reportRequests().byClass
  forgetRequests()
  const { socket, send } = connect(undefined, 150)
  send(get('/nothing'))
  expect(socket.takeSent().length).toBeGreaterThan(0)
  socket.abort()
  expect(requestsOf()).toEqual([0, 0, 0, 0, 0, 0])
  const other = connect()
  other.send(get('/nothing') + get('/bytes/3'))
  expect(requestsOf()).toEqual([0, 0, 1, 0, 1, 0])
})

describe('refusals', () => {
  it.each([
    [get('/nothing'), 404, 'open'],
    [get('/bytes/'), 404, 'open'],
    [get('/bytes/-1'), 404, 'open'],
    [get('/bytes/1e3'), 404, 'open'],
    [get('/bytes/1234567890123456'), 404, 'open'],
    [get('/sink'), 405, 'open'],
    [get('/offloads/guest_tso4/off'), 405, 'open'],
    [put('', 'Content-Length: 0').replace('/sink', '/offloads/tso9/off'), 404, 'open'],
    [get('/').replace('GET', 'DELETE'), 405, 'open'],
    [get('/stats', 'Content-Length: 3').replace('GET', 'POST'), 405, 'half-closed'],
    [put(''), 411, 'half-closed'],
    [get('/', 'Content-Length: 70000'), 413, 'half-closed'],
    [put('', 'Content-Length: 1234567890123456'), 413, 'half-closed'],
    [put('', 'Content-Length: x'), 400, 'half-closed'],
    [put('', 'Transfer-Encoding: gzip'), 400, 'half-closed'],
    [put('', 'Content-Length: 1', 'Expect: tea'), 417, 'half-closed'],
    [put('z\r\n', 'Transfer-Encoding: chunked'), 400, 'half-closed'],
    [`GET /${'a'.repeat(9000)} HTTP/1.1\r\n`, 414, 'half-closed'],
    [get('/', `X: ${'a'.repeat(17_000)}`), 431, 'half-closed'],
    ['GET / HTTP/3.0\r\n\r\n', 505, 'half-closed'],
    ['BREW / HTTP/1.1\r\nHost: x\r\n\r\n', 501, 'half-closed'],
    ['\x16\x03\x01\x02\x00\x01\x00\x01\n\n', 400, 'half-closed'],
  ])('of %j: %i, and the connection is %s', (request, status, ending) => {
    const { socket, send } = connect()
    send(request)
    const [answer] = answers(socket.takeSent())
    expect(answer!.status).toBe(status)
    expect(answer!.content.toString()).toMatch(new RegExp(`^${status} [A-Z].*: .+\n$`))
    expect(answer!.fields.get('connection')).toBe(ending === 'open' ? 'keep-alive' : 'close')
    expect(socket.ending).toBe(ending)
    expect(answer!.fields.has('allow')).toBe(status === 405)
  })

  it('say why at debug', () => {
    const { debugLines, send } = connect()
    send(`GET /${'a'.repeat(9000)} HTTP/1.1\r\n`)
    expect(debugLines).toEqual([
      'http: a request is refused with 414: the request line is longer than 8192 bytes',
    ])
  })

  it('are for a head that mixes CRLF and LF, but not for one typed by hand', () => {
    const mixed = connect()
    mixed.send('GET /stats HTTP/1.1\r\nHost: guest\nX: y\r\n\r\n')
    expect(answers(mixed.socket.takeSent()).map((it) => it.status)).toEqual([400])
    expect(mixed.socket.ending).toBe('half-closed')
    const typed = connect()
    typed.send('GET /stats HTTP/1.1\nHost: guest\n\n')
    expect(answers(typed.socket.takeSent()).map((it) => it.status)).toEqual([200])
  })

  it('name the methods that are allowed', () => {
    const { socket, send } = connect()
    send(get('/sink') + get('/').replace('GET', 'PUT'))
    expect(answers(socket.takeSent()).map((it) => it.fields.get('allow'))).toEqual([
      'PUT',
      'GET, HEAD',
    ])
  })

  it('take small unwanted content to keep the connection, chunked too, but not without end', () => {
    const { socket, send } = connect()
    send(`${get('/stats', 'Content-Length: 5')}hello${get('/stats', 'Transfer-Encoding: chunked')}`)
    send(`3\r\nabc\r\n0\r\n\r\n${get('/stats', 'Transfer-Encoding: chunked')}`)
    expect(answers(socket.takeSent()).map((it) => it.status)).toEqual([200, 200])
    for (let chunk = 0; chunk < 70; chunk++) send(`400\r\n${'x'.repeat(1024)}\r\n`)
    expect(answers(socket.takeSent()).map((it) => it.status)).toEqual([413])
  })

  it('read on after the answer, so that no reset destroys it, and end when the peer does', () => {
    const { socket, send, finish } = connect()
    send(put('', 'Content-Length: x'))
    send('x'.repeat(10_000))
    expect(socket.receivedLength).toBe(0)
    expect(socket.ending).toBe('half-closed')
    finish()
    expect(socket.ending).toBe('closed')
  })
})

describe('the end of a connection', () => {
  it('follows Connection: close and HTTP/1.0', () => {
    const first = connect()
    first.send(get('/stats', 'Connection: close') + get('/stats'))
    expect(answers(first.socket.takeSent()).map((it) => it.fields.get('connection'))).toEqual([
      'close',
    ])
    expect(first.socket.ending).toBe('half-closed')

    const second = connect()
    second.send('GET /stats HTTP/1.0\r\n\r\n')
    expect(answers(second.socket.takeSent()).length).toBe(1)
    expect(second.socket.ending).toBe('half-closed')

    const third = connect()
    third.send('GET /stats HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
    expect(third.socket.ending).toBe('open')
  })

  it('still answers a peer that has finished sending', () => {
    const { socket, send, finish } = connect()
    send(get('/bytes/10'))
    finish()
    expect(answers(socket.takeSent())[0]!.content.length).toBe(10)
    expect(socket.ending).toBe('closed')
  })

  it('closes without an answer when the peer ends within a head', () => {
    const { socket, send, finish } = connect()
    send('GET / HT')
    finish()
    expect(socket.takeSent().length).toBe(0)
    expect(socket.ending).toBe('closed')
  })

  it('says 400 when the content ends too early', () => {
    const { socket, send, finish } = connect()
    send(put('abc', 'Content-Length: 5'))
    finish()
    expect(answers(socket.takeSent())[0]!.status).toBe(400)
    expect(socket.ending).toBe('closed')
  })
})

describe('time limits', () => {
  const late = 1_000

  it('close an idle connection silently', () => {
    const { socket, send, advance } = connect()
    advance(IDLE_TIMEOUT_MS - 2 * late)
    send(get('/stats'))
    socket.takeSent()
    advance(IDLE_TIMEOUT_MS - 2 * late)
    expect(socket.ending).toBe('open')
    advance(4 * late)
    expect(socket.sent.length).toBe(0)
    expect(socket.ending).toBe('closed')
  })

  it('answer 408 to a head that trickles in', () => {
    const { socket, send, advance } = connect()
    for (let step = 0; step < HEAD_TIMEOUT_MS / late + 1; step++) {
      send('a')
      advance(late)
    }
    expect(answers(socket.takeSent())[0]!.status).toBe(408)
    expect(socket.ending).toBe('half-closed')
  })

  it('answer 408 to content that stops, not to content that goes on', () => {
    const { socket, send, advance } = connect()
    send(put('', 'Content-Length: 100000'))
    for (let step = 0; step < 5; step++) {
      advance(CONTENT_TIMEOUT_MS - 2 * late)
      send('x'.repeat(7200))
    }
    expect(socket.sent.length).toBe(0)
    advance(CONTENT_TIMEOUT_MS + late)
    expect(answers(socket.takeSent())[0]!.status).toBe(408)
  })

  it('answer 408 to content that drips, however often a piece of it comes', () => {
    const { socket, send, advance } = connect()
    send(put('', 'Content-Length: 100'))
    for (let step = 0; step < CONTENT_TIMEOUT_MS / late + 6; step++) {
      send('x')
      advance(late)
    }
    expect(answers(socket.takeSent())[0]!.status).toBe(408)
    expect(socket.ending).toBe('half-closed')
  })

  it('abort a peer that takes nothing of its answer', () => {
    const { socket, send, advance } = connect(undefined, 1000)
    send(get('/bytes/100000'))
    advance(RESPONSE_TIMEOUT_MS + late)
    expect(socket.ending).toBe('aborted')
  })

  it('do not keep others waiting: then the answer to all that was asked ends the connection', () => {
    const { socket, send } = connect()
    send(get('/stats'))
    socket.waitingBehind = 1
    send(get('/stats') + get('/stats'))
    const kept = answers(socket.takeSent()).map(({ fields }) => fields.get('connection'))
    expect([kept, socket.ending]).toEqual([['keep-alive', 'keep-alive', 'close'], 'half-closed'])
  })

  it('abort a peer that takes its answer by drops', () => {
    const { socket, send, advance, system } = connect(undefined, 50_000)
    send(get('/bytes/100000'))
    for (let second = 0; second < (2 * RESPONSE_TIMEOUT_MS) / late; second++) {
      advance(late)
      socket.acknowledge(LEAST_BYTES_A_SECOND / 3, system.nowMs())
    }
    expect(socket.ending).toBe('aborted')
  })

  it('leave one that keeps the least pace all the time it needs', () => {
    const { socket, send, advance, system } = connect(undefined, 50_000)
    send(get('/bytes/100000'))
    for (let minute = 0; minute < 10; minute++) {
      advance(RESPONSE_TIMEOUT_MS - late)
      socket.acknowledge((60 + 1) * LEAST_BYTES_A_SECOND, system.nowMs())
    }
    advance(RESPONSE_TIMEOUT_MS - late)
    expect(socket.ending).toBe('open')
    advance(2 * late)
    expect(socket.ending).toBe('aborted')
  })

  it('end a lingering connection', () => {
    const { socket, send, advance } = connect()
    send(put('', 'Content-Length: x'))
    advance(LINGER_TIMEOUT_MS + late)
    expect(socket.ending).toBe('closed')
  })

  it('leave no timer when no connection is left, but that of the history', () => {
    const { server, socket, advance, timerCount, send } = connect()
    for (let second = 0; second < 5; second++) {
      send(get('/stats'))
      advance(late)
    }
    expect(timerCount()).toBe(2)
    server.onClose(socket.asSocket())
    advance(late)
    expect(timerCount()).toBe(1)
    expect(server.size).toBe(0)
  })
})

describe('the end of the guest', () => {
  it('closes a connection between requests, and nothing is sent', () => {
    const { server, socket, send } = connect()
    send(get('/bytes/4'))
    socket.takeSent()
    server.onWindDown(socket.asSocket())
    expect(socket.ending).toBe('closed')
    expect(socket.sent.length).toBe(0)
  })

  it('lets an answer come to its end, and the connection with it', () => {
    const { server, socket, send } = connect(undefined, 1000)
    send(get('/bytes/5000'))
    server.onWindDown(socket.asSocket())
    expect(socket.ending).toBe('open')
    let length = 0
    for (let round = 0; round < 10; round++) {
      length += socket.takeSent().length
      server.onWritable(socket.asSocket())
    }
    expect(length).toBeGreaterThan(5000)
    expect(socket.ending).toBe('half-closed')
  })

  it('answers a request that is on its way with Connection: close (RFC 9112 §9.6)', () => {
    const { server, socket, send } = connect()
    const request = get('/bytes/4')
    send(request.slice(0, 10))
    server.onWindDown(socket.asSocket())
    expect(socket.ending).toBe('open')
    send(request.slice(10))
    const [answer] = answers(socket.takeSent())
    expect(answer!.status).toBe(200)
    expect(answer!.fields.get('connection')).toBe('close')
    expect(socket.ending).toBe('half-closed')
  })
})
