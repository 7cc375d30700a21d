/**
 * boot/machine/pages.c, compiled for the host: runs that never overlap, and memory that is in one
 * piece again after a peak.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findToolchain } from '../../../scripts/build/toolchain.ts'
import { SeededRandom } from '../../support/seeded-random.ts'

const PAGES = 4096
/** The map of so many pages: four of them. */
const MAP_PAGES = 4
const CHUNK_PAGES = 32

/**
 * Answers each command with the first page of a run, -1 when there is none: `a id count`, `c id`
 * and `d id`, a chunk apart, take one, `f id` gives it back, `r id count` resizes it, `l page`
 * moves the limit. The second number is how many pages are free.
 */
const DRIVER = `
#include <stdio.h>
#include <sys/mman.h>
#include "boot.h"
char image_start[1], image_end[1], image_heap[1], image_heap_end[1], program_end[1];
struct memory_range initial_ramdisk;
struct memory_range ram_ranges[RAM_RANGE_MAX];
uint32_t ram_range_count = 1;
noreturn void fail_boot(const char *text)
{
    (void)text;
    __builtin_trap();
}
bool loader_keeps(uint64_t start, uint64_t end)
{
    (void)start, (void)end;
    return false;
}
void ram_remove(uint64_t start, uint64_t end)
{
    (void)start, (void)end;
}
static uint8_t *runs[100000];
static uint64_t counts[100000];
int main(void)
{
    uint8_t *memory = mmap((void *)0x10000000, ${PAGES} * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    ram_ranges[0] = (struct memory_range){(uint64_t)memory, (uint64_t)memory + ${PAGES} * PAGE_SIZE};
    pages_init();
    char command;
    unsigned id, count;
    while (scanf(" %c %u %u", &command, &id, &count) == 3) {
        bool is_done = command == 'l' || runs[id] != NULL;
        if (command == 'a' || command == 'c' || command == 'd') {
            runs[id] = command == 'a'   ? pages_allocate(count)
                       : command == 'c' ? pages_allocate_aligned(count)
                                        : pages_allocate_apart(count);
            counts[id] = count;
            is_done = runs[id] != NULL;
        } else if (command == 'f' && is_done) {
            pages_free(runs[id], counts[id]);
        } else if (command == 'r' && is_done) {
            is_done = pages_resize(runs[id], counts[id], count);
            if (is_done)
                counts[id] = count;
        } else if (command == 'l') {
            uint64_t limit = (uint64_t)memory + count * PAGE_SIZE;
            is_done = limit >= pages_frontier();
            if (is_done)
                pages_set_limit(limit);
        }
        long page = is_done && command != 'l' ? (runs[id] - memory) / (long)PAGE_SIZE : is_done - 1;
        if (command == 'f')
            runs[id] = NULL;
        printf("%ld %llu\\n", page, heap_bytes_free() / PAGE_SIZE);
    }
    return 0;
}
`
type Command = readonly [letter: 'a' | 'c' | 'd' | 'f' | 'r' | 'l', id: number, count: number]

const boot = new URL('../../../boot', import.meta.url).pathname
let folder = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pages-'))
  writeFileSync(join(folder, 'driver.c'), DRIVER)
  const { clang } = await findToolchain()
  const flags = ['-O2', '-Wall', '-Wextra', '-Werror', '-I', boot]
  const sources = [join(folder, 'driver.c'), join(boot, 'machine/pages.c')]
  execFileSync(clang, [...flags, '-o', join(folder, 'driver'), ...sources])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function run(commands: readonly Command[]): { page: number; free: number }[] {
  const input = commands.map((command) => command.join(' ')).join('\n')
  const answer = execFileSync(join(folder, 'driver'), { input, maxBuffer: 1 << 26 })
  return answer
    .toString()
    .trim()
    .split('\n')
    .map((line) => {
      const [page, free] = line.split(' ').map(Number)
      return { page: page!, free: free! }
    })
}

describe('runs of pages', () => {
  it('at a peak lie apart from chunks, so that what is free after it is in one piece', () => {
    const long = 300
    const peak = Array.from({ length: 11 }, (_, id): Command[] => [
      ['a', id, long],
      ['c', 100 + id, CHUNK_PAGES],
    ]).flat()
    const end = Array.from({ length: 11 }, (_, id): Command => ['f', id, 0])
    const answers = run([...peak, ...end, ['a', 50, 11 * long], ['f', 50, 0]])
    expect(answers.every(({ page }) => page >= 0)).toBe(true)
    // Also when the memory of devices, which grows from above, comes in between.
    const pressed = run([...peak, ...end, ['l', 0, 3900], ['a', 50, 3300]])
    expect(pressed.at(-1)!.page).toBeGreaterThan(0)
  })

  it('use all there is, the low end too', () => {
    const all = PAGES - MAP_PAGES
    const [whole, , chunk, rest] = run([
      ['a', 0, all],
      ['f', 0, 0],
      ['c', 1, CHUNK_PAGES],
      ['a', 2, all - 2 * CHUNK_PAGES],
    ])
    expect(whole).toEqual({ page: MAP_PAGES, free: 0 })
    expect([chunk!.page % CHUNK_PAGES, rest!.page > 0]).toEqual([0, true])
  })

  it('taken apart leave the low end to chunks and short runs that come, as long as there is room', () => {
    const lowEnd = Math.ceil((MAP_PAGES + (PAGES - MAP_PAGES) / 8) / CHUNK_PAGES) * CHUNK_PAGES
    const apart = Array.from({ length: 4 }, (_, id): Command => ['d', id, CHUNK_PAGES])
    const answers = run([
      ...apart,
      ['c', 10, CHUNK_PAGES],
      ['a', 11, 3],
      ['f', 2, 0],
      ['d', 12, 32],
    ])
    const pages = answers.map(({ page }) => page)
    for (const [index, page] of pages.slice(0, 4).entries()) {
      expect(page).toBe(lowEnd - (index + 1) * CHUNK_PAGES)
    }
    expect(pages[4]).toBe(CHUNK_PAGES)
    expect(pages[5]).toBe(MAP_PAGES)
    expect(pages[7]).toBe(pages[2])
    // Where the low end is full, anywhere else.
    const many = Array.from({ length: 100 }, (_, id): Command => ['d', id, CHUNK_PAGES])
    expect(new Set(run(many).map(({ page }) => page)).size).toBe(100)
  })

  it.each([1, 2, 3, 4])('never overlap, whatever comes and goes (seed %i)', (seed) => {
    const random = new SeededRandom(seed)
    const below = (bound: number) => (random.nextInt32() >>> 0) % bound
    const commands: Command[] = []
    for (let id = 0; id < 4000; id++) {
      const letter = (['a', 'a', 'c', 'd', 'f', 'f', 'r', 'l'] as const)[below(8)]!
      const most = below(8) === 0 ? 700 : 40
      const isChunk = letter === 'c' || letter === 'd'
      const count = isChunk ? CHUNK_PAGES : 1 + below(most)
      if (letter === 'a' || isChunk) commands.push([letter, id, count])
      else if (letter === 'l') commands.push(['l', 0, PAGES - below(500)])
      else commands.push([letter, below(id + 1), count])
    }
    const held = new Map<number, { page: number; count: number }>()
    const owners = new Int32Array(PAGES).fill(-1)
    let limit = PAGES
    for (const [index, { page, free }] of run(commands).entries()) {
      const [letter, id, count] = commands[index]!
      const known = held.get(id)
      if (page >= 0 && letter === 'l') limit = count
      if (page >= 0 && known !== undefined && letter !== 'l') {
        expect(page).toBe(known.page)
        owners.fill(-1, page, page + known.count)
        held.delete(id)
      }
      if (page >= 0 && letter !== 'f' && letter !== 'l') {
        expect(page).toBeGreaterThanOrEqual(MAP_PAGES)
        expect(page + count).toBeLessThanOrEqual(PAGES)
        if (letter === 'c' || letter === 'd') expect(page % CHUNK_PAGES).toBe(0)
        const places = owners.subarray(page, page + count)
        expect(places.every((owner) => owner === -1)).toBe(true)
        places.fill(id)
        held.set(id, { page, count })
      }
      const used = [...held.values()].reduce((sum, it) => sum + it.count, 0)
      expect(free).toBe(limit - MAP_PAGES - used)
    }
    expect(held.size).toBeGreaterThan(20)
  })
})
