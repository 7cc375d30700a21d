/** ChaCha20's block function against the vectors of RFC 8439. */
import { describe, expect, it } from 'vitest'
import { chacha20Block, initializeState } from '../../../../kernel/entropy/chacha20.ts'

function block(key: Uint8Array, counter: number, nonce: Uint8Array, blocks = 1): string {
  const keyWords = new Int32Array(key.slice().buffer)
  const nonceWords = new Int32Array(nonce.slice().buffer)
  const state = new Int32Array(16)
  initializeState(state, keyWords, counter, nonceWords[0]!, nonceWords[1]!, nonceWords[2]!)
  const output = new Int32Array(16 * blocks)
  const working = new Int32Array(16)
  for (let index = 0; index < blocks; index++) chacha20Block(state, working, output, 16 * index)
  return Buffer.from(output.buffer).toString('hex')
}

const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const COUNTING_KEY = Uint8Array.from({ length: 32 }, (_, index) => index)

describe('chacha20Block', () => {
  it('gives the keystream block of RFC 8439 §2.3.2', () => {
    expect(block(COUNTING_KEY, 1, hex('00 00 00 09 00 00 00 4a 00 00 00 00'))).toBe(
      '10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e' +
        'd2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e',
    )
  })

  it('steps the counter: blocks 0 and 1 of the zero key are test vectors 1 and 2 of RFC 8439 A.1', () => {
    expect(block(new Uint8Array(32), 0, new Uint8Array(12), 2)).toBe(
      '76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7' +
        'da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586' +
        '9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed' +
        '29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f',
    )
  })
})
