/**
 * The README's promises: each part names its tests, each test file is named, and the code in it
 * compiles.
 */
import { execFile } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const README = readFileSync(join(PACKAGE, 'README.md'), 'utf8')

it('names for every part tests that exist, and leaves no test file out', () => {
  const table = README.split('## What it gives')[1]!.split('\n## ')[0]!
  const rows = table
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (part|---)/.test(line))
  expect(rows.length).toBeGreaterThan(15)
  const named = new Set<string>()
  for (const row of rows) {
    const tests = [...row.matchAll(/`([\w.-]+\.test\.ts)`/g)].map((match) => match[1]!)
    expect(tests.length, row).toBeGreaterThan(0)
    for (const name of tests) {
      expect(existsSync(join(PACKAGE, 'test', name)), name).toBe(true)
      named.add(name)
    }
  }
  const files = readdirSync(join(PACKAGE, 'test')).filter((name) => name.endsWith('.test.ts'))
  const unnamed = files.filter((name) => !named.has(name))
  expect(unnamed).toEqual(['line-splitter.test.ts', 'readme.test.ts'])
})

it('shows code that compiles', async () => {
  // `…` stands for whatever one likes; names that an example does not introduce are given here.
  const given = `import type { Lan as SomeLan } from 'qemu-runner'
declare const kernel: string
declare const base: typeof import('qemu-runner/vitest').test
declare class LanHost { constructor(lan: SomeLan); close(): void }
declare const frame: Buffer
`
  const blocks = [...README.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1]!)
  expect(blocks.length).toBeGreaterThanOrEqual(4)
  mkdirSync(join(ROOT, 'build/test'), { recursive: true })
  const folder = mkdtempSync(join(ROOT, 'build/test/readme-'))
  for (const [index, block] of blocks.entries()) {
    const imports = block.includes('new Lan()') ? "import { Lan, launch } from 'qemu-runner'\n" : ''
    const code = block.replaceAll('…', 'undefined')
    writeFileSync(join(folder, `block-${index}.ts`), `${given}${imports}${code}\nexport {}\n`)
  }
  const configuration = {
    extends: join(ROOT, 'test/tsconfig.json'),
    compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
    include: ['.'],
    exclude: [],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(configuration))
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, [tsc, '-p', folder], { timeout: 60_000 }, (_, stdout, stderr) => {
      resolve(stdout + stderr)
    })
  })
  rmSync(folder, { recursive: true, force: true })
  expect(output).toBe('')
})
