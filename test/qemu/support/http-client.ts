/**
 * HTTP as Node speaks it, carried to the guest: every local connection is relayed from inside the
 * test network.
 */

import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { type AddressInfo, connect, createServer } from 'node:net'
import type { Readable } from 'node:stream'
import { GUEST_HOST } from './guest-addresses.ts'
import type { Site } from './site.ts'

export interface ClientRequest {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** A stream is sent chunked. */
  readonly body?: string | Readable
}

export interface ClientResponse {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

const CONNECTION_TIMEOUT_MS = 60_000

export class HttpClient {
  /** Connections opened so far by `send`. */
  connections = 0
  readonly port: number
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 })

  private constructor(port: number) {
    this.port = port
    const { agent } = this
    const open = agent.createConnection.bind(agent)
    agent.createConnection = (options, callback) => {
      this.connections++
      return open(options, callback)
    }
  }

  static async toGuest(
    site: Site,
    guestPort: number,
    host: string = GUEST_HOST[4],
  ): Promise<HttpClient> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    await site.peer.forward(server, { host, port: guestPort })
    return new HttpClient(port)
  }

  async send(path: string, options: ClientRequest = {}): Promise<ClientResponse> {
    const { method = 'GET', headers = {}, body } = options
    const { agent, port } = this
    const outgoing = request({ port, path, method, headers, agent, timeout: CONNECTION_TIMEOUT_MS })
    outgoing.on('timeout', () => outgoing.destroy(new Error(`${method} ${path}: no answer`)))
    const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>
    if (typeof body === 'object') body.pipe(outgoing)
    else outgoing.end(body)
    const [incoming] = await answered
    const pieces: Buffer[] = []
    for await (const piece of incoming) pieces.push(piece as Buffer)
    return {
      status: incoming.statusCode!,
      headers: incoming.headers,
      body: Buffer.concat(pieces),
    }
  }

  /** Sends `text` as it is on a connection of its own; what comes back until the guest ends it. */
  async exchange(text: string): Promise<string> {
    const socket = connect({ host: '127.0.0.1', port: this.port })
    socket.setTimeout(CONNECTION_TIMEOUT_MS, () => socket.destroy(new Error('no end')))
    socket.write(text, 'latin1')
    let received = ''
    for await (const piece of socket) received += (piece as Buffer).toString('latin1')
    return received
  }

  /** Sends `text` and goes away without reading. */
  async abandon(text: string): Promise<void> {
    const socket = connect({ host: '127.0.0.1', port: this.port })
    await once(socket, 'connect')
    await new Promise((resolve) => socket.write(text, 'latin1', resolve))
    socket.resetAndDestroy()
  }

  close(): void {
    this.agent.destroy()
  }
}
