/**
 * A name server among liars, against the booted guest: what is no answer changes nothing, what is a
 * bad one ends with an error.
 */
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { beforeAll, expect } from 'vitest'
import { buildApp } from '../support/build-app.ts'
import { test as base, GUEST } from '../support/fixtures.ts'
import { HttpClient } from '../support/http-client.ts'

const SERVER = '10.0.0.1'
const TRUTH = '10.0.0.77'
/** All late answers have come by then. */
const LATE_MS = 5_000
/** Of every lie. */
const LIE = '10.6.6.6'

/**
 * Before each true answer come lies of every kind, numbered as in the corpus: another id, question
 * or kind of message (108, 115), pointers in circles, forward and out (109), broken labels (110),
 * counts and lengths that are not so (111, 112). Two names are answered when it is too late (116).
 */
const LIAR = `
  const socket = require('node:dgram').createSocket('udp4')
  const u16 = (value) => [value >> 8 & 255, value & 255]
  const address = (text) => text.split('.').map(Number)
  const record = (name, type, data, ttl = [0, 0, 0, 60], length = data.length) =>
    [...name, ...u16(type), 0, 1, ...ttl, ...u16(length), ...data]
  const name = (text) => [...text.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]), 0]
  const times = new Map()
  socket.on('message', (query, from) => {
    const id = query.readUInt16BE(0)
    const end = query.indexOf(0, 12) + 5
    const question = [...query.subarray(12, end)]
    const asked = query.toString('latin1', 13, 13 + query[12])
    const isA = query.readUInt16BE(end - 4) === 1
    const own = [0xc0, 12]
    const message = (records, fields = {}) => Buffer.from([
      ...u16(fields.id ?? id), ...u16(fields.flags ?? 0x8180), 0, 1, ...u16(fields.answers ?? records.length), 0, 0, 0, 0,
      ...(fields.question ?? question), ...records.flat()])
    const send = (bytes) => socket.send(bytes, from.port, from.address)
    const lie = record(own, 1, address('${LIE}'))
    const truth = record(own, 1, address('${TRUTH}'))
    if (!isA) return send(message([]))
    const first = 12 + question.length
    const pointer = (to) => [0xc0 | to >> 8, to & 255]
    if (asked === 'loop') return send(message([record(own, 5, own)]))
    if (asked === 'circle') return send(message([record(own, 5, name('a.test')), record(name('a.test'), 5, own)]))
    if (asked === 'chain') {
      const links = Array.from({ length: 20 }, (_, index) => record(index === 0 ? own : name('n' + index), 5, name('n' + (index + 1))))
      return send(message([...links, record(name('n20'), 1, address('${LIE}'))]))
    }
    if (asked === 'refused') return send(message([], { flags: 0x8185 }))
    if (asked === 'unknown') return send(message([], { flags: 0x818f }))
    if (asked === 'truncated') return send(message([], { flags: 0x8380 }))
    if (asked === 'self') return send(message([record(own, 1, address('127.0.0.1'))]))
    if (asked === 'ttl') return send(message([record(own, 1, address('${TRUTH}'), [0x80, 0, 0, 0])]))
    // 116: what comes after the answer to a second query, or after both are given up.
    if (asked === 'late' || asked === 'never') {
      const time = times.get(asked) ?? 0
      times.set(asked, time + 1)
      if (time < (asked === 'late' ? 1 : 2)) setTimeout(() => send(message([lie])), 5000)
      else send(message([truth]))
      return
    }
    const whole = message([lie])
    // A burst of guessed ids takes no room from the truth. The others have the right one, and come
    // one by one: a question waits for one answer.
    for (let guess = 1; guess <= 50; guess++) send(message([lie], { id: id ^ guess }))
    const lies = [
      message([lie], { id: (id + 256) & 0xffff }),
      message([lie], { question: [...name('other.test'), 0, 1, 0, 1] }),
      message([lie], { flags: 0x0180 }),
      message([lie], { flags: 0xa980 }),
      message([record(pointer(first), 1, address('${LIE}'))]),
      message([record(pointer(first + 2), 1, address('${LIE}'))]),
      message([record(pointer(0x3fff), 1, address('${LIE}'))]),
      message([record([0x41, 0x61, 0], 1, address('${LIE}'))]),
      message([record([0x81, 0x61, 0], 1, address('${LIE}'))]),
      message([record(own, 1, address('${LIE}'), [0, 0, 0, 60], 3)]),
      message([record(own, 1, address('${LIE}'), [0, 0, 0, 60], 65535)]),
      whole.subarray(0, 11), whole.subarray(0, first - 2), whole.subarray(0, whole.length - 2), Buffer.alloc(0), Buffer.alloc(1),
      Buffer.from([...u16(id), 0x81, 0x80, 255, 255, 255, 255, 255, 255, 255, 255]),
    ]
    lies.forEach((bytes, index) => setTimeout(() => send(bytes), 20 * index))
    const stranger = require('node:dgram').createSocket('udp4')
    stranger.send(message([lie]), from.port, from.address, () => stranger.close())
    setTimeout(() => send(message([truth])), 20 * lies.length + 100)
  })
  socket.bind(53, '${SERVER}', () => console.log('listening'))`

let initrd: string
beforeAll(async () => {
  initrd = await buildApp('asks.ts')
})

base.override('guest', { ...GUEST, network: 'direct' })
const test = base.extend<{ ask: (name: string) => Promise<Record<string, unknown>> }>({
  ask: async ({ site }, use) => {
    const { near } = site.topology
    const liar = near.spawn([process.execPath, '-e', LIAR], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(liar.stdout!, 'data')
    const client = await HttpClient.toGuest(site, 80)
    try {
      const { vm } = await site.boot({ initrd, append: { dns: SERVER } })
      await use(async (path) => {
        const { body } = await client.send(`/${path}`)
        return JSON.parse(body.toString()) as Record<string, unknown>
      })
      expect(vm.console.text).not.toMatch(/panic|failed/)
    } finally {
      client.close()
      liar.kill('SIGKILL')
    }
  },
})

test('is believed in what it says, and in nothing that comes before it from others or is broken', async ({
  ask,
}) => {
  for (const name of ['one.test', 'two.test', 'three.test']) {
    expect(await ask(`resolve?name=${name}`)).toEqual({ addresses: [TRUTH] })
  }
  const { drops } = (await ask('statistics')) as { drops: Record<string, number> }
  expect(drops.wrongId).toBeGreaterThanOrEqual(3 * 51)
  expect(drops.wrongQuestion).toBeGreaterThanOrEqual(3)
  expect(drops.malformed).toBeGreaterThanOrEqual(30)
})

test('whose answers lead nowhere is told of in an error, and the next name is found', async ({
  ask,
}) => {
  for (const name of ['loop', 'circle', 'chain', 'refused', 'unknown', 'truncated', 'self']) {
    const { code } = await ask(`resolve?name=${name}.test`)
    expect(['name-unresolved', 'name-not-found'], name).toContain(code)
    expect(await ask(`resolve?name=after-${name}.test`)).toEqual({ addresses: [TRUTH] })
  }
  expect(await ask('resolve?name=ttl.test')).toEqual({ addresses: [TRUTH] })
})

test('whose answer comes after the question is over (116) is not heard: neither is what was believed forgotten, nor a lie believed', {
  timeout: 60_000,
}, async ({ ask }) => {
  // The second query is answered, and the first three seconds later.
  expect(await ask('resolve?name=late.test')).toEqual({ addresses: [TRUTH] })
  expect(await ask('resolve?name=never.test')).toMatchObject({ code: 'name-unresolved' })
  await delay(LATE_MS)
  expect(await ask('resolve?name=late.test')).toEqual({ addresses: [TRUTH] })
  expect(await ask('resolve?name=never.test')).toEqual({ addresses: [TRUTH] })
})
