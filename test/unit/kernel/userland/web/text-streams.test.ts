/** TextEncoderStream and TextDecoderStream against Node's (Encoding §8.3, §8.4). */
import { TextDecoderStream as NodeDecoder, TextEncoderStream as NodeEncoder } from 'node:stream/web'
import { describe, expect, it } from 'vitest'
import {
  TextDecoderStream,
  TextEncoderStream,
} from '../../../../../kernel/userland/web/text-streams.ts'

interface Pair {
  readonly readable: { getReader(): { read(): Promise<{ done: boolean; value?: unknown }> } }
  readonly writable: { getWriter(): { write(it: never): Promise<void>; close(): Promise<void> } }
}

/** The pieces that come out, or the name of what is thrown. */
async function through(make: () => unknown, pieces: readonly unknown[]): Promise<unknown> {
  try {
    const { readable, writable } = make() as Pair
    const writer = writable.getWriter()
    const writing = Promise.all([...pieces.map((it) => writer.write(it as never)), writer.close()])
    writing.catch(() => undefined)
    const output: unknown[] = []
    const reader = readable.getReader()
    for (let it = await reader.read(); !it.done; it = await reader.read()) output.push(it.value)
    await writing
    return output.map((it) =>
      typeof it === 'string' ? it : Buffer.from(it as Uint8Array).toString('hex'),
    )
  } catch (error) {
    return (error as Error).name
  }
}

const bytes = (...it: number[]) => new Uint8Array(it)

describe('text through streams as in Node', () => {
  it.each([
    [['grü', 'ße']],
    [['', 'a', '']],
    [['\ud83d', '\ude00']],
    [['a\ud83d', '', '\ude00b']],
    [['\ud83d', 'x']],
    [['\ud83d']],
    [['\ude00\ud83d', '\ud83d']],
    [[5, null]],
    [[]],
  ])('%j is encoded', async (pieces) => {
    expect(await through(() => new TextEncoderStream(), pieces)).toEqual(
      await through(() => new NodeEncoder(), pieces),
    )
  })

  it.each([
    [[bytes(0xc3), bytes(0xa4)], {}],
    [[bytes(0xef, 0xbb), bytes(0xbf, 65)], {}],
    [[bytes(0xef, 0xbb, 0xbf, 65)], { ignoreBOM: true }],
    [[bytes(0xc3), bytes(65)], {}],
    [[bytes(65, 0xc3)], {}],
    [[bytes(65), bytes(0xc3)], { fatal: true }],
    [[bytes(65).buffer], {}],
    [['text'], {}],
    [[], {}],
  ] as [unknown[], object][])('%o is decoded with %j', async (pieces, options) => {
    expect(await through(() => new TextDecoderStream('utf-8', options), pieces)).toEqual(
      await through(() => new NodeDecoder('utf-8', options), pieces),
    )
  })

  it('refuses a piece that is none (Encoding §8.3; Node takes it for empty)', async () => {
    expect(await through(() => new TextDecoderStream(), [undefined])).toBe('TypeError')
  })

  it('tells what it does', () => {
    const { encoding, fatal, ignoreBOM } = new TextDecoderStream('UTF8', { fatal: true })
    expect([encoding, fatal, ignoreBOM, new TextEncoderStream().encoding]).toEqual([
      'utf-8',
      true,
      false,
      'utf-8',
    ])
    expect(() => new TextDecoderStream('nonsense')).toThrow(RangeError)
  })
})
