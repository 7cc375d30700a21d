/** The apps of the README and of examples, each built and used as it says. */
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join, relative } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describeExit } from 'qemu-runner'
import { afterAll, describe, expect } from 'vitest'
import { WebSocket } from 'ws'
import { buildApp } from './support/build-app.ts'
import { GUEST, test } from './support/fixtures.ts'
import { GUEST_HOST } from './support/guest-addresses.ts'
import { HttpClient } from './support/http-client.ts'
import { ROOT, temporaryFolder } from './support/paths.ts'
import type { Guest, Site } from './support/site.ts'

test.override('guest', { ...GUEST, network: 'direct' })

const example = (name: string) => buildApp(`examples/${name}.ts`)

async function withExample(
  site: Site,
  name: string,
  port: number,
  work: (client: HttpClient, guest: Guest) => Promise<void>,
  append: Readonly<Record<string, string>> = {},
): Promise<void> {
  const initrd = await example(name)
  const guest = await site.boot({ initrd, append })
  const client = await HttpClient.toGuest(site, port)
  try {
    await work(client, guest)
  } finally {
    client.close()
  }
}

describe('the README', () => {
  const blocks = readFileSync(join(ROOT, 'README.md'), 'utf8').match(/(?<=```ts\n)[\s\S]*?(?=```)/g)
  const folder = temporaryFolder()
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** The app that stands in the README as block `index`. */
  async function build(index: number, name: string): Promise<string> {
    const path = join(folder, name)
    writeFileSync(path, blocks![index]!)
    return buildApp(relative(ROOT, path))
  }

  test('has a web app that does what it says', async ({ site }) => {
    await site.boot({ initrd: await build(0, 'readme-hello.ts') })
    const client = await HttpClient.toGuest(site, 80)
    expect((await client.send('/?name=you')).body.toString()).toBe('hello you\n')
    const body = 'x'.repeat(100_000)
    expect((await client.send('/up', { method: 'POST', body })).body.toString()).toBe(body)
    expect((await client.send('/nowhere')).status).toBe(404)
    client.close()
  })

  test('has a TCP app that does what it says', async ({ site }) => {
    await site.boot({ initrd: await build(1, 'readme-echo.ts') })
    const client = await HttpClient.toGuest(site, 7777)
    expect(await client.exchange('hello')).toBe('hello')
    client.close()
  })
})

test('notes: a JSON API and a stream of events with hono', async ({ site }) =>
  withExample(site, 'notes', 80, async (client, { vm }) => {
    const headers = { 'content-type': 'application/json' }
    const post = (body: string) => client.send('/notes', { method: 'POST', headers, body })
    expect((await post('{"text":"buy milk"}')).status).toBe(201)
    expect((await post('{}')).status).toBe(422)
    const { body } = await client.send('/notes')
    expect(JSON.parse(body.toString())).toEqual([{ id: 1, text: 'buy milk' }])
    const clock = await client.send('/clock')
    expect(clock.headers['content-type']).toBe('text/event-stream')
    expect(clock.headers['transfer-encoding']).toBe('chunked')
    expect(clock.body.toString()).toMatch(/^(event: tick\ndata: \d+\nid: \d\n\n){5}$/)
    expect(vm.console.text).not.toMatch(/failed|error/i)
  }))

/** A terminal of the chat: what it says, and what it has read. */
class Person {
  read = ''
  readonly socket: Socket

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => undefined)
    socket.on('data', (bytes) => {
      this.read += bytes.toString()
    })
  }

  static async join(port: number): Promise<Person> {
    const person = new Person(connect({ host: '127.0.0.1', port }))
    await expect.poll(() => person.read).toMatch(/^Welcome/)
    return person
  }

  say(text: string): void {
    this.socket.write(text)
  }
}

test('chat: everybody reads what the others say, whoever comes and goes', async ({ site }) =>
  withExample(site, 'chat', 7000, async (client, { vm }) => {
    const ada = await Person.join(client.port)
    const bob = await Person.join(client.port)
    const eve = await Person.join(client.port)
    ada.say('/name Ada\nhel')
    ada.say('lo, wörld\n')
    await expect.poll(() => bob.read).toMatch(/\nAda: hello, wörld\n$/)
    await expect.poll(() => eve.read).toMatch(/\nAda: hello, wörld\n$/)
    expect(ada.read).not.toContain('hello')
    eve.socket.resetAndDestroy()
    await expect.poll(() => ada.read).toMatch(/\* [\d.]+:\d+ has left\n$/)
    const ended = once(bob.socket, 'close')
    bob.say('/quit\n')
    await ended
    await expect.poll(() => ada.read.match(/has left/g)).toHaveLength(2)
    const many = await Promise.all(Array.from({ length: 20 }, () => Person.join(client.port)))
    ada.say('to all\n')
    for (const person of many) await expect.poll(() => person.read).toMatch(/Ada: to all\n$/)
    for (const person of [ada, ...many]) person.socket.destroy()
    expect(vm.console.text).not.toMatch(/panic/)
  }))

test('chat-websocket: everybody reads what the others say, in the browser too', async ({ site }) =>
  withExample(site, 'chat-websocket', 80, async (client) => {
    const page = (await client.send('/')).body.toString()
    expect(page).toContain("new WebSocket('ws://' + location.host + '/chat')")
    const join = (origin?: string) => {
      const socket = new WebSocket(`ws://127.0.0.1:${client.port}/chat`, { origin: origin! })
      const read: string[] = []
      socket.on('message', (data) => read.push(String(data)))
      return { socket, read }
    }
    const ada = join()
    await expect.poll(() => ada.read).toEqual(['Welcome, person 1.'])
    const bob = join(`http://127.0.0.1:${client.port}`)
    await expect.poll(() => ada.read.at(-1)).toBe('person 2 is here')
    bob.socket.send('hello, wörld')
    await expect.poll(() => ada.read.at(-1)).toBe('person 2: hello, wörld')
    const [refused] = await once(join('http://elsewhere').socket, 'error')
    expect(String(refused)).toContain('403')
    bob.socket.send('x'.repeat(2000))
    const [code] = await once(bob.socket, 'close')
    await expect.poll(() => ada.read.at(-1)).toBe('person 2 has left')
    expect([code, bob.read]).toEqual([4000, ['Welcome, person 2.']])
    ada.socket.terminate()
  }))

test('counters: counts datagrams by name', async ({ site }) => {
  await site.boot({ initrd: await example('counters') })
  const ask = async (text: string) => {
    const request = { host: GUEST_HOST[4], port: 7001, send: btoa(text), timeoutMs: 15_000 }
    return atob((await site.peer.request('datagram', request)).received)
  }
  expect(await ask('apples')).toBe('apples 1\n')
  expect(await ask('apples\n')).toBe('apples 2\n')
  expect(await ask('pears')).toBe('pears 1\n')
})

test('discovery: lists whom it has heard in its group, with the time of a ping', async ({
  site,
}) => {
  await withExample(site, 'discovery', 8080, async (client) => {
    const target = 'UDP4-DATAGRAM:239.255.42.99:4299,so-bindtodevice=tap0,bind=10.0.0.1'
    const list = async () => {
      await site.topology.near.script(`printf printer | socat -u - ${target}`)
      return JSON.parse((await client.send('/')).body.toString()) as unknown[]
    }
    const { frames } = await site.capture([site.topology.tap], async () => {
      await expect
        .poll(list, { timeout: 20_000 })
        .toEqual([{ name: 'printer', hostname: '10.0.0.1', roundTripMs: expect.any(Number) }])
      await delay(5_500)
    })
    const announced = frames[0]!.filter(
      ({ bytes }) => bytes.toString('hex', 0, 6) === '01005e7f2a63' && bytes.includes('eremite'),
    )
    expect(announced.length).toBeGreaterThan(0)
  })
})

test('proxy: forwards requests to a web server of the host and streams the answers back', async ({
  site,
}) => {
  // The address at which user-mode networking shows the host; the namespace is private, so the port
  // cannot clash.
  await site.topology.near.script('ip addr add 10.0.2.2/24 dev tap0')
  const program = `
    require('node:http').createServer((request, response) => {
      response.writeHead(207, { 'x-seen': request.method + ' ' + request.url })
      request.pipe(response)
    }).listen(8000, () => console.log('listening'))`
  const server = site.topology.near.spawn([process.execPath, '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    await once(server.stdout!, 'data')
    const initrd = await example('proxy')
    const append = { ip: '10.0.2.15/24', gateway: '10.0.2.2' }
    const { vm } = await site.boot({ initrd, append })
    await vm.console.expect(/10\.0\.2\.2:8000 answers/, { from: 'start' })
    const client = await HttpClient.toGuest(site, 80, '10.0.2.15')
    const body = 'x'.repeat(1 << 20)
    const answer = await client.send('/a?b=c', { method: 'POST', body })
    expect([answer.status, answer.headers['x-seen']]).toEqual([207, 'POST /a?b=c'])
    expect(answer.body.toString()).toBe(body)
    server.kill('SIGKILL')
    await once(server, 'close')
    const failed = await client.send('/')
    expect(failed.status).toBe(502)
    expect(failed.body.toString()).toMatch(/Cannot fetch http:\/\/10\.0\.2\.2:8000\/: .*refused/i)
    client.close()
  } finally {
    server.kill('SIGKILL')
  }
})

test('watchdog: ends with the async stack of its own file', async ({ launchGuest }) => {
  const initrd = await example('watchdog')
  const append = { ip: 'off', ip6: 'off' }
  const vm = await launchGuest({ network: [], initrd, append, timeoutMs: 30_000 })
  const exit = await vm.exited
  expect(exit.kind, describeExit(exit)).toBe('guest-failure')
  expect(vm.console.text).toMatch(/fed 1 times[\s\S]*fed 3 times/)
  expect(vm.console.text).toMatch(/unhandled rejection: Error: nobody fed the watchdog for 300 ms/)
  expect(vm.console.text).toMatch(/at bark \(examples\/watchdog\.ts:21:\d+\)/)
})
