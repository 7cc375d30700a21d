/**
 * The machine's power button (QMP system_powerdown, virsh shutdown): what is in flight ends, then
 * the guest ends cleanly.
 */
import type { ExchangeResult, Vm } from 'qemu-runner'
import { describe, expect } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { GUEST, test } from './support/fixtures.ts'
import { GUEST_HOST } from './support/guest-addresses.ts'
import type { Site } from './support/site.ts'

const TIMEOUT_MS = 20_000
const CLEAN = { kind: 'clean', status: 33 }

test.override('guest', { ...GUEST, network: 'direct' })

/** A connection that sends `text` and stays until the guest ends it. */
function stay(site: Site, port: number, text: string): Promise<ExchangeResult> {
  const send = Buffer.from(text).toString('base64')
  const request = { host: GUEST_HOST[4], port, send, halfClose: false, timeoutMs: TIMEOUT_MS }
  return site.peer.request('exchange', request)
}

function press(vm: Vm): Promise<unknown> {
  return vm.qmp.execute('system_powerdown')
}

/** Presses the button and waits for the end; milliseconds. */
async function end(vm: Vm): Promise<number> {
  const startMs = performance.now()
  await press(vm)
  expect(await vm.exited).toEqual(CLEAN)
  expect(vm.events.received.at(-1)?.value).toMatchObject({ event: 'exit', code: 0x10 })
  return performance.now() - startMs
}

const line = (vm: Vm, pattern: RegExp) => vm.console.expect(pattern, { timeoutMs: TIMEOUT_MS })

describe('the power button', () => {
  test.for(['q35', 'microvm'] as const)(
    'of %s lets a download in flight complete, closes idle connections, and waits for the app',
    async (machine, { site }) => {
      const initrd = await buildApp('drains.ts')
      const { vm } = await site.boot({ machine, initrd })
      const idle = stay(site, 80, 'GET / HTTP/1.1\r\nHost: guest\r\n\r\n')
      await line(vm, /answered/)
      const download = stay(site, 80, 'GET /slowly HTTP/1.1\r\nHost: guest\r\n\r\n')
      await line(vm, /piece 1$/)
      const endMs = await end(vm)
      const { received, ended } = await download
      expect(ended).toBe('end')
      const response = Buffer.from(received, 'base64').toString()
      // Ten chunks of 1000 octets, and the one that says that this was all (RFC 9112 §7.1).
      expect(response.match(/\r\n3e8\r\n\.{1000}(?=\r\n)/g)).toHaveLength(10)
      expect(response).toMatch(/\r\n0\r\n\r\n$/)
      expect((await idle).ended).toBe('end')
      // No connection was left for the last half second: the guest waited for waitUntil.
      expect(endMs).toBeGreaterThan(1200)
      expect(endMs).toBeLessThan(10_000)
      const told = vm.events.received.find(({ value }) => value.event === 'shutdown')?.value
      expect(told).toMatchObject({ graceMs: 10_000, connections: 2 })
      const order = ['asked to end: true', 'awaited: AbortError', 'piece 9', 'all is saved']
      const places = order.map((text) => vm.console.lines.findIndex((it) => it.includes(text)))
      expect(places.every((place) => place > 0)).toBe(true)
      expect(places).toEqual([...places].sort((a, b) => a - b))
    },
  )

  test('ends an app in order that takes no interest, once the grace is over', async ({ site }) => {
    const initrd = await buildApp('accepts.ts')
    const { vm } = await site.boot({ initrd, append: { grace: '1' } })
    const connection = stay(site, 7777, 'hi')
    await line(vm, /accepted/)
    const endMs = await end(vm)
    // An end, no reset: nothing that was sent is lost.
    expect((await connection).ended).toBe('end')
    expect(endMs).toBeGreaterThan(1000)
    expect(endMs).toBeLessThan(5000)
    expect(vm.console.text).toMatch(/the grace period is over: 1 connection cut off/)
    expect(vm.console.text).not.toContain('panic')
  })

  test('ends the built-in services at once; pressed twice, it waits for nobody', async ({
    site,
  }) => {
    const { vm } = await site.boot({ append: { log: 'debug' } })
    const echo = stay(site, 7, 'hello')
    const begun = stay(site, 80, 'GET / HTTP/1.1\r\nHo')
    await site.peer.request('echo', {
      ...{ host: GUEST_HOST[4], port: 7 },
      sizes: [1],
      timeoutMs: 5000,
    })
    await press(vm)
    // The echo service has nothing in flight; the request that has begun is waited for.
    expect(await echo).toMatchObject({ ended: 'end' })
    expect(vm.exit).toBeUndefined()
    const refused = site.peer.request('connect', {
      host: GUEST_HOST[4],
      port: 7,
      timeoutMs: 5000,
    })
    await expect(refused).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(await end(vm)).toBeLessThan(3000)
    expect((await begun).ended).toBe('end')
  })
})
