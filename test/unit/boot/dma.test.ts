/**
 * boot/machine/dma.c, compiled for the host: pieces that never overlap, and what is used from the
 * start in few of the host's pages.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findToolchain } from '../../../scripts/build/toolchain.ts'
import { SeededRandom } from '../../support/seeded-random.ts'

const MIB = 1 << 20
const HOST_PAGE = 2 * MIB
const GUARD = 4096
/** Where the driver below tells pieces below 1 MiB from. */
const LOW_AT = -(2 ** 30)

/**
 * Memory of so many octets, all ones, as firmware may leave it, and as many as are said of it below
 * 1 MiB, whose pieces are told from -2^30 on. First the stack's start and end; then for each
 * `length alignment` the start of a piece of zeros, -1 when there is none, -2 when not all of it
 * is zero, and where the heap has to end.
 */
const DRIVER = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "boot.h"
static uint8_t *memory;
static uint64_t size, limit, frontier;
static uint64_t low;
#define LOW 0x40000ull
struct memory_range loader_low_ram(void)
{
    return (struct memory_range){LOW, LOW + low};
}
uint64_t pages_end(void)
{
    return (uint64_t)memory + size;
}
uint64_t pages_frontier(void)
{
    return (uint64_t)memory + frontier;
}
void pages_set_limit(uint64_t address)
{
    limit = address - (uint64_t)memory;
}
int main(int argc, char **argv)
{
    size = strtoull(argv[1], NULL, 10);
    frontier = strtoull(argv[2], NULL, 10);
    uint64_t whole = (size + 0x1fffff) & ~0x1fffffull;
    memory = mmap((void *)0x10000000, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    memset(memory, 0xff, whole);
    low = strtoull(argv[3], NULL, 10);
    mmap((void *)LOW, 0x60000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    memset((void *)LOW, 0xff, low);
    dma_init();
    struct memory_range stack = dma_stack();
    printf("%ld %ld\\n", stack.start - (uint64_t)memory, stack.end - (uint64_t)memory);
    for (int i = 4; i + 1 < argc; i += 2) {
        uint64_t length = strtoull(argv[i], NULL, 10);
        uint8_t *piece = dma_allocate(length, strtoull(argv[i + 1], NULL, 10));
        long start = piece == NULL ? -1 : (uint64_t)piece < MIB ? (long)((uint64_t)piece - LOW) - (1l << 30) : piece - memory;
        for (uint64_t at = 0; piece != NULL && at < length; at++)
            if (piece[at] != 0)
                start = -2;
        if (piece != NULL)
            memset(piece, 0xff, length);
        if (piece != NULL && (!dma_contains((uint64_t)piece) || !dma_contains((uint64_t)piece + length - 1)))
            return 1;
        printf("%ld %ld\\n", start, (long)limit);
    }
    return dma_contains(stack.start) || dma_contains(stack.end - 1);
}
`
const boot = new URL('../../../boot', import.meta.url).pathname
let folder = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dma-'))
  writeFileSync(join(folder, 'driver.c'), DRIVER)
  const { clang } = await findToolchain()
  const include = ['', 'machine', 'engine'].flatMap((name) => ['-I', join(boot, name)])
  const sources = [join(folder, 'driver.c'), join(boot, 'machine/dma.c')]
  const flags = ['-O1', '-D_GNU_SOURCE', ...include]
  execFileSync(clang, [...flags, '-o', join(folder, 'driver'), ...sources])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type Request = readonly [length: number, alignment: number]

interface Memory {
  readonly size: number
  readonly frontier: number
  readonly low?: number
}

function allocate({ size, frontier, low = 0 }: Memory, requests: readonly Request[]) {
  const words = [size, frontier, low, ...requests.flat()].map(String)
  const output = execFileSync(join(folder, 'driver'), words, { encoding: 'utf8' })
  const [stack, ...pieces] = output
    .trim()
    .split('\n')
    .map((line) => line.split(' ').map(Number) as [number, number])
  return { stack: stack!, pieces }
}

const hostPage = (address: number): number => Math.floor(address / HOST_PAGE)

describe('the DMA arena', () => {
  it('hands out zeros that lie apart, aligned, and neither in the stack nor in the heap', () => {
    const random = new SeededRandom(7)
    const below = (limit: number): number => Math.floor(random.nextFraction() * limit)
    for (let round = 0; round < 20; round++) {
      const memory = { size: 24 * MIB + 4096 * below(4096), frontier: 4096 * below(1024) }
      const requests = Array.from({ length: 40 }, (): Request => {
        const length = 1 + below(2 ** (6 + below(18)))
        return [length, 2 ** below(15)]
      })
      const { stack, pieces } = allocate(memory, requests)
      const taken: [number, number][] = [stack, [0, memory.frontier]]
      for (const [index, [start, limit]] of pieces.entries()) {
        if (start === -1) continue
        const [length, alignment] = requests[index]!
        expect(start % alignment).toBe(0)
        expect(start).toBeGreaterThanOrEqual(limit)
        expect(start + length).toBeLessThanOrEqual(memory.size)
        for (const [from, to] of taken) expect(start >= to || start + length <= from).toBe(true)
        taken.push([start, start + length])
      }
      expect(taken.length).toBeGreaterThan(20)
    }
  })

  it('keeps small pieces in the page of the host that holds the top of the stack', () => {
    const small: Request[] = [
      [49_152, 4096],
      [262_144, 64],
      [MIB, 4096],
      [64, 64],
    ]
    for (const size of [64 * MIB, 256 * MIB]) {
      const { stack, pieces } = allocate({ size, frontier: 0 }, small)
      const inUse = hostPage(stack[1] - GUARD - 1)
      expect(pieces.map(([start]) => hostPage(start))).toEqual(small.map(() => inUse))
    }
  })

  it('hands out what is free below 1 MiB first, which the start of the image shares a page of the host with', () => {
    const low = 0x50000
    const small: Request[] = [
      [49_152, 4096],
      [262_144, 64],
      [49_152, 4096],
      [MIB, 4096],
    ]
    const { stack, pieces } = allocate({ size: 64 * MIB, frontier: 0, low }, small)
    const starts = pieces.map(([start]) => start)
    for (const start of starts.slice(0, 2)) {
      expect(start).toBeGreaterThanOrEqual(LOW_AT)
      expect(start).toBeLessThan(LOW_AT + low)
    }
    const inUse = hostPage(stack[1] - GUARD - 1)
    expect(starts.slice(2).map(hostPage)).toEqual([inUse, inUse])
  })

  it('begins what fills pages of the host with one, and hands out what that leaves free', () => {
    const large: Request = [64 * 65_472, 64]
    const { pieces } = allocate({ size: 64 * MIB, frontier: 0 }, [
      large,
      [3 * MIB, 64],
      large,
      [MIB, 64],
    ])
    const [first, , second, small] = pieces.map(([start]) => start) as [
      number,
      number,
      number,
      number,
    ]
    expect([first % HOST_PAGE, second % HOST_PAGE]).toEqual([0, 0])
    expect(small).toBeGreaterThan(second)
  })

  it('hands out what large pieces leave free behind many of them', () => {
    const large = Array.from({ length: 12 }, (): Request => [2_160_576, 64])
    const small = Array.from({ length: 12 }, (): Request => [1_500_000, 64])
    const { pieces } = allocate({ size: 128 * MIB, frontier: 0 }, [...large, ...small])
    const limits = new Set(pieces.slice(large.length - 1).map(([, limit]) => limit))
    expect(limits.size).toBe(1)
  })

  it('gives up pages of the host before it gives up a piece', () => {
    const large: Request = [5 * MIB, 64]
    const { pieces } = allocate({ size: 20 * MIB, frontier: 2.5 * MIB }, [large])
    expect(pieces[0]![0]).toBeGreaterThanOrEqual(2.5 * MIB)
  })
})
