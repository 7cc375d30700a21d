/**
 * Backtraces that the documents show: each of their lines is where the source makes that call
 * today.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const ROOT = new URL('../', import.meta.url).pathname
const DOCUMENTS = [
  'README.md',
  'scripts/gdb/README.md',
  ...readdirSync(join(ROOT, 'docs')).flatMap((name) =>
    name.endsWith('.md') ? [`docs/${name}`] : [],
  ),
]
const FRAME = /^#(\d+) +(\w+)\(.*\) (?:at (\S+\.ts):(\d+):\d+|\(native\))$/

interface Call {
  readonly shown: string
  readonly callee: string
  readonly line: string
}

/** Of each frame that has TypeScript above it, the source line it names. */
function readCalls(document: string): Call[] {
  const calls: Call[] = []
  let above: string | undefined
  for (const shown of readFileSync(join(ROOT, document), 'utf8').split('\n')) {
    const [, , name, file, number] = FRAME.exec(shown) ?? []
    if (file !== undefined && above !== undefined) {
      const line = readFileSync(join(ROOT, file), 'utf8').split('\n')[Number(number) - 1] ?? ''
      calls.push({ shown, callee: above, line })
    }
    // A native function may be called by another name.
    above = file === undefined ? undefined : name
  }
  return calls
}

/**
 * The breakpoints of the transcript in scripts/gdb/README.md, and what stands in the lines they
 * name.
 */
const BREAKPOINTS = [
  {
    shown: /^\(gdb\) js-break (\S+):(\d+) if/m,
    file: 'net/socket/tcp/send/transmit.ts',
    text: 'const sent = emitSegments(socket, sequence, length, count, flags, nowMs)',
  },
  {
    shown: /^\(gdb\) js-tbreak (\S+):(\d+) if/m,
    file: 'drivers/virtio/split-virtqueue.ts',
    text: 'this.available[1] = index',
  },
]

it.each(BREAKPOINTS)('the transcript breaks where $file says "$text"', ({ shown, file, text }) => {
  const readme = readFileSync(join(ROOT, 'scripts/gdb/README.md'), 'utf8')
  const [, named = '', number] = shown.exec(readme) ?? []
  expect(named === '' ? 'no breakpoint' : file).toContain(named)
  expect(readFileSync(join(ROOT, file), 'utf8').split('\n')[Number(number) - 1]).toContain(text)
})

it.each(DOCUMENTS.map((document) => [document]))(
  '%s names the lines that make the calls',
  (document) => {
    for (const { shown, callee, line } of readCalls(document)) {
      expect(line, `${shown} calls ${callee}`).toContain(`${callee}(`)
    }
  },
)

it('finds such backtraces', () => {
  expect(readCalls('README.md').length).toBeGreaterThanOrEqual(2)
  expect(readCalls('scripts/gdb/README.md').length).toBeGreaterThanOrEqual(8)
})
