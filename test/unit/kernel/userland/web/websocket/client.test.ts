/** `new WebSocket` against the server of `ws`, and servers that answer wrongly (RFC 6455 §4). */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { ShutdownController } from '../../../../../../kernel/shutdown-signal.ts'
import { Blob } from '../../../../../../kernel/userland/web/blob.ts'
import type { Connect } from '../../../../../../kernel/userland/web/fetch-client.ts'
import type {
  CloseEvent,
  MessageEvent,
} from '../../../../../../kernel/userland/web/message-event.ts'
import { createWebSocket } from '../../../../../../kernel/userland/web/websocket/web-socket-client.ts'
import { hashNatives } from '../../../../../support/hash-natives.ts'
import { maskNative } from '../../../../../support/mask-native.ts'
import { NodeStream } from '../node-stream.ts'
import { frame } from './test-frames.ts'

const ends: (() => void)[] = []
const host = {
  shutdown: new ShutdownController(),
  ...{ ...hashNatives, ...maskNative, debug: () => {}, nowMs: () => performance.now() },
  ...{ freeMemoryBytes: () => 1 << 30, sharedMemoryBytes: () => 0, collectGarbage: () => {} },
}
const connect: Connect = async ({ hostname, port }) => {
  const socket = connectSocket(port, hostname)
  ends.push(() => socket.destroy())
  await once(socket, 'connect')
  return new NodeStream(socket)
}
const WebSocket = createWebSocket(connect, host)

afterEach(() => {
  for (const end of ends.splice(0)) end()
})

/** A server of `ws` that sends back what it gets, and its URL. */
async function echo(options: object = {}): Promise<{ server: WebSocketServer; url: string }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options })
  ends.push(() => server.close())
  await once(server, 'listening')
  server.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
    socket.on('error', () => undefined)
  })
  return { server, url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/path?q=1` }
}

/** A server that answers each request with what `answer` makes of its key. */
async function raw(answer: (key: string, socket: Socket) => string | Buffer): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', (bytes) => {
      const key = /sec-websocket-key: (.*)\r/.exec(bytes.toString())![1]!
      socket.write(answer(key, socket))
    })
  }).listen(0, '127.0.0.1')
  ends.push(() => server.close())
  await once(server, 'listening')
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const acceptOf = (key: string) =>
  createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
const switching = (key: string, more = '') =>
  `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
  `Sec-WebSocket-Accept: ${acceptOf(key)}\r\n${more}\r\n`

function endOf(socket: Socket): string {
  socket.end()
  return ''
}

type Socketlike = InstanceType<typeof WebSocket>
const event = <Of>(socket: Socketlike, type: string) =>
  new Promise<Of>((resolve) =>
    socket.addEventListener(type, (it) => resolve(it as Of), { once: true }),
  )

/** How it ended, once it has. */
async function ending(socket: Socketlike): Promise<{ code: number; why: string }> {
  const error = event<{ message: string }>(socket, 'error')
  const { code } = await event<CloseEvent>(socket, 'close')
  return { code, why: (await error).message }
}

describe('a WebSocket to ws', () => {
  it('sends and receives text, bytes and blobs of all lengths', async () => {
    const { url } = await echo()
    const socket = new WebSocket(url)
    expect([socket.readyState, socket.url, socket.binaryType]).toEqual([0, url, 'blob'])
    expect(() => socket.send('early')).toThrow('not open yet')
    await event(socket, 'open')
    socket.binaryType = 'arraybuffer'
    for (const length of [0, 1, 125, 126, 65_535, 65_536, 1_000_000]) {
      const content = randomBytes(length)
      socket.send(content)
      const { data } = await event<MessageEvent<ArrayBuffer>>(socket, 'message')
      expect(content.equals(Buffer.from(data)), `${length} bytes`).toBe(true)
    }
    socket.send('grüße 😀')
    expect((await event<MessageEvent>(socket, 'message')).data).toBe('grüße 😀')
    socket.binaryType = 'blob'
    socket.send(new Blob(['of a ', 'blob']) as never)
    const { data, origin } = await event<MessageEvent<Blob>>(socket, 'message')
    expect([await data.text(), origin]).toEqual([
      'of a blob',
      new URL(url).origin.replace('http', 'ws'),
    ])
    socket.close(4000, 'done')
    expect(await event<CloseEvent>(socket, 'close')).toMatchObject({
      ...{ code: 4000, reason: 'done', wasClean: true },
    })
    expect(socket.readyState).toBe(3)
  })

  it('takes the subprotocol that the server chooses, and asks for its path', async () => {
    const { server, url } = await echo({ handleProtocols: () => 'second' })
    const asked = once(server, 'connection')
    const socket = new WebSocket(url, ['first', 'second'])
    await event(socket, 'open')
    const [, request] = await asked
    expect([socket.protocol, request.url, request.headers.host]).toEqual([
      ...['second', '/path?q=1', new URL(url).host],
    ])
  })

  it('is closed by the server with its code', async () => {
    const { server, url } = await echo()
    server.on('connection', (peer) => peer.close(3001, 'go'))
    const close = await event<CloseEvent>(new WebSocket(url), 'close')
    expect(close).toMatchObject({ code: 3001, reason: 'go', wasClean: true })
  })

  it('answers its pings', async () => {
    const { server, url } = await echo()
    const pong = new Promise((resolve) =>
      server.on('connection', (peer) => {
        peer.on('pong', (data) => resolve(String(data)))
        peer.ping('are you there')
      }),
    )
    new WebSocket(url)
    expect(await pong).toBe('are you there')
  })

  it('is closed with 1001 when the guest is to end', async () => {
    const { server, url } = await echo()
    const codes: number[] = []
    server.on('connection', (peer) => peer.on('close', (code) => codes.push(code)))
    const shutdown = new ShutdownController()
    let listeners = 0
    const [add, remove] = [shutdown.addEventListener, shutdown.removeEventListener]
    shutdown.addEventListener = (...given) => {
      listeners++
      add.apply(shutdown, given)
    }
    shutdown.removeEventListener = (...given) => {
      listeners--
      remove.apply(shutdown, given)
    }
    const Leaving = createWebSocket(connect, { ...host, shutdown })
    const early = new Leaving(url)
    await event(early, 'open')
    expect(listeners).toBe(1)
    shutdown.request()
    expect(early.readyState).toBe(2)
    expect(await event<CloseEvent>(early, 'close')).toMatchObject({ code: 1001, wasClean: true })
    await vi.waitFor(() => expect([listeners, ...codes]).toEqual([0, 1001]))
  })

  it('that is not open yet when the guest is to end, or begun after that, is given up', async () => {
    const shutdown = new ShutdownController()
    const Leaving = createWebSocket(connect, { ...host, shutdown })
    let tell!: (socket: Socket) => void
    const hung = new Promise<Socket>((resolve) => {
      tell = resolve
    })
    const silent = await raw((_key, socket) => {
      tell(socket)
      return ''
    })
    const pending = ending(new Leaving(silent))
    const gone = once(await hung, 'close')
    shutdown.request()
    const end = { code: 1006, why: expect.stringContaining('shutting down') }
    expect(await pending).toEqual(end)
    await gone
    const { server, url } = await echo()
    server.on('connection', () => expect.unreachable('a connection after the end'))
    expect(await ending(new Leaving(url))).toEqual(end)
  })

  it('fails with 1006 when that goes away', async () => {
    const { server, url } = await echo()
    server.on('connection', (peer) => peer.terminate())
    expect((await ending(new WebSocket(url))).code).toBe(1006)
  })
})

describe('an answer', () => {
  it.each([
    ['another status', () => 'HTTP/1.1 200 OK\r\n\r\n', 'answers with 200'],
    ['a wrong hash', (key: string) => switching(`${key}x`), 'not the hash'],
    [
      'an extension',
      (key: string) => switching(key, 'Sec-WebSocket-Extensions: permessage-deflate\r\n'),
      'extension',
    ],
    [
      'a protocol that nobody offered',
      (key: string) => switching(key, 'Sec-WebSocket-Protocol: x\r\n'),
      'not offered',
    ],
    [
      'no Upgrade',
      () => 'HTTP/1.1 101 S\r\nConnection: Upgrade\r\n\r\n',
      'Upgrade is not websocket',
    ],
    ['another language', () => '220 smtp.example\r\n\r\n', 'does not speak HTTP'],
    ['nothing', (_key: string, socket: Socket) => endOf(socket), 'ended before'],
  ])('§4.1: with %s fails the connection', async (_what, answer, why) => {
    const end = await ending(new WebSocket(await raw(answer)))
    expect(end).toEqual({ code: 1006, why: expect.stringContaining(why) })
  })

  it('that chooses none of the protocols asked for fails it', async () => {
    const url = await raw((key) => switching(key))
    expect((await ending(new WebSocket(url, 'mine'))).why).toContain('none of the protocols mine')
  })

  it('may have frames behind it, told one by one', async () => {
    const frames = [frame(1, 'one', { key: null }), frame(1, 'two', { key: null })]
    const url = await raw((key) => Buffer.concat([Buffer.from(switching(key)), ...frames]))
    const socket = new WebSocket(url)
    const heard: unknown[] = []
    const first = event<MessageEvent>(socket, 'message').then(async ({ data }) => {
      heard.push(data)
      // A listener that is added by a promise hears the next message.
      heard.push((await event<MessageEvent>(socket, 'message')).data)
    })
    await first
    expect(heard).toEqual(['one', 'two'])
  })
})

describe('a WebSocket', () => {
  it('closed before it is open ends with 1006', async () => {
    const socket = new WebSocket(await raw(() => ''))
    socket.close()
    expect(socket.readyState).toBe(2)
    expect((await ending(socket)).code).toBe(1006)
  })

  it('closed while the answer is read is never open', async () => {
    const { url } = await echo()
    class ClosingStream extends NodeStream {
      override async read(target: Uint8Array): Promise<number | null> {
        const count = await super.read(target)
        // The answer has come; nobody has looked at it.
        socket.close()
        return count
      }
    }
    const Closed = createWebSocket(async ({ hostname, port }) => {
      const stream = connectSocket(port, hostname)
      await once(stream, 'connect')
      return new ClosingStream(stream)
    }, host)
    const socket = new Closed(url)
    const heard: string[] = []
    socket.onopen = () => heard.push('open')
    expect(await ending(socket)).toEqual({ code: 1006, why: expect.stringContaining('closed') })
    expect([heard, socket.readyState]).toEqual([[], 3])
  })

  it.each([
    ['https://a', [], 'NotSupportedError'],
    ['wss://a', [], 'NotSupportedError'],
    ['ftp://a', [], 'SyntaxError'],
    ['nowhere', [], 'SyntaxError'],
    ['ws://a/#x', [], 'SyntaxError'],
    ['ws://a', ['a b'], 'SyntaxError'],
    ['ws://a', ['a', 'a'], 'SyntaxError'],
  ])('is not made of %s and %s', (url, protocols, name) => {
    expect(() => new WebSocket(url, protocols)).toThrow(expect.objectContaining({ name }))
  })

  it.each([
    [999, '', 'InvalidAccessError'],
    [1001, '', 'InvalidAccessError'],
    [5000, '', 'InvalidAccessError'],
    [1000, 'x'.repeat(124), 'SyntaxError'],
  ])('is not closed with %i and %s', async (code, reason, name) => {
    const socket = new WebSocket(await raw(() => ''))
    expect(() => socket.close(code, reason)).toThrow(expect.objectContaining({ name }))
  })

  it('holds back what the server does not take, and says how much', async () => {
    const { server, url } = await echo()
    server.removeAllListeners('connection')
    server.on('connection', (_peer, { socket }) => socket.pause())
    const socket = new WebSocket(url)
    await event(socket, 'open')
    const piece = new Uint8Array(1 << 20)
    while (socket.bufferedAmount < 4 << 20 && socket.readyState === 1) {
      socket.send(piece)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect(socket.bufferedAmount).toBeGreaterThanOrEqual(4 << 20)
    for (let count = 0; count < 20; count++) socket.send(piece)
    await vi.waitFor(() => expect(socket.readyState).toBe(3))
  })
})
