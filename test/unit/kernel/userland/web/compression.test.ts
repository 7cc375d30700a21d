/**
 * CompressionStream and DecompressionStream against zlib and Node's streams (Compression, RFC 1950
 * to 1952), and bombs.
 */
import { randomBytes } from 'node:crypto'
import {
  constants,
  deflateRawSync,
  deflateSync,
  gunzipSync,
  gzipSync,
  inflateRawSync,
  inflateSync,
} from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { ReadableStream as OurStream } from 'web-streams-polyfill'
import { CompressionStream as OurCompression } from '../../../../../kernel/userland/web/compression-stream.ts'
import { DecompressionStream as OurDecompression } from '../../../../../kernel/userland/web/decompression-stream.ts'
import { Response as OurResponse } from '../../../../../kernel/userland/web/response.ts'

const FORMATS = ['gzip', 'deflate', 'deflate-raw'] as const
type Format = (typeof FORMATS)[number]

const COMPRESS = { gzip: gzipSync, deflate: deflateSync, 'deflate-raw': deflateRawSync }
const DECOMPRESS = { gzip: gunzipSync, deflate: inflateSync, 'deflate-raw': inflateRawSync }

function streamOf(bytes: Uint8Array, pieceBytes: number) {
  let at = 0
  return new OurStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) controller.close()
      else controller.enqueue(bytes.slice(at, at + pieceBytes))
      at += pieceBytes
    },
  })
}

async function through(
  stream: OurCompression | OurDecompression,
  bytes: Uint8Array,
  pieceBytes = 1000,
): Promise<Buffer> {
  const output: Uint8Array[] = []
  for await (const piece of streamOf(bytes, pieceBytes).pipeThrough(stream)) output.push(piece)
  return Buffer.concat(output)
}

const WORDS = 'the quick brown fox jumps over the lazy dog and comes back again\n'
const INPUTS: [string, Buffer][] = [
  ['nothing', Buffer.alloc(0)],
  ['one byte', Buffer.from('a')],
  ['text', Buffer.from(WORDS.repeat(3000))],
  ['zeros', Buffer.alloc(300_000)],
  ['noise', randomBytes(200_000)],
  [
    'noise and text',
    Buffer.concat([randomBytes(70_000), Buffer.from(WORDS.repeat(500)), randomBytes(999)]),
  ],
]

describe.each(FORMATS)('%s', (format) => {
  it.each(INPUTS)('of %s is read by zlib', async (_name, input) => {
    expect(DECOMPRESS[format](await through(new OurCompression(format), input)).equals(input)).toBe(
      true,
    )
    const large = await through(new OurCompression(format), input, 100_000)
    expect(DECOMPRESS[format](large).equals(input)).toBe(true)
  })

  it.each(INPUTS)('of %s by zlib is read, however it is cut', async (_name, input) => {
    for (const level of [0, 1, 9]) {
      const packed = COMPRESS[format](input, { level })
      for (const pieceBytes of packed.length < 3000 ? [1, 7, 1 << 20] : [509, 1 << 20]) {
        const output = await through(new OurDecompression(format), packed, pieceBytes)
        expect(output.equals(input), `level ${level}, ${pieceBytes} bytes`).toBe(true)
      }
    }
  })

  it('made of fixed codes only is read', async () => {
    const packed = COMPRESS[format](Buffer.from(WORDS.repeat(40)), { strategy: constants.Z_FIXED })
    expect((await through(new OurDecompression(format), packed, 1)).toString()).toBe(
      WORDS.repeat(40),
    )
  })

  it('that is cut off, followed by something or changed is refused with TypeError', async () => {
    const packed = COMPRESS[format](Buffer.from(WORDS.repeat(20)))
    const refused = (bytes: Uint8Array) =>
      expect(through(new OurDecompression(format), bytes, 3), bytes.toString()).rejects.toThrow(
        TypeError,
      )
    for (let length = 0; length < packed.length; length++) await refused(packed.subarray(0, length))
    await refused(Buffer.concat([packed, Buffer.from([0])]))
    await refused(Buffer.concat([packed, packed]))
    await refused(Buffer.from('this is no such thing at all'))
    // Without a checksum a change may go unseen.
    if (format === 'deflate-raw') return
    for (let at = packed.length - 12; at < packed.length; at++) {
      const changed = Buffer.from(packed)
      changed[at]! ^= 0x10
      await refused(changed)
    }
  })

  it('that is a bomb of 64 MiB comes as the reader takes it, in bounded pieces', async () => {
    const bomb = COMPRESS[format](Buffer.alloc(64 << 20))
    const { readable, writable } = new OurDecompression(format)
    const writer = writable.getWriter()
    let isWritten = false
    const writing = writer.write(bomb).then(
      () => (isWritten = true),
      () => undefined,
    )
    const reader = readable.getReader()
    let taken = 0
    for (let reads = 0; reads < 4; reads++) {
      const { value } = await reader.read()
      expect(value!.length).toBeLessThan(600_000)
      taken += value!.length
    }
    expect(taken).toBeLessThan(4 << 20)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(isWritten).toBe(false)
    await reader.cancel()
    await writing
    expect(isWritten).toBe(false)
  })
})

describe('gzip headers', () => {
  const packed = gzipSync('x')
  const withHeader = (flags: number, ...parts: number[]) =>
    Buffer.concat([
      packed.subarray(0, 3),
      Buffer.from([flags]),
      packed.subarray(4, 10),
      Buffer.from(parts),
      packed.subarray(10),
    ])

  it.each([
    ['a name', withHeader(8, 97, 98, 0)],
    ['a comment', withHeader(16, 97, 0)],
    ['extra fields', withHeader(4, 3, 0, 1, 2, 3)],
    ['empty extra fields and a name', withHeader(12, 0, 0, 97, 0)],
    ['all of them and a checksum', withHeader(31, 1, 0, 9, 97, 0, 98, 0, 1, 2)],
  ])('with %s are read (RFC 1952 §2.3)', async (_name, bytes) => {
    expect((await through(new OurDecompression('gzip'), bytes, 1)).toString()).toBe('x')
  })

  it.each([
    ['reserved flags', withHeader(0x20)],
    [
      'another method',
      Buffer.concat([packed.subarray(0, 2), Buffer.from([7]), packed.subarray(3)]),
    ],
    ['a name that does not end', withHeader(8, ...Buffer.alloc(5000, 97)).subarray(0, 4000)],
  ])('with %s are refused', async (_name, bytes) => {
    await expect(through(new OurDecompression('gzip'), bytes)).rejects.toThrow(TypeError)
  })

  it('of zlib with a preset dictionary are refused', async () => {
    const bytes = deflateSync('x', { dictionary: Buffer.from('xyz') })
    await expect(through(new OurDecompression('deflate'), bytes)).rejects.toThrow(/dictionary/)
  })
})

describe('a stream that compresses', () => {
  it('is not made for other formats', () => {
    for (const format of ['br', 'toString', undefined]) {
      expect(() => new OurCompression(format as Format)).toThrow(TypeError)
      expect(() => new OurDecompression(format as Format)).toThrow(TypeError)
      expect(() => new CompressionStream(format as Format)).toThrow(TypeError)
    }
  })

  it.each([['text'], [5], [null], [{}]])('refuses %j as a piece', async (piece) => {
    for (const Type of [OurCompression, OurDecompression] as const) {
      const { readable, writable } = new Type('gzip')
      const results = await Promise.allSettled([
        writable.getWriter().write(piece as never),
        readable.getReader().read(),
      ])
      const names = results.map((it) => it.status === 'rejected' && it.reason.name)
      expect(names).toEqual(['TypeError', 'TypeError'])
    }
  })

  it('takes buffers and views of any kind', async () => {
    const { readable, writable } = new OurCompression('gzip')
    const writer = writable.getWriter()
    const bytes = Buffer.from('-abcd-')
    const writes = [
      writer.write(new Uint8Array([104, 105]).buffer),
      writer.write(new DataView(bytes.buffer, bytes.byteOffset + 1, 4)),
      writer.close(),
    ]
    const packed = Buffer.from(await new OurResponse(readable).bytes())
    await Promise.all(writes)
    expect(gunzipSync(packed).toString()).toBe('hiabcd')
  })

  it('waits for its reader, and ends when either side gives up', async () => {
    const { readable, writable } = new OurCompression('gzip')
    const writer = writable.getWriter()
    let writes = 0
    const write = () =>
      writer.write(randomBytes(100_000)).then(
        () => writes++,
        () => undefined,
      )
    const pending = [write(), write(), write()]
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(writes).toBe(0)
    await readable.cancel('enough')
    await Promise.all(pending)
    expect(writes).toBe(0)
    await expect(writer.closed).rejects.toBe('enough')
    const other = new OurDecompression('gzip')
    const otherWriter = other.writable.getWriter()
    const stuck = otherWriter.write(gzipSync(WORDS)).catch((error: unknown) => error)
    await otherWriter.abort('no more')
    await expect(other.readable.getReader().read()).rejects.toBe('no more')
    await stuck
  })

  it('lets the network have its turn', async () => {
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    await through(new OurCompression('gzip'), randomBytes(2 << 20), 1 << 20)
    clearInterval(timer)
    expect(turns).toBeGreaterThan(5)
  })
})
