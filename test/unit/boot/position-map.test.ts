/**
 * The table of positions: what scripts/build/position-map.ts writes, searched by
 * boot/engine/position-map.c, compiled for the host.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { transformSync } from 'esbuild'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodePositionMap } from '../../../scripts/build/position-map.ts'
import { findToolchain } from '../../../scripts/build/toolchain.ts'

/**
 * The table is a file; it ends where the mapped page ends, so that what reads beyond it ends the
 * driver. Answers each line and column with the place in TypeScript.
 */
const DRIVER = `
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "container.h"
int main(int argc, char **argv)
{
    FILE *file = fopen(argv[1], "rb");
    fseek(file, 0, SEEK_END);
    size_t length = ftell(file), pages = (length + 4095) / 4096 * 4096;
    uint8_t *map = mmap(NULL, pages + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(map + pages, 4096, PROT_NONE);
    rewind(file);
    uint8_t *bytes = map + pages - (length + 7) / 8 * 8;
    if (fread(bytes, 1, length, file) != length)
        return 1;
    if (!position_map_register("it", bytes, length)) {
        printf("refused\\n");
        return 0;
    }
    for (int i = 2; i + 1 < argc; i += 2) {
        struct source_position p;
        if (position_map_find("it", 2, atoi(argv[i]), atoi(argv[i + 1]), &p))
            printf("%.*s:%d:%d\\n", p.file_length, p.file, p.line, p.column);
        else
            printf("nothing\\n");
    }
    return 0;
}
`
const boot = new URL('../../../boot/engine', import.meta.url).pathname
let folder = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'position-map-'))
  writeFileSync(join(folder, 'driver.c'), DRIVER)
  const { clang } = await findToolchain()
  const sources = [join(folder, 'driver.c'), join(boot, 'position-map.c')]
  const flags = ['-O1', '-D_GNU_SOURCE', '-I', boot]
  execFileSync(clang, [...flags, '-o', join(folder, 'driver'), ...sources])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type Place = readonly [line: number, column: number]

/** Lines and columns from 1, as the engine reports them. */
function lookUp(table: Uint8Array, ...places: Place[]): string[] {
  const path = join(folder, 'table')
  writeFileSync(path, table)
  const words = [path, ...places.flat().map(String)]
  return execFileSync(join(folder, 'driver'), words, { encoding: 'utf8' }).trim().split('\n')
}

function tableOf(text: string, file: string): { code: string; table: Uint8Array } {
  const { code, map } = transformSync(text, { loader: 'ts', sourcemap: true, sourcefile: file })
  const options = { mapDirectory: '/repo/build/x86_64', root: '/repo' }
  return { code, table: encodePositionMap({ sourceMap: map, ...options }) }
}

function placeOf(code: string, text: string): Place {
  const lines = code.split('\n')
  const line = lines.findIndex((it) => it.includes(text))
  return [line + 1, lines[line]!.indexOf(text) + 1]
}

describe('encodePositionMap', () => {
  it('leads from a call in the bundle to its line and column in TypeScript', () => {
    const text =
      'interface Gone { x: number }\n\nexport function f(a: Gone) {\n  return g(a.x)\n}\n'
    const { code, table } = tableOf(text, '../../net/wire/f.ts')
    expect(lookUp(table, placeOf(code, 'g(a.x)'))).toEqual(['net/wire/f.ts:4:10'])
  })

  it('names sources relative to the repository, and by their full path outside of it', () => {
    expect(lookUp(tableOf('f()', '../../kernel/a.ts').table, [1, 1])).toEqual(['kernel/a.ts:1:1'])
    expect(lookUp(tableOf('f()', '/home/me/app.ts').table, [1, 1])).toEqual(['/home/me/app.ts:1:1'])
  })

  it('takes the last position at or before a column', () => {
    const { table } = tableOf('aaa();bbb()', '../../k.ts')
    expect(lookUp(table, [1, 2], [2, 1])).toEqual(['k.ts:1:1', 'k.ts:1:7'])
  })

  it('finds each of hundreds of lines, whatever stands before it', () => {
    const calls = Array.from({ length: 200 }, (_, n) => `f(${n})`)
    const text = calls.map((call, n) => `type Gone${n} = 1\n${'-'.repeat(n % 2)}${call}\n`)
    const { code, table } = tableOf(text.join(''), '../../k.ts')
    const expected = calls.map((_, n) => `k.ts:${2 * n + 2}:${1 + (n % 2)}`)
    expect(lookUp(table, ...calls.map((call) => placeOf(code, call)))).toEqual(expected)
  })

  it('has nothing for lines behind the end of the bundle', () => {
    const { code, table } = tableOf('f()', '../../k.ts')
    expect(lookUp(table, [code.split('\n').length + 5, 1])).toEqual(['nothing'])
  })

  it('writes columns and lines that do not fit as the largest that do', () => {
    const text = `${' '.repeat(5000)}f()`
    const { table } = tableOf(text, '../../k.ts')
    expect(lookUp(table, [1, 1])).toEqual(['k.ts:1:4096'])
  })

  it('is never read beyond its end, whatever it holds', () => {
    const { table } = tableOf('a(1)\nb(2, c(3))\n', '../../k.ts')
    const places = Array.from({ length: 6 }, (_, n): Place => [n + 1, 50])
    const damage = fc.array(fc.tuple(fc.nat(table.length - 1), fc.nat(255)), { maxLength: 8 })
    const damaged = fc.tuple(damage, fc.nat(table.length))
    const property = fc.property(damaged, ([octets, length]) => {
      const bytes = Uint8Array.from(table)
      for (const [at, octet] of octets) bytes[at] = octet
      lookUp(bytes.subarray(0, length), ...places)
    })
    // A process each.
    fc.assert(property, { numRuns: 300, seed: 5 })
  }, 180_000)
})
