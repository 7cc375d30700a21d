/**
 * All ports of an app are led to, by make run and make debug, and many connections at once wait for
 * nothing.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect } from 'vitest'
import { test } from './support/fixtures.ts'
import { ROOT } from './support/paths.ts'

const APP = `APP=${join(ROOT, 'test/qemu/apps/ports.ts')}`
const GUEST_PORTS = [7000, 7001, 7002]

let child: ChildProcess | undefined
let output = ''
afterEach(async () => {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  // It takes its folder with it; one that does not end within the hook's time has failed.
  const closed = once(child, 'close')
  child.kill('SIGTERM')
  await closed
})

function start(script: string, words: readonly string[]): void {
  output = ''
  child = spawn(process.execPath, ['--import', 'tsx', join(ROOT, 'scripts', script), ...words], {
    cwd: ROOT,
    env: { ...process.env, MAKEFLAGS: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  }
}

async function said(pattern: RegExp): Promise<RegExpMatchArray> {
  for (const endMs = performance.now() + 50_000; performance.now() < endMs; await delay(20)) {
    const match = pattern.exec(output)
    if (match !== null) return match
  }
  throw new Error(`Cannot see ${pattern} in:\n${output}`)
}

async function greeting(port: number): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, timeout: 10_000 })
  socket.on('timeout', () => socket.destroy(new Error('No greeting within 10 s')))
  socket.write('who')
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

test.for(['tap', 'user'])('make run leads to each port, with NET=%s', async (network) => {
  start('run.ts', [APP, `NET=${network}`, 'ACCEL=tcg', 'RESTART=always'])
  for (const guestPort of GUEST_PORTS) {
    const place = new RegExp(`127\\.0\\.0\\.1:(\\d+) {2}\\(port ${guestPort} of the guest\\)`)
    expect(await greeting(Number((await said(place))[1]))).toBe(`${guestPort}`)
  }
  const closed = once(child!, 'close')
  child!.kill('SIGINT')
  expect((await closed)[0]).toBe(0)
})

test('with user-mode networking forty connections at once are served within two seconds', async () => {
  start('run.ts', [APP, 'NET=user', 'ACCEL=tcg', 'RESTART=always'])
  const port = Number((await said(/127\.0\.0\.1:(\d+) {2}\(port 7000/))[1])
  await said(/port 7002 of the guest/)
  await greeting(port)
  const startedAtMs = performance.now()
  const all = await Promise.all(Array.from({ length: 40 }, () => greeting(port)))
  // QEMU alone lets one wait: the others come after the host's timeouts of 1, 2 and 4 s.
  expect(performance.now() - startedAtMs).toBeLessThan(2000)
  expect(new Set(all)).toEqual(new Set(['7000']))
})

test.for(['tap', 'user'])(
  'make debug leads to each port once the guest runs, with NET=%s',
  async (network) => {
    start('debug.ts', ['--wait', APP, `NET=${network}`])
    const [, path] = await said(/The guest waits for gdb at (\S+)/)
    const gdb = connect(path!)
    // "c" of the remote protocol: go on.
    gdb.write('+$c#63')
    for (const guestPort of GUEST_PORTS) {
      const place = new RegExp(`127\\.0\\.0\\.1:(\\d+) leads to port ${guestPort} of the guest`)
      expect(await greeting(Number((await said(place))[1]))).toBe(`${guestPort}`)
    }
    gdb.destroy()
  },
)
