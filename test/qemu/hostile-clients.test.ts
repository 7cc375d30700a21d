/**
 * Clients that mean harm, against apps in a guest of 64 MiB: it lives, and others are served
 * meanwhile.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { GUEST, test } from './support/fixtures.ts'
import { HttpClient } from './support/http-client.ts'
import type { Guest, Site } from './support/site.ts'

const FLOOD = 4000

test.override('guest', { ...GUEST, network: 'direct' })

async function withApp(
  site: Site,
  name: string,
  work: (client: HttpClient, guest: Guest) => Promise<void>,
): Promise<void> {
  const initrd = await buildApp(name)
  const client = await HttpClient.toGuest(site, 80)
  try {
    await work(client, await site.boot({ initrd, memoryMiB: 64 }))
  } finally {
    client.close()
  }
}

/** The status that the request gets, whose content is sent as far as anybody takes it. */
async function statusOf(port: number, head: string, content = ''): Promise<string | undefined> {
  const socket = connect({ host: '127.0.0.1', port })
  let answer = ''
  socket.on('error', () => {})
  socket.on('data', (piece) => {
    answer += piece.toString('latin1')
  })
  await once(socket, 'connect')
  socket.write(`${head}\r\n\r\n${content}`)
  await expect.poll(() => answer, { timeout: 50_000 }).toMatch(/^HTTP\/1\.1 \d/)
  socket.destroy()
  return /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]
}

describe('a guest of 64 MiB', () => {
  test('serves others while one has sent thousands of requests at once', async ({ site }) =>
    withApp(site, 'bears-at-once.ts', async (client) => {
      await client.send('/quick')
      const flood = connect({ host: '127.0.0.1', port: client.port })
      // Whole: one of two pieces may begin within a status line.
      let received = ''
      const answers = () => received.split('HTTP/1.1 200').length - 1
      flood.on('error', () => {})
      flood.on('data', (piece) => {
        received += piece.toString('latin1')
      })
      await once(flood, 'connect')
      flood.write('GET / HTTP/1.1\r\nHost: g\r\n\r\n'.repeat(FLOOD))
      await expect.poll(answers).toBeGreaterThan(0)
      const before = answers()
      expect((await client.send('/quick')).body.toString()).toBe('hello')
      expect(answers() - before).toBeLessThan(FLOOD / 4)
      await expect.poll(answers, { timeout: 40_000 }).toBe(FLOOD)
      flood.destroy()
    }))

  test(
    'bears what is made to take its memory or its time',
    { timeout: 120_000 },
    async ({ site }) =>
      withApp(site, 'bears.ts', async ({ port }, { vm }) => {
        const post = (path: string, content: string, fields = '') => {
          const length = `Content-Length: ${content.length}${fields}`
          return statusOf(port, `POST ${path} HTTP/1.1\r\nHost: g\r\n${length}`, content)
        }
        // As arrays of a byte each they would take 60 MB.
        const chunks = `${'1\r\na\r\n'.repeat(200_000)}0\r\n\r\n`
        const chunked = 'POST /length HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked'
        expect(await statusOf(port, chunked, chunks)).toBe('200')
        expect(await post('/json', '['.repeat(500_000))).toBe('500')
        expect(await post('/url', `http://g/a${' '.repeat(200_000)}b`)).toBe('200')
        const disposition = 'Content-Disposition: form-data; name="a"'
        const form = `--x\r\n${disposition}\r\na:${' '.repeat(8000)}\n\r\n\r\n\r\n--x--`
        const type = '\r\nContent-Type: multipart/form-data; boundary=x'
        expect(await post('/form', form, type)).toBe('500')
        expect(await post('/logs', `[${'[1],'.repeat(50_000)}1]`)).toBe('200')
        expect(await statusOf(port, 'GET /throws HTTP/1.1\r\nHost: g')).toBe('500')
        expect(await statusOf(port, 'GET / HTTP/1.1\r\nHost: g')).toBe('200')
        await vm.console.expect(/GET \/throws failed: /)
        expect(vm.console.text).not.toMatch(/panic/)
      }),
  )
})
