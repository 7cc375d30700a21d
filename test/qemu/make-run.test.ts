/**
 * make run as a person meets it: the report, the proof, the page on a terminal, one line for every
 * mistake, nothing left.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { quoteCommand, requireExecutable } from 'qemu-runner'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { test } from './support/fixtures.ts'
import { ROOT } from './support/paths.ts'
import { isWhole, readCapture } from './support/stack-capture.ts'

const RUN = [process.execPath, '--import', 'tsx', join(ROOT, 'scripts/run.ts')]
const TIMEOUT_MS = 120_000

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'eremite-make-run-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Outcome {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
  /** Processes of the run that are still alive. */
  readonly left: number[]
}

interface RunningScript {
  readonly child: ChildProcess
  /** In the environment of every process of this run. */
  readonly mark: string
  output(): string
  finish(): Promise<Outcome>
}

function start(words: readonly string[], environment: Record<string, string> = {}): RunningScript {
  return watch([...RUN, ...words], environment)
}

/**
 * The same on a terminal of its own, as util-linux's `script` makes it. The command replaces the
 * shell that `script` starts: Ctrl-C reaches the whole foreground, and some shells (dash) then
 * report 130 whatever the command returned.
 */
function startOnTerminal(words: readonly string[]): RunningScript {
  const command = `exec ${quoteCommand([...RUN, ...words])}`
  return watch([requireExecutable('script'), '-qefc', command, '/dev/null'], {})
}

function watch(command: readonly string[], environment: Record<string, string>): RunningScript {
  const mark = randomUUID()
  const child = spawn(command[0]!, command.slice(1), {
    cwd: ROOT,
    env: { ...process.env, MAKEFLAGS: '', TMPDIR: folder, ...environment, EREMITE_TEST_MARK: mark },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString('utf8')
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString('utf8')
  })
  const closed = once(child, 'close') as Promise<[number | null]>
  return {
    child,
    mark,
    output: () => stdout + stderr,
    finish: async () => {
      const [status] = await closed
      return { status, stdout, stderr, left: await leftOf(mark) }
    },
  }
}

/** Live processes that carry the mark; the kernel may need a moment to end them. */
async function leftOf(mark: string): Promise<number[]> {
  let left: number[] = []
  for (let attempt = 0; attempt < 50; attempt++) {
    left = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((name) => carries(name, mark))
      .map(Number)
    if (left.length === 0) return left
    await delay(50)
  }
  return left
}

function carries(process: string, mark: string): boolean {
  try {
    return readFileSync(`/proc/${process}/environ`, 'latin1').includes(mark)
  } catch {
    return false
  }
}

async function waitFor(running: RunningScript, pattern: RegExp): Promise<RegExpMatchArray> {
  const deadline = performance.now() + TIMEOUT_MS
  while (performance.now() < deadline && running.child.exitCode === null) {
    const match = pattern.exec(running.output())
    if (match !== null) return match
    await delay(20)
  }
  throw new Error(`Cannot see ${pattern} in the output:\n${running.output()}`)
}

describe('make run without a terminal', () => {
  test(
    'reports, proves the offload over both families and exits 0',
    async () => {
      const { status, stdout, stderr, left } = await start(['NET=tap', 'ACCEL=tcg']).finish()
      expect(stderr).toBe('')
      expect(status).toBe(0)
      expect(stdout).toMatch(/machine +q35, TCG/)
      expect(stdout).toMatch(/boot +[\d.]+ ms: QEMU and firmware [\d.]+, /)
      expect(stdout).toMatch(/negotiated +CSUM[\s\S]*HOST_TSO4/)
      expect(stdout).toMatch(/segmentation +TCP\/IPv4 by the device, frames up to 65535 bytes/)
      for (const row of ['guest sends, IPv4', 'guest receives, IPv4', 'guest sends, IPv6']) {
        expect(stdout).toMatch(new RegExp(`${row} +64 MiB +\\d+ +\\d+ +\\d+\\.\\d+ +\\d+\\.\\d+`))
        expect(stdout).toMatch(new RegExp(`${row}, offload=none +8 MiB`))
      }
      const largest = /guest sends, IPv4 +64 MiB +\d+ +(\d+)/.exec(stdout)?.[1]
      expect(Number(largest)).toBeGreaterThan(32_000)
      expect(stdout).toMatch(
        /Ready {2}http:\/\/127\.0\.0\.1:\d+\/[\s\S]*\nEnds here: there is no terminal/,
      )
      expect(left).toEqual([])
    },
    TIMEOUT_MS,
  )

  test(
    'explains what user-mode networking loses, and still moves data',
    async () => {
      const capture = join(folder, 'user.pcapng')
      const running = start(['NET=user', 'ACCEL=tcg', 'MACHINE=microvm', `PCAP=${capture}`])
      const { status, stdout, stderr } = await running.finish()
      expect(stderr).toBe('')
      expect(status).toBe(0)
      expect(stdout).toMatch(/no vnet header/)
      expect(stdout).toMatch(/segmentation +TCP\/IPv4 in software/)
      expect(stdout).toMatch(/guest sends, IPv4 +8 MiB/)
      // What the stack meant: super-segments, which no back end without a vnet header ever sees.
      expect(isWhole(capture)).toBe(true)
      const frames = await readCapture(capture, 'frame.comment contains "segments of"')
      expect(Math.max(...frames.map(({ length }) => length))).toBeGreaterThan(32_000)
    },
    TIMEOUT_MS,
  )

  test(
    'with PCAP= records what the stack saw of the proof, with the date, and proves the same',
    async () => {
      const capture = join(folder, 'tap,1.pcapng')
      const startMs = Date.now()
      const running = start(['NET=tap', 'ACCEL=tcg', `PCAP=${capture}`])
      const { status, stdout, stderr, left } = await running.finish()
      expect([status, stderr, left]).toEqual([0, '', []])
      expect(stdout).toContain(`Records what the guest's stack sees and decides into ${capture}`)
      const row = /guest sends, IPv4 +64 MiB +(\d+) +(\d+)/.exec(stdout)!
      expect(isWhole(capture)).toBe(true)
      const large = await readCapture(capture, 'ip && frame.len > 1514 && tcp.srcport == 80')
      // Nothing is lost: both count the same super-frames, but for those of one packet.
      expect(Math.max(...large.map(({ length }) => length))).toBe(Number(row[2]))
      const sent = large.reduce((sum, { tcpLength }) => sum + tcpLength, 0)
      expect(sent).toBeGreaterThan(63 << 20)
      expect(large.every(({ droppedBefore }) => droppedBefore === 0)).toBe(true)
      const [first] = large
      expect(first!.epoch * 1000).toBeGreaterThan(startMs - 1000)
      expect(first!.epoch * 1000).toBeLessThan(Date.now() + 1000)
      rmSync(capture)
    },
    TIMEOUT_MS,
  )
})

describe('make run on a terminal', () => {
  test(
    'serves the page at the printed address until Ctrl-C, and leaves nothing',
    async () => {
      const running = startOnTerminal(['NET=tap', 'ACCEL=tcg', 'QUEUES=2'])
      const [, url] = await waitFor(running, /Ready {2}(http:\/\/127\.0\.0\.1:\d+\/)/)
      for (let count = 0; count < 3; count++) {
        const answer = await fetch(url!)
        expect(answer.status).toBe(200)
        expect(await answer.text()).toContain('Eremite')
      }
      const statistics = (await (await fetch(`${url}stats`)).json()) as Record<string, unknown>
      expect(statistics).toMatchObject({ queuePairs: 2, device: { queuePairs: 2 } })
      expect(running.output()).toMatch(/device +virtio-net[^;]*\s2\s+pairs\s+of\s+queues/)
      running.child.stdin?.write('\x03')
      const { status, left } = await running.finish()
      expect(status).toBe(0)
      expect(left).toEqual([])
      await expect(fetch(url!)).rejects.toThrow()
    },
    TIMEOUT_MS,
  )

  test.each(['tap', 'user'])(
    'leads to the first port that an app listens on, with NET=%s',
    async (network) => {
      const running = startOnTerminal([`NET=${network}`, 'ACCEL=tcg', 'services=echo'])
      const [, port] = await waitFor(
        running,
        /Ready {2}127\.0\.0\.1:(\d+) {2}\(port 7 of the guest\)/,
      )
      expect(await echo(Number(port), 'who goes there?')).toBe('who goes there?')
      running.child.stdin?.write('\x03')
      expect(await running.finish()).toMatchObject({ status: 0, left: [] })
    },
    TIMEOUT_MS,
  )

  test(
    'has the app end as a power button would have it end, at Ctrl-C',
    async () => {
      const app = 'APP=test/qemu/apps/drains.ts'
      const running = startOnTerminal(['NET=user', 'ACCEL=tcg', app, 'LOG=info'])
      await waitFor(running, /Ctrl-C ends it/)
      running.child.stdin?.write('\x03')
      const { status, stdout, left } = await running.finish()
      expect([status, left]).toEqual([0, []])
      expect(stdout).toMatch(/asked to end[\s\S]*all is saved/)
    },
    TIMEOUT_MS,
  )

  test(
    'leaves nothing when it is killed while it serves',
    async () => {
      const running = startOnTerminal(['NET=tap', 'ACCEL=tcg', 'OFFLOAD=none', 'services=echo'])
      await waitFor(running, /Ctrl-C ends it/)
      // `script` is the terminal; what it runs is what is killed.
      const target = (await leftOfRun(running.mark)).find((pid) =>
        commandOf(pid).includes('scripts/run.ts'),
      )
      process.kill(target!, 'SIGKILL')
      const { left } = await running.finish()
      expect(left).toEqual([])
    },
    TIMEOUT_MS,
  )
})

/** What an echo service at the port sends back. */
async function echo(port: number, text: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, timeout: 10_000 })
  socket.on('timeout', () => socket.destroy(new Error('No echo within 10 s')))
  socket.end(text)
  let answer = ''
  for await (const chunk of socket) answer += String(chunk)
  return answer
}

async function leftOfRun(mark: string): Promise<number[]> {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && carries(name, mark))
  return all.map(Number).sort((a, b) => b - a)
}

function commandOf(pid: number): string {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')
    return words[0]?.endsWith('node') === true ? words.join(' ') : ''
  } catch {
    return ''
  }
}

describe('a mistake gets one line and a failing status', () => {
  test.each([
    ['an unknown value', ['NET=wifi'], {}, /NET=wifi: it may be auto, tap, user\. Next: /],
    ['an unknown option', ['COLOR=red'], {}, /COLOR=red.*Next: /],
    ['an unknown option of make', [], { MAKEFLAGS: ' -- COLOR=red' }, /COLOR=.*Next: /],
    ['the old capture format', ['PCAP=x.pcap'], {}, /PCAP=x\.pcap: .*Next: PCAP=x\.pcapng/],
    ['a capture nowhere', ['PCAP=no/x.pcapng'], {}, /PCAP=no\/x\.pcapng: no such folder\. Next: /],
    ['an app that is not there', ['APP=nowhere.ts'], {}, /APP=nowhere\.ts.*no such file\. Next: /],
    [
      'no QEMU',
      [],
      { QEMU_RUNNER_BINARY: 'qemu-nonesuch' },
      /qemu-nonesuch.*not on the PATH.*Next: /,
    ],
    [
      'an app that fails while it starts',
      ['APP=test/qemu/apps/throws.ts', 'ACCEL=tcg'],
      {},
      /guest failure, exit code 17.*TypeError: broken on purpose at test\/qemu\/apps\/throws\.ts:4:\d+\. Next: /,
    ],
    [
      'an app that fails a moment after the start',
      ['APP=examples/watchdog.ts', 'ACCEL=tcg'],
      {},
      /nobody fed the watchdog for 300 ms at examples\/watchdog\.ts:21:\d+\. Next: /,
    ],
    [
      'an app that was written for Node.js',
      ['APP=test/qemu/apps/for-node.ts', 'ACCEL=tcg'],
      {},
      /'module' is not defined at test\/qemu\/apps\/for-node\.ts:5:\d+\. Next: the guest is not Node\.js/,
    ],
    ['an app that is a folder', ['APP=scripts'], {}, /APP=scripts: it is not a file\. Next: /],
    [
      'an app in another language',
      ['APP=README.md'],
      {},
      /README\.md: it is not TypeScript\. Next: /,
    ],
    ['a folder as a capture', ['PCAP=scripts'], {}, /PCAP=scripts: it is a folder\. Next: /],
    ['an unknown log level', ['LOG=loud'], {}, /LOG=loud: it may be error, warn, .*Next: /],
    ['an unknown machine', ['MACHINE=pc'], {}, /MACHINE=pc: it may be q35, microvm\. Next: /],
    ['an unknown accelerator', ['ACCEL=hvf'], {}, /ACCEL=hvf: it may be auto, kvm, tcg\. Next: /],
    ['a port out of range', ['PORT=65536'], {}, /PORT=65536: a port must be 0 to 65535\. Next: /],
    ['an unknown key for the guest', ['APPEND=speed=1'], {}, /"speed=1": known are .*Next: /],
    ['a word without a value', ['APPEND=quiet'], {}, /"quiet": known are .*Next: /],
    [
      'a value the guest refuses',
      ['offload=warp', 'ACCEL=tcg'],
      {},
      /offload=.*warp.*Next: give a value/,
    ],
  ] as [string, string[], Record<string, string>, RegExp][])(
    '%s',
    async (_title, words, environment, line) => {
      const { status, stderr, left } = await start(words, environment).finish()
      expect(status).toBe(1)
      expect(stderr.trim().split('\n')).toHaveLength(1)
      expect(stderr).toMatch(line)
      expect(left).toEqual([])
    },
  )

  test("a machine whose guest has no network, with the guest's own reason", async () => {
    const binary = join(folder, 'qemu-without-entropy')
    const [max, rng] = ['max) word=qemu64;;', 'virtio-rng-pci,*) word=virtio-balloon-pci;;']
    const change = `for word do shift; case $word in ${max} ${rng} esac; set -- "$@" "$word"; done`
    const qemu = requireExecutable('qemu-system-x86_64')
    writeFileSync(binary, `#!/bin/sh\n${change}\nexec ${qemu} "$@"\n`, { mode: 0o755 })
    const environment = { QEMU_RUNNER_BINARY: binary }
    const { status, stderr, left } = await start(['NET=user', 'ACCEL=tcg'], environment).finish()
    expect(status).toBe(1)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(stderr).toMatch(/no network: no source of randomness.*virtio-rng-pci.*\. Next: /)
    expect(left).toEqual([])
  })

  test.each(['tap', 'user'])('a port in use (NET=%s)', async (network) => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
    const { port } = server.address() as { port: number }
    try {
      const { status, stderr } = await start([
        `NET=${network}`,
        `PORT=${port}`,
        'ACCEL=tcg',
      ]).finish()
      expect(status).toBe(1)
      expect(stderr.trim().split('\n')).toHaveLength(1)
      expect(stderr).toMatch(new RegExp(`${port}.*the port is in use\\. Next: `))
    } finally {
      server.close()
    }
  })
})

describe('a mistake in another command gets one line and a failing status', () => {
  test.each([
    ['build', ['APP=nowhere.ts'], /^build: .*nowhere\.ts: there is no such file\. Next: /],
    ['build', ['APP=scripts'], /^build: .*it is not a file\. Next: /],
    ['build', ['COLOR=red'], /^build: .*COLOR=.*make build has no such option\. Next: /],
    ['dev', ['APP=nowhere.ts'], /^dev: .*APP=nowhere\.ts: there is no such file\. Next: /],
    ['dev', ['PCAP=x.pcapng'], /^dev: Cannot use PCAP= with make dev.*Next: use make run/],
    ['dev', ['COLOR=red'], /^dev: .*COLOR=.*Next: /],
    ['debug', ['APP=nowhere.ts'], /^debug: .*there is no such file\. Next: /],
    ['debug', ['NET=wifi'], /^debug: .*NET=wifi: it may be auto, tap, user\. Next: /],
    ['debug-server', ['APP=nowhere.ts'], /^debug: .*there is no such file\. Next: /],
    ['bench', ['RUNS=1'], /^bench: .*medians need 3 runs or more\. Next: /],
    ['bench', ['APP=x.ts'], /^bench: .*APP=.*make bench has no such option\. Next: /],
    ['postmortem', [], /^postmortem: Cannot tell which bundle\. Next: make postmortem BUNDLE=/],
    ['postmortem', ['BUNDLE=nowhere'], /^postmortem: .*there is no such folder\. Next: /],
  ] as [string, string[], RegExp][])('make %s %j', async (target, words, line) => {
    const make = requireExecutable('make')
    const { status, stderr, left } = await watch([make, target, ...words], {}).finish()
    expect(status).toBe(2)
    const lines = stderr.split('\n').filter((text) => text !== '' && !text.startsWith('make'))
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(line)
    expect(left).toEqual([])
  })
})

describe('make build', () => {
  test('builds the app that APP names, and says where it is', async () => {
    const container = join(ROOT, 'build/x86_64/watchdog.app')
    rmSync(container, { force: true })
    const words = [requireExecutable('make'), 'build', 'APP=examples/watchdog.ts']
    const { status, stdout } = await watch(words, {}).finish()
    expect(status).toBe(0)
    expect(stdout).toMatch(/^Built build\/x86_64\/watchdog\.app$/m)
    expect(existsSync(container)).toBe(true)
  })

  test('names place, reason and next step when an app cannot be bundled', async () => {
    const words = [requireExecutable('make'), 'build', 'APP=test/qemu/apps/needs-node.ts']
    const { status, stderr } = await watch(words, {}).finish()
    expect(status).toBe(2)
    expect(stderr).toMatch(
      /^test\/qemu\/apps\/needs-node\.ts:2:\d+: Could not resolve "node:fs": the guest is not Node\.js; .*\n +import .*\n +\^$/m,
    )
  })
})

describe('an app that listens only after it has waited for something', () => {
  test.each(['tap', 'user'])(
    'is led to as soon as it does, with NET=%s',
    async (network) => {
      const running = startOnTerminal([`NET=${network}`, 'ACCEL=tcg', 'APP=test/qemu/apps/late.ts'])
      const [, url] = await waitFor(running, /Ready {2}(http:\/\/127\.0\.0\.1:\d+\/)/)
      expect(await (await fetch(url!)).text()).toBe('late but here\n')
      running.child.stdin?.write('\x03')
      expect(await running.finish()).toMatchObject({ status: 0, left: [] })
    },
    TIMEOUT_MS,
  )
})

describe('an app with UDP only', () => {
  test(
    'is reached by the command that is printed',
    async () => {
      const running = startOnTerminal(['NET=tap', 'ACCEL=tcg', 'APP=examples/counters.ts'])
      const [, command] = await waitFor(running, /Try it: {2}(echo .*?)\r?\n/)
      const answer = execFileSync('sh', ['-c', command!], { encoding: 'utf8', timeout: 20_000 })
      expect(answer).toBe('hello 1\n')
      running.child.stdin?.write('\x03')
      expect(await running.finish()).toMatchObject({ status: 0, left: [] })
    },
    TIMEOUT_MS,
  )
})
