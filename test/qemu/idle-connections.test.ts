/** Many idle connections do not lock anybody out: the longest idle ones make room (RFC 9112 §9.5). */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { Site, withGuest } from './support/guest-site.ts'
import { HttpClient } from './support/http-client.ts'

const IDLE_CONNECTIONS = 1000
/** Far below the minute after which idle connections end by themselves. */
const REACHABLE_MS = 20_000

let site: Site
beforeAll(async () => {
  site = await Site.create('direct')
})
afterAll(() => site.close())

/** Opens connections that never say a word. */
async function openIdle(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  for (let index = 0; index < count; index++) {
    const socket = connect({ host: '127.0.0.1', port })
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    sockets.push(socket)
  }
  return sockets
}

describe(`${IDLE_CONNECTIONS} idle connections`, () => {
  it.each([
    ['an app that exports fetch', 'serves.ts', '/hello'],
    ['the built-in app', undefined, '/stats'],
  ])('leave %s reachable', async (_title, app, path) => {
    const initrd = app === undefined ? {} : { initrd: await buildApp(app) }
    await withGuest(site, initrd, async ({ vm }) => {
      const client = await HttpClient.toGuest(site, 80)
      const sockets = await openIdle(client.port, IDLE_CONNECTIONS)
      // The relay opens them behind our back: until they have all arrived, one of ours may be the longest idle.
      const status = () =>
        client.send(path).then(
          (response) => response.status,
          (error: Error) => error.message,
        )
      await expect.poll(status, { timeout: REACHABLE_MS, interval: 500 }).toBe(200)
      expect(vm.console.text).not.toMatch(/panic|out of memory/)
      for (const socket of sockets) socket.destroy()
      client.close()
    })
  })
})
