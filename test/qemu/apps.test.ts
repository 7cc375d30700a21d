/** Apps given with -initrd: one that dials out works; one that fails ends with TypeScript positions and a failing exit code. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeExit, launch } from 'qemu-runner'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { IMAGE, ROOT, requireImage, Site, withGuest, withVm } from './support/guest-site.ts'

beforeAll(() => {
  requireImage()
})

describe('an app that fails', () => {
  it.each([
    [
      'throws.ts',
      /TypeError: broken on purpose/,
      ['innermost', 'throws.ts:4:', 'middle', 'throws.ts:8:'],
    ],
    [
      'rejects.ts',
      /unhandled rejection: RangeError: rejected on purpose/,
      ['fail', 'rejects.ts:5:'],
    ],
    ['recurses.ts', /stack overflow/i, ['deeper', 'recurses.ts:4:']],
    ['exhausts.ts', /memory|RangeError/i, []],
  ] as [string, RegExp, string[]][])(
    '%s panics with its reason and place',
    async (name, message, places) => {
      const vm = await launch({
        kernel: IMAGE,
        initrd: await buildApp(name),
        append: { ip: 'off', ip6: 'off' },
        timeoutMs: 30_000,
      })
      await withVm(vm, undefined, async () => {
        const exit = await vm.exited
        expect(exit.kind, describeExit(exit)).toBe('guest-failure')
        const panic = vm.events.received.find(({ value }) => value.event === 'panic')?.value
        expect(panic?.message).toMatch(message)
        for (const place of places) {
          expect(panic?.stack).toContain(place)
          expect(vm.console.text).toContain(place)
        }
        expect(vm.console.text).toContain('panic')
        const last = vm.events.received.at(-1)?.value
        expect(last).toMatchObject({
          event: 'exit',
          code: exit.kind === 'guest-failure' ? exit.code : -1,
        })
      })
    },
  )

  it('that is no app at all is refused with a line that says so', async () => {
    const path = join(ROOT, 'build/test', 'garbage.app')
    writeFileSync(path, Buffer.alloc(4096, 0x5a))
    const append = { ip: 'off', ip6: 'off' }
    const vm = await launch({ kernel: IMAGE, initrd: path, append, timeoutMs: 30_000 })
    await withVm(vm, undefined, async () => {
      expect((await vm.exited).kind).toBe('guest-failure')
      expect(vm.console.text).toMatch(/app|container/i)
    })
  })
})

describe('an app that dials out', () => {
  let site: Site
  beforeAll(async () => {
    site = await Site.create('direct')
  })
  afterAll(() => site.close())

  it('gets back from a Linux echo service what it sent, over both families', async () => {
    const echo = site.topology.near.spawn(
      ['socat', 'TCP6-LISTEN:9007,ipv6-v6only=0,fork,reuseaddr', 'EXEC:cat'],
      { stdio: 'ignore' },
    )
    try {
      await withGuest(site, { initrd: await buildApp('dials.ts') }, async ({ vm }) => {
        await vm.console.expect(/dialled 10\.0\.0\.1: 1048576 octets/, { from: 'start' })
        await vm.console.expect(/dialled fd00::1: 1048576 octets/, { from: 'start' })
      })
    } finally {
      echo.kill('SIGKILL')
    }
  })
})
