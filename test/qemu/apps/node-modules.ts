/** Uses what there is of Node.js' modules, and events of the web. */
import * as crypto from 'node:crypto'
import EventEmitter, { once } from 'node:events'

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
    random: crypto.randomBytes(16).length,
    uuid: crypto.randomUUID(),
    isSame: crypto.timingSafeEqual(new Uint8Array(3), new Uint8Array(3)),
  }
}

export default { fetch: async (): Promise<Response> => Response.json(await facts()) }
