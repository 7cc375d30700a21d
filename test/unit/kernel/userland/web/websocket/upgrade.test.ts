/** WebSockets of a server (RFC 6455 §4.2): the handshake in a fetch handler, and what follows. */
import { describe, expect, it, vi } from 'vitest'
import type { Handler } from '../../../../../../kernel/userland/web/fetch-service.ts'
import type { MessageEvent } from '../../../../../../kernel/userland/web/message-event.ts'
import { Response } from '../../../../../../kernel/userland/web/response.ts'
import { createWebSocketPair } from '../../../../../../kernel/userland/web/websocket/web-socket-pair.ts'
import { hashNatives } from '../../../../../support/hash-natives.ts'
import { maskNative } from '../../../../../support/mask-native.ts'
import { serveFetch } from '../serve-fetch.ts'
import { closing, frame, parseFrames } from './test-frames.ts'

const WebSocketPair = createWebSocketPair({ ...hashNatives, ...maskNative })

/** §1.3's own example. */
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const FIELDS = {
  Host: 'guest',
  Upgrade: 'websocket',
  Connection: 'keep-alive, Upgrade',
  'Sec-WebSocket-Key': KEY,
  'Sec-WebSocket-Version': '13',
}

function request(
  changes: Record<string, string | undefined> = {},
  line = 'GET /ws HTTP/1.1',
): string {
  const fields = Object.entries({ ...FIELDS, ...changes })
  const lines = fields.flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}\r\n`],
  )
  return `${line}\r\n${lines.join('')}\r\n`
}

/** Serves one socket; `heard` is what its events tell. */
function accept(headers: Record<string, string> = {}) {
  const heard: unknown[] = []
  const made: InstanceType<typeof WebSocketPair>[] = []
  const handler: Handler = () => {
    const pair = new WebSocketPair()
    const [client, server] = [pair[0], pair[1]]
    made.push(pair)
    server.accept()
    server.send('before')
    server.onmessage = (event: MessageEvent) => heard.push(event.data)
    server.onerror = (event) => heard.push(event.message)
    server.addEventListener('close', (event) => {
      const { code, reason, wasClean } = event as never
      heard.push({ code, reason, wasClean })
    })
    return new Response(null, { status: 101, webSocket: client, headers })
  }
  return { ...serveFetch(handler), heard, made }
}

const bytes = (buffer: Buffer) => buffer.toString('latin1')

describe('a handshake', () => {
  it('§1.3, §4.2.2: is answered with the hash of its key', async () => {
    const app = accept({ 'X-App': 'its own', 'Sec-WebSocket-Accept': 'not its business' })
    const sent = await app.send(request())
    const [head, rest] = sent.split('\r\n\r\n')
    const lines = head!.toLowerCase().split('\r\n')
    expect(lines.filter((line) => !line.startsWith('date: ')).sort()).toEqual([
      'connection: upgrade',
      'http/1.1 101 switching protocols',
      'sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=',
      'upgrade: websocket',
      'x-app: its own',
    ])
    expect(parseFrames(Buffer.from(rest!, 'latin1'))).toMatchObject([
      { payload: Buffer.from('before') },
    ])
  })

  it.each([
    ['another method', {}, 'POST /ws HTTP/1.1', 400],
    ['HTTP/1.0', {}, 'GET /ws HTTP/1.0', 400],
    ['content', { 'Content-Length': '0' }, undefined, 400],
    ['no Upgrade', { Upgrade: undefined }, undefined, 400],
    ['another Upgrade', { Upgrade: 'h2c' }, undefined, 400],
    ['no Connection', { Connection: 'keep-alive' }, undefined, 400],
    ['no key', { 'Sec-WebSocket-Key': undefined }, undefined, 400],
    ['a short key', { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZQ==' }, undefined, 400],
    ['a key that is no base64', { 'Sec-WebSocket-Key': '!'.repeat(24) }, undefined, 400],
    ['no version', { 'Sec-WebSocket-Version': undefined }, undefined, 426],
    ['version 8', { 'Sec-WebSocket-Version': '8' }, undefined, 426],
  ])('§4.2.1: with %s is refused, and the app is told', async (_what, changes, line, status) => {
    const app = accept()
    const sent = await app.send(request(changes, line))
    expect(sent.slice(0, 12)).toBe(`HTTP/1.1 ${status}`)
    // §4.4, and RFC 9110 §15.5.22.
    expect(/^upgrade: websocket\r$/m.test(sent)).toBe(status === 426)
    expect(/^sec-websocket-version: 13\r$/m.test(sent)).toBe(status === 426)
    expect(app.heard).toMatchObject([expect.any(String), { code: 1006, wasClean: false }])
    expect(app.socket.ending).not.toBe('aborted')
  })

  it('§4.2.2: chooses only a subprotocol that was offered', async () => {
    const offer = { 'Sec-WebSocket-Protocol': 'chat, Super' }
    const chosen = accept({ 'Sec-WebSocket-Protocol': 'Super' })
    expect(await chosen.send(request(offer))).toMatch(/^sec-websocket-protocol: Super\r$/m)
    expect(chosen.made[0]![1].protocol).toBe('Super')
    const other = accept({ 'Sec-WebSocket-Protocol': 'super' })
    expect((await other.send(request(offer))).slice(0, 12)).toBe('HTTP/1.1 500')
    expect(other.reports.join()).toContain("does not offer the protocol 'super'")
    expect(other.heard).toMatchObject([expect.any(String), { code: 1006, wasClean: false }])
  })

  it('negotiates no extension (§9.1)', async () => {
    const app = accept()
    const sent = await app.send(request({ 'Sec-WebSocket-Extensions': 'permessage-deflate' }))
    expect(sent).toContain('HTTP/1.1 101')
    expect(sent).not.toContain('xtensions')
    expect(app.made[0]![1].extensions).toBe('')
  })

  it('needs a Response of status 101 with an end of a pair, and one for each connection', async () => {
    expect(() => new Response(null, { status: 101 })).toThrow(RangeError)
    const { 0: client } = new WebSocketPair()
    expect(() => new Response(null, { webSocket: client })).toThrow(RangeError)
    expect(() => new Response('x', { status: 101, webSocket: client })).toThrow(TypeError)
    const handler: Handler = () => new Response(null, { status: 101, webSocket: client })
    expect(await serveFetch(handler).send(request())).toContain('HTTP/1.1 101')
    expect(await serveFetch(handler).send(request())).toContain('HTTP/1.1 500')
  })
})

describe('a connection', () => {
  it('carries messages, those that came with the request too, and closes', async () => {
    const app = accept()
    await app.send(request() + bytes(Buffer.concat([frame(1, 'one'), frame(1, 'two')])))
    await vi.waitFor(() => expect(app.heard).toEqual(['one', 'two']))
    app.socket.takeSent()
    app.made[0]![1].send(new Uint8Array([1, 2]))
    await app.send(bytes(frame(2, 'raw')))
    expect(Buffer.from(app.heard[2] as ArrayBuffer).toString()).toBe('raw')
    await app.send(bytes(frame(8, closing(4001, 'bye'))))
    expect(app.heard[3]).toEqual({ code: 4001, reason: 'bye', wasClean: true })
    expect(app.made[0]![1].readyState).toBe(3)
    expect(parseFrames(app.socket.sent).map(({ opcode }) => opcode)).toEqual([2, 8])
    expect(app.socket.ending).toBe('closed')
  })

  it('that memory runs out for between two messages ends alone', async () => {
    const app = accept()
    const outOfMemory = Object.assign(new Error('out of memory'), { name: 'InternalError' })
    const heard: unknown[] = []
    await app.send(request())
    app.made[0]![1].onmessage = (event: MessageEvent) => {
      heard.push(event.data)
      app.socket.peekRange = () => {
        throw outOfMemory
      }
    }
    await app.send(bytes(Buffer.concat([frame(1, 'one'), frame(1, 'two')])))
    await vi.waitFor(() => expect(app.socket.ending).toBe('aborted'))
    expect([heard, app.reports]).toEqual([['one'], ['A connection is ended: out of memory']])
  })

  it('that memory runs out for ends before that is reported, which may fail too', async () => {
    const app = accept()
    const outOfMemory = Object.assign(new Error('out of memory'), { name: 'InternalError' })
    await app.send(request())
    const fail = () => {
      throw outOfMemory
    }
    app.socket.peekRange = fail
    app.reports.push = fail
    await expect(app.send('x')).rejects.toThrow(outOfMemory)
    expect(app.socket.ending).toBe('aborted')
  })

  it('that breaks the protocol ends, and the app is told', async () => {
    const app = accept()
    await app.send(request() + bytes(frame(1, 'unmasked', { key: null })))
    expect(app.heard).toEqual([
      'The WebSocket has failed: a frame is not masked',
      { code: 1006, reason: '', wasClean: false },
    ])
    expect([app.socket.ending, app.debugLines.length]).toEqual(['closed', 1])
  })

  it('takes no message of a guest that is to end, and says so (1001)', async () => {
    const app = accept()
    await app.send(request())
    app.socket.takeSent()
    app.windDown()
    expect(parseFrames(app.socket.sent)[0]!.payload.readUInt16BE(0)).toBe(1001)
    await app.send(bytes(frame(8, closing(1001))))
    expect(app.heard).toEqual([{ code: 1001, reason: '', wasClean: true }])
  })

  it('that stands only after the guest was asked to end is closed at once (1001)', async () => {
    const { 0: client } = new WebSocketPair()
    let answer!: (response: Response) => void
    const app = serveFetch(
      () =>
        new Promise((resolve) => {
          answer = resolve
        }),
    )
    await app.send(request())
    app.windDown()
    answer(new Response(null, { status: 101, webSocket: client }))
    const sent = await app.send('')
    const [close] = parseFrames(Buffer.from(sent.split('\r\n\r\n')[1]!, 'latin1'))
    expect([close!.opcode, close!.payload.readUInt16BE(0)]).toEqual([8, 1001])
  })

  it('that the app has closed before it stands is never open', async () => {
    const { 0: client, 1: server } = new WebSocketPair()
    const heard: string[] = []
    for (const type of ['open', 'close']) server.addEventListener(type, () => heard.push(type))
    const app = serveFetch(() => new Response(null, { status: 101, webSocket: client }))
    server.close(4000)
    await app.send(request())
    expect([server.readyState, heard]).toEqual([2, []])
    await app.send(bytes(frame(8, closing(4000))))
    expect([server.readyState, heard]).toEqual([3, ['close']])
  })

  it('whose peer has gone is 1006', async () => {
    const app = accept()
    await app.send(request())
    app.socket.isPeerFinished = true
    await app.send('')
    expect(app.heard).toMatchObject([expect.any(String), { code: 1006 }])
  })

  it('tells what waits for a peer that takes nothing', async () => {
    const app = accept()
    await app.send(request())
    const { 1: server } = app.made[0]!
    app.socket.sendSpace = 0
    server.send('12345')
    expect(server.bufferedAmount).toBe(5)
    app.socket.takeSent()
    app.socket.sendSpace = 100
    await app.send('')
    expect([server.bufferedAmount, parseFrames(app.socket.sent).length]).toEqual([0, 1])
  })

  it('is closed by the other end of the pair too, as adapters do it', async () => {
    const app = accept()
    await app.send(request())
    app.socket.takeSent()
    app.made[0]![0].close(1000, 'done')
    expect(parseFrames(app.socket.sent)[0]!.payload).toEqual(closing(1000, 'done'))
    expect(() => app.made[0]![0].accept()).toThrow(TypeError)
  })
})
