/**
 * WebSockets of a guest, judged from outside: the client and the server of `ws`, and raw frames of
 * RFC 6455 §5 to §7 that break it.
 */
import { randomBytes } from 'node:crypto'
import { type EventEmitter, once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Vm } from 'qemu-runner'
import { describe, expect } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { closing, frame, parseFrames } from '../unit/kernel/userland/web/websocket/test-frames.ts'
import { buildApp } from './support/build-app.ts'
import { GUEST, test } from './support/fixtures.ts'
import { awaitReady } from './support/site.ts'

test.override('guest', {
  ...GUEST,
  memoryMiB: 96,
  network: [{ kind: 'user', forwards: [{ protocol: 'tcp', guestPort: 80 }] }],
})

/** Where user-mode networking has the host. */
const HOST = '10.0.2.2'
const MASK_LIMIT_MS = 100
const WAIT_MS = 15_000
/** In which the app sends more than its TCP takes. */
const UNREAD_MS = 500

/** What an event brings, within the time that it may take. */
async function soon(emitter: EventEmitter, event: string): Promise<unknown[]> {
  return once(emitter, event, { signal: AbortSignal.timeout(WAIT_MS) })
}

async function open(url: string, protocols: string[] = []): Promise<WebSocket> {
  const socket = new WebSocket(url, protocols, { perMessageDeflate: true })
  await soon(socket, 'open')
  return socket
}

async function heard(socket: WebSocket): Promise<Buffer | string> {
  const [data, isBinary] = (await soon(socket, 'message')) as [Buffer, boolean]
  return isBinary ? data : data.toString()
}

async function closed(socket: WebSocket): Promise<[number, string]> {
  const [code, reason] = (await soon(socket, 'close')) as [number, Buffer]
  return [code, reason.toString()]
}

/** A connection after the handshake, without the head of its answer. */
async function rawSocket(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.write(
    'GET /pair HTTP/1.1\r\nHost: guest\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Protocol: upper\r\n\r\n',
  )
  const [head] = (await soon(socket, 'data')) as [Buffer]
  expect(head.toString()).toMatch(
    /^HTTP\/1\.1 101 [\s\S]*s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=[\s\S]*\r\n\r\n$/,
  )
  return socket
}

/** All that comes until the guest ends the connection. */
async function answerTo(port: number, bytes: Buffer): Promise<Buffer> {
  const socket = await rawSocket(port)
  const pieces: Buffer[] = []
  socket.on('data', (piece) => pieces.push(piece))
  socket.write(bytes)
  await soon(socket, 'end')
  socket.destroy()
  return Buffer.concat(pieces)
}

const UNMASKED = { key: null } as const
const BROKEN: readonly (readonly [string, Buffer, number])[] = [
  ['an opcode that is not known', frame(3), 1002],
  ['a reserved bit', frame(1, 'x', { reserved: 4 }), 1002],
  ['a client that does not mask', frame(1, 'x', UNMASKED), 1002],
  ['a control frame of 126 bytes', frame(9, 'x'.repeat(126)), 1002],
  ['a fragmented control frame', frame(9, 'x', { final: false }), 1002],
  ['a fragment of nothing', frame(0, 'x'), 1002],
  ['a length that takes 64 bits without need', frame(2, 'x', { lengthBytes: 8 }), 1002],
  ['a message beyond the limit', frame(2, '', { lengthBytes: 8, claimedLength: 1n << 40n }), 1009],
  ['half a close code', frame(8, 'x'), 1002],
  ['a close code that is none', frame(8, closing(1005)), 1002],
  ['a reason that is not UTF-8', frame(8, closing(1000, Buffer.from('c328', 'hex'))), 1007],
  [
    'a character that is broken between two fragments',
    Buffer.concat([frame(1, Buffer.from('e2', 'hex'), { final: false }), frame(0, '(')]),
    1007,
  ],
]

async function echoes(url: string): Promise<void> {
  const socket = await open(url)
  for (const length of [0, 1, 126, 65_536, 300_000]) {
    const content = randomBytes(length)
    socket.send(content)
    expect(content.equals((await heard(socket)) as Buffer), `${url}: ${length}`).toBe(true)
  }
  socket.close(3000, 'enough')
  expect(await closed(socket)).toEqual([3000, 'enough'])
}

describe('a guest', () => {
  test('speaks WebSocket with ws, under hono, crossws and by hand, at both ends', async ({
    launchGuest,
  }) => {
    const vm: Vm = await launchGuest({ initrd: await buildApp('sockets.ts') })
    await awaitReady(vm)
    const port = await vm.forwardedPort(80)
    const at = (path: string) => `ws://127.0.0.1:${port}/${path}`

    await echoes(at('hono'))
    const welcomed = new WebSocket(at('crossws'))
    const [upgrade, welcome] = await Promise.all([soon(welcomed, 'upgrade'), heard(welcomed)])
    const { headers } = upgrade[0] as IncomingMessage
    expect([welcome, headers['x-adapter']]).toEqual(['welcome', 'crossws'])
    welcomed.send('grüße')
    expect(String(await heard(welcomed))).toBe('grüße')
    welcomed.close(3001, 'bye')
    await closed(welcomed)

    const byHand = await open(at('pair'), ['lower', 'upper'])
    expect([byHand.protocol, byHand.extensions]).toEqual(['upper', ''])
    byHand.send('grüße 😀')
    expect(await heard(byHand)).toBe('GRÜSSE 😀')
    byHand.ping('there?')
    expect(String((await soon(byHand, 'pong'))[0])).toBe('there?')
    // A fragment at a time, with a ping between two of them.
    byHand.send('frag', { fin: false })
    byHand.ping()
    byHand.send('ments', { fin: true })
    expect(await heard(byHand)).toBe('FRAGMENTS')
    byHand.send('close')
    expect(await closed(byHand)).toEqual([4000, 'asked to'])
    const ends = await (await fetch(at('ends').replace('ws', 'http'))).json()
    expect(ends).toEqual(['hono 3000 enough', 'crossws 3001 bye', 'pair 4000 asked to'])

    await breaksNobody(vm, port)
    await waitsForSlowPeers(at('pair'))
    await dialsOut(port)
  })
})

/** RFC 6455 §5 to §7: each is answered with its code and the end, and others notice nothing. */
async function breaksNobody(vm: Vm, port: number): Promise<void> {
  const other = await open(`ws://127.0.0.1:${port}/pair`, ['upper'])
  for (const [what, bytes, code] of BROKEN) {
    const [close] = parseFrames(await answerTo(port, bytes))
    expect([close?.opcode, close?.payload.readUInt16BE(0)], what).toEqual([8, code])
  }
  // §7.1.7: who has left megabytes unread finds the reason behind what had begun to go.
  const idle = await rawSocket(port)
  idle.write(frame(1, 'flood'))
  idle.pause()
  await delay(UNREAD_MS)
  idle.write(frame(3))
  const unread: Buffer[] = []
  idle.on('data', (piece) => unread.push(piece))
  idle.resume()
  await soon(idle, 'end')
  idle.destroy()
  const last = parseFrames(Buffer.concat(unread)).at(-1)
  expect([last?.opcode, last?.payload.readUInt16BE(0), unread.length > 1]).toEqual([8, 1002, true])
  // Those who vanish within a message leave nothing behind that matters.
  for (let count = 0; count < 20; count++) {
    const socket = await rawSocket(port)
    socket.write(frame(2, 'x', { lengthBytes: 8, claimedLength: 16n << 20n }))
    socket.destroy()
  }
  other.send('still here')
  expect(await heard(other)).toBe('STILL HERE')
  other.close()
  await closed(other)
  expect(vm.console.tail(20)).not.toContain('PANIC')
}

/** The app sends no more than it may keep, and all of it arrives. */
async function waitsForSlowPeers(url: string): Promise<void> {
  const socket = await open(url, ['upper'])
  let received = 0
  const done = new Promise<void>((resolve) => {
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (isBinary) received += data.length
      else resolve()
    })
  })
  socket.send('flood')
  socket.pause()
  await delay(500)
  socket.resume()
  await within(done)
  expect(received).toBe(8 << 20)
  socket.close()
  await closed(socket)
}

async function within(work: Promise<void>): Promise<void> {
  const late = delay(WAIT_MS, 'late', { ref: false })
  expect(await Promise.race([work, late])).not.toBe('late')
}

async function dialsOut(port: number): Promise<void> {
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    handleProtocols: () => 'second',
  })
  await soon(server, 'listening')
  server.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  const ask = async (url: string) => {
    const query = new URLSearchParams({ url })
    return fetch(`http://127.0.0.1:${port}/dial?${query}`)
  }
  try {
    const { port: away } = server.address() as AddressInfo
    const { sendMs, ...rest } = (await (await ask(`ws://${HOST}:${away}/`)).json()) as {
      sendMs: number
    }
    expect(rest).toEqual({
      ...{ isSame: true, protocol: 'second', code: 1000, reason: 'thanks', wasClean: true },
    })
    expect(sendMs).toBeLessThan(MASK_LIMIT_MS)
    console.log(`64 KiB masked and queued in ${sendMs.toFixed(2)} ms`)
  } finally {
    server.close()
  }
  expect(await (await ask('wss://a/')).text()).toContain('there is no TLS here')
  expect(await (await ask(`ws://${HOST}:1/`)).text()).toContain('has failed')
}
