/**
 * bytes_head_length of boot/engine/bytes.c, compiled for the host, beside what tests on Node have
 * in its place.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { findToolchain } from '../../../scripts/build/toolchain.ts'
import { headLengthNative } from '../../support/head-length-native.ts'
import { SeededRandom } from '../../support/seeded-random.ts'

/** Answers each line of hexadecimal bytes with the length of the head that they begin with. */
const DRIVER = `
#include <stdio.h>
#include <string.h>
#include "bytes.h"
int main(void)
{
    static char text[4096];
    while (scanf("%4095s", text) == 1) {
        static uint8_t bytes[2048];
        size_t count = strlen(text) / 2;
        for (size_t i = 0; i < count; i++) {
            unsigned value;
            sscanf(text + 2 * i, "%2x", &value);
            bytes[i] = value;
        }
        /* What lies behind the range is a head's end. */
        memcpy(bytes + count, "\\r\\n\\r\\n", 4);
        printf("%zu\\n", bytes_head_length(bytes, count));
    }
    return 0;
}
`
const boot = new URL('../../../boot/engine', import.meta.url).pathname
let folder = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'head-length-'))
  writeFileSync(join(folder, 'driver.c'), DRIVER)
  const { clang } = await findToolchain()
  const sources = [join(folder, 'driver.c'), join(boot, 'bytes.c')]
  const flags = ['-O2', '-fno-builtin', '-mgeneral-regs-only', '-I', boot]
  execFileSync(clang, [...flags, '-o', join(folder, 'driver'), ...sources])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('finds the end of heads whose lines all end in CRLF, and of no others', () => {
  const random = new SeededRandom(3)
  const pieces = ['GET / HTTP/1.1', 'a', '\r\n', '\r\n', '\n', '\r', '\r\n\r\n', '\xff', '\0']
  const texts = [
    'GET / HTTP/1.1\r\nHost: a\r\n\r\nbody\r\n\r\n',
    'GET / HTTP/1.1\nHost: a\r\n\r\n',
    '\r\nGET / HTTP/1.1\r\n\r\n',
    'GET / HTTP/1.1\r\n\r',
    '\n',
  ]
  for (let count = 0; count < 2000; count++) {
    const length = 1 + Math.floor(random.nextFraction() * 10)
    const chosen = Array.from({ length }, () => random.nextFraction() * pieces.length)
    texts.push(chosen.map((at) => pieces[Math.floor(at)]).join(''))
  }
  const bytes = texts.map((text) => Buffer.from(text, 'latin1'))
  const input = bytes.map((it) => `${it.toString('hex')}\n`).join('')
  const answers = execFileSync(join(folder, 'driver'), { input, encoding: 'utf8' })
  const expected = bytes.map((it) => headLengthNative(it, 0, it.length))
  expect(answers.trim().split('\n').map(Number)).toEqual(expected)
  expect(expected.slice(0, 5)).toEqual([27, 0, 0, 0, 0])
  expect(expected.filter((length) => length > 0).length).toBeGreaterThan(100)
})
