/**
 * HalfSipHash-2-4 of boot/engine/bytes.c, compiled for the host: published vectors, and every
 * length beside TypeScript.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findToolchain } from '../../../scripts/build/toolchain.ts'
import { halfSipHash } from '../../support/half-sip-hash.ts'

/** Answers each line `key message`, in hexadecimal, with the hash. */
const DRIVER = `
#include <stdio.h>
#include <string.h>
#include "bytes.h"
static size_t octets(const char *text, uint8_t *target)
{
    size_t count = strlen(text) / 2;
    for (size_t i = 0; i < count; i++) {
        unsigned value;
        sscanf(text + 2 * i, "%2x", &value);
        target[i] = value;
    }
    return count;
}
int main(void)
{
    static char key_text[64], text[1024];
    static uint8_t key[32], bytes[512];
    while (scanf("%63s %1023s", key_text, text) == 2) {
        octets(key_text, key);
        printf("%d\\n", (int)bytes_keyed_hash(key, bytes, strcmp(text, "-") == 0 ? 0 : octets(text, bytes)));
    }
    return 0;
}
`
const boot = new URL('../../../boot/engine', import.meta.url).pathname
const KEY = Uint8Array.from({ length: 8 }, (_, index) => index)
const MESSAGE = Uint8Array.from({ length: 64 }, (_, index) => index)
let folder = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'keyed-hash-'))
  writeFileSync(join(folder, 'driver.c'), DRIVER)
  const { clang } = await findToolchain()
  const sources = [join(folder, 'driver.c'), join(boot, 'bytes.c')]
  execFileSync(clang, ['-O2', '-fno-builtin', '-I', boot, '-o', join(folder, 'driver'), ...sources])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function ask(questions: readonly (readonly [Uint8Array, Uint8Array])[]): number[] {
  const lines = questions.map(([key, bytes]) => `${hex(key)} ${hex(bytes) || '-'}\n`)
  const answer = execFileSync(join(folder, 'driver'), { input: lines.join('') }).toString()
  return answer.trim().split('\n').map(Number)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** As the reference prints it: octets, little-endian. */
function printed(hash: number): string {
  return hex(new Uint8Array(Int32Array.of(hash).buffer))
}

describe('bytes_keyed_hash', () => {
  it('gives the published values for the empty message and for 00 01 02 03', () => {
    const hashes = ask([
      [KEY, new Uint8Array(0)],
      [KEY, MESSAGE.subarray(0, 4)],
    ])
    expect(hashes.map(printed)).toEqual(['a9359f5b', '2a6e4689'])
  })

  it('is what TypeScript makes of the same octets, for every length', () => {
    const lengths = Array.from({ length: 65 }, (_, length) => length)
    const hashes = ask(lengths.map((length) => [KEY, MESSAGE.subarray(0, length)]))
    expect(hashes).toEqual(lengths.map((length) => halfSipHash(KEY, MESSAGE, length)))
  })

  it('changes with every bit of key, message and length', () => {
    const message = MESSAGE.subarray(0, 8)
    const questions: [Uint8Array, Uint8Array][] = [
      [KEY, message],
      [KEY, MESSAGE.subarray(0, 4)],
    ]
    for (let bit = 0; bit < 64; bit++) {
      questions.push([flipped(KEY, bit), message], [KEY, flipped(message, bit)])
    }
    expect(new Set(ask(questions)).size).toBe(questions.length)
  })
})

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const other = bytes.slice()
  other[bit >> 3]! ^= 1 << (bit & 7)
  return other
}
