/**
 * make dev as a person meets it: a change is served at the same address, a mistake waits for its
 * mending.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect } from 'vitest'
import { test } from './support/fixtures.ts'
import { ROOT } from './support/paths.ts'

const TIMEOUT_MS = 100_000

/** An app that greets with its version and hangs up. */
const appOf = (version: string) => `
import { listen } from 'eremite'
for await (const connection of listen({ port: 7000 })) {
  await connection.write(new TextEncoder().encode('${version}'))
  connection.close()
}
`

let folder = ''
let child: ChildProcess | undefined
let output = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'eremite-make-dev-'))
  output = ''
})
afterEach(() => {
  child?.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

function write(text: string): string {
  const path = join(folder, 'greeter.ts')
  writeFileSync(path, text)
  return path
}

/** Waits for `pattern` in what was printed after the first `from` characters. */
async function printed(pattern: RegExp, from: number): Promise<RegExpMatchArray> {
  const deadline = performance.now() + TIMEOUT_MS
  while (performance.now() < deadline && child?.exitCode === null) {
    const match = pattern.exec(output.slice(from))
    if (match !== null) return match
    await delay(20)
  }
  throw new Error(`Cannot see ${pattern} in the output:\n${output}`)
}

async function greeting(port: number): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, timeout: 10_000 })
  socket.on('timeout', () => socket.destroy(new Error('No greeting within 10 s')))
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

test.each(['tap', 'user'])(
  'serves each change at the same port and says how long it took, with NET=%s',
  async (network) => {
    const app = write(appOf('first'))
    const words = ['--import', 'tsx', join(ROOT, 'scripts/dev.ts'), `APP=${app}`]
    child = spawn(process.execPath, [...words, `NET=${network}`, 'ACCEL=tcg'], {
      cwd: ROOT,
      env: { ...process.env, MAKEFLAGS: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        output += chunk.toString('utf8')
      })
    }
    const ready =
      /Ready {2}127\.0\.0\.1:(\d+) \(port 7000 of the guest\) {2}\(built and booted in [\d.]+ s/
    const port = Number((await printed(ready, 0))[1])
    expect(await greeting(port)).toBe('first')

    let seen = output.length
    write(appOf('second'))
    expect(Number((await printed(ready, seen))[1])).toBe(port)
    expect(output.slice(seen)).toContain('Changed: greeter.ts')
    expect(await greeting(port)).toBe('second')

    // A mistake is told, and nothing runs until it is mended.
    seen = output.length
    write('const broken: = 1')
    await printed(/greeter\.ts:1:\d+: [\s\S]*dev: Cannot build the image/, seen)
    seen = output.length
    write(appOf('third'))
    await printed(ready, seen)
    expect(await greeting(port)).toBe('third')

    // A restart is no end to be told of.
    expect(output).not.toContain('The guest ended')

    // An app that fails is told with its line, and the next change starts another.
    seen = output.length
    write("setTimeout(() => {\n  throw new Error('tripped')\n}, 100)")
    await printed(
      /tripped[\s\S]*dev: The guest ended: .*tripped at .*greeter\.ts:2:\d+\. Next: .*\n\n.*\n> 2 \| {3}throw new Error/,
      seen,
    )
    // Whatever is bundled counts, and a file that a new one has taken the place of is still seen.
    seen = output.length
    writeFileSync(join(folder, 'greeting.txt'), 'fourth')
    write(`import text from './greeting.txt'\n${appOf('$').replace("'$'", 'text')}`)
    await printed(ready, seen)
    expect(await greeting(port)).toBe('fourth')
    for (const [before, after] of [
      ['fourth', 'fifth'],
      ['fifth', 'sixth'],
    ]) {
      seen = output.length
      execFileSync('sed', ['-i', `s/${before}/${after}/`, join(folder, 'greeting.txt')])
      await printed(ready, seen)
      expect(output.slice(seen)).toContain('Changed: greeting.txt')
      expect(await greeting(port)).toBe(after)
    }

    const closed = once(child, 'close')
    child.kill('SIGINT')
    expect((await closed)[0]).toBe(0)
  },
  TIMEOUT_MS,
)
