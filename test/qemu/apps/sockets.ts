/**
 * WebSockets in a guest: hono's and crossws's adapters for Cloudflare Workers as they are, a pair
 * by hand, and a client.
 */
/// <reference path="../../../kernel/eremite.d.ts" />
import cloudflare from 'crossws/adapters/cloudflare'
import { Hono } from 'hono'
import { upgradeWebSocket } from 'hono/cloudflare-workers'

declare const WebSocketPair: typeof import('../../../kernel/userland/web/network-globals.ts')['WebSocketPair']

const app = new Hono()
app.get(
  '/hono',
  upgradeWebSocket(() => ({
    onMessage: ({ data }, socket) => socket.send(data as string | ArrayBuffer),
    onClose: ({ code, reason }) => void ends.push(`hono ${code} ${reason}`),
  })),
)
const ends: string[] = []
app.get('/ends', (c) => c.json(ends))

const sockets = cloudflare({
  hooks: {
    upgrade: () => ({ headers: { 'X-Adapter': 'crossws' } }),
    open: (peer) => void peer.send('welcome'),
    message: (peer, message) => void peer.send(message.uint8Array()),
    close: (_peer, { code, reason }) => void ends.push(`crossws ${code} ${reason}`),
  },
})
app.get('/crossws', (c) => sockets.handleUpgrade(c.req.raw, {}, {} as never) as never)

/** Answers each message, as long as it has something to say: see the test. */
function pair(): Response {
  const { 0: client, 1: server } = new WebSocketPair()
  server.accept()
  server.onmessage = ({ data }) => {
    if (data === 'close') server.close(4000, 'asked to')
    else if (data === 'flood') flood(server)
    else if (typeof data === 'string') server.send(data.toUpperCase())
    else server.send(data as ArrayBuffer)
  }
  server.onclose = ({ code, reason }) => void ends.push(`pair ${code} ${reason}`)
  return new Response(null, {
    ...{ status: 101, webSocket: client },
    headers: { 'Sec-WebSocket-Protocol': 'upper' },
  })
}

/** 8 MiB as fast as the peer takes them, and never more than 1 MiB ahead. */
async function flood(socket: InstanceType<typeof WebSocketPair>[1]): Promise<void> {
  const piece = new Uint8Array(65_536)
  for (let count = 0; count < 128; count++) {
    socket.send(piece)
    while (socket.bufferedAmount > 1 << 20) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  socket.send('done')
}
app.get('/pair', (c) => (c.req.header('upgrade') === 'websocket' ? pair() : c.notFound()) as never)

/** Has an echo server send back 64 KiB: how long the call takes that masks it, and what came. */
async function dial(url: string): Promise<object> {
  const socket = new WebSocket(url, ['first', 'second'])
  socket.binaryType = 'arraybuffer'
  await new Promise((resolve, reject) => {
    socket.onopen = resolve
    socket.onerror = (event) => reject((event as unknown as { error: Error }).error)
  })
  const sent = Uint8Array.from({ length: 65_536 }, (_, at) => at * 7)
  const start = performance.now()
  socket.send(sent)
  const sendMs = performance.now() - start
  const back = await new Promise<ArrayBuffer>((resolve) => {
    socket.onmessage = ({ data }) => resolve(data)
  })
  const received = new Uint8Array(back)
  const isSame = received.length === sent.length && received.every((byte, at) => byte === sent[at])
  const closed = new Promise<CloseEvent>((resolve) => {
    socket.onclose = resolve
  })
  socket.close(1000, 'thanks')
  const { code, reason, wasClean } = await closed
  return { sendMs, isSame, protocol: socket.protocol, code, reason, wasClean }
}
app.get('/dial', async (c) => {
  try {
    return c.json(await dial(c.req.query('url')!))
  } catch (error) {
    return c.text(`${error}`, 502)
  }
})

export default app
