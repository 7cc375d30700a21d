/**
 * Chunked content: the same bytes however they arrive, its end found exactly, malformed framing
 * refused.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  CHUNK_LINE_LIMIT_BYTES,
  ChunkedDecoder,
  TRAILER_LIMIT_BYTES,
} from '../../../../../kernel/userland/http/chunked-decoder.ts'

/** Decodes `text` given in pieces of `size` bytes. */
function decode(text: string, size = text.length, decoder = new ChunkedDecoder()) {
  const bytes = Buffer.from(text, 'latin1')
  let content = ''
  let position = 0
  while (position < bytes.length) {
    let left = Math.min(size, bytes.length - position)
    while (left > 0) {
      const step = decoder.step(bytes, position, left)
      expect(decoder.consumed).toBeGreaterThan(0)
      if (step === 'data') {
        content += bytes.toString(
          'latin1',
          decoder.dataOffset,
          decoder.dataOffset + decoder.dataLength,
        )
      }
      position += decoder.consumed
      left -= decoder.consumed
      if (step === 'done' || step === 'malformed') return { step, content, position }
    }
  }
  return { step: 'more', content, position }
}

describe('ChunkedDecoder', () => {
  it('gives the same content for every split, and stops at the end', () => {
    const body =
      '5\r\nhello\r\n1 \t; name="a b"\r\n \r\nA\r\nworld\r\n\r\n!\r\n0\r\nTrailer: x\r\n\r\n'
    for (let size = 1; size <= body.length + 5; size++) {
      expect(decode(`${body}GET /`, size)).toEqual({
        step: 'done',
        content: 'hello world\r\n\r\n!',
        position: body.length,
      })
    }
  })

  it('decodes what an encoder made, for any chunks and any split', () => {
    const chunks = fc.array(fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 40 }), {
      maxLength: 8,
    })
    fc.assert(
      fc.property(chunks, fc.integer({ min: 1, max: 50 }), fc.boolean(), (parts, size, upper) => {
        const hex = (value: number) =>
          upper ? value.toString(16).toUpperCase() : value.toString(16)
        const encoded = `${parts.map((p) => `${hex(p.length)}\r\n${p}\r\n`).join('')}0\r\n\r\n`
        expect(decode(encoded, size)).toEqual({
          step: 'done',
          content: parts.join(''),
          position: encoded.length,
        })
      }),
    )
  })

  it('starts afresh after reset', () => {
    const decoder = new ChunkedDecoder()
    expect(decode('1\r\na\r\n0\r\nX: y\r\n\r\n', 3, decoder).content).toBe('a')
    decoder.reset()
    expect(decode('2\r\nbc\r\n0\r\n\r\n', 3, decoder)).toMatchObject({
      step: 'done',
      content: 'bc',
    })
  })

  it.each([
    '\r\n',
    ';x\r\n',
    ' 5\r\nhello\r\n',
    '-5\r\n',
    '+5\r\n',
    '0x5\r\nhello\r\n',
    'g\r\n',
    '5\nhello\n0\n\n',
    '5\r\r\nhello',
    '5\rhello',
    '5\r\nhelloX',
    '5\r\nhello\n',
    '5\r\nhello\r\r\n',
    '5\x00\r\nhello',
    '5;a\x01\r\nhello',
    // RFC 9112 §7.1.1: after blanks only ";" may come, or two parties may read two sizes.
    '5 5\r\nhello',
    '5 x\r\nhello',
    '5 \r\nhello',
    '5\t0;x\r\nhello',
    '1234567890123\r\n',
    '0\r\nX: y\n\r\n',
    '0\r\n\rX',
    '0\r\nX: \x00\r\n',
    // RFC 9112 §7.1.2: trailers are fields, of which §5.1 and §5.2 hold.
    '0\r\nno colon\r\n\r\n',
    '0\r\n: no name\r\n\r\n',
    '0\r\nX : y\r\n\r\n',
    '0\r\nX: y\r\n folded\r\n\r\n',
    `5;${'x'.repeat(CHUNK_LINE_LIMIT_BYTES)}\r\nhello`,
    `0\r\n${'X: y\r\n'.repeat(TRAILER_LIMIT_BYTES / 6 + 1)}\r\n`,
  ])('refuses %j at every split', (text) => {
    for (const size of [1, 2, 3, text.length]) expect(decode(text, size).step).toBe('malformed')
  })

  it.each([
    ['a line without end', `5;${'x'.repeat(CHUNK_LINE_LIMIT_BYTES)}\r\nhello`, 413],
    ['trailers without end', `0\r\n${'X: y\r\n'.repeat(TRAILER_LIMIT_BYTES / 6 + 1)}\r\n`, 431],
    ['anything else', 'x\r\n', 400],
  ])('says what %s is refused with', (_name, text, status) => {
    const decoder = new ChunkedDecoder()
    expect(decode(text, 7, decoder).step).toBe('malformed')
    expect(decoder.problem.status).toBe(status)
    decoder.reset()
    expect(decoder.problem.status).toBe(400)
  })

  it('reads sizes with any number of zeros before them', () => {
    const text = `${'0'.repeat(40)}5\r\nhello\r\n${'0'.repeat(20)}\r\n\r\n`
    expect(decode(text, 7)).toMatchObject({ step: 'done', content: 'hello' })
  })

  it('waits for more of anything cut short', () => {
    const body = '5;x\r\nhello\r\n0\r\nT: x\r\n\r\n'
    for (let length = 0; length < body.length; length++) {
      expect(decode(body.slice(0, length), 4).step).toBe('more')
    }
  })
})
