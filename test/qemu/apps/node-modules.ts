/** Uses what there is of Node.js' modules, and events of the web. */
import { Buffer as Imported } from 'node:buffer'
import * as crypto from 'node:crypto'
import EventEmitter, { once } from 'node:events'
import { format } from 'node:util'

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
    uuid: crypto.randomUUID(),
    isSame: crypto.timingSafeEqual(new Uint8Array(3), new Uint8Array(3)),
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
