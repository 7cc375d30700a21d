/**
 * What hono's middleware needs beyond requests and responses: crypto, streams, forms, compression,
 * as clients see it.
 */
import { createHmac } from 'node:crypto'
import { Readable } from 'node:stream'
import { gunzipSync, gzipSync } from 'node:zlib'
import { beforeAll, describe, expect } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { GUEST, test } from './support/fixtures.ts'
import { HttpClient } from './support/http-client.ts'
import type { Guest, Site } from './support/site.ts'

const SECRET = 'a secret of the test'

test.override('guest', { ...GUEST, network: 'direct' })
let initrd: string
beforeAll(async () => {
  initrd = await buildApp('middleware.ts')
})

const serves =
  (work: (client: HttpClient, guest: Guest) => Promise<void>) =>
  async ({ site }: { site: Site }): Promise<void> => {
    const client = await HttpClient.toGuest(site, 80)
    try {
      await work(client, await site.boot({ initrd }))
    } finally {
      client.close()
    }
  }

/** Sent in chunks, as streams are. */
function chunks(bytes: Uint8Array, pieceBytes = 20_000): Readable {
  return Readable.from(
    (function* () {
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        yield bytes.subarray(at, at + pieceBytes)
      }
    })(),
  )
}

describe('hono, unmodified,', () => {
  test(
    'knows who may come: passwords, tokens, signed cookies, JWT, tags',
    serves(async (client, { vm }) => {
      const get = async (path: string, headers: Record<string, string> = {}) => {
        const response = await client.send(path, { headers })
        return { ...response, text: response.body.toString() }
      }
      const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
      expect((await get('/basic')).status).toBe(401)
      expect((await get('/basic', { authorization: basic('user:pass') })).status).toBe(401)
      expect((await get('/basic', { authorization: basic('user:päss') })).text).toBe('in')
      expect((await get('/bearer', { authorization: 'Bearer closed' })).status).toBe(401)
      expect((await get('/bearer', { authorization: 'Bearer open-sesame' })).text).toBe('in')

      const { etag } = (await get('/tagged')).headers
      expect(etag).toMatch(/^"[0-9a-f]{40}"$/)
      expect((await get('/tagged', { 'if-none-match': etag! })).status).toBe(304)

      const cookie = (await get('/bake')).headers['set-cookie']![0]!.split(';')[0]!
      expect(JSON.parse((await get('/taste', { cookie })).text)).toEqual({ who: 'Ada' })
      const forged = cookie.replace('Ada', 'Eve')
      expect(JSON.parse((await get('/taste', { cookie: forged })).text)).toEqual({ who: false })

      for (const bits of [256, 384, 512]) {
        const { text: token } = await get(`/token/HS${bits}`)
        const [head, payload, signature] = token.split('.')
        const expected = createHmac(`sha${bits}`, SECRET).update(`${head}.${payload}`)
        expect(signature).toBe(expected.digest('base64url'))
        const asked = await get(`/jwt/HS${bits}`, { authorization: `Bearer ${token}` })
        expect(JSON.parse(asked.text)).toEqual({ name: 'Ada' })
        const wrong = `${head}.${payload}.${signature!.replace(/^./, (it) => (it === 'A' ? 'B' : 'A'))}`
        const refused = await get(`/jwt/HS${bits}`, { authorization: `Bearer ${wrong}` })
        expect(refused.status).toBe(401)
      }
      expect((await get('/rsa')).text).toMatch(/^NotSupportedError: .*RSASSA-PKCS1-v1_5/)
      expect(vm.console.text).not.toMatch(/failed|panic/)
    }),
  )

  test(
    'reads forms and streams: limits on chunked content, files, unpacking, text',
    serves(async (client, { vm }) => {
      const post = (path: string, body: string | Readable, headers = {}) =>
        client.send(path, { method: 'POST', body, headers })
      const within = await post('/limited', chunks(Buffer.alloc(100_000)))
      expect(JSON.parse(within.body.toString())).toEqual({ length: 100_000 })
      expect((await post('/limited', chunks(Buffer.alloc(100_001)))).status).toBe(413)

      const form = new FormData()
      form.append('name', 'Ada Lovelace, grüße')
      form.append('tag', 'a')
      form.append('tag', 'b')
      form.append('file', new File(['line\r\n--\r\n'.repeat(2000)], 'ü.txt', { type: 'text/x' }))
      const sent = new Response(form)
      const headers = { 'content-type': sent.headers.get('content-type')! }
      const multipart = chunks(new Uint8Array(await sent.arrayBuffer()))
      expect(JSON.parse((await post('/form', multipart, headers)).body.toString())).toEqual({
        name: 'Ada Lovelace, grüße',
        tag: ['a', 'b'],
        file: {
          file: 'ü.txt',
          type: 'text/x',
          size: 20_000,
          text: 'line\r\n--\r\n'.repeat(2000),
        },
      })
      const encoded = { 'content-type': 'application/x-www-form-urlencoded' }
      const simple = await post('/form', 'a=1&b=%C3%A4+x', encoded)
      expect(JSON.parse(simple.body.toString())).toEqual({ a: '1', b: 'ä x' })
      const made = await client.send('/form')
      const back = await new Response(new Uint8Array(made.body), {
        headers: { 'content-type': made.headers['content-type']! },
      }).formData()
      expect(back.get('text')).toBe('grüße')
      expect(await (back.get('file') as File).text()).toBe('<p>')

      // A megabyte of zeros in each kilobyte: more than the guest has, were it not taken step by
      // step.
      const bomb = await post('/unpack', chunks(gzipSync(Buffer.alloc(80 << 20)), 4096), {
        connection: 'close',
      })
      expect(JSON.parse(bomb.body.toString()).length).toBeLessThan(2_000_000)
      const whole = await post('/unpack', chunks(gzipSync('x'.repeat(300_000)), 50))
      expect(JSON.parse(whole.body.toString())).toEqual({ length: 300_000 })
      const upper = await post('/upper', chunks(Buffer.from('grüße '.repeat(5000)), 1001))
      expect(upper.body.toString()).toBe('GRÜSSE '.repeat(5000))
      expect(vm.console.text).not.toMatch(/failed|panic/)
    }),
  )

  test(
    'packs what it sends, keeps nothing of signals that are over, and says that there is no Intl',
    serves(async (client, { vm }) => {
      const headers = { 'accept-encoding': 'gzip' }
      const packed = await client.send('/packed/text', { headers })
      expect(packed.headers['content-encoding']).toBe('gzip')
      expect(packed.body.length).toBeLessThan(2000)
      expect(gunzipSync(packed.body).toString()).toBe('all work and no play\n'.repeat(2000))
      expect((await client.send('/packed/text')).headers['content-encoding']).toBeUndefined()

      // What is garbage is collected some requests later: the least of a few is what stays.
      const leastOfSix = async () => {
        const heapBytes: number[] = []
        for (let request = 0; request < 6; request++) {
          const { body } = await client.send('/signals?rounds=1000')
          const answer = JSON.parse(body.toString()) as { calls: number; heapBytes: number }
          expect(answer.calls).toBe(1000)
          heapBytes.push(answer.heapBytes)
        }
        return Math.min(...heapBytes)
      }
      const before = await leastOfSix()
      const after = await leastOfSix()
      // Each round that stayed would be a kilobyte, of six thousand.
      expect(after - before).toBeLessThan(1_000_000)

      await client.send('/money')
      await client.send('/money')
      await vm.console.expect(
        /toLocaleString ignores its locale and options: there is no Intl here/,
      )
      expect(vm.console.text.match(/no Intl/g)).toHaveLength(1)
      expect(vm.console.text).not.toMatch(/failed|panic/)
    }),
  )
})
