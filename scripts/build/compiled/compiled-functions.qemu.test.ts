/**
 * Functions compiled to C do what the interpreter does: results, effects in their order, exceptions
 * and their traces, and what is left in memory; and those that packets meet are compiled.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findEngine } from '../../engine/find-engine.ts'
import { buildEngine, linkHostProgram } from '../engine-objects.ts'
import { findToolchain } from '../toolchain.ts'
import { compileUnitsOf, writeUnitFiles } from './compiled-program.ts'

const ROOT = join(import.meta.dirname, '../../..')
const CRC32 = 12345
const PROGRAM_COUNT = 60
const SEED = 20260
/** The first time fields are found, then they are guessed right, and wrong after other shapes. */
const RUNS = 4

const LEAF = fc.constantFrom(
  ...[
    'x',
    'y',
    '3',
    '-1',
    '0',
    '2147483647',
    '1.5',
    '"5"',
    'null',
    'undefined',
    'NaN',
    '-0',
    'x',
    'y',
    '1',
    '4',
  ],
  ...['z', 'x++', '--y', 'y += 2', 'z--', 'list[1]', 'list[x & 3]', 'bytes[y & 3]', 'words[1]'],
  ...['store.sum', 'store.deep.value', 'count++', 'store.half', 'list.length', 'store.nothing'],
  ...['"text".length', 'typeof x', '[x, y]', '{ x, y: 1 }', 'new Store(x)', 'store.deep?.value'],
)
const BINARY = '+ - * / % & | ^ << >> >>> < <= > >= == != === !== && || ??'.split(' ')
const { expression: EXPRESSION } = fc.letrec<{ expression: string }>((tie) => {
  const two = fc.tuple(tie('expression'), tie('expression'))
  return {
    expression: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      LEAF,
      fc
        .tuple(fc.constantFrom(...BINARY), two)
        .map(([operator, [a, b]]) => `((${a}) ${operator} (${b}))`),
      fc
        .tuple(fc.constantFrom('-', '+', '~', '!', 'typeof '), tie('expression'))
        .map(([o, a]) => `(${o}(${a}))`),
      two.map(([a, b]) => `note(${a}, ${b})`),
      two.map(([a, b]) => `store.add(${a}, ${b})`),
      two.map(([a, b]) => `((x) ? (${a}) : (${b}))`),
      fc
        .tuple(
          fc.constantFrom('store.sum', 'list[2]', 'bytes[1]', 'words[2]', 'z', 'count', 'x'),
          tie('expression'),
        )
        .map(([place, a]) => `(${place} = ${a})`),
      tie('expression').map((a) => `((v) => v === z ? z : (${a}))(${a})`),
    ),
  }
})
const STATEMENT = fc
  .tuple(
    fc.constantFrom(
      'log(E, x, z, count);',
      'E;',
      'if (E) note(x, 1); else F;',
      'x = E;',
      'for (let i = 0; i < 3; i++) { const v = E; log(v, i) }',
      'for (let i = 0; i < 3; i++) { keep(() => i + z); if (F) continue; z = i }',
      'switch (E) { case 3: F; break; case "5": log(F); default: { const w = E; log(w) } }',
      'while (x < 9) { x = (x | 0) + 1; if (E) break }',
      'const { sum, deep: { value = E } } = store; log(sum, value);',
      'if (x < -50) return E;',
      'do { y = F } while (false)',
      'if (E) { log(big * big, ~big, -big, big >> big, z); throw new RangeError("here") }',
      'store.deep.value = E; store["sum"] += F;',
      'words[3] ^= E; list[x & 3] = F;',
    ),
    EXPRESSION,
    EXPRESSION,
  )
  .map(
    ([shape, e, f]) =>
      `{ ${shape.replaceAll(/\bE\b/g, () => `(${e})`).replaceAll(/\bF\b/g, () => `(${f})`)} }`,
  )
const PROGRAM = fc.array(STATEMENT, { minLength: 1, maxLength: 5 })

/** What runs in the middle of an instruction takes away what the instruction works on, and more. */
const NASTY = [
  'words[1] = renewsWords; log(words[0], words[1]);',
  'log(list[renewsList], list);',
  'list[renewsList] = [x]; log(list.length, list.other);',
  'list.length = renewsList; log(list);',
  'log(store in y);',
  'log(store instanceof y);',
  'for (;;) { const v = x++; if (v > 3) return v; continue; keep(() => v) }',
]

const PRELUDE = `
const big = 7n;
let lines = 0, count = 0, list, bytes, words, store, kept = [];
function show(value) {
  if (typeof value === 'bigint') return value + 'n';
  if (Object.is(value, -0)) return '-0';
  if (typeof value === 'function') return 'function';
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? '[' + value.map(show) + ']' : value.constructor.name;
  return typeof value === 'string' ? '"' + value.slice(0, 40) + '"' : String(value);
}
function log(...values) { if (++lines < 400) print(values.map(show).join(' ')); }
function note(a, b) { log('note', a, b); count += 2; if (lines > 300) throw new Error('enough'); return b; }
function keep(f) { if (kept.push(f) > 3) log('kept', kept.shift()()); }
const renewsWords = { valueOf() { words = new Int32Array(4); return 1 } };
const renewsList = { toString() { list = [1]; return 'other' }, valueOf() { list = [9]; return 0 } };
class Store {
  constructor(sum) { this.sum = sum; this.deep = { value: 4 }; this.own = [sum] }
  add(a, b) { const before = this.sum; this.sum = a; if (b > before) return this.own; return this.deep.value }
  get half() { return { value: this.sum } }
}
function reset() { count = 0; lines = 0; list = [5, 6, 7, 8]; bytes = new Uint8Array(4); words = new Int32Array(4); store = new Store(2); kept = []; }
function attempt(name, run) {
  for (let i = 0; i < ${RUNS}; i++) {
    reset();
    print('--- ' + name + ' ' + i);
    try { log('returned', run(i, 2)) } catch (error) { print(String(error)); print(String(error.stack)) }
    log(list, [...bytes], [...words], store.sum, store.deep.value, count);
  }
}`

function moduleOf(programs: readonly (readonly string[])[]): string {
  const functions = programs.map((statements, i) => {
    return `function run${i}(x, y) {\n let z = 4;\n ${statements.join('\n ')}\n}\nattempt('run${i}', run${i});`
  })
  return [PRELUDE, ...functions, 'reset(); list = bytes = words = store = null; kept = [];'].join(
    '\n',
  )
}

let folder = ''
let interpreted = ''
let compiled = ''
let refused = new Map<string, string>()
let functionCount = 0

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'eremite-compiled-'))
  const target = join(ROOT, 'build/x86_64')
  const toolchain = await findToolchain()
  const engineSource = await findEngine(join(ROOT, 'build/engine'))
  const engine = buildEngine({ root: ROOT, target, toolchain, engineSource })
  const script = join(folder, 'programs.js')
  const bytecode = join(folder, 'programs.bytecode')
  const programs = fc.sample(PROGRAM, { numRuns: PROGRAM_COUNT, seed: SEED })
  writeFileSync(script, moduleOf([...programs, ...NASTY.map((statement) => [statement])]))
  execFileSync(await engine.compiler, ['programs', script, bytecode])
  mkdirSync(join(folder, 'units'))
  const result = writeUnitFiles(join(folder, 'units'), {
    bytecode: readFileSync(bytecode),
    crc32: CRC32,
    engineSource,
    isWanted: ({ index }) => index > 0,
  })
  refused = new Map([...result.refused].map(([{ name }, why]) => [name, why]))
  functionCount = result.compiled.length
  const options = { root: ROOT, target, toolchain, engineSource, engine }
  const objects = await compileUnitsOf(options, join(folder, 'units'), ['-O1'])
  const program = await linkHostProgram(options, 'run-module', folder, objects)
  const run = (crc32: number) =>
    execFileSync(program, [bytecode, String(crc32)], { encoding: 'utf8' })
  interpreted = run(CRC32 + 1)
  compiled = run(CRC32)
}, 300_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('compiled functions', () => {
  it('give the same results, effects, exceptions and traces, and leave the same in memory', () => {
    expect(interpreted).toContain('RangeError: here')
    expect(interpreted).toMatch(/at run\d+ \(programs:\d+:\d+\)/)
    expect(interpreted).toContain('left: ')
    const lines = compiled.split('\n')
    expect(lines.length).toBeGreaterThan(PROGRAM_COUNT * RUNS * 3)
    for (const [i, line] of interpreted.split('\n').entries()) {
      expect(lines[i], `line ${i}`).toBe(line)
    }
  })

  it('are all but those with what there is no C for', () => {
    expect(functionCount).toBeGreaterThan(PROGRAM_COUNT)
    expect(new Set(refused.values())).toEqual(new Set(['catch', 'check_ctor', 'rest']))
  })
})

describe('the functions that are compiled', () => {
  const read = (name: string) => readFileSync(join(ROOT, 'build/x86_64', name), 'utf8')

  it('are those of compiled-functions.json, each under its name in the bundle', () => {
    const names = JSON.parse(
      readFileSync(join(import.meta.dirname, 'compiled-functions.json'), 'utf8'),
    ) as string[]
    const units = [0, 1, 2, 3].map((i) => read(`compiled/compiled-${i}.c`)).join('\n')
    const bundle = read('eremite.js').split('\n')
    const places = [...units.matchAll(/^\/\/ eremite:(\d+):\d+$/gm)]
    const found = places.map(([, line]) => /(\w+)\(/.exec(bundle[Number(line) - 1]!)![1]!)
    expect(found.sort()).toEqual(names.map((name) => name.split(' ')[0]!).sort())
    expect(units).not.toMatch(/^\/\/ interpreted/m)
  })
})
