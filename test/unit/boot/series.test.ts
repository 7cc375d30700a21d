/**
 * boot/engine/series.c, compiled for the host: what it writes and takes for many slots, against the
 * reference in TypeScript.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findToolchain } from '../../../scripts/build/toolchain.ts'
import { fakeSlots } from '../../fakes/fake-slots.ts'
import { SeededRandom } from '../../support/seeded-random.ts'

const SLOTS = 16
const STRIDE = 128
const AT = 12
const HEADER = 66
const RING = 8
/** Room for the text of all slots, at an odd place. */
const TEXT = 8194

/** Reads one file into its variables in order, works on them, and writes them all to another. */
const DRIVER = `
#include <stdio.h>
#include "series.h"
static struct {
    uint8_t target[${SLOTS * STRIDE}], header[${HEADER}], marks[${SLOTS}];
    struct series_layout layout;
    uint8_t text[${TEXT}];
    uint16_t slots[${SLOTS}];
    uint16_t ring[${RING}], pulled[${SLOTS}];
    struct word_field fields[2];
    uint32_t words[${SLOTS * 4}], pairs[2 * ${RING}], lengths[${SLOTS}], numbers[7], results[3];
} all;
int main(int argc, char **argv)
{
    (void)argc;
    FILE *from = fopen(argv[1], "rb"), *to = fopen(argv[2], "wb");
    if (from == NULL || to == NULL || fread(&all, 1, sizeof(all), from) != sizeof(all))
        return 1;
    struct slot_list list = {all.slots, all.numbers[0]};
    struct series series = {all.target + ${AT}, ${STRIDE}, all.header, ${HEADER}, all.layout, all.text + 1, all.numbers[1]};
    series_write(&series, &list);
    struct word_table table = {all.words, 4};
    struct lap lap = {all.numbers[5], all.numbers[6]};
    series_store(&table, &list, lap, all.fields, 2);
    all.results[0] = series_count_alike(all.marks, &list);
    all.results[1] = series_mark(all.marks, &list, all.numbers[2]);
    series_push(all.ring, ${RING - 1}, all.numbers[3], &list, all.marks);
    struct pair_ring ring = {all.pairs, ${RING - 1}, all.numbers[3], all.numbers[4]};
    struct pulled pulled = {all.pulled, all.lengths, all.marks, ${SLOTS}};
    all.results[2] = series_pull(&ring, &pulled);
    return fwrite(&all, 1, sizeof(all), to) != sizeof(all);
}
`
const PARTS: readonly (readonly [string, number, 1 | 2 | 4])[] = [
  ['target', SLOTS * STRIDE, 1],
  ['header', HEADER, 1],
  ['marks', SLOTS, 1],
  ['layout', 8, 2],
  ['text', TEXT, 1],
  ['slots', SLOTS, 2],
  ['ring', RING, 2],
  ['pulled', SLOTS, 2],
  ['fields', 6, 4],
  ['words', SLOTS * 4, 4],
  ['pairs', 2 * RING, 4],
  ['lengths', SLOTS, 4],
  ['numbers', 7, 4],
  ['results', 3, 4],
]
const boot = new URL('../../../boot/engine', import.meta.url).pathname
let folder = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'series-'))
  writeFileSync(join(folder, 'driver.c'), DRIVER)
  const { clang } = await findToolchain()
  const flags = ['-O2', '-ffreestanding', '-fno-builtin', '-mgeneral-regs-only', '-I', boot]
  const sources = ['series.c', 'bytes.c'].map((name) => join(boot, name))
  execFileSync(clang, [
    ...flags,
    '-o',
    join(folder, 'driver'),
    join(folder, 'driver.c'),
    ...sources,
  ])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type Memory = ReturnType<typeof createMemory>

/** The driver's variables over one buffer. */
function createMemory() {
  const length = PARTS.reduce((sum, [, count, width]) => sum + count * width, 0)
  const whole = new Uint8Array(length)
  const views: Record<string, Uint8Array | Uint16Array | Uint32Array> = {}
  let at = 0
  for (const [name, count, width] of PARTS) {
    expect(at % width, `${name} is aligned`).toBe(0)
    const kind = width === 1 ? Uint8Array : width === 2 ? Uint16Array : Uint32Array
    views[name] = new kind(whole.buffer, at, count)
    at += count * width
  }
  const bytes = (name: string) => views[name] as Uint8Array
  const halves = (name: string) => views[name] as Uint16Array
  const words = (name: string) => views[name] as Uint32Array
  return { whole, bytes, halves, words }
}

function fill({ bytes, halves, words }: Memory, random: SeededRandom, layout: number[]): void {
  const below = (limit: number) => Math.floor(random.nextFraction() * limit)
  for (const name of ['header', 'text']) bytes(name).set(bytes(name).map(() => below(256)))
  if (below(3) === 0) bytes('header').fill(0xff)
  halves('layout').set(layout)
  const order = Array.from({ length: SLOTS }, (_, slot) => [random.nextFraction(), slot] as const)
  const slots = order.sort(([a], [b]) => a - b).map(([, slot]) => slot)
  halves('slots').set(slots)
  bytes('marks').set(bytes('marks').map(() => below(2)))
  words('fields').set([1, below(2 ** 32), below(2 ** 32), 3, below(100), 0])
  const wrong = below(4) === 0 ? [SLOTS, 0xffff_ffff, 0x1_0000 + slots[0]!] : []
  for (let i = 0; i < RING; i++) {
    words('pairs').set([wrong[below(3)] ?? slots[i]!, below(2 ** 32)], 2 * i)
  }
  const count = 1 + below(RING)
  const pulls = below(count + 1)
  const lap = 1 + below(RING)
  const numbers = [count, 1 + below(300), below(3), 0xfff0 + below(32), pulls, below(lap), lap]
  words('numbers').set(numbers)
}

/** As the driver's main. */
function workAsReference({ bytes, halves, words }: Memory): void {
  const [count, size, mark, index, pulls, place, lap] = words('numbers') as unknown as number[]
  const slots = halves('slots')
  const marks = bytes('marks')
  const header = bytes('header')
  const layout = halves('layout')
  const [target, text] = [bytes('target'), bytes('text')]
  const range = [slots, 0, count!] as const
  const written = [header, HEADER, layout, text, 1, size!] as const
  fakeSlots.writeSeries(target, STRIDE, AT, ...range, ...written)
  const fields = words('fields')
  fakeSlots.storeSeries(words('words'), 4, slots, 0, count!, fields, place!, lap!)
  const results = words('results')
  results[0] = fakeSlots.countAlike(marks, slots, 0, count!)
  results[1] = fakeSlots.markSlots(marks, slots, 0, count!, mark!)
  fakeSlots.pushSlots(halves('ring'), 0, RING - 1, index!, slots, 0, count!, marks)
  const [pairs, lengths, pulled] = [words('pairs'), words('lengths'), halves('pulled')]
  results[2] = fakeSlots.pullSlots(pairs, 0, RING - 1, index!, pulls!, marks, pulled, lengths, 0)
}

describe('series.c', () => {
  it.each<[string, number[]]>([
    ['an IPv4 header with all its sums', [38, 18, 14, 20, 24, 34, 50, 1]],
    ['an IPv4 header whose text the device sums', [38, 18, 14, 20, 24, 0, 0, 45]],
    ['an IPv6 header', [58, 0, 0, 0, 0, 54, 64, 1]],
    ['a header without an identification', [24, 0, 14, 20, 24, 0, 0, 3]],
    ['one of which all is summed, and nothing else changes', [24, 0, 0, 20, 10, 0, 0, 3]],
    ['a sequence number alone', [58, 0, 0, 0, 0, 0, 0, 0]],
  ])('writes, stores, marks, pushes and pulls as the reference does: %s', (_name, layout) => {
    const random = new SeededRandom(layout[0]! + layout[5]!)
    for (let round = 0; round < 40; round++) {
      const memory = createMemory()
      fill(memory, random, layout)
      const [from, to] = [join(folder, 'from'), join(folder, 'to')]
      writeFileSync(from, memory.whole)
      execFileSync(join(folder, 'driver'), [from, to])
      const before = Buffer.from(memory.whole)
      workAsReference(memory)
      expect(Buffer.compare(readFileSync(to), memory.whole), `round ${round}`).toBe(0)
      expect(Buffer.compare(before, memory.whole)).not.toBe(0)
    }
  })
})
