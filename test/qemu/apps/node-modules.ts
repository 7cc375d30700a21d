/** Uses what there is of Node.js' modules, and events of the web. */
import assert from 'node:assert/strict'
import { Buffer as Imported } from 'node:buffer'
import * as crypto from 'node:crypto'
import EventEmitter, { once } from 'node:events'
import { join, resolve } from 'node:path'
import { performance as clock } from 'node:perf_hooks'
import settings from 'node:process'
import { parse } from 'node:querystring'
import { StringDecoder } from 'node:string_decoder'
import { setTimeout as later } from 'node:timers/promises'
import { fileURLToPath, URL as Url } from 'node:url'
import { format, inspect } from 'node:util'

declare const URLPattern: typeof import('urlpattern-polyfill/urlpattern')['URLPattern']

class Clock extends EventTarget {}

async function facts(): Promise<Record<string, unknown>> {
  const emitter = new EventEmitter()
  const heard = once(emitter, 'tick')
  emitter.emit('tick', 1, 2)
  const clock = new Clock()
  let detail: unknown
  clock.addEventListener('tick', (event) => {
    detail = (event as InstanceType<typeof CustomEvent>).detail
  })
  clock.dispatchEvent(new CustomEvent('tick', { detail: 7 }))
  return {
    heard: await heard,
    detail,
    isEvent: new Event('x') instanceof Event,
    digest: crypto.createHash('sha256').update('abc').digest('hex'),
    hmac: crypto.createHmac('sha512', 'key').update('abc').digest('base64url'),
    random: crypto.randomBytes(16).toString('hex').length,
    text: format('%s', Buffer.from('68656c6c6f', 'hex').toString()),
    isSameBuffer: Imported === Buffer && globalThis.Buffer === Buffer,
    ...(await streamed()),
    ...(await places()),
    uuid: crypto.randomUUID(),
    isSame: crypto.timingSafeEqual(new Uint8Array(3), new Uint8Array(3)),
  }
}

/** Where things are, when, and what they look like. */
async function places(): Promise<Record<string, unknown>> {
  assert.deepEqual({ ...parse('a=1&b=ä') }, { a: '1', b: 'ä' })
  assert.throws(() => assert.equal(1, 2), { code: 'ERR_ASSERTION' })
  const decoder = new StringDecoder('utf8')
  const halves = [Uint8Array.of(0xc3), Uint8Array.of(0xa4)].map((it) => decoder.write(it))
  const order: string[] = []
  setImmediate(() => order.push('immediate'))
  await later(5)
  return {
    here: [fileURLToPath(import.meta.url), __dirname, join('/a', '..', 'b'), resolve('c')],
    ...{ halves, order, shown: inspect({ a: 1 }) },
    isSameUrl: new Url('http://a/').href === new URL('http://a/').href,
    isSameProcess: settings === process && (clock as unknown) === performance,
  }
}

/** What bytes of a stream come to by a reader that brings its own memory, and by URLPattern. */
async function streamed(): Promise<Record<string, unknown>> {
  const stream = new ReadableStream({
    type: 'bytes',
    start(controller) {
      controller.enqueue(new Uint8Array([1, 2, 3, 4, 5]))
      controller.close()
    },
  })
  const reader = stream.getReader({ mode: 'byob' })
  const { value } = await reader.read(new Uint8Array(3))
  const { value: rest } = await reader.read(new Uint8Array(3))
  const pattern = new URLPattern({ pathname: '/users/:id' })
  const { port1, port2 } = new MessageChannel()
  const sent = new Promise((resolve) => {
    port2.onmessage = ({ data }) => resolve(data)
  })
  port1.postMessage({ sent: [1] })
  return {
    byob: [[...value!], [...rest!]],
    user: pattern.exec('http://guest/users/7')?.pathname.groups.id,
    ...((await sent) as object),
  }
}

export default { fetch: async (): Promise<Response> => Response.json(await facts()) }
