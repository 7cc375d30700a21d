/**
 * An app that has something in flight, and something to save, when the machine is to be switched
 * off.
 */
/// <reference path="../../../kernel/eremite.d.ts" />
import { system } from 'eremite'

const wait = (delayMs: number) => new Promise<void>((resolve) => setTimeout(resolve, delayMs))

system.shutdown.addEventListener('abort', () => {
  console.log(`asked to end: ${system.shutdown instanceof AbortSignal}`)
  system.shutdown.waitUntil(wait(1200).then(() => console.log('all is saved')))
})

void (async () => {
  await system.shutdown.requested
  console.log(`awaited: ${(system.shutdown.reason as Error).name}`)
})()

async function* slowly(): AsyncGenerator<string> {
  for (let piece = 0; piece < 10; piece++) {
    yield '.'.repeat(1000)
    console.log(`piece ${piece}`)
    await wait(50)
  }
}

export default {
  async fetch(request: Request): Promise<Response> {
    if (new URL(request.url).pathname === '/slowly') return new Response(slowly() as never)
    console.log('answered')
    return new Response('hello')
  },
}
