/**
 * boot/machine/realtime.c, compiled for the host: what a date does that is corrected while it runs.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { findToolchain } from '../../../scripts/build/toolchain.ts'

/**
 * Each line of its input: s DATE (start), a NS (time passes), c OFFSET PPB (a correction), r
 * (reads: a line of output).
 */
const DRIVER = `
#include <stdio.h>
#include "boot.h"
static uint64_t now;
uint64_t monotonic_ns(void)
{
    return now;
}
int main(void)
{
    char what;
    long long a, b;
    while (scanf(" %c", &what) == 1) {
        if (what == 's' && scanf("%lld", &a) == 1)
            realtime_start((uint64_t)a);
        else if (what == 'a' && scanf("%lld", &a) == 1)
            now += (uint64_t)a;
        else if (what == 'c' && scanf("%lld %lld", &a, &b) == 2)
            realtime_correct(a, b);
        else
            printf("%llu\\n", (unsigned long long)realtime_ns());
    }
    return 0;
}
`
const SECOND = 1_000_000_000
const MS = 1_000_000
let folder = ''

beforeAll(async () => {
  const { clang } = await findToolchain()
  folder = mkdtempSync(join(tmpdir(), 'eremite-realtime-'))
  writeFileSync(join(folder, 'driver.c'), DRIVER)
  const sources = [join(folder, 'driver.c'), 'boot/machine/realtime.c']
  execFileSync(clang, [
    '-O1',
    '-fsanitize=undefined',
    '-fsanitize-trap=undefined',
    '-Iboot',
    '-o',
    join(folder, 'driver'),
    ...sources,
  ])
}, 60_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function run(...commands: string[]): bigint[] {
  const out = execFileSync(join(folder, 'driver'), { input: `${commands.join('\n')}\n` })
  return out.toString().trim().split('\n').map(BigInt)
}

const DATE = 1_700_000_000n * BigInt(SECOND)
const since = (date: bigint) => Number(date - DATE)

it('is what it was set to, and goes on with the monotonic clock', () => {
  const [first, second] = run(`s ${DATE}`, 'r', `a ${5 * SECOND}`, 'r')
  expect([first, second].map((it) => since(it!))).toEqual([0, 5 * SECOND])
})

it('is set forward at once by more than 125 ms, 56 years too', () => {
  const years = 1_700_000_000
  const [small, far] = run(`s ${DATE}`, `c ${126 * MS} 0`, 'r', `c ${years}000000000 0`, 'r')
  expect(since(small!)).toBe(126 * MS)
  expect(since(far!)).toBe(126 * MS + years * SECOND)
})

it('takes in less at a 64th of the time, either way, and no more than that', () => {
  for (const sign of [1, -1]) {
    const steps = [
      `s ${DATE}`,
      `c ${sign * 100 * MS} 0`,
      'r',
      `a ${SECOND}`,
      'r',
      `a ${60 * SECOND}`,
      'r',
    ]
    const [start, soon, late] = run(...steps)
    expect(since(start!)).toBe(0)
    expect(since(soon!)).toBe(SECOND + (sign * SECOND) / 64)
    expect(since(late!)).toBe(61 * SECOND + sign * 100 * MS)
  }
})

it('runs at half its rate while it is ahead by more than a second, until it is right', () => {
  const [soon, late] = run(
    `s ${DATE}`,
    `c ${-3600}000000000 0`,
    `a ${600}000000000`,
    'r',
    `a ${7200}000000000`,
    'r',
  )
  expect(since(soon!)).toBe(300 * SECOND)
  expect(since(late!)).toBe((7800 - 3600) * SECOND)
})

it('makes up for a timer that is too slow, within 5 per mille', () => {
  const [day] = run(`s ${DATE}`, 'c 0 100000', `a ${86_400}000000000`, 'r')
  expect(since(day!)).toBe(86_400 * SECOND + 86_400 * 100_000)
  const [limited] = run(`s ${DATE}`, 'c 0 9000000000', `a ${SECOND}`, 'r')
  expect(since(limited!)).toBe(SECOND + 5_000_000)
})

it('never goes back, whatever it is told and whenever it is read', () => {
  const command = fc.oneof(
    fc.integer({ min: 0, max: 40 * SECOND }).map((ns) => `a ${ns}`),
    fc
      .tuple(fc.maxSafeInteger(), fc.integer({ min: -9_000_000, max: 9_000_000 }))
      .filter(([offset]) => Math.abs(offset) < 2e17)
      .map(([offset, ppb]) => `c ${offset} ${ppb}`),
    fc.integer({ min: -200 * MS, max: 100 * MS }).map((offset) => `c ${offset} 0`),
  )
  fc.assert(
    fc.property(fc.array(command, { minLength: 1, maxLength: 40 }), (commands) => {
      const dates = run(`s ${DATE}`, 'r', ...commands.flatMap((it) => [it, 'r']))
      for (let index = 1; index < dates.length; index++) {
        expect(dates[index]! >= dates[index - 1]!).toBe(true)
      }
    }),
    { numRuns: 60 },
  )
})
