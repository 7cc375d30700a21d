/**
 * Gathering a request head: the same result however it is split, limits, and nothing taken beyond
 * it.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  HEAD_LIMIT_BYTES,
  HeadCollector,
  type HeadState,
  REQUEST_LINE_LIMIT_BYTES,
  refuseHead,
  SMALL_HEAD_BYTES,
} from '../../../../../kernel/userland/http/head-collector.ts'
import { headLengthNative } from '../../../../support/head-length-native.ts'

const REQUEST = 'GET /stats HTTP/1.1\r\nHost: guest\r\nAccept: */*\r\n\r\n'

/** Feeds `text` in pieces of `size` bytes until something other than 'partial' comes out. */
function feed(collector: HeadCollector, text: string, size: number) {
  const bytes = Buffer.from(text, 'latin1')
  let consumed = 0
  let state: HeadState = 'partial'
  while (state === 'partial' && consumed < bytes.length) {
    const length = Math.min(size, bytes.length - consumed)
    state = collector.push(bytes, consumed, length)
    if (state === 'partial') expect(collector.consumed).toBe(length)
    consumed += collector.consumed
  }
  const head = Buffer.from(collector.bytes.subarray(collector.start, collector.end))
  return { state, consumed, head: head.toString('latin1') }
}

describe('HeadCollector', () => {
  it('finds the end of a head split at every byte, and leaves what follows it', () => {
    const stream = `${REQUEST}body and the next request\r\n\r\n`
    for (let size = 1; size <= stream.length; size++) {
      expect(feed(new HeadCollector(), stream, size)).toEqual({
        state: 'complete',
        consumed: REQUEST.length,
        head: REQUEST,
      })
    }
    for (let first = 1; first < REQUEST.length; first++) {
      const collector = new HeadCollector()
      const bytes = Buffer.from(stream)
      expect(collector.push(bytes, 0, first)).toBe('partial')
      expect(collector.push(bytes, first, bytes.length - first)).toBe('complete')
      expect(first + collector.consumed).toBe(REQUEST.length)
    }
  })

  it('starts afresh after reset, so that requests can be pipelined', () => {
    const collector = new HeadCollector()
    const stream = Buffer.from(REQUEST + REQUEST)
    expect(collector.push(stream, 0, stream.length)).toBe('complete')
    collector.reset()
    expect(collector.push(stream, REQUEST.length, REQUEST.length)).toBe('complete')
    expect(collector.end).toBe(REQUEST.length)
  })

  it('accepts a lone LF as a line end (RFC 9112 §2.2)', () => {
    const text = 'GET / HTTP/1.0\n\n'
    expect(feed(new HeadCollector(), text, 1)).toEqual({
      state: 'complete',
      consumed: text.length,
      head: text,
    })
  })

  it('skips empty lines before the request line (RFC 9112 §2.2)', () => {
    const text = `\r\n\n\r\n${REQUEST}`
    for (const size of [1, 2, 3, text.length]) {
      expect(feed(new HeadCollector(), text, size)).toEqual({
        state: 'complete',
        consumed: text.length,
        head: REQUEST,
      })
    }
  })

  it('says whether part of a request has come: empty lines are none', () => {
    const collector = new HeadCollector()
    expect(collector.isPartial).toBe(false)
    feed(collector, '\r\n', 2)
    expect(collector.isPartial).toBe(false)
    feed(collector, 'G', 1)
    expect(collector.isPartial).toBe(true)
  })

  it('says where the last line ends, its LF excluded', () => {
    for (const text of ['GET / HTTP/1.0\n\n', '\r\nGET / HTTP/1.0\n\r\n']) {
      const collector = new HeadCollector()
      feed(collector, text, 3)
      const lines = collector.bytes.subarray(collector.start, collector.linesEnd)
      expect(Buffer.from(lines).toString()).toBe('GET / HTTP/1.0')
    }
  })

  it('is not fooled by an old head left in its memory', () => {
    const collector = new HeadCollector()
    feed(collector, REQUEST, REQUEST.length)
    collector.reset()
    expect(feed(collector, 'GET', 3).state).toBe('partial')
    expect(feed(collector, REQUEST.slice(3), 7).head).toBe(REQUEST)
  })

  it('limits the request line, complete or not', () => {
    const line = (length: number) => `GET /${'a'.repeat(length - 14)} HTTP/1.1`
    const longest = `${line(REQUEST_LINE_LIMIT_BYTES)}\nHost: x\n\n`
    expect(feed(new HeadCollector(), longest, 100).state).toBe('complete')
    const tooLong = `${line(REQUEST_LINE_LIMIT_BYTES + 1)}\nHost: x\n\n`
    expect(feed(new HeadCollector(), tooLong, 100).state).toBe('line too long')
    expect(feed(new HeadCollector(), tooLong, 9000).state).toBe('line too long')
    expect(feed(new HeadCollector(), `GET /${'a'.repeat(19000)}`, 100).state).toBe('line too long')
  })

  it('has room for what RFC 9112 §3 recommends, "at minimum, request-line lengths of 8000 octets"', () => {
    expect(REQUEST_LINE_LIMIT_BYTES).toBeGreaterThanOrEqual(8000)
    expect(HEAD_LIMIT_BYTES).toBeGreaterThanOrEqual(16_384)
  })

  it('names the limit that was met, each with its own status', () => {
    expect(refuseHead('line too long')).toMatchObject({ status: 414 })
    expect(refuseHead('line too long').reason).toContain(`${REQUEST_LINE_LIMIT_BYTES} bytes`)
    expect(refuseHead('too large')).toMatchObject({ status: 431 })
    expect(refuseHead('too large').reason).toContain(`${HEAD_LIMIT_BYTES} bytes`)
  })

  it('holds little while heads are short, whatever stands behind them, and gives memory back', () => {
    const collector = new HeadCollector()
    feed(collector, `${REQUEST}${'x'.repeat(60_000)}`, 60_000)
    expect(collector.bytes.length).toBe(SMALL_HEAD_BYTES)
    collector.reset()
    const long = `${REQUEST.slice(0, -2)}X: ${'y'.repeat(12_000)}\r\n\r\n`
    for (const size of [1, 1024, 20_000]) {
      expect(feed(collector, long, size)).toMatchObject({ state: 'complete', head: long })
      collector.reset()
      expect(collector.bytes.length).toBe(SMALL_HEAD_BYTES)
    }
  })

  it.each([
    ['all CRLF', '\r\n\r\nGET / HTTP/1.1\r\nA: b\r\n\r\n', false],
    ['all LF', '\nGET / HTTP/1.1\nA: b\n\n', false],
    ['an empty line of LF before CRLFs', '\nGET / HTTP/1.1\r\n\r\n', false],
    ['LF after a field', 'GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n', true],
    ['LF after the request line', 'GET / HTTP/1.1\nA: b\r\n\r\n', true],
    ['LF as the empty line', 'GET / HTTP/1.1\r\nA: b\r\n\n', true],
    ['CRLF as the empty line', 'GET / HTTP/1.1\nA: b\n\r\n', true],
  ])('tells whether line ends are mixed: %s', (_name, text, isMixed) => {
    for (const size of [1, 2, text.length]) {
      const collector = new HeadCollector()
      expect(feed(collector, text, size).state).toBe('complete')
      expect(collector.hasMixedLineEnds).toBe(isMixed)
      collector.reset()
      expect(collector.hasMixedLineEnds).toBe(false)
    }
  })

  it('limits the whole head', () => {
    const head = (length: number) => {
      const start = 'GET / HTTP/1.1\r\nX: '
      return `${start}${'y'.repeat(length - start.length - 4)}\r\n\r\n`
    }
    expect(feed(new HeadCollector(), head(HEAD_LIMIT_BYTES), 1460).state).toBe('complete')
    expect(feed(new HeadCollector(), head(HEAD_LIMIT_BYTES + 1), 1460).state).toBe('too large')
    expect(feed(new HeadCollector(), '\r\n'.repeat(9000), 1460).state).toBe('too large')
  })
})

describe('a head that comes whole, whose end the native finds', () => {
  const piece = fc.constantFrom(
    'GET / HTTP/1.1',
    'A: b',
    'x',
    '\r\n',
    '\r\n',
    '\n',
    '\r',
    '\r\n\r\n',
  )
  const stream = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''))

  it('is what it is when each line is looked for, whatever comes before, in and behind it', () => {
    fc.assert(
      fc.property(stream, fc.integer({ min: 1, max: 60 }), (text, size) => {
        const whole = new HeadCollector(headLengthNative)
        const plain = new HeadCollector()
        expect(feed(whole, text, size)).toEqual(feed(plain, text, size))
        const { start, linesEnd, end, hasMixedLineEnds, isPartial } = plain
        expect(whole).toMatchObject({ start, linesEnd, end, hasMixedLineEnds, isPartial })
      }),
      { numRuns: 3000 },
    )
  })

  it('may be as long as any, but for its request line, and is followed by others', () => {
    const collector = new HeadCollector(headLengthNative)
    for (const count of [1, 100, 500, 1]) {
      const text = `GET / HTTP/1.1\r\n${'Name: value of it\r\n'.repeat(count)}\r\n`
      expect(feed(collector, `${text}rest`, 20_000)).toMatchObject({
        state: 'complete',
        head: text,
      })
      collector.reset()
    }
    const long = `GET /${'x'.repeat(REQUEST_LINE_LIMIT_BYTES)} HTTP/1.1\r\nA: b\r\n\r\n`
    expect(feed(collector, long, 20_000).state).toBe('line too long')
  })
})
