/**
 * boot/machine/console.c, compiled for the host against a 16550 whose reader takes as much as a
 * test says, on a clock of its own.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findToolchain } from '../../../scripts/build/toolchain.ts'

const RING_BYTES = 256 * 1024

/**
 * The UART as QEMU has it: a byte goes on to the reader at once, and waits in a FIFO of 16 when he
 * takes none. A look at a register is 34 ns, a byte 550. Each command answers with the nanoseconds
 * that it took.
 */
const DRIVER = `
#define EREMITE_X86_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static uint64_t now_ns = 1000, reader_room;
static int fifo, interrupts_when_empty, wakes;
static unsigned char waiting[16];
static FILE *taken_by_reader;
static void advance(void)
{
    int n = 0;
    for (; n < fifo && reader_room > 0; n++, reader_room--)
        fputc(waiting[n], taken_by_reader);
    memmove(waiting, waiting + n, fifo - n);
    fifo -= n;
}
static uint8_t port_read8(uint16_t port)
{
    now_ns += 34;
    return port != 0x3fd ? 0xff : fifo == 0 ? 0x60 : 0;
}
static void port_write8(uint16_t port, uint8_t value)
{
    now_ns += 550;
    if (port == 0x3f9)
        interrupts_when_empty = value == 2;
    if (port != 0x3f8 || now_ns < 6000)
        return;
    if (fifo == 16)
        exit(3);
    waiting[fifo++] = value;
    advance();
}
#include "console.c"
#include "text.c"
uint64_t monotonic_ns(void) { return now_ns; }
int main(int argc, char **argv)
{
    (void)argc;
    char command[16];
    unsigned long a, b, line = 0;
    taken_by_reader = fopen(argv[1], "wb");
    console_init();
    now_ns = 1000000;
    while (scanf("%15s %lu %lu", command, &a, &b) == 3) {
        uint64_t start = now_ns, end = start + a * 1000000;
        if (strcmp(command, "reader") == 0) {
            reader_room = a;
            advance();
        } else if (strcmp(command, "write") == 0) {
            char *text = malloc(b + 1);
            for (; a > 0; a--) {
                memset(text, '.', b);
                int n = sprintf(text, "%lu", line++);
                text[n] = '.';
                text[b - 1] = '\\n';
                console_write(text, b);
            }
            free(text);
        } else if (strcmp(command, "sleep") == 0) {
            while (now_ns < end) {
                uint64_t wake_ns = console_catch_up(now_ns);
                if (wake_ns > now_ns && interrupts_when_empty && fifo == 0)
                    console_interrupt();
                else if (wake_ns > now_ns) {
                    now_ns = wake_ns < end ? wake_ns : end;
                    wakes++;
                }
            }
        } else if (strcmp(command, "settle") == 0) {
            console_settle();
        } else if (strcmp(command, "wakes") == 0) {
            now_ns += wakes * 1000000ul;
        } else {
            console_flush();
        }
        printf("%lu\\n", now_ns - start);
    }
    fclose(taken_by_reader);
    return 0;
}
`

const EVERYTHING = Number.MAX_SAFE_INTEGER
let folder = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'console-'))
  writeFileSync(join(folder, 'driver.c'), DRIVER)
  const { clang } = await findToolchain()
  const boot = new URL('../../../boot', import.meta.url).pathname
  const include = ['', 'machine', 'engine'].flatMap((name) => ['-I', join(boot, name)])
  const driver = join(folder, 'driver')
  execFileSync(clang, ['-O2', ...include, '-o', driver, join(folder, 'driver.c')])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type Command = readonly [
  'reader' | 'write' | 'sleep' | 'settle' | 'flush' | 'wakes',
  number?,
  number?,
]

/** Milliseconds of each command, and the lines that the reader has. */
function run(...commands: Command[]): { ms: number[]; lines: string[] } {
  const input = commands.map(([name, a = 0, b = 0]) => `${name} ${a} ${b}`).join('\n')
  const output = join(folder, 'output')
  const answer = execFileSync(join(folder, 'driver'), [output], { input }).toString()
  const lines = readFileSync(output, 'latin1').split('\n')
  expect(lines.pop(), 'the last line has its end').toBe('')
  return {
    ms: answer
      .trim()
      .split('\n')
      .map((ns) => Number(ns) / 1e6),
    lines,
  }
}

/** Numbers of the lines that came, in their order; reports of losses are left out. */
function numbers(lines: readonly string[]): number[] {
  return lines.filter((line) => /^\d/.test(line)).map((line) => Number.parseInt(line, 10))
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index)

describe('the console', () => {
  it('hands everything to a reader who takes it, at once', () => {
    const { lines } = run(['reader', EVERYTHING], ['write', 20_000, 80])
    expect(numbers(lines)).toEqual(upTo(20_000))
    expect(lines).toHaveLength(20_000)
  })

  it('hands over whole what is longer than its ring', () => {
    const { lines } = run(['reader', EVERYTHING], ['write', 1, 3 * RING_BYTES])
    expect(lines).toHaveLength(1)
    expect(lines[0]).toHaveLength(3 * RING_BYTES - 1)
  })

  it('keeps a burst for a reader who comes late, and sends it while the guest sleeps', () => {
    const { lines } = run(['write', 2000, 100], ['reader', EVERYTHING], ['sleep', 1000])
    expect(numbers(lines)).toEqual(upTo(2000))
  })

  it('waits milliseconds for a reader who takes nothing, once', () => {
    const { ms } = run(['write', 100_000, 80], ['write', 100_000, 80])
    // 2 ms of waiting, a look at the status register a line, and what each costs besides.
    expect(ms[0]).toBeLessThan(2 + 100_000 * 0.0002)
    expect(ms[1]).toBeLessThan(100_000 * 0.0002)
  })

  it('counts what was lost, and says it where it was lost, once there is room', () => {
    const { lines } = run(
      ...([
        ['write', 10_000, 80],
        ['reader', EVERYTHING],
        ['sleep', 1000],
        ['write', 10, 80],
      ] as const),
    )
    const report = lines.findIndex((line) => line.startsWith('console: '))
    const [, count, size] = /^console: (\d+) lines \((\d+) bytes\) were lost here/.exec(
      lines[report]!,
    )!
    // The line that the ring had only room for a part of ends there.
    const before = numbers(lines.slice(0, report))
    expect(before).toEqual(upTo(before.length))
    expect(10_000 - before.length).toBeGreaterThanOrEqual(Number(count) - 1)
    expect(10_000 - before.length).toBeLessThanOrEqual(Number(count))
    const kept = lines.slice(0, report).join('').length + before.length
    expect(Number(size) + kept).toBeGreaterThanOrEqual(10_000 * 80)
    expect(Number(size) + kept).toBeLessThanOrEqual(10_000 * 80 + 1)
    expect(lines.filter((line) => line.startsWith('console: '))).toHaveLength(1)
    expect(numbers(lines.slice(report))).toEqual(Array.from({ length: 10 }, (_, i) => 10_000 + i))
  })

  it('sleeps on while a reader is silent, and goes on at once when he is back', () => {
    // The driver tells wake-ups as milliseconds.
    const { ms } = run(['write', 100, 80], ['sleep', 10_000], ['wakes'])
    expect(ms[1]).toBeLessThan(10_001)
    expect(ms[2]).toBeLessThan(102)

    const back = run(['write', 100, 80], ['sleep', 50], ['reader', EVERYTHING], ['sleep', 10])
    expect(numbers(back.lines)).toEqual(upTo(100))
  })

  it('lets an event wait for the lines before it, and milliseconds for a silent reader, once', () => {
    const read = run(['write', 100, 80], ['reader', EVERYTHING], ['settle'])
    expect(numbers(read.lines)).toEqual(upTo(100))

    const silent = run(['write', 100, 80], ['settle'], ['settle'])
    expect(silent.ms[1]).toBeLessThan(21)
    expect(silent.ms[2]).toBeLessThan(0.001)
  })

  it('gives last words room, and waits seconds at most for a reader of them', () => {
    const silent = run(['write', 10_000, 80], ['flush'], ['write', 5, 80], ['flush'])
    expect(silent.ms[1]).toBeGreaterThan(1000)
    expect(silent.ms[1]! + silent.ms[3]!).toBeLessThan(3000)

    const back = run(
      ['write', 10_000, 80],
      ['reader', EVERYTHING],
      ['flush'],
      ['write', 5, 80],
      ['flush'],
    )
    expect(numbers(back.lines).slice(-5)).toEqual([10_000, 10_001, 10_002, 10_003, 10_004])
    expect(back.ms[2]).toBeLessThan(1000)
  })
})
