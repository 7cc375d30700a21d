/** SHA-256 against published vectors and against Node's own at every length around a block. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Sha256 } from '../../../../kernel/entropy/sha256.ts'
import { hashNatives } from '../../../support/hash-natives.ts'

const digest = (bytes: Uint8Array) =>
  Buffer.from(new Sha256(hashNatives).update(bytes).finish()).toString('hex')

describe('Sha256', () => {
  it('gives the digest of "abc" of FIPS 180-4 (NIST example)', () => {
    expect(digest(Buffer.from('abc'))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    )
  })

  it('gives the digest of the 448-bit NIST example, whose padding takes a second block', () => {
    expect(digest(Buffer.from('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq'))).toBe(
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    )
  })

  it('gives the digest of the empty message', () => {
    expect(digest(new Uint8Array(0))).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    )
  })

  it('agrees with Node for any message in any pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 150 }), { maxLength: 5 }), (pieces) => {
        const ours = new Sha256(hashNatives)
        const theirs = createHash('sha256')
        for (const piece of pieces) {
          ours.update(piece)
          theirs.update(piece)
        }
        expect(Buffer.from(ours.finish()).toString('hex')).toBe(theirs.digest('hex'))
      }),
    )
  })
})
