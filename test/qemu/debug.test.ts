/**
 * gdb on the running image, over QEMU's stub: js-bt and its companions wherever the guest stops.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { requireExecutable } from 'qemu-runner'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { GUEST, test } from './support/fixtures.ts'
import { copyImage, debugSession, removeImage, runCommand } from './support/gdb-session.ts'
import { ROOT } from './support/paths.ts'
import {
  expectInOrder,
  expectRightLines,
  parseFrames,
  places,
  sourceLine,
} from './support/typescript-frames.ts'

test.override('guest', { ...GUEST, network: 'direct' })

let image = ''
beforeAll(() => {
  image = copyImage()
})
afterAll(() => removeImage(image))

describe('the interpreter', () => {
  test('jumps from each instruction to the next on its own, whatever clang built it', async () => {
    // One jump for all would hold the place in the bytecode in no register that gdb could rely on,
    // and be slower.
    const words = ['-d', '--no-show-raw-insn', '--disassemble=JS_CallInternal', image]
    const code = await runCommand([requireExecutable('objdump'), ...words])
    const jumps = code.match(/\tjmp +\*0x[0-9a-f]+\(,%r\w+,8\)/g) ?? []
    expect(jumps.length).toBeGreaterThan(200)
  })
})

describe('gdb over QEMU’s stub', () => {
  test('shows the stack from the socket down to the driver where a segment gets its virtio-net header', async ({
    site,
  }) => {
    const output = await debugSession(
      site,
      [
        'js-bt',
        'break native_copy_bytes if $js_called("submit") && $js_called("emitSegments")',
        'continue',
        'js-bt',
        'js-frame 1',
        'js-locals',
        'js-print this.queue.size',
        'js-print this.queue.descriptors',
        'print $js_value("this.queue.size") + 1',
        'js-print this.queue.hal.memoryBarrier',
        'js-print nothing.there',
        'js-frame 99',
        'js-locals 0',
        'js-bt 2',
      ],
      { image, traffic: 'trickle' },
    )
    const [beforeBoot, , stop, backtrace, chosen, variables, ...rest] = output
    expect(beforeBoot).toContain('No TypeScript function is running')
    expect(stop).toContain('native_copy_bytes')

    const frames = parseFrames(backtrace!)
    expectRightLines(image, frames, { copyBytes: 'copy' })
    expect(places(frames).at(-1)).toBe('main kernel/main.ts')
    expectInOrder(places(frames), [
      /^copyBytes \(native\)$/,
      /^submit drivers\/virtio\/net\/transmit-path\.ts$/,
      / net\/iface\/egress\.ts$/,
      /^emitSegments net\/socket\/tcp\/send\/segment-emitter\.ts$/,
      /^dispatchSocket net\/socket\/tcp\/send\/transmit\.ts$/,
      /^poll net\/iface\/host\.ts$/,
    ])
    expect(frames.find(({ name }) => name === 'emitSegments')?.arguments).toMatch(
      /^socket=TcpSocket \{.*\}, sequence=-?\d+, length=\d+, count=\d+, flags=\d+, nowMs=\d+$/,
    )

    expect(chosen?.trim()).toBe(backtrace?.split('\n').find((line) => line.startsWith('#1 ')))
    expect(variables).toMatch(/^this = TransmitPath \{/)
    expect(variables).toMatch(/^headerLength = \d+$/m)
    expect(variables).toMatch(/^number\d* = \d+$/m)
    const [size, table, sum, method, missing, noFrame, native, two] = rest.map((text) =>
      text.trim(),
    )
    // QEMU decides how many descriptors the queue has, and its versions differ.
    const entries = Number(/^this\.queue\.size = (\d+)$/.exec(size!)?.[1])
    expect(entries).toBeGreaterThan(1)
    expect(table).toMatch(
      new RegExp(`^this\\.queue\\.descriptors = Uint32Array\\(${entries * 4}\\) at 0x[0-9a-f]+$`),
    )
    expect(sum).toBe(`$1 = ${entries + 1}`)
    expect(method).toBe('this.queue.hal.memoryBarrier = [Function: memoryBarrier]')
    expect(missing).toBe('No variable nothing in submit; js-locals shows those there are')
    expect(noFrame).toBe(`No frame 99: js-bt shows ${frames.length}, counted from 0`)
    expect(native).toBe('copyBytes is native: it has no TypeScript variables')
    expect(two?.split('\n')).toEqual([
      ...backtrace!.trim().split('\n').slice(0, 2),
      `(and ${frames.length - 2} more)`,
    ])
  })

  test('knows the line in the middle of a function, and sees through interrupts and exceptions', async ({
    site,
  }) => {
    const doorbell =
      '*(unsigned short *)($js_address("this.doorbellRegisters") + 2 * $js_value("this.doorbellIndex"))'
    const output = await debugSession(
      site,
      [
        'tbreak handle_interrupt if $js_called("waitForInterrupt")',
        'continue',
        'js-bt',
        'backtrace',
        'tbreak native_memory_barrier if $js_called("flush")',
        'continue',
        'js-frame 1',
        `awatch -l ${doorbell}`,
        'continue',
        'js-bt',
        // An invalid instruction where the guest stands.
        'set *(unsigned short *)$pc = 0x0b0f',
        'break handle_exception',
        'continue',
        'js-bt',
        'backtrace',
      ],
      { image, traffic: 'trickle' },
    )
    const inInterrupt = parseFrames(output[2]!)
    expectRightLines(image, inInterrupt)
    expect(places(inInterrupt)[0]).toBe('waitForInterrupt (native)')
    expect(places(inInterrupt).at(-1)).toBe('main kernel/main.ts')
    // The C stack crosses from the interrupt's own stack to the interrupted one.
    expect(output[3]).toMatch(/interrupt_common.*\n[\s\S]*JS_CallInternal[\s\S]* in js_run/)

    const atWrite = parseFrames(output[9]!)
    expect(places(atWrite)[0]).toBe('publish drivers/virtio/split-virtqueue.ts')
    expect(sourceLine(image, atWrite[0]!)).toContain(
      'this.doorbellRegisters![this.doorbellIndex] =',
    )
    expectRightLines(image, atWrite)

    expect(output[12]).toContain('handle_exception')
    const inException = parseFrames(output[13]!)
    expect(places(inException)).toEqual(places(atWrite))
    expect(sourceLine(image, inException[0]!)).toContain(
      'this.doorbellRegisters![this.doorbellIndex] =',
    )
    expectRightLines(image, inException)
    expect(output[14]).toMatch(/exception_common.*\n[\s\S]*JS_CallInternal[\s\S]* in js_run/)
  })
})

describe('make debug', () => {
  test('builds, attaches gdb, runs what it is told and leaves nothing behind', async () => {
    const tsx = join(ROOT, 'node_modules/tsx/dist/cli.mjs')
    const command = [process.execPath, tsx, join(ROOT, 'scripts/debug.ts'), 'NET=user']
    const commands = ['break native_wait_for_interrupt', 'continue', 'js-bt', 'quit', '']
    const output = await runCommand(command, commands.join('\n'))
    const frames = parseFrames(output.replaceAll('(gdb) ', ''))
    expect(places(frames).slice(0, 2)).toEqual([
      'waitForInterrupt (native)',
      'sleep kernel/event-loop.ts',
    ])
    const folder = /Remote debugging using (\S+)\/gdb/.exec(output)?.[1]
    expect(folder).toMatch(/eremite-debug-/)
    expect(existsSync(folder!)).toBe(false)
    expect(processesNaming(folder!)).toEqual([])
  })

  test('refuses an unknown back end by name', async () => {
    const tsx = join(ROOT, 'node_modules/tsx/dist/cli.mjs')
    const command = [process.execPath, tsx, join(ROOT, 'scripts/debug.ts'), 'NET=carrier-pigeon']
    await expect(runCommand(command)).rejects.toThrow(
      /debug: Cannot use NET=carrier-pigeon: it may be auto, tap, user/,
    )
  })
})

function processesNaming(text: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      } catch {
        return ''
      }
    })
    .filter((commandLine) => commandLine.includes(text))
}
