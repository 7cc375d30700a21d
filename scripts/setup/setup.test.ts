/**
 * Setting up on a machine that lacks things: one line with cause and next step, a failing status,
 * nothing half done.
 */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { requireExecutable } from 'qemu-runner'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const SETUP = import.meta.dirname
/** What the scripts themselves are made of. */
const SHELL = [
  'bash',
  'cat',
  'cmp',
  'cp',
  'dirname',
  'env',
  'ln',
  'mkdir',
  'mktemp',
  'rm',
  'tail',
  'tr',
]

let root = ''
let bin = ''

/** A machine with every tool, an npm that works, and a user without sudo. */
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'eremite-setup-'))
  bin = join(root, 'bin')
  mkdirSync(bin)
  mkdirSync(join(root, 'scripts'))
  cpSync(SETUP, join(root, 'scripts/setup'), { recursive: true })
  writeFileSync(join(root, 'package-lock.json'), '{}')
  for (const name of SHELL) symlinkSync(requireExecutable(name), join(bin, name))
  for (const name of toolNames()) command(name, 'exit 0')
  command('node', 'case $1 in -p) echo 20 ;; *) echo v20.0.0 ;; esac')
  command('npm', 'mkdir -p node_modules')
  command('id', 'echo 1000')
  command('uname', 'echo x86_64')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function toolNames(): string[] {
  const table = spawnSync('bash', ['-c', '. ./requirements.sh; requirements'], { cwd: SETUP })
  const probes = table.stdout
    .toString()
    .split('\n')
    .map((row) => row.split('|')[0]!)
  return probes.filter((probe) => /^[a-z]/.test(probe))
}

function command(name: string, script: string): void {
  const path = join(bin, name)
  rmSync(path, { force: true })
  writeFileSync(path, `#!${requireExecutable('bash')}\n${script}\n`)
  chmodSync(path, 0o755)
}

function without(...names: string[]): void {
  for (const name of names) rmSync(join(bin, name), { force: true })
}

function run(script: 'setup' | 'doctor', ...words: string[]) {
  const { status, stdout, stderr } = spawnSync(
    requireExecutable('bash'),
    [join(root, 'scripts/setup', `${script}.sh`), ...words],
    { cwd: root, env: { PATH: bin, HOME: root }, encoding: 'utf8' },
  )
  return { status, stdout, stderr, lines: stderr.trim().split('\n').filter(Boolean) }
}

describe('setup', () => {
  it('says nothing when nothing is missing, the second time', () => {
    expect(run('setup')).toMatchObject({ status: 0, stdout: 'setup: installing npm packages\n' })
    expect(run('setup')).toMatchObject({ status: 0, stdout: '', stderr: '' })
  })

  it.each([
    [
      'no sudo',
      () => {},
      /: .*, and this user is neither root nor has sudo\. Next: as root: apt-get install clang$/,
    ],
    [
      'a sudo that asks for a password',
      () => command('sudo', 'exit 1'),
      /sudo wants a password but there is no terminal\. Next: sudo apt-get install clang$/,
    ],
  ])('an ordinary user with %s is told what root has to do', (_name, prepare, line) => {
    without('clang')
    command('apt-get', 'exit 0')
    prepare()
    const { status, lines } = run('setup')
    expect(status).toBe(1)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^setup: Missing: clang, and /)
    expect(lines[0]).toMatch(line)
  })

  it('without apt-get names each missing package once', () => {
    without('clang', 'dumpcap', 'tshark')
    const { status, lines } = run('setup')
    expect(status).toBe(1)
    expect(lines).toEqual([
      'setup: Missing: clang tshark, and this machine has no apt-get. Next: install them (these are their names ' +
        'on Debian) with its own package manager',
    ])
  })

  it.each([
    ['update', /^setup: apt-get update failed \(its words are above\)\. Next: mend the network or/],
    ['install', /^setup: apt-get could not install clang \(its words are above\)\. Next: /],
  ])('when apt-get %s fails ends with one line under its words', (action, line) => {
    without('clang')
    command('id', 'echo 0')
    command('apt-get', `[[ " $* " = *" ${action} "* ]] || exit 0; echo "E: no network"; exit 100`)
    const { status, lines } = run('setup')
    expect(status).toBe(1)
    expect(lines[0]).toBe('E: no network')
    expect(lines).toHaveLength(2)
    expect(lines[1]).toMatch(line)
  })

  it('when npm fails leaves no mark of success: the next run tries again', () => {
    command('npm', 'mkdir -p node_modules; echo "npm error ENOTFOUND" >&2; exit 1')
    const failed = run('setup')
    expect(failed.status).toBe(1)
    expect(failed.lines).toHaveLength(2)
    expect(failed.lines[1]).toMatch(
      /^setup: npm install failed .*Next: check the network and npm config/,
    )
    expect(existsSync(join(root, 'node_modules/.eremite-lock'))).toBe(false)
    command('npm', 'exit 0')
    expect(run('setup')).toMatchObject({ status: 0, stdout: 'setup: installing npm packages\n' })
  })

  it('with a Node.js that is too old, and no newer one from npm, says what to install', () => {
    command('node', 'case $1 in -p) echo 18 ;; *) echo v18.0.0 ;; esac')
    command('npm', 'exit 1')
    const { status, stdout, lines } = run('setup')
    expect(status).toBe(1)
    expect(stdout).toMatch(/^setup: Node\.js v18\.0\.0 is too old, fetching /)
    expect(lines).toEqual([
      expect.stringMatching(/^setup: npm could not install .*Next: install Node\.js 20 or newer/),
    ])
    expect(existsSync(join(root, 'build/tools/bin/node'))).toBe(false)
  })

  it('for make run asks for nothing that only the tests need', () => {
    without('chromium', 'iperf3', 'gdb')
    expect(run('setup', 'run').status).toBe(0)
    expect(run('setup', 'debug').lines[0]).toMatch(/^setup: Missing: gdb, /)
    expect(run('setup').lines[0]).toMatch(/^setup: Missing: gdb iperf3 chromium, /)
  })
})

describe('doctor', () => {
  it('names each missing thing with the command that mends it, and fails', () => {
    run('setup')
    without('clang', 'chromium')
    const { status, stdout } = run('doctor')
    expect(status).toBe(1)
    expect(stdout).toMatch(/^MISSING +clang +.*: sudo apt-get install clang$/m)
    expect(stdout).toMatch(
      /^MISSING +chromium +\(make test only\) .*: sudo apt-get install chromium$/m,
    )
    expect(stdout).toMatch(/^2 missing\. "make setup" installs all of it\.$/m)
  })

  it('finds nothing on a machine that has everything', () => {
    run('setup')
    const { status, stdout } = run('doctor')
    expect(stdout).not.toMatch(/^MISSING/m)
    expect(status).toBe(0)
  })
})
