/**
 * The log for machines: JSON a line on the console, syslog to a collector by datagrams and by a
 * connection.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Vm } from 'qemu-runner'
import { expect } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { GUEST, test } from './support/fixtures.ts'
import { awaitReady } from './support/site.ts'

/** The host as guests of QEMU's user-mode network know it. */
const HOST = '10.0.2.2'

test.override('guest', {
  ...GUEST,
  network: [{ kind: 'user', forwards: [{ protocol: 'tcp', guestPort: 80, hostPort: 0 }] }],
})

async function ask(vm: Vm, path: string): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${await vm.forwardedPort(80)}${path}`)
  expect(await answer.text()).toBe('said')
}

async function until(isDone: () => boolean): Promise<void> {
  for (let round = 0; round < 500 && !isDone(); round++) await delay(20)
  expect(isDone()).toBe(true)
}

const MESSAGE =
  /^<(\d+)>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) 10\.0\.2\.15 eremite - (\w+) - (.*)$/s

/**
 * What is wrong about the messages of an app that was asked for two paths; each has the form of RFC
 * 5424.
 */
function checkMessages(messages: readonly string[]): void {
  const parsed = messages.map((message) => MESSAGE.exec(message))
  expect(parsed).not.toContain(null)
  const said = parsed
    .filter((match) => match?.[3] === 'app')
    .map((match) => `${match?.[1]} ${match?.[4]}`)
  expect(said).toEqual([
    '14 started { a: [ 1 ] }',
    '12 asked for /first',
    '11 \ufefftwo\nlines, grüße',
    '12 asked for /second',
    '11 \ufefftwo\nlines, grüße',
  ])
  expect(parsed.some((match) => match?.[3] === 'kernel' && /ready after/.test(match[4]!))).toBe(
    true,
  )
  expect(messages.join()).not.toContain('only here')
  for (const match of parsed) {
    expect(Math.abs(Date.parse(match![2]!) - Date.now())).toBeLessThan(60_000)
  }
}

const isLast = (messages: readonly string[]) => () =>
  messages.filter((message) => message.includes('lines, grüße')).length === 2

test('log-format=json is an object for each line, stacks and line ends within', async ({
  launchGuest,
}) => {
  const append = { 'log-format': 'json', log: 'debug' }
  const vm = await launchGuest({ initrd: await buildApp('says.ts'), append })
  await awaitReady(vm)
  await ask(vm, '/first')
  await vm.console.expect(/only here/, { from: 'start' })
  const lines = vm.console.text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  for (const line of lines) {
    expect(Object.keys(line)).toEqual(['time', 'level', 'component', 'message'])
    expect(Math.abs(Date.parse(line.time) - Date.now())).toBeLessThan(60_000)
  }
  const said = lines.filter(({ component }) => component === 'app')
  expect(said.map(({ level, message }) => [level, message])).toEqual([
    ['info', 'started { a: [ 1 ] }'],
    ['warn', 'asked for /first'],
    ['error', 'two\nlines, grüße'],
    ['debug', 'only here'],
  ])
})

test('syslog=udp: is a datagram for each line', async ({ launchGuest }) => {
  const messages: string[] = []
  const socket = createSocket('udp4', (bytes) => {
    messages.push(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes))
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const append = { syslog: `udp://${HOST}:${socket.address().port}`, log: 'debug' }
  const vm = await launchGuest({ initrd: await buildApp('says.ts'), append })
  await awaitReady(vm)
  await ask(vm, '/first')
  await ask(vm, '/second')
  await until(isLast(messages))
  socket.close()
  checkMessages(messages)
})

test('syslog=tcp: counts octets, and goes on where it was once a collector that was away is back', async ({
  launchGuest,
}) => {
  let received = Buffer.alloc(0)
  const server = createServer((stream) => {
    stream.on('data', (bytes) => {
      received = Buffer.concat([received, bytes])
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  const append = { syslog: `tcp://${HOST}:${port}` }
  const vm = await launchGuest({ initrd: await buildApp('says.ts'), append })
  await awaitReady(vm)
  await ask(vm, '/first')
  server.listen(port, '127.0.0.1')
  await ask(vm, '/second')
  const messages: string[] = []
  await until(() => {
    messages.length = 0
    for (let at = 0; at < received.length; ) {
      const space = received.indexOf(' ', at)
      const count = Number(received.subarray(at, space).toString())
      expect(count).toBeGreaterThan(0)
      const bytes = received.subarray(space + 1, space + 1 + count)
      messages.push(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes))
      at = space + 1 + count
    }
    return isLast(messages)()
  })
  server.close()
  checkMessages(messages)
})
