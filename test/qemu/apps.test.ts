/**
 * Apps given with -initrd: one that dials out works; one that fails ends with TypeScript positions
 * and a failing exit code.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeExit } from 'qemu-runner'
import { describe, expect } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { GUEST, test } from './support/fixtures.ts'

describe('an app that fails', () => {
  test.override('guest', { ...GUEST, append: { ip: 'off', ip6: 'off' }, timeoutMs: 30_000 })

  test.for([
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
    async ([name, message, places], { launchGuest }) => {
      const vm = await launchGuest({ initrd: await buildApp(name) })
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
    },
  )

  test('that is no app at all is refused with a line that says so', async ({
    folder,
    launchGuest,
  }) => {
    const initrd = join(folder, 'garbage.app')
    writeFileSync(initrd, Buffer.alloc(4096, 0x5a))
    const vm = await launchGuest({ initrd })
    expect((await vm.exited).kind).toBe('guest-failure')
    expect(vm.console.text).toMatch(/app|container/i)
  })
})

describe('an app that dials out', () => {
  test.override('guest', { ...GUEST, network: 'direct' })

  test('gets back from a Linux echo service what it sent, over both families', async ({
    topology,
    launchGuest,
  }) => {
    topology.near.spawn(['socat', 'TCP6-LISTEN:9007,ipv6-v6only=0,fork,reuseaddr', 'EXEC:cat'], {
      stdio: 'ignore',
    })
    const vm = await launchGuest({ initrd: await buildApp('dials.ts') })
    await vm.console.expect(/dialed 10\.0\.0\.1: 1048576 octets/, { from: 'start' })
    await vm.console.expect(/dialed fd00::1: 1048576 octets/, { from: 'start' })
  })
})
