/**
 * boot/engine/runs.c, compiled for the host: how many frames in a row are one run, against the
 * reference in TypeScript.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findToolchain } from '../../../scripts/build/toolchain.ts'
import { fakeBulk } from '../../fakes/fake-bulk.ts'
import { internetSum } from '../../fakes/internet-sum.ts'
import { SeededRandom } from '../../support/seeded-random.ts'

const STRIDE = 160
const COUNT = 400
const HEADER = 12

/** The answer for each first frame. */
const DRIVER = `
#include <stdio.h>
#include <stdlib.h>
#include "runs.h"
static uint8_t data[${COUNT * STRIDE}], mask[${HEADER}];
static uint16_t slots[${COUNT}];
static uint32_t lengths[${COUNT}];
static struct run_rule rule;
static int load(const char *path, void *to, size_t length)
{
    FILE *file = fopen(path, "rb");
    return file != NULL && fread(to, 1, length, file) == length;
}
int main(int argc, char **argv)
{
    (void)argc;
    if (!load(argv[1], data, sizeof(data)) || !load(argv[2], mask, sizeof(mask)) ||
        !load(argv[3], lengths, sizeof(lengths)) || !load(argv[4], &rule.layout, sizeof(rule.layout)))
        return 1;
    rule.mask = mask;
    rule.unit = (uint32_t)strtoul(argv[5], NULL, 10);
    rule.max_length = 300;
    for (size_t i = 0; i < ${COUNT}; i++)
        slots[i] = (uint16_t)(${COUNT} - 1 - i);
    for (size_t from = 0; from < ${COUNT}; from++) {
        struct run_frames frames = {data, ${STRIDE}, slots + from, lengths + from, ${COUNT} - from};
        printf("%zu\\n", runs_count(&frames, &rule));
    }
    return 0;
}
`
const boot = new URL('../../../boot/engine', import.meta.url).pathname
let folder = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'count-continuing-'))
  writeFileSync(join(folder, 'driver.c'), DRIVER)
  const { clang } = await findToolchain()
  const flags = ['-O2', '-ffreestanding', '-fno-builtin', '-mgeneral-regs-only', '-I', boot]
  const sources = ['runs.c', 'bytes.c'].map((name) => join(boot, name))
  const driver = join(folder, 'driver')
  execFileSync(clang, [...flags, '-o', driver, join(folder, 'driver.c'), ...sources])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/**
 * Frames of a header of twelve octets: number, length, checksum of both, flow, checksum of that and
 * the text. Most continue the one before; each mishap comes now and then.
 */
function frames(random: SeededRandom): { data: Uint8Array; lengths: Uint32Array } {
  const data = new Uint8Array(STRIDE * COUNT)
  const view = new DataView(data.buffer)
  const lengths = new Uint32Array(COUNT)
  const below = (limit: number) => Math.floor(random.nextFraction() * limit)
  const seldom = () => below(12) === 0
  let sequence = 0xffff_ff00
  for (let index = 0; index < COUNT; index++) {
    const at = (COUNT - 1 - index) * STRIDE
    const text = seldom() ? below(140) : 40
    const length = HEADER + text
    lengths[index] = seldom() && seldom() ? STRIDE + 1 : length
    view.setUint32(at, sequence + (seldom() ? 1 : 0))
    view.setUint16(at + 4, length - 3 + (seldom() ? 1 : 0))
    view.setUint16(at + 6, ~internetSum(data, at, 6) & 0xffff)
    view.setUint16(at + 8, 0x1000 + below(4) + (seldom() ? 0x100 : 0))
    for (let i = 0; i < text; i++) data[at + HEADER + i] = i * 7
    view.setUint16(at + 10, ~internetSum(data, at + 8, length - 8, length + 5) & 0xffff)
    if (seldom()) data[at + 6]! ^= 1
    if (seldom()) data[at + HEADER]! ^= 0x80
    sequence = (sequence + text) >>> 0
  }
  return { data, lengths }
}

/** Headers alone, of which most have a number beyond that of the one before. */
function bareFrames(random: SeededRandom): { data: Uint8Array; lengths: Uint32Array } {
  const { data, lengths } = frames(random)
  const view = new DataView(data.buffer)
  const below = (limit: number) => Math.floor(random.nextFraction() * limit)
  let number = 0x7fff_ff00
  for (let index = 0; index < COUNT; index++) {
    const at = (COUNT - 1 - index) * STRIDE
    lengths[index] = HEADER + (below(15) === 0 ? 1 : 0)
    number = (number + (below(12) === 0 ? below(2 ** 32) : 1 + below(9))) >>> 0
    view.setUint32(at, number)
    view.setUint16(at + 4, HEADER - 3)
    view.setUint16(at + 6, ~internetSum(data, at, 6) & 0xffff)
    view.setUint16(at + 8, 0x1000 + (below(12) === 0 ? 0x100 : 0))
    view.setUint16(at + 10, ~internetSum(data, at + 8, 2, HEADER + 5) & 0xffff)
    if (below(20) === 0) data[at + 7]! ^= 1
    if (below(20) === 0) data[at + 11]! ^= 1
  }
  return { data, lengths }
}

describe('runs_count', () => {
  const mask = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfc, 0, 0)
  it.each<[string, number[], number]>([
    ['headers alone', [HEADER, 0, 4, 3, 0, 0, 0, 0], 40],
    ['the sum of headers', [HEADER, 0, 4, 3, 0, 8, 0, 0], 40],
    ['the sum of text', [HEADER, 0, 4, 3, 0, 8, 8, 5], 40],
    ['frames of several units', [HEADER, 0, 4, 3, 0, 8, 0, 0], 20],
    ['frames without text', [HEADER, 0, 4, 3, 0, 8, 0, 0], 0],
    ['frames without text, and all their sums', [HEADER, 0, 4, 3, 0, 8, 8, 5], 0],
  ])('counts with %s', (_name, numbers, unit) => {
    const layout = Uint16Array.from(numbers)
    const { data, lengths } = (unit === 0 ? bareFrames : frames)(new SeededRandom(unit))
    const files = [data, mask, new Uint8Array(lengths.buffer), new Uint8Array(layout.buffer)]
    const paths = files.map((bytes, index) => {
      const path = join(folder, `file${index}`)
      writeFileSync(path, bytes)
      return path
    })
    const answer = execFileSync(join(folder, 'driver'), [...paths, String(unit)])
    const slots = Uint16Array.from({ length: COUNT }, (_, index) => COUNT - 1 - index)
    const expected = Array.from(slots, (_, from) =>
      fakeBulk.countContinuing(data, STRIDE, slots, lengths, from, COUNT, mask, layout, unit, 300),
    )
    expect(answer.toString().trim().split('\n').map(Number)).toEqual(expected)
    expect(Math.max(...expected)).toBeGreaterThan(3)
    expect(expected).toContain(1)
  })
})
