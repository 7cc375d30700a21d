/**
 * boot/engine/bytes.c, compiled for the host: checksum and CRC of every length and alignment,
 * against Node's and net's own.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { referenceChecksum } from '../../../net/wire/checksum.ts'
import { findToolchain } from '../../../scripts/build/toolchain.ts'

/**
 * Answers each line `offset length initial` with the CRC-32 and the checksum of that part of the
 * bytes.
 */
const DRIVER = `
#include <stdio.h>
#include "bytes.h"
static uint8_t data[1 << 20];
int main(int argc, char **argv)
{
    (void)argc;
    FILE *file = fopen(argv[1], "rb");
    if (file == NULL || fread(data, 1, sizeof(data), file) == 0)
        return 1;
    unsigned offset, length, initial;
    while (scanf("%u %u %u", &offset, &length, &initial) == 3)
        printf("%u %u\\n", bytes_crc32(data + offset, length, initial),
               bytes_checksum(data + offset, length, initial & 0xffff));
    return 0;
}
`
interface Question {
  readonly offset: number
  readonly length: number
  readonly initial: number
}

const boot = new URL('../../../boot/engine', import.meta.url).pathname
const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => (i * i * 31 + (i >> 3)) & 0xff)
let folder = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bytes-'))
  writeFileSync(join(folder, 'driver.c'), DRIVER)
  writeFileSync(join(folder, 'data'), bytes)
  const { clang } = await findToolchain()
  const flags = ['-O2', '-ffreestanding', '-fno-builtin', '-mgeneral-regs-only', '-I', boot]
  const sources = [join(folder, 'driver.c'), join(boot, 'bytes.c')]
  execFileSync(clang, [...flags, '-o', join(folder, 'driver'), ...sources])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function ask(questions: readonly Question[]): { crc: number; checksum: number }[] {
  const input = questions.map((it) => `${it.offset} ${it.length} ${it.initial}`).join('\n')
  const answer = execFileSync(join(folder, 'driver'), [join(folder, 'data')], { input })
  const lines = answer.toString().trim().split('\n')
  return lines.map((line) => {
    const [crc, checksum] = line.split(' ').map(Number)
    return { crc: crc!, checksum: checksum! }
  })
}

describe('bytes_crc32 and bytes_checksum', () => {
  it.each([
    ['up to 400 bytes, at every alignment', Array.from({ length: 401 }, (_, i) => i)],
    ['of a super-segment', [1459, 1460, 4095, 16_384, 65_482, 65_535, 65_536]],
  ])('are right for lengths %s', (_what, lengths) => {
    const questions = lengths.flatMap((length) =>
      [0, 0xffff_ffff, 0x1234_5678].map((initial, i) => ({
        offset: (length + 3 * i) % 8,
        length,
        initial,
      })),
    )
    const expected = questions.map(({ offset, length, initial }) => ({
      crc: crc32(bytes.subarray(offset, offset + length), initial),
      checksum: referenceChecksum(bytes, offset, length, initial & 0xffff),
    }))
    expect(ask(questions)).toEqual(expected)
  })

  it('go on where an earlier part ended', () => {
    const whole = crc32(bytes)
    const [first] = ask([{ offset: 0, length: 33_333, initial: 0 }])
    const rest = { offset: 33_333, length: bytes.length - 33_333, initial: first!.crc }
    expect(ask([rest])[0]!.crc).toBe(whole)
  })
})
