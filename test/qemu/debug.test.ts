/** gdb on the running image, over QEMU's stub: js-bt and its companions wherever the guest stops. */
import { type ChildProcess, execFile } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import {
  GUEST_ADDRESS4,
  guarded,
  launch,
  type NetworkNamespace,
  requireExecutable,
  Topology,
  type VirtioNetProperties,
  type Vm,
} from 'qemu-runner'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { gdbArguments } from '../../scripts/debug/gdb-command.ts'
import { IMAGE, ROOT } from './support/guest-site.ts'

const CHARGEN_PORT = 19
/** More than the transmit queue has room for. */
const CONNECTIONS = 120
const TRICKLE_INTERVAL_MS = 200
const GDB_TIMEOUT_MS = 50_000

interface Frame {
  readonly level: number
  readonly name: string
  readonly arguments: string
  /** Undefined for a native function. */
  readonly file: string | undefined
  readonly line: number
  readonly column: number
}

const FRAME = /^#(\d+)\s+(.+?)\((.*)\) (?:\(native\)|at ([^:]+):(\d+):(\d+))$/

function parseFrames(text: string): Frame[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('#'))
    .map((line) => {
      const match = FRAME.exec(line)
      if (match === null) throw new Error(`Cannot read a frame of js-bt: ${line}`)
      const [, level, name, given, file, at, column] = match
      return {
        level: Number(level),
        name: name!,
        arguments: given!,
        file,
        line: Number(at),
        column: Number(column),
      }
    })
}

/** A build beside the real one, so that what `make debug` builds meanwhile changes nothing here. */
let image = ''

/** The text of the source file as it was when the image was built, which is what its lines count. */
function builtSource(file: string): string {
  const map = JSON.parse(readFileSync(image.replace(/\.elf$/, '.js.map'), 'utf8')) as {
    sources: string[]
    sourcesContent: string[]
  }
  const index = map.sources.findIndex((source) => join(dirname(image), source) === join(ROOT, file))
  if (index < 0) throw new Error(`The image was not built from ${file}`)
  return map.sourcesContent[index]!
}

function sourceLine(frame: Frame): string {
  return builtSource(frame.file!).split('\n')[frame.line - 1] ?? ''
}

/** The line that a frame names must hold the call of the next inner frame, at or behind the column. */
function expectRightLines(frames: readonly Frame[]): void {
  for (const [index, frame] of frames.entries()) {
    expect(frame.level).toBe(index)
    const callee = frames[index - 1]
    if (callee === undefined || frame.file === undefined) continue
    const where = `${frame.file}:${frame.line}:${frame.column} calls ${callee.name}`
    expect(sourceLine(frame).slice(frame.column - 1), where).toContain(`${callee.name}(`)
  }
}

function places(frames: readonly Frame[]): string[] {
  return frames.map(({ name, file }) => `${name} ${file ?? '(native)'}`)
}

/** Each pattern matches a text behind the one that the pattern before it matched. */
function expectInOrder(texts: readonly string[], patterns: readonly RegExp[]): void {
  let at = 0
  for (const pattern of patterns) {
    const found = texts.findIndex((text, index) => index >= at && pattern.test(text))
    expect(found, `${pattern} from ${at} on in\n${texts.join('\n')}`).toBeGreaterThanOrEqual(at)
    at = found + 1
  }
}

function runCommand(command: readonly string[], input = ''): Promise<string> {
  const [program, ...words] = guarded(command)
  return new Promise((resolve, reject) => {
    const settings = { timeout: GDB_TIMEOUT_MS, killSignal: 'SIGKILL', cwd: ROOT } as const
    const child = execFile(program!, words, settings, (error, stdout, stderr) => {
      const output = stdout + stderr
      if (error === null) resolve(output)
      else if (error.killed === true) {
        reject(new Error(`No end of ${command[0]} within ${GDB_TIMEOUT_MS} ms:\n${output}`))
      } else reject(new Error(`${error.message}\n${output}`))
    })
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
  })
}

/** `flood`: many downloads at once, the guest never rests. `trickle`: it sleeps between one download and the next. */
type Traffic = 'flood' | 'trickle'

/** Runs in the namespace: downloads the character generator's output until it is killed. */
const CLIENT = `
const { connect } = require('node:net')
const [traffic, host, port, connections, interval] = process.argv.slice(1)
function download() {
  const socket = connect(Number(port), host)
  socket.on('error', () => undefined)
  if (traffic === 'flood') socket.resume()
  else socket.once('data', () => socket.destroy())
}
if (traffic === 'trickle') setInterval(download, Number(interval))
else for (let index = 0; index < Number(connections); index++) download()
`

function startClient(namespace: NetworkNamespace, traffic: Traffic): ChildProcess {
  const numbers = [CHARGEN_PORT, CONNECTIONS, TRICKLE_INTERVAL_MS].map(String)
  const words = ['-e', CLIENT, traffic, GUEST_ADDRESS4, ...numbers]
  return namespace.spawn([process.execPath, ...words], { stdio: 'ignore' })
}

/**
 * Boots the image paused, runs gdb in batch mode on it and makes traffic once the guest is ready. Resolves with what
 * each command printed.
 */
async function debugSession(
  commands: readonly string[],
  traffic: Traffic,
  device: { properties?: VirtioNetProperties; extraArguments?: readonly string[] } = {},
): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'eremite-test-'))
  const socketPath = join(folder, 'gdb')
  const topology = await Topology.direct()
  let client: ChildProcess | undefined
  let vm: Vm | undefined
  try {
    vm = await launch({
      kernel: image,
      gdb: { socketPath, wait: true },
      append: topology.guestAppend,
      network: [
        {
          kind: 'tap',
          namespace: topology.near,
          interfaceName: topology.tap.interfaceName,
          device: device.properties ?? {},
        },
      ],
      extraArguments: device.extraArguments ?? [],
      entropyDevice: true,
      timeoutMs: GDB_TIMEOUT_MS,
    })
    const separator = ['-ex', 'echo \\n<next>\\n']
    const separate = commands.flatMap((command) => [...separator, '-ex', command])
    // One stream, so that errors stand where they happened.
    const gdb = runCommand([
      ...['sh', '-c', 'exec "$@" 2>&1', 'gdb', requireExecutable('gdb')],
      ...['-nx', '-batch', '-iex', 'set pagination off', '-iex', 'set width 0'],
      ...gdbArguments({ socketPath, image }),
      ...separate,
      ...separator,
    ])
    // When gdb ends first, its output says why; the guest's end below is then no news.
    const ready = vm.events.once('ready', { timeoutMs: GDB_TIMEOUT_MS }).then(() => {
      client = startClient(topology.near, traffic)
    })
    await Promise.race([ready, gdb])
    ready.catch(() => undefined)
    const output = await gdb
    return output.split('\n<next>\n').slice(1, -1)
  } finally {
    client?.kill('SIGKILL')
    await vm?.close()
    await topology.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

beforeAll(() => {
  for (const tool of ['gdb', 'qemu-system-x86_64']) requireExecutable(tool)
  if (!existsSync(IMAGE)) throw new Error(`Cannot debug ${IMAGE}: it is missing`)
  const folder = mkdtempSync(join(ROOT, 'build/debug-'))
  for (const name of ['eremite.elf', 'eremite.js.map']) {
    copyFileSync(join(dirname(IMAGE), name), join(folder, name))
  }
  image = join(folder, 'eremite.elf')
})
afterAll(() => {
  if (image !== '') rmSync(dirname(image), { recursive: true, force: true })
})

describe('gdb over QEMU’s stub', () => {
  it('shows the stack from the socket down to the driver where the virtqueue is published', async () => {
    // Without indirect descriptors the transmit queue is full with 85 frames, and a device that looks at it only every
    // 100 ms lets it fill: TCP then publishes it from inside a send.
    const output = await debugSession(
      [
        'js-bt',
        'break native_memory_barrier if $js_called("emitSegment")',
        'continue',
        'js-bt',
        'js-frame 1',
        'js-locals',
        'js-print this.size',
        'js-print this.descriptors',
        'print $js_value("this.size") + 1',
        'js-print this.hal.memoryBarrier',
        'js-print nothing.there',
        'js-frame 99',
        'js-locals 0',
        'js-bt 2',
      ],
      'flood',
      {
        properties: { indirectDesc: false },
        extraArguments: [
          '-global',
          'virtio-net-pci.tx=timer',
          '-global',
          'virtio-net-pci.x-txtimer=100000000',
        ],
      },
    )
    const [beforeBoot, , stop, backtrace, chosen, variables, ...rest] = output
    expect(beforeBoot).toContain('No TypeScript yet')
    expect(stop).toContain('native_memory_barrier')

    const frames = parseFrames(backtrace!)
    expectRightLines(frames)
    expect(places(frames).at(-1)).toBe('main kernel/main.ts')
    expectInOrder(places(frames), [
      /^memoryBarrier \(native\)$/,
      /^publish drivers\/virtio\/split-virtqueue\.ts$/,
      / drivers\/virtio\/net\//,
      / net\/iface\/egress\.ts$/,
      /^emitSegment net\/socket\/tcp\/segment-emitter\.ts$/,
      /^dispatchSocket net\/socket\/tcp\/transmit\.ts$/,
      /^poll net\/iface\/interface\.ts$/,
    ])
    expect(frames.find(({ name }) => name === 'emitSegment')?.arguments).toMatch(
      /^socket=TcpSocket \{.*\}, egress=FlowEgress \{.*\}, sequence=-?\d+, length=\d+, flags=\d+, nowMs=\d+$/,
    )

    expect(chosen?.trim()).toBe(backtrace?.split('\n').find((line) => line.startsWith('#1 ')))
    expect(variables).toMatch(/^this = SplitVirtqueue \{size: 256, /)
    expect(variables).toMatch(/^before = \d+$/m)
    const [size, table, sum, method, missing, noFrame, native, two] = rest.map((text) =>
      text.trim(),
    )
    expect(size).toBe('this.size = 256')
    expect(table).toMatch(/^this\.descriptors = Uint32Array\(1024\) at 0x[0-9a-f]+$/)
    expect(sum).toBe('$1 = 257')
    expect(method).toBe('this.hal.memoryBarrier = [Function: memoryBarrier]')
    expect(missing).toBe('No variable nothing in publish; js-locals shows those there are')
    expect(noFrame).toBe(`No frame 99: js-bt shows ${frames.length}, counted from 0`)
    expect(native).toBe('memoryBarrier is native: it has no TypeScript variables')
    expect(two?.split('\n')).toEqual([
      ...backtrace!.trim().split('\n').slice(0, 2),
      `(and ${frames.length - 2} more)`,
    ])
  })

  it('knows the line in the middle of a function, and sees through interrupts and exceptions', async () => {
    const doorbell =
      '*(unsigned short *)($js_address("this.doorbellRegisters") + 2 * $js_value("this.doorbellIndex"))'
    const output = await debugSession(
      [
        'tbreak handle_interrupt if $js_called("waitForInterrupt")',
        'continue',
        'js-bt',
        'backtrace',
        'tbreak native_memory_barrier if $js_called("flushTransmit")',
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
      'trickle',
    )
    const inInterrupt = parseFrames(output[2]!)
    expectRightLines(inInterrupt)
    expect(places(inInterrupt)[0]).toBe('waitForInterrupt (native)')
    expect(places(inInterrupt).at(-1)).toBe('main kernel/main.ts')
    // The C stack crosses from the interrupt's own stack to the interrupted one.
    expect(output[3]).toMatch(/interrupt_common.*\n[\s\S]*JS_CallInternal[\s\S]* in js_run/)

    const atWrite = parseFrames(output[9]!)
    expect(places(atWrite)[0]).toBe('publish drivers/virtio/split-virtqueue.ts')
    expect(sourceLine(atWrite[0]!)).toContain('this.doorbellRegisters![this.doorbellIndex] =')
    expectRightLines(atWrite)

    expect(output[12]).toContain('handle_exception')
    const inException = parseFrames(output[13]!)
    expect(places(inException)).toEqual(places(atWrite))
    expect(sourceLine(inException[0]!)).toContain('this.doorbellRegisters![this.doorbellIndex] =')
    expectRightLines(inException)
    expect(output[14]).toMatch(/exception_common.*\n[\s\S]*JS_CallInternal[\s\S]* in js_run/)
  })
})

describe('make debug', () => {
  it('builds, attaches gdb, runs what it is told and leaves nothing behind', async () => {
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

  it('refuses an unknown back end by name', async () => {
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
