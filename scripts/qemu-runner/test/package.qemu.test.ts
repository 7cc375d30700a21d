/**
 * The package as others get it: packed, installed without a network, used from plain JavaScript and
 * TypeScript.
 */
import { execFile } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc')
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs')
const TIMEOUT_MS = 100_000

/** Where it is packed: a copy, because packing changes the manifest for a moment. */
let source = ''
/** Whoever uses it. */
let user = ''
let files: string[] = []

function run(command: readonly string[], cwd: string) {
  const [program, ...words] = command
  // What tests of this repository set must not help.
  const { NODE_OPTIONS: _, ...env } = process.env
  return new Promise<{ status: number; output: string }>((resolve) => {
    const options = {
      cwd,
      env: { ...env, NO_COLOR: '1' },
      timeout: TIMEOUT_MS,
      maxBuffer: 64 << 20,
    }
    execFile(program!, words, options, (error, stdout, stderr) => {
      const status = error === null ? 0 : ((error.code as number | null) ?? -1)
      resolve({ status, output: stdout + stderr })
    })
  })
}

async function succeed(command: readonly string[], cwd: string): Promise<string> {
  const { status, output } = await run(command, cwd)
  if (status !== 0) throw new Error(`Cannot run ${command.join(' ')}: status ${status}\n${output}`)
  return output
}

beforeAll(async () => {
  // Inside the repository: the build finds its compiler as it does in place.
  mkdirSync(join(ROOT, 'build/test'), { recursive: true })
  source = mkdtempSync(join(ROOT, 'build/test/qemu-runner-'))
  cpSync(PACKAGE, source, {
    recursive: true,
    filter: (path) => !/\/(node_modules|dist|test)(\/|$)/.test(path.slice(PACKAGE.length - 1)),
  })
  const build = readFileSync(join(source, 'tsconfig.build.json'), 'utf8')
  writeFileSync(join(source, 'tsconfig.build.json'), build.replace('../../', '../../../'))
  user = mkdtempSync(join(tmpdir(), 'qemu-runner-user-'))
  await succeed(['npm', 'pack', '--offline', '--pack-destination', user], source)
  const tarball = join(user, 'qemu-runner-0.1.0.tgz')
  files = (await succeed(['tar', '-tzf', tarball], user)).trimEnd().split('\n').sort()
  writeFileSync(join(user, 'package.json'), '{ "private": true, "type": "module" }\n')
  const quiet = ['--offline', '--no-audit', '--no-fund', '--ignore-scripts']
  await succeed(['npm', 'install', ...quiet, tarball], user)
}, TIMEOUT_MS)
afterAll(() => {
  for (const folder of [source, user]) rmSync(folder, { recursive: true, force: true })
})

/** Packages that a user has beside it. */
function alsoInstalled(...names: string[]): void {
  for (const name of names) {
    const link = join(user, 'node_modules', name)
    mkdirSync(join(link, '..'), { recursive: true })
    rmSync(link, { force: true })
    symlinkSync(join(ROOT, 'node_modules', name), link)
  }
}

describe('the tarball', () => {
  it("holds JavaScript, declarations, the relay's source, manifest, README and license, and nothing else", () => {
    const others = files.filter((path) => !/^package\/dist\/.*\.(js|d\.ts)$/.test(path))
    expect(others).toEqual([
      'package/LICENSE',
      'package/README.md',
      'package/dist/relay/relay.c',
      'package/package.json',
    ])
    for (const path of files.filter((name) => name.endsWith('.js'))) {
      expect(files).toContain(path.replace(/\.js$/, '.d.ts'))
    }
    expect(files).toContain('package/dist/peer/peer-main.js')
  })

  it('has a manifest without dependencies, whose exports are all there', () => {
    const installed = join(user, 'node_modules/qemu-runner')
    const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
      exports: Record<string, string | Record<string, string>>
      [field: string]: unknown
    }
    expect(manifest).not.toHaveProperty('dependencies')
    expect(manifest).not.toHaveProperty('scripts')
    expect(manifest).not.toHaveProperty('publishConfig')
    expect(manifest).not.toHaveProperty('repository')
    expect(manifest).toMatchObject({
      license: 'MIT',
      peerDependenciesMeta: { vitest: { optional: true } },
    })
    const targets = Object.values(manifest.exports).flatMap((target) =>
      typeof target === 'string' ? [target] : Object.values(target),
    )
    expect(targets).toHaveLength(5)
    for (const target of targets) readFileSync(join(installed, target))
  })

  it('leaves the workspace as it was', () => {
    const here = readFileSync(join(PACKAGE, 'package.json'), 'utf8')
    expect(readFileSync(join(source, 'package.json'), 'utf8')).toBe(here)
    expect(readdirSync(source)).not.toContain('package.json.workspace')
    expect(readdirSync(source)).not.toContain('dist')
  })
})

describe('installed, without a network', () => {
  it('launches a guest, moves frames and runs a peer from plain JavaScript', async () => {
    writeFileSync(
      join(user, 'use.js'),
      `import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { buildProbeImage, Lan, launch, NetworkNamespace, Peer } from 'qemu-runner'

writeFileSync('guest.elf', buildProbeImage({ console: 'here\\n', events: '{"event":"ready"}\\n' }))
const lan = new Lan()
const vm = await launch({ kernel: 'guest.elf', network: [{ kind: 'lan', lan }] })
await vm.events.once('ready')
await vm.console.expect('here', { from: 'start' })
const exit = await vm.exited
// The peer is a program of its own, inside a namespace that has only a loopback.
const namespace = await NetworkNamespace.create({ label: 'user' })
const peer = await Peer.start(namespace)
const target = { host: '127.0.0.1', port: 1, timeoutMs: 1000 }
const refused = await peer.request('connect', target).catch((error) => error.code)
await peer.close()
await namespace.close()
lan.close()
console.log(JSON.stringify({ exit, refused, typescript: process.execArgv }))
`,
    )
    const output = await succeed([process.execPath, 'use.js'], user)
    expect(JSON.parse(output)).toEqual({
      exit: { kind: 'clean', status: 33 },
      refused: 'ECONNREFUSED',
      typescript: [],
    })
  })

  it('type-checks strictly, declarations included, and finds a mistake', async () => {
    alsoInstalled('@types/node', 'undici-types')
    writeFileSync(
      join(user, 'use.ts'),
      `import { launch, type Qmp, type Vm } from 'qemu-runner'

const vm: Vm = await launch({ kernel: 'guest.elf', memoryMiB: 64 })
const status: Qmp.QueryStatusResult = await vm.qmp.execute('query-status')
const running: boolean = status.running
await vm.qmp.execute('set_link', { name: 'nic0', up: running })
const { reason } = await vm.qmp.once('SHUTDOWN', { where: ({ guest }) => guest, timeoutMs: 1 })
export const isReset: boolean = reason === 'guest-reset'
// @ts-expect-error: no such command
await vm.qmp.execute('query-stats-of-nobody')
// @ts-expect-error: a name is missing
await vm.qmp.execute('set_link', { up: true })
// @ts-expect-error: no such reason
export const isNever = reason === 'guest-tired'
`,
    )
    const options = {
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      verbatimModuleSyntax: true,
      module: 'NodeNext',
      target: 'ES2022',
      lib: ['ES2023'],
      types: ['node'],
      noEmit: true,
    }
    const check = (include: string, more: object) => {
      const path = join(user, 'tsconfig.json')
      const compilerOptions = { ...options, ...more }
      writeFileSync(path, JSON.stringify({ compilerOptions, include: [include] }))
      return succeed([process.execPath, TSC, '-p', path], user)
    }
    expect(await check('use.ts', { skipLibCheck: false })).toBe('')
    alsoInstalled('vitest')
    writeFileSync(
      join(user, 'use.test.ts'),
      `import { test } from 'qemu-runner/vitest'
import { expect } from 'vitest'

test.override('guest', { kernel: 'guest.elf', network: 'lan' })
test('a guest', async ({ vm, lan }) => {
  expect((await vm.exited).kind).toBe('clean')
  expect(lan.frames).toEqual([])
  // @ts-expect-error: not for users
  await expect(vm.nothing).toBeUndefined()
})
`,
    )
    expect(await check('use.test.ts', { skipLibCheck: true })).toBe('')
  })

  it('hands out its fixtures to vitest', async () => {
    alsoInstalled('vitest')
    writeFileSync(
      join(user, 'use.test.js'),
      `import { test } from 'qemu-runner/vitest'
import { expect } from 'vitest'

test.override('guest', { kernel: 'guest.elf', network: 'lan', accel: 'tcg' })
test('a guest', async ({ vm, lan }) => {
  expect((await vm.exited).kind).toBe('clean')
  expect(lan.frames).toEqual([])
})
`,
    )
    const output = await succeed(
      [process.execPath, VITEST, 'run', '--root', user, 'use.test.js'],
      user,
    )
    expect(output).toMatch(/Tests\s+1 passed/)
  })
})
