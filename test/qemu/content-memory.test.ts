/**
 * Bodies beyond what the heap has: refused one by one, while the guest and the other requests live
 * (RFC 9110 §15.5.14, §15.6.4).
 */
import { once } from 'node:events'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { beforeAll, describe, expect } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { GUEST, test } from './support/fixtures.ts'
import { HttpClient } from './support/http-client.ts'
import type { Guest, Site } from './support/site.ts'

const PIECE = Buffer.alloc(65_536, 'x')

test.override('guest', { ...GUEST, network: 'direct' })
let initrd: string
beforeAll(async () => {
  initrd = await buildApp('keeps.ts')
})

async function withApp(
  site: Site,
  memoryMiB: number,
  work: (client: HttpClient, guest: Guest) => Promise<void>,
): Promise<void> {
  const client = await HttpClient.toGuest(site, 80)
  try {
    const options = { initrd, memoryMiB, append: { log: 'debug' } }
    await work(client, await site.boot(options))
  } finally {
    client.close()
  }
}

/** A body of `length` bytes on its way: `sent` of them so far. */
class Upload {
  answer = ''
  private readonly socket: Socket
  private readonly closed: Promise<unknown>
  private left: number

  constructor(port: number, path: string, length: number) {
    this.left = length
    this.socket = connect({ host: '127.0.0.1', port })
    this.socket.on('error', () => {})
    this.socket.on('data', (piece) => {
      this.answer += piece
      if (this.status !== null && /\r\n\r\n./.test(this.answer)) this.socket.destroy()
    })
    this.closed = once(this.socket, 'close')
    this.socket.write(`POST ${path} HTTP/1.1\r\nHost: guest\r\nContent-Length: ${length}\r\n\r\n`)
  }

  get status(): string | null {
    return /^HTTP\/1\.1 (\d+)/.exec(this.answer)?.[1] ?? null
  }

  get content(): string {
    return this.answer.split('\r\n\r\n')[1] ?? ''
  }

  /** Sends as much as that, or until there is an answer. */
  async send(length: number): Promise<void> {
    for (const end = this.left - length; this.left > end && !this.socket.destroyed; ) {
      const piece = PIECE.subarray(0, Math.min(this.left - end, PIECE.length))
      this.left -= piece.length
      if (this.socket.write(piece)) continue
      await Promise.race([once(this.socket, 'drain').catch(() => {}), this.closed])
    }
  }

  async finish(): Promise<this> {
    await this.send(this.left)
    await this.closed
    return this
  }

  leave(): void {
    this.socket.resetAndDestroy()
  }
}

const post = (port: number, path: string, length: number) => new Upload(port, path, length).finish()

describe('on a guest of 64 MiB', () => {
  test('what does not fit is refused, garbage makes room, content is invited once, limits have their status', async ({
    site,
  }) =>
    withApp(site, 64, async (client, { vm }) => {
      const all = Array.from({ length: 12 }, () => post(client.port, '/length', 4_000_000))
      const answers = await Promise.all(all)
      const served = answers.filter(({ status }) => status === '200')
      expect(served.length).toBeGreaterThan(0)
      expect(served.every(({ content }) => content === '4000000')).toBe(true)
      const refused = answers.filter(({ status }) => status === '503')
      expect(refused.length).toBeGreaterThan(0)
      expect(served.length + refused.length).toBe(12)
      await vm.console.expect(/POST \/length: 503, content takes 8000000 bytes of memory; others/)

      // Text beyond ASCII takes no more than its bytes and itself, and JSON that grows beyond all
      // memory ends alone.
      const text = { method: 'POST', body: 'ü'.repeat(5_000_000) }
      expect((await client.send('/length', text)).body.toString()).toBe('5000000')
      const json = { method: 'POST', body: `[${'[],'.repeat(1_000_000)}0]` }
      expect((await client.send('/json', json)).status).toBe(503)
      // What a peak leaves behind is no reason to refuse, nor is garbage of twice the memory, which
      // only a search finds.
      expect((await client.send('/peak')).body.toString()).toBe('over')
      expect((await client.send('/garbage')).body.toString()).toBe('made')
      expect((await post(client.port, '/length', 4_000_000)).content).toBe('4000000')

      await expectInvitation(client.port)
      const long = `/${'a'.repeat(7986)}`
      // RFC 9112 §3: "at minimum, request-line lengths of 8000 octets".
      expect((await client.send(long)).status).toBe(200)
      expect((await client.send(`${long}${'a'.repeat(1000)}`)).status).toBe(414)
      await vm.console.expect(/refused with 414: the request line is longer than 8192 bytes/)
      expect(vm.console.text).not.toMatch(/panic|failed/)
    }))
})

describe('on a guest of 256 MiB', () => {
  test('20 requests of 16 MB at once are refused in part before they have come, and the others go on', async ({
    site,
  }) =>
    withApp(site, 256, async (client, { vm }) => {
      const uploads = Array.from(
        { length: 20 },
        () => new Upload(client.port, '/length', 16_000_000),
      )
      await Promise.all(uploads.map((upload) => upload.send(500_000)))
      await vm.console.expect(/POST \/length: 503, content takes 32000000 bytes/)
      await expect
        .poll(() => uploads.filter(({ status }) => status === '503').length)
        .toBeGreaterThan(5)
      const held = uploads.filter(({ status }) => status === null)
      expect(held.length).toBeGreaterThan(5)
      expect((await held[0]!.finish()).content).toBe('16000000')
      for (const upload of held) upload.leave()
      await expect
        .poll(async () => (await post(client.port, '/length', 1_000_000)).content)
        .toBe('1000000')
      expect((await client.send('/')).body.toString()).toBe('hello')
      expect(vm.console.text).not.toMatch(/panic|failed/)
    }))
})

/**
 * RFC 9110 §10.1.1, §15.2: one interim response, before the final one, whose content is what was
 * invited.
 */
async function expectInvitation(port: number): Promise<void> {
  const headers = { expect: '100-continue', 'content-length': '300000' }
  const outgoing = request({ port, path: '/mirror', method: 'POST', headers })
  let invitations = 0
  outgoing.on('continue', () => {
    invitations++
    outgoing.end(Buffer.alloc(300_000, 'y'))
  })
  outgoing.flushHeaders()
  const [incoming] = await once(outgoing, 'response')
  let length = 0
  for await (const piece of incoming) length += piece.length
  expect([invitations, incoming.statusCode, length]).toEqual([1, 200, 300_000])
  // RFC 9110 §6.6.1.
  expect(Math.abs(Date.parse(incoming.headers.date) - Date.now())).toBeLessThan(60_000)
}
