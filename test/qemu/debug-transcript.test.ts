/**
 * What scripts/gdb/README.md and .vscode/ say about debugging is done here as they say it, and must
 * give what they show.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { editorSession } from './support/editor-session.ts'
import { GUEST, test } from './support/fixtures.ts'
import { copyImage, debugSession, removeImage } from './support/gdb-session.ts'
import { ROOT } from './support/paths.ts'
import { lineHolding } from './support/typescript-frames.ts'

const QUEUE_FILE = 'drivers/virtio/split-virtqueue.ts'
const PUBLISH = 'this.available[1] = index'

test.override('guest', { ...GUEST, network: 'direct' })

let image = ''
beforeAll(() => {
  image = copyImage()
})
afterAll(() => removeImage(image))

interface Exchange {
  readonly command: string
  readonly answer: readonly string[]
}

/** The commands of the transcript, with the lines that it shows behind each. */
function readTranscript(): Exchange[] {
  const readme = readFileSync(join(ROOT, 'scripts/gdb/README.md'), 'utf8')
  const block = readme.match(/```\n(\(gdb\) [\s\S]*?)```/)?.[1] ?? ''
  return block.split(/^\(gdb\) /m).flatMap((part) => {
    const [command, ...answer] = part.trimEnd().split('\n')
    return command === undefined || command === '' ? [] : [{ command, answer }]
  })
}

/**
 * A line as a pattern: numbers and addresses may differ, columns shift, and … stands for anything.
 */
function shapeOf(line: string): RegExp {
  const pattern = line
    .trim()
    .split('…')
    .map((part) =>
      part
        .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
        .replace(/0x[0-9a-f]+/g, '0X')
        .replace(/-?\d+/g, '-?\\d+')
        .replace(/0X|-\?\\d\+X/g, '0x[0-9a-f]+')
        .replace(/\s+/g, '\\s+'),
    )
    .join('.*')
  return new RegExp(`^${pattern}$`)
}

/**
 * A table may have more rows than are shown: how much is in flight, and in how many pieces, is
 * another each time.
 */
const ROW = /^\d+(\[\d+\])?\s/

function expectAnswer(given: string, shown: string, command: string): void {
  const shownLines = shown.trim().split('\n')
  let at = 0
  for (const line of given
    .trim()
    .split('\n')
    .map((text) => text.trim())) {
    const next = shownLines[at]
    if (next !== undefined && shapeOf(next).test(line)) at++
    else if (!ROW.test(line))
      expect(line, `line ${at + 1} of ${command}`).toMatch(shapeOf(next ?? ''))
  }
  expect(shownLines.slice(at), `lines of ${command} that are missing`).toEqual([])
}

describe('the transcript in scripts/gdb/README.md', () => {
  test('is what gdb answers, numbers apart', async ({ site }) => {
    const transcript = readTranscript()
    expect(transcript.length).toBeGreaterThan(5)
    const output = await debugSession(
      site,
      transcript.map(({ command }) => command),
      { image, traffic: 'trickle' },
    )
    for (const [index, { command, answer }] of transcript.entries()) {
      expectAnswer(output[index]!, answer.join('\n'), command)
    }
  })

  test('would notice another answer', () => {
    expect('js-break 1, publish() at a/b.ts:9:5').toMatch(
      shapeOf('js-break 2, publish() at a/b.ts:228:5'),
    )
    expect('js-break 1, publish() at a/c.ts:9:5').not.toMatch(
      shapeOf('js-break 2, publish() at a/b.ts:228:5'),
    )
    expect('#0  poll(a={b}) at x').toMatch(shapeOf('#0  poll(…) at x'))
    expect('0  0x3f  12').toMatch(shapeOf('1  0xab  9'))
    const shown = 'tx: queue 1\n0[0]  78  next\n0[1]  9  -\n\nend'
    expectAnswer('tx: queue 1\n0[0]  78  next\n0[1]  5  next\n0[2]  4  -\n\nend', shown, 'longer')
    for (const other of ['tx: queue 1\n0[0]  78  next\n\nend', `${shown}\nmore`, 'tx: queue 1']) {
      expect(() => expectAnswer(other, shown, 'other')).toThrow()
    }
  })
})

interface LaunchConfiguration {
  readonly program: string
  readonly cwd: string
  readonly preLaunchTask: string
  readonly miDebuggerServerAddress: string
  readonly setupCommands: readonly { readonly text: string }[]
}

describe('the launch configuration for VS Code', () => {
  const inRoot = (text: string): string => text.replace(/\$\{workspaceFolder\}\//g, ROOT)
  const read = <T>(name: string): T =>
    JSON.parse(readFileSync(join(ROOT, '.vscode', name), 'utf8')) as T
  const { configurations } = read<{ configurations: LaunchConfiguration[] }>('launch.json')
  const { tasks } = read<{
    tasks: {
      label: string
      command: string
      problemMatcher: { background: { endsPattern: string } }
    }[]
  }>('tasks.json')

  test('names files, a task and a make target that exist', () => {
    expect(configurations.length).toBeGreaterThan(0)
    for (const { program, setupCommands, preLaunchTask } of configurations) {
      expect(existsSync(inRoot(program)), program).toBe(true)
      for (const { text } of setupCommands) {
        const path = inRoot(text).replace(/^source /, '')
        expect(existsSync(path), text).toBe(true)
      }
      const task = tasks.find(({ label }) => label === preLaunchTask)
      expect(task, preLaunchTask).toBeDefined()
      const target = /^make ([a-z-]+)$/.exec(task!.command)?.[1]
      expect(readFileSync(join(ROOT, 'Makefile'), 'utf8')).toMatch(new RegExp(`^${target}:`, 'm'))
    }
  })

  test('leads gdb’s machine interface to the guest and to a TypeScript line', async () => {
    const [configuration] = configurations
    const { program, setupCommands, miDebuggerServerAddress } = configuration!
    const task = tasks.find(({ label }) => label === configuration!.preLaunchTask)!
    const { output, server } = await editorSession(
      new RegExp(task.problemMatcher.background.endsPattern, 'm'),
      [
        ...setupCommands.map(({ text }) => inRoot(text)),
        `-file-exec-and-symbols ${inRoot(program)}`,
        `-target-select remote ${inRoot(miDebuggerServerAddress)}`,
        `-interpreter-exec console "js-tbreak ${QUEUE_FILE}:${lineHolding(image, QUEUE_FILE, PUBLISH)}"`,
        '-exec-continue',
        '-interpreter-exec console "js-bt"',
        '-interpreter-exec console kill',
        '-gdb-exit',
      ],
    )
    expect(server).toContain(`The guest waits for gdb at ${inRoot(miDebuggerServerAddress)}`)
    expect(output).toContain('^connected')
    // An editor needs the reason and the frame.
    expect(output).toMatch(/\*stopped,.*reason="breakpoint-hit".*func="JS_CallInternal"/)
    expect(output).toMatch(
      /~"#0 {2}publish\(\) at drivers\/virtio\/split-virtqueue\.ts:\d+:\d+\\n"/,
    )
    // What ended the guest ended the server, and nothing of it is left.
    expect(existsSync(inRoot(miDebuggerServerAddress))).toBe(false)
  })
})
