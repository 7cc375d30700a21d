/**
 * bytes_mask of boot/engine/bytes.c, compiled for the host: the example of RFC 6455, and every
 * length and alignment, in place and apart, beside a loop over bytes.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findToolchain } from '../../../scripts/build/toolchain.ts'

/** Answers each line `key bytes shift`, in hexadecimal, with both results. */
const DRIVER = `
#include <stdio.h>
#include <string.h>
#include "bytes.h"
static uint8_t source[1024], target[1024];
static void print(const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        printf("%02x", bytes[i]);
}
int main(void)
{
    static char text[2048];
    unsigned key_number, shift;
    while (scanf("%8x %2047s %u", &key_number, text, &shift) == 3) {
        uint8_t key[4];
        for (int i = 0; i < 4; i++)
            key[i] = key_number >> (24 - 8 * i);
        size_t count = strlen(text) / 2;
        memset(source, 0xee, sizeof(source));
        memset(target, 0xdd, sizeof(target));
        for (size_t i = 0; i < count; i++) {
            unsigned value;
            sscanf(text + 2 * i, "%2x", &value);
            source[shift + i] = value;
        }
        bytes_mask(target + 8 - shift, source + shift, count, key);
        bytes_mask(source + shift, source + shift, count, key);
        print(target + 8 - shift, count + 1);
        printf(" ");
        print(source + shift, count + 1);
        printf("\\n");
    }
    return 0;
}
`
const boot = new URL('../../../boot/engine', import.meta.url).pathname
let folder = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mask-'))
  writeFileSync(join(folder, 'driver.c'), DRIVER)
  const { clang } = await findToolchain()
  const sources = [join(folder, 'driver.c'), join(boot, 'bytes.c')]
  const flags = ['-O2', '-fno-builtin', '-mgeneral-regs-only', '-I', boot]
  execFileSync(clang, [...flags, '-o', join(folder, 'driver'), ...sources])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Question {
  readonly key: string
  readonly bytes: Buffer
  readonly shift: number
}

/** What it made apart and in place, each with the byte behind, which must not be touched. */
function ask(questions: readonly Question[]): string[][] {
  const input = questions.map(({ key, bytes, shift }) => `${key} ${bytes.toString('hex')} ${shift}`)
  const answer = execFileSync(join(folder, 'driver'), { input: input.join('\n') }).toString()
  return answer
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
}

describe('bytes_mask', () => {
  it('makes of "Hello" what RFC 6455 §5.7 shows', () => {
    const question = { key: '37fa213d', bytes: Buffer.from('Hello'), shift: 0 }
    expect(ask([question])).toEqual([['7f9f4d5158dd', '7f9f4d5158ee']])
  })

  it('§5.3: "octet i of the transformed data is the XOR of octet i with octet i modulo 4 of the key"', () => {
    const key = Buffer.from('01fe8044', 'hex')
    const questions = Array.from({ length: 300 }, (_, index) => ({
      key: key.toString('hex'),
      bytes: Buffer.from(Array.from({ length: index + 1 }, (_, at) => (at * 37 + index) & 0xff)),
      shift: index % 8,
    }))
    const expected = questions.map(({ bytes }) => {
      const hex = Buffer.from(bytes.map((byte, at) => byte ^ key[at % 4]!)).toString('hex')
      return [`${hex}dd`, `${hex}ee`]
    })
    expect(ask(questions)).toEqual(expected)
  })
})
