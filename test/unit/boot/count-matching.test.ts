/**
 * boot/engine/bytes.c, compiled for the host: how many slots in a row begin like a rule, against
 * the reference in TypeScript.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findToolchain } from '../../../scripts/build/toolchain.ts'
import { fakeBulk } from '../../fakes/fake-bulk.ts'

/** Of data and rules in two files, answers for slots 0, 1, 2, … from each first one on. */
const DRIVER = `
#include <stdio.h>
#include <stdlib.h>
#include "bytes.h"
static uint8_t data[1 << 16], rules[1 << 12];
static uint16_t slots[1 << 10];
int main(int argc, char **argv)
{
    (void)argc;
    size_t stride = strtoul(argv[3], NULL, 10), count = strtoul(argv[4], NULL, 10);
    FILE *file = fopen(argv[1], "rb");
    if (file == NULL || fread(data, 1, sizeof(data), file) == 0)
        return 1;
    file = fopen(argv[2], "rb");
    size_t length = file == NULL ? 0 : fread(rules, 1, sizeof(rules), file);
    for (size_t i = 0; i < count; i++)
        slots[i] = (uint16_t)i;
    for (size_t from = 0; from <= count; from++)
        printf("%zu\\n", bytes_count_matching(data, stride, slots + from, count - from, rules, length / 128));
    return 0;
}
`
const boot = new URL('../../../boot/engine', import.meta.url).pathname
const STRIDE = 80
const COUNT = 200
let folder = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'count-matching-'))
  writeFileSync(join(folder, 'driver.c'), DRIVER)
  const { clang } = await findToolchain()
  const flags = ['-O2', '-ffreestanding', '-fno-builtin', '-mgeneral-regs-only', '-I', boot]
  const sources = [join(folder, 'driver.c'), join(boot, 'bytes.c')]
  execFileSync(clang, [...flags, '-o', join(folder, 'driver'), ...sources])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A rule about single bytes. */
function rule(...bytes: readonly (readonly [offset: number, value: number, mask: number])[]) {
  const made = new Uint8Array(128)
  for (const [offset, value, mask] of bytes) {
    made[offset] = value
    made[64 + offset] = mask
  }
  return made
}

describe('bytes_count_matching', () => {
  it.each([
    ['one rule', [rule([23, 17, 0xff])]],
    ['masked bits', [rule([0, 0x40, 0xf0], [63, 1, 1])]],
    ['alternatives', [rule([23, 17, 0xff]), rule([5, 9, 0xff], [63, 1, 1])]],
    ['no rule', []],
  ])('counts with %s', (_name, rules) => {
    const data = new Uint8Array(STRIDE * COUNT)
    for (let slot = 0; slot < COUNT; slot++) {
      const at = slot * STRIDE
      data[at] = 0x40 | (slot & 15)
      data[at + 5] = slot % 11 === 0 ? 0 : 9
      data[at + 23] = slot % 7 < 5 ? 17 : 6
      data[at + 63] = slot % 3 === 0 ? 2 : 3
    }
    const table = Uint8Array.from(rules.flatMap((it) => [...it]))
    writeFileSync(join(folder, 'data'), data)
    writeFileSync(join(folder, 'rules'), table)
    const files = [join(folder, 'data'), join(folder, 'rules')]
    const answer = execFileSync(join(folder, 'driver'), [...files, String(STRIDE), String(COUNT)])
    const slots = Uint16Array.from({ length: COUNT }, (_, slot) => slot)
    const expected = Array.from({ length: COUNT + 1 }, (_, from) =>
      fakeBulk.countMatching(data, STRIDE, slots, from, COUNT, table),
    )
    expect(answer.toString().trim().split('\n').map(Number)).toEqual(expected)
    expect(Math.max(...expected)).toBeGreaterThanOrEqual(rules.length === 0 ? 0 : 1)
  })
})
