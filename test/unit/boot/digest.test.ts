/**
 * boot/engine/digest.c, compiled for the host: the examples of FIPS 180, and every length around a
 * block beside Node's hashes.
 */
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findToolchain } from '../../../scripts/build/toolchain.ts'

/**
 * Reads `algorithm length` in little endian and that many padded bytes, one after another, from a
 * file; answers each with the state in hexadecimal. State and bytes lie at odd addresses.
 */
const DRIVER = `
#include <stdio.h>
#include <stdlib.h>
#include "digest.h"
int main(int argc, char **argv)
{
    (void)argc;
    FILE *file = fopen(argv[1], "rb");
    uint32_t head[2];
    while (fread(head, sizeof(head), 1, file) == 1) {
        uint8_t memory[DIGEST_STATE_MAX + 1], *state = memory + 1, *bytes = malloc(head[1] + 1);
        struct digest_sizes sizes;
        if (fread(bytes + 1, 1, head[1], file) != head[1] || !digest_sizes(head[0], &sizes))
            return 1;
        digest_start(head[0], state);
        size_t first = head[1] / sizes.block / 2 * sizes.block;
        digest_blocks(head[0], state, bytes + 1, first);
        digest_blocks(head[0], state, bytes + 1 + first, head[1] - first);
        for (size_t i = 0; i < sizes.state; i++)
            printf("%02x", state[i]);
        printf("\\n");
        free(bytes);
    }
    return 0;
}
`
const ALGORITHMS = { 1: 'sha1', 256: 'sha256', 384: 'sha384', 512: 'sha512' } as const
type Algorithm = keyof typeof ALGORITHMS
const NUMBERS = [1, 256, 384, 512] as const
const boot = new URL('../../../boot/engine', import.meta.url).pathname
let folder = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'eremite-digest-'))
  writeFileSync(join(folder, 'driver.c'), DRIVER)
  const { clang } = await findToolchain()
  const sources = [join(folder, 'driver.c'), join(boot, 'digest.c')]
  const flags = ['-O2', '-fsanitize=undefined', '-fsanitize-trap=undefined', '-I', boot]
  execFileSync(clang, [...flags, '-o', join(folder, 'driver'), ...sources])
}, 60_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** FIPS 180-4 §5.1: a one bit, zeros, and the length in bits at the end of a block. */
function pad(algorithm: Algorithm, message: Buffer): Buffer {
  const [block, field] = algorithm <= 256 ? [64, 8] : [128, 16]
  const padded = Buffer.alloc(Math.ceil((message.length + 1 + field) / block) * block)
  message.copy(padded)
  padded[message.length] = 0x80
  padded.writeBigUInt64BE(BigInt(message.length) * 8n, padded.length - 8)
  return padded
}

function hash(questions: readonly (readonly [Algorithm, Buffer])[]): string[] {
  const parts = questions.flatMap(([algorithm, message]) => {
    const padded = pad(algorithm, message)
    const head = Buffer.alloc(8)
    head.writeUInt32LE(Number(algorithm), 0)
    head.writeUInt32LE(padded.length, 4)
    return [head, padded]
  })
  writeFileSync(join(folder, 'input'), Buffer.concat(parts))
  const states = execFileSync(join(folder, 'driver'), [join(folder, 'input')], {
    maxBuffer: 1 << 26,
  })
  const lines = states.toString().trim().split('\n')
  return lines.map((line, index) => {
    const algorithm = Number(questions[index]![0])
    const state = Buffer.from(line, 'hex')
    const words = algorithm <= 256 ? state.swap32() : state.swap64()
    return words.subarray(0, algorithm === 384 ? 48 : words.length).toString('hex')
  })
}

const TWO_BLOCKS = 'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq'
const TWO_LONG_BLOCKS =
  'abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu'

describe('the examples of FIPS 180', () => {
  it.each([
    [1, 'abc', 'a9993e364706816aba3e25717850c26c9cd0d89d'],
    [1, TWO_BLOCKS, '84983e441c3bd26ebaae4aa1f95129e5e54670f1'],
    [256, 'abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    [256, TWO_BLOCKS, '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1'],
    [
      384,
      'abc',
      'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7',
    ],
    [
      384,
      TWO_LONG_BLOCKS,
      '09330c33f71147e83d192fc782cd1b4753111b173b3b05d22fa08086e3b0f712fcc7c71a557e2db966c3e9fa91746039',
    ],
    [
      512,
      'abc',
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    ],
    [
      512,
      TWO_LONG_BLOCKS,
      '8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909',
    ],
  ] as const)('SHA-%i of %s', (algorithm, message, expected) => {
    expect(hash([[algorithm, Buffer.from(message)]])).toEqual([expected])
  })

  it('a million times a', () => {
    const message = Buffer.alloc(1_000_000, 'a')
    expect(hash(NUMBERS.slice(0, 2).map((it) => [it, message]))).toEqual([
      '34aa973cd4c4daa4f61eeb2bdbad27316534016f',
      'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0',
    ])
  })
})

it.each(NUMBERS)('algorithm %i is that of Node at every length of some blocks', (algorithm) => {
  const messages = Array.from({ length: 400 }, (_, length) => randomBytes(length))
  const expected = messages.map((it) => createHash(ALGORITHMS[algorithm]).update(it).digest('hex'))
  expect(hash(messages.map((it) => [algorithm, it]))).toEqual(expected)
})
