/**
 * js-break and its companions: breakpoints at TypeScript lines in an engine that was not changed
 * for it.
 */
import { copyFileSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { GUEST, test } from './support/fixtures.ts'
import { copyImage, debugSession, removeImage } from './support/gdb-session.ts'
import { ROOT } from './support/paths.ts'
import { expectRightLines, lineHolding, parseFrames, places } from './support/typescript-frames.ts'

const TRANSMIT = 'net/socket/tcp/send/transmit.ts'
const QUEUE = 'drivers/virtio/split-virtqueue.ts'
const SEND = 'const sent = emitSegments(socket, sequence, length, count, flags, nowMs)'
const CHARGEN = 'kernel/userland/services/chargen.ts'
const HTTP = 'kernel/userland/services/http/http-server.ts'

test.override('guest', { ...GUEST, network: 'direct' })

let image = ''
beforeAll(() => {
  image = copyImage()
})
afterAll(() => removeImage(image))

describe('js-break', () => {
  test('is set before the guest starts, stops at the line with the right variables, and again, until deleted', async ({
    site,
  }) => {
    const line = lineHolding(image, TRANSMIT, SEND)
    const output = await debugSession(
      site,
      [
        `js-break tcp/send/transmit.ts:${line} if $js_value("length") > 1000`,
        'js-breaks',
        'continue',
        'js-bt',
        'js-print length',
        'continue',
        'js-breaks',
        'js-delete 1',
        'js-breaks',
        'js-tbreak split-virtqueue.ts:1',
        'js-delete 1',
      ],
      { image, traffic: 'flood' },
    )
    const place = `${TRANSMIT}:${line} if $js_value("length") > 1000`
    const [set, listed, first, backtrace, length, second, hits, , none, noCode, gone] = output.map(
      (text) => text.trim(),
    )
    expect(set).toBe(`js-break 1: ${place}`)
    expect(listed).toBe(`1   ${place}, 0 hits`)
    const stop = new RegExp(
      `js-break 1, dispatchSocket\\(socket=TcpSocket .*\\) at ${TRANSMIT}:${line}:\\d+$`,
    )
    expect(first).toMatch(stop)
    const frames = parseFrames(backtrace!)
    expect(places(frames)[0]).toBe(`dispatchSocket ${TRANSMIT}`)
    expect(frames[0]!.line).toBe(line)
    expect(places(frames).at(-1)).toBe('main kernel/main.ts')
    expectRightLines(image, frames)
    expect(Number(/^length = (\d+)$/.exec(length!)?.[1])).toBeGreaterThan(1000)
    expect(second).toMatch(stop)
    expect(hits).toBe(`1   ${place}, 2 hits`)
    expect(none).toBe('No js-break is set')
    expect(noCode).toMatch(
      /^Line 1 of drivers\/virtio\/split-virtqueue\.ts holds no code; the next that does is \d+$/,
    )
    expect(gone).toBe('No js-break 1: js-breaks shows those there are')
  })

  test('stops in an app, which is loaded later, and once only when temporary', async ({ site }) => {
    const line = lineHolding(image, CHARGEN, 'socket.send(lines, position.offset, length)')
    const unreached = lineHolding(image, HTTP, 'system.copyRecord(blank)')
    const emit = lineHolding(image, TRANSMIT, SEND)
    const output = await debugSession(
      site,
      [
        'tbreak native_load_app',
        'continue',
        // Now the kernel is loaded and the app is not.
        `js-tbreak services/chargen.ts:${line}`,
        `js-break http-server.ts:${unreached}`,
        `js-tbreak ${TRANSMIT}:${emit}`,
        'continue',
        'js-bt',
        'js-print length',
        'continue',
        'js-breaks',
        'js-delete',
        `js-tbreak ${TRANSMIT}:${emit} if $js_value("nosuch") > 1`,
        'continue',
      ],
      { image, traffic: 'flood' },
    )
    const [, , app, http, kernel, first, backtrace, length, second, left, , , failing] = output.map(
      (text) => text.trim(),
    )
    expect(app).toBe(`js-break 1: ${CHARGEN}:${line}, pending until builtin is loaded`)
    expect(http).toBe(`js-break 2: ${HTTP}:${unreached}, pending until builtin is loaded`)
    expect(kernel).toBe(`js-break 3: ${TRANSMIT}:${emit}`)
    expect(first).toContain(`js-break 1: ${CHARGEN}:${line}\n`)
    expect(first).toContain(`js-break 2: ${HTTP}:${unreached}\n`)
    expect(first).toMatch(new RegExp(`js-break 1, onWritable\\(.*\\) at ${CHARGEN}:${line}:\\d+$`))
    const frames = parseFrames(backtrace!)
    expect(places(frames)[0]).toBe(`onWritable ${CHARGEN}`)
    expect(places(frames).at(-1)).toBe('main kernel/main.ts')
    expect(length).toMatch(/^length = \d+$/)
    // What was temporary is gone; the traffic is the character generator's, so that the web
    // server's line stays.
    expect(second).toMatch(/js-break 3, dispatchSocket\(/)
    expect(left).toBe(`2   ${HTTP}:${unreached}, 0 hits`)
    expect(failing).toMatch(
      /^Stopping, because the condition \$js_value\("nosuch"\) > 1 cannot be computed: .*nosuch[\s\S]*\njs-break 4, /,
    )
  })

  test('watches more lines at once than a processor has debug registers', async ({ site }) => {
    const texts = [
      'this.available[1] = index',
      'const event = this.used[this.availableEventOffset]!',
      'this.doorbellRegisters![this.doorbellIndex] = this.queueNumber',
      'const taken = bulk.pullSlots(',
      'this.lastUsed = (last + taken) & 0xffff',
      'table[at + 2] = lengthBytes',
    ]
    const lines = texts.map((text) => lineHolding(image, QUEUE, text))
    const output = await debugSession(
      site,
      [
        'tbreak native_load_app',
        'continue',
        ...lines.map((line) => `js-tbreak ${QUEUE}:${line}`),
        ...lines.map(() => 'continue'),
        'js-breaks',
      ],
      { image, traffic: 'flood' },
    )
    const stops = output.slice(2 + lines.length, -1)
    const hit = stops.map((text) => Number(/ at \S+?:(\d+):\d+\s*$/.exec(text)?.[1]))
    expect([...hit].sort((a, b) => a - b)).toEqual([...lines].sort((a, b) => a - b))
    expect(output.at(-1)!.trim()).toBe('No js-break is set')
  })

  test('stops once at each line, wherever in memory its instructions and their operands lie', async ({
    site,
  }) => {
    const source = 'test/qemu/apps/steps.ts'
    const initrd = await buildApp('steps.ts')
    copyFileSync(initrd.replace(/app$/, 'js.map'), join(dirname(image), 'steps.js.map'))
    const steps = readFileSync(join(ROOT, source), 'utf8')
      .split('\n')
      .flatMap((text, index) => (text.endsWith('// step') ? [index + 1] : []))
    const output = await debugSession(
      site,
      [...steps.map((line) => `js-break ${source}:${line}`), ...steps.map(() => 'continue')],
      { image, initrd },
    )
    const stops = output.slice(steps.length).map((text) => / at \S+?:(\d+):\d+\s*$/.exec(text)?.[1])
    expect(stops).toEqual(steps.map(String))
  })

  test('says in one line what it cannot break at', async ({ site }) => {
    const output = await debugSession(
      site,
      ['js-break transmit.ts', 'js-break nowhere.ts:3', 'js-break main.ts:99999', 'js-delete x'],
      { image },
    )
    expect(output.map((text) => text.trim())).toEqual([
      "Cannot break at 'transmit.ts': write FILE:LINE, e.g. net/socket/tcp/send/transmit.ts:54",
      'Cannot break in nowhere.ts: no program beside the image was built from it; name files as js-bt shows them',
      expect.stringMatching(
        /^(Line 99999 of kernel\/main\.ts holds no code; and none behind it does|Cannot tell which main\.ts is meant: .*kernel\/main\.ts.*)$/,
      ),
      'No js-break x: js-breaks shows those there are',
    ])
  })
})
