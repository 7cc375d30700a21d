/**
 * The same bytes for Node's HTTP server and for ours, before the same app: what differs is in the
 * table, with its reason.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Handler } from '../../../../../kernel/userland/web/fetch-service.ts'
import type { Request } from '../../../../../kernel/userland/web/request.ts'
import { Response } from '../../../../../kernel/userland/web/response.ts'
import { CONTENTS } from './node/contents.ts'
import { FRAMINGS } from './node/framings.ts'
import { HEADS } from './node/heads.ts'
import { MESSAGES } from './node/messages.ts'
import { readResponses } from './node/read-responses.ts'
import { serveFetch } from './serve-fetch.ts'

const EXCHANGES = [...MESSAGES, ...CONTENTS, ...HEADS, ...FRAMINGS]

/**
 * How long Node may take to say what it is expected to, and then to say more that it is not
 * expected to.
 */
const ANSWER_TIMEOUT_MS = 10_000
const GRACE_MS = 100

/** What both servers run: a few paths that show how content and heads are treated. */
const handler: Handler = async (request: Request) => {
  const { pathname, search } = new URL(request.url)
  switch (pathname) {
    case '/stream':
      return new Response(pieces('one', 'two') as never)
    case '/no-content':
      return new Response(null, { status: 204 })
    case '/not-modified':
      return new Response(null, { status: 304, headers: { etag: '"1"' } })
    case '/unread':
      return new Response('unread')
    case '/refuses':
      return new Response(pieces('no') as never, { status: 403 })
    case '/reset-content':
      return new Response(null, { status: 205 })
    case '/closes':
      return new Response('last', { headers: { connection: 'close' } })
    case '/cookies': {
      const response = new Response('cookies')
      response.headers.append('set-cookie', 'a=1')
      response.headers.append('set-cookie', 'b=2')
      return response
    }
    case '/fields':
      return new Response(
        encodeURI(
          [...request.headers].filter(([name]) => name < 'host' || name > 'host').join(' '),
        ),
      )
    case '/mirror':
      return new Response(request.body)
    default: {
      const host = new URL(request.url).host
      return new Response(`${request.method} ${host}${pathname}${search} ${await request.text()}`)
    }
  }
}

async function* pieces(...texts: string[]) {
  for (const text of texts) yield text
}

/** As the usual adapters put a fetch app on Node's server. */
async function serveOnNode(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const { method = '', url = '', rawHeaders } = incoming
  const headers = new Headers()
  for (let at = 0; at < rawHeaders.length; at += 2) {
    headers.append(rawHeaders[at]!, rawHeaders[at + 1]!)
  }
  const base = `http://${incoming.headers.host ?? 'localhost'}`
  const hasBody =
    incoming.headers['content-length'] !== undefined || 'transfer-encoding' in incoming.headers
  const request = {
    method,
    url: url.startsWith('/') ? `${base}${url}` : url === '*' ? `${base}/` : url,
    headers,
    body: hasBody ? incoming : null,
    async text() {
      let text = ''
      for await (const piece of incoming) text += piece.toString('latin1')
      return text
    },
  }
  const response = await handler(request as never)
  const fields: Record<string, string | string[]> = {}
  for (const [name, value] of response.headers) fields[name] = value
  if (response.headers.getSetCookie().length > 0)
    fields['set-cookie'] = response.headers.getSetCookie()
  const content = response.takeContent()
  if (typeof content === 'string') fields['content-length'] = String(content.length)
  if (content === null && response.status === 200) fields['content-length'] = '0'
  outgoing.writeHead(response.status, fields)
  if (content !== null && typeof content !== 'string') {
    for await (const piece of content as AsyncIterable<string>) outgoing.write(piece)
    outgoing.end()
  } else {
    outgoing.end(content ?? undefined)
  }
}

/** Node's answer to `bytes`: `expected`, or what it was when the time was over. */
async function askNode(port: number, bytes: string, expected: string): Promise<() => string> {
  const socket = connect({ port, host: '127.0.0.1' })
  let received = ''
  let isClosed = false
  socket.on('data', (piece) => {
    received += piece.toString('latin1')
  })
  socket.on('error', () => {})
  socket.on('end', () => {
    isClosed = true
  })
  await once(socket, 'connect')
  socket.write(bytes, 'latin1')
  const answer = () => readResponses(received, bytes, isClosed)
  const end = Date.now() + ANSWER_TIMEOUT_MS
  while (answer() !== expected && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return answer
}

async function askOurs(bytes: string): Promise<string> {
  const { send, socket } = serveFetch(handler)
  return readResponses(await send(bytes), bytes, socket.ending !== 'open')
}

describe('what Node answers to the same bytes', () => {
  let server: Server
  const node = new Map<string, () => string>()
  beforeAll(async () => {
    server = createServer((incoming, outgoing) => {
      serveOnNode(incoming, outgoing).catch(() => outgoing.destroy())
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const all = EXCHANGES.map(async ({ name, bytes, answer, difference }) => {
      node.set(name, await askNode(port, bytes, difference?.node ?? answer))
    })
    await Promise.all(all)
    await new Promise((resolve) => setTimeout(resolve, GRACE_MS))
  }, 2 * ANSWER_TIMEOUT_MS)
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  it.each(EXCHANGES)('$name', async ({ name, bytes, answer, difference }) => {
    expect(await askOurs(bytes), 'ours').toBe(answer)
    expect(node.get(name)!(), "Node's").toBe(difference?.node ?? answer)
    if (difference !== undefined) expect(difference.node).not.toBe(answer)
  })
})
