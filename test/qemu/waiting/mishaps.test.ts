/**
 * One request's mishap is its own: the guest goes on, is ended by its watchdog when it hangs, and
 * started again.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describeExit, type Vm } from 'qemu-runner'
import { describe, expect } from 'vitest'
import { WATCHDOG_ARGUMENTS } from '../../../scripts/guest/boot-guest.ts'
import { buildApp } from '../support/build-app.ts'
import { GUEST, test } from '../support/fixtures.ts'
import { ROOT } from '../support/paths.ts'
import { awaitReady } from '../support/site.ts'

test.override('guest', {
  ...GUEST,
  network: [{ kind: 'user', forwards: [{ protocol: 'tcp', guestPort: 80, hostPort: 0 }] }],
})

const APP = join(ROOT, 'test/qemu/apps/mishaps.ts')

/** The line of the app in which `text` stands. */
function lineOf(text: string): number {
  const [before] = readFileSync(APP, 'utf8').split(text)
  return before!.split('\n').length
}

async function siteOf(vm: Vm): Promise<string> {
  await awaitReady(vm)
  return `http://127.0.0.1:${await vm.forwardedPort(80)}`
}

describe('a promise that is rejected', () => {
  test('answers 500 where it is awaited, is logged everywhere, and the guest goes on', async ({
    launchGuest,
  }) => {
    const vm = await launchGuest({ initrd: await buildApp('mishaps.ts') })
    const site = await siteOf(vm)
    const statuses: number[] = []
    for (const path of ['awaited', 'floating', 'late', 'fine']) {
      statuses.push((await fetch(`${site}/${path}`)).status)
    }
    expect(statuses).toEqual([500, 200, 500, 200])
    await vm.console.expect(/GET \/awaited failed: RangeError: rejected on purpose/, {
      from: 'start',
    })
    expect(vm.console.text.match(/unhandled rejection: RangeError: rejected/g)).toHaveLength(2)
    expect(vm.console.text).toContain(`at fail (test/qemu/apps/mishaps.ts:${lineOf('throw new')}:`)
    expect(vm.exit).toBeUndefined()
  })

  test('ends the guest with unhandled=exit', async ({ launchGuest }) => {
    const initrd = await buildApp('mishaps.ts')
    const vm = await launchGuest({ initrd, append: { unhandled: 'exit' } })
    await fetch(`${await siteOf(vm)}/floating`).catch(() => undefined)
    const exit = await vm.exited
    expect(exit, describeExit(exit)).toMatchObject({ kind: 'guest-failure', status: 35 })
  })
})

describe.each(['q35', 'microvm'] as const)('a loop that blocks on %s', (machine) => {
  test('is ended by the watchdog, with its TypeScript stack, and only then', async ({
    launchGuest,
  }) => {
    const initrd = await buildApp('mishaps.ts')
    const vm = await launchGuest({
      ...{ machine, initrd, append: { watchdog: '2', log: 'debug' } },
      extraArguments: [...WATCHDOG_ARGUMENTS],
    })
    const site = await siteOf(vm)
    await vm.console.expect(/watchdog: acts once the loop is blocked for 2 s/, { from: 'start' })
    await delay(5000)
    expect((await fetch(site)).status).toBe(200)
    const blockedAtMs = performance.now()
    await fetch(`${site}/blocks`).catch(() => undefined)
    const exit = await vm.exited
    expect(exit, describeExit(exit)).toMatchObject({ kind: 'guest-failure', status: 37 })
    expect(performance.now() - blockedAtMs).toBeGreaterThan(1400)
    expect(vm.console.text).toMatch(
      new RegExp(`non-maskable interrupt[\\s\\S]*at .*mishaps\\.ts:${lineOf('for (let turns')}:`),
    )
  })
})

test('make run RESTART=always starts another behind the same port, until Ctrl-C', async () => {
  const words = ['--import', 'tsx', join(ROOT, 'scripts/run.ts'), `APP=${APP}`, 'RESTART=always']
  const child = spawn(process.execPath, [...words, 'ACCEL=tcg', 'unhandled=exit'], {
    cwd: ROOT,
    env: { ...process.env, MAKEFLAGS: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  const said = async (pattern: RegExp) => {
    for (const endMs = performance.now() + 50_000; performance.now() < endMs; await delay(20)) {
      const match = pattern.exec(output)
      if (match !== null) return match
    }
    throw new Error(`Cannot see ${pattern} in:\n${output}`)
  }
  try {
    const site = (await said(/Ready {2}(http:\S+)/))[1]!
    await said(/Ctrl-C ends it/)
    await fetch(`${site}floating`).catch(() => undefined)
    await said(
      new RegExp(
        `The guest ended: .*RangeError: rejected on purpose at .*mishaps\\.ts:${lineOf('throw new')}:`,
      ),
    )
    await said(/Another is started in 1 s/)
    await said(/Started again, ready after \d+ ms/)
    expect(await (await fetch(site)).text()).toBe('fine')
    const closed = once(child, 'close')
    child.kill('SIGINT')
    expect((await closed)[0]).toBe(0)
  } finally {
    child.kill('SIGKILL')
  }
})
