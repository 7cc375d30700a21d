/**
 * The vitest fixtures, judged from outside: a file of failing tests runs in a child process, and
 * what it leaves is looked at.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { buildProbeImage, launch, requireExecutable } from '../src/index.ts'

const FOLDER = fileURLToPath(new URL('./fixtures/vitest', import.meta.url))
const CONFIG = join(FOLDER, 'vitest.config.ts')
const VITEST = fileURLToPath(new URL('../../../node_modules/vitest/vitest.mjs', import.meta.url))
const RUN_TIMEOUT_MS = 100_000

let scratch = ''
let junit = ''
let binary = ''
let starts: string[] = []
let status = 0

function run(command: readonly string[], timeoutMs = RUN_TIMEOUT_MS) {
  const [program, ...words] = command
  const env = {
    ...process.env,
    SCRATCH: scratch,
    CONFIG,
    NO_COLOR: '1',
    QEMU_RUNNER_BINARY: binary,
  }
  return new Promise<{ status: number; output: string }>((resolve) => {
    const options = { cwd: FOLDER, env, timeout: timeoutMs, maxBuffer: 64 << 20 }
    const child = execFile(program!, words, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : ((error.code as number | null) ?? -1)
      resolve({ status: code, output: stdout + stderr })
    })
    child.stdin?.end()
  })
}

/** Resolves once a shell that runs the line has printed the words, and kills what it started. */
async function saidBy(line: string, words: readonly string[]): Promise<void> {
  // A group of its own, which can be killed whole.
  const child = spawn('sh', ['-c', line], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  }
  try {
    const waits = words.map((word) =>
      vi.waitFor(() => expect(output).toContain(word), { timeout: 40_000 }),
    )
    await Promise.all(waits)
  } finally {
    const closed = once(child, 'close')
    if (child.exitCode === null) process.kill(-child.pid!, 'SIGKILL')
    if (!child.stdout.closed) await closed
  }
}

beforeAll(async () => {
  for (const tool of ['tshark', 'ethtool', 'ip']) requireExecutable(tool)
  scratch = mkdtempSync(join(tmpdir(), 'qemu-runner-test-'))
  const image = buildProbeImage({ console: 'here\n', end: 'hang', events: '{"event":"hello"}\n' })
  writeFileSync(join(scratch, 'hang.elf'), image)
  // Every start of QEMU is noted, the proofs of the accelerator too.
  binary = join(scratch, 'noting-qemu')
  const qemu = requireExecutable('qemu-system-x86_64')
  writeFileSync(binary, `#!/bin/sh\necho "$*" >> ${scratch}/starts.log\nexec ${qemu} "$@"\n`)
  chmodSync(binary, 0o755)
  const report = join(scratch, 'junit.xml')
  const reporters = ['--reporter=default', '--reporter=junit', `--outputFile.junit=${report}`]
  const command = [process.execPath, VITEST, 'run', '--config', CONFIG, ...reporters]
  status = (await run(command)).status
  junit = readFileSync(report, 'utf8')
  starts = readFileSync(join(scratch, 'starts.log'), 'utf8').trimEnd().split('\n')
}, RUN_TIMEOUT_MS)
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

interface TestCase {
  readonly name: string
  readonly properties: Readonly<Record<string, string[]>>
  readonly failure: string
}

function plainText(text: string): string {
  const entities = { quot: '"', apos: "'", lt: '<', gt: '>', amp: '&' }
  return text.replace(
    /&(quot|apos|lt|gt|amp);/g,
    (_, name: keyof typeof entities) => entities[name],
  )
}

function testCase(name: string): TestCase {
  const cases = junit.split('<testcase ').slice(1)
  const found = cases.find((text) =>
    plainText(text.match(/name="([^"]*)" time/)![1]!).endsWith(name),
  )
  if (found === undefined) throw new Error(`Cannot find "${name}" in the report:\n${junit}`)
  const properties: Record<string, string[]> = {}
  for (const [, key, value] of found.matchAll(/<property name="([^"]*)" value="([^"]*)"/g)) {
    properties[key!] = [...(properties[key!] ?? []), plainText(value!)]
  }
  const failure = plainText(found.match(/<failure message="([^"]*)"/)?.[1] ?? '')
  return { name, properties, failure }
}

function bundleOf(name: string): string {
  const [folder] = testCase(name).properties.bundle ?? []
  if (folder === undefined) throw new Error(`Cannot find the bundle of "${name}" in the report`)
  return folder
}

function bundled(name: string, file: string): string {
  return readFileSync(join(bundleOf(name), file), 'utf8')
}

describe('tests with the fixtures', () => {
  it('pass and fail as they should, and close every guest, peer and namespace before the next', () => {
    expect(status).toBe(1)
    for (const name of [
      'has two guests that differ in their address',
      'forgets to wait for its guest',
      'fails as it should',
      'finds nothing of all that',
    ]) {
      expect([name, testCase(name).failure]).toEqual([name, ''])
    }
    const failed = junit.match(/<testsuites [^>]*tests="(\d+)" failures="(\d+)"/)
    expect(failed?.slice(1)).toEqual(['11', '7'])
    // Tests that need none leave no bundle.
    for (const name of ['has two guests that differ in their address', 'fails as it should']) {
      expect(testCase(name).properties).toEqual({})
    }
  })

  it('prove the accelerator once for all tests of a worker', () => {
    expect(
      starts.filter((line) => line.includes('accel=kvm,') || line.includes('accel=kvm ')),
    ).toSatisfy(
      (proofs: string[]) =>
        proofs.length <= 1 || starts.every((line) => line.includes('accel=kvm')),
    )
    expect(starts.length).toBeGreaterThanOrEqual(9)
  })

  it('refuse what a test asks for after its end', () => {
    expect(testCase('goes on after its end').failure).toContain('Test timed out in 1000ms')
  })

  it('fail with the bundle and the line that repeats them in their message and in JUnit', () => {
    const { failure, properties } = testCase('fails an expectation')
    const [folder] = properties.bundle!
    const [reproduce] = properties.reproduce!
    expect(failure).toContain("expected 'what the guest says'")
    expect(failure).toContain(`\nBundle: ${folder}`)
    expect(failure).toContain(`\nReproduce: ${reproduce}`)
    expect(reproduce).toBe(
      `npx vitest run --config ${CONFIG} failing.fixture.ts -t '^on a LAN fails an expectation$'`,
    )
  })

  it('name what was still waited for when the time was up', () => {
    const { failure } = testCase('runs out of time')
    expect(failure).toContain('Test timed out in 1500ms')
    expect(failure).toContain('Still waited for: /never said/ on the console')
    expect(bundled('runs out of time', 'failure.txt')).toContain('Test timed out in 1500ms')
  })

  it('keep a guest that never got ready for the bundle', () => {
    const name = 'has a guest that never gets ready'
    expect(testCase(name).failure).toContain('Cannot see event "ready": nothing within 300 ms')
    expect(bundled(name, 'console.log')).toContain('here')
  })

  it('keep their own reason when no bundle can be left, and say why not', () => {
    const { failure, properties } = testCase('fails all the same')
    expect(failure).toMatch(/^the reason\n\nNo bundle: .*hang\.elf\/nowhere/)
    expect(properties.bundle).toBeUndefined()
    expect(properties.reproduce).toEqual([
      "npx vitest run failing.fixture.ts -t '^with no place for bundles fails all the same$'",
    ])
  })

  it('say in one line what is wrong with a launch', () => {
    const { failure, properties } = testCase('has a guest that is not there')
    expect(failure).toContain('kernel /nonexistent/kernel.elf does not exist; build it')
    expect(properties.bundle).toBeUndefined()
    expect(properties.reproduce).toHaveLength(1)
  })
})

describe('the bundle', () => {
  it('holds output, events, state and what the project adds', async () => {
    const name = 'fails an expectation'
    expect(bundled(name, 'console.log')).toContain('here')
    expect(bundled(name, 'events.jsonl')).toBe('{"event":"hello"}\n')
    expect(bundled(name, 'added-by-project.txt')).toBe('image and maps\n')
    expect(bundled(name, 'failure.txt')).toContain('failing.fixture.ts')
    expect(readdirSync(bundleOf(name))).not.toContain('missing.txt')
    const state = JSON.parse(bundled(name, 'state.json')) as {
      run: { running: boolean }
      devices: { offered: string[]; negotiated: string[]; queues: { size: number }[] }[]
    }
    expect(state.run.running).toBe(true)
    const [device] = state.devices
    expect(device!.offered).toContain('MRG_RXBUF')
    expect(device!.negotiated).toEqual([])
    // Receive, transmit, control; of what size is for this QEMU to say.
    const vm = await launch({ kernel: join(scratch, 'hang.elf'), network: [{ kind: 'user' }] })
    try {
      const { path } = await vm.virtioNet()
      const sizeOf = async (queue: number) =>
        (await vm.qmp.execute('x-query-virtio-queue-status', { path, queue }))['vring-num']
      const sizes = [await sizeOf(0), await sizeOf(1), await sizeOf(2)]
      expect(device!.queues.map(({ size }) => size)).toEqual(sizes)
    } finally {
      await vm.close()
    }
  })

  it('holds an ELF core of the guest that still ran', () => {
    const core = gunzipSync(readFileSync(join(bundleOf('fails an expectation'), 'core.elf.gz')))
    expect(core.subarray(0, 4).toString('latin1')).toBe('\x7fELF')
    expect(core.readUInt16LE(16)).toBe(4)
  })

  it('holds the LAN’s frames, with what was done to them', async () => {
    const path = join(bundleOf('fails an expectation'), 'network.pcapng')
    const fields = ['-e', 'frame.interface_name', '-e', 'eth.type', '-e', 'frame.comment']
    const { output } = await run(['tshark', '-r', path, '-T', 'fields', ...fields])
    const rows = output.split('\n').filter((line) => line.startsWith('guest'))
    expect(rows.map((row) => row.trimEnd())).toEqual([
      'guest 0\t0x88b5',
      'guest 0\t0x88b5\tduplicate',
    ])
  })

  it('holds the captures of the test, and an interface for its TAP', async () => {
    const folder = bundleOf('fails with traffic on the wire')
    expect(readFileSync(join(folder, 'mine.pcap'), 'utf8')).toBe('a capture of the test’s own')
    const pcapng = readFileSync(join(folder, 'network.pcapng'), 'latin1')
    expect(pcapng).toContain('nic0 (tap)')
  })

  it('repeats the failing test, and only that one, with its one command line', async () => {
    const line = bundled('fails an expectation', 'reproduce.sh')
    expect(line.trimEnd()).not.toContain('\n')
    const again = await run(['sh', '-c', line])
    expect(again.status).toBe(1)
    expect(again.output).toMatch(/Tests\s+1 failed \| 10 skipped/)
  })

  it.each(['fails an expectation', 'fails with traffic on the wire'])(
    'boots the same guest from a shell with command.sh (%s)',
    async (name) => {
      const line = bundled(name, 'command.sh')
      expect(line.trimEnd()).not.toContain('\n')
      await saidBy(line, ['here', '{"event":"hello"}'])
    },
  )
})
