/**
 * boot/machine/multiboot2.c and loader.c, compiled for the host: boot information that is right,
 * odd and malformed.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findToolchain } from '../../../scripts/build/toolchain.ts'

/**
 * Reads boot information from a file, one after another, each behind its length; answers with a
 * line of what was understood.
 */
const DRIVER = `
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <sys/mman.h>
#include "boot.h"
uint32_t multiboot2_magic;
static jmp_buf refused;
static char why[200];
noreturn void fail_boot(const char *text)
{
    snprintf(why, sizeof(why), "%s", text);
    longjmp(refused, 1);
}
int main(int argc, char **argv)
{
    (void)argc;
    FILE *file = fopen(argv[1], "rb");
    uint32_t head[2];
    while (fread(head, sizeof(head), 1, file) == 1) {
        /* The information ends where the mapped page ends: what reads beyond it ends the driver. */
        size_t pages = (head[1] + 4095) / 4096 * 4096;
        uint8_t *map = mmap(NULL, pages + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        mprotect(map + pages, 4096, PROT_NONE);
        uint8_t *information = map + pages - (head[1] + 7) / 8 * 8;
        if (head[1] > 0 && fread(information, head[1], 1, file) != 1)
            return 1;
        multiboot2_magic = head[0];
        command_line[0] = '\\0';
        ram_range_count = 0;
        ram_bytes_found = 0;
        initial_ramdisk = (struct memory_range){0, 0};
        loader_acpi_root_pointer = 0;
        if (setjmp(refused)) {
            printf("%s\\n", why);
        } else {
            multiboot2_read(information);
            loader_reserve();
            printf("'%s' ram %lu", command_line, ram_bytes_found);
            for (uint32_t i = 0; i < ram_range_count; i++)
                printf(" %lx-%lx", ram_ranges[i].start, ram_ranges[i].end);
            printf(" module %lx-%lx", initial_ramdisk.start, initial_ramdisk.end);
            long root = (long)(loader_acpi_root_pointer - (uint64_t)information);
            if (loader_acpi_root_pointer != 0)
                printf(" acpi +%ld", root);
            printf("\\n");
        }
        munmap(map, pages + 4096);
    }
    return 0;
}
`

const MAGIC = 0x36d76289
const RAM = 1
const RESERVED = 2
const END = tag(0)
let folder = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'multiboot2-'))
  writeFileSync(join(folder, 'driver.c'), DRIVER)
  const { clang } = await findToolchain()
  const boot = new URL('../../../boot', import.meta.url).pathname
  const include = ['', 'machine', 'engine'].flatMap((name) => ['-I', join(boot, name)])
  const sources = ['loader.c', 'multiboot2.c'].map((name) => join(boot, 'machine', name))
  // The image lies from 1 MiB to 4 MiB.
  const image = ['-no-pie', '-Wl,--defsym=image_start=0x100000', '-Wl,--defsym=image_end=0x400000']
  const flags = [
    '-O1',
    '-D_GNU_SOURCE',
    '-fsanitize=alignment,bounds',
    '-fsanitize-trap=all',
    ...image,
  ]
  const files = ['-o', join(folder, 'driver'), join(folder, 'driver.c'), ...sources]
  execFileSync(clang, [...flags, ...include, ...files])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function words(...numbers: (number | bigint)[]): Buffer {
  return Buffer.concat(
    numbers.map((number) => {
      const bytes = Buffer.alloc(typeof number === 'bigint' ? 8 : 4)
      if (typeof number === 'bigint') bytes.writeBigUInt64LE(number)
      else bytes.writeUInt32LE(number)
      return bytes
    }),
  )
}

/**
 * §3.6: type and size, then the content, padded to a multiple of eight that the size does not
 * count.
 */
function tag(type: number, content: Buffer = Buffer.alloc(0), size = 8 + content.length): Buffer {
  const padding = Buffer.alloc((8 - (content.length % 8)) % 8)
  return Buffer.concat([words(type, size), content, padding])
}

function commandLine(text: string): Buffer {
  return tag(1, Buffer.from(`${text}\0`))
}

function moduleTag(start: number, end: number): Buffer {
  return tag(3, Buffer.concat([words(start, end), Buffer.from('app\0')]))
}

function memoryMap(
  entries: readonly (readonly [bigint, bigint, number])[],
  entrySize = 24,
): Buffer {
  const rows = entries.map(([start, length, type]) =>
    Buffer.concat([words(start, length, type, 0), Buffer.alloc(Math.max(entrySize - 24, 0))]),
  )
  return tag(6, Buffer.concat([words(entrySize, 0), ...rows]))
}

const MEMORY = memoryMap([
  [0n, 0x9fc00n, RAM],
  [0x9fc00n, 0x400n, RESERVED],
  [0x100000n, 0x7f00000n, RAM],
  [0xfffc0000n, 0x40000n, RESERVED],
])

function information(...tags: Buffer[]): Buffer {
  const body = Buffer.concat(tags)
  return Buffer.concat([words(8 + body.length, 0), body])
}

/** One line for each piece of boot information. */
function read(inputs: readonly Buffer[], magic = MAGIC): string[] {
  const path = join(folder, 'input')
  const framed = inputs.flatMap((input) => [words(magic, input.length), input])
  writeFileSync(path, Buffer.concat(framed))
  return execFileSync(join(folder, 'driver'), [path]).toString().trimEnd().split('\n')
}

function readOne(...tags: Buffer[]): string {
  return read([information(...tags)])[0]!
}

describe('the boot information of a multiboot2 loader', () => {
  it('gives command line, memory without image and app, the app, and the ACPI root', () => {
    const line = readOne(
      commandLine('ip=dhcp log=info'),
      tag(2, Buffer.from('GRUB 2.06\0')),
      moduleTag(0x600000, 0x601234),
      MEMORY,
      tag(14, Buffer.from('RSD PTR '.padEnd(20, '.'))),
      tag(15, Buffer.from('RSD PTR '.padEnd(36, '.'))),
      END,
    )
    const acpi = 8 + 32 + 24 + 24 + (16 + 4 * 24) + (8 + 24) + 8
    expect(line).toBe(
      `'ip=dhcp log=info' ram ${0x9fc00 + 0x7f00000} 1000-9f000 400000-600000 602000-8000000` +
        ` module 600000-601234 acpi +${acpi}`,
    )
  })

  it('may lack everything but the memory map', () => {
    expect(readOne(MEMORY, END)).toBe(
      `'' ram ${0x9fc00 + 0x7f00000} 1000-9f000 400000-8000000 module 0-0`,
    )
  })

  it('says what may be used below 1 MiB: one piece, without page 0 and what firmware keeps from 640 KiB on', () => {
    const whole = memoryMap([[0n, 0x8000000n, RAM]])
    expect(readOne(whole, END)).toBe(`'' ram ${0x8000000} 1000-a0000 400000-8000000 module 0-0`)
    const pieces = memoryMap([
      [0n, 0x20000n, RAM],
      [0x30000n, 0x3f000n, RAM],
      [0x100000n, 0x7f00000n, RAM],
    ])
    expect(readOne(pieces, END)).toBe(
      `'' ram ${0x20000 + 0x3f000 + 0x7f00000} 400000-8000000 module 0-0`,
    )
  })

  it('takes the ACPI root of 1.0 where there is no later one, in either order', () => {
    const old = tag(14, Buffer.alloc(20))
    const later = tag(15, Buffer.alloc(36))
    const at = (line: string) => Number(/acpi \+(\d+)/.exec(line)?.[1])
    const start = 8 + MEMORY.length
    expect(at(readOne(MEMORY, old, END))).toBe(start + 8)
    expect(at(readOne(MEMORY, later, old, END))).toBe(start + 8)
    expect(at(readOne(MEMORY, old, later, END))).toBe(start + 32 + 8)
    expect(readOne(MEMORY, tag(15, Buffer.alloc(20)), END)).not.toContain('acpi')
  })

  it('has maps with longer entries (§3.6.8: "guaranteed to be a multiple of 8"), ranges that touch, and overflow', () => {
    const map = memoryMap(
      [
        [0x100000n, 0x700000n, RAM],
        [0x800000n, 0x800000n, RAM],
        [0xffff_ffff_ffff_0000n, 0x20000n, RAM],
      ],
      40,
    )
    expect(readOne(map, END)).toBe(`'' ram ${0xf00000} 400000-1000000 module 0-0`)
  })

  it('keeps 32 ranges of memory at most', () => {
    const scattered = Array.from(
      { length: 100 },
      (_, i) => [BigInt(0x1000000 + i * 0x20000), 0x10000n, RAM] as const,
    )
    expect(readOne(memoryMap(scattered), END).match(/-/g)).toHaveLength(32 + 1)
  })
})

describe('boot information that is refused in one line', () => {
  const long = commandLine('x'.repeat(4096))
  it.each([
    ['without an end', [MEMORY], /has no end$/],
    ['a tag that reaches beyond its end', [MEMORY, tag(1, Buffer.alloc(8), 900)], /reaches beyond/],
    [
      'a tag shorter than its own header',
      [MEMORY, tag(9, Buffer.alloc(0), 7), END],
      /reaches beyond/,
    ],
    [
      'a command line without an end',
      [MEMORY, tag(1, Buffer.from('ip=dhcp')), END],
      /line has no end$/,
    ],
    ['a command line without a single octet', [MEMORY, tag(1), END], /line has no end$/],
    ['a command line that is too long', [MEMORY, long, END], /longer than 4095 bytes$/],
    ['a module that ends before it starts', [MEMORY, moduleTag(0x700000, 0x600000), END], /module/],
    ['a module cut short', [MEMORY, tag(3, words(0x600000)), END], /module/],
    ['two modules', [MEMORY, moduleTag(1, 2), moduleTag(3, 4), END], /more than one module; give/],
    ['entries of memory that are too short', [memoryMap([], 16), END], /unknown size$/],
    ['entries of memory of an odd size', [memoryMap([], 27), END], /unknown size$/],
    ['no memory map', [commandLine(''), END], /no memory map$/],
    ['a memory map without RAM', [memoryMap([[0n, 0x100000n, RESERVED]]), END], /no memory map$/],
  ])('%s', (_title, tags, why) => {
    expect(readOne(...tags)).toMatch(/^Cannot boot: the (loader|kernel)/)
    expect(readOne(...tags)).toMatch(why)
  })

  it('of an impossible size, or from a loader that is none', () => {
    expect(read([words(12, 0, 0, 8)])[0]).toMatch(/impossible size$/)
    expect(read([words(0xffffffff, 0, 0, 8)])[0]).toMatch(/impossible size$/)
    expect(read([information(MEMORY, END)], 0x2badb002)[0]).toMatch(/no boot information$/)
  })

  it('never reads beyond what the loader passed, whatever it holds', () => {
    const anyTag = fc
      .tuple(fc.integer({ min: 0, max: 17 }), fc.uint8Array({ maxLength: 64 }), fc.nat(80))
      .map(([type, content, size]) => tag(type, Buffer.from(content), size))
    const anything = fc.oneof(
      fc.array(anyTag, { maxLength: 6 }).map((tags) => information(...tags, END)),
      fc.array(anyTag, { maxLength: 6 }).map((tags) => information(...tags)),
      // The size says as much as there is: more would be the loader's own lie, which no check can
      // find.
      fc.uint8Array({ minLength: 16, maxLength: 96 }).map((bytes) => {
        const body = Buffer.from(bytes)
        body.writeUInt32LE(body.length, 0)
        return body
      }),
    )
    fc.assert(
      fc.property(fc.array(anything, { minLength: 200, maxLength: 200 }), (inputs) => {
        expect(read(inputs)).toHaveLength(inputs.length)
      }),
      { numRuns: 20 },
    )
  })
})
