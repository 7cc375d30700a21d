/**
 * Event streams of a guest (HTML §9.2) as clients see them: they stay, they vanish, they do not
 * read, and come again with Last-Event-ID.
 */
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { expect } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { GUEST, test } from './support/fixtures.ts'
import { HttpClient } from './support/http-client.ts'

test.override('guest', { ...GUEST, network: 'direct' })

interface State {
  readonly open: number
  readonly canceled: number
  readonly aborted: number
  readonly produced: number
  readonly returned: number
}

const CROWD = 60
/** More than TCP of all hosts and the relay on the way keep of a stream that nobody reads. */
const KEPT_BYTES = 32 << 20
const MORE_BYTES = 1 << 20
const SLOWLY = { timeout: 20_000 }
/** Without a byte made, the client's window is full. */
const STILL_MS = 500

/** A subscriber, with all that it has heard. */
class Subscriber {
  text = ''
  readonly incoming: IncomingMessage

  private constructor(incoming: IncomingMessage) {
    this.incoming = incoming
    incoming.on('error', () => undefined)
    incoming.setEncoding('utf8').on('data', (piece: string) => {
      this.text += piece
    })
  }

  static async of(url: string, lastEventId?: number): Promise<Subscriber> {
    const headers = lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) }
    const request = get(url, { headers, agent: false })
    request.on('error', () => undefined)
    const [incoming] = (await once(request, 'response')) as [IncomingMessage]
    expect(incoming.headers['content-type']).toBe('text/event-stream')
    return new Subscriber(incoming)
  }

  get events(): string[] {
    return this.text.match(/id: \d+\ndata: .*\n\n/g) ?? []
  }

  vanish(): void {
    this.incoming.destroy()
  }
}

test('streams of events reach who stays, end with who vanishes, and wait for who does not read', async ({
  site,
}) => {
  const { vm } = await site.boot({ initrd: await buildApp('events.ts') })
  const { port } = await HttpClient.toGuest(site, 80)
  const at = (path: string) => `http://127.0.0.1:${port}${path}`
  const state = async () => (await (await fetch(at('/state'))).json()) as State
  const publish = (text: string) => fetch(at('/publish'), { method: 'POST', body: text })

  const [one, other] = [await Subscriber.of(at('/events')), await Subscriber.of(at('/events'))]
  // Each event by itself, when it is there.
  for (const id of [1, 2, 3]) {
    await publish(`event ${id}`)
    await expect.poll(() => one.events.at(-1)).toBe(`id: ${id}\ndata: event ${id}\n\n`)
    await expect.poll(() => other.events.length).toBe(id)
  }
  other.vanish()
  await expect.poll(state).toMatchObject({ open: 1, canceled: 1, aborted: 1 })
  await publish('event 4')
  const again = await Subscriber.of(at('/events'), 3)
  await expect.poll(() => [one, again].map(({ events }) => events.length)).toEqual([4, 1])

  // A generator hears of its end, too.
  const ticking = await Subscriber.of(at('/ticks'))
  await expect.poll(() => ticking.text).toContain('data: 3\n\n')
  ticking.vanish()
  await expect.poll(async () => (await state()).returned).toBe(1)

  await waitsForReaders(at, state)
  await publish('event 5')
  await expect.poll(() => one.events.length).toBe(5)

  const crowd = await Promise.all(Array.from({ length: CROWD }, () => Subscriber.of(at('/events'))))
  await publish('to all')
  await expect.poll(() => crowd.filter(({ events }) => events.length === 1).length).toBe(CROWD)
  for (const subscriber of [...crowd, one, again]) subscriber.vanish()
  await expect.poll(async () => (await state()).open).toBe(0)
  expect(vm.console.text).not.toMatch(/panic|failed/)
})

/** Nothing is made for a client that takes nothing; once it reads, it goes on. */
async function waitsForReaders(
  at: (path: string) => string,
  state: () => Promise<State>,
): Promise<void> {
  const { port } = new URL(at('/'))
  const idle = connect(Number(port), '127.0.0.1')
  idle.write('GET /flood HTTP/1.1\r\nHost: guest\r\n\r\n')
  idle.pause()
  const produced = async () => (await state()).produced
  await expect.poll(produced, SLOWLY).toBeGreaterThan(0)
  let before = 0
  const isStill = async () => {
    const now = await produced()
    const same = now === before
    before = now
    return same
  }
  await expect.poll(isStill, { ...SLOWLY, interval: STILL_MS }).toBe(true)
  expect(before).toBeLessThan(KEPT_BYTES)
  const { canceled } = await state()
  let received = 0
  idle.on('data', (piece) => {
    received += piece.length
  })
  idle.resume()
  await expect.poll(produced, SLOWLY).toBeGreaterThan(before + MORE_BYTES)
  expect(received).toBeGreaterThan(before / 2)
  idle.destroy()
  await expect.poll(async () => (await state()).canceled).toBe(canceled + 1)
}
