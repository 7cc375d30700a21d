/**
 * boot/machine/clock.c, compiled for the host: what it makes of the registers of a real-time clock.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { findToolchain } from '../../../scripts/build/toolchain.ts'

/** In place of the processor's: ports with a clock behind them. */
const PORTS = `
#include <stdint.h>
uint8_t port_read8(uint16_t port);
void port_write8(uint16_t port, uint8_t value);
`
/**
 * Its arguments are registers, INDEX=VALUE; with \`runs\`, the seconds differ at each reading. It
 * writes the date that was set, in seconds since 1970, or \`none\`.
 */
const DRIVER = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "boot.h"
#include "x86.h"
static uint8_t registers[128], index_register, runs;
static uint64_t date_ns;
uint64_t local_apic_ticks_per_second;
uint8_t port_read8(uint16_t port)
{
    (void)port;
    if (runs && index_register == 0)
        registers[0] = (registers[0] + 1) % 8;
    return registers[index_register & 127];
}
void port_write8(uint16_t port, uint8_t value)
{
    (void)port;
    index_register = value;
}
bool calibrate_timers(uint64_t *tsc_per_second, uint64_t *apic_per_second)
{
    *tsc_per_second = *apic_per_second = 1;
    return true;
}
void monotonic_start(uint64_t tsc_ticks_per_second)
{
    (void)tsc_ticks_per_second;
}
void realtime_start(uint64_t now_ns)
{
    date_ns = now_ns;
}
noreturn void fail_boot(const char *text)
{
    puts(text);
    exit(1);
}
int main(int count, char **texts)
{
    memset(registers, 0xff, sizeof(registers));
    for (int i = 1; i < count; i++) {
        unsigned index, value;
        if (sscanf(texts[i], "%u=%u", &index, &value) == 2)
            registers[index & 127] = (uint8_t)value;
        else
            runs = 1;
    }
    clock_init();
    if (date_ns == 0)
        puts("none");
    else
        printf("%llu\\n", (unsigned long long)(date_ns / SECOND));
    return 0;
}
`
let folder = ''

beforeAll(async () => {
  const { clang } = await findToolchain()
  folder = mkdtempSync(join(tmpdir(), 'eremite-clock-'))
  writeFileSync(join(folder, 'driver.c'), DRIVER)
  writeFileSync(join(folder, 'x86.h'), PORTS)
  // Beside the header that it is to find in place of its own.
  copyFileSync('boot/machine/clock.c', join(folder, 'clock.c'))
  execFileSync(clang, [
    '-O1',
    '-fsanitize=undefined',
    '-fsanitize-trap=undefined',
    '-Iboot',
    '-o',
    join(folder, 'driver'),
    ...['driver.c', 'clock.c'].map((name) => join(folder, name)),
  ])
}, 60_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function dateOf(registers: Record<number, number>, ...more: string[]): number | null {
  const words = Object.entries(registers).map(([index, value]) => `${index}=${value}`)
  const text = execFileSync(join(folder, 'driver'), [...words, ...more])
    .toString()
    .trim()
  return text === 'none' ? null : Number(text)
}

/** The 29th of November 2026, 23:59:58, in BCD and of 24 hours. */
const BCD = { 0: 0x58, 2: 0x59, 4: 0x23, 7: 0x29, 8: 0x11, 9: 0x26, 10: 0x26, 11: 0x02 }
const SECONDS = Date.UTC(2026, 10, 29, 23, 59, 58) / 1000

it('reads the date as BCD or binary', () => {
  expect(dateOf(BCD)).toBe(SECONDS)
  const binary = { 0: 58, 2: 59, 4: 23, 7: 29, 8: 11, 9: 26, 11: 0x06 }
  expect(dateOf({ ...BCD, ...binary })).toBe(SECONDS)
})

it.each([
  [0x91, 23],
  [0x92, 12],
  [0x12, 0],
  [0x01, 1],
])('reads the hour %i of a 12-hour clock as %i', (value, hour) => {
  expect(dateOf({ ...BCD, 4: value, 11: 0 })).toBe(SECONDS - (23 - hour) * 3600)
  const binary = (value & 0x80) | ((value & 0x1f) > 9 ? (value & 0xf) + 10 : value & 0xf)
  const rest = { 0: 58, 2: 59, 7: 29, 8: 11, 9: 26, 11: 0x04 }
  expect(dateOf({ ...BCD, ...rest, 4: binary })).toBe(SECONDS - (23 - hour) * 3600)
})

it.each([0, 0x13, 0x80, 0x93, 0x9f])('takes no date of the hour %i of a 12-hour clock', (value) => {
  expect(dateOf({ ...BCD, 4: value, 11: 0 })).toBeNull()
})

it.each([
  ['seconds of digits that are none', { 0: 0x1a }],
  ['minutes of digits that are none', { 2: 0x4f }],
  ['a 60th minute', { 2: 0x60 }],
  ['a 24th hour', { 4: 0x24 }],
  ["a 24-hour clock's hour with the bit of the afternoon", { 4: 0x83 }],
  ['the day 0', { 7: 0 }],
  ['the 31st of November', { 7: 0x31 }],
  ['the 30th of February', { 7: 0x30, 8: 0x02, 9: 0x28 }],
  ['the 29th of February 2026', { 8: 0x02 }],
  ['a 13th month', { 8: 0x13 }],
  ['a year of more than two digits', { 9: 0xa0 }],
])('takes no date of %s', (_what, wrong) => {
  expect(dateOf({ ...BCD, ...wrong })).toBeNull()
})

it('knows leap days', () => {
  expect(dateOf({ ...BCD, 8: 0x02, 9: 0x28 })).toBe(Date.UTC(2028, 1, 29, 23, 59, 58) / 1000)
})

it('takes no date where nobody answers, nor of registers that never say the same twice', () => {
  expect(dateOf({})).toBeNull()
  expect(dateOf(BCD, 'runs')).toBeNull()
})
